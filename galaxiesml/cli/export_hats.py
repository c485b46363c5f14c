"""``galaxiesml export hats``: a folder that LSDB reads, for cone searches and crossmatches with large surveys."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given
from galaxiesml.cli.export import Version, Where, export


def register(app: typer.Typer) -> None:
    export.command("hats")(hats)


def hats(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; one that has files is refused.")],
    version: Version = None,
    where: Where = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a HATS catalogue, and write even if the disk seems too full.")
    ] = False,
) -> None:
    """Export a HATS catalogue: a folder of Parquet files by place on the sky, which LSDB opens.

    Units, UCDs, descriptions and provenance are in its files. The column object_id_text has object_id as a text. Needs
    hats-import (pip install 'galaxiesml[hats]'). The folder appears when it is complete.

    \b
    Examples:
      galaxiesml export hats galaxies_hats
      galaxiesml export hats near --version mine --where "specz_redshift < 0.5"
    """
    from galaxiesml.query.hats import check_installed, export_hats

    check_installed()
    given.check_folder(folder, "export hats")
    catalog = common.catalog()
    made = export_hats(catalog, folder, version, where, force)
    facts = made.facts
    if made.incomplete:
        common.warn(
            f"{folder.name} is INCOMPLETE: {', '.join(made.incomplete)} not applied in full (recorded in its files)."
        )
    if made.where:
        common.say(f"Only rows where {facts['where']}; the files say it.")
    # It is taken for a pattern there.
    if re.search(r"\[.*\]", str(folder.absolute()), re.DOTALL):
        common.warn(f"LSDB cannot open {folder}: its path has [ and ].  Move the folder.")
    common.say(f"{facts['rows']:,} rows of {facts['table']}, build {facts['build']}")
    common.result(str(folder))
