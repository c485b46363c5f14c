"""The program as a process of its own."""

from __future__ import annotations

import atexit
import contextlib
import os
import sys

from galaxiesml.cli import main


def run() -> None:
    """Run the program, then leave at once: to free what dbt has made, object by object, takes over a second."""
    code = 0
    try:
        main()
    except SystemExit as left:
        code = left.code
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    atexit._run_exitfuncs()
    os._exit(_flush() or (code if isinstance(code, int) else int(code is not None)))


def _flush() -> int:
    """Write what is still held; 1 where it cannot be written, but for a reader that has gone, as `| head` does."""
    failed = 0
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
        except (OSError, ValueError) as error:
            failed = 1
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(f"Error: {error}\n")
    return failed


if __name__ == "__main__":
    run()
