"""Sources of pictures: a tar, a folder of FITS files, or a single FITS file, treated as a folder of one."""

from __future__ import annotations

import hashlib
from pathlib import Path

_FITS = b"SIMPLE  ="
#: An empty tar is one record of 10 kB, or a few.
_MOST_EMPTY = 1 << 20


def is_fits(path: Path) -> bool:
    """Whether a file is one FITS file, by its name or its first bytes."""
    if path.suffix == ".fits":
        return True
    with open(path, "rb") as file:
        return file.read(len(_FITS)) == _FITS


def fits_of(source: Path) -> list[Path]:
    """The FITS files of a folder, by name; the file itself where it is one; none for a tar."""
    if source.is_dir():
        return sorted(path for path in source.iterdir() if path.suffix == ".fits")
    return [source] if is_fits(source) else []


def is_tar(source: Path) -> bool:
    """Whether a source is read as a tar."""
    return not source.is_dir() and not is_fits(source)


def bytes_of(source: Path) -> int:
    """Bytes of a tar, or of FITS files."""
    if is_tar(source):
        return source.stat().st_size
    return sum(path.stat().st_size for path in fits_of(source) if path.is_file())


def is_empty_answer(source: Path) -> bool:
    """Whether a tar has no members: zeros alone, as the service sends where it has nothing of a list."""
    if not is_tar(source) or not 0 < source.stat().st_size <= _MOST_EMPTY:
        return False
    return not source.read_bytes().strip(b"\0")


def sha_of(source: Path, list_file: Path | None = None) -> str:
    """The SHA-256 of a tar, or of the names and SHA-256s of FITS files; it is the source's key.

    Empty answers are all the same bytes, so the key of one with a list is of the tar and the list.
    """
    if list_file is not None and is_empty_answer(source):
        return hashlib.sha256(source.read_bytes() + list_file.read_bytes()).hexdigest()
    if is_tar(source):
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for path in fits_of(source):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                whole.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
