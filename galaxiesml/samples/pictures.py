"""Read pictures of chosen galaxies block by block, in the frame of training files."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa

from galaxiesml.pixels.frame import put
from galaxiesml.pixels.store import Shards

#: Galaxies of a block.
BLOCK = 64
#: Rows that the query gives at a time.
_ROWS = 4096
#: Where a picture is stored: shard, first byte, (rows, columns).
Place = tuple[str, int, tuple[int, int]]

#: Layers of a picture, and where the manifest says that each is.
COLUMNS = {
    **{layer: ("shard", f"{layer}_offset", "height", "width") for layer in ("image", "variance", "mask")},
    "psf": ("psf_shard", "psf_offset", "psf_height", "psf_width"),
}
#: The projection of a picture on the sky, as FITS names it; pixels are counted from 0.
WCS = ("crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2")


def with_pixels(connection: duckdb.DuckDBPyConnection) -> str:
    """A query of the published build's pictures whose pixels are landed.

    Of a tar that was removed since the build, the build has rows and the store no pixels.  A build that was made before
    the manifest had the projection gets it from the store.
    """
    columns = connection.table("pictures").columns
    has_wcs = WCS[0] in columns
    wcs = "" if has_wcs else "".join(f", landed.{name}" for name in WCS)
    key = ", if(psf.shard is null, '', pictures.psf_key) as psf_key" if "psf_key" in columns else ""
    return f"""
        select pictures.* replace (if(psf.shard is null, null, pictures.psf_offset) as psf_offset{key}){wcs}
        from pictures
        inner join cutout_pictures as landed on pictures.shard = landed.shard and pictures.member = landed.member
        left join (select distinct shard from psf_pictures) as psf on pictures.psf_shard = psf.shard
        where pictures.image_offset is not null
    """


def blocks(
    connection: duckdb.DuckDBPyConnection,
    split: str,
    bands: list[str],
    start: int = 0,
    layers: tuple[str, ...] = ("image",),
) -> Iterator[dict[str, list[list[Place | None]]]]:
    """Where the pictures of a split's galaxies are, by object_id.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the table ``chosen`` that :func:`galaxiesml.samples.selection.select` makes.
    split : str
        training, validation or testing.
    bands : list of str
        Filters, in the order of the lists.
    start : int
        Galaxies to leave out at the beginning.
    layers : tuple of str
        Of image, variance, mask and psf.

    Yields
    ------
    dict of str to list of list of Place or None
        A layer's places in each filter of up to 64 galaxies; None where there is none.
    """
    wanted = ", ".join(
        f"max(case when band = '{band}' then {column} end) as {layer}_{number}_{column}"
        for layer in layers
        for number, band in enumerate(bands)
        for column in COLUMNS[layer]
    )
    relation = connection.sql(f"""
        select chosen.object_id, {wanted}
        from chosen left join ({_present(layers)}) as pictures on chosen.object_id = pictures.object_id
        where chosen.split = '{split}' group by chosen.object_id order by chosen.object_id
        offset {start}
    """)
    starts = {layer: 4 * len(bands) * number for number, layer in enumerate(layers)}
    block: dict[str, list] = {layer: [] for layer in layers}
    for batch in relation.to_arrow_reader(_ROWS):
        columns = [column.to_pylist() for column in batch.columns[1:]]
        for row in zip(*columns, strict=True):
            for layer, first in starts.items():
                places = range(first, first + 4 * len(bands), 4)
                block[layer].append([_place(row[place : place + 4]) for place in places])
            if len(block[layers[0]]) == BLOCK:
                yield block
                block = {layer: [] for layer in layers}
    if block[layers[0]]:
        yield block


def _present(layers: tuple[str, ...]) -> str:
    """The pictures; of a PSF whose tar was removed since the build there is none."""
    if "psf" not in layers:
        return "pictures"
    return """
        select pictures.* replace (if(psf.shard is null, null, pictures.psf_offset) as psf_offset)
        from pictures left join (select distinct shard from psf_pictures) as psf on pictures.psf_shard = psf.shard
    """


def psf_side(connection: duckdb.DuckDBPyConnection) -> int:
    """Pixels of the longest side of the PSF pictures of the chosen galaxies; 0 where there is none."""
    ((side,),) = connection.execute(f"""
        select coalesce(max(greatest(psf_height, psf_width)), 0) from ({_present(("psf",))}) as pictures
        where psf_offset is not null and object_id in (select object_id from chosen)
    """).fetchall()
    return side


def complete(connection: duckdb.DuckDBPyConnection, bands: list[str]) -> pa.Table:
    """Where the pictures of every galaxy are that has one in each of some filters, by object_id.

    Returns
    -------
    pyarrow.Table
        object_id, and shard_<n>, image_offset_<n>, height_<n> and width_<n> of each filter, in their order.
    """
    wanted = ", ".join(
        f"max({column}) filter (band = '{band}') as {column}_{number}"
        for number, band in enumerate(bands)
        for column in ("shard", "image_offset", "height", "width")
    )
    names = ", ".join(f"'{band}'" for band in bands)
    return connection.sql(f"""
        select object_id, {wanted} from ({with_pixels(connection)}) where band in ({names})
        group by object_id having count(distinct band) = {len(bands)} order by object_id
    """).to_arrow_table()


def _place(row: tuple) -> Place | None:
    shard, offset, height, width = row
    return None if offset is None else (shard, offset, (height, width))


def fill(
    shards: Shards, places: list[list[Place | None]], out: np.ndarray, layer: str = "image", empty: int = 0
) -> int:
    """Frame the pictures of some galaxies; what is not finite, and what no picture covers, is 0.

    Parameters
    ----------
    places : list of list of Place or None
        As `blocks` gives them of a layer.
    out : ndarray, shape (galaxies or more, filters, size, size)
        Filled from its beginning.
    layer : str
        image, variance, mask or psf.
    empty : int
        What stands where no picture covers the frame.

    Returns
    -------
    int
        Pixels that were not finite.
    """
    wrong = 0
    for galaxy, pictures in enumerate(places):
        for band, place in enumerate(pictures):
            target = out[galaxy, band]
            target[...] = empty
            if place is not None:
                put(shards.layer(*place, layer), target)
    if out.dtype.kind == "f" and not np.isfinite(out[: len(places)].sum(dtype=np.float64)):
        bad = ~np.isfinite(out[: len(places)])
        wrong = int(bad.sum())
        out[: len(places)][bad] = 0
    return wrong
