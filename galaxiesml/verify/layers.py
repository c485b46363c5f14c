"""Compare the layers beside the image, where a file has them, with the bytes that were landed."""

from __future__ import annotations

import zlib
from pathlib import Path

import duckdb
import h5py
import numpy as np

from galaxiesml.verify.expected import Build, parquet
from galaxiesml.verify.found import Difference
from galaxiesml.verify.pictures import framed
from galaxiesml.verify.values import layers_of

#: Types of the layers in the store.
_STORED = {"variance": "<f4", "mask": "<i4", "psf": "<f8"}
#: Rows that are asked for at a time.
_ROWS = 4096


def check_layers(connection: duckdb.DuckDBPyConnection, build: Build, number: int, file: h5py.File) -> None:
    """Compare every picture of every layer beside the image.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the table ``uses``.
    number : int
        Of the file in ``uses``.

    Raises
    ------
    Difference
        The first picture that differs, or whose bytes are not those that were landed.
    """
    for layer in layers_of(file):
        folder, prefix = build.root / "raw" / ("psf" if layer == "psf" else "cutouts"), "psf_" if layer == "psf" else ""
        empty = build.survey.no_data if layer == "mask" else 0
        landed = parquet(folder / "*" / "pictures.parquet")
        rows = connection.execute(
            f"""
            select uses.file_row, uses.band_at, uses.band, uses.object_id, shown.{prefix}shard, landed.{layer}_offset,
                landed.{layer}_crc, landed.height, landed.width
            from uses left join {build.mart("pictures")} as shown
                on uses.object_id = shown.object_id and uses.band = shown.band and shown.image_offset is not null
            left join {landed} as landed
                on shown.{prefix}shard = landed.shard and shown.{prefix}member = landed.member
            where uses.file = ? order by uses.file_row, uses.band_at
            """,
            [number],
        )
        while some := rows.fetchmany(_ROWS):
            for row, at, band, object_id, shard, *place in some:
                picture = None
                if place[0] is not None:
                    picture = _stored(folder / shard / "pixels.bin", layer, *place)
                _compare(file[layer], (layer, row, at, band, object_id), picture, empty)


def _stored(path: Path, layer: str, offset: int, crc: int, rows: int, columns: int) -> np.ndarray:
    dtype = np.dtype(_STORED[layer])
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(dtype.itemsize * rows * columns)
    if len(data) < dtype.itemsize * rows * columns or zlib.crc32(data) != crc:
        raise Difference(f"{path}: the bytes of a {layer} are not those that were landed")
    return np.frombuffer(data, dtype).reshape(rows, columns)


def _compare(dataset: h5py.Dataset, what: tuple, picture: np.ndarray | None, empty: int) -> None:
    layer, row, at, band, object_id = what
    found = dataset[row, at]
    right = np.full(found.shape, empty, found.dtype)
    if picture is not None:
        # Which pixel of the picture is where, from 1: the frame's zeros are where there is none.
        places = framed(np.arange(1, picture.size + 1).reshape(picture.shape), found.shape[-1])[0].astype(int)
        values = np.where(np.isfinite(picture), picture, 0).astype(found.dtype).ravel()
        right[places > 0] = values[places[places > 0] - 1]
    if not np.array_equal(found, right):
        y, x = (int(axis) for axis in np.argwhere(found != right)[0])
        words = (
            f"object {object_id} (row {row}): {layer}[{at} ({band}), {y}, {x}] is {found[y, x].item()!r} and should be "
            f"{right[y, x].item()!r}"
        )
        raise Difference(words, object_id, layer, (at, y, x))
