"""Conditions made at random, which print themselves as SQL and read themselves with NumPy.

Nothing here knows how the package reads a condition.  A value is two arrays: what it is, and where it is NULL.  The
kinds are num (float64), int (int64), text and flag.
"""

import math
import operator
from dataclasses import dataclass

import numpy as np

Values = tuple[np.ndarray, np.ndarray]
_TYPES = {"num": np.float64, "int": np.int64, "text": object, "flag": bool}


@dataclass
class Made:
    """A part of a condition: its kind, its SQL, whether that is one word, and its values over a table's rows."""

    kind: str
    sql: str
    values: Values
    #: atom, product, sum, predicate, not, and, or
    level: str = "atom"


def total_less(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Order of doubles in which NaN is one value, above all others."""
    return (left < right) | (~np.isnan(left) & np.isnan(right))


def compare(op: str, left: Values, right: Values) -> Values:
    """A comparison; NULL where a side is."""
    a, b = left[0], right[0]
    if a.dtype == np.float64:
        less, more = total_less(a, b), total_less(b, a)
    else:
        less, more = np.asarray(a < b, bool), np.asarray(b < a, bool)
    verdict = {
        "=": ~less & ~more,
        "<>": less | more,
        "<": less,
        "<=": ~more,
        ">": more,
        ">=": ~less,
    }[op]
    return verdict, left[1] | right[1]


def both(left: Values, right: Values) -> Values:
    """``and`` of three values."""
    false = (~left[0] & ~left[1]) | (~right[0] & ~right[1])
    return left[0] & right[0] & ~left[1] & ~right[1], (left[1] | right[1]) & ~false


def inverse(of: Values) -> Values:
    return ~of[0] & ~of[1], of[1]


def either(left: Values, right: Values) -> Values:
    return inverse(both(inverse(left), inverse(right)))


def doubled(made: Made) -> Values:
    """Numbers as doubles."""
    return made.values[0].astype(np.float64), made.values[1]


def alike(parts: list[Made]) -> list[Values]:
    """Values of one type: whole numbers are compared as such among themselves alone."""
    kinds = {part.kind for part in parts}
    return [doubled(part) for part in parts] if kinds == {"int", "num"} else [part.values for part in parts]


def apply(function, values: Values, defined=None) -> Values:
    """A function of one number; NULL where it is not defined."""
    found, null = values[0], values[1].copy()
    out = np.zeros(len(found))
    for at, number in enumerate(found):
        if not null[at] and not math.isnan(number) and defined is not None and not defined(number):
            null[at] = True
        elif not null[at]:
            out[at] = function(float(number))
    return out, null


def _rounded(function):
    return lambda number: float(function(number)) if math.isfinite(number) else number


def _logarithm(function):
    return lambda number: function(number) if math.isfinite(number) else number


FUNCTIONS = {
    "abs": (abs, None),
    "floor": (_rounded(math.floor), None),
    "ceil": (_rounded(math.ceil), None),
    "sqrt": (math.sqrt, lambda number: number >= 0),
    "ln": (_logarithm(math.log), lambda number: number > 0),
    "log10": (_logarithm(math.log10), lambda number: number > 0),
}
_OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")


class Maker:
    """Conditions over one table."""

    def __init__(self, rng: np.random.Generator, table: dict[str, tuple[str, Values]]):
        self.rng = rng
        self.table = table
        self.rows = len(next(iter(table.values()))[1][0])

    def condition(self) -> Made:
        while True:
            made = self.flag(int(self.rng.integers(1, 5)))
            if any(name in made.sql for name in self.table):
                return made

    def pick(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def within(self, made: Made, *bare: str) -> str:
        """SQL of a part, in brackets unless its level needs none there; sometimes in brackets that nobody needs."""
        needless = self.rng.random() < 0.1
        return made.sql if made.level in ("atom", *bare) and not needless else f"({made.sql})"

    def literal(self, kind: str) -> Made:
        if kind == "num":
            sql = self.pick("0.0", "1.5", "-2.25", "1e3", "0.1", ".5", "-1e-3", "22.5", "0.30000000000000004", "1e308")
        elif kind == "int":
            sql = self.pick("0", "1", "-1", "2", "3", "100", "43158176442374224", "9223372036854775807", "-7")
        elif kind == "text":
            sql = self.pick("'a'", "'A'", "''", "'it''s'", "'galaxy'", "'ä'", "'1'")
        else:
            sql = self.pick("true", "false", "TRUE")
        value = {
            "num": float,
            "int": int,
            "text": lambda text: text[1:-1].replace("''", "'"),
            "flag": lambda text: text.lower() == "true",
        }[kind](sql)
        filled = np.full(self.rows, value, dtype=_TYPES[kind])
        return Made(kind, sql, (filled, np.zeros(self.rows, bool)), "signed" if sql.startswith("-") else "atom")

    def column(self, kind: str) -> Made:
        name = self.pick(*[name for name, (of, _) in self.table.items() if of == kind])
        return Made(kind, name, self.table[name][1])

    def leaf(self, kind: str) -> Made:
        return self.column(kind) if self.rng.random() < 0.75 else self.literal(kind)

    def value(self, kind: str, depth: int) -> Made:
        """A value of a kind; a number may be either sort."""
        if depth <= 0 or self.rng.random() < 0.25:
            return self.leaf(kind)
        if kind == "flag" and self.rng.random() < 0.6:
            return self.flag(depth)
        makers = [self.coalesce, self.nullif, self.case]
        if kind == "num":
            makers += [self.arithmetic] * 3 + [self.function] * 2 + [self.negative]
        if kind in ("num", "int", "text"):
            makers.append(self.extreme)
        return self.pick(*makers)(kind, depth - 1)

    def several(self, kind: str, depth: int, count: int) -> list[Made]:
        """Values that can be compared: numbers of both sorts together now and then."""
        kinds = [kind] * count
        if kind in ("num", "int"):
            kinds = [self.pick("num", "int") if self.rng.random() < 0.3 else kind for _ in kinds]
        return [self.value(each, depth) for each in kinds]

    def of_kind(self, parts: list[Made]) -> str:
        kinds = {part.kind for part in parts}
        return "num" if kinds == {"int", "num"} else parts[0].kind

    def arithmetic(self, kind: str, depth: int) -> Made:
        op = self.pick("+", "-", "*", "/")
        left, right = (self.value(self.pick("num", "num", "int"), depth) for _ in range(2))
        (a, a_null), (b, b_null) = doubled(left), doubled(right)
        null = a_null | b_null
        if op == "/":
            null = null | (b == 0)
            found = np.divide(a, np.where(b == 0, 1.0, b))
        else:
            found = _OPERATORS[op](a, b)
        level = "sum" if op in "+-" else "product"
        sides = (self.within(left, "product"), self.within(right, "product")) if level == "sum" else None
        one, two = sides or (self.within(left), self.within(right))
        return Made("num", self.pick(f"{one} {op} {two}", f"{one}{op}{two}"), (found, null), level)

    def negative(self, kind: str, depth: int) -> Made:
        of = self.value(self.pick("num", "int"), depth)
        # A minus before a whole number is a part of the number.
        found, null = of.values if of.sql.isdigit() else doubled(of)
        return Made("int" if of.sql.isdigit() else "num", f"-{self.within(of)}", (-found, null), "signed")

    def function(self, kind: str, depth: int) -> Made:
        name = self.pick(*FUNCTIONS)
        of = self.value(self.pick("num", "int"), depth)
        function, defined = FUNCTIONS[name]
        written = self.pick(name, name.upper())
        return Made("num", f"{written}({of.sql})", apply(function, doubled(of), defined))

    def coalesce(self, kind: str, depth: int) -> Made:
        parts = self.several(kind, depth, self.pick(2, 3))
        values = alike(parts)
        found, null = values[0][0].copy(), values[0][1].copy()
        for other, other_null in values[1:]:
            found[null] = other[null]
            null = null & other_null
        return Made(self.of_kind(parts), f"coalesce({', '.join(part.sql for part in parts)})", (found, null))

    def nullif(self, kind: str, depth: int) -> Made:
        parts = self.several(kind, depth, 2)
        one, two = alike(parts)
        equal, unknown = compare("=", one, two)
        null = one[1] | (equal & ~unknown)
        return Made(self.of_kind(parts), f"nullif({parts[0].sql}, {parts[1].sql})", (one[0], null))

    def extreme(self, kind: str, depth: int) -> Made:
        name, op = self.pick(("least", "<"), ("greatest", ">"))
        parts = self.several(kind, depth, self.pick(2, 3))
        values = alike(parts)
        found, null = values[0][0].copy(), values[0][1].copy()
        for other, other_null in values[1:]:
            better, _ = compare(op, (other, other_null), (found, null))
            take = ~other_null & (null | better)
            found[take] = other[take]
            null = null & other_null
        return Made(self.of_kind(parts), f"{name}({', '.join(part.sql for part in parts)})", (found, null))

    def case(self, kind: str, depth: int) -> Made:
        count = self.pick(1, 2)
        thens = self.several(kind, depth, count)
        otherwise = self.several(kind, depth, 1)[0] if self.rng.random() < 0.6 else None
        values = alike(thens + ([] if otherwise is None else [otherwise]))
        parts, open_ = [], np.ones(self.rows, bool)
        found, null = values[-1][0].copy(), values[-1][1].copy()
        if otherwise is None:
            null = np.ones(self.rows, bool)
        for then, (value, value_null) in zip(thens, values, strict=False):
            when = self.flag(depth)
            taken = open_ & when.values[0] & ~when.values[1]
            found[taken], null[taken] = value[taken], value_null[taken]
            open_ = open_ & ~taken
            parts.append(f"when {when.sql} then {then.sql}")
        end = "" if otherwise is None else f" else {otherwise.sql}"
        if otherwise is None and self.rng.random() < 0.3:
            end = " else null"
        made = [*thens, *([] if otherwise is None else [otherwise])]
        return Made(self.of_kind(made), f"case {' '.join(parts)}{end} end", (found, null))

    def flag(self, depth: int) -> Made:
        """Something true, false or NULL."""
        if depth <= 0:
            return self.column("flag") if self.rng.random() < 0.5 else self.comparison(0)
        makers = [self.comparison] * 3 + [self.between, self.member, self.is_what, self.distinct]
        makers += [self.logic] * 4 + [self.negation] * 2
        if self.rng.random() < 0.1:
            return self.pick(self.coalesce, self.nullif, self.case)("flag", depth - 1)
        return self.pick(*makers)(depth - 1)

    def logic(self, depth: int) -> Made:
        op = self.pick("and", "or")
        parts = [self.flag(depth) for _ in range(self.pick(2, 2, 3))]
        values = parts[0].values
        for part in parts[1:]:
            values = (both if op == "and" else either)(values, part.values)
        bare = ("predicate", "not") if op == "and" else ("predicate", "not", "and")
        joiner = f" {self.pick(op, op.upper())} "
        return Made("flag", joiner.join(self.within(part, *bare) for part in parts), values, op)

    def negation(self, depth: int) -> Made:
        of = self.flag(depth)
        return Made("flag", f"not {self.within(of)}", inverse(of.values), "not")

    def sides(self, parts: list[Made]) -> list[str]:
        return [self.within(part, "sum", "product", "signed") for part in parts]

    def comparison(self, depth: int) -> Made:
        kind = self.pick("num", "num", "int", "text", "flag")
        op = self.pick("=", "<>") if kind == "flag" else self.pick(*_COMPARISONS)
        parts = self.several(kind, depth, 2)
        one, two = self.sides(parts)
        typed = {"<>": self.pick("<>", "!="), "=": self.pick("=", "==")}.get(op, op)
        return Made("flag", f"{one} {typed} {two}", compare(op, *alike(parts)), "predicate")

    def distinct(self, depth: int) -> Made:
        parts = self.several(self.pick("num", "int", "text", "flag"), depth, 2)
        left, right = alike(parts)
        differ, unknown = compare("<>", left, right)
        differ = np.where(unknown, left[1] != right[1], differ)
        one, two = self.sides(parts)
        no = self.pick("", "not ")
        values = (~differ if no else differ, np.zeros(self.rows, bool))
        return Made("flag", f"{one} is {no}distinct from {two}", values, "predicate")

    def between(self, depth: int) -> Made:
        parts = self.several(self.pick("num", "int", "text"), depth, 3)
        of, low, high = alike(parts)
        values = both(compare(">=", of, low), compare("<=", of, high))
        no = self.pick("", "not ")
        a, b, c = self.sides(parts)
        return Made("flag", f"{a} {no}between {b} and {c}", inverse(values) if no else values, "predicate")

    def member(self, depth: int) -> Made:
        parts = self.several(self.pick("num", "int", "text", "flag"), depth, self.pick(2, 3, 5))
        of, *others = alike(parts)
        values = compare("=", of, others[0])
        for other in others[1:]:
            values = either(values, compare("=", of, other))
        no = self.pick("", "not ")
        listed = ", ".join(part.sql for part in parts[1:])
        one = self.sides(parts[:1])[0]
        return Made("flag", f"{one} {no}in ({listed})", inverse(values) if no else values, "predicate")

    def is_what(self, depth: int) -> Made:
        what = self.pick("null", "null", "true", "false")
        of = self.value("flag" if what != "null" else self.pick("num", "int", "text", "flag"), depth)
        found, null = of.values
        verdict = {"null": null, "true": found.astype(bool) & ~null, "false": ~found.astype(bool) & ~null}[what]
        no = self.pick("", "not ")
        values = (~verdict if no else verdict.copy(), np.zeros(self.rows, bool))
        sql = f"{self.within(of, 'sum', 'product', 'signed')} is {no}{what}"
        return Made("flag", sql, values, "predicate")
