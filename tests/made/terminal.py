"""A command in a terminal of its own, into which a test types and from which it reads, as a person does."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

#: What a terminal is told besides text: colours, places, titles, modes.
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\x1b[=>()][0-9A-B]?|[\r\x07\x0f]")


class Terminal:
    """Start a command; use as a context.

    Parameters
    ----------
    words : list
        What follows ``galaxiesml``.
    columns : int
        Characters of a line.
    environment : str
        Variables beside those of the tests.
    """

    def __init__(self, words: list, columns: int = 100, **environment: str):
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "galaxiesml", *map(str, words)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            # Nothing answers what the line editor asks of a terminal.
            env=variables | {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"} | environment,
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
        )
        self._theirs = theirs
        self._seen = ""
        self._read = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *of_error) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def screen(self) -> str:
        """All text that was shown."""
        return _CONTROL.sub("", self._seen)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_for(self, text: str, seconds: float = 30) -> str:
        """Wait until a text is shown; what was shown since the last one, up to its end."""
        until = time.monotonic() + seconds
        while (found := self.screen.find(text, self._read)) < 0:
            assert time.monotonic() < until, f"{text!r} is not shown; the screen:\n{self.screen}"
            assert self._more(0.05) or self.process.poll() is None, f"ended without {text!r}:\n{self.screen}"
        shown = self.screen[self._read : found + len(text)]
        self._read = found + len(text)
        return shown

    def end(self, seconds: float = 20) -> int:
        """Wait until the command ends; its exit code."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            self._more(0.05)
        while self._more(0.05):
            pass
        assert self.process.poll() is not None, f"still there; the screen:\n{self.screen}"
        return self.process.returncode

    def is_cooked(self) -> bool:
        """Whether the terminal echoes and edits lines itself, as before the command."""
        return bool(termios.tcgetattr(self._theirs)[3] & termios.ICANON)

    def _more(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], seconds)[0]:
            return False
        try:
            found = os.read(self._ours, 1 << 16)
        except OSError:
            return False
        self._seen += found.decode(errors="replace")
        return bool(found)
