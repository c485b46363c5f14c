"""Sources of pictures: a tar, a folder of FITS files, or a single FITS file, treated as a folder of one."""

from __future__ import annotations

import hashlib
from pathlib import Path

_FITS = b"SIMPLE  ="


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


def sha_of(source: Path) -> str:
    """The SHA-256 of a tar, or of the names and SHA-256s of FITS files; it is the source's key."""
    if is_tar(source):
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for path in fits_of(source):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                whole.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
