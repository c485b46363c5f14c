"""Write the twins of the released HDF5 files, CSV or Parquet: the same galaxies in the same order, without images."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import duckdb
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.pixels.frame import FRAME
from galaxiesml.release.layout import Key, in_sql, keys
from galaxiesml.samples import morphology
from galaxiesml.samples.selection import Selection, counts, select
from galaxiesml.system.atomic import appearing


def export_twins(catalog: Catalog, selection: Selection, folder: Path, fill: float = 0.0) -> list[dict]:
    """Write one CSV a split, a column a key in alphabetical order; NULL is an empty field.

    Returns
    -------
    list of dict
        path, split, galaxies.

    Raises
    ------
    CatalogError
        No galaxy has pictures in all filters and a split; nothing is written.
    """
    connection = select(catalog, selection)
    rows = counts(catalog, connection, selection)
    bands = len(catalog.profile.bands)
    measured = morphology.is_measured(catalog)
    listed = [key for key in keys(catalog.profile, FRAME) if key.source != "image"]
    columns = ", ".join(in_sql(key, fill, measured) for key in listed)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for split in SPLITS:
        path = folder / f"{bands}x{FRAME}x{FRAME}_{split}_with_morphology.csv"
        with appearing(path) as making:
            connection.execute(f"""
                copy (
                    select {columns} from galaxies_{selection.version} as galaxies
                    inner join chosen on galaxies.object_id = chosen.object_id
                    {morphology.join(measured)}
                    where chosen.split = '{split}' order by galaxies.object_id
                ) to {quote(making)} (header, delimiter ',')
            """)
        made.append({"path": str(path), "split": split, "galaxies": rows[split]})
    return made


#: Rows of a row group.
_GROUP = 32_768
#: Rows of a row group with images: of 127 pixels, 20 MB.
_IMAGES = 64
_ARROW = {"<i8": pa.int64(), "<f8": pa.float64(), "?": pa.bool_(), "S": pa.string()}


def twin_keys(catalog: Catalog) -> list[Key]:
    """Columns of a Parquet twin: object_id, then the others in alphabetical order."""
    listed = [key for key in keys(catalog.profile, FRAME) if key.source != "image"]
    return sorted(listed, key=lambda key: (key.name != "object_id", key.name))


def write_parquet_twin(
    catalog: Catalog,
    connection: duckdb.DuckDBPyConnection,
    version: str,
    split: str,
    path: Path,
    facts: dict,
    images: Path | None = None,
) -> None:
    """Write one split as Parquet, rows in the order of the HDF5 file; NULL is NULL, also in morphology.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the table ``chosen``.
    facts : dict
        What the file says of itself.
    images : Path, optional
        The HDF5 file of the split, whose images become a last column of nested lists, (filter, row, column).
    """
    measured = morphology.is_measured(catalog)
    listed = twin_keys(catalog)
    wanted = ", ".join(
        in_sql(key, 0.0, measured)
        if key.source == "catalogue"
        else f'{f"{morphology.ALIAS}." if measured else "cast(null as double) as "}"{key.name}"'
        for key in listed
    )
    relation = connection.sql(f"""
        select {wanted} from galaxies_{version} as galaxies
        inner join chosen on galaxies.object_id = chosen.object_id
        {morphology.join(measured)}
        where chosen.split = '{split}' order by galaxies.object_id
    """)
    with contextlib.ExitStack() as stack:
        pixels = stack.enter_context(h5py.File(images))["image"] if images else None
        schema, group = _twin_schema(listed, facts, pixels), _GROUP if pixels is None else _IMAGES
        making = stack.enter_context(appearing(path))
        writer = stack.enter_context(pq.ParquetWriter(making.absolute(), schema, compression="zstd"))
        at = 0
        for batch in relation.to_arrow_reader(group):
            columns = batch.columns
            if pixels is not None:
                columns = [*columns, _nested(pixels[at : at + len(batch)])]
                at += len(batch)
            arrays = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema), group)


def _twin_schema(listed: list[Key], facts: dict, pixels: h5py.Dataset | None) -> pa.Schema:
    """Columns with unit and description, those of the images last."""
    fields = [
        pa.field(key.name, _ARROW[key.dtype], metadata={"unit": key.unit, "description": key.description})
        for key in listed
    ]
    if pixels is not None:
        words = {"unit": "adu", "description": pixels.attrs["description"]}
        fields.append(pa.field("image", pa.list_(pa.list_(pa.list_(pa.float32()))), metadata=words))
    return pa.schema(fields, metadata={"galaxiesml": json.dumps(facts)})


def _nested(images: np.ndarray) -> pa.Array:
    """Images as lists of lists of lists."""
    made = pa.array(images.reshape(-1))
    for axis in (3, 2, 1):
        count = int(np.prod(images.shape[:axis]))
        made = pa.ListArray.from_arrays(np.arange(count + 1, dtype=np.int32) * images.shape[axis], made)
    return made
