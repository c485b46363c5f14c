"""Write files that appear complete or not at all, and delete the leftovers of killed programs.

A file is written as ``.NAME.HOST-PID.making`` in the same folder, flushed to disk, and then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from galaxiesml.system import interrupts

_SUFFIX = ".making"
_MADE = re.compile(rf"\..+\.(?P<host>[A-Za-z0-9_-]+)-(?P<pid>[0-9]+){re.escape(_SUFFIX)}")
#: Seconds after which a file of a process on another machine counts as left.
_OLD = 24 * 3600.0


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; at the end the file is renamed to ``path`` atomically.

    Nothing appears, and nothing is left, where an exception ends the block or the program was interrupted.

    Yields
    ------
    Path
        Next to ``path``; nothing is there yet.
    """
    with passing(path) as making:
        try:
            yield making
            sync(making)
        except OSError as error:
            # Libraries leave out which file it was.
            if error.errno and error.filename is None:
                error.filename = str(path)
            raise
        interrupts.check()
        os.replace(making, path)
        sync(path.parent)


@contextlib.contextmanager
def appearing_folder(folder: Path, check: Callable[[], None]) -> Iterator[Path]:
    """Yield a hidden, empty folder beside ``folder``, which takes its place at the end, or is deleted.

    Parameters
    ----------
    folder : Path
        Absolute; what is there is replaced.
    check : callable
        Called before it is; raises an error where ``folder`` must stay.
    """
    making, old = (making_of(folder.with_name(name)) for name in (folder.name, f"{folder.name}.old"))
    clear(folder.parent)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    try:
        yield making
        interrupts.check()
        check()
        with interrupts.held():
            if folder.is_dir() and any(folder.iterdir()):
                os.rename(folder, old)
            os.rename(making, folder)
            sync(folder.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def passing(path: Path) -> Iterator[Path]:
    """A temporary file next to ``path``, deleted at the end of the block however it ends."""
    making = making_of(path)
    clear(path.parent)
    interrupts.passing.add(str(making))
    try:
        making.unlink(missing_ok=True)
        yield making
    finally:
        with contextlib.suppress(OSError):
            making.unlink()
        interrupts.passing.discard(str(making))


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a small file atomically: readers see either the old content or the new one, even after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as making:
        making.write_bytes(content.encode() if isinstance(content, str) else content)


def write_table(path: Path, table) -> None:
    """Write a small Arrow table as Parquet, atomically."""
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    with appearing(path) as making, open(making, "wb") as handle:
        pq.write_table(table, handle)


def sync(path: Path) -> None:
    """Flush a file to disk, or a folder's entries, so that a rename survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reserve(path: Path, size: int) -> None:
    """Reserve disk space for a file, if the file system supports it.

    For writers that end the whole program where the disk is full, as HDF5 does.

    Parameters
    ----------
    size : int
        Bytes from the file's begin; a shorter file grows to it.

    Raises
    ------
    OSError
        There is no room; it names the file.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        os.close(handle)


def making_of(path: Path) -> Path:
    """The temporary path at which this process writes ``path``."""
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}{_SUFFIX}")


def spill_of(folder: Path) -> Path:
    """Where this process's queries spill what memory does not hold: no other process's files may be there."""
    if not os.access(folder, os.W_OK):
        folder = Path(tempfile.gettempdir())
    return making_of(folder / "spill")


def left_in(folder: Path) -> list[Path]:
    """Temporary files in a folder that belong to programs that have ended."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(_SUFFIX))
    except OSError:
        return []
    return [folder / name for name in names if _is_left(folder / name)]


def clear(folder: Path, again: bool = False) -> None:
    """Delete what `left_in` finds; once a process for each folder, unless ``again``."""
    if again:
        _clear.cache_clear()
    _clear(str(folder))


@cache
def _clear(folder: str) -> None:
    for path in left_in(Path(folder)):
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _is_left(path: Path) -> bool:
    made = _MADE.fullmatch(path.name)
    if made is None:
        return False
    if made["host"] == _host():
        return not _is_running(int(made["pid"]))
    with contextlib.suppress(OSError):
        return time.time() - path.lstat().st_mtime > _OLD
    return False


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@cache
def _host() -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", os.uname().nodename)[:32] or "host"
