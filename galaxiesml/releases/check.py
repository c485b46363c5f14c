"""Read a release profile and check every key and value, before a catalogue or a simulated archive is made."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.dictionary import Column, columns, cut_names
from galaxiesml.releases.instrument import KEYS as INSTRUMENT_KEYS
from galaxiesml.releases.instrument import instrument_problems
from galaxiesml.releases.profile import RELEASES, Profile, load_profile, written_out
from galaxiesml.toml_keys import DOCS, Key, key_problems, nearest, refuse
from galaxiesml.units import means

ERRORS = ("measured", "assigned", "arbitrary")
_IS_NO_PROFILE = "is not a release profile"
_COLUMN = "text, or table"

#: Every key of a release profile.
KEYS = (
    Key("name", "text", "Name of the release: letters, digits, `_`, `-` and `.`", required=True),
    Key("title", "text", "The release, in words", required=True),
    Key("reference", "text", "Publication that describes it", required=True),
    Key(
        "nulls",
        "texts",
        "Values that mean NULL in every column; numbers are compared as numbers",
        required=True,
        may_be_empty=True,
    ),
    Key(
        "archive_cuts",
        "texts",
        "Cuts that the archive applied before any query, by their names in `sql/macros/published_cuts.sql`",
        may_be_empty=True,
    ),
    Key("bands", "table", "Filters, in order", required=True),
    Key("bands.*", "text", "UCD word of the filter, e.g. `em.opt.I`"),
    Key("columns", "table", "The release's names for our columns", required=True),
    Key("columns.*", _COLUMN, "The release's name for a column of the list below, or a table with the next keys"),
    Key("columns.*.source", "text", "The release's name, with `{band}` where our name has it", required=True),
    Key("columns.*.nulls", "texts", "Values that mean NULL in this column only", may_be_empty=True),
    Key("columns.*.bands", "texts", "Filters for which the release has the column, if not all"),
    Key(
        "columns.*.unit",
        "text",
        "Unit of the column in VOUnit syntax; it must mean the unit below, nothing is converted",
    ),
    Key("surveys", "table", "Spectroscopic surveys for which the release has a flag, by name"),
    Key("surveys.*", "table", "A survey, with the next two keys"),
    Key("surveys.*.column", "text", "Column of the release that flags the survey", required=True),
    Key("surveys.*.error", "text", "Source of the survey's redshift errors", required=True, words=ERRORS),
    *INSTRUMENT_KEYS,
)


def checked_profile(release: str | Path) -> Profile:
    """A release profile by its name, or from a TOML file, checked.

    Raises
    ------
    UsageError
        No such release.
    InputError
        A key or a value of it is wrong: all that is, each with the nearest right word.
    """
    return load_profile(release, lambda text, origin: refuse(origin, _IS_NO_PROFILE, profile_problems(text)))


def profile_problems(text: str) -> list[str]:
    """Errors in a release profile, one sentence each; packaged profiles are not checked."""
    if any(path.read_text(encoding="utf-8") == text for path in RELEASES.glob("*.toml")):
        return []
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [f"TOMLDecodeError: {error}"]
    found = key_problems(raw, KEYS)
    return found or list(_wrong_values(raw))


def _wrong_values(raw: dict) -> Iterator[str]:
    """Of a profile whose keys are right: names of columns, filters and cuts, UCDs and units."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", raw["name"]):
        yield f"name = {raw['name']!r} has characters other than A-Z, a-z, 0-9, '_', '-' and '.'"
    bands = raw["bands"]
    yield from _wrong_bands(bands)
    for cut in raw.get("archive_cuts", ()):
        if cut not in cut_names():
            yield f"archive_cuts: there is no cut {cut!r}{nearest(cut, cut_names())}"
    known = {name: column for name, column in columns(bands).items() if column.of}
    patterns = {name: column for name, column in columns({"{band}": ""}).items() if column.of}
    for name, entry in raw["columns"].items():
        yield from _wrong_column(name, {"source": entry} if isinstance(entry, str) else entry, bands, known | patterns)
    if "object_id" not in raw["columns"]:
        yield "[columns] has no object_id: without the release's name for it, rows of an export cannot be identified"
    yield from _wrong_surveys(raw)
    yield from _read_twice(raw["columns"], bands)
    yield from instrument_problems(raw)


def _wrong_bands(bands: dict) -> Iterator[str]:
    from astropy.io.votable.ucd import UCDWords, check_ucd

    if not bands:
        yield "[bands] names no filter"
    for band, word in bands.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", band):
            yield f"bands: {band!r} cannot be part of a column's name; letters, digits and '_' can, a letter first"
        if not check_ucd(f"phot.mag;{word}", check_controlled_vocabulary=True, has_colon=False) or ";" in word:
            known = [name for name in UCDWords()._capitalization.values() if name.startswith("em.")]
            yield f"bands.{band} = {word!r} is not a word of the UCD vocabulary for a filter{nearest(word, known)}"


def _wrong_column(name: str, entry: dict, bands: dict, known: dict[str, Column]) -> Iterator[str]:
    if name not in known:
        yield f"columns: galaxiesml has no column {name!r}{nearest(name, known) or f'; {DOCS} lists them'}"
        return
    if not entry["source"].strip():
        yield f"columns.{name}: the source is empty"
    if ("{band}" in name) != ("{band}" in entry["source"]):
        yield f"columns.{name}: both names, or none of them, must have '{{band}}'; source = {entry['source']!r}"
    for band in entry.get("bands", ()):
        if band not in bands:
            yield f"columns.{name}.bands: {band!r} is not a filter of [bands]"
    if "bands" in entry and "{band}" not in name:
        yield f"columns.{name}.bands: bands has no effect on a column without {{band}}"
    unit = known[name].unit
    if "unit" in entry and not (told := means(entry["unit"], unit)):
        wrong = "is not a known unit" if told is None else "is a different unit"
        yield (
            f"columns.{name}.unit = {entry['unit']!r} {wrong}; {unit or 'a pure number'} is expected, and nothing is "
            "converted"
        )


def _wrong_surveys(raw: dict) -> Iterator[str]:
    for name in raw.get("surveys", {}):
        if "," in name or not name.isprintable():
            yield f"surveys: {name!r} has a comma; names of surveys are joined by commas"
    for made in ("specz_surveys", "specz_error_kind"):
        if raw.get("surveys") and made in raw["columns"]:
            yield f"columns.{made}: it is made from [surveys]; give one of the two"


def _read_twice(entries: dict, bands: dict) -> Iterator[str]:
    """Two of our columns that would be read from one of the release's."""
    first: dict[str, str] = {}
    told = set()
    for name, column in written_out(entries, list(bands)):
        theirs = column.source.lower()
        other = first.setdefault(theirs, name)
        if other != name and (other, name) not in told:
            told.add((other, name))
            yield f"columns.{other} and columns.{name} both read {theirs!r}"
