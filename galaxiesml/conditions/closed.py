"""A DuckDB that reaches nothing: no file, no network, no object of Python, no setting that can be changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from galaxiesml.conditions.writing import name_in, text_in

if TYPE_CHECKING:
    import duckdb

#: Types of the dictionary as DuckDB calls them.
_TYPES = {"text": "varchar"}


@contextmanager
def closed() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty database in memory, in which SQL made from a user's text is bound and run."""
    import duckdb

    settings = {"threads": "1", "python_enable_replacements": "false", "autoload_known_extensions": "false"}
    connection = duckdb.connect(":memory:", config={**settings, "enable_external_access": "false"})
    try:
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


def result_type(sql: str, types: Mapping[str, str]) -> str:
    """The type that DuckDB gives an expression over an empty table with these columns."""
    columns = ", ".join(
        f"cast(null as {_TYPES.get(kind, kind)}) as {name_in(name, 'duckdb')}" for name, kind in types.items()
    )
    with closed() as connection:
        return connection.execute(f"describe select {sql} as verdict from (select {columns}) as pair").fetchone()[1]


def values_of(
    connection: duckdb.DuckDBPyConnection,
    sql: Sequence[str],
    types: Mapping[str, str],
    rows: Sequence[Mapping[str, str | None]],
) -> list[tuple]:
    """Expressions over rows whose values are given as texts.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        From `closed`.
    sql : sequence of str
        Expressions, written by this package.
    types : mapping of str to str
        Type of each column.
    rows : sequence of mapping
        Column to its value as a text without quotes, or None for NULL; a column that is absent is NULL.

    Returns
    -------
    list of tuple
        For each row the values of the expressions, in order.
    """
    if not rows:
        return []
    names = list(types)
    columns = ", ".join(
        f"cast(c{at} as {_TYPES.get(types[name], types[name])}) as {name_in(name, 'duckdb')}"
        for at, name in enumerate(names)
    )
    listed = ", ".join(
        "(" + ", ".join([str(at), *(_text(row.get(name)) for name in names)]) + ")" for at, row in enumerate(rows)
    )
    heads = ", ".join(["n", *(f"c{at}" for at in range(len(names)))])
    verdicts = ", ".join(f"{each} as v{at}" for at, each in enumerate(sql))
    # No column of a table has such a name, which goes between quotes.
    rows_given = f'select n as "row number", {columns} from (values {listed}) as given({heads})'
    return connection.execute(f'select {verdicts} from ({rows_given}) order by "row number"').fetchall()


def _text(value: str | None) -> str:
    return "cast(null as varchar)" if value is None else text_in(value, "duckdb")
