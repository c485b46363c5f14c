"""Write a query's rows as the archive sends them: csv, csv.gz, fits, sqlite3."""

from __future__ import annotations

import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

#: Name of the only table of an sqlite3 answer; the archive's own name is not known here.
SQLITE_TABLE = "table_1"
_NUMBERS = (pa.int64(), pa.float64(), pa.bool_(), pa.string())


def plain(rows: pa.Table) -> pa.Table:
    """The rows in the four kinds of values that every format has; a name that stands twice is refused by none."""
    columns = [_plain(column) for column in rows.columns]
    return pa.table(columns, names=_unique(rows.column_names))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_integer(kind) and kind != pa.uint64():
        return column.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or kind == pa.uint64():
        return column.cast(pa.float64())
    return column if kind in _NUMBERS else column.cast(pa.string())


def _unique(names: list[str]) -> list[str]:
    """PostgreSQL's way with two columns of one name is to send both; a table needs names apart."""
    found: list[str] = []
    for name in names:
        again = sum(one == name or one.startswith(f"{name}_") for one in found) if name in found else 0
        found.append(f"{name}_{again}" if again else name)
    return found


def write(rows: pa.Table, form: str, path: Path, comments: list[str]) -> None:
    """Write rows to a file that no one reads before this returns.

    Parameters
    ----------
    rows : pyarrow.Table
        As `plain` makes them.
    form : str
        A key of `FORMATS`.
    comments : list of str
        Lines that stand above the header of csv and csv.gz.
    """
    FORMATS[form](rows, path, comments)


def _csv_parts(rows: pa.Table, comments: list[str]):
    import polars as pl

    header = "".join(f"# {line}\n" for line in [*comments, ",".join(rows.column_names)])
    yield header.encode()
    for batch in rows.to_batches(max_chunksize=100_000):
        yield pl.from_arrow(batch).write_csv(include_header=False).encode()


def _csv(rows: pa.Table, path: Path, comments: list[str]) -> None:
    with open(path, "wb") as file:
        file.writelines(_csv_parts(rows, comments))


def _csv_gz(rows: pa.Table, path: Path, comments: list[str]) -> None:
    # No name and no time in the file: equal rows make equal bytes.
    with open(path, "wb") as file, gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
        for part in _csv_parts(rows, comments):
            packed.write(part)


def _fits(rows: pa.Table, path: Path, comments: list[str]) -> None:
    """A binary table with a column X_isnull beside each column X that may be null: all but the identifier."""
    from astropy.io import fits

    columns = []
    for name in rows.column_names:
        column = rows[name].combine_chunks()
        missing = column.is_null().to_numpy(zero_copy_only=False)
        columns.append(_fits_column(name, column))
        if name != "object_id":
            columns.append(fits.Column(f"{name}_isnull", "L", array=missing))
    table = fits.BinTableHDU.from_columns(columns, nrows=rows.num_rows)
    with open(path, "wb") as file:
        fits.HDUList([fits.PrimaryHDU(), table]).writeto(file)


def _fits_column(name: str, column: pa.Array):
    from astropy.io import fits

    if pa.types.is_string(column.type):
        texts = [text.encode() for text in column.fill_null("").to_pylist()]
        width = max((len(text) for text in texts), default=0) or 1
        return fits.Column(name, f"{width}A", array=np.array(texts, f"S{width}"))
    form, empty = {pa.int64(): ("K", 0), pa.float64(): ("D", 0.0), pa.bool_(): ("L", False)}[column.type]
    return fits.Column(name, form, array=column.fill_null(empty).to_numpy(zero_copy_only=False))


def _sqlite(rows: pa.Table, path: Path, comments: list[str]) -> None:
    """One table.  SQLite has no NaN: it is NULL there."""
    kinds = {pa.int64(): "INTEGER", pa.float64(): "REAL", pa.bool_(): "BOOLEAN", pa.string(): "TEXT"}
    quoted = [('"' + item.name.replace('"', '""') + '"', kinds[item.type]) for item in rows.schema]
    connection = sqlite3.connect(path)
    try:
        connection.execute(f"create table {SQLITE_TABLE} ({', '.join(' '.join(one) for one in quoted)})")
        places = ", ".join("?" * len(quoted))
        for batch in rows.to_batches(max_chunksize=10_000):
            values = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            connection.executemany(f"insert into {SQLITE_TABLE} values ({places})", values)
        connection.commit()
    finally:
        connection.close()


FORMATS: dict[str, Callable[[pa.Table, Path, list[str]], None]] = {
    "csv": _csv,
    "csv.gz": _csv_gz,
    "fits": _fits,
    "sqlite3": _sqlite,
}
MEDIA = {
    "csv": "text/csv",
    "csv.gz": "application/gzip",
    "fits": "application/fits",
    "sqlite3": "application/vnd.sqlite3",
}
