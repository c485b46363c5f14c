"""A condition over one row: parsed, bound to a table's columns, and written anew for an engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from galaxiesml.conditions import closed, names
from galaxiesml.conditions.names import Known
from galaxiesml.conditions.reading import read
from galaxiesml.conditions.tree import Column, Logic, Node, column_names, mapped, walk
from galaxiesml.conditions.typed import runnable
from galaxiesml.conditions.writing import written
from galaxiesml.errors import UsageError


@dataclass(frozen=True)
class Condition:
    """A condition that has been read.

    Attributes
    ----------
    tree : Node
        What it is made of.
    known : mapping of str to Known
        Type and side of each column that it reads, once `bind` has settled them; empty before.
    """

    tree: Node
    known: Mapping[str, Known] = field(default_factory=dict)

    @cached_property
    def text(self) -> str:
        """The condition in canonical form, as the cuts of sql/macros/cuts.sql are written."""
        return written(self.tree)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns that it reads, ``{band}`` in them, in the order in which they are first typed."""
        return column_names(self.tree)

    @property
    def banded(self) -> bool:
        """Whether it must hold in every filter."""
        return any("{band}" in name for name in self.columns)

    def sql(self, dialect: str = "duckdb", bands: Sequence[str] = ()) -> str:
        """The condition as it is run: generated from the tree, never from what was typed.

        It raises no error whatever the values are, and can be joined with others by ``and`` as it stands.

        Parameters
        ----------
        dialect : {'duckdb', 'spark'}
            Engine that runs it.
        bands : sequence of str
            Filters to write {band} out for: the condition in each, in brackets, joined by ``and``.  Without them a
            banded condition keeps {band}.

        Raises
        ------
        ValueError
            The condition is not bound: without the types of its columns it might be computed otherwise.
        """
        if not set(self.columns) <= set(self.known):
            raise ValueError(f"bind the condition first: {self.text}")
        tree = runnable(self.tree, {name: each.type for name, each in self.known.items()}, dialect)
        if not (self.banded and bands):
            return written(tree, dialect)
        return " and ".join(_bracketed(in_band(tree, band), dialect) for band in bands)


def _bracketed(tree: Node, dialect: str) -> str:
    text = written(tree, dialect)
    return text if isinstance(tree, Logic) and tree.op == "or" else f"({text})"


def in_band(tree: Node, band: str) -> Node:
    """A tree with one filter in the place of {band}."""
    if isinstance(tree, Column):
        return Column(tree.name.replace("{band}", band))
    return mapped(tree, lambda below: in_band(below, band))


def parse(text: str, bands: Sequence[str] = ()) -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        As a user types it: an expression of SQL over the columns of one row.
    bands : sequence of str
        Filters that ``{band}`` stands for; without any, {band} is refused.

    Raises
    ------
    UsageError
        It does not parse, or has something that is not on the list of what is allowed; the message names it.
    """
    return Condition(read(text, bool(bands)))


def bind(condition: Condition, known: Mapping[str, Known], bands: Sequence[str] = ()) -> Condition:
    """Settle the types of a condition over a table's columns.

    Parameters
    ----------
    condition : Condition
        From `parse`.
    known : mapping of str to Known
        The table's columns; `pair_columns` and `row_columns` make it.
    bands : sequence of str
        The release's filters.

    Returns
    -------
    Condition
        With the columns named as the table names them.

    Raises
    ------
    UsageError
        The table lacks a column, types do not fit, or the condition reads no column.
    """
    if not condition.columns:
        raise UsageError(f"{condition.text} reads no column: it would keep every row, or none.", "Name a column.")
    found = {name: _found(name, known, bands) for name in condition.columns}
    wrong = [name for name, each in found.items() if each is None]
    if wrong:
        typed = [node.typed for node in walk(condition.tree) if isinstance(node, Column) and node.name in wrong]
        raise names.unknown(list(dict.fromkeys(typed)), known, bands)

    def renamed(node: Node) -> Node:
        return Column(found[node.name][0]) if isinstance(node, Column) else mapped(node, renamed)

    bound = replace(condition, tree=renamed(condition.tree), known=dict(found.values()))
    _check_in_duckdb(bound, bands)
    return bound


def _found(name: str, known: Mapping[str, Known], bands: Sequence[str]) -> tuple[str, Known] | None:
    """A column's name as the table has it, its type and side; of one with {band}, in every filter."""
    if "{band}" not in name:
        spelled = names.spelled(name, known)
        return spelled and (spelled, known[spelled])
    each = [names.spelled(name.replace("{band}", band), known) for band in bands]
    if not each or not all(each):
        return None
    of = {known[spelled] for spelled in each}
    if len(of) > 1:
        raise UsageError(f"{name} has not one type in all filters: {', '.join(sorted(k.type for k in of))}.")
    return name, of.pop()


def _check_in_duckdb(bound: Condition, bands: Sequence[str]) -> None:
    """The engine's own word on it: what this package reads as a condition must be one there."""
    import duckdb

    band = next(iter(bands), "")
    one = replace(
        bound, tree=in_band(bound.tree, band), known={n.replace("{band}", band): k for n, k in bound.known.items()}
    )
    try:
        kind = closed.result_type(one.sql(), {name: each.type for name, each in one.known.items()})
    except duckdb.Error as error:
        raise UsageError(f"DuckDB cannot run the condition {bound.text}: {error}") from error
    if kind != "BOOLEAN":
        raise UsageError(f"{bound.text} is {kind}, not a condition that is true or false.")


def scope(condition: Condition) -> str:
    """The side whose columns a bound condition reads: object, spectrum, pair (both), or row (a table's)."""
    sides = {each.side for each in condition.known.values()}
    return sides.pop() if len(sides) == 1 else "pair"


def row_columns(types: Mapping[str, str]) -> dict[str, Known]:
    """The columns of any table, for `bind`, from their types as the dictionary or DuckDB calls them."""
    called = {"varchar": "text", "string": "text"}
    return {name: Known(called.get(kind.lower(), kind.lower())) for name, kind in types.items()}
