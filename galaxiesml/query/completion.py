"""Words that may follow in a statement that somebody is typing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import duckdb

from galaxiesml.catalog.functions import FUNCTIONS
from galaxiesml.query.statements import typed

KEYWORDS = (
    *("select", "from", "where", "group by", "group by all", "order by", "order by all", "having", "limit", "offset"),
    *("join", "left join", "inner join", "anti join", "semi join", "cross join", "on", "using", "union all", "with"),
    *("as", "and", "or", "not", "in", "is null", "is not null", "between", "like", "ilike", "exists", "distinct"),
    *("case", "when", "then", "else", "end", "desc", "asc", "nulls last", "null", "true", "false", "over"),
    *("partition by", "describe", "explain", "cast", "interval"),
)
_COMMON = (
    *("abs", "arg_max", "arg_min", "avg", "bool_and", "bool_or", "ceil", "coalesce", "count", "degrees", "exp"),
    *("floor", "greatest", "least", "len", "list_contains", "ln", "log10", "max", "median", "min", "power"),
    *("quantile_cont", "radians", "round", "row_number", "sqrt", "stddev", "string_agg", "sum", "unnest"),
)
_NAME = re.compile(r"\w*$")
_AFTER_FROM = re.compile(r"\b(?:from|join|describe)\s+$", re.IGNORECASE)
_ALIAS = re.compile(r"\b(?:from|join|,)\s*(\w+)(?=\s+(?:as\s+)?(\w+))", re.IGNORECASE)
#: The column that an open string is compared with.
_COMPARED = re.compile(r"(\w+)\s*\)?\s*(?:=|<>|!=|(?:not\s+)?in\s*\([^)]*|(?:i?like)|,)\s*$", re.IGNORECASE)


class Word(NamedTuple):
    """A word, how many typed characters it replaces, and what it is."""

    text: str
    typed: int
    kind: str


@dataclass(frozen=True)
class Words:
    """What can be named.

    Attributes
    ----------
    tables : dict of str to tuple of str
        Tables and their columns.
    cuts, versions, surveys : tuple of str
        What texts of a query name.
    commands : tuple of str
        Of the shell, each with its dot; those that take a table end in a blank.
    """

    tables: dict[str, tuple[str, ...]]
    cuts: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    surveys: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def tables_of(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """The tables of a connection and their columns, in order."""
    found: dict[str, list[str]] = {}
    query = "select table_name, column_name from duckdb_columns() where not internal order by table_name, column_index"
    for table, column in connection.execute(query).fetchall():
        found.setdefault(table, []).append(column)
    return {table: tuple(columns) for table, columns in found.items()}


def following(words: Words, before: str, after: str = "") -> list[Word]:
    """The words that may stand at the cursor, the likeliest first.

    Parameters
    ----------
    before, after : str
        The text before and after the cursor; tables that either names give their columns.
    """
    if before.lstrip().startswith("."):
        return list(_of_command(words, before.lstrip()))
    within = typed(before).within
    if within == "'":
        return list(_of_string(words, before))
    if within:
        return []
    prefix = _NAME.search(before)[0]
    head = before[: len(before) - len(prefix)]
    if head.endswith("."):
        columns = words.tables.get(_table_of(words, re.search(r"(\w*)\.$", head)[1], before + after), ())
        return list(_matching(prefix, columns, "column"))
    if _AFTER_FROM.search(head):
        return list(_matching(prefix, words.tables, "table"))
    named = [name for name in dict.fromkeys(re.findall(r"\w+", head + after)) if name in words.tables]
    columns = [column for name in named or (words.tables if prefix else ()) for column in words.tables[name]]
    found = [*_matching(prefix, dict.fromkeys(columns), "column")]
    if prefix:
        found += _matching(prefix, KEYWORDS, "keyword")
        found += [*_matching(prefix, (*FUNCTIONS, *_COMMON), "function"), *_matching(prefix, words.tables, "table")]
    return found


def _matching(prefix: str, candidates: Iterable[str], kind: str) -> Iterator[Word]:
    low = prefix.lower()
    return (Word(each, len(prefix), kind) for each in candidates if each.lower().startswith(low))


def _of_command(words: Words, text: str) -> Iterator[Word]:
    name, blank, rest = text.partition(" ")
    if not blank:
        return _matching(name, words.commands, "command")
    takes_table = f"{name} " in words.commands
    return _matching(rest.lstrip(), words.tables if takes_table else (), "table")


def _of_string(words: Words, before: str) -> Iterator[Word]:
    """Cuts, versions and surveys in a string: those of the column that it is compared with, where that is known."""
    start = before.rfind("'")
    prefix, head = before[start + 1 :], before[:start]
    kinds = {"version": words.versions, "cut": words.cuts, "survey": words.surveys}
    compared = _COMPARED.search(head)
    column = compared[1].lower() if compared else ""
    for kind in [kind for kind in kinds if kind in column] or kinds:
        yield from _matching(prefix, kinds[kind], kind)


def _table_of(words: Words, name: str, text: str) -> str:
    """The table that a name before a point stands for: itself, or what it is an alias of."""
    if name in words.tables:
        return name
    return next((table for table, alias in _ALIAS.findall(text) if alias.lower() == name.lower()), "")
