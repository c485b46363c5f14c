"""Handle standard output and error that are closed, full, or cannot show every character."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys

CLOSED = "Error: Standard output is closed, so no result can be written.\nType the command again with: > /dev/null\n"
#: Whether the program was started without a standard output, as `>&-` does.
is_output_closed = False
_replaced = 0


def prepare() -> None:
    """Before anything is opened: no file of ours may get the number of a closed stream."""
    global is_output_closed
    is_output_closed = sys.stdout is None
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    codecs.register_error("galaxiesml.shown", _replace)
    if sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="galaxiesml.shown")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """A question mark for each character that the encoding has not."""
    global _replaced
    if not isinstance(error, UnicodeEncodeError):
        raise error
    _replaced += error.end - error.start
    return "?" * (error.end - error.start), error.end


def finish() -> int:
    """Flush standard output; returns an exit code if that fails, unless the reader has gone (`| head`)."""
    failed = 0
    if _replaced:
        _tell(
            f"Warning: {sys.stdout.encoding} cannot show {_replaced} characters of the result; each is a '?'.\n"
            "Type: export PYTHONIOENCODING=utf-8\n"
        )
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except BrokenPipeError:
            pass
        except (OSError, ValueError) as error:
            failed = 8
            _tell(f"Error: Standard output cannot be written: {getattr(error, 'strerror', None) or error}.\n")
    return failed


def _tell(text: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text)
        sys.stderr.flush()
