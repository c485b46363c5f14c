"""Queries for the archive: those of ``sql/archive`` and files, their splits, and the line that an error is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.dictionary import PROJECT
from galaxiesml.errors import InputError, UsageError

ARCHIVE = PROJECT / "sql" / "archive"
#: The query that is answered by two numbers and lands nothing.
COUNTS = "counts"
KEY = "object_id"
_LINE = re.compile(r"\bline:? (\d+)", re.IGNORECASE)
_POSITION = re.compile(r"\b(?:character|position):? (\d+)", re.IGNORECASE)
_NAMED = re.compile(r"""["'`]([\w.]+)["'`]""")


@dataclass(frozen=True)
class Range:
    """Objects of ``first <= object_id < last``; None is no bound."""

    first: int | None = None
    last: int | None = None


@dataclass(frozen=True)
class Query:
    """A query.

    Attributes
    ----------
    name : str
        paper, wide, counts, or a file's name without its suffix.
    sql : str
    """

    name: str
    sql: str


def read_query(query: str, release: str) -> Query:
    """A query by its name in ``sql/archive``, or by the path of an .sql file.

    Parameters
    ----------
    release : str
        The catalogue's release, as pdr2_wide: the schema that our own queries must read.

    Raises
    ------
    UsageError
        There is no such query, or it reads another release.
    InputError
        It is not one SELECT.
    """
    path = ARCHIVE / f"{query}.sql"
    is_ours = path.is_file()
    path = path if is_ours else Path(query)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in ARCHIVE.glob("*.sql")))
        raise UsageError(f"There is no archive query {query!r}.", f"Give {known}, or the path of an .sql file.")
    sql = path.read_text(encoding="utf-8").strip().rstrip(";") + "\n"
    parsed = _parsed(sql, path)
    schemas = {table.db.lower() for table in _tables(parsed) if table.db}
    if is_ours and schemas != {release}:
        raise UsageError(
            f"The query {query} reads {', '.join(sorted(schemas))}, but this catalogue is of {release}.",
            f"Copy {path}, adapt its tables and columns to {release}, and give the copy: --query FILE.sql",
        )
    return Query(path.stem, sql)


def check_split(query: Query) -> None:
    """Check that a query can be split: a SELECT of object_id that ends in ORDER BY object_id.

    Raises
    ------
    UsageError
        The order of its rows is the server's, which parts would change.
    """
    parsed = _parsed(query.sql, query.name)
    order = parsed.args.get("order")
    first = order.expressions[0] if order else None
    is_ordered = first is not None and first.this.name.lower() == KEY and not first.args.get("desc")
    if not is_ordered or parsed.args.get("limit") or parsed.args.get("group"):
        raise UsageError(
            f"The query {query.name} does not end in ORDER BY {KEY}, so its parts would come in another order.",
            f"End it in ORDER BY {KEY} (without LIMIT and GROUP BY) and give the file: --query FILE.sql --parts N",
        )


def part_of(query: Query, part: Range) -> str:
    """The query for the objects of a range."""
    parsed = _parsed(query.sql, query.name)
    for bound, sign in ((part.first, ">="), (part.last, "<")):
        if bound is not None:
            parsed = parsed.where(f"{_key_of(parsed)} {sign} {int(bound)}", dialect="postgres")
    return parsed.sql(dialect="postgres", pretty=True) + "\n"


def bounds_sql(query: Query) -> str:
    """The query for the smallest and largest object_id of the first table that a query reads."""
    table = _tables(_parsed(query.sql, query.name))[0]
    return f"SELECT min({KEY}) AS first, max({KEY}) AS last FROM {table.db + '.' if table.db else ''}{table.name}\n"


def split(first: int, last: int, parts: int) -> list[Range]:
    """Ranges of equal width from ``first`` to ``last``, both open at their outer ends: no object is in none.

    Returns
    -------
    list of Range
        In ascending order; fewer than ``parts`` where there are fewer numbers.
    """
    inner = sorted({first + (last + 1 - first) * part // parts for part in range(1, parts)} - {first})
    return [Range(*ends) for ends in zip([None, *inner], [*inner, None], strict=True)]


def halves(part: Range, first: int, last: int) -> list[Range]:
    """The two halves of a range, given the bounds of all; empty if it has a single number."""
    low = first if part.first is None else part.first
    high = last + 1 if part.last is None else part.last
    middle = (low + high) // 2
    return [Range(part.first, middle), Range(middle, part.last)] if low < middle < high else []


def line_of(sql: str, words: str) -> str | None:
    """The line of a query that an error of the server is about, with its number; None if it cannot be told."""
    lines = sql.splitlines()
    number = None
    if found := _LINE.search(words):
        number = int(found[1])
    elif found := _POSITION.search(words):
        number = sql[: max(int(found[1]) - 1, 0)].count("\n") + 1
    else:
        for name in _NAMED.findall(words):
            word = re.compile(rf"\b{re.escape(name.rpartition('.')[2])}\b", re.IGNORECASE)
            number = number or next((at for at, line in enumerate(lines, 1) if word.search(line)), None)
    if number is None or not 1 <= number <= len(lines):
        return None
    return f"line {number}: {lines[number - 1].strip()}"


def _parsed(sql: str, where: object):
    import sqlglot
    from sqlglot import exp

    try:
        found = sqlglot.parse(sql, dialect="postgres")
    except sqlglot.errors.SqlglotError as error:
        raise InputError(f"{where} does not parse as SQL: {str(error).splitlines()[0]}.") from None
    if len(found) != 1 or not isinstance(found[0], exp.Select):
        raise InputError(f"{where} is not one SELECT statement.", "Give one query a file.")
    return found[0]


def _tables(parsed) -> list:
    from sqlglot import exp

    source = parsed.args.get("from_") or parsed.args.get("from")
    found = [source.this] if source is not None and isinstance(source.this, exp.Table) else []
    return found + [table for table in parsed.find_all(exp.Table) if table not in found]


def _key_of(parsed) -> str:
    """object_id of the first table, qualified where joins are not by USING."""
    joins = parsed.args.get("joins") or []
    if all(join.args.get("using") for join in joins):
        return KEY
    return f"{_tables(parsed)[0].alias_or_name}.{KEY}"
