"""Check the keys and values of a TOML description against a list of permitted keys.

A release profile and a survey's description each have one list of :class:`Key`; the check of a file and the table in
docs/profiles.md both follow from it.
"""

from __future__ import annotations

import difflib
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from galaxiesml.errors import InputError

#: Of more problems than these the rest are counted.
SHOWN = 20
#: Lines of the longest statement whose end is looked for.
LONGEST = 200
#: Where every key is listed.
DOCS = "docs/profiles.md"


@dataclass(frozen=True)
class Key:
    """One permitted key.

    Attributes
    ----------
    path : str
        Tables joined by dots; ``*`` is any name, ``[]`` each table of a list: ``columns.*.source``, ``flags[].values``.
    kind : str
        What it holds, one or more of KINDS joined by ' or '.
    meaning : str
        For the documentation.
    required : bool
        Whether the table that it belongs to must have it.
    words : tuple of str
        The texts that it may be; empty: any.
    may_be_empty : bool
        Whether a list of texts may have none.
    """

    path: str
    kind: str
    meaning: str
    required: bool = False
    words: tuple[str, ...] = ()
    may_be_empty: bool = False


def _is_text(value) -> bool:
    return isinstance(value, str) and (value.isprintable() or not value)


def _is_number(value) -> bool:
    # TOML has inf and nan, and whole numbers that no float holds.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


#: Kinds of values, and how they are checked with TOML's types.
KINDS = {
    "text": _is_text,
    "texts": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "texts and whole numbers": lambda value: (
        isinstance(value, list) and all(_is_text(one) or type(one) is int for one in value)
    ),
    "whole numbers": lambda value: isinstance(value, list) and all(type(one) is int for one in value),
    "finite number": _is_number,
    "finite numbers": lambda value: isinstance(value, list) and all(map(_is_number, value)),
    "whole number": lambda value: type(value) is int,
    "true or false": lambda value: isinstance(value, bool),
    "table": lambda value: isinstance(value, dict),
    "tables": lambda value: isinstance(value, list) and all(isinstance(one, dict) for one in value),
}


class Fault(str):
    """One error in a file, as a sentence; it knows the key that it is about.

    Attributes
    ----------
    place : str
        The key, tables joined by dots: ``columns.ra.unit``; '' for the file as a whole.
    """

    place: str = ""

    @classmethod
    def at(cls, place: str, text: str) -> Fault:
        """A fault of the key at a place."""
        fault = cls(text)
        fault.place = place
        return fault


def nearest(word: str, known: Iterable[str]) -> str:
    """The most similar known word, as the end of a sentence; '' if there is none."""
    known = list(known)
    lower = {other.lower(): other for other in known}
    found = difflib.get_close_matches(word.lower(), lower, 1, 0.6)
    return f"; the nearest is {lower[found[0]]!r}" if found else ""


def key_problems(raw: dict, keys: tuple[Key, ...]) -> list[str]:
    """Errors in a description's keys and in the types of its values, one sentence each."""
    families: dict[str, dict[str, Key]] = {}
    for key in keys:
        parent, _, name = key.path.rpartition(".")
        families.setdefault(parent, {})[name.removesuffix("[]")] = key
    return list(_of_table(raw, "", "", families))


def _of_table(table: dict, path: str, shown: str, families: dict) -> Iterator[str]:
    known = families.get(path, {})
    for name, value in table.items():
        place = f"{shown}.{name}" if shown else name
        key = known.get(name, known.get("*"))
        if key is None:
            inside = f"[{shown}] has" if shown else "there is"
            yield Fault.at(place, f"{inside} no key {name!r}{nearest(name, known) or '; known: ' + ', '.join(known)}")
        else:
            yield from _of_value(value, key, place, families)
    for name, key in known.items():
        if key.required and name != "*" and name not in table:
            yield Fault.at(shown, f"{shown}.{name} is missing" if shown else f"{name} is missing")


def _of_value(value, key: Key, place: str, families: dict) -> Iterator[str]:
    kind = next((kind for kind in key.kind.split(", or ") if KINDS[kind](value)), None)
    if kind is None:
        yield Fault.at(place, f"{place} = {value!r}; expected: {key.kind}")
    elif isinstance(value, list) and kind != "tables" and not value and not key.may_be_empty:
        yield Fault.at(place, f"{place} is empty; at least one is expected")
    elif kind == "table":
        yield from _of_table(value, key.path, place, families)
    elif kind == "tables":
        for number, one in enumerate(value, 1):
            yield from _of_table(one, f"{key.path}[]", f"{place}[{number}]", families)
    elif key.words:
        for word in [value] if kind == "text" else value:
            if word not in key.words:
                known = ", ".join(key.words)
                yield Fault.at(place, f"{place}: {word!r} is not one of {known}{nearest(word, key.words)}")


def key_lines(text: str) -> dict[str, int]:
    """The line of every key and table of a TOML text, the first being 1; tables are joined by dots.

    A key whose value begins on one line and ends on another has the line of its beginning.
    """
    found: dict[str, int] = {}
    table, start, lines = "", 0, text.splitlines()
    while start < len(lines):
        stop, statement = _statement(lines, start)
        names, value = _named(statement)
        if names and lines[start].lstrip().startswith("["):
            table = ".".join(names)
            found.setdefault(table, start + 1)
        elif names:
            place = ".".join([*([table] if table else []), *names])
            found.setdefault(place, start + 1)
            for name in value if isinstance(value, dict) else ():
                found.setdefault(f"{place}.{name}", start + 1)
        start = stop
    return found


def _statement(lines: list[str], start: int) -> tuple[int, dict]:
    """The line after a statement that begins at a line, and what it says; a list may go on for several."""
    for stop in range(start + 1, min(len(lines), start + LONGEST) + 1):
        try:
            return stop, tomllib.loads("\n".join(lines[start:stop]))
        except tomllib.TOMLDecodeError:
            continue
    return start + 1, {}


def _named(statement: dict) -> tuple[list[str], object]:
    """The names that one statement gives, and the value; a table without a key has the value {}."""
    names, value = [], statement
    while isinstance(value, dict) and len(value) == 1:
        (name,) = value
        # The keys of an inline table are told apart by the caller.
        if names and not isinstance(value[name], dict):
            break
        names.append(name)
        value = value[name]
    return names, value


def line_of(fault: str, lines: dict[str, int]) -> int | None:
    """The line of a fault: of its key, or of the nearest table around it; None if it has none."""
    if (syntax := re.search(r"\(at line (\d+), column \d+\)", fault)) is not None:
        return int(syntax[1])
    place = getattr(fault, "place", "")
    while place:
        if place in lines:
            return lines[place]
        place = place.rpartition(".")[0]
    return None


def refuse(origin: str, what: str, problems: list[str]) -> None:
    """Raise one error that lists all problems of a file; do nothing if there are none.

    Raises
    ------
    InputError
    """
    if problems:
        more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        told = problems[0] if len(problems) == 1 else "".join(f"\n  {one}" for one in [*problems[:SHOWN], *more])
        raise InputError(f"{origin} {what}: {told}.", f"Every key is in {DOCS}.")
