"""Identify a table's survey by its columns, and by their values if two surveys have the same columns."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pyarrow.compute as pc

from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.source import Source
from galaxiesml.ingest.specz_columns import missing_of, places_of
from galaxiesml.surveys.description import Survey, read_survey
from galaxiesml.toml_keys import DOCS, nearest


def survey_of(
    source: Source, surveys: dict[str, Survey], named: str | None = None, no_flag: str | None = None
) -> Survey:
    """Identify the survey of a table; it must have its flag column, or ``no_flag`` decides for all rows.

    Parameters
    ----------
    source : Source
        The opened table.
    surveys : dict of str to Survey
        Those that are known, by name.
    named : str, optional
        The survey's name, as typed, or the path of a description of its own; its columns must be there all the same.
    no_flag : str, optional
        'secure' or 'insecure', for a table without its flag column.

    Raises
    ------
    UsageError
        No survey has that name; ``no_flag`` is given and there is a flag, or none is needed.
    InputError
        The description is wrong; or no survey is known by such columns, or several are, or the flag column is missing:
        which, and what to type.
    """
    survey = _survey_of(source, surveys, named)
    _check_flag(source, survey, no_flag)
    return survey


def _survey_of(source: Source, surveys: dict[str, Survey], named: str | None) -> Survey:
    if named is not None:
        told = _named(named, surveys)
        _check_columns(source, told)
        return told
    found = [survey for survey in surveys.values() if _has(source, survey)]
    # A description that asks for more of the same columns knows the table better.
    found = [one for one in found if not any(_is_more(other, one) for other in found)]
    if any(survey.recognise["values"] for survey in found):
        found = [survey for survey in found if _values_fit(source, survey)]
    if len(found) == 1:
        return found[0]
    columns = ", ".join(source.names[:10]) + (", ..." if len(source.names) > 10 else "")
    if not found:
        _refuse_without_flag(source, surveys)
        raise InputError(
            f"{source.path} matches no known survey; its columns: {columns}.",
            f"Name it: --survey NAME, one of {', '.join(surveys)}; \n"
            f"  or describe it in a file of its own, and type: --survey my_survey.toml ({DOCS} has its keys).",
        )
    names = " or ".join(survey.name for survey in found)
    raise InputError(f"{source.path} may be of {names}; its columns: {columns}.", "Name it: --survey NAME.")


def _named(named: str, surveys: dict[str, Survey]) -> Survey:
    """The survey of that name, or the one that a file of the user's own describes."""
    if named in surveys:
        return surveys[named]
    if not named.endswith(".toml"):
        raise UsageError(
            f"There is no survey {named!r}{nearest(named, surveys)}.",
            f"Known: {', '.join(surveys)}; or give the path of a description, my_survey.toml ({DOCS}).",
        )
    if not Path(named).is_file():
        raise UsageError(f"There is no file {named}.", f"Give the path of a description ({DOCS}), or a survey's name.")
    told = read_survey(Path(named))
    if told.name in surveys and surveys[told.name].text != told.text:
        raise UsageError(
            f"Tables of {told.name} were landed with a description other than {named}.",
            "Give the file another name; or type: galaxiesml ingest list specz, then remove those tables with "
            "galaxiesml ingest remove --kind specz FILE, then land all again.",
        )
    return told


def _refuse_without_flag(source: Source, surveys: dict[str, Survey]) -> None:
    """Raise an error if only the flag column of a survey is missing."""
    near = [survey for survey in surveys.values() if _has_but_flag(source, survey)]
    near = [one for one in near if not any(_is_more(other, one) for other in near)]
    if not near:
        return
    flags = {survey.label: _and(missing_of(source.names, survey.columns["flag"])) for survey in near}
    said = "; ".join(f"all columns of {label} but its quality flag, {flag}" for label, flag in flags.items())
    raise InputError(
        f"{source.path} has {said}; the flag decides which redshifts are secure.",
        f"Download the table with that column; or decide for all its rows: --survey {near[0].name} --no-flag insecure.",
    )


def _has_but_flag(source: Source, survey: Survey) -> bool:
    told = survey.columns.get("flag")
    if told is None or places_of(source.names, told) is not None:
        return False
    flags = [told] if isinstance(told, str) else told["join"] if isinstance(told, dict) else told
    rest = set(survey.recognise["columns"]) - set(flags)
    return rest < set(survey.recognise["columns"]) and rest <= set(source.names)


def _check_flag(source: Source, survey: Survey, no_flag: str | None) -> None:
    """Require the quality flag or the user's decision: redshifts are never silently insecure."""
    told = survey.columns.get("flag")
    missing = [] if told is None else missing_of(source.names, told)
    if missing and no_flag is None:
        raise InputError(
            f"{source.path} has no column {_and(missing)}: the quality flag of {survey.label}, which decides which "
            "redshifts are secure.",
            "Download the table with that column; or decide for all its rows: --no-flag secure, or --no-flag insecure.",
        )
    if no_flag is not None and not missing:
        why = "has its quality flag" if told is not None else f"needs none: {survey.label} has no quality flag"
        raise UsageError(f"--no-flag is only for a table without its flag column; {source.path} {why}.")


def _and(names: list[str]) -> str:
    return " and ".join(names)


def _has(source: Source, survey: Survey) -> bool:
    return set(survey.recognise["columns"]) <= set(source.names)


def _is_more(one: Survey, other: Survey) -> bool:
    return set(one.recognise["columns"]) > set(other.recognise["columns"])


def _values_fit(source: Source, survey: Survey) -> bool:
    """Whether every value of the telling columns is one that this survey has."""
    for name, patterns in survey.recognise["values"].items():
        if name not in source.names:
            return False
        place = source.names.index(name)
        for block in source.blocks({}, ()):
            for value in pc.unique(block.columns[place]).to_pylist():
                if not any(fnmatch.fnmatchcase(str(value), pattern) for pattern in patterns):
                    return False
    return True


def _check_columns(source: Source, survey: Survey) -> None:
    lacking = [ours for ours in ("id", "ra", "dec") if places_of(source.names, survey.columns[ours]) is None]
    redshift = survey.columns.get("redshift", survey.columns.get("velocity"))
    if places_of(source.names, redshift) is None:
        lacking.append("redshift")
    if lacking:
        said = ", ".join(f"{ours} ({survey.columns.get(ours, redshift)})" for ours in lacking)
        raise InputError(
            f"{Path(source.path)} is not a table of {survey.label}: it has no column for {said}.",
            f"Its columns: {', '.join(source.names[:12])}.",
        )
