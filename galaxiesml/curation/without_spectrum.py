"""The view of objects without a spectrum: one row an object, judged as a build judges pairs."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.curation.rules import Rules
from galaxiesml.system.atomic import write_atomic

#: The view's name; in a build's folder, NAME.sql is its text.
NAME = "objects_without_spectrum"


def select(rules: Rules, bands, unjudged: dict, info: dict) -> str:
    """The SELECT behind the view, over ``hsc_objects``, ``hsc_joined`` and ``int_pairs``.

    Parameters
    ----------
    rules : Rules
        Those of the build.
    bands : sequence of str
        The release's filters.
    unjudged : dict
        The landed files to which a cut cannot be applied, as the macro ``unjudged_landings`` has them.
    info : dict
        build.json: the view reads the rows of the build's files alone, whatever was landed since.
    """
    files = [
        (landing["landing"], landing["source_sha256"], landing["kind"])
        for landing in info["landings"]
        if landing["kind"] != "specz"
    ]
    # One file has an object twice only for its spectra, and those make pairs unless the pairs are of our own match.
    repeats = len(files) > 1 or not info.get("spectra_from", "export").startswith("export")
    return rules.macros(bands).call(NAME, unjudged, files, repeats) + "\n"


def write(folder: Path, rules: Rules, bands, unjudged: dict, info: dict) -> None:
    """Write the view's text into a build's folder; `select` tells the parameters."""
    write_atomic(folder / f"{NAME}.sql", select(rules, bands, unjudged, info))


def columns(rules: Rules, bands) -> list[str]:
    """The view's columns that the dictionary describes, in order."""
    own = {column["name"] for column in rules.columns}
    judged = [cut["name"] for cut in rules.row_cuts if cut["scope"] == "object"]
    read = [column["name"] for column in rules.macros(bands).call("judged_object_columns")]
    return [
        *("object_id", "source_file", "source_row", "landing", "ra", "dec"),
        *(f"ok_{name}" for name in judged),
        "photometric",
        *(name for name in read if name not in own),
    ]
