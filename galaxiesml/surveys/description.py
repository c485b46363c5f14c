"""Descriptions of spectroscopic surveys: how each publishes its redshifts, and which of them are secure.

A survey is one TOML file, ``surveys/<name>.toml``; a new survey needs a file and no code.  ``make yml`` writes
seed tables for SQL (secure rules, sentinels, classes, errors) from these files.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from galaxiesml.errors import InputError
from galaxiesml.toml_keys import Key, key_problems, refuse

SURVEYS = Path(__file__).parent
#: How a redshift was taken, best first.
INSTRUMENTS = ("spectroscopic", "grism", "prism", "photometric", "unknown")
ERROR_KINDS = ("measured", "assigned", "arbitrary", "none")
CLASSES = ("galaxy", "qso", "star")
UNITS = ("deg", "hour", "sexagesimal")
FRAMES = ("icrs", "b1950")
ANGLES = ("ra", "dec")
TESTED_ON = ("sample", "published description")
#: VizieR's names of tables, and conditions that its two services understand alike.
_TABLE, _CONDITION = re.compile(r"[A-Za-z0-9+&._/-]+"), re.compile(r"(>=|<=|>|<) ?-?[0-9]+(\.[0-9]+)?")
#: Begins the name of a column that is found by its UCD.
UCD = "ucd:"
#: What a landed table keeps of a description of the user's own.
OWN = "survey.toml"
_IS_NO_SURVEY = "is not a survey description"
_NAME = "text, or texts"
_VALUES = "texts and whole numbers"

#: Every key of a survey's description.
KEYS = (
    Key("title", "text", "Survey and release, in words", required=True),
    Key("label", "text", "Short name in tables and figures", required=True),
    Key("reference", "text", "Publication", required=True),
    Key("url", "text", "Source of the table", required=True),
    Key("licence", "text", "Licence of the table, or 'not stated'", required=True),
    Key("year", "whole number", "Year of the release; of equal spectra the newest is preferred", required=True),
    Key(
        "instrument",
        "text",
        "How redshifts were measured; mixed: a column tells for each row",
        required=True,
        words=(*INSTRUMENTS, "mixed"),
    ),
    Key("tested_on", "text", "Data that the description was tested on", required=True, words=TESTED_ON),
    Key("recognise", "table", "How the survey's tables are identified", required=True),
    Key("recognise.columns", "texts", "Columns that all its tables have", required=True),
    Key("recognise.values", "table", "If columns are not enough: columns whose values must all match patterns"),
    Key("recognise.values.*", "texts", "Patterns for the values of the column; `*` matches anything"),
    Key("columns", "table", "Columns of the table; of several names the first one present is used", required=True),
    Key("columns.id", f"{_NAME}, or table", "Identifier", required=True),
    Key("columns.ra", f"{_NAME}, or table", "Right ascension", required=True),
    Key("columns.dec", f"{_NAME}, or table", "Declination", required=True),
    Key("columns.redshift", _NAME, "Redshift"),
    Key("columns.velocity", _NAME, "Alternatively c z, in km/s"),
    Key("columns.error", _NAME, "Error of the redshift"),
    Key("columns.error_velocity", _NAME, "Alternatively the error of c z, in km/s"),
    Key("columns.flag", f"{_NAME}, or table", "Quality flag"),
    Key("columns.class", _NAME, "Class of the source"),
    Key("columns.instrument", _NAME, "How the redshift was measured"),
    Key("columns.magnitude", _NAME, "An AB magnitude"),
    Key("columns.magnitude_band", "text", "Filter of the magnitude, or the column with the filter"),
    *(Key(f"columns.{name}.join", "texts", "Columns that are joined to form it") for name in ("id", "flag")),
    *(Key(f"columns.{name}.parts", "texts", "Three columns: hours or degrees, minutes, seconds") for name in ANGLES),
    *(Key(f"columns.{name}.sign", "text", "Column of the sign") for name in ANGLES),
    Key("position", "table", "Form of the positions"),
    Key(
        "position.unit",
        "text",
        "Unit of the positions; hour: right ascension in hours, declination in degrees; default: deg",
        words=UNITS,
    ),
    Key("position.frame", "text", "Reference frame; default: icrs", words=FRAMES),
    Key("redshift", "table", "About the redshifts"),
    Key("redshift.sentinels", "finite numbers", "Values that mean no redshift"),
    Key("error", "table", "Source of the redshift errors; default: none"),
    Key(
        "error.kind",
        "text",
        "measured by the survey; assigned by us to all rows; arbitrary; or none",
        required=True,
        words=ERROR_KINDS,
    ),
    Key("error.value", "finite number", "The assigned error"),
    Key("error.per_1pz", "true or false", "Whether the assigned error is proportional to 1 + z"),
    Key("error.source", "text", "Publication of the assigned error"),
    Key("error.sentinels", "finite numbers", "Values that mean no error"),
    Key("flags", "tables", "Rules; the first one that lists a flag's value applies", required=True),
    Key("flags[].values", _VALUES, "Values of the flag; `*` matches anything, '' a missing flag", required=True),
    Key("flags[].secure", "true or false", "Whether these redshifts are secure", required=True),
    Key("flags[].meaning", "text", "The survey's own words", required=True),
    Key("flags[].confirmed", "text", "Publication of these words; '' if unconfirmed"),
    Key("flags[].confidence", "finite number", "Fraction of correct redshifts stated by the survey"),
    Key("flags[].redshift", "true or false", "false if these rows have no spectroscopic redshift"),
    Key("flags[].reason", "text", "Reason why they have none"),
    Key("flags[].instrument", "text", "How these redshifts were measured", words=INSTRUMENTS),
    Key("flags[].class", "text", "Class of these sources", words=CLASSES),
    Key("classes", "tables", "Meaning of the values of columns.class"),
    Key("classes[].values", _VALUES, "Values in the survey's table", required=True),
    Key("classes[].class", "text", "Our class", required=True, words=CLASSES),
    Key("instruments", "tables", "Meaning of the values of columns.instrument"),
    Key("instruments[].values", _VALUES, "Values in the survey's table", required=True),
    Key("instruments[].instrument", "text", "Our word", required=True, words=INSTRUMENTS),
    Key("file", "text", "Where VizieR does not have the table: how its file is obtained"),
    Key("vizier", "table", "The survey's tables at VizieR, for `fetch specz`"),
    Key("vizier.tables", "texts", "Names of the tables, as J/A+A/609/A84/vipersw1", required=True),
    Key("vizier.where", "table", "Conditions on VizieR's columns; only rows that meet all are asked for"),
    Key("vizier.where.*", "text", "A comparison with a number: `> -1`"),
    Key("vizier.columns", "table", "Columns that VizieR renames: the survey's own name to VizieR's"),
    Key(
        "vizier.columns.*",
        _NAME,
        "Names at VizieR, of which the first one present is used; `ucd:src.redshift` stands for the only column with "
        "that UCD",
    ),
    Key("vizier.unchecked", "true or false", "true if names or columns were not compared with the service"),
)
#: Flags of the rows of a table without its flag column, when the user has decided for all of them.
BY_HAND = {"secure": "by hand: secure", "insecure": "by hand: insecure"}


@dataclass(frozen=True)
class Flag:
    """The meaning of some values of a survey's quality flag.

    Attributes
    ----------
    values : tuple of str
        As text, whole numbers without '.0', '' for none; ``*`` stands for anything.
    secure : bool
    meaning, confirmed : str
        The survey's own words, and where they stand; '' unconfirmed.
    confidence : float or None
        Fraction of right redshifts, as the survey states it.
    has_redshift : bool
        False: there is no spectroscopic redshift in such a row, for the `reason`.
    instrument, class_ : str
        Where the flag says how the redshift was taken, or of what; else ''.
    """

    values: tuple[str, ...]
    secure: bool
    meaning: str
    confirmed: str = ""
    confidence: float | None = None
    has_redshift: bool = True
    reason: str = ""
    instrument: str = ""
    class_: str = ""

    def fits(self, value: str) -> bool:
        return any(
            fnmatch.fnmatchcase(value, pattern.replace("[", "[[]").replace("?", "[?]")) for pattern in self.values
        )


@dataclass(frozen=True)
class AtVizier:
    """A survey's tables at VizieR.

    Attributes
    ----------
    tables : tuple of str
        Names, as J/A+A/609/A84/vipersw1.
    where : dict of str to str
        Conditions on VizieR's columns, as '> -1'.
    columns : dict of str to tuple of str
        The survey's own name of a column to VizieR's: the first name that is there counts, or 'ucd:' and a UCD.
    unchecked : bool
        Names or columns were not compared with the service.
    """

    tables: tuple[str, ...]
    where: dict[str, str]
    columns: dict[str, tuple[str, ...]]
    unchecked: bool


@dataclass(frozen=True)
class Survey:
    """One survey's description; the file's sections by name.

    Attributes
    ----------
    name, title, label, reference, url, licence : str
    year : int
        Of the release: the newest of equals is preferred.
    instrument : str
        One of INSTRUMENTS, or 'mixed'.
    tested_on : str
        'sample', or 'published description' where no real rows were at hand.
    recognise : dict
        columns, and values where columns are not enough.
    columns : dict
        Ours to theirs: a name, names of which the first there is counts, or a table.
    unit, frame : str
        Of the position.
    sentinels : tuple of float
        Redshifts that mean none.
    error : dict
        kind, and value, per_1pz, sentinels, source where they are.
    flags : tuple of Flag
    classes, instruments : dict of str to str
        Their word to ours.
    file : str
        How its file is obtained, where that is not a matter of course; else ''.
    vizier : AtVizier or None
    text : str
        The TOML that this was read from.
    """

    name: str
    title: str
    label: str
    reference: str
    url: str
    licence: str
    year: int
    instrument: str
    tested_on: str
    recognise: dict
    columns: dict
    unit: str
    frame: str
    sentinels: tuple[float, ...]
    error: dict
    flags: tuple[Flag, ...]
    classes: dict[str, str]
    instruments: dict[str, str]
    file: str = ""
    vizier: AtVizier | None = None
    text: str = field(default="", repr=False)

    def rule_of(self, flag: str) -> Flag | None:
        """The first rule that knows a flag's value."""
        return next((rule for rule in self.flags if rule.fits(flag)), None)


def by_hand(landings: list[dict]) -> list[str]:
    """Landed tables whose quality flags were set by hand, as text.

    Parameters
    ----------
    landings : list of dict
        As landing.json and build.json have them: source_file, survey, and no_flag where it was given.
    """
    return [
        f"{info['source_file']} ({info['survey']}): all {info['no_flag']}" for info in landings if info.get("no_flag")
    ]


@cache
def load_surveys() -> dict[str, Survey]:
    """Every packaged survey by name.

    Raises
    ------
    InputError
        A description is incomplete or has an unknown key or value; the message names the file and the problem.
    """
    return {
        path.stem: parse_survey(path.stem, path.read_text(encoding="utf-8"), str(path))
        for path in sorted(SURVEYS.glob("*.toml"))
    }


def known_surveys(landed: Path) -> dict[str, Survey]:
    """Every packaged survey, and those whose tables were landed with a description of the user's own, by name.

    Parameters
    ----------
    landed : Path
        The catalogue's folder of landed tables, ``raw/specz``; such a table keeps its survey.toml.
    """
    found = dict(load_surveys())
    for path in sorted(landed.glob(f"*/{OWN}")):
        name = path.parent.name.rpartition("-")[0]
        found.setdefault(name, parse_survey(name, path.read_text(encoding="utf-8"), str(path)))
    return found


def read_survey(path: Path) -> Survey:
    """A survey from a description in a file of the user's own, checked; it is named for the file.

    Raises
    ------
    InputError
        The file cannot be read, describes no survey, or its name is none, or that of a packaged survey.
    """
    name = path.stem
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise InputError(
            f"{path}: a survey is named after its file, but {name!r} has characters other than A-Z, a-z, 0-9 and '_'.",
            f"Type: cp {shlex.quote(str(path))} {re.sub(r'[^A-Za-z0-9_]+', '_', name) or 'mine'}.toml",
        )
    if name.lower() in {known.lower() for known in load_surveys()}:
        raise InputError(
            f"{path}: a packaged survey already has the name {name}.",
            f"Give the file another name: cp {shlex.quote(str(path))} my_{name}.toml; or type --survey {name}",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None
    return parse_survey(name, text, str(path))


def parse_survey(name: str, text: str, origin: str) -> Survey:
    """A survey from its TOML.

    Raises
    ------
    InputError
        A key or a value of it is wrong: all that is, each with the nearest right word.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        refuse(origin, _IS_NO_SURVEY, [f"TOMLDecodeError: {error}"])
    refuse(origin, _IS_NO_SURVEY, key_problems(raw, KEYS))
    position = raw.get("position", {})
    survey = Survey(
        **{key: raw[key] for key in ("title", "label", "reference", "url", "licence", "year")},
        name=name,
        instrument=raw["instrument"],
        tested_on=raw["tested_on"],
        recognise={"values": {}, **raw["recognise"]},
        columns=raw["columns"],
        unit=position.get("unit", "deg"),
        frame=position.get("frame", "icrs"),
        sentinels=tuple(float(value) for value in raw.get("redshift", {}).get("sentinels", ())),
        error=raw.get("error", {"kind": "none"}),
        flags=tuple(_flag(entry) for entry in raw["flags"]),
        classes={str(value): entry["class"] for entry in raw.get("classes", ()) for value in entry["values"]},
        instruments={
            str(value): entry["instrument"] for entry in raw.get("instruments", ()) for value in entry["values"]
        },
        file=raw.get("file", ""),
        vizier=_at_vizier(raw["vizier"]) if "vizier" in raw else None,
        text=text,
    )
    refuse(origin, _IS_NO_SURVEY, [*_wrong_values(survey), *_wrong_at_vizier(survey)])
    return survey


def _at_vizier(entry: dict) -> AtVizier:
    columns = {own: (told,) if isinstance(told, str) else tuple(told) for own, told in entry.get("columns", {}).items()}
    return AtVizier(tuple(entry["tables"]), entry.get("where", {}), columns, entry.get("unchecked", False))


def _flag(entry: dict) -> Flag:
    return Flag(
        tuple(str(value) for value in entry["values"]),
        entry["secure"],
        entry["meaning"],
        entry.get("confirmed", ""),
        entry.get("confidence"),
        entry.get("redshift", True),
        entry.get("reason", ""),
        entry.get("instrument", ""),
        entry.get("class", ""),
    )


def _wrong_values(survey: Survey) -> Iterator[str]:
    """Of a description whose keys are right: a redshift, a rule, and what one key asks of another."""
    for name, told in survey.columns.items():
        if isinstance(told, dict) and ("join" in told) == ("parts" in told):
            yield f"columns.{name} is a table: it needs either 'join' or 'parts'"
        if isinstance(told, dict) and "parts" in told and (len(told["parts"]) != 3 or name not in ("ra", "dec")):
            yield f"columns.{name}.parts: only an angle has parts, three of them: degrees or hours, minutes, seconds"
    for one, other in (("redshift", "velocity"), ("error", "error_velocity")):
        if {one, other} <= set(survey.columns):
            yield f"columns.{one} and columns.{other}: give one of the two"
    if not {"redshift", "velocity"} & set(survey.columns):
        yield "columns.redshift is missing, or columns.velocity"
    if not survey.flags:
        yield "flags: no rule is given; one with values = ['*'] matches all values"
    for number, rule in enumerate(survey.flags, 1):
        if not rule.has_redshift and not rule.reason:
            yield f"flags[{number}].reason is missing, where redshift = false"
        if rule.confidence is not None and not 0 <= rule.confidence <= 1:
            yield f"flags[{number}].confidence = {rule.confidence} is not a fraction from 0 to 1"
    if survey.error["kind"] == "assigned" and not (survey.error.get("value", 0) > 0 and survey.error.get("source")):
        yield "error: an assigned error needs a value above 0 and its source"


def names_of(told: str | list | dict | None) -> list[str]:
    """Every name that an entry of `Survey.columns` may stand for."""
    if isinstance(told, dict):
        return [*told.get("join", told.get("parts", ())), *([told["sign"]] if "sign" in told else [])]
    return [told] if isinstance(told, str) else list(told or ())


def _wrong_at_vizier(survey: Survey) -> Iterator[str]:
    if survey.vizier is None:
        return
    for name in survey.vizier.tables:
        if not _TABLE.fullmatch(name):
            yield f"vizier.tables: {name!r} is not the name of a table of VizieR, such as J/A+A/609/A84/vipersw1"
    for name, condition in survey.vizier.where.items():
        if '"' in name or not _CONDITION.fullmatch(condition):
            yield f"vizier.where.{name} = {condition!r} is not a comparison with a number, such as '> -1'"
