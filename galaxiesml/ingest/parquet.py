"""Read Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.errors import InputError
from galaxiesml.ingest.file_units import parquet_units
from galaxiesml.ingest.source import BLOCK_BYTES, Block, Source, clean_name

_HINT = "Download the file again, then land it."


def open_parquet(path: Path) -> Source:
    """Open a Parquet file; maps, unions and half-precision columns inside others are dropped and named."""
    try:
        with pq.ParquetFile(path.absolute()) as file:
            schema, metadata = file.schema_arrow, file.metadata
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is cut short or damaged: {error}.", _HINT) from None
    names, types, kept, dropped = [], [], [], {}
    for position, column in enumerate(schema):
        name = clean_name(column.name, position)
        if (kind := plain_type(column.type)) is None:
            dropped[name] = f"its type is {column.type}"
            continue
        names.append(name)
        types.append(kind)
        kept.append(position)
    return Source(
        path,
        "parquet",
        names,
        types,
        lambda hopes, nulls: _blocks(path, metadata, kept, types),
        dropped,
        parquet_units(schema),
    )


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The type in which a column is landed, without dictionaries, extensions or views; None if it cannot be landed."""
    if isinstance(kind, pa.ExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = plain_type(kind.value_type)
        if inner is None or not (pa.types.is_primitive(inner) or pa.types.is_string(inner)):
            return None
        return pa.list_(inner, kind.list_size) if pa.types.is_fixed_size_list(kind) else pa.list_(inner)
    return None if pa.types.is_nested(kind) else kind


def _blocks(path: Path, metadata, kept: list[int], types: list[pa.DataType]) -> Iterator[Block]:
    total, size = max(metadata.num_rows, 1), path.stat().st_size
    width = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups)) // total
    count = int(np.clip(BLOCK_BYTES // max(width, 1), 1024, 65536))
    row = 1
    try:
        # Not pre-buffered: a file of one huge row group must not be held in memory.
        with pq.ParquetFile(path.absolute(), pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(batch_size=count, use_threads=False):
                columns = [_plain(batch.column(place), kind) for place, kind in zip(kept, types, strict=True)]
                rows = np.arange(row, row + batch.num_rows, dtype=np.int64)
                yield Block(columns, rows, size * batch.num_rows // total)
                row += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}, after row {row - 1}: {error}.", _HINT) from None


def _plain(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = array if array.type == kind else array.cast(kind)
    # Nothing else looks whether text is UTF-8, and DuckDB would refuse the landed file, and all with it.
    array.validate(full=True)
    return array
