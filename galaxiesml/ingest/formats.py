"""Recognise a file's format by its first bytes, not by its name."""

from __future__ import annotations

import codecs
import gzip
import shlex
import zlib
from pathlib import Path

from galaxiesml.errors import InputError
from galaxiesml.ingest.fits import open_fits
from galaxiesml.ingest.masks import apply_masks
from galaxiesml.ingest.parquet import open_parquet
from galaxiesml.ingest.source import Source
from galaxiesml.ingest.sqlite import open_sqlite
from galaxiesml.ingest.text import open_text

_FITS = b"SIMPLE  ="
_PARQUET = b"PAR1"
_SQLITE = b"SQLite format 3\0"
_GZIP = b"\x1f\x8b"
_UTF16 = ((codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))
#: Formats that are known and not landed, each with what to do about it.
_OTHERS = {
    b"PK\x03\x04": ("a zip archive", "Unpack it with unzip and land the files in it."),
    b"BZh": ("compressed by bzip2", "Unpack it with bunzip2 and land that."),
    b"\xfd7zXZ\0": ("compressed by xz", "Unpack it with unxz and land that."),
    b"\x28\xb5\x2f\xfd": ("compressed by zstd", "Unpack it with unzstd and land that."),
    b"\x89HDF\r\n": ("HDF5", "Write it as Parquet, FITS or CSV and land that."),
    b"<?xml": ("XML, perhaps VOTable", "Write it as FITS, by astropy or TOPCAT, and land that."),
    b"<VOTABLE": ("VOTable", "Write it as FITS, by astropy or TOPCAT, and land that."),
    b"<!DOCTYPE": (
        "a web page",
        "The server sent a web page: open it, log in and download the file again.",
    ),
    b"<html": ("a web page", "The server sent a web page: open it, log in and download the file again."),
}


def open_source(path: Path) -> Source:
    """Open a text table (CSV, tabs, semicolons, ECSV; gzip too), FITS, Parquet or SQLite, recognised by its content.

    Where a column X_isnull or X.mask is true, X is NULL.

    Raises
    ------
    InputError
        The file is absent, empty, cut short, damaged or of another format.
    """
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if not path.is_file():
        raise InputError(f"{path} is not a file.", "Give the files one by one.")
    head = _head(path)
    if not head:
        raise InputError(f"{path} is empty.", "Download the file again, then land it.")
    return apply_masks(_open(path, head))


def _open(path: Path, head: bytes) -> Source:
    if head.startswith(_FITS):
        return open_fits(path)
    if head.startswith(_PARQUET):
        return open_parquet(path)
    if head.startswith(_SQLITE):
        return open_sqlite(path)
    if head.startswith(_GZIP):
        _check_unzipped(path)
        return open_text(path, zipped=True)
    _refuse_others(path, head, "")
    return open_text(path, zipped=False)


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(4096)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from None


def _check_unzipped(path: Path) -> None:
    try:
        with gzip.open(path) as stream:
            head = stream.read(4096)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        # Said where the rows are read, in the same words as a later break.
        return
    if head.startswith((_FITS, _PARQUET, _SQLITE)):
        raise InputError(f"{path} is a compressed file, but not CSV.", f"Type: gunzip -k {path}; then land that.")
    _refuse_others(path, head, "a gzip file that holds ")


def _refuse_others(path: Path, head: bytes, inside: str) -> None:
    for magic, (what, hint) in _OTHERS.items():
        if head.lstrip().startswith(magic):
            raise InputError(f"{path} is {inside}{what}.", hint)
    if encoding := _wide_encoding(head):
        how = f"gunzip -c {shlex.quote(str(path))} | iconv" if inside else "iconv"
        last = "" if inside else f" {shlex.quote(str(path))}"
        raise InputError(
            f"{path} is {inside}text in {encoding}; UTF-8 is expected.",
            f"Type: {how} -f {encoding} -t UTF-8{last} > utf8.csv; then land utf8.csv.",
        )
    if b"\0" in head:
        raise InputError(
            f"{path} has a format that is not supported.",
            "CSV, CSV.gz, ECSV, FITS, Parquet and SQLite files can be landed.",
        )


def _wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, by its mark or by the zero bytes between Latin letters; '' for neither."""
    for mark, encoding in ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"), *_UTF16):
        if head.startswith(mark):
            return encoding
    even, odd = head[:400:2], head[1:400:2]
    if len(head) >= 8 and odd.count(0) == len(odd) and b"\0" not in even:
        return "UTF-16LE"
    return "UTF-16BE" if len(head) >= 8 and even.count(0) == len(even) and b"\0" not in odd else ""
