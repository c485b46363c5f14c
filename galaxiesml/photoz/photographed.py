"""The stored pictures of a catalogue's galaxies, as estimators read them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError
from galaxiesml.photoz.data import SPLITS, Data
from galaxiesml.photoz.pictures import Pictures
from galaxiesml.pixels.frame import put
from galaxiesml.pixels.store import Shards
from galaxiesml.samples.pictures import complete


@dataclass(frozen=True)
class Stored:
    """Pictures in a catalogue's store, in the frame of the training files; a source of `Pictures`.

    Attributes
    ----------
    shards : Shards
    names : tuple of str
        Of the shards: hashes of what was landed.
    shard, offset : ndarray (n, bands) of int
        Which shard a picture is in, and its first byte there.
    shape : ndarray (n, bands, 2) of int
        Its rows and columns.
    """

    shards: Shards
    names: tuple[str, ...]
    shard: np.ndarray
    offset: np.ndarray
    shape: np.ndarray

    #: A frame has any size: what a picture does not cover is 0.
    side = None

    def read(self, rows: np.ndarray, size: int) -> np.ndarray:
        made = np.zeros((len(rows), self.shard.shape[1], size, size), np.float32)
        for frames, row in zip(made, rows, strict=True):
            for band, frame in enumerate(frames):
                name, shape = self.names[self.shard[row, band]], tuple(self.shape[row, band].tolist())
                put(self.shards.layer(name, int(self.offset[row, band]), shape, "image"), frame)
        # Pages that were read would count as this process's memory.
        self.shards.forget()
        return made

    def digest(self, rows: np.ndarray) -> str:
        """Of where the pictures are: a shard never changes, and its name is a hash of its content."""
        used, place = np.unique(self.shard[rows], return_inverse=True)
        made = hashlib.sha256(" ".join(self.names[number] for number in used).encode())
        for values in (place, self.offset[rows], self.shape[rows]):
            made.update(np.ascontiguousarray(values, np.int64).tobytes())
        return made.hexdigest()


@dataclass
class Photographed:
    """The galaxies of a catalogue that have a picture in every filter.

    Attributes
    ----------
    object_id : ndarray (n,) of int64
        Ascending.
    source : Stored
    extinction : ndarray (n, bands) of float32
        In magnitudes; NaN where unknown.
    without : int
        Galaxies that `join` has left out so far, because they have no such picture.
    """

    object_id: np.ndarray
    source: Stored
    extinction: np.ndarray
    without: int = 0

    @classmethod
    def of(cls, catalog: Catalog, bands: tuple[str, ...], version: str) -> Photographed:
        """Find the pictures of a version's galaxies in the published build, and the extinction towards them.

        Raises
        ------
        CatalogError
            The build has none.
        """
        if "pictures" not in catalog.tables():
            raise CatalogError("The published build has no pictures.", catalog.next_for("cutouts"))
        with catalog.connect() as connection:
            connection.register("photographed", complete(connection, list(bands)))
            there = set(connection.table(f"galaxies_{version}").columns)
            columns = [f"galaxies.a_{band}" if f"a_{band}" in there else f"null::double as a_{band}" for band in bands]
            table = connection.sql(f"""
                select photographed.*, {", ".join(columns)}
                from photographed
                inner join galaxies_{version} as galaxies on photographed.object_id = galaxies.object_id
                order by photographed.object_id
            """).to_arrow_table()
        if not len(table):
            raise CatalogError(f"No galaxy of {version} has a picture in every filter.", catalog.next_for("cutouts"))
        extinction = [table[f"a_{band}"].to_numpy(zero_copy_only=False) for band in bands]
        return cls(
            table["object_id"].to_numpy(),
            _source(catalog, table, len(bands)),
            np.stack(extinction, axis=1).astype(np.float32),
        )

    def join(self, data: Data) -> Data:
        """Those galaxies of some data that have pictures, with them."""
        place = np.minimum(np.searchsorted(self.object_id, data.object_id), len(self.object_id) - 1)
        known = np.flatnonzero(self.object_id[place] == data.object_id)
        self.without += len(data) - len(known)
        pictures = Pictures((self.source,), np.zeros(len(known), np.int32), place[known])
        # A catalogue does not tell the width of the PSF.
        width = np.full((len(known), len(data.bands)), np.nan, np.float32)
        conditions = np.concatenate([width, self.extinction[place[known]]], axis=1)
        return replace(data.take(known), pictures=pictures, conditions=conditions)


def with_pictures(catalog: Catalog, data: Data, version: str) -> tuple[Data, int]:
    """Galaxies with their pictures, and how many were left out for want of one.

    Raises
    ------
    CatalogError
        A split that trains or validates has no galaxy with pictures.
    """
    found = Photographed.of(catalog, data.bands, version)
    joined = found.join(data)
    if empty := [name for name in SPLITS[:2] if not (joined.split == name).any()]:
        raise CatalogError(
            f"No galaxy with pictures is in {' or '.join(empty)}.", "See which galaxies have some: galaxiesml status"
        )
    return joined, found.without


def _source(catalog: Catalog, table: pa.Table, bands: int) -> Stored:
    names = np.unique(np.concatenate([table[f"shard_{band}"].to_numpy(zero_copy_only=False) for band in range(bands)]))

    def columns(name: str) -> np.ndarray:
        return np.stack([table[f"{name}_{band}"].to_numpy(zero_copy_only=False) for band in range(bands)], axis=1)

    return Stored(
        shards=Shards(catalog.raw / "cutouts"),
        names=tuple(map(str, names)),
        shard=np.searchsorted(names, columns("shard")).astype(np.int32),
        offset=columns("image_offset").astype(np.int64),
        shape=np.stack([columns("height"), columns("width")], axis=2).astype(np.int32),
    )
