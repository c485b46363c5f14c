"""Read a simulated population: galaxies in batches, each with its neighbours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.errors import InputError
from galaxiesml.instrument import ZERO_POINT_MAG
from galaxiesml.mock.pictures.plan import Lit

_FILES = ("galaxies.parquet", "sources.parquet", "neighbours.parquet")
_SHAPE = {
    "bulge_radius": "bulge_radius_arcsec",
    "disc_radius": "disc_radius_arcsec",
    "bulge_ratio": "bulge_axis_ratio",
    "disc_ratio": "disc_axis_ratio",
    "angle": "position_angle_deg",
}
_AGAIN = "Write it again: galaxiesml mock population --galaxies 20000 --out {folder}"


@dataclass(frozen=True)
class Batch:
    """Consecutive galaxies of a population.

    Attributes
    ----------
    number : int
        From 0.
    columns : dict of str to ndarray, shape (n,)
        The galaxies' columns as the file has them.
    lit : Lit
        Their light and that of their neighbours.
    """

    number: int
    columns: dict[str, np.ndarray]
    lit: Lit

    def __len__(self) -> int:
        return len(self.lit)

    def bands(self, name: str, bands: tuple[str, ...]) -> np.ndarray:
        """Columns of a name with ``{band}``, shape (n, bands)."""
        return np.column_stack([self.columns[name.replace("{band}", band)] for band in bands])


class Population:
    """A folder that ``galaxiesml mock population --out`` wrote.

    Attributes
    ----------
    folder : Path
    info : dict
        What ``population.json`` says: sky_version, seed, size, bands, gain, saturated, files and their hashes.

    Raises
    ------
    InputError
        A file is missing, or is not the one that was written.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        again = _AGAIN.format(folder=folder)
        try:
            self.info = json.loads((folder / "population.json").read_text(encoding="utf-8"))
            hashes = {name: self.info["files"][name]["sha256"] for name in _FILES}
        except FileNotFoundError:
            raise InputError(f"{folder} has no population.json, so it is no finished population.", again) from None
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{folder / 'population.json'} cannot be read: {error!r}.", again) from None
        for name, expected in hashes.items():
            try:
                with open(folder / name, "rb") as handle:
                    found = hashlib.file_digest(handle, "sha256").hexdigest()
            except FileNotFoundError:
                raise InputError(f"{folder / name} does not exist.", again) from None
            if found != expected:
                raise InputError(f"{folder / name} is not the file that population.json describes.", again)
        self.bands = tuple(self.info["bands"])
        self._pool = _numpy(pq.read_table(folder / "sources.parquet", partitioning=None))

    def __len__(self) -> int:
        return int(self.info["galaxies"])

    def identifiers(self, limit: int) -> Iterator[np.ndarray]:
        """object_id of the first galaxies, some at a time."""
        with pq.ParquetFile(self.folder / "galaxies.parquet") as file:
            for rows in file.iter_batches(65_536, columns=["object_id"]):
                if limit:
                    ids = rows["object_id"].to_numpy()[:limit]
                    limit -= len(ids)
                    yield ids

    def batches(self, size: int, limit: int | None = None) -> Iterator[Batch]:
        """Galaxies in the file's order, ``size`` at a time; of the first ``limit`` if it is given."""
        left = len(self) if limit is None else min(limit, len(self))
        number, first = 0, 0
        galaxies = near = None
        with (
            pq.ParquetFile(self.folder / "galaxies.parquet") as of_galaxies,
            pq.ParquetFile(self.folder / "neighbours.parquet") as of_neighbours,
        ):
            # The neighbours of a row group of galaxies are the row group of the same number.
            for group in range(of_galaxies.num_row_groups):
                galaxies = _with(galaxies, of_galaxies.read_row_group(group))
                near = _with(near, of_neighbours.read_row_group(group))
                is_last = group == of_galaxies.num_row_groups - 1
                while left and len(galaxies) and (is_last or len(galaxies) >= min(size, left)):
                    n = min(size, left, len(galaxies))
                    until = int(np.searchsorted(near["galaxy"].to_numpy(), first + n))
                    yield self._batch(number, first, galaxies.slice(0, n), near.slice(0, until))
                    galaxies, near = galaxies.slice(n), near.slice(until)
                    number, first, left = number + 1, first + n, left - n

    def _batch(self, number: int, first: int, galaxies: pa.Table, near: pa.Table) -> Batch:
        own, near = _numpy(galaxies), _numpy(near)
        n = len(own["object_id"])
        picture = np.concatenate([np.arange(n), near["galaxy"] - first])
        order = np.argsort(picture, kind="stable")
        rows = near["source"]

        def joined(name: str, more: np.ndarray | None = None) -> np.ndarray:
            of_near = more if more is not None else self._pool[name][rows]
            return np.concatenate([own[name], of_near]).astype(np.float64)[order]

        def banded(name: str) -> np.ndarray:
            return np.column_stack([joined(f"{band}_{name}") for band in self.bands])

        def seen(name: str) -> np.ndarray:
            return np.column_stack([own[f"{band}_{name}"] for band in self.bands]).astype(np.float64)

        shape = {field: joined(name) for field, name in _SHAPE.items()}
        shape["angle"] = shape["angle"] + np.concatenate([np.zeros(n), near["turned"]])[order]
        lit = Lit(
            picture=picture[order],
            x=joined("x", near["x"]),
            y=joined("y", near["y"]),
            flux=10.0 ** (0.4 * (ZERO_POINT_MAG - banded("mag"))),
            bulge=banded("bulge_fraction"),
            point=banded("point_fraction"),
            **shape,
            subtracted=np.concatenate([np.zeros(n), near["subtracted"]])[order],
            psf_fwhm=seen("psf_fwhm_arcsec"),
            psf_g1=seen("psf_g1"),
            psf_g2=seen("psf_g2"),
            sky_sigma=seen("sky_sigma"),
        )
        return Batch(number, own, lit)


def _with(rest: pa.Table | None, new: pa.Table) -> pa.Table:
    return new if rest is None else pa.concat_tables([rest, new])


def _numpy(table: pa.Table) -> dict[str, np.ndarray]:
    return {name: table[name].to_numpy() for name in table.column_names}
