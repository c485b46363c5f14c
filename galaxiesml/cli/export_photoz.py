"""``galaxiesml export photoz``: magnitudes and redshifts for RAIL and other estimators of photometric redshifts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given
from galaxiesml.cli.export import Force, Version, Where, export
from galaxiesml.cli.export_hdf5 import Scheme


def register(app: typer.Typer) -> None:
    export.command("photoz")(photoz)


def photoz(
    version: Version = None,
    split_scheme: Scheme = "release",
    where: Where = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Output folder; default: exports/ in the catalogue."),
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Export magnitudes, their errors and redshifts as the HDF5 files that RAIL and tables_io read, one a split.

    The group photometry has object_id, redshift, mag_{band} and mag_err_{band}. A missing value is NaN. There are no
    images, so galaxies without a picture are in the files too.

    \b
    Examples:
      galaxiesml export photoz
      galaxiesml export photoz --version v1 --split-scheme leak-free --out rail/
      galaxiesml export photoz --where "specz_redshift < 1.5"
    """
    from galaxiesml.query.photometry import export_photometry

    folder = given.check_folder(out, "export photoz")
    catalog = common.catalog()
    made = export_photometry(catalog, folder or catalog.exports, version, split_scheme, where, force)
    _say(catalog, made)
    if as_json:
        common.print_json({"files": made.files, "left_out": made.left_out, "facts": made.facts})
    else:
        common.table(
            [
                {"split": entry["split"], "galaxies": entry["galaxies"], "without a magnitude": entry["incomplete"]}
                | {"path": entry["path"]}
                for entry in made.files
            ]
        )


def _say(catalog, made) -> None:
    from galaxiesml.cli import splits

    chosen = made.selection
    if made.facts["incomplete"]:
        common.warn(f"INCOMPLETE: {made.facts['missing_cuts']} not applied in full (recorded in the files).")
    if made.left_out:
        common.warn(
            f"{made.left_out:,} galaxies are not in any file: they are in a buffer between splits, or have no split."
        )
    if lacking := sum(entry["incomplete"] for entry in made.files):
        common.say(f"{lacking:,} galaxies lack the magnitude of a filter; it is NaN.")
    rows = {entry["split"]: entry["galaxies"] for entry in made.files}
    if chosen.where is None:
        splits.warn_of_empty(catalog, chosen.version, chosen.scheme.replace("-", "_"), rows)
        return
    common.say(f"Only rows where {made.facts['where']}; the files say it.")
    # Another seed would be sought among all galaxies of the version, not among these.
    if empty := [split for split, number in rows.items() if not number]:
        common.warn(f"No galaxy that meets the condition is in {' and '.join(empty)}; the file has no rows.")
