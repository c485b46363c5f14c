"""Read SQLite files, such as the archive's sqlite3 output."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.ingest.source import BadRow, Block, Source, clean_name

ROWS = 10_000
_HINT = "Download the file again, then land it."


def open_sqlite(path: Path) -> Source:
    """Open the one table of an SQLite file that has a column object_id."""
    journal = path.with_name(path.name + "-wal")
    if journal.is_file() and journal.stat().st_size:
        raise InputError(
            f"{path} has rows that are only in {journal.name}.",
            f"Type: sqlite3 {path.name} 'pragma wal_checkpoint(truncate)'",
        )
    _check_size(path)
    try:
        with closing(_connect(path)) as connection:
            tables = [
                name
                for (name,) in connection.execute("select name from sqlite_master where type = 'table' order by name")
                if not name.startswith("sqlite_")
            ]
            found = {table: connection.execute(f"pragma table_info({_name(table)})").fetchall() for table in tables}
            table = _pick(path, found)
            total = connection.execute(f"select count(*) from {_name(table)}").fetchone()[0]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path} is damaged: {error}.", _HINT) from None
    names = [clean_name(entry[1], position) for position, entry in enumerate(found[table])]
    types = [_type(entry[2]) for entry in found[table]]
    return Source(path, "sqlite", names, types, lambda hopes, nulls: _blocks(path, table, names, types, total))


def _check_size(path: Path) -> None:
    """Check the file's size, because SQLite reads a missing last page as zeros."""
    with open(path, "rb") as file:
        head = file.read(100)
    page = int.from_bytes(head[16:18], "big")
    # 1 means 65,536, which the two bytes cannot hold; the number of pages is right where both counters are one.
    page, pages = 65536 if page == 1 else page, int.from_bytes(head[28:32], "big")
    is_told = len(head) == 100 and page > 0 and pages > 0 and head[24:28] == head[92:96]
    actual, expected = path.stat().st_size, page * pages
    if len(head) < 100 or (is_told and actual < expected) or (page and actual % page):
        told = f" where its header says {expected:,}" if is_told else ""
        raise InputError(f"{path} is cut short: it has {actual:,} bytes{told}.", _HINT)


def _pick(path: Path, found: dict[str, list]) -> str:
    having = [
        table for table, entries in found.items() if any(clean_name(e[1], 0).lower() == "object_id" for e in entries)
    ]
    if len(having) == 1:
        return having[0]
    if having:
        raise InputError(
            f"{path} has several tables with object_id: {', '.join(having)}.",
            "Write each to a file of its own and land those.",
        )
    known = ", ".join(found) or "none"
    raise InputError(f"{path} has no table with a column object_id; its tables: {known}.")


def _connect(path: Path) -> sqlite3.Connection:
    # Immutable: nothing is written next to the file, whose folder may be read-only.
    connection = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )
    connection.execute("pragma trusted_schema = off")
    return connection


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _type(declared: str) -> pa.DataType:
    """SQLite's own affinity rules; what has none is landed as text."""
    declared = declared.upper()
    if "INT" in declared:
        return pa.int64()
    if any(word in declared for word in ("REAL", "FLOA", "DOUB")):
        return pa.float64()
    return pa.string()


def _blocks(path: Path, table: str, names: list[str], types: list, total: int) -> Iterator[Block]:
    row, size = 1, path.stat().st_size
    try:
        with closing(_connect(path)) as connection:
            # Not by an index: the order of the table is the order of the rows.
            cursor = connection.execute(f"select * from {_name(table)} not indexed")
            while cells := cursor.fetchmany(ROWS):
                yield _block(cells, names, types, row, size * len(cells) // max(total, 1))
                row += len(cells)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}, table {table}, after row {row - 1}: {error}.", _HINT) from None


def _block(cells: list[tuple], names: list[str], types: list, row: int, size: int) -> Block:
    numbers = np.arange(row, row + len(cells), dtype=np.int64)
    columns = [_column(values, kind) for values, kind in zip(zip(*cells, strict=True), types, strict=True)]
    if all(column is not None for column in columns):
        return Block(columns, numbers, size)
    good, rows, bad = [], [], []
    for number, line in zip(numbers.tolist(), cells, strict=True):
        wrong = next((i for i, kind in enumerate(types) if _column([line[i]], kind) is None), None)
        if wrong is None:
            good.append(line)
            rows.append(number)
        else:
            reason = f"is not {types[wrong]}, the type that the table declares"
            text = ",".join("" if cell is None else str(cell) for cell in line)
            bad.append(BadRow(number, None, names[wrong], str(line[wrong]), reason, text))
    columns = [_column([line[i] for line in good], kind) for i, kind in enumerate(types)]
    return Block(columns, np.array(rows, np.int64), size, None, bad)


def _column(values, kind: pa.DataType) -> pa.Array | None:
    """The values in the declared type, or as text where it is text; None where one does not fit."""
    try:
        if kind == pa.string():
            return pa.array([v if v is None or isinstance(v, str) else _text(v) for v in values], kind)
        if kind == pa.int64() and any(isinstance(v, float) for v in values):
            return None
        return pa.array(values, kind, from_pandas=False)
    except (pa.ArrowException, UnicodeError, OverflowError):
        return None


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else repr(value)
