"""What fetches keep in the catalogue: ``fetch/``, with its own lock, so that builds go on while an archive works.

::

    fetch/jobs/<key>.json      one catalogue job: its query, its number at the archive, how far it came
    fetch/hsc/                 exports on their way, and those that --keep keeps
    fetch/cutouts/ fetch/psf/  upload lists and tars on their way, and those that --keep-tars keeps
    fetch/release/             the published files
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.errors import LockedError


def fetch_folder(catalog: Catalog, kind: str) -> Path:
    """A folder of ``fetch/``: jobs, hsc, cutouts, psf or release."""
    return catalog.root / "fetch" / kind


@contextlib.contextmanager
def fetching(catalog: Catalog, kind: str) -> Iterator[Path]:
    """Hold the lock of one kind of fetch; the system releases it when the process ends.

    Yields
    ------
    Path
        The kind's folder.

    Raises
    ------
    LockedError
        Another process fetches the same.
    """
    folder = fetch_folder(catalog, kind)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"Another process fetches {kind} for {catalog.root}.", "Wait for it, or end it with Ctrl-C there."
            ) from None
        yield folder
    finally:
        os.close(handle)
