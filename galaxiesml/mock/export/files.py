"""Write tables a batch at a time: CSV, CSV.gz and FITS as the archive writes them, and Parquet."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.system.atomic import appearing

FORMATS = ("csv.gz", "csv", "parquet", "fits")
#: Bytes of a text in FITS; the longest name of two surveys is shorter.
_TEXT_BYTES = 72
_FITS = {pa.int64(): ("K", ">i8"), pa.float64(): ("D", ">f8"), pa.bool_(): ("L", "u1")}


@contextlib.contextmanager
def open_table(path: Path, kind: str, schema: pa.Schema, rows: int) -> Iterator[Callable[[pa.Table], None]]:
    """A function that appends to the file, which appears under its name once it is whole.

    Parameters
    ----------
    kind : str
        One of FORMATS.
    rows : int
        How many there will be in all; FITS says so first.
    """
    opened = {"csv": _csv, "csv.gz": _csv_gz, "parquet": _parquet, "fits": _fits}[kind]
    with appearing(path) as making, opened(making, schema, rows) as write:
        yield write


@contextlib.contextmanager
def _csv(path: Path, schema: pa.Schema, rows: int):
    with open(path, "wb") as file:
        yield _csv_lines(file, schema)


@contextlib.contextmanager
def _csv_gz(path: Path, schema: pa.Schema, rows: int):
    # No name and no time in the file: equal rows make equal bytes.
    with (
        open(path, "wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed,
    ):
        yield _csv_lines(packed, schema)


def _csv_lines(file, schema: pa.Schema):
    import polars as pl

    file.write(("# " + ",".join(schema.names) + "\n").encode())
    return lambda table: file.write(pl.from_arrow(table).write_csv(include_header=False).encode())


@contextlib.contextmanager
def _parquet(path: Path, schema: pa.Schema, rows: int):
    import pyarrow.parquet as pq

    repeated = [item.name for item in schema if item.type in (pa.bool_(), pa.string())]
    repeated = [name for name in repeated if name not in ("coord", "specz_name")]
    with pq.ParquetWriter(path.absolute(), schema, compression="zstd", use_dictionary=repeated) as writer:
        yield writer.write_table


@contextlib.contextmanager
def _fits(path: Path, schema: pa.Schema, rows: int):
    """A binary table with, as the archive adds it, a column X_isnull for each column X but the identifier."""
    from astropy.io import fits

    columns, fields = [], []
    for item in schema:
        form, dtype = _FITS.get(item.type, (f"{_TEXT_BYTES}A", f"S{_TEXT_BYTES}"))
        columns.append(fits.Column(item.name, form))
        fields.append((item.name, dtype))
        if item.name != "object_id":
            columns.append(fits.Column(f"{item.name}_isnull", "L"))
            fields.append((f"{item.name}_isnull", "u1"))
    header = fits.BinTableHDU.from_columns(columns).header
    header["NAXIS2"] = rows
    record = np.dtype(fields)
    with open(path, "wb") as file:
        file.write(fits.PrimaryHDU().header.tostring().encode() + header.tostring().encode())
        yield lambda table: file.write(_records(table, record))
        file.write(b"\0" * (-(rows * record.itemsize) % 2880))


def _records(table: pa.Table, record: np.dtype) -> bytes:
    out = np.zeros(table.num_rows, record)
    for name in table.column_names:
        column = table[name].combine_chunks()
        missing = column.is_null().to_numpy(zero_copy_only=False)
        if name != "object_id":
            out[f"{name}_isnull"] = _logical(missing)
        if pa.types.is_boolean(column.type):
            out[name] = _logical(column.fill_null(False).to_numpy(zero_copy_only=False))
        elif pa.types.is_string(column.type):
            out[name] = np.array(column.fill_null("").to_pylist(), f"S{_TEXT_BYTES}")
        else:
            out[name] = column.fill_null(0).to_numpy(zero_copy_only=False)
    return out.tobytes()


def _logical(values: np.ndarray) -> np.ndarray:
    return np.where(values, ord("T"), ord("F")).astype("u1")
