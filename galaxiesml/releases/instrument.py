"""The section [instrument] of a release profile: its keys, how it is checked, and the facts that it gives."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace

from galaxiesml.errors import InputError
from galaxiesml.instrument import (
    HDUS,
    INSTRUMENTS,
    LIST_COLUMNS,
    NAME_FIELDS,
    PSF_LIST_COLUMNS,
    SKY_MAPS,
    Instrument,
)
from galaxiesml.toml_keys import DOCS, Fault, Key, key_problems, nearest, refuse

#: Releases of HSC whose profiles did not name their instrument before there was this section.
_OF_HSC = ("pdr2_wide", "pdr3_wide", "s16a_wide")
#: Bits of a mask as it is stored.
_MOST_PLANES = 32
_PLANE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}", re.ASCII)
_FILTER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}", re.ASCII)
_CARD = re.compile(r"[A-Z0-9_-]{1,8}", re.ASCII)
#: What a release can be called at an archive.
RERUN = re.compile(r"[\w.+-]+", re.ASCII)
_FIELD = re.compile(r"\{([^{}]*)\}")
_PLACE = re.compile(r"instrument(\.[a-z_]+)*")

#: Keys of the section, as of a profile.
KEYS = (
    Key(
        "instrument",
        "text, or table",
        "Facts that only images need, with the next keys; or `hsc`. Without it, catalogues and tables work, and "
        "commands that need images refuse",
        words=tuple(INSTRUMENTS),
    ),
    Key(
        "instrument.pixel_scale_arcsec",
        "finite number",
        "Side of a pixel of the images, arcsec. Without it, the leak-free split has no buffer",
    ),
    Key("instrument.zero_point_mag", "finite number", "AB magnitude of one count of the images"),
    Key(
        "instrument.zero_point_card",
        "text",
        "FITS card of the counts of magnitude 0, which every cutout then must have; default: none",
    ),
    Key("instrument.mask_planes", "texts", "Planes of the masks, by bit from 0; `[]`: no masks", may_be_empty=True),
    Key("instrument.unusable_planes", "texts", "Planes whose pixels do not count in Sersic fits", may_be_empty=True),
    Key(
        "instrument.defect_planes",
        "texts",
        "Planes whose pixels do not show the sky as it was, for `audit pictures`; default: `unusable_planes`",
        may_be_empty=True,
    ),
    Key("instrument.no_data_plane", "text", "Plane of pixels without data; default: such pixels are NaN"),
    Key(
        "instrument.sky_map",
        "text",
        "Division of the sky into coadds. `none`: all cutouts are stored as of tract 0. Without a column `tract`, the "
        "tract is `skymap_id` / 10000",
        words=SKY_MAPS,
    ),
    Key(
        "instrument.filter",
        "text, or table",
        "The archive's names of the filters: `{band}` or `{BAND}` stands for ours, e.g. `HSC-{BAND}`; or a table",
    ),
    Key("instrument.filter.*", "text", "The archive's name of the filter"),
    Key("instrument.other_filters", "table", "Further names at the archive, e.g. `HSC-R2`"),
    Key("instrument.other_filters.*", "text", "Our filter that it is"),
    Key(
        "instrument.filter_card",
        "text",
        "FITS card of the filter's name, which must agree with the file's name; default: not compared",
    ),
    Key(
        "instrument.hdus",
        "texts",
        "What each HDU of a cutout holds, in order; the header of the first has the cards above",
        words=HDUS,
    ),
    Key(
        "instrument.cutout_name",
        "text",
        "Names of the FITS files of cutouts, with "
        + ", ".join(f"`{{{name}}}`" for name in NAME_FIELDS)
        + "; `{line}` is the line of the upload list",
    ),
    Key("instrument.psf_name", "text", "Names of the FITS files of PSFs, likewise"),
    Key("instrument.rerun", "text", "The release's name at the archive; default: `name`"),
    Key("instrument.list_columns", "texts", "Columns of upload lists of cutouts, in order", words=LIST_COLUMNS),
    Key("instrument.psf_list_columns", "texts", "Columns of upload lists of PSFs, in order", words=PSF_LIST_COLUMNS),
    Key("instrument.list_rows", "whole number", "Most lines of an upload list; default: no limit"),
    Key("instrument.max_semi_width_arcsec", "finite number", "Half the side of the largest cutout; default: no limit"),
    Key("instrument.archive", "text", "Archive that `fetch cutouts` can ask; default: none", words=("hsc-ssp",)),
)


def read_instrument(raw: dict, origin: str) -> Instrument:
    """The facts of a parsed release profile.

    A catalogue keeps the profile that it was made with: the packaged profiles of HSC named no instrument at first, so
    their names alone stand for HSC.

    Raises
    ------
    InputError
        A key or a value of the section is wrong: names of planes and filters go into SQL and into file names.
    """
    given = raw.get("instrument", "hsc" if raw["name"] in _OF_HSC else {})
    wrong = key_problems({"instrument": given}, KEYS) or list(instrument_problems(raw))
    refuse(origin, "is not a release profile", wrong)
    bands = tuple(raw["bands"])
    if isinstance(given, str):
        return replace(INSTRUMENTS[given], bands=bands)
    facts = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    if facts.get("mask_planes") == ():
        facts.setdefault("unusable_planes", ())
    for key in ("pixel_scale_arcsec", "zero_point_mag", "max_semi_width_arcsec"):
        if key in facts:
            facts[key] = float(facts[key])
    for key in ("filter", "other_filters"):
        if isinstance(facts.get(key), dict):
            facts[key] = tuple(facts[key].items())
    return Instrument(bands=bands, **facts)


def facts_for(profile, what: str, *keys: str) -> Instrument:
    """The profile's facts, once those that a command needs are there.

    Parameters
    ----------
    profile : galaxiesml.releases.profile.Profile
    what : str
        The command.
    keys : str
        Attributes of `Instrument`.

    Raises
    ------
    InputError
        The profile does not say one of them.
    """
    lacking = [key for key in keys if profile.instrument.lacks(key)]
    if lacking:
        words = " and ".join(f"instrument.{key}" for key in lacking)
        raise InputError(
            f"{what} needs {words}, which the release profile {profile.name} does not give.",
            f"Add it to the catalogue's release.toml, in [instrument]; every key is in {DOCS}. "
            'For a release of HSC, type instrument = "hsc" at the beginning of the file.',
        )
    return profile.instrument


def instrument_problems(raw: dict) -> Iterator[Fault]:
    """Errors in the values of a section whose keys are right, one sentence each."""
    given = raw.get("instrument", {})
    if not isinstance(given, str):
        # Every sentence begins with the key that it is about.
        yield from (Fault.at(_PLACE.match(told)[0], told) for told in _wrong_values(given, raw["bands"]))


def _wrong_values(given: dict, bands: dict) -> Iterator[str]:
    for key in ("pixel_scale_arcsec", "list_rows", "max_semi_width_arcsec"):
        if key in given and not given[key] > 0:
            yield f"instrument.{key} = {given[key]!r}; expected: above 0"
    for key in ("zero_point_card", "filter_card"):
        if key in given and not _CARD.fullmatch(given[key]):
            yield f"instrument.{key} = {given[key]!r} is not the name of a FITS card"
    if "rerun" in given and not RERUN.fullmatch(given["rerun"]):
        yield f"instrument.rerun = {given['rerun']!r} has characters other than A-Z, a-z, 0-9, '_', '.', '+' and '-'"
    hdus = given.get("hdus", ["image"])
    if "image" not in hdus or any(hdus.count(layer) > 1 for layer in HDUS[1:]):
        yield "instrument.hdus must have 'image' once, and 'mask' and 'variance' at most once"
    yield from _wrong_planes(given)
    yield from _wrong_filters(given, bands)
    for key in ("list_columns", "psf_list_columns"):
        columns = given.get(key, ["ra", "dec", "filter"])
        for column in ("ra", "dec", "filter"):
            if column not in columns:
                yield f"instrument.{key} has no {column!r}"
        if len(set(columns)) < len(columns):
            yield f"instrument.{key} has a column twice"
    for key in ("cutout_name", "psf_name"):
        if key in given:
            yield from _wrong_name(f"instrument.{key}", given[key], given.get("sky_map"))
    if "psf_name" in given and not (
        {"ra", "dec"} <= set(found := _FIELD.findall(given["psf_name"])) or "line" in found
    ):
        yield "instrument.psf_name has neither {line} nor {ra} and {dec}: a PSF's place cannot be known"


def _wrong_planes(given: dict) -> Iterator[str]:
    planes = given.get("mask_planes", [])
    if len(planes) > _MOST_PLANES:
        yield f"instrument.mask_planes has {len(planes)} planes; a mask has {_MOST_PLANES} bits"
    if len({plane.lower() for plane in planes}) < len(planes):
        yield "instrument.mask_planes has a plane twice"
    for plane in planes:
        if not _PLANE.fullmatch(plane):
            yield f"instrument.mask_planes: {plane!r} cannot be part of a column's name; letters, digits and '_' can"
    for key in ("unusable_planes", "defect_planes", "no_data_plane"):
        named = given.get(key, [])
        for plane in [named] if isinstance(named, str) else named:
            if plane not in planes:
                yield f"instrument.{key}: {plane!r} is not one of instrument.mask_planes{nearest(plane, planes)}"


def _wrong_filters(given: dict, bands: dict) -> Iterator[str]:
    named = given.get("filter", "{band}")
    if isinstance(named, str):
        if len(re.findall(r"\{band\}|\{BAND\}", named)) != 1:
            yield f"instrument.filter = {named!r} must have {{band}} or {{BAND}} once"
            return
        names = {band: named.replace("{band}", band).replace("{BAND}", band.upper()) for band in bands}
    else:
        names = named
        for band in bands:
            if band not in named:
                yield f"instrument.filter has no name of the filter {band!r}"
        for band in named:
            if band not in bands:
                yield f"instrument.filter: {band!r} is not a filter of [bands]"
    others = given.get("other_filters", {})
    wrong = "has characters other than A-Z, a-z, 0-9, '_', '.', '+', '-'"
    for key, given_names in (("filter", names.values()), ("other_filters", others)):
        for name in given_names:
            if not _FILTER.fullmatch(name):
                yield f"instrument.{key}: the filter's name {name!r} {wrong}"
    for name, band in others.items():
        if band not in bands:
            yield f"instrument.other_filters.{name} = {band!r} is not a filter of [bands]"
    lower = [name.lower() for name in names.values()]
    if len(set(lower)) < len(lower):
        yield "instrument.filter gives two filters one name"


def _wrong_name(key: str, pattern: str, sky_map: str | None) -> Iterator[str]:
    if not pattern.endswith(".fits"):
        yield f"{key} = {pattern!r} does not end in .fits"
    found = _FIELD.findall(pattern)
    for field in found:
        if field not in NAME_FIELDS:
            yield f"{key}: there is no {{{field}}}{nearest(field, NAME_FIELDS)}"
    if len(set(found)) < len(found):
        yield f"{key} has a part twice"
    plain = _FIELD.sub("", pattern)
    if set(plain) & set("{}/\\"):
        yield f"{key} = {pattern!r} has one of the characters {{ }} / \\ outside of its parts"
    if "}{" in pattern:
        yield f"{key} = {pattern!r} has two parts with nothing between them"
    if "filter" not in found:
        yield f"{key} = {pattern!r} has no {{filter}}"
    if sky_map == SKY_MAPS[0] and "tract" not in found:
        yield f"{key} has no {{tract}}, and instrument.sky_map is {sky_map!r}"
    if sky_map == "none" and {"tract", "patch"} & set(found):
        yield f"{key} has a tract or a patch, and instrument.sky_map is 'none'"


def as_toml(instrument: Instrument) -> str:
    """The section of a profile that gives an instrument's facts."""
    lines = ["[instrument]"]
    for field in fields(instrument):
        value = getattr(instrument, field.name)
        if field.name in ("name", "bands") or value in (None, "", ()):
            continue
        if field.name == "other_filters" or (field.name == "filter" and isinstance(value, tuple)):
            text = "{" + ", ".join(f"{json.dumps(name)} = {json.dumps(of)}" for name, of in value) + "}"
        else:
            text = json.dumps(value)
        lines.append(f"{field.name} = {text}")
    return "\n".join(lines) + "\n"
