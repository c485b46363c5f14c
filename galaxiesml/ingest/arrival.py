"""What every landing does, whatever lands: the file's hash, and a folder that is shown whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.errors import InputError, ResourceError
from galaxiesml.ingest.source import BLOCK_BYTES

#: A prefix of a sha256 that is shorter names nothing.
SHORTEST_SHA = 6


def sha256_of(path: Path, progress=None) -> str:
    """Of the bytes that are there now: of a file that still grows `check_unchanged` tells later."""
    digest, left = hashlib.sha256(), path.stat().st_size
    with open(path, "rb") as file:
        while data := file.read(min(BLOCK_BYTES, left)):
            digest.update(data)
            left -= len(data)
            if progress is not None:
                progress.advance(len(data))
    return digest.hexdigest()


def name_of(path: Path) -> str:
    """A file's name as text, also where the system's bytes are no UTF-8."""
    return path.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def is_meant(info: dict, reference: str) -> bool:
    """Whether a file name or the beginning of a sha256 means this landing."""
    is_prefix = len(reference) >= SHORTEST_SHA and info["source_sha256"].startswith(reference.lower())
    return is_prefix or info["source_file"] == reference


@contextlib.contextmanager
def made_in(folder: Path, root: Path) -> Iterator[Path]:
    """A new folder to make a landing in; whoever has made it renames it away, and what is left of it goes.

    Raises
    ------
    ResourceError
        The disk of the catalogue at ``root`` is full.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise ResourceError(f"The disk of {root} is full; nothing was landed.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_unchanged(path: Path, before: os.stat_result) -> None:
    """Refuse a file that was written to while it was read."""
    after = path.stat()
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise InputError(f"{path} changed while it was read.", "Type the command again when it is at rest.")
