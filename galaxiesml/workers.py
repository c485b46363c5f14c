"""Processes that work for a command."""

from __future__ import annotations

import multiprocessing
import os
import threading


def end_with_parent() -> None:
    """A worker's first call: it is to end with the command, however that ends, and to write nothing after it.

    A pool's workers outlive a command that was killed: each waits for ever for the next task.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
