"""Rows of the tables that ``galaxiesml surveys`` prints."""

from __future__ import annotations

from galaxiesml.errors import UsageError
from galaxiesml.surveys.description import Survey


def survey_rows(surveys: dict[str, Survey], landed: dict[str, int]) -> list[dict]:
    """One row per survey."""
    return [
        {
            "survey": survey.name,
            "secure": _secure(survey),
            "confirmed": _confirmed(survey),
            "error": _error(survey),
            "instrument": survey.instrument,
            "reference": survey.reference,
            "tested on": survey.tested_on,
            "landed": landed.get(survey.name, 0),
        }
        for survey in surveys.values()
    ]


def flag_rows(surveys: dict[str, Survey], name: str) -> list[dict]:
    """One row per rule of one survey."""
    if name not in surveys:
        raise UsageError(f"There is no survey {name!r}.", f"Known: {', '.join(surveys)}.")
    return [
        {
            "flag": " ".join(value or "(none)" for value in rule.values),
            "secure": rule.secure and rule.has_redshift,
            "confidence": rule.confidence if rule.confidence is not None else "",
            "meaning": rule.meaning,
            "confirmed": rule.confirmed or "unconfirmed",
        }
        for rule in surveys[name].flags
    ]


def _secure(survey: Survey) -> str:
    values = [value or "(any)" for rule in survey.flags if rule.secure and rule.has_redshift for value in rule.values]
    return " ".join(values[:8]) + (" ..." if len(values) > 8 else "") or "none"


def _confirmed(survey: Survey) -> str:
    secure = [rule for rule in survey.flags if rule.secure]
    return "yes" if secure and all(rule.confirmed for rule in secure) else "no" if secure else "-"


def _error(survey: Survey) -> str:
    kind = survey.error["kind"]
    if kind != "assigned":
        return kind
    return f"assigned {survey.error['value']:g}" + (" (1 + z)" if survey.error.get("per_1pz") else "")
