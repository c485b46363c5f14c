"""Spectroscopic surveys: how each publishes its redshifts, and which of them it calls secure.

A survey is one TOML file, ``surveys/<name>.toml``; adding a survey adds a file and no code.  What SQL needs of it
(secure rules, sentinels, classes, errors) becomes seed tables, which ``make yml`` writes from these files.
"""

from __future__ import annotations

import fnmatch
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from galaxiesml.errors import InputError

SURVEYS = Path(__file__).parent / "surveys"
#: How a redshift was taken, best first.
INSTRUMENTS = ("spectroscopic", "grism", "prism", "photometric", "unknown")
ERROR_KINDS = ("measured", "assigned", "arbitrary", "none")
CLASSES = ("galaxy", "qso", "star")
UNITS = ("deg", "hour", "sexagesimal")
FRAMES = ("icrs", "b1950")
#: What stands for the flag of each row of a table without its flag column, once a person has decided for all of them.
BY_HAND = {"secure": "by hand: secure", "insecure": "by hand: insecure"}


@dataclass(frozen=True)
class Flag:
    """What some values of a survey's quality flag mean.

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

    def rule_of(self, flag: str) -> Flag | None:
        """The first rule that knows a flag's value."""
        return next((rule for rule in self.flags if rule.fits(flag)), None)


def by_hand(landings: list[dict]) -> list[str]:
    """The landed tables whose rows are secure or insecure by hand, each in words.

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
    """Every survey by name.

    Raises
    ------
    InputError
        A description lacks something, or says something that is not known: which file, what.
    """
    return {path.stem: parse_survey(path.stem, path.read_text(), str(path)) for path in sorted(SURVEYS.glob("*.toml"))}


def parse_survey(name: str, text: str, origin: str) -> Survey:
    """A survey from its TOML."""
    try:
        raw = tomllib.loads(text)
        position, error = raw.get("position", {}), raw.get("error", {"kind": "none"})
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
            error=error,
            flags=tuple(_flag(entry) for entry in raw["flags"]),
            classes={str(value): entry["class"] for entry in raw.get("classes", ()) for value in entry["values"]},
            instruments={
                str(value): entry["instrument"] for entry in raw.get("instruments", ()) for value in entry["values"]
            },
        )
        _check(survey)
        return survey
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as problem:
        raise InputError(
            f"{origin} describes no survey: {type(problem).__name__}: {problem}.",
            f"{SURVEYS / 'vvds.toml'} is a model.",
        ) from problem


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


def _check(survey: Survey) -> None:
    """Words from the lists; a redshift, a position and a rule."""
    words = [
        (survey.unit, UNITS),
        (survey.frame, FRAMES),
        (survey.error["kind"], ERROR_KINDS),
        (survey.instrument, (*INSTRUMENTS, "mixed")),
        *((name, INSTRUMENTS) for name in survey.instruments.values()),
        *((name, CLASSES) for name in survey.classes.values()),
        *((rule.instrument or "unknown", INSTRUMENTS) for rule in survey.flags),
        *((rule.class_ or "galaxy", CLASSES) for rule in survey.flags),
    ]
    for word, known in words:
        if word not in known:
            raise ValueError(f"{word!r} is none of {', '.join(known)}")
    for ours in ("id", "ra", "dec"):
        if ours not in survey.columns:
            raise KeyError(f"columns.{ours}")
    if not survey.flags or not {"redshift", "velocity"} & set(survey.columns):
        raise KeyError("flags, and columns.redshift or columns.velocity")
    if any(not rule.has_redshift and not rule.reason for rule in survey.flags):
        raise KeyError("flags.reason, where redshift = false")
    if survey.error["kind"] == "assigned" and not (survey.error["value"] > 0 and survey.error["source"]):
        raise ValueError("an assigned error needs a value and its source")
