"""What is landed, planned and measured, as tables of an engine: named, typed and counted.

An engine that is told to read what it cannot see reads nothing, in silence: so each table's rows are counted against
the files' own metadata before the first model runs.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import parquet
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

    def begin(self) -> None:
        """Drop what killed builds of this catalogue left, and make new ones."""
        self._drop(self._of_catalog)
        for name in (self.main, *(self.of(source) for source in dict.fromkeys(store.source for store in STORES))):
            self._session.sql(f"create schema {name}")

    def end(self) -> None:
        """Drop the build's schemas; its tables' files are the build folder's."""
        self._drop(self.main)

    def _drop(self, start: str) -> None:
        # Sail calls the column name, Spark namespace.
        for row in self._session.sql("show databases").toArrow().to_pylist():
            name = row.get("namespace") or row.get("name")
            if name.startswith(start):
                self._session.sql(f"drop schema if exists {name} cascade")


def probe(session, schemas: Schemas, folder: Path) -> None:
    """Check that the engine and this process see one file system: each reads what the other has written.

    Raises
    ------
    UsageError
        They do not.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir(parents=True)
    pq.write_table(pa.table({"probe": pa.array([20240817], pa.int64())}), ours / "probe.parquet")
    seen, told = None, ""
    try:
        session.sql(f"create table {schemas.main}.probe_ours (probe bigint) using parquet location {quoted(ours)}")
        seen = _answer(session, f"select max(probe) from {schemas.main}.probe_ours")
        session.sql(
            f"create table {schemas.main}.probe_theirs using parquet location {quoted(theirs)} as "
            f"select probe + 1 as probe from {schemas.main}.probe_ours"
        )
    except Exception as error:
        told = f" It says: {str(error).splitlines()[0][:200]}"
    files = sorted(theirs.glob("*.parquet")) if theirs.is_dir() else []
    back = [value for file in files for value in pq.read_table(file)["probe"].to_pylist()]
    for name in ("ours", "theirs"):
        session.sql(f"drop table if exists {schemas.main}.probe_{name}")
    if seen != 20240817 or back != [20240818]:
        raise UsageError(
            f"The engine does not see {folder.parent} as this process does.{told}",
            "The catalogue must lie on the same path on driver and executors, on storage that all of them mount.",
        )


def create(session, catalog: Catalog, schemas: Schemas, connection) -> None:
    """Make a table of each source, and count its rows.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Reads the files' columns and row counts.

    Raises
    ------
    BuildError
        The engine reads another number of rows than the files have.
    """
    for store in STORES:
        name = f"{schemas.of(store.source)}.{store.name}"
        columns = ", ".join(f"`{column}` {kind}" for column, kind in _columns(connection, catalog, store).items())
        session.sql(f"create table {name} ({columns}) using parquet location {quoted(catalog.root / store.path)}")
        wanted = connection.execute(f"select count(*) from {_read(catalog, store)}").fetchone()[0]
        found = _answer(session, f"select count(*) from {name}")
        if found != wanted:
            raise BuildError(
                f"{catalog.root / store.path} has {wanted:,} rows, but the engine reads {found:,}.",
                "Build on DuckDB (--engine duckdb), or look whether all executors see these files.",
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


def _answer(session, query: str):
    return session.sql(query).toArrow().column(0)[0].as_py()
