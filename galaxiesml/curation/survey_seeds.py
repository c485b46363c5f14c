"""Make the seed tables of spectroscopic surveys from the descriptions in galaxiesml/surveys."""

from __future__ import annotations

import csv
import io

from galaxiesml.surveys.description import BY_HAND, Survey, load_surveys

#: Columns of the seeds and their types in SQL.
SURVEYS = {
    "survey": "varchar",
    "label": "varchar",
    "title": "varchar",
    "reference": "varchar",
    "url": "varchar",
    "licence": "varchar",
    "release_year": "bigint",
    "instrument": "varchar",
    "error_kind": "varchar",
    "error_value": "double",
    "error_grows": "boolean",
    "error_source": "varchar",
    "tested_on": "varchar",
}
SURVEY_VALUES = {
    "survey": "varchar",
    "kind": "varchar",
    "rule": "bigint",
    "pattern": "varchar",
    "number": "double",
    "secure": "boolean",
    "instrument": "varchar",
    "class": "varchar",
    "reason": "varchar",
    "confidence": "double",
    "meaning": "varchar",
    "confirmed": "varchar",
}


def survey_seeds(known: dict[str, Survey] | None = None) -> dict[str, str]:
    """Path within the project to CSV text: surveys, and survey_values; of the packaged surveys where none are given."""
    surveys = (load_surveys() if known is None else known).values()
    return {
        "sql/seeds/surveys.csv": _csv(SURVEYS, [_survey(survey) for survey in surveys]),
        "sql/seeds/survey_values.csv": _csv(SURVEY_VALUES, [row for survey in surveys for row in _values(survey)]),
    }


def like_pattern(value: str) -> str:
    """A flag's value as LIKE has it, ``!`` being the escape: ``*`` is anything."""
    for letter in "!%_":
        value = value.replace(letter, "!" + letter)
    return value.replace("*", "%")


def _survey(survey: Survey) -> dict:
    error = survey.error
    row = {name: getattr(survey, name) for name in ("label", "title", "reference", "url", "licence", "instrument")}
    return row | {
        "survey": survey.name,
        "release_year": survey.year,
        "error_kind": error["kind"],
        "error_value": error.get("value"),
        "error_grows": error.get("per_1pz", False),
        "error_source": error.get("source", ""),
        "tested_on": survey.tested_on,
    }


def _values(survey: Survey):
    # Before the survey's own rules, of which one may know any flag.
    for word, flag in BY_HAND.items() if "flag" in survey.columns else ():
        told = {"secure": word == "secure", "meaning": f"the table has no flag column; taken as {word} by hand"}
        yield _row(survey, "flag", 0, like_pattern(flag), **told)
    for number, flag in enumerate(survey.flags, 1):
        told = {name: getattr(flag, name) or None for name in ("instrument", "reason", "confidence", "meaning")}
        told |= {"class": flag.class_ or None, "secure": flag.secure and flag.has_redshift}
        for value in flag.values:
            yield _row(survey, "flag", number, like_pattern(value), **told, confirmed=flag.confirmed or None)
    for kind, words, name in (
        ("class", survey.classes, "class"),
        ("instrument", survey.instruments, "instrument"),
    ):
        for number, (theirs, ours) in enumerate(words.items(), 1):
            yield _row(survey, kind, number, theirs, **{name: ours})
    for kind, values in (("sentinel", survey.sentinels), ("error_sentinel", survey.error.get("sentinels", ()))):
        for number, value in enumerate(values, 1):
            yield _row(survey, kind, number, None, number=value)


def _row(survey: Survey, kind: str, rule: int, pattern: str | None, **told) -> dict:
    return {"survey": survey.name, "kind": kind, "rule": rule, "pattern": pattern} | told


def _csv(columns: dict[str, str], rows: list[dict]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(row.get(name)) for name in columns})
    return out.getvalue()


def _cell(value):
    return str(value).lower() if isinstance(value, bool) else value
