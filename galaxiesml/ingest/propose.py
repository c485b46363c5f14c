"""Propose a release profile from a file: names, filters, units and fluxes; what is unsure is a comment."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.dictionary import Column, columns
from galaxiesml.errors import InputError
from galaxiesml.ingest.astropy_tables import open_table
from galaxiesml.ingest.convert import can_hold
from galaxiesml.ingest.guesses import FILTERS, Guess, find_filters, guess
from galaxiesml.ingest.source import Block, Source, clean_name
from galaxiesml.toml_keys import DOCS
from galaxiesml.units import factor, means, zero_point

#: Positions with fewer values prove nothing about their unit.
MANY = 50
#: Columns of an identifier that a survey splits in parts, in order.
_PARTS = (("release", "brickid", "objid"), ("run", "camcol", "field", "id"))


@dataclass
class Proposal:
    """A proposed profile.

    Attributes
    ----------
    text : str
        TOML.
    sure, unsure, absent : list of str
        Our columns, or patterns, that are written, are comments with candidates, or have none.
    bands : list of str
    """

    text: str = ""
    sure: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    bands: list[str] = field(default_factory=list)


def propose(path: Path, name: str) -> Proposal:
    """Propose a profile for a file.

    Parameters
    ----------
    path : Path
        CSV, FITS, Parquet, SQLite, ECSV or VOTable: what lands, and VOTable, whose header has units.
    name : str
        The release's name.

    Raises
    ------
    InputError
        The file cannot be read, or has no column.
    """
    source = open_table(path)
    if not source.names:
        raise InputError(f"{path} has no columns.", "Give a table with a header.")
    block = next(iter(source.blocks({}, ())), None)
    file = _File(source, block)
    bands, others = find_filters(source.names)
    found = Proposal(bands=list(bands))
    lines = [*_head(path, name, file), *_filters(bands, others), "[columns]"]
    known = columns({"{band}": ""})
    missing = []
    for ours, column in known.items():
        if not column.of or ours in ("specz_surveys", "specz_error_kind"):
            continue
        one = guess(ours, source.names, list(bands), lambda theirs, column=column: file.may_be(theirs, column))
        line = _line(column, one, file, found)
        lines += line
        if not line:
            found.absent.append(ours)
            missing.append(f'# {_key(ours)} = "why the survey has no equal for it"')
    if masks := file.masks():
        lines.append(f'# Columns of bits, for flags as {{bit = ["COLUMN", 3]}}: {", ".join(masks)}')
    lines += ["", *_errors(), "", "# Columns, or cuts, that the survey has no equal for: without a reason, a cut that"]
    lines += [
        "# needs one is missing, and the versions that have the cut are incomplete.",
        "# [not_applicable]",
        *missing,
    ]
    found.text = "\n".join(lines) + "\n"
    return found


# -- the file ------------------------------------------------------------------------------------------------


class _File:
    """Types, units and first values of a file's columns."""

    def __init__(self, source: Source, block: Block | None):
        self.source = source
        self.types = dict(zip(source.names, source.types, strict=True))
        self.values = {} if block is None else dict(zip(source.names, block.columns, strict=True))

    def may_be(self, name: str, column: Column) -> bool:
        """Whether a column of the file can be one of ours by its type, or be a flag of another type."""
        if name not in self.types:
            return False
        kind = self.types[name]
        if column.type == "boolean" and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            return True
        return can_hold(kind, column.type, column.name.endswith("_id"))

    def masks(self) -> list[str]:
        """Columns of whole numbers whose names are of masks, flags or bits."""
        words = re.compile(r"mask|flags?(_|$)|bits", re.IGNORECASE)
        return [name for name, kind in self.types.items() if pa.types.is_integer(kind) and words.search(name)]

    def unit(self, name: str) -> str:
        return self.source.units.get(name, "").strip()

    def numbers(self, name: str) -> np.ndarray:
        """The first finite values of a column; none where it is not of numbers."""
        array = self.values.get(name)
        if array is None:
            return np.array([])
        try:
            values = array.cast(pa.float64(), safe=False).drop_null().to_numpy(zero_copy_only=False)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return np.array([])
        return values[np.isfinite(values)]


# -- the text ------------------------------------------------------------------------------------------------


def _head(path: Path, name: str, file: _File) -> list[str]:
    return [
        f"# Proposed from {clean_name(path.name, 0)}, {len(file.types)} columns. Lines that begin with # are not read:",
        f"# what is unsure is one, with the candidates. Every key: {DOCS}.",
        f"name = {_text(name)}",
        f"title = {_text(name)}",
        'reference = "where the survey is published"',
        "",
        '# Values that mean NULL in every column; add the survey\'s own, e.g. "-99".',
        'nulls = ["", "null", "NULL", "nan", "NaN", "NAN"]',
        "",
    ]


def _filters(bands: dict[str, str], others: dict[str, str]) -> list[str]:
    if not bands:
        return [
            "# No filter was found in the columns' names. Each has a UCD word:",
            *(f'# {band} = "{word}"' for band, word in list(FILTERS.items())[:6]),
            "[bands]",
            "",
        ]
    lines = ["[bands]", *(f"{_key(band)} = {_text(word)}" for band, word in bands.items())]
    if others:
        lines.append("# A galaxy must be measured in every filter. Also in the file, of another telescope:")
        lines += [f"# {_key(band)} = {_text(word)}" for band, word in others.items()]
    return [*lines, ""]


def _line(column: Column, one: Guess | None, file: _File, found: Proposal) -> list[str]:
    """The line of one of our columns; a comment where it is unsure, none where there is no candidate."""
    if column.name == "object_id" and (parts := _parts(file)):
        found.sure.append(column.name)
        told = ", ".join(_text(part) for part in parts)
        return ["# One number of several columns; bits = [...] says how many bits each has, else they share 63.",
                f"object_id = {{id = [{told}]}}"]  # fmt: skip
    if one is None:
        return []
    entry, doubts = _entry(column, one, file, found)
    others = [theirs for theirs in one.candidates if theirs != one.candidates[0]]
    if not one.is_sure:
        doubts.append(f"also: {', '.join(others)}")
    lines = [f"# {doubt}" for doubt in doubts]
    if doubts:
        found.unsure.append(column.name)
        return [*lines, f"# {_key(column.name)} = {entry}"]
    found.sure.append(column.name)
    return [f"{_key(column.name)} = {entry}" + (f"  # or {', '.join(others)}" if others else "")]


def _parts(file: _File) -> tuple[str, ...]:
    lower = {name.lower(): name for name in file.types}
    for parts in _PARTS:
        here = [lower[part] for part in parts if part in lower]
        if len(here) == len(parts) and all(pa.types.is_integer(file.types[name]) for name in here):
            return tuple(here)
    return ()


def _entry(column: Column, one: Guess, file: _File, found: Proposal) -> tuple[str, list[str]]:
    """What is written of a column, and why it is unsure."""
    theirs = one.candidates[0]
    sample = theirs.replace("{band}", (*one.bands, "")[0])
    keys, doubts = {"source": theirs}, []
    if column.name.endswith("_cmodel_mag") and "flux" in theirs.lower():
        doubts += _flux(keys, file.unit(sample))
    elif column.name.endswith("_cmodel_magsigma") and "flux" in theirs.lower():
        keys, doubts = _flux_error(theirs, file)
    elif column.type == "double":
        doubts += _unit(keys, column, sample, file)
    elif column.type == "boolean":
        doubts += _flag(column, sample, file)
    if one.bands and len(one.bands) < len(found.bands):
        keys["bands"] = list(one.bands)
    if set(keys) == {"source"}:
        return _text(theirs), doubts
    return "{" + ", ".join(f"{key} = {_value(value)}" for key, value in keys.items()) + "}", doubts


def _flux(keys: dict, unit: str) -> list[str]:
    if unit and zero_point(unit) is not None:
        keys["flux"] = unit
        return []
    keys["flux"] = unit or "nJy"
    if unit:
        return [f"the unit {unit!r} has no AB zero point: give zero_point, the magnitude of a flux of 1"]
    return ["the file states no unit of the flux; e.g. nJy, uJy or nanomaggy"]


def _flux_error(theirs: str, file: _File) -> tuple[dict, list[str]]:
    """An error of a magnitude is made of the flux and its own error."""
    lower = theirs.lower()
    word = next(word for word in ("ivar", "err", "sigma") if word in lower)
    start = lower.index(word)
    flux = (theirs[:start].rstrip("_") + theirs[start + len(word) :]).replace("__", "_")
    key = "ivar" if word == "ivar" else "flux_err"
    template = {name.lower() for name in file.types}
    is_there = any(flux.replace("{band}", band).lower() in template for band in FILTERS)
    return {"source": flux, key: theirs}, [] if is_there else [f"there is no column {flux} for the flux itself"]


def _unit(keys: dict, column: Column, sample: str, file: _File) -> list[str]:
    stated = file.unit(sample)
    if stated and means(stated, column.unit):
        return []
    if stated and factor(stated, column.unit) is not None:
        keys["unit"] = stated
        return []
    if stated:
        return [f"the file states the unit {stated!r}; {column.unit or 'a pure number'} is expected"]
    if column.ucd.startswith("pos.eq") and _may_be_radians(column, file.numbers(sample)):
        keys["unit"] = "rad"
        return ["the file states no unit, and every value is small: degrees, or radians as here?"]
    return []


def _may_be_radians(column: Column, values: np.ndarray) -> bool:
    most = 2 * math.pi if ".ra" in column.ucd else math.pi / 2
    return len(values) >= MANY and float(np.abs(values).max()) <= most


def _flag(column: Column, sample: str, file: _File) -> list[str]:
    """Numbers other than 0 and 1 are no boolean: a quality, or bits."""
    values = np.unique(file.numbers(sample))
    if pa.types.is_boolean(file.types[sample]) or not len(values) or set(values) <= {0.0, 1.0}:
        return []
    told = ", ".join(f"{value:g}" for value in values[:8])
    if column.name == "specz_flag_homogeneous":
        return [f"it has the values {told}; which are secure?  {{source = {_text(sample)}, secure = [3, 4]}}"]
    return [f"it has the values {told}; which bit is it?  {{bit = [{_text(sample)}, 0]}}"]


def _errors() -> list[str]:
    return [
        "# Whether the redshifts' errors are measured, assigned or arbitrary (the cut measured_error asks): for all",
        "# spectra, by a line before [bands]; else by the values of a column, or by survey, under [surveys].",
        '# spectra_errors = "measured"',
        '# specz_error_kind = {source = "survey", measured = ["DESI"], arbitrary = ["GAMA"]}',
        "",
        "# Facts that only images need (pixel scale, zero point, masks, names of cutouts) are a section [instrument].",
    ]


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _text(name)


def _value(value) -> str:
    return _text(value) if isinstance(value, str) else f"[{', '.join(map(_text, value))}]"


def _text(text: str) -> str:
    """A TOML string: JSON's escapes are TOML's."""
    return json.dumps(text, ensure_ascii=False)
