"""What to type instead of a name that a query has and the catalogue has not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from galaxiesml.catalog.functions import FUNCTIONS
from galaxiesml.conditions.names import Known, meant
from galaxiesml.errors import UsageError
from galaxiesml.query.completion import tables_of
from galaxiesml.toml_keys import nearest

_TABLE = re.compile(r"Table with name (\S+) does not exist")
_COLUMN = re.compile(r'Referenced column "([^"]+)" (?:was )?not found|does not have a column named "([^"]+)"')
_FUNCTION = re.compile(r"Function with name (\S+) does not exist")


def unknown_name(
    error: duckdb.Error, connection: duckdb.DuckDBPyConnection, query: str, bands: Sequence[str]
) -> UsageError:
    """The error for a query that failed, with the nearest name where a name is wrong.

    Parameters
    ----------
    query : str
        The text that was run; columns are looked for in the tables that it names.
    bands : sequence of str
        The release's filters, for names such as i_mag.
    """
    text = str(error)
    if found := _TABLE.search(text):
        tables = sorted(tables_of(connection))
        close = nearest(found[1].rpartition(".")[2], tables)
        return UsageError(f"There is no table {found[1]}{close}.", f"Tables: {', '.join(tables)}.")
    if found := _COLUMN.search(text):
        name = found[1] or found[2]
        tables = tables_of(connection)
        named = [table for table in dict.fromkeys(re.findall(r"\w+", query)) if table in tables]
        columns = {column: Known("text") for table in named or tables for column in tables[table]}
        # A name that another part of the query lacks is for DuckDB to tell, which knows the part.
        if name not in columns and (close := meant(name, columns, bands)):
            where = f" in {', '.join(named)}" if named else ""
            return UsageError(f"There is no column {name}{where}.", f"Did you mean {' or '.join(close)}?")
    if (found := _FUNCTION.search(text)) and (close := nearest(found[1], FUNCTIONS)):
        return UsageError(f"There is no function {found[1]}{close}.")
    return UsageError(text)
