"""Run one read-only SQL statement on a catalogue, and write its rows as text, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.errors import GalaxiesmlError, UsageError
from galaxiesml.query.hints import unknown_name
from galaxiesml.query.reading import reading
from galaxiesml.system.atomic import appearing
from galaxiesml.system.refusals import refusal

#: Rows that are fetched at a time: output streams, memory does not grow with the answer.
BATCH = 10_000


def ask(catalog: Catalog, query: str, **settings) -> duckdb.DuckDBPyConnection:
    """Run one read-only statement.

    Parameters
    ----------
    query : str
        One SELECT, or EXPLAIN of one.
    **settings
        threads and memory_limit, as :meth:`Catalog.connect` takes them.

    Returns
    -------
    duckdb.DuckDBPyConnection
        With the result to fetch.

    Raises
    ------
    UsageError
        The text is not a single read-only statement, or names a table or column that does not exist.
    """
    return ask_again(catalog, catalog.connect(**settings), query)


def ask_again(catalog: Catalog, connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    """Run one read-only statement on a connection that the catalogue has opened; `ask` tells the rest."""
    return _execute(catalog, connection, reading(connection, query), query)


def _execute(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, statement, query: str
) -> duckdb.DuckDBPyConnection:
    try:
        return _interruptible(connection, lambda: connection.execute(statement))
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise unknown_name(error, connection, query, list(catalog.profile.bands)) from error
    except duckdb.Error as error:
        raise _told(error) from error


def _told(error: duckdb.Error) -> GalaxiesmlError:
    """Convert an error of DuckDB: a failed query is a usage error, unless disk or memory caused it."""
    of_machine = isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException)
    return (refusal(error) if of_machine else None) or UsageError(str(error))


def _interruptible(connection: duckdb.DuckDBPyConnection, work: Callable):
    """Work in a second thread: DuckDB may look for Ctrl-C too late, a main thread that waits sees it at once."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            return future.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def names(result: duckdb.DuckDBPyConnection) -> list[str]:
    return [column[0] for column in result.description]


def batches(result: duckdb.DuckDBPyConnection) -> Iterator[list[tuple]]:
    """The result's rows, some at a time."""
    while rows := fetch(result, BATCH):
        yield rows


def fetch(result: duckdb.DuckDBPyConnection, count: int) -> list[tuple]:
    """Fetch at most ``count`` rows; the query runs while rows are fetched, and may still fail."""
    try:
        return _interruptible(result, lambda: result.fetchmany(count))
    except duckdb.Error as error:
        raise _told(error) from error


def write_csv(result: duckdb.DuckDBPyConnection, out) -> int:
    """Rows as CSV with a header; NULL is empty, a truth is true or false, a double has all its digits."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names(result))
    count = 0
    for rows in batches(result):
        writer.writerows([_plain(value) for value in row] for row in rows)
        count += len(rows)
    return count


def _plain(value):
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else value


def write_json(result: duckdb.DuckDBPyConnection, out) -> int:
    """Write rows as one JSON array, one object per line; NaN and infinities, which JSON does not have, are null."""
    columns, count = names(result), 0
    out.write("[")
    for rows in batches(result):
        for row in rows:
            fields = {name: _json(value) for name, value in zip(columns, row, strict=True)}
            out.write(("\n" if count == 0 else ",\n") + json.dumps(fields, default=str, allow_nan=False))
            count += 1
    out.write("\n]\n")
    return count


def _json(value):
    if isinstance(value, list | tuple):
        return [_json(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _json(each) for name, each in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_parquet(catalog: Catalog, query: str, path: Path, **settings) -> int:
    """Write a query's rows as a Parquet file; it appears complete or not at all."""
    _check_folder(path)
    connection = catalog.connect(**settings)
    body = reading(connection, query).query.strip().rstrip(";")
    with appearing(path) as making:
        copying = f"copy ({body}\n) to {quote(making)} (format parquet, compression zstd)"
        copied = _execute(catalog, connection, copying, body)
        return copied.fetchone()[0]


def write_text(path: Path, write, result: duckdb.DuckDBPyConnection) -> int:
    """Write CSV or JSON to a file that appears complete or not at all."""
    _check_folder(path)
    with appearing(path) as making, open(making, "w", newline="", encoding="utf-8") as out:
        return write(result, out)


def _check_folder(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(
            f"{path} cannot be written: " + ("it is a folder." if path.is_dir() else f"no folder {path.parent}.")
        )
