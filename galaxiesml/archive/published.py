"""The published files: the record's list, with sizes and hashes, and their download."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.archive.address import RECORD, record_file_url, record_url
from galaxiesml.archive.download import Wanted, download, md5_of, part_bytes
from galaxiesml.archive.transfer import Transfer
from galaxiesml.errors import ArchiveError, UsageError

#: Sides of the published pictures, pixels.
SIZES = (64, 127)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,199}", re.ASCII)
_MD5 = re.compile(r"md5:([0-9a-f]{32})")


@dataclass(frozen=True)
class Published:
    """A file of the record: its name, bytes and MD5."""

    name: str
    size: int
    md5: str


def published_files(transfer: Transfer, root: str) -> list[Published]:
    """The files of the published record.

    Raises
    ------
    ArchiveError
        The record's list is not as expected.
    """
    content = transfer.fetch_json(record_url(root)).content
    files = content.get("files")
    if not isinstance(files, list) or not files:
        raise ArchiveError(f"The record {RECORD} at {root} lists no files.", "Look at the record's page.")
    return [_published(entry) for entry in files]


def _published(entry: object) -> Published:
    if isinstance(entry, dict):
        name, size = entry.get("key"), entry.get("size")
        found = _MD5.fullmatch(str(entry.get("checksum")))
        # A name becomes a path here.
        if isinstance(name, str) and _NAME.fullmatch(name) and isinstance(size, int) and size >= 0 and found:
            return Published(name, size, found[1])
    raise ArchiveError(f"The record {RECORD} has a file without a plain name, a size and an MD5: {str(entry)[:200]}.")


def chosen(files: list[Published], size: int, splits: list[str]) -> list[Published]:
    """The HDF5 files of one picture size, of some splits.

    Raises
    ------
    UsageError
        The record has no such file.
    """
    found = []
    for split in splits:
        name = re.compile(rf"5x{size}x{size}_{split}\w*\.(hdf5|h5)", re.ASCII)
        of_split = [file for file in files if name.fullmatch(file.name)]
        if len(of_split) != 1:
            names = ", ".join(file.name for file in files[:20])
            raise UsageError(f"The record has {len(of_split)} files of {split}, {size} pixels; it has: {names}.")
        found += of_split
    return found


def bytes_missing(files: list[Published], folder: Path) -> int:
    """Bytes that are still to be downloaded into a folder."""
    return sum(max(0, file.size - part_bytes(folder / file.name)) for file in files)


def fetch_published(
    transfer: Transfer, root: str, file: Published, folder: Path, advance: Callable[[int], None] | None = None
) -> dict:
    """Download one file, resuming what is there; a file that is there already is checked by its hash alone.

    Returns
    -------
    dict
        What landing.json says of its origin.

    Raises
    ------
    ArchiveError
        The file has another size or hash than the record says.
    """
    target, url = folder / file.name, record_file_url(root, file.name)
    origin = {"url": url, "record": RECORD, "md5": file.md5}
    if target.is_file() and target.stat().st_size == file.size and md5_of(target) == file.md5:
        return origin | {"server_time": None}
    received = download(transfer, Wanted(url, target, size=file.size, md5=file.md5), advance)
    return origin | {"server_time": received.server_time}
