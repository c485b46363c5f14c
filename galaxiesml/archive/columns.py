"""Find the columns of a survey in a table of VizieR: by the names in the survey's description, or by UCD."""

from __future__ import annotations

import shlex
from pathlib import Path

import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.surveys.description import SURVEYS, UCD, Survey, names_of
from galaxiesml.toml_keys import nearest

#: What a spectrum must have, with the survey's flag where it has one.
_NEEDED = ("id", "ra", "dec", "redshift", "velocity", "flag")
#: Added to a column that has the name of another one.
_OTHER = "_vizier"
_SHOWN = (b"unit", b"ucd", b"description")


class Misfit(InputError):
    """A table of VizieR has no column for something that a spectrum must have; it is kept.

    Attributes
    ----------
    path : Path
        The table as it was sent, in Parquet.
    """

    def __init__(self, message: str, hint: str, path: Path):
        super().__init__(message, hint)
        self.path = path


def check_columns(survey: Survey, typed: str) -> None:
    """Require that each column that VizieR renames is one of the survey.

    A copy of a description whose columns were changed may be landed all the same, so this is not asked before a fetch.

    Raises
    ------
    InputError
    """
    own = {name for told in survey.columns.values() for name in names_of(told)}
    for name in survey.vizier.columns:
        if name not in own:
            raise InputError(
                f"{typed}: [vizier.columns] has {name!r}, which is no column of [columns]{nearest(name, own)}.",
                "The keys of [vizier.columns] are the survey's own names, its values those of VizieR.",
            )


def renamed(schema: pa.Schema, survey: Survey, path: Path) -> list[str]:
    """Names of a table's columns, in its order, the mapped ones with the survey's own names.

    Parameters
    ----------
    schema : pyarrow.Schema
        Its fields' metadata have the UCDs.
    path : Path
        Where the table is kept, for the error.

    Raises
    ------
    Misfit
        Something that is needed was not found.
    """
    found: dict[str, str] = {}
    for own, told in survey.vizier.columns.items():
        name = _first(schema, told)
        # A column that two of the survey's could be is the first one's.
        if name is not None and name not in found:
            found[name] = own
    _check(schema, survey, set(found.values()) | set(schema.names), path)
    taken = {own.lower() for own in found.values()}
    names = []
    for name in schema.names:
        if name in found:
            names.append(found[name])
            continue
        while name.lower() in taken:
            name += _OTHER
        taken.add(name.lower())
        names.append(name)
    return names


def _first(schema: pa.Schema, told: tuple[str, ...]) -> str | None:
    for name in told:
        if not name.startswith(UCD):
            if name in schema.names:
                return name
            continue
        having = [field.name for field in schema if ucd_of(field) == name.removeprefix(UCD).lower()]
        # Of several columns with one UCD none is certain.
        if len(having) == 1:
            return having[0]
    return None


def ucd_of(field: pa.Field) -> str:
    """The UCD of a column that was kept, in lower case; '' without one."""
    return (field.metadata or {}).get(b"ucd", b"").decode("utf-8", "replace").lower()


def _check(schema: pa.Schema, survey: Survey, names: set[str], path: Path) -> None:
    missing = []
    for ours in _NEEDED:
        told = survey.columns.get(ours)
        if told is None:
            continue
        parts = [[name] for name in names_of(told)] if isinstance(told, dict) else [names_of(told)]
        if not all(names & set(part) for part in parts):
            missing.append(f"{ours} ({' or '.join(names_of(told))})")
    if not missing:
        return
    table = (schema.metadata or {}).get(b"table", b"?").decode("utf-8", "replace")
    raise Misfit(
        f"The table {table} of VizieR does not fit the description of {survey.label}: it has no column for "
        f"{', '.join(missing)}. It is kept as {path}. Its columns:\n{described(schema)}",
        f"{_where(survey)}; what has come is not asked for again.",
        path,
    )


def _where(survey: Survey) -> str:
    """Where the columns can be named."""
    packaged = SURVEYS / f"{survey.name}.toml"
    if not packaged.is_file():
        return f"Name these columns in [vizier.columns] of {survey.name}.toml, then type the command again"
    own = f"my_{survey.name}.toml"
    return (
        f"Type: cp {shlex.quote(str(packaged))} {own}; name these columns in its [vizier.columns]; "
        f"then type: galaxiesml fetch specz {own}"
    )


def described(schema: pa.Schema) -> str:
    """One line a column: name, unit, UCD, description."""
    rows = [
        (field.name, *((field.metadata or {}).get(key, b"").decode("utf-8", "replace") for key in _SHOWN))
        for field in schema
    ]
    rows = [tuple(_visible(cell) for cell in row) for row in rows]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    return "\n".join(
        "  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]).rstrip()
        for row in rows
    )


def _visible(text: str) -> str:
    """Without control characters: what a server sends reaches the terminal as text alone."""
    return "".join(letter if letter.isprintable() else " " for letter in text)[:80]
