"""Folders that are made once in a run of the tests, and that every one of its processes reads."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

#: Where the process that started the run says which folder it is; the workers of pytest-xdist inherit it.
_NAME = "FOLDER_OF_THIS_TEST_RUN"


def begin() -> None:
    os.environ[_NAME] = tempfile.mkdtemp(prefix="made-once-")


def end() -> None:
    shutil.rmtree(os.environ.pop(_NAME), ignore_errors=True)


def shared() -> Path:
    return Path(os.environ[_NAME])


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """No other process of the run is here at the same time."""
    with (shared() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def once(name: str, make: Callable[[Path], object]) -> Path:
    """The folder that ``make(folder)`` fills; the first process that asks makes it, the others wait.

    It is read by all, so a test that changes it works on a copy.
    """
    folder, growing = shared() / name, shared() / f"{name}.growing"
    with alone(name):
        if not folder.is_dir():
            shutil.rmtree(growing, ignore_errors=True)
            growing.mkdir()
            make(growing)
            growing.rename(folder)
    return folder
