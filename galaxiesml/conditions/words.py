"""What may stand in a condition, and what to type instead of what may not.

The list is of what is allowed: a word, a sign or a function that is on no list is refused.
"""

from __future__ import annotations

import re

from galaxiesml.errors import UsageError

#: Functions, with the fewest and the most arguments.
FUNCTIONS = {
    "abs": (1, 1),
    "sqrt": (1, 1),
    "ln": (1, 1),
    "log10": (1, 1),
    "floor": (1, 1),
    "ceil": (1, 1),
    "coalesce": (2, 100),
    "nullif": (2, 2),
    "least": (2, 100),
    "greatest": (2, 100),
}
#: Words of the grammar that a bracket may follow.
BEFORE_BRACKETS = frozenset(
    ["and", "or", "not", "in", "is", "case", "when", "then", "else", "between", "distinct", "from"]
)
_SIGNS = frozenset(["(", ")", ",", "+", "-", "*", "/", "<", "<=", ">", ">=", "=", "==", "<>", "!="])

NO_COMMENT = "Say why in --why: a comment is not kept."
_ONE_TABLE = "A condition reads the columns of one row alone."
_A_GROUP = "A condition reads one row; rules over groups of rows are duplicate rules of a version."
#: Words that are refused wherever they stand, what to call them, and what to type instead.
WORDS = {
    "select": ("subqueries", _ONE_TABLE),
    "with": ("subqueries", _ONE_TABLE),
    "exists": ("subqueries", _ONE_TABLE),
    "union": ("subqueries", _ONE_TABLE),
    "values": ("subqueries", _ONE_TABLE),
    "where": ("where", "Type the condition alone, without select and where."),
    "over": ("windows", _A_GROUP),
    "filter": ("filter", _A_GROUP),
    "like": ("like", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "ilike": ("ilike", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "similar": ("similar to", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "glob": ("glob", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "regexp": ("regexp", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "rlike": ("rlike", "Compare whole texts: specz_class = 'GALAXY', or in ('GALAXY', 'QSO')."),
    "collate": ("collate", "Texts are compared exactly, capital letters and all."),
    "interval": ("interval", "There are no dates here."),
    "symmetric": ("symmetric", "Type the smaller limit first: between 18 and 22."),
    "escape": ("escape", "Compare whole texts."),
    "any": ("any", "Type a list: x in (1, 2, 3)."),
    "some": ("some", "Type a list: x in (1, 2, 3)."),
    "all": ("all", "Type a list: x in (1, 2, 3)."),
    "cast": ("cast", "Numbers are computed as doubles; no cast is needed."),
    "try_cast": ("try_cast", "Numbers are computed as doubles; no cast is needed."),
    "lambda": ("lambdas", "Functions: " + ", ".join(FUNCTIONS) + "."),
}
#: What to type instead of a function that is not on the list.
_FUNCTION_HINTS = {
    "log": "Type ln(x) for the natural logarithm, or log10(x).",
    "log2": "Type ln(x) / ln(2).",
    "ceiling": "Type ceil(x).",
    "pow": "Type x * x.",
    "power": "Type x * x.",
    "square": "Type x * x.",
    "ifnull": "Type coalesce(x, y).",
    "nvl": "Type coalesce(x, y).",
    "if": "Type case when a then b else c end.",
    "iff": "Type case when a then b else c end.",
    "isnull": "Type x is null.",
    "isnan": "There is no NaN in the tables: it became NULL. Type x is null.",
    "isfinite": "There is no NaN in the tables: it became NULL. Type x is not null.",
    "min": _A_GROUP + " The smaller of two values: least(a, b).",
    "max": _A_GROUP + " The larger of two values: greatest(a, b).",
    "mod": "Type x - y * floor(x / y).",
    "row": "Compare values one by one, joined by and.",
}
_AGGREGATES = frozenset(["count", "sum", "avg", "mean", "median", "stddev", "min", "max", "any_value", "first", "last"])
#: Signs that are refused, what they are called, and what to type instead.
_SIGN_HINTS = {
    ";": ("more than one statement", "Type one condition, and no semicolon."),
    "?": ("a parameter", "Type the value itself."),
    "$": ("a parameter", "Type the value itself."),
    "@": ("a parameter", "Type the value itself."),
    ":": ("a parameter", "Type the value itself."),
    "::": ("a cast", "Numbers are computed as doubles; no cast is needed."),
    ".": ("a qualified name", "Type the column alone: specz_redshift."),
    "[": ("a list", "Type round brackets: x in (1, 2, 3)."),
    "]": ("a list", "Type round brackets: x in (1, 2, 3)."),
    "%": ("a remainder", "Type x - y * floor(x / y)."),
    "||": ("joining of texts", "Compare each text alone."),
    "&&": ("a sign of another language", "Type and."),
    "|": ("a bit operator", "Type or."),
    "&": ("a bit operator", "Type and."),
    "~": ("a regular expression", "Compare whole texts: specz_class = 'GALAXY'."),
    "!": ("a sign of another language", "Type not."),
    "^": ("a power", "Type x * x."),
    "**": ("a power", "Type x * x."),
    "//": ("a whole division", "Type floor(x / y)."),
    "->": ("lambdas", "Functions: " + ", ".join(FUNCTIONS) + "."),
    "≤": ("a sign that SQL lacks", "Type <=."),
    "≥": ("a sign that SQL lacks", "Type >=."),
    "≠": ("a sign that SQL lacks", "Type <>."),
    "−": ("a sign that SQL lacks", "Type the minus of the keyboard: -."),
    "×": ("a sign that SQL lacks", "Type *."),
    "“": ("curved quotes", "Texts stand between straight quotes: 'GALAXY'."),
    "”": ("curved quotes", "Texts stand between straight quotes: 'GALAXY'."),
    "‘": ("curved quotes", "Texts stand between straight quotes: 'GALAXY'."),
    "’": ("curved quotes", "Texts stand between straight quotes: 'GALAXY'."),
    "=>": ("a named argument", "Type the arguments alone."),
}


def refused(what: str, hint: str | None = None) -> UsageError:
    """The error for what may not stand in a condition."""
    return UsageError(f"Not allowed in a condition: {what}.", hint or _allowed())


def _allowed() -> str:
    return (
        "Allowed: columns, numbers, 'texts', true, false; and or not; = <> < <= > >=; between, in, is null; "
        f"+ - * /; case; {', '.join(FUNCTIONS)}."
    )


def refused_function(name: str) -> UsageError:
    """The error for a function that is not on the list."""
    low = name.lower()
    if low in WORDS:
        what, hint = WORDS[low]
        return refused(what if what == "subqueries" else f"{name}()", hint)
    known = "Functions: " + ", ".join(FUNCTIONS) + "."
    if low in _AGGREGATES:
        return refused(f"the aggregate {name}()", _FUNCTION_HINTS.get(low, _A_GROUP))
    if re.match(r"(read|scan|parquet|glob|sniff|sqlite|postgres|mysql|iceberg|delta|query)(_|$)", low):
        return refused(f"the table function {name}()", _ONE_TABLE)
    return refused(f"{name}()", _FUNCTION_HINTS.get(low, known))


def check_tokens(text: str, tokens: list) -> None:
    """Refuse comments, and words and signs that are on no list, as they are typed.

    Raises
    ------
    UsageError
        With the word or the sign.
    """
    for token, after in zip(tokens, [*tokens[1:], None], strict=True):
        if token.comments:
            raise refused("a comment", NO_COMMENT)
        typed = text[token.start : token.end + 1]
        kind = token.token_type.name
        if kind == "NUMBER" or (kind == "STRING" and typed.startswith("'")):
            continue
        if kind != "IDENTIFIER" and not re.match(r"\w", typed[:1]):
            _check_sign(typed, kind, after)
        elif after is not None and after.token_type.name == "L_PAREN":
            if kind == "IDENTIFIER" or typed.lower() not in BEFORE_BRACKETS | set(FUNCTIONS):
                raise refused_function(typed)
        elif kind != "IDENTIFIER" and (word := typed.lower().split()[0]) in WORDS:
            raise refused(*WORDS[word])


def _check_sign(typed: str, kind: str, after) -> None:
    if typed in _SIGNS:
        return
    if typed == "." and after is not None and after.token_type.name == "NUMBER":
        return  # .5, which sqlglot reads as 0.5
    for sign in sorted(_SIGN_HINTS, key=len, reverse=True):
        if typed.startswith(sign):
            what, hint = _SIGN_HINTS[sign]
            raise refused(f"{what} ({typed})", hint)
    raise refused(repr(typed))
