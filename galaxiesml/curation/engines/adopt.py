"""Make the build's files of the parts that an engine wrote: one sorted file a mart, as readers know it.

The engine writes each mart as a folder of parts, in any number and order.  DuckDB here checks their types, sorts them
by the mart's key into its file, and compares rows and content before the build is published.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.catalog.parquet import parquet, quote
from galaxiesml.errors import BuildError

#: Below a build's folder: parts of marts, tables that only the build reads.
PARTS = ".parts"
STEPS = ".steps"


@dataclass(frozen=True)
class Mart:
    """What a file of the build must be.

    Attributes
    ----------
    name : str
    order_by : str
        A unique key, as SQL: the order of the file's rows.
    columns : dict of str to str
        Name to DuckDB's type, as the contract has them, in the order of the model.
    version : str
        Of a version of galaxies, its name.
    """

    name: str
    order_by: str
    columns: dict[str, str]
    version: str = ""


def marts_of(results: list, session) -> list[Mart]:
    """The marts among dbt's results; the session knows the order of their columns, also of those without rows."""
    found = []
    for node in (result.node for result in results):
        if getattr(node.config, "materialized", "") != "mart":
            continue
        names = session.sql(f"select * from {node.relation_name} limit 0").columns
        types = {name: column.data_type for name, column in node.columns.items()}
        columns = {name: types.get(name, "absent") for name in dict.fromkeys([*names, *types])}
        version = node.alias.removeprefix("galaxies_") if node.version else ""
        found.append(Mart(node.alias, node.config.get("order_by"), columns, version))
    return found


def adopt(connection, folder: Path, marts: list[Mart], plan: Path) -> None:
    """Write the file of every mart from its parts, and remove what the engine left.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the build's threads and memory.
    folder : Path
        The build's folder.
    marts : list of Mart
    plan : Path
        plan/versions.parquet: cuts that could not be applied.

    Raises
    ------
    BuildError
        A part has other types than the mart's contract, or the file other rows than the parts.
    """
    connection.execute("set preserve_insertion_order = false")
    parts = [(mart, _parts(folder, mart)) for mart in marts]
    if faults := [fault for mart, read in parts for fault in _other_types(connection, mart, read)]:
        raise BuildError(
            "The engine's columns are not the contracts':\n  " + "\n  ".join(faults),
            "This is a fault of the models on this engine; --engine duckdb builds them.",
        )
    for mart, read in parts:
        _adopt(connection, folder, mart, read, plan)
    for name in (PARTS, STEPS):
        shutil.rmtree(folder / name, ignore_errors=True)


def _parts(folder: Path, mart: Mart) -> str:
    parts = folder / PARTS / mart.name
    return parquet(parts, "*.parquet") if any(parts.glob("*.parquet")) else _empty(mart)


def _adopt(connection, folder: Path, mart: Mart, read: str, plan: Path) -> None:
    file = folder / f"{mart.name}.parquet"
    connection.execute(
        f"copy (select * from {read} order by {mart.order_by}) to {quote(str(file))} "
        f"(format parquet, compression snappy, row_group_size 122880{_facts(connection, mart, plan)})"
    )
    before, after = (_content(connection, text) for text in (read, parquet(file)))
    if before != after:
        raise BuildError(
            f"{mart.name}: the parts have {before[0]:,} rows, its file {after[0]:,}, or other values.",
            "Look at the disk; then type the command again.",
        )


def _other_types(connection, mart: Mart, read: str) -> list[str]:
    """Columns of the parts that are not as the mart's contract has them, in words."""
    found = {name: kind for name, kind, *_ in connection.execute(f"describe select * from {read}").fetchall()}
    # DuckDB's own names of the types: text is varchar.
    wanted = {
        name: connection.execute(f"select typeof(cast(null as {kind}))").fetchone()[0] if kind != "absent" else kind
        for name, kind in mart.columns.items()
    }
    return [
        f"{mart.name}.{name} is {found.get(name, 'absent')}, not {wanted.get(name, 'absent')}"
        for name in dict.fromkeys([*wanted, *found])
        if found.get(name, "absent") != wanted.get(name, "absent")
    ]


def _empty(mart: Mart) -> str:
    """An engine writes no file for no rows."""
    columns = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in mart.columns.items())
    return f"(select {columns} where false)"


def _content(connection, read: str) -> tuple[int, int]:
    """The number of rows, and the sum of their hashes: it does not depend on their order."""
    return connection.execute(f"select count(*), coalesce(sum(hash(rows)), 0) from (from {read}) as rows").fetchone()


def _facts(connection, mart: Mart, plan: Path) -> str:
    if not mart.version:
        return ""
    (missing,) = connection.execute(
        f"select missing_cuts from {parquet(plan)} where version = ?", [mart.version]
    ).fetchone()
    return f", kv_metadata {{version: {quote(mart.version)}, missing_cuts: {quote(missing)}}}"
