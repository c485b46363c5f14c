"""Settle the types of a tree, and add what makes it run without errors, and alike, on every engine.

Arithmetic is done in double, which cannot overflow into an error; a division by zero, and a root or a logarithm out of
its range, is NULL.  Comparisons of whole numbers with whole numbers stay exact: identifiers have 17 digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from galaxiesml.conditions.tree import (
    Arithmetic,
    Between,
    Call,
    Case,
    Column,
    Comparison,
    Double,
    In,
    Is,
    Logic,
    Negative,
    Node,
    Not,
    Null,
    Number,
    Text,
    Truth,
    size,
)
from galaxiesml.conditions.writing import written
from galaxiesml.errors import UsageError

#: A type of the dictionary, or of a table, by the way in which its values are compared.
KINDS = {
    "double": "double",
    "bigint": "integer",
    "integer": "integer",
    "boolean": "boolean",
    "text": "text",
}
_CALLED = {"double": "a number", "integer": "a number", "decimal": "a number", "text": "a text", "boolean": "a flag"}
_NUMBERS = ("double", "integer", "decimal")
#: Digits that the way from a decimal to a double keeps, in every engine.
_EXACT_DIGITS, _EXACT_SCALE = 15, 22
#: Of doubles beyond this, each is a whole number.
_ALL_WHOLE = "9e15"

#: The largest number for which a function has no value; of the negative doubles that is the last before 0.
_BELOW_RANGE = {"sqrt": "-5e-324", "ln": "0", "log10": "0"}
#: Nodes of a tree as it is run: guards repeat what they guard.
_MOST_NODES = 20_000

Typed = tuple[Node, str]


def runnable(tree: Node, types: Mapping[str, str], dialect: str = "duckdb") -> Node:
    """The tree as it is run.

    Parameters
    ----------
    tree : Node
        A condition.
    types : mapping of str to str
        Type of each column that it reads.
    dialect : {'duckdb', 'spark'}
        Engine that it is for.

    Raises
    ------
    UsageError
        Something is compared or computed with what has another type, or the whole is not true or false.
    """
    node, kind = _Typer(types, dialect).of(tree)
    if kind != "boolean":
        text = written(tree)
        number = "< 22.5" if kind in _NUMBERS else "= 'GALAXY'"
        raise UsageError(
            f"{text} is {_called(kind)}, not a condition that is true or false.",
            f"Type a comparison, for example: {text} {number}",
        )
    if size(node) > _MOST_NODES:
        raise UsageError("The condition is too large when it is written out.", "Write it as several cuts.")
    return node


def _called(kind: str) -> str:
    return _CALLED.get(kind, "always NULL")


class _Typer:
    def __init__(self, types: Mapping[str, str], dialect: str):
        self.types = types
        self.dialect = dialect

    def of(self, node: Node) -> Typed:
        """A node as it is run, and its kind."""
        return getattr(self, "_" + type(node).__name__.lower())(node)

    def _column(self, node: Column) -> Typed:
        kind = KINDS.get(self.types[node.name])
        if kind is None:
            raise UsageError(
                f"The column {node.name} is of the type {self.types[node.name]}, which conditions cannot read.",
                "Conditions read columns of numbers, texts and flags.",
            )
        return node, kind

    def _number(self, node: Number) -> Typed:
        if node.is_integer:
            return node, "integer"
        digits = re.sub(r"[-.]", "", node.text)
        if "e" in node.text:
            return node, "double"
        if len(digits.lstrip("0")) > _EXACT_DIGITS or len(node.text.split(".")[1]) > _EXACT_SCALE:
            return Number(node.text + "e0"), "double"
        return node, "decimal"

    def _text(self, node: Text) -> Typed:
        return node, "text"

    def _truth(self, node: Truth) -> Typed:
        return node, "boolean"

    def _null(self, node: Null) -> Typed:
        return node, "null"

    def _negative(self, node: Negative) -> Typed:
        (of,) = self._doubles(node, [node.of])
        return Negative(of), "double"

    def _arithmetic(self, node: Arithmetic) -> Typed:
        left, right = self._doubles(node, [node.left, node.right])
        if node.op == "/" and not _never_zero(right):
            right = Call("nullif", (right, Number("0")))
        return Arithmetic(node.op, left, right), "double"

    def _comparison(self, node: Comparison) -> Typed:
        (left, right), kind = self._alike(node, [node.left, node.right])
        if kind == "boolean" and node.op in ("<", "<=", ">", ">="):
            raise UsageError(f"Flags have no order: {written(node)}.", "Compare flags with = or <>.")
        return Comparison(node.op, left, right), "boolean"

    def _is(self, node: Is) -> Typed:
        of, kind = self.of(node.of)
        if node.what != "null" and kind != "boolean":
            raise self._no_flag(node.of, kind)
        return Is(of, node.what, node.negated), "boolean"

    def _between(self, node: Between) -> Typed:
        (of, low, high), kind = self._alike(node, [node.of, node.low, node.high])
        if kind == "boolean":
            raise UsageError(f"Flags have no order: {written(node)}.", "Compare flags with = or <>.")
        return Between(of, low, high, node.negated), "boolean"

    def _in(self, node: In) -> Typed:
        (of, *values), _ = self._alike(node, [node.of, *node.values])
        return In(of, tuple(values), node.negated), "boolean"

    def _not(self, node: Not) -> Typed:
        return Not(self._flag(node.of)), "boolean"

    def _logic(self, node: Logic) -> Typed:
        return Logic(node.op, tuple(map(self._flag, node.terms))), "boolean"

    def _case(self, node: Case) -> Typed:
        whens = [self._flag(when) for when, _ in node.whens]
        values = [then for _, then in node.whens] + ([] if node.otherwise is None else [node.otherwise])
        thens, kind = self._alike(node, values)
        if kind == "null":
            raise UsageError(f"Every result is NULL: {written(node)}.", "Give one of its results a value.")
        otherwise = None if node.otherwise is None else thens[-1]
        return Case(tuple(zip(whens, thens, strict=False)), otherwise), kind

    def _call(self, node: Call) -> Typed:
        if node.name in ("coalesce", "nullif", "least", "greatest"):
            args, kind = self._alike(node, list(node.args))
            if kind == "boolean" and node.name in ("least", "greatest"):
                raise UsageError(f"Flags have no order: {written(node)}.", "Join flags by and, or by or.")
            return Call(node.name, tuple(args)), kind
        (of,) = self._doubles(node, list(node.args))
        if node.name in _BELOW_RANGE:
            # Inside the function: no engine that computes ahead meets a number out of range.  NULL passes over.
            below = Number(_BELOW_RANGE[node.name])
            return Call(node.name, (Call("nullif", (Call("greatest", (of, below)), below)),)), "double"
        rounded = Call(node.name, (of,))
        if self.dialect == "spark" and node.name in ("floor", "ceil"):
            # Spark rounds to a bigint, into which not all doubles fit.
            small = Comparison("<", Call("abs", (of,)), Number(_ALL_WHOLE))
            rounded = Case(((small, Double(rounded)),), of)
        return rounded, "double"

    def _flag(self, node: Node) -> Node:
        of, kind = self.of(node)
        if kind != "boolean":
            raise self._no_flag(node, kind)
        return of

    def _no_flag(self, node: Node, kind: str) -> UsageError:
        text = written(node)
        example = f"{text} > 0" if kind in _NUMBERS else f"{text} = 'GALAXY'"
        if kind == "null":
            return UsageError("null stands where a condition is wanted.", "Type what must hold: x is null.")
        return UsageError(
            f"{text} is {_called(kind)}, where something true or false is wanted.", f"Type for example: {example}"
        )

    def _doubles(self, whole: Node, nodes: list[Node]) -> list[Node]:
        """Numbers as what is computed with: at least one double, so that the engine computes in double."""
        typed = [self.of(node) for node in nodes]
        for node, (_, kind) in zip(nodes, typed, strict=True):
            if kind not in _NUMBERS:
                raise UsageError(
                    f"{written(node)} is {_called(kind)}, and {written(whole)} computes with numbers.",
                    "Compute with columns of numbers.",
                )
        return _mixed(typed)

    def _alike(self, whole: Node, nodes: list[Node]) -> tuple[list[Node], str]:
        """What is compared, as values of one type."""
        typed = [self.of(node) for node in nodes]
        kinds = {kind for _, kind in typed if kind != "null"}
        if len(kinds) <= 1 and kinds != {"decimal"}:
            return [node for node, _ in typed], (kinds or {"null"}).pop()
        if kinds <= set(_NUMBERS):
            return _mixed(typed), "double"
        raise _unlike(whole, nodes, [kind for _, kind in typed])


def _mixed(typed: list[Typed]) -> list[Node]:
    """Numbers of which one at least is a double: it makes the engines read the others as doubles."""
    out = [Double(node) if kind == "integer" and not isinstance(node, Number) else node for node, kind in typed]
    if not any(kind == "double" or isinstance(node, Double) for node, (_, kind) in zip(out, typed, strict=True)):
        at = next(at for at, (_, kind) in enumerate(typed) if kind != "null")
        out[at] = Double(out[at])
    return out


def _never_zero(node: Node) -> bool:
    """Whether a divisor is a number other than 0, or is NULL where it would be 0."""
    if isinstance(node, Double):
        return _never_zero(node.of)
    if isinstance(node, Call) and node.name == "nullif":
        return isinstance(node.args[1], Number) and float(node.args[1].text) == 0
    return isinstance(node, Number) and float(node.text) != 0


def _unlike(whole: Node, nodes: list[Node], kinds: list[str]) -> UsageError:
    first = next(at for at, kind in enumerate(kinds) if kind != "null")
    other = next(
        at
        for at, kind in enumerate(kinds)
        if kind != "null" and (kind in _NUMBERS, kind == "text") != (kinds[first] in _NUMBERS, kinds[first] == "text")
    )
    one, two = nodes[first], nodes[other]
    hint = "Compare texts with 'texts', numbers with numbers."
    if "boolean" in (kinds[first], kinds[other]):
        flag = one if kinds[first] == "boolean" else two
        hint = f"Type {written(flag)}, or not {written(flag)}."
    elif isinstance(one, Number) or isinstance(two, Number):
        number = one if isinstance(one, Number) else two
        hint = f"A text stands between quotes: '{number.text}'."
    return UsageError(
        f"Cannot compare {written(one)}, {_called(kinds[first])}, with {written(two)}, {_called(kinds[other])}: "
        f"{written(whole)}",
        hint,
    )
