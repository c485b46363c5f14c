"""Measure the columns of an export before it is written: what a format must know ahead of its first row."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from galaxiesml.dictionary import Column

#: What XML 1.0 cannot hold, as RE2 writes it; NUL is asked for by itself.
CONTROL = r"[\x{01}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{FFFE}\x{FFFF}]"


@dataclass(frozen=True)
class Extent:
    """What a column's values take.

    Attributes
    ----------
    nulls : int
        Rows without a value.
    least : int or None
        The smallest of whole numbers, those in lists included.
    characters, octets : int
        Of the longest text, in characters and as UTF-8.
    ascii, nul, control : bool
        Of texts: all are ASCII; one has a NUL character; one has another character that XML cannot hold.
    elements : int
        Of lists: elements of all rows together.
    longest : int
        Of lists: elements of the longest.
    holes : bool
        Of lists: an element is NULL.
    """

    nulls: int = 0
    least: int | None = None
    characters: int = 0
    octets: int = 0
    ascii: bool = True
    nul: bool = False
    control: bool = False
    elements: int = 0
    longest: int = 0
    holes: bool = False


def measure(rows: str, columns: list[Column]) -> tuple[int, dict[str, Extent]]:
    """The number of rows, and the extent of each column.

    Parameters
    ----------
    rows : str
        SQL of the rows.
    """
    asked = [
        f"struct_pack({', '.join(f'{key} := {sql}' for key, sql in _asked(column).items())})" for column in columns
    ]
    with duckdb.connect() as connection:
        count, *found = connection.execute(f"select count(*), {', '.join(asked)} from ({rows})").fetchone()
    # An aggregate of no values is NULL.
    kept = [{key: value for key, value in facts.items() if value is not None} for facts in found]
    return count, {column.name: Extent(**facts) for column, facts in zip(columns, kept, strict=True)}


def _asked(column: Column) -> dict[str, str]:
    name = name_of(column)
    asked = {"nulls": f"count(*) - count({name})"}
    if column.type in ("bigint", "integer"):
        asked["least"] = f"min({name})"
    elif column.type == "text":
        asked |= {
            "characters": f"max(length({name}))",
            "octets": f"max(strlen({name}))",
            "ascii": f"bool_and(strlen({name}) = length({name}))",
            "nul": f"bool_or(contains({name}, chr(0)))",
            "control": f"bool_or(regexp_matches({name}, '{CONTROL}'))",
        }
    elif is_list(column):
        asked |= {
            "elements": f"sum(len({name}))::bigint",
            "longest": f"max(len({name}))",
            "holes": f"bool_or(len({name}) <> list_count({name}))",
        }
        if column.type == "integer[]":
            asked["least"] = f"min(list_min({name}))"
    return asked


def name_of(column: Column) -> str:
    """A column's name as SQL quotes it."""
    return '"' + column.name.replace('"', '""') + '"'


def is_list(column: Column) -> bool:
    return column.type.endswith("[]")
