"""Where statements end in a text that somebody is typing."""

from __future__ import annotations

import re
from typing import NamedTuple

#: What holds a ; that ends nothing, whole or as yet without its end; then a ; that does, then anything else.
_TOKENS = re.compile(
    r"""(?P<text>'(?:[^']|'')*' | "(?:[^"]|"")*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<comment>--[^\n]*(?:\n|$) | /\*.*?\*/)
    | (?P<open>'(?:[^']|'')*$ | "(?:[^"]|"")*$ | /\*.* | \$\w*\$.*)
    | (?P<end>;)
    | (?P<code>[^'"\-/$;]+|.)""",
    re.VERBOSE | re.DOTALL,
)


class Typed(NamedTuple):
    """A text, cut at its ends of statements.

    Attributes
    ----------
    statements : list of str
        Those that end in ``;``, without it; empty ones are left out.
    rest : str
        What follows the last; empty where only blanks and comments do.
    within : str
        What the end of the text stands in: '' for code, else a quotation mark, ``--``, ``/*`` or ``$``.
    """

    statements: list[str]
    rest: str
    within: str


def typed(text: str) -> Typed:
    """Cut a text at its ends of statements; a ``;`` in a string or a comment is none."""
    statements, began, is_blank, within = [], 0, True, ""
    for token in _TOKENS.finditer(text):
        kind, found = token.lastgroup, token[0]
        if kind == "tag":
            kind = "text"
        within = ""
        if kind == "end":
            if not is_blank:
                statements.append(text[began : token.start()])
            began, is_blank = token.end(), True
        elif kind == "comment":
            # Typing goes on inside a comment of one line until its end is typed.
            within = "--" if found.startswith("--") and not found.endswith("\n") else ""
        elif kind == "open":
            is_blank, within = False, "/*" if found.startswith("/*") else found[0]
        elif found.strip():
            is_blank = False
    return Typed(statements, "" if is_blank else text[began:], within)
