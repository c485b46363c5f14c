"""Read the dictionary of columns, sql/columns.toml: types, units, UCDs and descriptions."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGED = Path(__file__).parent / "project"
#: The SQL project: inside an installed package, or at the top of a checkout.
PROJECT = PACKAGED if PACKAGED.is_dir() else Path(__file__).parent.parent


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    type : str
        bigint, integer, double, boolean or text; 'double[]', 'integer[]' and, landed, 'uint16[]' are lists.
    of : str
        object, spectrum or ''.
    min, max : float or None
        What a value may be, both included, in the column's unit; None: no limit.
    families : tuple of str
        Lists that the column is in; see `family`.
    landed, landed_type : str
        Its name and type in a landed or measured table.
    """

    name: str
    type: str
    description: str
    unit: str = ""
    ucd: str = ""
    of: str = ""
    min: float | None = None
    max: float | None = None
    families: tuple[str, ...] = ()
    landed: str = ""
    landed_type: str = ""


@cache
def _entries() -> dict[str, dict]:
    return tomllib.loads((PROJECT / "sql" / "columns.toml").read_text(encoding="utf-8"))


def columns(
    bands: dict[str, str], cuts: tuple[tuple[str, str], ...] = (), planes: tuple[str, ...] = ()
) -> dict[str, Column]:
    """Every column by name, written out for a survey's filters, a list of cuts, and the planes of its masks.

    Parameters
    ----------
    bands : dict of str to str
        Filter to its UCD word, as a release profile has it.
    cuts : tuple of (name, why)
        The cuts, for the ok_{cut} columns.
    planes : tuple of str
        Planes of the masks, for the masked_{plane} columns; without, there are none of these.
    """
    out = {}
    for pattern, entry in _entries().items():
        for words in _fillings(pattern, bands, cuts, planes):
            filled = {key: _fill(of, words) if isinstance(of, str) else of for key, of in entry.items()}
            filled["families"] = tuple(entry.get("families", ()))
            name = _fill(pattern, words)
            out[name] = Column(name, **({"landed": name, "landed_type": entry["type"]} | filled))
    return out


def family(name: str, bands: dict[str, str] | None = None, planes: tuple[str, ...] = ()) -> list[Column]:
    """The columns of one list, in the dictionary's order.

    Parameters
    ----------
    name : str
        As the columns' ``families`` have it: object, picture, morphology ...
    bands : dict of str to str, optional
        Filters to write {band} out for; a list without such columns needs none.
    planes : tuple of str
        Planes of the masks, likewise.
    """
    return list(_family(name, tuple((bands or {}).items()), planes))


@cache
def _family(name: str, bands: tuple[tuple[str, str], ...], planes: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(column for column in columns(dict(bands), planes=planes).values() if name in column.families)


def patterns(name: str) -> list[str]:
    """The names of one list as the dictionary has them, {band} and {plane} not written out."""
    found = [pattern for pattern, entry in _entries().items() if name in entry.get("families", ())]
    if not found:
        raise KeyError(f"no column of sql/columns.toml is in the family {name!r}")
    return found


def families() -> list[str]:
    """Names of all lists, in the order of their first columns."""
    return list(dict.fromkeys(name for entry in _entries().values() for name in entry.get("families", ())))


#: Types of the dictionary as Arrow and as portable SQL call them.
_ARROW = {
    "double": "float64",
    "bigint": "int64",
    "integer": "int32",
    "boolean": "bool_",
    "text": "string",
    "uint16": "uint16",
}


def sql_type(kind: str) -> str:
    """A dictionary's type as portable SQL calls it."""
    return "string" if kind == "text" else kind.replace("uint16[]", "integer[]")


def arrow_type(kind: str):
    """The Arrow type of a dictionary's type.

    Returns
    -------
    pyarrow.DataType
    """
    import pyarrow as pa

    if kind.endswith("[]"):
        return pa.list_(getattr(pa, _ARROW[kind.removesuffix("[]")])())
    return getattr(pa, _ARROW[kind])()


def expand(
    pattern: str, bands: dict[str, str], cuts: tuple[tuple[str, str], ...] = (), planes: tuple[str, ...] = ()
) -> list[str]:
    """The names that one pattern, as ``{band}_cmodel_mag`` or ``ok_{cut}``, stands for."""
    return [_fill(pattern, words) for words in _fillings(pattern, bands, cuts, planes)]


@cache
def cut_names() -> tuple[str, ...]:
    """Names of the published cuts, in order, without rendering what each does."""
    return _names_in("published_cuts")


@cache
def published_versions() -> tuple[str, ...]:
    """Names of the published versions of galaxies, in order, without rendering the macro."""
    return _names_in("published_versions")


def _names_in(macro: str) -> tuple[str, ...]:
    text = (PROJECT / "sql" / "macros" / f"{macro}.sql").read_text(encoding="utf-8")
    return tuple(re.findall(r"\{'name': '(\w+)'", text))


def _fillings(
    pattern: str, bands: dict[str, str], cuts: tuple[tuple[str, str], ...], planes: tuple[str, ...]
) -> list[dict[str, str]]:
    if "{band}" in pattern:
        return [{"band": band, "em": em} for band, em in bands.items()]
    if "{plane}" in pattern:
        return [{"plane": plane.lower(), "PLANE": plane} for plane in planes]
    if "{cut}" in pattern:
        return [{"cut": name, "why": why} for name, why in cuts]
    return [{}]


def _fill(text: str, words: dict[str, str]) -> str:
    for key, value in words.items():
        text = text.replace("{" + key + "}", value)
    return text
