"""Read a condition as a user types it: sqlglot parses it, and only what is on the lists becomes a tree."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from galaxiesml.conditions.tree import (
    PREDICATES,
    Arithmetic,
    Between,
    Call,
    Case,
    Column,
    Comparison,
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
    mapped,
    size,
)
from galaxiesml.conditions.words import FUNCTIONS, NO_COMMENT, check_tokens, refused, refused_function
from galaxiesml.errors import UsageError

if TYPE_CHECKING:
    from sqlglot.errors import SqlglotError

#: A condition of five thousand identifiers fits; nothing that a person types is longer.
_MOST_CHARACTERS = 100_000
#: Brackets within brackets, operators of arithmetic, levels of the tree: more would exhaust the stack of a parser.
_MOST_BRACKETS = 20
_MOST_OPERATORS = 200
_DEEPEST = 80
#: `case x when` is written out, x once a branch: it can grow.
MOST_NODES = 20_000
_LARGEST = 2**63 - 1

#: sqlglot reads 1e3+2 as one number; what is between quotes is stepped over.
_POWER = re.compile(r"""('[^']*'|"[^"]*")|(?<!\w)\d*\.?\d*[eE][+-]?\d+(?=[+-])""")

_COMPARISONS = {
    "EQ": "=",
    "NEQ": "<>",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
    "NullSafeEQ": "is not distinct from",
    "NullSafeNEQ": "is distinct from",
}
_ARITHMETIC = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/"}
#: Functions whose class has the function's own name; log10 is a Log of two arguments.
_CALLS = {name.capitalize(): name for name in FUNCTIONS if name != "log10"}
#: Arguments of sqlglot's classes that may be set; any other is a form of the expression that is not allowed.
_ARGUMENTS = {
    "Column": {"this"},
    "Identifier": {"this", "quoted"},
    "Case": {"this", "ifs", "default"},
    "If": {"this", "true"},
    "Between": {"this", "low", "high"},
    "In": {"this", "expressions"},
    "Literal": {"this", "is_string"},
    "Least": {"this", "expressions", "ignore_nulls"},
    "Greatest": {"this", "expressions", "ignore_nulls"},
    "Coalesce": {"this", "expressions"},
    "Div": {"this", "expression", "typed", "safe"},
}
_CALLED = {
    "Select": "subqueries",
    "Subquery": "subqueries",
    "Exists": "subqueries",
    "Tuple": "a row of several values",
    "Concat": "two texts side by side",
    "Star": "a star (*)",
    "Cast": "a cast",
    "Collate": "collate",
    "AtTimeZone": "at time zone",
    "Window": "windows",
    "Interval": "interval",
    "Distinct": "distinct",
}


def read(text: str, banded: bool = True) -> Node:
    """The tree of a condition.

    Parameters
    ----------
    text : str
        As typed.
    banded : bool
        Whether ``{band}`` may stand in names.

    Raises
    ------
    UsageError
        The text does not parse, or has something that is on no list; the message names it as typed.
    """
    _check_characters(text, banded)
    sentinel = _sentinel(text)
    try:
        tree = _parsed(_POWER.sub(lambda found: found[0] + ("" if found[1] else " "), text.replace("{band}", sentinel)))
    except UsageError as error:
        raise UsageError(str(error).replace(sentinel, "{band}"), error.hint) from None
    if size(tree) > MOST_NODES:
        raise refused(f"more than {MOST_NODES:,} columns, values and operators", "Write it as several cuts.")
    return _with_bands(tree, sentinel)


def _parsed(text: str) -> Node:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if "/*" in re.sub(r"'[^']*'", "", text):
        raise refused("a comment", NO_COMMENT)
    try:
        tokens = sqlglot.tokenize(text, dialect="duckdb")
    except SqlglotError as error:
        raise UsageError("The condition does not parse: a quote is not closed.", "Close it: 'GALAXY'.") from error
    if not tokens and text.strip():
        raise refused("a comment", NO_COMMENT)
    if not tokens:
        raise UsageError("The condition is empty.", 'Type one, for example "i_cmodel_mag < 22.5".')
    check_tokens(text, tokens)
    _check_size(tokens)
    try:
        parsed = sqlglot.parse_one(text, into=exp.Condition, dialect="duckdb")
    except SqlglotError as error:
        raise _does_not_parse(error) from error
    except RecursionError as error:
        raise _too_deep() from error
    _check_depth(parsed)
    return _node(parsed)


def _does_not_parse(error: SqlglotError) -> UsageError:
    said = (getattr(error, "errors", None) or [{}])[0]
    near = said.get("highlight") or ""
    what = {"Inv": "something is not expected", "Req": "something is missing", "Exp": "a bracket is not closed"}.get(
        (said.get("description") or "")[:3], "it is not one expression"
    )
    if (said.get("description") or "").startswith("The number of provided arguments"):
        what = "a function has too many arguments"
    example = "Type one condition, for example \"i_cmodel_mag < 22.5 and specz_class = 'GALAXY'\"."
    hint = "Type a point in numbers: 22.5." if near == "," else example
    return UsageError(f"The condition does not parse: {what}{f' at {near!r}' if near else ''}.", hint)


def _check_characters(text: str, banded: bool) -> None:
    if len(text) > _MOST_CHARACTERS:
        raise refused(f"more than {_MOST_CHARACTERS:,} characters", "Leave rows out by an audit, not by a list.")
    for begin, what in (("{{", "Jinja"), ("{%", "Jinja"), ("{#", "Jinja")):
        if begin in text:
            raise refused(f"{what} ({begin})", "Type the values themselves.")
    if re.search(r"[{}]", text.replace("{band}", "")):
        raise refused("braces", "Only {band} has braces: it stands for each filter, as in {band}_cmodel_mag.")
    if "{band}" in text and not banded:
        raise refused("{band}", "This table is not of one release's filters: name each column in full.")
    odd = next((each for each in text if not each.isprintable() and each not in "\n\t\r"), None)
    if odd is not None:
        raise refused(f"the character {odd!r}", "Type the condition again by hand: it was copied with hidden signs.")
    if "\\" in text:
        raise refused("a backslash", "Two quotes stand for one within a text: 'Barnard''s'.")


def _sentinel(text: str) -> str:
    word = "bandx"
    while word in text.lower():
        word += "x"
    return word


def _check_size(tokens: list) -> None:
    depth = deepest = 0
    for token in tokens:
        depth += {"L_PAREN": 1, "CASE": 1, "R_PAREN": -1, "END": -1}.get(token.token_type.name, 0)
        deepest = max(deepest, depth)
    if deepest > _MOST_BRACKETS:
        raise refused(f"more than {_MOST_BRACKETS} brackets within each other", "Write it as several cuts.")
    heavy = sum(token.token_type.name in ("NOT", "DASH", "PLUS", "STAR", "SLASH") for token in tokens)
    if heavy > _MOST_OPERATORS:
        raise refused(f"more than {_MOST_OPERATORS} of not, +, -, * and /", "Write it as several cuts.")


def _check_depth(parsed) -> None:
    """Refuse a tree that is too deep; a chain of one ``and`` or ``or`` is one level, however long."""
    waiting = [(parsed, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > _DEEPEST:
            raise _too_deep()
        chain = type(node).__name__ in ("And", "Or")
        for below in node.iter_expressions():
            waiting.append((below, depth if chain and type(below) is type(node) else depth + 1))


def _too_deep() -> UsageError:
    return refused(f"more than {_DEEPEST} operations within each other", "Write it as several cuts.")


def _with_bands(tree: Node, sentinel: str) -> Node:
    def change(node: Node) -> Node:
        if isinstance(node, Column):
            return Column(node.name.replace(sentinel, "{band}"), node.typed.replace(sentinel, "{band}"))
        if isinstance(node, Text) and sentinel in node.value:
            raise refused("braces in a text", "Only the names of columns have {band}.")
        return mapped(node, change)

    return change(tree)


def _node(node) -> Node:
    """A tree of sqlglot as one of ours, or an error at the first class that is on no list."""
    name = type(node).__name__
    _check_arguments(node, name)
    if name == "Paren":
        return _node(node.this)
    if name in ("And", "Or"):
        return _logic(node, name)
    if name in _COMPARISONS:
        return _comparison(node, _COMPARISONS[name])
    if name in _ARITHMETIC:
        return Arithmetic(_ARITHMETIC[name], _not_null(_node(node.this)), _not_null(_node(node.expression)))
    if name in _CALLS or name == "Log":
        return _call(node, name)
    reader = _READERS.get(name)
    if reader is None:
        raise _refused_class(node, name)
    return reader(node)


def _check_arguments(node, name: str) -> None:
    if name in _CALLED:
        raise refused(_CALLED[name])
    allowed = _ARGUMENTS.get(name, {"this", "expression", "expressions"})
    for argument, value in node.args.items():
        if value and argument not in allowed:
            if name == "Column":
                raise refused(f"the qualified name {node.sql()}", f"Type the column alone: {node.name}.")
            if name == "In":
                raise refused(_CALLED["Subquery"]) if argument == "query" else _no_list()
            below = value[0] if isinstance(value, list) else value
            raise _refused_class(below if hasattr(below, "args") else node, type(below).__name__)


def _refused_class(node, name: str) -> UsageError:
    import sqlglot.expressions as exp

    if name in _CALLED:
        return refused(_CALLED[name])
    if isinstance(node, exp.Func) and not isinstance(node, exp.Connector):
        return refused_function(node.name if isinstance(node, exp.Anonymous) else node.sql_name().lower())
    return refused(node.sql(dialect="duckdb")[:60])


def _logic(node, name: str) -> Node:
    """Terms of a chain of one operator; sqlglot nests them to the left, one in the other."""
    terms = []
    while type(node).__name__ == name:
        terms.append(_node(node.expression))
        node = node.this
    terms.append(_node(node))
    return _joined(name.lower(), terms[::-1])


def _joined(op: str, terms: list[Node]) -> Node:
    flat: list[Node] = []
    for term in terms:
        flat += term.terms if isinstance(term, Logic) and term.op == op else [term]
    return Logic(op, tuple(flat))


def _side(node) -> Node:
    """One side of a comparison: another comparison only in brackets."""
    tree = _node(node)
    if isinstance(tree, (Not, *PREDICATES)) and type(node).__name__ != "Paren":
        raise refused(
            "a comparison of a comparison", "Type both limits: z > 0.1 and z < 1.5, or z between 0.1 and 1.5."
        )
    return _not_null(tree)


def _not_null(tree: Node) -> Node:
    if isinstance(tree, Null):
        raise refused("null as a value to compare or compute with", "Ask whether a value is missing: x is null.")
    return tree


def _comparison(node, op: str) -> Node:
    return Comparison(op, _side(node.this), _side(node.expression))


def _call(node, name: str) -> Node:
    if name == "Log":
        function, args = "log10", [node.expression]
        if node.expression is None or node.this.sql() != "10":
            raise refused_function("log")
    else:
        function = _CALLS[name]
        args = [node.this, node.args.get("expression"), *node.expressions]
    args = [arg for arg in args if arg is not None]
    fewest, most = FUNCTIONS[function]
    if not fewest <= len(args) <= most:
        wants = f"{fewest}" if fewest == most else f"{fewest} or more"
        raise refused(f"{function}() of {len(args)} values", f"{function}() takes {wants}.")
    return Call(function, tuple(_not_null(_node(arg)) for arg in args))


def _column(node) -> Node:
    identifier = node.this
    if type(identifier).__name__ != "Identifier":
        raise _refused_class(identifier, type(identifier).__name__)
    name = identifier.this
    return Column(name if identifier.args.get("quoted") else name.lower(), name)


def _literal(node) -> Node:
    return Text(node.this) if node.is_string else _number(node.this)


def _number(typed: str) -> Number:
    """A number in one form: digits before and after the point, no plus, a small e."""
    match = re.fullmatch(r"(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?", typed)
    if match is None or not (match[1] or match[2]):
        raise refused(f"the number {typed}", "Type it as 22.5, 22 or 1e-3.")
    whole, part, power = match.groups()
    whole = (whole or "").lstrip("0") or "0"
    text = whole + ("" if part is None else f".{part or '0'}") + ("" if power is None else f"e{int(power)}")
    if part is None and power is None:
        if len(whole) > 19 or int(whole) > _LARGEST:
            raise refused(f"the number {typed[:40]}", f"A whole number is at most {_LARGEST}; larger ones: 1e30.")
    elif not math.isfinite(float(text)) or (float(text) == 0 and re.search(r"[1-9]", whole + (part or ""))):
        raise refused(f"the number {typed[:40]}", "Numbers lie between 5e-324 and 1.797e308, as doubles do.")
    return Number(text)


def _negative(node) -> Node:
    of = _not_null(_node(node.this))
    if isinstance(of, Number) and not of.text.startswith("-"):
        return Number("-" + of.text)
    return Negative(of)


def _not(node) -> Node:
    of = _node(node.this)
    if isinstance(of, Is | Between | In):
        return type(of)(*list(vars(of).values())[:-1], not of.negated)
    return Not(of)


def _is(node) -> Node:
    below = node.expression
    what = {"Null": "null", "Boolean": str(getattr(below, "this", "")).lower()}.get(type(below).__name__)
    if what not in ("null", "true", "false"):
        raise refused(f"is {below.sql()}", "Type is null, is true, is false, or is distinct from.")
    return Is(_is_side(node.this), what)


def _is_side(node) -> Node:
    """What `is` asks about: `a = b is null` asks about the comparison, in every engine."""
    return _node(node) if type(node).__name__ == "Paren" else _side(node)


def _between(node) -> Node:
    return Between(_side(node.this), _side(node.args["low"]), _side(node.args["high"]))


def _no_list() -> UsageError:
    return refused("in without a list", "Type a list: x in (1, 2, 3).")


def _in(node) -> Node:
    if not node.expressions:
        raise _no_list()
    return In(_side(node.this), tuple(_not_null(_node(value)) for value in node.expressions))


def _case(node) -> Node:
    subject = node.args.get("this")
    of = None if subject is None else _side(subject)
    whens = []
    for each in node.args["ifs"]:
        _check_arguments(each, "If")
        when = _side(each.this) if of is not None else _node(each.this)
        whens.append((when if of is None else Comparison("=", of, when), _node(each.args["true"])))
    default = node.args.get("default")
    return Case(tuple(whens), None if default is None else _node(default))


_READERS = {
    "Column": _column,
    "Literal": _literal,
    "Boolean": lambda node: Truth(bool(node.this)),
    "Null": lambda node: Null(),
    "Neg": _negative,
    "Not": _not,
    "Is": _is,
    "Between": _between,
    "In": _in,
    "Case": _case,
}
