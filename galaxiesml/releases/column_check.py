"""Check one entry of a release profile's [columns]: its name, its keys together, its conversion."""

from __future__ import annotations

from collections.abc import Iterator

from galaxiesml.dictionary import Column
from galaxiesml.releases.conversions import ERRORS, FORBIDDEN, KINDS, conversion_of, is_conversion
from galaxiesml.toml_keys import DOCS, nearest
from galaxiesml.units import means

#: Conversions that name the release's column themselves.
_WITHOUT_SOURCE = ("not", "bit", "id")
#: Keys that go together: they are one conversion.
_TOGETHER = (("flux_err",), ("ivar",), ERRORS)
#: Keys that only go with another one.
_BESIDE = {"zero_point": "flux", "bits": "id"}
_HIGHEST_BIT = 62
#: Units that a misspelt one is compared with.
UNITS = ("deg", "rad", "hourangle", "arcmin", "arcsec", "mas", "mag", "mmag", "km / s")


def takes(key: str) -> str:
    """The columns that a conversion is for, in words."""
    return {
        "flux": "magnitudes",
        "flux_err": "`{band}_cmodel_magsigma`",
        "ivar": "`{band}_cmodel_magsigma`",
        "not": "booleans",
        "bit": "booleans",
        "text": "texts",
        "secure": "`specz_flag_homogeneous`",
        "id": "`object_id`, `parent_id` and `skymap_id`",
    }.get(key, "`specz_error_kind`")


def _is_taken(key: str, column: Column) -> bool:
    """Whether a conversion is for a column."""
    if key == "flux":
        return column.unit == "mag" and column.ucd.startswith("phot.mag") and "arith" not in column.ucd
    if key in ("flux_err", "ivar"):
        return column.name.endswith("_cmodel_magsigma")
    if key in ("not", "bit"):
        return column.type == "boolean"
    if key == "text":
        return column.type == "text"
    if key == "secure":
        return column.name == "specz_flag_homogeneous"
    if key == "id":
        return column.type == "bigint" and column.name.endswith("_id")
    return column.name == "specz_error_kind"


def wrong_column(name: str, entry: dict, bands: dict, known: dict[str, Column]) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry: its key, and a sentence.

    Parameters
    ----------
    name : str
        Our column, or a pattern of columns.
    entry : dict
        A table whose keys and types are right.
    """
    if name not in known:
        near = nearest(name, known) or f"; {DOCS} lists them"
        yield "", f"columns: galaxiesml has no column {name!r}{near}"
        return
    yield from _wrong_bands(name, entry, bands)
    faults = [*_wrong_names(name, entry), *_wrong_conversion(name, entry, known[name])]
    yield from faults
    if not faults and is_conversion(entry, known[name]):
        try:
            conversion_of(known[name], entry)
        except (ValueError, IndexError) as error:
            yield next((key for key in KINDS if key in entry), "unit"), f"columns.{name}: {error}"


def _read(entry: dict) -> list[tuple[str, str]]:
    """Every column of the release that an entry names, after its key."""
    found = [(key, entry[key]) for key in ("source", "flux_err", "ivar", "not") if key in entry]
    found += [("bit", one) for one in entry.get("bit", ())[:1] if isinstance(one, str)]
    return found + [("id", one) for one in entry.get("id", ())]


def _wrong_names(name: str, entry: dict) -> Iterator[tuple[str, str]]:
    if "source" not in entry and not any(key in entry for key in _WITHOUT_SOURCE):
        yield "", f"columns.{name}.source is missing"
    is_converted = any(key in entry for key in KINDS) or "unit" in entry
    for key, theirs in _read(entry):
        if not theirs.strip():
            told = "the source is empty" if key == "source" else f"{key} names no column"
            yield key, f"columns.{name}: {told}"
        if is_converted and any(letter in theirs.replace("{band}", "") for letter in FORBIDDEN):
            yield key, f"columns.{name}.{key}: {theirs!r} has a quote, a brace or a backslash: it cannot be converted"
    has_band = [theirs for _, theirs in _read(entry) if "{band}" in theirs]
    if _read(entry) and ("{band}" in name) != bool(has_band):
        key, theirs = _read(entry)[0]
        yield key, f"columns.{name}: both names, or none of them, must have '{{band}}'; {key} = {theirs!r}"


def _wrong_bands(name: str, entry: dict, bands: dict) -> Iterator[tuple[str, str]]:
    for band in entry.get("bands", ()):
        if band not in bands:
            yield "bands", f"columns.{name}.bands: {band!r} is not a filter of [bands]"
    if "bands" in entry and "{band}" not in name:
        yield "bands", f"columns.{name}.bands: bands has no effect on a column without {{band}}"


def _wrong_conversion(name: str, entry: dict, column: Column) -> Iterator[tuple[str, str]]:
    """Keys of conversions that are for other columns, or exclude each other, and their values."""
    kinds = [key for key in KINDS if key in entry]
    for key in kinds:
        if not _is_taken(key, column):
            yield key, f"columns.{name}.{key}: {key} is for {takes(key)}"
    if len(kinds) > 1 and not any(set(kinds) <= set(group) for group in _TOGETHER):
        yield kinds[1], f"columns.{name}: {' and '.join(kinds)} exclude each other"
    for key in _WITHOUT_SOURCE:
        if key in entry and "source" in entry:
            yield "source", f"columns.{name}: {key} names the column; source has no effect"
    for key, other in _BESIDE.items():
        if key in entry and other not in entry:
            yield key, f"columns.{name}.{key}: {key} has no effect without {other}"
    if entry.get("text") is False:
        yield "text", f"columns.{name}.text = false has no effect; leave it out"
    yield from _wrong_bits(name, entry)
    yield from _wrong_unit(name, entry, column, kinds)


def _wrong_bits(name: str, entry: dict) -> Iterator[tuple[str, str]]:
    if "bit" not in entry:
        return
    column, *bits = entry["bit"]
    if (
        not isinstance(column, str)
        or not bits
        or not all(type(bit) is int and 0 <= bit <= _HIGHEST_BIT for bit in bits)
    ):
        yield (
            "bit",
            (
                f"columns.{name}.bit = {entry['bit']!r}; expected: a column, then bits from 0 to {_HIGHEST_BIT}, "
                'e.g. ["maskbits", 1]'
            ),
        )


def _wrong_unit(name: str, entry: dict, column: Column, kinds: list[str]) -> Iterator[tuple[str, str]]:
    if "unit" not in entry:
        return
    unit, near = column.unit, nearest(entry["unit"], UNITS)
    if kinds:
        yield "unit", f"columns.{name}.unit: {kinds[0]} says what the column is; unit has no effect"
    elif (told := means(entry["unit"], unit)) is None:
        yield (
            "unit",
            f"columns.{name}.unit = {entry['unit']!r} is not a known unit; {unit or 'a pure number'} is expected{near}",
        )
    elif not told and (column.type != "double" or not is_converted_to(entry["unit"], unit)):
        yield (
            "unit",
            (f"columns.{name}.unit = {entry['unit']!r} does not convert to {unit or 'a pure number'}"),
        )


def is_converted_to(unit: str, ours: str) -> bool:
    """Whether astropy converts one unit to another."""
    from galaxiesml.units import factor

    return factor(unit, ours) is not None
