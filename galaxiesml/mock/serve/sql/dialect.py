"""Read one query of the archive's dialect (PostgreSQL with functions of its own), and write it for DuckDB."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Characters of a query; the longest of ours has 3,000.
LONGEST = 100_000
#: Statements and clauses that a query for rows does not have.
_NOT_A_QUERY = ("Into", "Insert", "Update", "Delete", "Create", "Drop", "Copy", "Command", "Set", "Attach", "Lock")


class QueryError(Exception):
    """The archive's words on a query that it does not run."""


@dataclass(frozen=True)
class Query:
    """A query that may be run.

    Attributes
    ----------
    text : str
        As it came.
    sql : str
        For DuckDB.
    is_ordered : bool
        It says in which order its rows come.
    """

    text: str
    sql: str
    is_ordered: bool


def read_query(text: str, tables: Iterable[str]) -> Query:
    """Read a query.

    Parameters
    ----------
    text : str
    tables : iterable of str
        What it may read, ``schema.table`` or ``table``, in lower case.

    Raises
    ------
    QueryError
        It is not one SELECT, cannot be read, or names another table or a function that reads one.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if len(text) > LONGEST:
        raise QueryError(f"ERROR:  the query has {len(text):,} characters; at most {LONGEST:,} are read")
    try:
        statements = [one for one in sqlglot.parse(text, read="postgres") if one is not None]
    except (SqlglotError, RecursionError) as error:
        raise QueryError(_of_parser(text, error)) from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise QueryError("ERROR:  exactly one SELECT statement is run")
    tree = statements[0]
    _check(text, tree, {table.lower() for table in tables})
    _replace_geometry(tree)
    _name_columns(tree)
    return Query(text, tree.sql(dialect="duckdb"), tree.args.get("order") is not None)


def with_line(text: str, message: str, word: str) -> str:
    """A message with the query's line that a word stands in, as PostgreSQL shows it."""
    for number, line in enumerate(text.splitlines(), start=1):
        at = re.search(rf"(?<!\w){re.escape(word)}(?!\w)", line, re.IGNORECASE)
        if at:
            start = f"LINE {number}: "
            return f"{message}\n{start}{line}\n{' ' * (len(start) + at.start())}^"
    return message


def _of_parser(text: str, error: Exception) -> str:
    found = getattr(error, "errors", None)
    if not found or not found[0].get("line"):
        return "ERROR:  syntax error"
    number = found[0]["line"]
    lines = text.splitlines()
    line = lines[number - 1] if number <= len(lines) else ""
    return f'ERROR:  syntax error at or near "{found[0].get("highlight") or ""}"\nLINE {number}: {line}'


def _check(text: str, tree, tables: set[str]) -> None:
    from sqlglot import exp

    kinds = tuple(getattr(exp, name) for name in _NOT_A_QUERY)
    if found := tree.find(*kinds):
        raise QueryError(f"ERROR:  {type(found).__name__.upper()} is not allowed: only rows can be asked for")
    named = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            if isinstance(table.this, exp.GenerateSeries | exp.ExplodingGenerateSeries):
                continue
            raise QueryError("ERROR:  a function in FROM is not allowed, but for generate_series")
        name = ".".join(part.name for part in table.parts)
        if name.lower() not in tables and name.lower() not in named:
            raise QueryError(with_line(text, f'ERROR:  relation "{name}" does not exist', name))
    for part in tree.find_all(exp.Lateral):
        if not isinstance(part.this, exp.Subquery | exp.Unnest):
            raise QueryError("ERROR:  a function in FROM is not allowed, but for generate_series")


def _name_columns(tree) -> None:
    """Name what has no name as PostgreSQL does: a function's name, or ?column?."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select):
        return
    named = []
    for one in tree.expressions:
        inner = one.this if isinstance(one, exp.Filter | exp.Window) else one
        if isinstance(inner, exp.Func) and not isinstance(inner, exp.Cast):
            one = exp.alias_(one, _name(inner).lower(), quoted=True)
        elif not isinstance(one, exp.Alias | exp.Column | exp.Star | exp.Cast):
            one = exp.alias_(one, "?column?", quoted=True)
        named.append(one)
    tree.set("expressions", named)


# -- ADQL's geometry -----------------------------------------------------------------------------------------


def _replace_geometry(tree) -> None:
    """CONTAINS(POINT, CIRCLE or BOX), which DuckDB has under no name, as the macros of `sandbox`."""
    from sqlglot import exp

    for node in list(tree.find_all(exp.Func)):
        if _name(node) != "CONTAINS":
            continue
        parts = _arguments(node)
        point, shape = (_arguments(part) for part in parts[:2]) if len(parts) == 2 else ([], [])
        wanted = {"CIRCLE": ("in_circle", 4), "BOX": ("in_box", 5)}.get(_name(parts[1]) if len(parts) == 2 else "")
        if wanted is None or len(point) != 3 or len(shape) != wanted[1]:
            raise QueryError("ERROR:  CONTAINS is read with POINT('ICRS', ra, dec) and CIRCLE or BOX alone")
        node.replace(exp.func(wanted[0], *(one.copy() for one in (*point[1:], *shape[1:])), dialect="duckdb"))


def _name(node) -> str:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return str(node.this).upper()
    return node.sql_name().upper() if isinstance(node, exp.Func) else ""


def _arguments(node) -> list:
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    found = [value for value in node.args.values() if value is not None and value is not False]
    return [
        one for value in found for one in (value if isinstance(value, list) else [value]) if not isinstance(one, bool)
    ]
