"""Conditions that users type: read by an allow-list, bound to columns, written anew for each engine.

Nothing that a user types is run: sqlglot parses the text, what is on the lists becomes a tree of this package
(`tree`), and SQL is generated from the tree (`writing`).  The page docs/conditions.md is its grammar.
"""

from galaxiesml.conditions.condition import Condition, bind, parse, row_columns, scope
from galaxiesml.conditions.limits import Judged, evaluate, limits
from galaxiesml.conditions.names import Known, pair_columns

__all__ = [
    "Condition",
    "Judged",
    "Known",
    "bind",
    "evaluate",
    "limits",
    "pair_columns",
    "parse",
    "row_columns",
    "scope",
]
