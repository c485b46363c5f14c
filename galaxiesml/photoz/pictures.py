"""Pictures of galaxies as estimators read them: where they are, and their counts a block at a time.

Nothing is read before it is asked for.  A source knows its pictures by row; `Pictures` says which row of which source
each galaxy has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from galaxiesml.errors import InputError, UsageError

#: Side of the frame out of which every smaller picture is cut.
FRAME = 127
#: Galaxies that are read at a time.
BLOCK = 256
#: A file's own key of its pictures.
KEY = "image"


class Source(Protocol):
    """Pictures that are read by row.

    Attributes
    ----------
    side : int or None
        Pixels of the shorter axis; None where any size can be given.
    """

    side: int | None

    def read(self, rows: np.ndarray, size: int) -> np.ndarray:
        """Counts, float32 of shape (rows, bands, size, size); NaN where the source has NaN.  Rows ascend."""

    def digest(self, rows: np.ndarray) -> str:
        """A hash that changes where the pictures of these rows change."""


@dataclass(frozen=True)
class Pictures:
    """The pictures of some galaxies.

    Attributes
    ----------
    sources : tuple of Source
    source, row : ndarray (n,) of int
        Which source, and which of its rows, each galaxy has.
    sky_sigma : ndarray (n, bands) of float32, optional
        Standard deviation of the sky in counts; NaN where unknown.
    """

    sources: tuple[Source, ...]
    source: np.ndarray
    row: np.ndarray
    sky_sigma: np.ndarray | None = None

    @classmethod
    def of(cls, counts: np.ndarray, sky_sigma: np.ndarray | None = None) -> Pictures:
        """Pictures that are in memory, (n, bands, rows, columns)."""
        count = len(counts)
        return cls((Array(np.asarray(counts)),), np.zeros(count, np.int32), np.arange(count), sky_sigma)

    @classmethod
    def joined(cls, parts: list[Pictures]) -> Pictures:
        """Several, one after another."""
        starts = np.cumsum([0, *[len(part.sources) for part in parts]])
        sigma = None
        if any(part.sky_sigma is not None for part in parts):
            bands = next(part.sky_sigma.shape[1] for part in parts if part.sky_sigma is not None)
            unknown = [np.full((len(part), bands), np.nan, np.float32) for part in parts]
            sigma = np.concatenate(
                [none if part.sky_sigma is None else part.sky_sigma for part, none in zip(parts, unknown, strict=True)]
            )
        return cls(
            sources=tuple(source for part in parts for source in part.sources),
            source=np.concatenate([part.source + start for part, start in zip(parts, starts, strict=False)]),
            row=np.concatenate([part.row for part in parts]),
            sky_sigma=sigma,
        )

    def __len__(self) -> int:
        return len(self.row)

    @property
    def side(self) -> int | None:
        """Pixels of the smallest picture's shorter axis; None where any size can be given."""
        return min((source.side for source in self.sources if source.side is not None), default=None)

    def take(self, rows: np.ndarray) -> Pictures:
        """Some of the galaxies, by a mask or by number."""
        sigma = None if self.sky_sigma is None else self.sky_sigma[rows]
        return replace(self, source=self.source[rows], row=self.row[rows], sky_sigma=sigma)

    def blocks(self, size: int, rows: int = BLOCK) -> Iterator[tuple[int, np.ndarray]]:
        """The first galaxy of each block, and its counts, float32 (galaxies, bands, size, size)."""
        for at in range(0, len(self), rows):
            yield at, self.take(np.arange(at, min(at + rows, len(self)))).read(size)

    def read(self, size: int) -> np.ndarray:
        """Counts of all, float32 (n, bands, size, size); NaN where a source has NaN."""
        made = None
        for number in np.unique(self.source):
            places = np.flatnonzero(self.source == number)
            places = places[np.argsort(self.row[places], kind="stable")]
            counts = self.sources[number].read(self.row[places], size)
            made = np.empty((len(self), *counts.shape[1:]), np.float32) if made is None else made
            made[places] = counts
        return np.empty((0, 0, size, size), np.float32) if made is None else made

    def digest(self) -> str:
        """A hash of which pictures these are; no pixel of a file is read for it."""
        made = hashlib.sha256()
        for number in np.unique(self.source):
            places = np.flatnonzero(self.source == number)
            made.update(np.ascontiguousarray(places, np.int64).tobytes())
            made.update(self.sources[number].digest(self.row[places]).encode())
        if self.sky_sigma is not None:
            made.update(np.ascontiguousarray(self.sky_sigma, np.float32).tobytes())
        return made.hexdigest()


@dataclass(frozen=True)
class Array:
    """Pictures in memory, (n, bands, rows, columns)."""

    counts: np.ndarray

    def __post_init__(self):
        if self.counts.ndim != 4 or self.counts.dtype.kind not in "iuf":
            raise UsageError(
                f"Pictures must be numbers of shape (n, bands, rows, columns), not {self.counts.dtype} of "
                f"{self.counts.shape}."
            )

    @property
    def side(self) -> int:
        return min(self.counts.shape[2:])

    def read(self, rows: np.ndarray, size: int) -> np.ndarray:
        across, down = (middle(length, size) for length in self.counts.shape[2:])
        return self.counts[rows][:, :, across, down].astype(np.float32)

    def digest(self, rows: np.ndarray) -> str:
        return hashlib.sha256(np.ascontiguousarray(self.counts[rows]).tobytes()).hexdigest()


@dataclass(frozen=True)
class File:
    """The pictures of an HDF5 file in the released layout: `image`, (n, bands, rows, columns).

    Attributes
    ----------
    path : Path
    channels : tuple of int
        Which of the file's bands are read, in which order.
    shape : tuple of int
    stamp : tuple of int
        The file's bytes, and when it was changed, in nanoseconds.
    """

    path: Path
    channels: tuple[int, ...]
    shape: tuple[int, ...]
    stamp: tuple[int, int]

    @classmethod
    def open(cls, path: Path, bands: tuple[str, ...], rows: int) -> File:
        """Check a file's pictures; none is read.

        Raises
        ------
        InputError
            There is no `image`, or it is not an array of numbers in this file of the shape (rows, bands, y, x).
        """
        import h5py

        with h5py.File(path, "r", locking="best-effort") as file:
            image = _dataset(path, file)
            known = _bands(file, image.shape[1]) if image.ndim == 4 else ()
            if image.dtype.kind not in "iuf" or image.ndim != 4 or image.shape[0] != rows or min(image.shape[2:]) < 1:
                raise InputError(
                    f"{path}: {KEY} is {image.dtype} of shape {image.shape}, and should be numbers of shape "
                    f"({rows}, {len(bands)}, rows, columns)."
                )
            shape = image.shape
        if missing := [band for band in bands if band not in known]:
            raise InputError(
                f"{path}: {KEY} has no pictures in {missing[0]}; it has {shape[1]} bands"
                + (f": {', '.join(known)}." if known else ", and does not say which."),
                f"Give the file's own bands: --bands {','.join(known)}" if known else "",
            )
        return cls(path, tuple(known.index(band) for band in bands), shape, _stamp(path))

    @property
    def side(self) -> int:
        return min(self.shape[2:])

    def read(self, rows: np.ndarray, size: int) -> np.ndarray:
        import h5py

        down, across = (middle(length, size) for length in self.shape[2:])
        made = np.empty((len(rows), len(self.channels), size, size), np.float32)
        try:
            with h5py.File(self.path, "r", locking="best-effort") as file:
                image = _dataset(self.path, file)
                if image.shape != self.shape or _stamp(self.path) != self.stamp:
                    raise InputError(f"{self.path} has changed since it was opened.", "Type the command again.")
                for first, last in _runs(rows):
                    read = image[rows[first] : rows[last - 1] + 1, :, down, across]
                    made[first:last] = read[rows[first:last] - rows[first]][:, self.channels]
        except (OSError, RuntimeError) as error:
            raise InputError(
                f"{self.path} cannot be read as HDF5: {error}.", "Fetch the file again and compare its checksum."
            ) from None
        return made

    def digest(self, rows: np.ndarray) -> str:
        """Of the file's size and time of change: its pixels may be 100 GB."""
        told = f"{self.stamp} {self.shape} {self.channels}"
        return hashlib.sha256(told.encode() + np.ascontiguousarray(rows, np.int64).tobytes()).hexdigest()


def middle(length: int, size: int) -> slice:
    """Which pixels of an axis a smaller picture is, cut as the released 64 pixels are out of their 127.

    Raises
    ------
    UsageError
        The axis is shorter.
    """
    if size > length:
        raise UsageError(
            f"These pictures have {length} pixels on a side, and size={size} asks for more.",
            f"Type: --set size={length}",
        )
    whole = max(length, FRAME)
    skip = (whole - size) // 2 - (whole - length) // 2
    return slice(skip, skip + size)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _dataset(path: Path, file):
    import h5py

    if KEY not in file:
        raise InputError(
            f"{path} has no key {KEY}: it holds no pictures.", "Give files with pictures, or train another estimator."
        )
    image = file[KEY] if isinstance(file.get(KEY, getlink=True), h5py.HardLink) else None
    # Pixels in another file would be of any file that this program may read.
    if not isinstance(image, h5py.Dataset) or image.is_virtual or image.external:
        raise InputError(f"{path}: {KEY} is not a dataset of this file.", "Give the file as it was published.")
    return image


def _bands(file, count: int) -> tuple[str, ...]:
    """The bands of a file's pictures: as it says, or the release's five."""
    told = file.attrs.get("bands", "")
    told = told.decode("utf-8", "replace") if isinstance(told, bytes) else told
    named = tuple(band.strip() for band in told.split(",") if band.strip()) if isinstance(told, str) else ()
    if len(named) == count:
        return named
    return ("g", "r", "i", "z", "y") if count == 5 else ()


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of ascending rows that are read at once: those between them are fewer than a few."""
    breaks = np.flatnonzero(np.diff(rows) > 4) + 1
    starts = [0, *breaks.tolist(), len(rows)]
    for first, last in pairwise(starts):
        if last > first:
            yield first, last
