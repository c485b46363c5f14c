"""Build what is landed on two engines, and compare every table row for row."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import parquet, quote
from galaxiesml.curation.build import Ready, grow
from galaxiesml.curation.content import content_sha256
from galaxiesml.curation.engines.choice import Engine
from galaxiesml.errors import BuildError

#: Rows with a difference that are shown of each column.
SHOWN = 3


@dataclass(frozen=True)
class Difference:
    """One value in which two builds differ.

    Attributes
    ----------
    table : str
    key : str
        The row, as column = value.
    column : str
        Empty where one build has no such row.
    values : tuple of (str, str)
        Of the first engine and of the second, as text.
    rows : int
        In how many rows of the table this column differs.
    """

    table: str
    key: str
    column: str
    values: tuple[str, str]
    rows: int


def compare_engines(
    ready: Ready, engines: tuple[Engine, Engine], threads: int, memory_limit: str, progress: Callable | None = None
) -> dict:
    """Build twice, publish nothing, compare.

    Returns
    -------
    dict
        equal; engines; tables, each with its rows and whether it is equal; differences, each with the table, the key,
        the column, both values, and the number of rows with such a difference.
    """
    catalog = ready.catalog
    names = [f".engine-{place}" for place in (1, 2)]
    try:
        for name, engine in zip(names, engines, strict=True):
            grow(ready, name, engine, threads, memory_limit, progress)
        first, second = (catalog.builds / name for name in names)
        tables = list(_tables(first, second))
        differing = [table["table"] for table in tables if not table["equal"]]
        keys = keys_of(catalog, differing)
        found = [one for name in differing for one in differences(first, second, name, keys[name])]
    finally:
        for name in names:
            shutil.rmtree(catalog.builds / name, ignore_errors=True)
    return {
        "equal": not differing,
        "engines": [engine.told() for engine in engines],
        "tables": tables,
        "differences": [asdict(one) for one in found],
    }


def _tables(first: Path, second: Path) -> Iterator[dict]:
    import pyarrow.parquet as pq

    names = [{path.stem for path in folder.glob("*.parquet")} for folder in (first, second)]
    for name in sorted(names[0] | names[1]):
        files = [folder / f"{name}.parquet" for folder in (first, second)]
        here = [file for file in files if file.is_file()]
        yield {
            "table": name,
            "rows": [pq.read_metadata(file).num_rows if file in here else None for file in files],
            "equal": len(here) == 2 and content_sha256(files[0]) == content_sha256(files[1]),
        }


def keys_of(catalog: Catalog, names: list[str]) -> dict[str, list[str]]:
    """By table of a build, the columns that its rows are sorted by: a unique key."""
    import yaml

    found = {}
    for path in sorted(catalog.dbt.glob("models/**/*.yml")):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            if order := model.get("config", {}).get("order_by"):
                found[model["name"]] = [column.strip().split(" ")[0] for column in order.split(",")]
    # Versions are one model in dbt.
    return {name: found[name if name in found else "galaxies"] for name in names}


def differences(first: Path, second: Path, mart: str, keys: list[str]) -> list[Difference]:
    """Where two builds' files of one table differ: rows that one lacks, and values, column by column.

    Raises
    ------
    BuildError
        A file is absent, or their columns differ.
    """
    import duckdb

    files = [folder / f"{mart}.parquet" for folder in (first, second)]
    for file in files:
        if not file.is_file():
            raise BuildError(f"{file.parent.name} has no table {mart}.")
    with duckdb.connect() as connection:
        described = [connection.execute(f"describe select * from {parquet(file)}").fetchall() for file in files]
        columns, others = ([(name, kind) for name, kind, *_ in rows] for rows in described)
        if columns != others:
            raise BuildError(f"{mart}: the columns differ: {sorted(set(columns) ^ set(others))}.")
        return list(_differing(connection, files, mart, keys, [name for name, _ in columns]))


def _differing(connection, files: list[Path], mart: str, keys: list[str], columns: list[str]) -> Iterator[Difference]:
    joined = " and ".join(f'one."{key}" is not distinct from two."{key}"' for key in keys)
    named = " || ', ' || ".join(
        f"""{quote(key + " = ")} || coalesce(cast(coalesce(one."{key}", two."{key}") as varchar), 'NULL')"""
        for key in keys
    )
    sides = [f"(select *, true as is_here from {parquet(file)})" for file in files]
    whole = f"from {sides[0]} as one full join {sides[1]} as two on {joined}"
    lacking = "one.is_here is null or two.is_here is null"
    for key, here, rows in connection.execute(
        f"select {named}, one.is_here is not null, count(*) over () {whole} where {lacking} order by 1 limit {SHOWN}"
    ).fetchall():
        yield Difference(mart, key, "", ("a row", "no row") if here else ("no row", "a row"), rows)
    both = "one.is_here and two.is_here"
    for column in columns:
        ours, theirs = f'one."{column}"', f'two."{column}"'
        for key, mine, other, rows in connection.execute(
            f"select {named}, cast({ours} as varchar), cast({theirs} as varchar), count(*) over () {whole} "
            f"where {both} and {ours} is distinct from {theirs} order by 1 limit {SHOWN}"
        ).fetchall():
            yield Difference(mart, key, column, (str(mine), str(other)), rows)
