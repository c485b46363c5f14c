"""Worker processes of a command."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker

from galaxiesml.errors import ResourceError
from galaxiesml.system import interrupts


@contextlib.contextmanager
def pool(
    count: int, initializer: Callable | None = None, initargs: tuple = (), option: str = "--jobs"
) -> Iterator[ProcessPoolExecutor]:
    """Processes that are waited for at the end, and killed where an exception, Ctrl-C too, comes first.

    Parameters
    ----------
    count : int
        Processes, all started now; they are spawned: torch's threads do not survive a fork.
    initializer, initargs
        Called in each process before its first task.
    option : str
        The option that sets their number, for advice.

    Raises
    ------
    ResourceError
        Something else ended a process.
    """
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(count, spawn, initializer=_begin, initargs=(initializer, initargs))
    try:
        with interrupts.held(), _without_ctrl_c():
            # A process is started a task, as long as none is idle.
            for _ in range(count):
                executor.submit(int)
        yield executor
        executor.shutdown()
    except BrokenProcessPool:
        _end(executor)
        raise ResourceError(
            "A process of this command was killed from outside, as happens when memory runs out.",
            f"Finished work is kept.  Type the command again with {option} {max(count // 2, 1)}",
        ) from None
    except BaseException:
        _end(executor)
        raise


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Processes started inside do not hear the terminal's Ctrl-C, not even while Python starts: the command ends them.

    The process that multiprocessing starts on its own is started first; it would undo this.
    """
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(initializer: Callable | None, initargs: tuple) -> None:
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if initializer is not None:
        initializer(*initargs)


def _end(executor: ProcessPoolExecutor) -> None:
    """Kill the processes without waiting for their work."""
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()


def end_with_parent() -> None:
    """A worker's first call: it is to end with the command, however that ends, and to write nothing after it.

    A pool's workers outlive a command that was killed: each waits for ever for the next task.
    """
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
