"""Conditions on finished rows: what `--where` of exports and plots leaves of a table."""

from __future__ import annotations

from dataclasses import dataclass

from galaxiesml.catalog import Catalog

#: What a file and a figure say of such a condition.
APPLIED = "applied after all cuts, duplicates included"
_TYPES = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT"), "integer"),
    **dict.fromkeys(("BIGINT", "UINTEGER"), "bigint"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "double"),
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
}


@dataclass(frozen=True)
class Where:
    """A condition on the rows of a table.

    Attributes
    ----------
    text : str
        In canonical form, as a file says it.
    sql : str
        As it is run, written anew from what was read.
    """

    text: str
    sql: str


def read_where(catalog: Catalog, table: str, typed: str | None) -> Where | None:
    """The condition that was typed, over the columns of a table of the published build; None for none.

    Parameters
    ----------
    table : str
        In SQL, e.g. galaxies_v2.
    typed : str or None
        An expression of the columns of one row; ``{band}`` stands for every filter.

    Raises
    ------
    UsageError
        It is not a condition that galaxiesml runs, or names a column that the table lacks.
    """
    if typed is None:
        return None
    from galaxiesml.conditions import bind, parse, row_columns

    with catalog.connect() as connection:
        described = connection.table(table)
        types = dict(zip(described.columns, map(str, described.types), strict=True))
    known = row_columns({name: _TYPES[kind] for name, kind in types.items() if kind in _TYPES})
    bands = list(catalog.profile.bands)
    condition = bind(parse(typed, bands), known, bands)
    return Where(condition.text, condition.sql(bands=bands))


def rows_of(table: str, where: Where | None) -> str:
    """SQL of a table's rows that meet a condition, to stand after `from`; NULL is no."""
    return f"(select * from {table} where {where.sql})" if where else table


def words(where: Where | None) -> str:
    """The end of a title: ' where ...', or ''."""
    return f" where {where.text}" if where else ""
