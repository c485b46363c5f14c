"""Find the cuts that an archive query has applied: parse its WHERE clause and compare it with the cuts."""

from __future__ import annotations

from pathlib import Path

import sqlglot
from sqlglot import exp

from galaxiesml.dictionary import PROJECT
from galaxiesml.errors import InputError, UsageError
from galaxiesml.releases.profile import Profile

ARCHIVE = PROJECT / "sql" / "archive"
_FLIPPED = {
    exp.LT: exp.GT,
    exp.GT: exp.LT,
    exp.LTE: exp.GTE,
    exp.GTE: exp.LTE,
    exp.EQ: exp.EQ,
    exp.NEQ: exp.NEQ,
}
_SYMBOL = {exp.LT: "<", exp.GT: ">", exp.LTE: "<=", exp.GTE: ">=", exp.EQ: "=", exp.NEQ: "<>"}


def query_conditions(query: str | Path, profile: Profile) -> tuple[str, list[str]]:
    """The conditions that are joined by AND in a query's WHERE clause, with our column names.

    Parameters
    ----------
    query : str or Path
        'paper' or 'wide' (sql/archive), or the path of an .sql file.
    profile : Profile
        Its names there become our names.

    Returns
    -------
    name : str
        The query's name.
    conditions : list of str
        Normalised: the column first, ``not x`` for flags.
    """
    path = ARCHIVE / f"{query}.sql"
    if not path.is_file():
        path = Path(query)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in ARCHIVE.glob("*.sql")))
        raise UsageError(f"There is no archive query {str(query)!r}.", f"Give {known}, or the path of an .sql file.")
    try:
        statement = sqlglot.parse_one(path.read_text(encoding="utf-8"), dialect="postgres")
    except sqlglot.errors.ParseError as error:
        raise InputError(f"{path} does not parse as SQL: {error}.") from error
    if not isinstance(statement, exp.Select):
        raise InputError(
            f"{path} is not one SELECT statement.", "A query with UNION does not apply a single set of cuts."
        )
    where = statement.find(exp.Where)
    ours = profile.ours
    conditions = [_rename(part, ours) for part in conjuncts(where.this)] if where else []
    return path.stem, [normalise(condition) for condition in conditions]


def conjuncts(condition: exp.Expression) -> list[exp.Expression]:
    """Split a condition at its ANDs."""
    if isinstance(condition, exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return conjuncts(condition.left) + conjuncts(condition.right)
    if isinstance(condition, exp.Not) and isinstance(condition.this.unnest(), exp.Or):
        # not (a or b) is not a and not b, for NULLs too.
        either = condition.this.unnest()
        return conjuncts(exp.Not(this=either.left)) + conjuncts(exp.Not(this=either.right))
    return [condition]


def _rename(condition: exp.Expression, ours: dict) -> exp.Expression:
    def rename(node):
        if isinstance(node, exp.Column):
            known = ours.get(node.name.lower())
            return exp.column(known.name if known else node.name.lower())
        return node

    return condition.transform(rename)


def normalise(condition: exp.Expression) -> str:
    """Normalise a condition: ``0 < x`` to ``x > 0``; ``x = false``, ``x is false`` and ``not x`` to one form."""
    while isinstance(condition, exp.Paren):
        condition = condition.this
    if isinstance(condition, exp.Not) and isinstance(condition.this, exp.Paren):
        condition = exp.Not(this=condition.this.unnest())
    if isinstance(condition, (exp.EQ, exp.Is)) and isinstance(condition.expression, exp.Boolean):
        column = condition.this.sql()
        return column if condition.expression.this else f"NOT {column}"
    number_first = isinstance(condition.expression, exp.Column) and not isinstance(condition.this, exp.Column)
    if type(condition) in _FLIPPED and number_first:
        condition = _FLIPPED[type(condition)](this=condition.expression, expression=condition.this)
    return condition.sql()


def implied(term: str, conditions: list[str]) -> bool:
    """Whether every part of a cut's condition follows from the archive's conditions.

    Only two things count: the same condition, and a comparison of a column with a number that a sharper one
    covers (``z > 0.01`` covers ``z > 0``).  Anything cleverer is not claimed.
    """
    parts = [normalise(part) for part in conjuncts(sqlglot.parse_one(term, dialect="duckdb"))]
    return all(part in conditions or any(_covers(known, part) for known in conditions) for part in parts)


def _covers(known: str, wanted: str) -> bool:
    first, second = _comparison(known), _comparison(wanted)
    if not first or not second or first[0] != second[0]:
        return False
    (_, known_sign, known_value), (_, sign, value) = first, second
    if sign in (">", ">=") and known_sign in (">", ">="):
        return known_value > value or (known_value == value and (sign == ">=" or known_sign == ">"))
    if sign in ("<", "<=") and known_sign in ("<", "<="):
        return known_value < value or (known_value == value and (sign == "<=" or known_sign == "<"))
    return False


def _comparison(condition: str) -> tuple[str, str, float] | None:
    """(column, sign, number) of ``column sign number``, else None."""
    node = sqlglot.parse_one(condition)
    sign = _SYMBOL.get(type(node))
    if sign is None or not isinstance(node.this, exp.Column):
        return None
    try:
        return node.this.sql(), sign, float(node.expression.sql())
    except ValueError:
        return None
