"""Write drawn galaxies as files in the released layout: training, validation and testing, in constant memory."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from galaxiesml.errors import ResourceError
from galaxiesml.system import atomic

#: Share of the galaxies in each split, in order.
SPLITS = {"training": 0.7, "validation": 0.1, "testing": 0.2}
#: Keys beside the image, {band} for each band: type, unit, what each is.
COLUMNS = {
    "object_id": ("<i8", "", "Identifier."),
    "specz_redshift": ("<f8", "", "True redshift."),
    "{band}_cmodel_mag": (
        "<f8",
        "mag",
        "AB magnitude in {band}, not corrected for extinction; NaN where not seen.",
    ),
    "{band}_cmodel_magsigma": ("<f8", "mag", "Its error."),
    "{band}_psf_fwhm_arcsec": ("<f8", "arcsec", "Full width at half maximum of the PSF in {band}."),
    "{band}_sky_sigma": ("<f8", "", "Noise of the sky in a pixel in {band}, counts."),
    "a_{band}": ("<f8", "mag", "Galactic extinction in {band}."),
}


def split_of(object_id: np.ndarray) -> np.ndarray:
    """The split of each galaxy, by a hash of its identifier alone: numbers into `SPLITS`, int64, shape (n,)."""
    # splitmix64, whose bits are as good as random for consecutive numbers.
    word = object_id.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    ends = np.cumsum(list(SPLITS.values()))[:-1]
    return np.searchsorted(ends, word / 2.0**64, side="right")


@dataclass(frozen=True)
class Layout:
    """What the files hold.

    Attributes
    ----------
    bands : tuple of str
    size : int
        Pixels on a side.
    dtype : str
        Of the images: float32 or float16.
    attributes : dict
        Of every file.
    """

    bands: tuple[str, ...]
    size: int
    dtype: str
    attributes: dict

    def name(self, split: str) -> str:
        return f"{len(self.bands)}x{self.size}x{self.size}_{split}.hdf5"

    def bytes(self, rows: int) -> int:
        """What a file of that many galaxies takes, roughly."""
        image = np.dtype(self.dtype).itemsize * len(self.bands) * self.size**2
        return rows * (image + 8 * (2 + 5 * len(self.bands))) + (1 << 20)


class Files:
    """Three files that appear together at the end of the block, or not at all.

    Parameters
    ----------
    rows : sequence of int
        Galaxies of each split.

    Raises
    ------
    ResourceError
        The disk is too full.
    """

    def __init__(self, folder: Path, layout: Layout, rows):
        self.layout = layout
        self.paths = [folder / layout.name(split) for split in SPLITS]
        self.rows = list(rows)
        self._folder = folder
        self._at = [0] * len(SPLITS)
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Files:
        self._folder.mkdir(parents=True, exist_ok=True)
        needed, free = sum(map(self.layout.bytes, self.rows)), shutil.disk_usage(self._folder).free
        if needed > free:
            raise ResourceError(
                f"The pictures need {needed / 1e9:.1f} GB in {self._folder}, which has {free / 1e9:.1f} GB.",
                "Give a folder on a larger disk with --out, or fewer with --galaxies.",
            )
        with contextlib.ExitStack() as stack:
            making = [stack.enter_context(atomic.appearing(path)) for path in self.paths]
            self._files = [
                stack.enter_context(self._created(path, split, rows))
                for path, split, rows in zip(making, SPLITS, self.rows, strict=True)
            ]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error) -> None:
        self._stack.__exit__(*error)

    def _created(self, path: Path, split: str, rows: int) -> h5py.File:
        # HDF5 ends the whole program where the disk is full, so the room is taken before.
        atomic.reserve(path, self.layout.bytes(rows))
        file = h5py.File(path, "w", libver=("earliest", "v110"))
        atomic.reserve(path, self.layout.bytes(rows))
        bands, size = self.layout.bands, self.layout.size
        for name, value in (self.layout.attributes | {"split": split, "bands": ", ".join(bands)}).items():
            file.attrs[name] = value
        image = file.create_dataset("image", (rows, len(bands), size, size), self.layout.dtype, track_times=False)
        image.attrs["description"] = (
            f"Pictures, axes (galaxy, filter {', '.join(bands)}, row, column), counts at zero point 27.0; "
            "64 pixels on a side are 31 to 94 of 127."
        )
        for name, dtype, unit, words in named_columns(bands):
            dataset = file.create_dataset(name, (rows,), dtype, track_times=False)
            dataset.attrs["unit"], dataset.attrs["description"] = unit, words
        return file

    def write(self, split: np.ndarray, columns: dict[str, np.ndarray], image: np.ndarray) -> None:
        """Append galaxies, each to the file of its split.

        Parameters
        ----------
        split : ndarray of int64, shape (n,)
        columns : dict of str to ndarray, shape (n,)
            By the names of `named_columns`.
        image : ndarray, shape (n, bands, size, size)
        """
        for number, file in enumerate(self._files):
            chosen = np.flatnonzero(split == number)
            if len(chosen):
                part = slice(self._at[number], self._at[number] + len(chosen))
                file["image"][part] = image[chosen]
                for name, *_ in named_columns(self.layout.bands):
                    file[name][part] = columns[name][chosen]
                self._at[number] = part.stop


def named_columns(bands: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    """Name, type, unit and description of every key beside the image."""
    return [
        (name.replace("{band}", band), dtype, unit, words.replace("{band}", band))
        for name, (dtype, unit, words) in COLUMNS.items()
        for band in (bands if "{band}" in name else bands[:1])
    ]
