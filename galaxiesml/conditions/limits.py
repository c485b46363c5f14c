"""What a condition says at its limits: the values at which its verdict may change, and the verdicts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from galaxiesml.conditions.closed import closed, values_of
from galaxiesml.conditions.condition import Condition, in_band
from galaxiesml.conditions.reading import read
from galaxiesml.conditions.tree import Between, Column, Comparison, In, Is, Logic, Node, Null, Number, Text, Truth, walk
from galaxiesml.conditions.typed import runnable
from galaxiesml.conditions.writing import text_in, written
from galaxiesml.errors import UsageError

if TYPE_CHECKING:
    import duckdb

#: Values tried for columns of which the condition names no limit.
_TRIED = {
    "double": ("1", "0.5", "0.001", "22", "0", "-1", "100", "1e6"),
    "integer": ("1", "0", "100", "-1", "1000000"),
    "bigint": ("1", "0", "100", "-1", "1000000"),
    "boolean": ("false", "true"),
    "text": ("'GALAXY'", "'measured'", "''"),
}
#: Combinations of other columns' values that are tried before they are chosen one by one.
_MOST_COMBINATIONS = 100
#: Values of a list whose neighbours are shown, and values of one column that are tried.
_MOST_OF_A_LIST = 5
_MOST_VALUES = 24
_INT64 = 2**63 - 1


@dataclass(frozen=True)
class Judged:
    """A row and its verdict.

    Attributes
    ----------
    given : dict of str to str
        Column to literal, as asked.
    others : dict of str to str
        Values chosen for the other columns that the condition reads.
    verdict : bool or None
        None: NULL.
    passing : bool
        Whether the other columns' values let some of the rows of these columns pass; if not, they are NULL, and the
        verdict says little.
    """

    given: dict[str, str]
    others: dict[str, str]
    verdict: bool | None
    passing: bool


def limits(condition: Condition) -> list[dict[str, str]]:
    """Rows at the limits of a bound condition: each limit, what lies next to it on both sides, and NULL.

    Of the values of a long list only the first few are taken.

    Returns
    -------
    list of dict
        Each sets one column, ``{band}`` in its name where the condition has it, to a literal of SQL.
    """
    at: dict[str, list[str]] = {}
    for node in walk(condition.tree):
        if isinstance(node, Is) and isinstance(node.of, Column):
            at.setdefault(node.of.name, []).append(_TRIED[condition.known[node.of.name].type][0])
        for column, value in _compared(node):
            at.setdefault(column, []).extend(_around(value, condition.known[column].type))
    for name in condition.columns:
        if condition.known[name].type == "boolean":
            at.setdefault(name, []).extend(["true", "false"])
    ordered = [name for name in condition.columns if name in at]
    return [{name: value} for name in ordered for value in dict.fromkeys([*at[name], "null"])]


def _compared(node: Node) -> list[tuple[str, Number | Text]]:
    """Columns and the literals that a node compares them with."""
    if isinstance(node, Comparison):
        sides = (node.left, node.right)
    elif isinstance(node, Between):
        sides = (node.of, node.low, node.high)
    elif isinstance(node, In):
        sides = (node.of, *node.values[:_MOST_OF_A_LIST])
    else:
        return []
    columns = [each.name for each in sides if isinstance(each, Column)]
    return [(name, each) for each in sides if isinstance(each, Number | Text) for name in columns]


def _around(value: Number | Text, kind: str) -> list[str]:
    if isinstance(value, Text):
        swapped = value.value.swapcase() if value.value.swapcase() != value.value else value.value + " "
        return [text_in(each, "duckdb") for each in (value.value, swapped)]
    if kind in ("bigint", "integer"):
        below, above = _whole_around(value.text)
        most = _INT64 if kind == "bigint" else 2**31 - 1
        return [str(each) for each in dict.fromkeys([*below, *above]) if abs(each) <= most]
    number = float(value.text)
    near = [math.nextafter(number, -math.inf), math.nextafter(number, math.inf)]
    return [value.text, *(repr(each) for each in near if math.isfinite(each))]


def _whole_around(text: str) -> tuple[list[int], list[int]]:
    if text.lstrip("-").isdigit():
        return [int(text), int(text) - 1], [int(text) + 1]
    number = float(text)
    return [math.floor(number)], [math.ceil(number)]


def evaluate(condition: Condition, rows: Sequence[Mapping[str, str]], bands: Sequence[str] = ()) -> list[Judged]:
    """Verdicts of a bound condition on rows, by DuckDB.

    Columns that a row does not set have values with which the row's columns decide, if such are found.

    Parameters
    ----------
    condition : Condition
        From `bind`.
    rows : sequence of mapping
        Column, or column with {band} for all filters, to a literal of SQL, as `limits` gives them.
    bands : sequence of str
        The release's filters.

    Raises
    ------
    UsageError
        A row sets a column that the condition does not read, or a value is no literal of its type.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, row in enumerate(rows):
        groups.setdefault(tuple(row), []).append(at)
    out: dict[int, Judged] = {}
    with closed() as connection:
        judge = _Judge(connection, condition, tuple(bands))
        for row in rows:
            judge.check(row)
        for ats in groups.values():
            given = [dict(rows[at]) for at in ats]
            others, passing = judge.others_for(given)
            for at, verdict in zip(ats, judge.verdicts([others | row for row in given]), strict=True):
                out[at] = Judged(dict(rows[at]), others, verdict, passing)
    return [out[at] for at in range(len(rows))]


class _Judge:
    def __init__(self, connection: duckdb.DuckDBPyConnection, condition: Condition, bands: tuple[str, ...]):
        self.connection = connection
        self.condition = condition
        self.bands = bands if condition.banded else ("",)
        self.types = {
            name.replace("{band}", band): known.type for name, known in condition.known.items() for band in self.bands
        }
        tree = runnable(condition.tree, {name: known.type for name, known in condition.known.items()})
        self.terms = tree.terms if isinstance(tree, Logic) and tree.op == "and" else (tree,)
        asked = {name: [row[name] for row in limits(condition) if name in row] for name in condition.columns}
        self.candidates = {
            name: list(dict.fromkeys([*asked[name], *_TRIED[condition.known[name].type], "null"]))[-_MOST_VALUES:]
            for name in condition.columns
        }

    def check(self, row: Mapping[str, str]) -> None:
        """Refuse a row whose columns the condition does not read, or whose values are no literals of their types."""
        for name, literal in row.items():
            known = self.condition.known.get(name)
            kind = known.type if known else self.types.get(name)
            if kind is None:
                raise UsageError(
                    f"A boundary row sets {name}, which the condition does not read.",
                    f"It reads {', '.join(self.condition.columns)}.",
                )
            _value(literal, name, kind)

    def verdicts(self, rows: list[dict[str, str]]) -> list[bool | None]:
        """True, False or None of each row: of its terms' conjunction."""
        return self._values(self._sql(self.terms), rows)

    def others_for(self, given: list[dict[str, str]]) -> tuple[dict[str, str], bool]:
        """Values of the columns that rows do not set: such that some of the rows pass, and better not all."""
        names = [name for name in self.condition.columns if name not in given[0]]
        choices = [self.candidates[name] for name in names]
        if math.prod(map(len, choices)) > _MOST_COMBINATIONS:
            chosen = self._one_by_one()
            choices = [[chosen[name]] for name in names]
        tried = [dict(zip(names, values, strict=True)) for values in itertools.product(*choices)]
        # What the columns themselves may be otherwise shows whether they decide.
        probes = [
            *given[:_MOST_VALUES],
            *({name: value} for name in given[0] for value in self.candidates.get(name, [])),
        ]
        probes = [given[0] | probe for probe in probes]
        verdicts = self.verdicts([others | probe for others in tried for probe in probes])
        best = {}
        for at, others in enumerate(tried):
            of = verdicts[at * len(probes) : (at + 1) * len(probes)]
            best.setdefault((True in of, any(verdict is not True for verdict in of)), others)
        for key in ((True, True), (True, False)):
            if key in best:
                return best[key], True
        return dict.fromkeys(names, "null"), False

    def _one_by_one(self) -> dict[str, str]:
        """A value for every column, each chosen so that the most terms are true."""
        chosen = {name: values[0] for name, values in self.candidates.items()}
        score = " + ".join(f"case when {self._sql((term,))} then 1 else 0 end" for term in self.terms)
        for name in 2 * list(chosen):
            tried = [chosen | {name: value} for value in self.candidates[name]]
            scores = self._values(score, tried)
            chosen = tried[scores.index(max(scores))]
        return chosen

    def _values(self, sql: str, rows: list[dict[str, str]]) -> list:
        found = values_of(self.connection, [sql], self.types, [self._columns(row) for row in rows])
        return [value for (value,) in found]

    def _sql(self, terms: Sequence[Node]) -> str:
        return " and ".join(f"({written(in_band(term, band))})" for term in terms for band in self.bands)

    def _columns(self, row: Mapping[str, str]) -> dict[str, str | None]:
        """Values by the columns' full names; one that is set for a filter alone goes before one set for all."""
        ordered = sorted(row, key=lambda name: "{band}" not in name)
        return {
            name.replace("{band}", band): _value(row[name], name, self.types[name.replace("{band}", band)])
            for name in ordered
            for band in self.bands
        }


@lru_cache(maxsize=10_000)
def _value(literal: str, name: str, kind: str) -> str | None:
    """A literal's value as a text, None for NULL."""
    node = read(literal, banded=False)
    if isinstance(node, Null):
        return None
    if isinstance(node, Number) and (kind == "double" or (kind in ("bigint", "integer") and node.is_integer)):
        return node.text
    if isinstance(node, Text) and kind == "text":
        return node.value
    if isinstance(node, Truth) and kind == "boolean":
        return str(node.value).lower()
    raise UsageError(f"A boundary row sets {name} to {literal}, which is no value of the type {kind}.")
