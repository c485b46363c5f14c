"""Shared by all landings: the file's hash, its name, and a check that it has not changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from galaxiesml.errors import InputError
from galaxiesml.ingest.source import BLOCK_BYTES


def sha256_of(path: Path, progress=None) -> str:
    """The SHA-256 of the file as it is now; `check_unchanged` later detects a file that is still growing."""
    digest, left = hashlib.sha256(), path.stat().st_size
    with open(path, "rb") as file:
        while data := file.read(min(BLOCK_BYTES, left)):
            digest.update(data)
            left -= len(data)
            if progress is not None:
                progress.advance(len(data))
    return digest.hexdigest()


def name_of(path: Path) -> str:
    """A file's name as text, even if its bytes are not UTF-8."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def check_unchanged(path: Path, before: os.stat_result) -> None:
    """Refuse a file that changed while it was read."""
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise InputError(
            f"{path} changed while it was read.", "Type the command again when nothing writes to the file."
        )
