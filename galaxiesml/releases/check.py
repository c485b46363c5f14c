"""Read a release profile and check every key and value, before a catalogue or a simulated archive is made."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.dictionary import Column, columns, cut_names
from galaxiesml.errors import InputError
from galaxiesml.releases.column_check import takes, wrong_column
from galaxiesml.releases.conversions import KINDS
from galaxiesml.releases.instrument import KEYS as INSTRUMENT_KEYS
from galaxiesml.releases.instrument import instrument_problems
from galaxiesml.releases.profile import RELEASES, Profile, load_profile, parse_profile, written_out
from galaxiesml.toml_keys import Fault, Key, key_problems, nearest, refuse

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
    Key(
        "columns.*.source",
        "text",
        "The release's name, with `{band}` where our name has it; required unless `not`, `bit` or `id` names it",
    ),
    Key("columns.*.nulls", "texts", "Values that mean NULL in this column only", may_be_empty=True),
    Key("columns.*.bands", "texts", "Filters for which the release has the column, if not all"),
    Key(
        "columns.*.unit",
        "text",
        "Unit of the column, e.g. `rad`; what astropy converts to the unit below is converted",
    ),
    Key(
        "columns.*.flux",
        "text",
        f"The source is a flux in this unit, e.g. `nJy` or `nanomaggy`: an AB magnitude is made; for {takes('flux')}",
    ),
    Key(
        "columns.*.zero_point",
        "finite number",
        "Magnitude of a flux of 1, where the unit of `flux` has no AB zero point or another",
    ),
    Key(
        "columns.*.flux_err",
        "text",
        f"Column of the flux's standard error, in the unit of the source, which is the flux; for {takes('flux_err')}",
    ),
    Key(
        "columns.*.ivar",
        "text",
        f"Column of the flux's inverse variance; the source is the flux; for {takes('ivar')}",
    ),
    Key("columns.*.not", "text", f"Column of which ours is the negation; for {takes('not')}"),
    Key(
        "columns.*.bit",
        "texts and whole numbers",
        f"A column of whole numbers, then bits from 0 to 62: true if any of them is set; for {takes('bit')}",
    ),
    Key("columns.*.text", "true or false", f"Whether the source is cast to text; for {takes('text')}"),
    Key(
        "columns.*.secure",
        "texts, or texts and whole numbers, or finite numbers",
        f"Values of the source that mean a secure redshift; for {takes('secure')}",
    ),
    Key(
        "columns.*.id",
        "texts",
        f"Columns of whole numbers that are packed into 64 bits, the first one highest; for {takes('id')}",
    ),
    Key(
        "columns.*.bits",
        "whole numbers",
        "Bits of each column of `id`, 63 at most together; else each has an equal share",
    ),
    *(
        Key(
            f"columns.*.{kind}",
            "texts, or texts and whole numbers, or finite numbers",
            f"Values of the source, e.g. names of surveys, whose redshift errors are {kind}; for {takes(kind)}",
        )
        for kind in ERRORS
    ),
    Key("surveys", "table", "Spectroscopic surveys for which the release has a flag, by name"),
    Key("surveys.*", "table", "A survey, with the next two keys"),
    Key("surveys.*.column", "text", "Column of the release that flags the survey", required=True),
    Key("surveys.*.error", "text", "Source of the survey's redshift errors", required=True, words=ERRORS),
    Key(
        "spectra_errors",
        "text",
        "Source of the redshift errors of all spectra, where the release has no flag for each survey",
        words=ERRORS,
    ),
    Key("not_applicable", "table", "Columns of ours, or cuts, that the release has no equal for"),
    Key(
        "not_applicable.*",
        "text",
        'Why, e.g. `coord = "positions are ra and dec"`; a cut that needs it is then not missing from a version',
    ),
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
        return [Fault.at("", f"TOMLDecodeError: {error}")]
    found = key_problems(raw, KEYS) or list(_wrong_values(raw))
    return found or _unmade(text)


def _unmade(text: str) -> list[str]:
    """What only the making of a profile tells: two conversions that read one column as two types."""
    try:
        parse_profile(text, "the file")
    except InputError as error:
        return [str(error).removeprefix("the file is not a release profile: ").rstrip(".")]
    return []


def _wrong_values(raw: dict) -> Iterator[str]:
    """Of a profile whose keys are right: names of columns, filters and cuts, UCDs and units."""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", raw["name"]):
        yield Fault.at("name", f"name = {raw['name']!r} has characters other than A-Z, a-z, 0-9, '_', '-' and '.'")
    bands = raw["bands"]
    yield from _wrong_bands(bands)
    for cut in raw.get("archive_cuts", ()):
        if cut not in cut_names():
            yield Fault.at("archive_cuts", f"archive_cuts: there is no cut {cut!r}{nearest(cut, cut_names())}")
    known = _ours(bands)
    for name, entry in raw["columns"].items():
        entry = {"source": entry} if isinstance(entry, str) else entry
        for key, told in wrong_column(name, entry, bands, known):
            yield Fault.at(f"columns.{name}.{key}" if key else f"columns.{name}", told)
    if "object_id" not in raw["columns"]:
        told = "[columns] has no object_id: without the release's name for it, rows of an export cannot be identified"
        yield Fault.at("columns", told)
    yield from _wrong_surveys(raw)
    yield from _wrong_reasons(raw, known)
    yield from _read_twice(raw["columns"], bands)
    yield from instrument_problems(raw)


def _ours(bands: dict) -> dict[str, Column]:
    """The columns that an export may have, written out and as patterns."""
    written = {name: column for name, column in columns(bands).items() if column.of}
    return written | {name: column for name, column in columns({"{band}": ""}).items() if column.of}


def _wrong_reasons(raw: dict, known: dict[str, Column]) -> Iterator[str]:
    """[not_applicable]: what is no column and no cut, or is given all the same, or has no reason."""
    for name, why in raw.get("not_applicable", {}).items():
        place = f"not_applicable.{name}"
        if name not in known and name not in cut_names():
            told = (
                f"not_applicable: galaxiesml has no column and no cut {name!r}{nearest(name, [*known, *cut_names()])}"
            )
            yield Fault.at(place, told)
        if not why.strip():
            yield Fault.at(place, f"{place} is empty; say why the release has no equal for it")
        if name in raw["columns"]:
            yield Fault.at(place, f"{place}: [columns] names it all the same; give one of the two")


def _wrong_bands(bands: dict) -> Iterator[str]:
    from astropy.io.votable.ucd import UCDWords, check_ucd

    if not bands:
        yield Fault.at("bands", "[bands] names no filter")
    for band, word in bands.items():
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", band):
            told = f"bands: {band!r} cannot be part of a column's name; letters, digits and '_' can, a letter first"
            yield Fault.at(f"bands.{band}", told)
        if not check_ucd(f"phot.mag;{word}", check_controlled_vocabulary=True, has_colon=False) or ";" in word:
            known = [name for name in UCDWords()._capitalization.values() if name.startswith("em.")]
            told = f"bands.{band} = {word!r} is not a word of the UCD vocabulary for a filter{nearest(word, known)}"
            yield Fault.at(f"bands.{band}", told)


def _wrong_surveys(raw: dict) -> Iterator[str]:
    for name in raw.get("surveys", {}):
        if "," in name or not name.isprintable():
            told = f"surveys: {name!r} has a comma; names of surveys are joined by commas"
            yield Fault.at(f"surveys.{name}", told)
    for made in ("specz_surveys", "specz_error_kind"):
        if raw.get("surveys") and made in raw["columns"]:
            yield Fault.at(f"columns.{made}", f"columns.{made}: it is made from [surveys]; give one of the two")
    if "spectra_errors" in raw:
        for other in ("surveys", "columns.specz_error_kind"):
            table, _, name = other.partition(".")
            if raw.get(table) and (not name or name in raw[table]):
                yield Fault.at("spectra_errors", f"spectra_errors: {other} says it too; give one of the two")


def _read_twice(entries: dict, bands: dict) -> Iterator[str]:
    """Two of our columns that would be read from one of the release's."""
    first: dict[str, tuple[str, str]] = {}
    told = set()
    for name, ours, entry in written_out(entries, list(bands)):
        # Several conversions may read one column: a flux is behind a magnitude and its error.
        if any(key in entry for key in KINDS) or "source" not in entry:
            continue
        theirs = entry["source"].lower()
        other = first.setdefault(theirs, (name, ours))[0]
        if first[theirs][1] != ours and (other, name) not in told:
            told.add((other, name))
            yield Fault.at(f"columns.{name}", f"columns.{other} and columns.{name} both read {theirs!r}")
