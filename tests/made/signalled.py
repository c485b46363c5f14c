"""A command in a terminal of its own, and a signal while it works, as a person or a scheduler sends it."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@dataclass(frozen=True)
class Ended:
    """What came of it.

    Attributes
    ----------
    code : int
        Exit code; -9 where it had to be killed.
    seconds : float
        From the signal to the end; NaN where the command had ended before.
    screen : str
        All that the terminal showed.
    left : list of int
        Processes of the command that are still there.
    """

    code: int
    seconds: float
    screen: str
    left: list[int]


def signalled(
    words: list,
    number: signal.Signals,
    when: Callable[[float], bool],
    limit: float = 20.0,
    python: str = sys.executable,
) -> Ended:
    """Type a command in a pseudo-terminal and send a signal as soon as ``when`` (of the seconds since) is true.

    Ctrl-C is typed: every process in the foreground hears it, the workers too.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [python, "-m", "galaxiesml", *map(str, words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        # The first terminal that a session's leader opens is the one that Ctrl-C comes from.
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(theirs)
    screen, began = bytearray(), time.monotonic()
    while process.poll() is None and not when(time.monotonic() - began):
        _read(ours, screen, 0.02)
    has_ended, sent = process.poll() is not None, time.monotonic()
    if not has_ended:
        if number == signal.SIGINT:
            os.write(ours, b"\x03")
        else:
            process.send_signal(number)
    while process.poll() is None and time.monotonic() - sent < limit:
        _read(ours, screen, 0.02)
    seconds = time.monotonic() - sent
    left = _wait_for_none(process.pid) if process.poll() is not None else [process.pid]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    code = process.wait()
    _read(ours, screen, 0.1)
    os.close(ours)
    return Ended(code, float("nan") if has_ended else seconds, screen.decode(errors="replace"), left)


def _read(terminal: int, screen: bytearray, seconds: float) -> None:
    while select.select([terminal], [], [], seconds)[0]:
        try:
            screen += os.read(terminal, 1 << 16)
        except OSError:
            # Nobody has the other side open any more.
            time.sleep(seconds)
            return


def _wait_for_none(session: int) -> list[int]:
    """Processes of a session that are there a second after their command has ended."""
    until = time.monotonic() + 1
    while (left := _processes(session)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


def _processes(session: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # State, parent, group, session.
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def being_made(root: Path) -> list[Path]:
    """Files and folders that a command which has ended must not leave."""
    return [
        path
        for path in root.rglob(".*")
        if path.name.endswith(".making") or path.name.startswith((".tmp-", ".old-")) or path.name == ".next"
    ]
