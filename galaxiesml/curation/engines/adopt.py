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
        Name to DuckDB's type, in order; empty if the model has no contract.
    version : str
        Of a version of galaxies, its name.
    """

    name: str
    order_by: str
    columns: dict[str, str]
    version: str = ""


def marts_of(results: list) -> list[Mart]:
    """The marts among dbt's results."""
    nodes = [result.node for result in results if getattr(result.node.config, "materialized", "") == "mart"]
    return [
        Mart(
            node.alias,
            node.config.get("order_by"),
            {name: column.data_type for name, column in node.columns.items()} if node.config.contract.enforced else {},
            node.alias.removeprefix("galaxies_") if node.version else "",
        )
        for node in nodes
    ]


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
    for mart in marts:
        _adopt(connection, folder, mart, plan)
    for name in (PARTS, STEPS):
        shutil.rmtree(folder / name, ignore_errors=True)


def _adopt(connection, folder: Path, mart: Mart, plan: Path) -> None:
    file = folder / f"{mart.name}.parquet"
    parts = folder / PARTS / mart.name
    read = parquet(parts, "*.parquet") if any(parts.glob("*.parquet")) else _empty(mart)
    _check_types(connection, mart, read)
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


def _check_types(connection, mart: Mart, read: str) -> None:
    found = {name: kind for name, kind, *_ in connection.execute(f"describe select * from {read}").fetchall()}
    # DuckDB's own names of the types: text is varchar.
    wanted = {
        name: connection.execute(f"select typeof(cast(null as {kind}))").fetchone()[0]
        for name, kind in mart.columns.items()
    } or found
    if list(found.items()) != list(wanted.items()):
        differing = [
            f"{name} is {found.get(name, 'absent')}, not {wanted.get(name, 'expected')}"
            for name in dict.fromkeys([*wanted, *found])
            if found.get(name) != wanted.get(name)
        ]
        raise BuildError(
            f"{mart.name}: the engine's columns are not the contract's: {'; '.join(differing) or 'their order differs'}.",
            "This is a fault of the model for this engine; --engine duckdb builds it.",
        )


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
