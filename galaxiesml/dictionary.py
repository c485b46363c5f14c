"""The dictionary of columns, sql/columns.toml: types, units, UCDs, descriptions."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from galaxiesml.instrument import MASK_PLANES

PACKAGED = Path(__file__).parent / "project"
#: The SQL project: inside an installed package, or at the top of a checkout.
PROJECT = PACKAGED if PACKAGED.is_dir() else Path(__file__).parent.parent


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    type : str
        bigint, integer, double, boolean or text.
    of : str
        object, spectrum or ''.
    min, max : float or None
        What a value may be, both included, in the column's unit; None: no limit.
    """

    name: str
    type: str
    description: str
    unit: str = ""
    ucd: str = ""
    of: str = ""
    min: float | None = None
    max: float | None = None


@cache
def _entries() -> dict[str, dict]:
    return tomllib.loads((PROJECT / "sql" / "columns.toml").read_text(encoding="utf-8"))


def columns(bands: dict[str, str], cuts: tuple[tuple[str, str], ...] = ()) -> dict[str, Column]:
    """Every column by name, written out for a survey's filters and a list of cuts.

    Parameters
    ----------
    bands : dict of str to str
        Filter to its UCD word, as a release profile has it.
    cuts : tuple of (name, why)
        The cuts, for the ok_{cut} columns.
    """
    out = {}
    for pattern, entry in _entries().items():
        for words in _fillings(pattern, bands, cuts):
            filled = {key: _fill(of, words) if isinstance(of, str) else of for key, of in entry.items()}
            name = _fill(pattern, words)
            out[name] = Column(name, **filled)
    return out


def expand(pattern: str, bands: dict[str, str], cuts: tuple[tuple[str, str], ...] = ()) -> list[str]:
    """The names that one pattern, as ``{band}_cmodel_mag`` or ``ok_{cut}``, stands for."""
    return [_fill(pattern, words) for words in _fillings(pattern, bands, cuts)]


@cache
def cut_names() -> tuple[str, ...]:
    """Names of the cuts, in order, without rendering what each does."""
    return tuple(
        re.findall(r"\{'name': '(\w+)'", (PROJECT / "sql" / "macros" / "cuts.sql").read_text(encoding="utf-8"))
    )


def _fillings(pattern: str, bands: dict[str, str], cuts: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    if "{band}" in pattern:
        return [{"band": band, "em": em} for band, em in bands.items()]
    if "{plane}" in pattern:
        return [{"plane": plane.lower(), "PLANE": plane} for plane in MASK_PLANES]
    if "{cut}" in pattern:
        return [{"cut": name, "why": why} for name, why in cuts]
    return [{}]


def _fill(text: str, words: dict[str, str]) -> str:
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    return text
