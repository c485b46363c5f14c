"""Write a tree as SQL: one canonical text for each tree, in the style of sql/macros/cuts.sql.

An ``or`` is always in brackets, and so is an ``and`` within it: such a text can be joined with others as it stands.
"""

from __future__ import annotations

import re

from galaxiesml.conditions.tree import (
    PREDICATES,
    Arithmetic,
    Between,
    Call,
    Case,
    Column,
    Comparison,
    Double,
    Is,
    Logic,
    Negative,
    Node,
    Not,
    Null,
    Number,
    Text,
    Truth,
)

#: The engines that a condition can be written for.
DIALECTS = ("duckdb", "spark")
#: A name that needs no quotes, unless it is a keyword; {band} is within it before filters are written out.
_PLAIN = re.compile(r"(?:[a-z_]|\{band\})(?:[a-z0-9_]|\{band\})*")
_RESERVED = """
    all analyse analyze and anti any array as asc asymmetric between both by case cast check collate column
    constraint create cross current_date current_time current_timestamp current_user default deferrable desc
    describe distinct do else end escape except exists false fetch filter for foreign from full glob group
    having ilike in initially inner intersect into is isnull join lambda lateral leading left like limit map
    minus natural not notnull null offset on only or order outer over overlaps percentile_cont percentile_disc
    pivot pivot_longer pivot_wider placing positional primary qualify references returning right row select semi
    session_user show similar some sql start summarize symmetric table tablesample then time to trailing true
    union unique unknown unpivot using values variadic when where window with
"""
#: Words that are no column's name without quotes in DuckDB, or in Spark's strict mode.
RESERVED = frozenset(_RESERVED.split())


def written(node: Node, dialect: str = "duckdb") -> str:
    """SQL of a tree.

    Parameters
    ----------
    node : Node
        The tree.
    dialect : {'duckdb', 'spark'}
        They differ in texts and in quoted names.
    """
    return _Writer(dialect).write(node)


class _Writer:
    def __init__(self, dialect: str):
        if dialect not in DIALECTS:
            raise ValueError(f"dialect must be one of {DIALECTS}, not {dialect!r}")
        self.dialect = dialect

    def write(self, node: Node) -> str:
        if isinstance(node, Logic):
            text = f" {node.op} ".join(self._term(node.op, term) for term in node.terms)
            return f"({text})" if node.op == "or" else text
        if isinstance(node, Not):
            # An `or` has brackets of its own.
            plain = isinstance(node.of, Column | Call | Truth) or (isinstance(node.of, Logic) and node.of.op == "or")
            return "not " + (self.write(node.of) if plain else f"({self.write(node.of)})")
        if isinstance(node, PREDICATES):
            return self._predicate(node)
        if isinstance(node, Arithmetic | Negative):
            return self._arithmetic(node)
        if isinstance(node, Call):
            return f"{node.name}({', '.join(map(self.write, node.args))})"
        if isinstance(node, Case):
            parts = [f"when {self.write(when)} then {self.write(then)}" for when, then in node.whens]
            parts += [] if node.otherwise is None else [f"else {self.write(node.otherwise)}"]
            return f"case {' '.join(parts)} end"
        if isinstance(node, Double):
            return f"cast({self.write(node.of)} as double)"
        return self._atom(node)

    def _atom(self, node: Node) -> str:
        if isinstance(node, Column):
            return name_in(node.name, self.dialect)
        if isinstance(node, Number):
            # Sail compares a double with 0.5 as decimals of 0.5's digits, and with 0.5e0 as doubles.
            exact = self.dialect == "spark" and "." in node.text and "e" not in node.text.lower()
            return node.text + "e0" if exact else node.text
        if isinstance(node, Text):
            return text_in(node.value, self.dialect)
        return "null" if isinstance(node, Null) else str(node.value).lower()

    def _term(self, op: str, term: Node) -> str:
        text = self.write(term)
        within = isinstance(term, Logic) and term.op == "and"
        return f"({text})" if within else text

    def _operand(self, node: Node) -> str:
        """What a comparison has on one of its sides."""
        text = self.write(node)
        return f"({text})" if isinstance(node, (Not, *PREDICATES)) or _is_and(node) else text

    def _predicate(self, node: Node) -> str:
        if isinstance(node, Comparison):
            return f"{self._operand(node.left)} {node.op} {self._operand(node.right)}"
        no = "not " if node.negated else ""
        of = self._operand(node.of)
        if isinstance(node, Is):
            return f"{of} is {no}{node.what}"
        if isinstance(node, Between):
            return f"{of} {no}between {self._operand(node.low)} and {self._operand(node.high)}"
        return f"{of} {no}in ({', '.join(map(self.write, node.values))})"

    def _arithmetic(self, node: Negative | Arithmetic) -> str:
        if isinstance(node, Negative):
            text = self.write(node.of)
            # `--` would begin a comment.
            signed = isinstance(node.of, Negative) or text.startswith("-")
            return f"-({text})" if signed or isinstance(node.of, Arithmetic) else f"-{text}"
        left, right = self.write(node.left), self.write(node.right)
        sums = ("+", "-")
        if isinstance(node.left, Arithmetic) and node.op not in sums and node.left.op in sums:
            left = f"({left})"
        # Sums of doubles depend on their order: a right side keeps its brackets.
        if isinstance(node.right, Arithmetic) and (node.op not in sums or node.right.op in sums):
            right = f"({right})"
        return f"{left} {node.op} " + (f"({right})" if right.startswith("-") else right)


def _is_and(node: Node) -> bool:
    return isinstance(node, Logic) and node.op == "and"


def text_in(value: str, dialect: str) -> str:
    """A text between quotes.  Spark reads a backslash as an escape, two quotes as the border of two texts, ${...} as
    a variable."""
    if dialect == "spark":
        value = value.replace("\\", "\\\\").replace("'", "\\'").replace("$", "\\u0024")
    return "'" + (value if dialect == "spark" else value.replace("'", "''")) + "'"


def name_in(name: str, dialect: str) -> str:
    """A column's name, in quotes if it needs them."""
    if _PLAIN.fullmatch(name) and name not in RESERVED:
        return name
    quote = "`" if dialect == "spark" else '"'
    return quote + name.replace(quote, 2 * quote) + quote
