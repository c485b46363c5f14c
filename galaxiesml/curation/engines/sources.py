"""What is landed, planned and measured, as tables of an engine: named, typed and counted.

An engine that is told to read what it cannot see reads nothing, in silence: so each table's rows are counted against
the files' own metadata before the first model runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import parquet, schemas
from galaxiesml.catalog.stores import STORES, Store
from galaxiesml.errors import BuildError, UsageError

#: Spark's types of DuckDB's, as they land; a list's elements are translated alike.
_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "UINTEGER": "bigint",
    "UBIGINT": "decimal(20,0)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
}


#: Files that are written and read as a test of the mounts.
_PROBES = 32


class Schemas:
    """The schemas of one build on a server: their names start with the catalogue and the build.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
    catalog : Catalog
    build : str
        What tells this build from others of the catalogue: letters, digits and _.
    """

    def __init__(self, session, catalog: Catalog, build: str):
        self._session = session
        self._catalog = catalog
        digest = hashlib.sha256(str(catalog.root.resolve()).encode()).hexdigest()[:12]
        self._of_catalog = f"galaxiesml_{digest}_"
        self.main = f"{self._of_catalog}{build}"

    def of(self, source: str) -> str:
        """The schema of one of dbt's sources."""
        return f"{self.main}_{source}"

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """While it lasts, the schemas are there; what killed builds of this catalogue left is dropped first.

        The tables' files are the build folder's.
        """
        self._drop(self._of_catalog)
        try:
            for name in (self.main, *(self.of(source) for source in dict.fromkeys(store.source for store in STORES))):
                self._session.sql(f"create schema {name}")
            yield
        except BaseException:
            # What is still asked would go on elsewhere; and where the server is gone, that is not what went wrong.
            with contextlib.suppress(Exception):
                self._session.interruptAll()
            with contextlib.suppress(Exception):
                self._drop(self.main)
            raise
        self._drop(self.main)

    def _drop(self, start: str) -> None:
        # Sail calls the column name, Spark namespace.
        for row in self._session.sql("show databases").toArrow().to_pylist():
            name = row.get("namespace") or row.get("name")
            if name.startswith(start):
                self._session.sql(f"drop schema if exists {name} cascade")


def probe(session, schemas: Schemas, folder: Path) -> None:
    """Check that the engine and this process see one file system: each reads what the other has written.

    There are many files, so that every executor that is there gets a part of them.  The folder is made, and removed.

    Raises
    ------
    UsageError
        They do not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir(parents=True)
    for number in range(_PROBES):
        pq.write_table(pa.table({"probe": pa.array([number], pa.int64())}), ours / f"probe{number}.parquet")
    seen, told = None, ""
    try:
        session.sql(f"create table {schemas.main}.probe_ours (probe bigint) using parquet location {quoted(ours)}")
        seen = _answer(session, f"select count(distinct probe) from {schemas.main}.probe_ours")
        session.sql(
            f"create table {schemas.main}.probe_theirs using parquet location {quoted(theirs)} as "
            f"select /*+ repartition({_PROBES}) */ probe + 1 as probe from {schemas.main}.probe_ours"
        )
    except Exception as error:
        told = f"  The engine says: {first_line(error)}"
    files = sorted(theirs.glob("*.parquet")) if theirs.is_dir() else []
    back = {value for file in files for value in pq.read_table(file, partitioning=None)["probe"].to_pylist()}
    with contextlib.suppress(Exception):
        for name in ("ours", "theirs"):
            session.sql(f"drop table if exists {schemas.main}.probe_{name}")
    shutil.rmtree(folder, ignore_errors=True)
    if seen != _PROBES or back != {number + 1 for number in range(_PROBES)}:
        raise UsageError(
            f"The engine does not see {folder.parent} as this process does: of {_PROBES} files that were written here "
            f"it read {seen or 'none'}, and of {_PROBES} rows that it wrote {len(back) or 'none'} came here.{told}",
            "The catalogue must lie on the same path on driver and executors, on storage that all of them mount, and "
            "they must be allowed to read and to write it.",
        )


def create(session, catalog: Catalog, schemas: Schemas, connection) -> list[int]:
    """Make a table of each source, and check its rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Reads the files' columns and row counts.

    Returns
    -------
    list of int
        The number of rows of each source, for :func:`check`.

    Raises
    ------
    BuildError
        The engine reads another number of rows than the files have.
    """
    rows = []
    for store in STORES:
        name, columns = f"{schemas.of(store.source)}.{store.name}", _columns(connection, catalog, store)
        if apart := _of_other_types(connection, catalog, store):
            _union(session, name, columns, apart)
        else:
            _table(session, name, columns, catalog.root / store.path)
        rows += connection.execute(f"select count(*) from {_read(catalog, store)}").fetchone()
    check(session, catalog, schemas, rows)
    return rows


def _table(session, name: str, columns: dict[str, str], path: Path) -> None:
    declared = ", ".join(f"{_name(column)} {kind}" for column, kind in columns.items())
    session.sql(f"create table {name} ({declared}) using parquet location {quoted(path)}")


def _of_other_types(connection, catalog: Catalog, store: Store) -> list[tuple[Path, dict[str, str]]]:
    """A source's files, each with its columns' types, if a column has not the same type in all of them."""
    folder, star, rest = store.path.partition("/*")
    columns = schemas(catalog.root / folder, f"{star}{rest}".removeprefix("/"))
    # Of thousands of files one question: in most sources no name has two types.
    (differing,) = connection.execute(f"""
        select count(*) from (
            select name from {columns} where type is not null
            group by name having count(distinct (type, logical_type)) > 1
        )
    """).fetchone()
    if not differing:
        return []
    found = [
        (file, dict(row[:2] for row in connection.execute(f"describe select * from {parquet(file)}").fetchall()))
        for file in sorted(catalog.root.glob(store.path))
    ]
    kinds: dict[str, set[str]] = {}
    for _, types in found:
        for column, kind in types.items():
            kinds.setdefault(column, set()).add(kind)
    return found if any(len(of) > 1 for of in kinds.values()) else []


def _union(session, name: str, columns: dict[str, str], files: list[tuple[Path, dict[str, str]]]) -> None:
    """A view of a table a file: Sail reads none whose files differ in the type of any column."""
    parts = []
    for place, (file, types) in enumerate(files):
        _table(session, f"{name}_{place}", {column: spark_type(kind) for column, kind in types.items()}, file)
        chosen = ", ".join(
            f"cast({_name(column) if column in types else 'null'} as {kind}) as {_name(column)}"
            for column, kind in columns.items()
        )
        parts.append(f"select {chosen} from {name}_{place}")
    session.sql(f"create view {name} as {' union all '.join(parts)}")


def _name(column: str) -> str:
    """A column's name between backticks, whatever is in it."""
    return "`" + column.replace("`", "``") + "`"


def check(session, catalog: Catalog, schemas: Schemas, rows: list[int]) -> None:
    """Compare the number of rows of every source as the engine reads it with that of the files.

    An engine that cannot list a folder reads no rows, in silence; so before the models run and after.

    Parameters
    ----------
    rows : list of int
        Of each source, the number of rows that its files had.

    Raises
    ------
    BuildError
        They differ.
    """
    query = " union all ".join(
        f"select {place} as place, count(*) as counted from {schemas.of(store.source)}.{store.name}"
        for place, store in enumerate(STORES)
    )
    counted = {row["place"]: row["counted"] for row in session.sql(query).toArrow().to_pylist()}
    for place, (store, wanted) in enumerate(zip(STORES, rows, strict=True)):
        if counted[place] != wanted:
            raise BuildError(
                f"{catalog.root / store.path} had {wanted:,} rows when the build began; the engine reads "
                f"{counted[place]:,}.",
                "Look whether a landed file has vanished, and whether all executors see these files.",
            )


def _read(catalog: Catalog, store: Store) -> str:
    folder, star, rest = store.path.partition("/*")
    return parquet(catalog.root / folder, f"{star}{rest}" if star else "", union_by_name=True)


def _columns(connection, catalog: Catalog, store: Store) -> dict[str, str]:
    described = connection.execute(f"describe select * from {_read(catalog, store)}").fetchall()
    return {name: spark_type(kind) for name, kind, *_ in described}


def spark_type(kind: str) -> str:
    """Spark's name of one of DuckDB's types.

    Raises
    ------
    BuildError
        No column of a catalogue has such a type.
    """
    if kind.endswith("[]"):
        return f"array<{spark_type(kind[:-2])}>"
    if kind not in _TYPES:
        raise BuildError(f"Columns of type {kind} cannot be read by Spark and Sail.", "Build with --engine duckdb.")
    return _TYPES[kind]


def quoted(path: Path) -> str:
    """A path as text in Spark's SQL; as the macro text_literal has it."""
    escaped = str(path).replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return f"'{escaped}'"


def first_line(error: Exception) -> str:
    """The first line of an engine's exception."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def _answer(session, query: str):
    return session.sql(query).toArrow().column(0)[0].as_py()
