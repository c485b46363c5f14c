"""Describe a landed file: its columns, and the missing ones."""

from __future__ import annotations

import re

from galaxiesml.dictionary import columns, expand
from galaxiesml.ingest.conform import MADE
from galaxiesml.ingest.land import Landing
from galaxiesml.releases.profile import Profile

_SIDES = {"objects": ("object",), "specz": ("spectrum",), "joined": ("object", "spectrum")}


def describe(landing: Landing, profile: Profile) -> list[str]:
    """The lines printed after a landing: what it is, which of our columns it has, and which are missing."""
    info = landing.info
    if not landing.is_new:
        return [f"{info['source_file']}: the same file is already landed, as {info['landing']}; nothing changed."]
    rows = f"{info['rows']:,} rows"
    if info["kind"] == "joined":
        without = info["rows"] - info["with_spectrum"]
        rows += f", {info['with_spectrum']:,} with a spectrum and {without:,} without"
    if info["rejected"]:
        rows += f", {info['rejected']:,} rejected"
    holds, lacks, foreign = _families(info, profile)
    lines = [
        f"{info['source_file']} is landed as {info['landing']}: {info['kind']} ({info['format']}), {rows}.",
        f"  columns: {', '.join(holds)}",
        f"  expected, but not in this file: {'; '.join(lacks) or 'none'}",
    ]
    if info.get("converted"):
        lines.append(f"  converted: {'; '.join(_converted(info, profile))}")
    if foreign:
        lines.append(f"  not defined in {profile.name}: {', '.join(foreign)}")
    if info["extra_columns"]:
        lines.append(f"  and {len(info['extra_columns'])} other columns, under their own names")
    if info["archive"]["query"]:
        lines.append(f"  declared: query {info['archive']['query']}, {len(info['archive']['where'])} conditions")
    return lines


def _converted(info: dict, profile: Profile) -> list[str]:
    """Our columns, what they are made of, and how; the same in all filters is told once."""
    found: dict[tuple[str, ...], list[str]] = {}
    for name, words in info["converted"].items():
        band = next((band for band in profile.bands if f"{band}_" in name or name == f"a_{band}"), None)
        texts = [name, " and ".join(info["sources"][name]), words]
        found.setdefault(tuple(_as_pattern(text, band) for text in texts), []).append(band or "")
    return [f"{ours} <- {theirs} ({words})" for ours, theirs, words in found]


def _as_pattern(text: str, band: str | None) -> str:
    """A text with {band} where a filter's name stands alone."""
    return re.sub(rf"(?<![A-Za-z0-9]){re.escape(band)}(?![A-Za-z0-9])", "{band}", text) if band else text


def warnings(landing: Landing) -> list[str]:
    """Warnings about a landing."""
    info = landing.info
    found = [f"{info['source_file']}: {note}." for note in landing.notes]
    if landing.is_new and not info["rows"]:
        found.append(f"{info['source_file']} has no rows.")
    if landing.is_new and info["kind"] == "joined" and not {"specz_name", "specz_redshift"} & set(info["columns"]):
        found.append(f"{info['source_file']} has neither spectrum names nor redshifts, so it gives no pairs.")
    return found + _contradictions(info)


#: Conditions that are listed; any more are counted.
SHOWN = 3


def _contradictions(info: dict) -> list[str]:
    """The conditions that most rows contradict; a flag in five filters is reported once."""
    entries = sorted(info["contradictions"], key=lambda entry: -entry["rows"])
    lines = [
        f"{info['source_file']}: {entry['rows']:,} of {info['rows']:,} rows contradict the declared query "
        f"{info['archive']['query']}: {entry['condition']}."
        for entry in entries[:SHOWN]
    ]
    if len(entries) > SHOWN:
        rest = len(entries) - SHOWN
        lines.append(f"{info['source_file']}: rows contradict {rest} more of its conditions; landing.json lists them.")
    return lines


def _families(info: dict, profile: Profile) -> tuple[list[str], list[str], list[str]]:
    """Families of columns that are in the file, missing from it, and unknown to the release."""
    bands = profile.bands
    exported = set(info["columns"])
    named = "{" + (",".join(bands) if any(len(band) > 1 for band in bands) else "".join(bands)) + "}"
    holds, lacks, foreign = [], [], []
    # The dictionary written out for a filter called {band} is its patterns.
    for pattern, column in columns({"{band}": ""}).items():
        if column.of not in _SIDES[info["kind"]] and pattern != "object_id":
            continue
        names = expand(pattern, bands)
        here = [band for band, name in zip(bands, names, strict=False) if name in exported]
        label = pattern.replace("{band}", named)
        if all(name in exported for name in names):
            holds.append(label)
        elif not any(name in profile.columns for name in names) and not (pattern in MADE and profile.surveys):
            foreign.append(label)
        elif "{band}" not in pattern:
            lacks.append(label)
        else:
            lacks.append(f"{label}: {', '.join(here)} only" if here else f"{label}: none")
    return holds, lacks, foreign
