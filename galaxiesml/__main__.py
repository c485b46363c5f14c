"""Entry point of ``python -m galaxiesml`` and of the installed command."""

from __future__ import annotations

import atexit
import os
import sys

from galaxiesml.system import interrupts, streams


def run() -> None:
    """Run the program, then exit without cleaning up: freeing dbt's objects one by one takes over a second."""
    streams.prepare()
    code = 0
    try:
        interrupts.listen()
        code = _command()
        interrupts.hold()
    except KeyboardInterrupt:
        # Only the first signal raises: none comes after this one.
        pass
    if interrupts.heard():
        code = interrupts.farewell()
    atexit._run_exitfuncs()
    os._exit(streams.finish() or code)


def _command() -> int:
    if streams.is_output_closed:
        sys.stderr.write(streams.CLOSED)
        return 2
    # What is imported here takes a third of a second: a signal may come meanwhile.
    from galaxiesml.cli import main

    try:
        main()
    except SystemExit as left:
        if isinstance(left.code, str):
            sys.stderr.write(f"{left.code}\n")
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0


if __name__ == "__main__":
    run()
