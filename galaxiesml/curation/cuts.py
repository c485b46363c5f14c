"""Read the list of cuts and the versions that use them from sql/macros."""

from __future__ import annotations

from functools import cache

from galaxiesml.curation.macros import Macros


@cache
def load_cuts() -> tuple[dict, ...]:
    """Every cut in the order of application; the keys are explained in sql/macros/cuts.sql."""
    return tuple(Macros(()).call("cuts"))


@cache
def load_versions() -> tuple[dict, ...]:
    """The versions of galaxies: ``number`` and ``title``."""
    return tuple(Macros(()).call("versions"))


def version_cuts(version: int) -> list[dict]:
    """The cuts of one version: row cuts, then window cuts."""
    chosen = [cut for cut in load_cuts() if version in cut["versions"]]
    return [cut for cut in chosen if "sql" in cut] + [cut for cut in chosen if "window" in cut]


def cut_words() -> tuple[tuple[str, str], ...]:
    """(name, why) of each cut, for the dictionary's ok_{cut} columns."""
    return tuple((cut["name"], cut["why"]) for cut in load_cuts())


def window_columns(bands) -> list[str]:
    """Columns of a pair that the window cuts read, filters written out."""
    return Macros(list(bands)).call("window_columns")


def is_banded(cut: dict) -> bool:
    return any("{band}" in column for column in cut["needs"])


def terms(cut: dict, bands) -> dict[str, dict]:
    """The cut's condition in each filter ('*' for a cut that has none).

    Returns
    -------
    dict of str to dict
        Filter to ``{"sql": condition or None for a window cut, "needs": [columns]}``.
    """
    sql = cut.get("sql")
    return {
        band: {
            "sql": sql and sql.replace("{band}", band),
            "needs": [column.replace("{band}", band) for column in cut["needs"]],
        }
        for band in (bands if is_banded(cut) else ["*"])
    }
