"""Views on a build's tables that have no file of their own."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.catalog.parquet import quote

#: Views that a build keeps as SQL, each with the tables that it reads.
_KEPT = {"objects_without_spectrum": ("hsc_objects", "hsc_joined", "int_pairs")}
#: What the rows of each view are.
DESCRIPTIONS = {
    "galaxies": "The galaxies of the default version.",
    "rejections_of_default": "The rejections of the default version: one row per pair that it removes.",
    "objects_without_spectrum": "One row per landed object without a spectrum, with the verdicts of the cuts that read "
    "the object alone.",
}


def views(build: Path, tables: dict[str, str], default: str) -> dict[str, str]:
    """Names of views, and the expression that reads each; of those only whose tables are there.

    Parameters
    ----------
    build : Path
        Folder of the build.
    tables : dict of str to str
        The tables that a connection has.
    default : str
        The version that plain ``galaxies`` is.
    """
    found = {}
    if "rejections" in tables:
        found["rejections_of_default"] = f"(select * from rejections where version = {quote(default)})"
    for name, reads in _KEPT.items():
        # A build of an earlier version has no such file.
        if (build / f"{name}.sql").is_file() and tables.keys() >= set(reads):
            found[name] = f"({(build / f'{name}.sql').read_text(encoding='utf-8')})"
    return found


def is_view(source: str) -> bool:
    """Whether the expression reads other tables, not files."""
    return source.startswith("(")
