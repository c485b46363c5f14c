"""Check that a text is a single read-only SQL statement.

DuckDB's statement type is not enough: a SELECT may contain ``COPY ... TO`` in its WITH clause, EXPLAIN ANALYZE runs
the explained statement, and some table functions run SQL given as text.
"""

from __future__ import annotations

import json
import re

import duckdb

from galaxiesml.errors import UsageError

#: Nodes of DuckDB's syntax tree that only read.
_NODES = {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"}
#: Table functions that only read.  These are named, not the others forbidden: what a later DuckDB adds is refused.
_FUNCTIONS = re.compile(
    r"(read|parquet|duckdb|pragma)_\w+|json_each|json_tree|range|generate_series|unnest|repeat|repeat_row|glob"
    r"|sniff_csv|histogram|histogram_values|query_table|summary",
    re.IGNORECASE,
)
_BLANK = r"(?:\s|--[^\n]*\n|/\*.*?\*/)*"
_EXPLAIN = re.compile(rf"{_BLANK}explain\b{_BLANK}(?:\([^)]*\)|analy[sz]e\b)?", re.IGNORECASE | re.DOTALL)


def reading(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    """The one statement of a text.

    Raises
    ------
    UsageError
        The text does not parse, is not a single statement, or might change something.
    """
    try:
        statements = connection.extract_statements(query)
    except duckdb.Error as error:
        raise UsageError(f"The query does not parse: {error}") from error
    if len(statements) != 1:
        raise UsageError(f"One statement at a time; this is {len(statements)}.", "Give one SELECT.")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        reading(connection, _explained(statements[0].query))
    elif kind == duckdb.StatementType.SELECT:
        _refuse_writes(connection, statements[0].query)
    else:
        raise _refused(kind.name)
    return statements[0]


def _explained(query: str) -> str:
    """What an EXPLAIN explains."""
    head = _EXPLAIN.match(query)
    if head is None:
        raise _refused("This EXPLAIN")
    return query[head.end() :]


def _refuse_writes(connection: duckdb.DuckDBPyConnection, query: str) -> None:
    tree = json.loads(connection.execute("select json_serialize_sql(?::varchar)", [query]).fetchone()[0])
    if tree["error"]:
        raise _refused(f"A query that cannot be checked ({tree['error_message']})")
    waiting = [tree["statements"]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            waiting += node.values()
            if "cte_map" in node and node["type"] not in _NODES:
                raise _refused(node["type"].removesuffix("_QUERY_NODE") + " in a WITH clause")
            if node.get("type") == "TABLE_FUNCTION" and not _FUNCTIONS.fullmatch(_function(node)):
                raise _refused(f"The table function {_function(node)}")


def _function(node: dict) -> str:
    return node["function"]["function_name"]


def _refused(what: str) -> UsageError:
    return UsageError(
        f"{what} is refused: queries can only read the catalogue.",
        "Give a SELECT or EXPLAIN; --out writes its result to a file.",
    )
