"""Convert errors of the system, such as a full disk, a read-only folder or no memory, to errors of ours."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.errors import CatalogError, GalaxiesmlError, InputError, ResourceError

_ROOM = "Make room (galaxiesml gc deletes old builds), then type the command again."
#: Errors with one meaning in every context: the exception, the words after the file's name, what to do.
_PLAIN = {
    errno.ENOSPC: (ResourceError, "cannot be written: the disk is full", _ROOM),
    errno.EDQUOT: (ResourceError, "cannot be written: the disk quota is used up", _ROOM),
    errno.EFBIG: (
        ResourceError,
        "cannot be written: it is larger than this system allows",
        "Raise the limit on file sizes (ulimit -f), then type the command again.",
    ),
    errno.EMFILE: (ResourceError, "cannot be opened: too many files are open", "Raise the limit: ulimit -n 4096"),
    errno.ENFILE: (ResourceError, "cannot be opened: too many files are open on this machine", None),
    errno.EIO: (ResourceError, "the disk or the network reports an error", "Look at the system log."),
    errno.EROFS: (
        CatalogError,
        "cannot be written: its file system is read-only",
        "Work on a copy, or give the name of a folder that can be written.",
    ),
    errno.ENOTDIR: (
        CatalogError,
        "is not a folder, or is inside something that is not a folder",
        "Give the name of a folder.",
    ),
    errno.EISDIR: (CatalogError, "is a folder, not a file", "Give the name of a file."),
    errno.EEXIST: (CatalogError, "exists already", "Give another name."),
    errno.ENAMETOOLONG: (CatalogError, "has too long a name for this file system", "Give a shorter name."),
}
_MEMORY = ResourceError(
    "Memory ran out.", "Close other programs, or give the queries less: galaxiesml config set memory_limit 1GB"
)
_GONE = CatalogError("The working folder no longer exists.", "Type: cd to a folder that exists.")
#: Libraries that read and write files themselves; h5py raises plain RuntimeErrors.
_LIBRARIES = {"duckdb", "_duckdb", "pyarrow", "h5py", "dbt", "dbt_common"}
#: What libraries that write files themselves say of the system's errors.
_NUMBERED = re.compile(r"""errno[ =":]+(\d+)""", re.IGNORECASE)
_NAMED = re.compile(r"""(?:name = |file |directory |path )\\?["'](?P<path>[^"'\\\n]+)\\?["']""", re.IGNORECASE)
_WORDS = {
    os.strerror(number): number
    for number in (*_PLAIN, errno.EACCES, errno.EPERM, errno.ENOMEM)
    if number not in (errno.EEXIST, errno.EIO)
}


def refusal(error: BaseException, where: Path | None = None) -> GalaxiesmlError | None:
    """The error of ours for a system error; None if an exception is something else.

    Parameters
    ----------
    error : BaseException
        An OSError, or what DuckDB, pyarrow, h5py, dbt or matplotlib make of one.  Its causes are looked at too, and
        what was being handled when it was raised, for anything but a file that is absent: that often is no trouble.
    where : Path, optional
        The catalogue that was worked on, to be named where the error names no file.
    """
    for link, is_cause in _chain(error):
        if isinstance(link, GalaxiesmlError):
            return None
        if isinstance(link, MemoryError) or type(link).__name__ == "OutOfMemoryException":
            return _MEMORY
        text = str(link)
        number = link.errno if isinstance(link, OSError) and link.errno else _number(text) if _speaks(link) else None
        if number is None or (number == errno.ENOENT and not is_cause):
            continue
        named = getattr(link, "filename", None)
        found = _of(number, os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else _path(text), where)
        if found is not None:
            return found
    return None


def refusal_told(text: str) -> GalaxiesmlError | None:
    """The same for an exception of which only the text is left, as in dbt's results."""
    if "Out of Memory Error" in text:
        return _MEMORY
    number = _number(text)
    return None if number is None else _of(number, _path(text))


def _chain(error: BaseException) -> Iterator[tuple[BaseException, bool]]:
    """An exception and those behind it, each with whether it is the error or its declared cause."""
    seen, is_cause = set(), True
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link, is_cause
        is_cause = is_cause and link.__cause__ is not None
        link = link.__cause__ if link.__cause__ is not None or link.__suppress_context__ else link.__context__


def _speaks(error: BaseException) -> bool:
    """Whether an exception's text may be the system's: of a library that writes files, or a plain RuntimeError."""
    library = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError) or type(error) is RuntimeError or library in _LIBRARIES


def _number(text: str) -> int | None:
    if found := _NUMBERED.search(text):
        return int(found[1])
    return next((number for words, number in _WORDS.items() if words in text), None)


def _path(text: str) -> str | None:
    found = _NAMED.search(text)
    return found["path"] if found else None


def _of(number: int, path: str | None, where: Path | None = None) -> GalaxiesmlError | None:
    if number == errno.ENOMEM:
        return _MEMORY
    if number == errno.ENOENT:
        return _absent(path)
    if number in (errno.EACCES, errno.EPERM):
        return _forbidden(path, where)
    if number not in _PLAIN:
        return None
    kind, words, hint = _PLAIN[number]
    return kind(f"{_shown(path, where)} {words}.", hint)


def _shown(path: str | None, where: Path | None = None) -> str:
    if path is None:
        return "A file" if where is None else f"A file in {where}"
    # The name that was meant, where the file that could not be made is one on its way to it.
    made = re.fullmatch(r"\.(.+?)(?:\.[^.]+-\d+\.making|\.part)", Path(path).name)
    return str(Path(path).with_name(made[1])) if made else path


def _forbidden(path: str | None, where: Path | None) -> GalaxiesmlError:
    if path is not None and Path(path).exists() and not os.access(path, os.R_OK):
        return InputError(f"{path} cannot be read: permission denied.", f"Type: ls -ld {path}")
    return CatalogError(
        f"{_shown(path, where)} cannot be written: permission denied.", "Give the name of a folder that can be written."
    )


def _absent(path: str | None) -> GalaxiesmlError | None:
    try:
        os.getcwd()
    except FileNotFoundError:
        return _GONE
    return InputError(f"{path} does not exist.") if path else None


def is_full(error: BaseException) -> bool:
    """Whether the disk or the memory is too small for what was asked."""
    return isinstance(error, ResourceError) or isinstance(refusal(error), ResourceError)
