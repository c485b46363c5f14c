"""Handle Ctrl-C, SIGTERM and SIGHUP: one exception in the main thread, and an exit within two seconds.

The command line handles all three from its start (`listen`).  As a library, this package leaves signals to the
program that uses it; Ctrl-C is then Python's usual KeyboardInterrupt.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import sys
import termios
import threading
import time
from collections.abc import Iterator

#: The exit code is 128 and the signal's number: 130, 143, 129.
HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MESSAGE = "Interrupted. Type the command again to continue.\n"
#: Seconds that a command has to clean up.
GRACE = 1.2
#: Seconds until an interrupt that came while a module was imported is raised again.
_AFTER_IMPORT = 0.02
#: A second signal ends the program at once, unless it is the first one's echo, as `timeout` sends it.
_ECHO = 0.3

#: Files that are deleted where the program must leave without cleaning up.
passing: set[str] = set()
_heard: int | None = None
_held = 0
_said = False
_in_shell = False
#: Where the system's handler writes; -1 where signals are left to others.
_wakeup = -1


class Interrupted(KeyboardInterrupt):
    """A signal has asked the program to end."""


def listen() -> None:
    """Raise `Interrupted` at the first signal, and end the program if the exception does not.

    For a program's main thread.  A signal that is ignored when the program starts stays so: that is what nohup asks.
    """
    for number in HEARD:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)
    signal.signal(signal.SIGALRM, _raise_after_import)
    sys.unraisablehook = _unraisable
    threading.excepthook = _thread_failed
    # The system's own handler writes there at once, even while the main thread is inside a library.
    global _wakeup
    reading, _wakeup = os.pipe()
    os.set_blocking(_wakeup, False)
    watch_again()
    threading.Thread(target=_watch, args=(reading,), daemon=True, name="interrupts").start()
    # A program that blocks them while it starts this one, as some schedulers do, would have made it deaf.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*HEARD, signal.SIGALRM})


def is_deaf_to_ctrl_c() -> bool:
    """Whether Ctrl-C does nothing here: so a shell starts what a script puts in its background with ``&``."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def heard() -> int | None:
    """The signal that asked this program to end, if one did."""
    return _heard


def check() -> None:
    """Raise again what a library swallowed; to be called before anything is published."""
    if _heard is not None and not _held:
        raise Interrupted


def farewell() -> int:
    """Say that the program was interrupted, once; returns the exit code."""
    global _said
    if not _said or _heard is None:
        _said = True
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(MESSAGE)
            sys.stderr.flush()
    return 128 + (_heard or signal.SIGINT)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Inside, a signal is noted and raised at the end: for steps that must not be cut in two."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    if not _held:
        check()


def hold() -> None:
    """From here on signals are only noted: the program is ending."""
    global _held
    _held += 1


@contextlib.contextmanager
def shell() -> Iterator[None]:
    """Inside, Ctrl-C raises `Interrupted` and ends nothing else; SIGTERM and SIGHUP end the program as ever."""
    global _in_shell
    _in_shell = True
    terminal = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        yield
    finally:
        _in_shell = False
        # A signal may come while the line editor changes the terminal: it is left as it was found.
        if terminal is not None:
            termios.tcsetattr(0, termios.TCSANOW, terminal)
        watch_again()


def watch_again() -> None:
    """Have signals watched, after an event loop of a library took the system's handler for itself."""
    if _wakeup >= 0:
        signal.set_wakeup_fd(_wakeup, warn_on_full_buffer=False)


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """What runs inside may swallow an interrupt; it is raised at the end all the same."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.default_int_handler or threading.current_thread() is not threading.main_thread():
        yield
        check()
        return
    came = []

    def note(number, frame):
        came.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def _note(number: int, frame) -> None:
    global _heard
    if _ends_a_step(number):
        _raise_after_import(number, frame)
        return
    is_first, _heard = _heard is None, _heard or number
    # A second one would only break what the first one's end cleans up.
    if is_first and not _held:
        _raise_after_import(number, frame)


def _ends_a_step(number: int) -> bool:
    """Whether the signal is for the step of a shell that is at work, and not for the program."""
    return _in_shell and number == signal.SIGINT


def _raise_after_import(number: int, frame) -> None:
    """Raise the interrupt, later where a module is being imported: libraries in C abort when their start fails."""
    if _held:
        return
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.setitimer(signal.ITIMER_REAL, _AFTER_IMPORT)
            return
        frame = frame.f_back
    raise Interrupted


def _unraisable(found) -> None:
    """Python drops what is raised inside a destructor or a weak reference's callback; an interrupt there is no news.

    The thread that watches ends the program all the same.
    """
    if not isinstance(found.exc_value, Interrupted):
        sys.__unraisablehook__(found)


def _thread_failed(failed) -> None:
    """A thread of a library that fails while the program ends, as one whose worker was killed, is no news either."""
    if _heard is None:
        threading.__excepthook__(failed)


def _watch(reading: int) -> None:
    """End the program where a signal did not do so in time, or where a second one came."""
    number = _next(reading, None)
    began = time.monotonic()
    while (left := began + GRACE - time.monotonic()) > 0:
        again = _next(reading, left)
        if again is not None and time.monotonic() > began + _ECHO:
            break
    _leave(number)


def _next(reading: int, seconds: float | None) -> int | None:
    """The next signal that asks for the end; None where none came in time."""
    while select.select([reading], [], [], seconds)[0]:
        number = os.read(reading, 1)[0]
        if number in HEARD and not _ends_a_step(number):
            return number
    return None


def _leave(number: int) -> None:
    """End without another step of the main thread; what is published is whole, and what is not is cleared later."""
    for child in multiprocessing.active_children():
        child.kill()
    for path in list(passing):
        with contextlib.suppress(OSError):
            os.unlink(path)
    with contextlib.suppress(OSError, ValueError):
        if sys.stderr.isatty():
            # A progress bar hides the cursor, and leaves half a line.
            os.write(2, b"\r\x1b[2K\x1b[?25h")
    if not _said:
        with contextlib.suppress(OSError):
            os.write(2, MESSAGE.encode())
    os._exit(128 + number)
