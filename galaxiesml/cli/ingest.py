"""``galaxiesml ingest``: landing files of the archive, and the list of what is landed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Land files of the HSC archive.")

ArchiveQuery = Annotated[
    str | None,
    typer.Option(
        "--archive-query",
        metavar="paper|wide|PATH.sql",
        help="The query that made the file: its WHERE clause tells which cuts the archive made.",
    ),
]
Rejects = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="FILE", help="Put rows that do not parse aside, in this CSV file."),
]
Wait = Annotated[float, typer.Option("--wait", metavar="S", help="Seconds to wait for another writer.")]
Force = Annotated[bool, typer.Option("--force", help="Land even if the disk seems too full.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="ingest")


@group.command("hsc")
def hsc(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, CSV.gz, FITS, Parquet or SQLite.")],
    archive_query: ArchiveQuery = None,
    rejects: Rejects = None,
    wait: Wait = 0.0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Land exports of the HSC archive: objects, spectra (by object_id) or their join.

    The format is recognised by the content. A file lands whole or not at all; the same bytes land once.

    \b
    Examples:
      galaxiesml ingest hsc export.fits
      galaxiesml ingest hsc objects.csv.gz specz.csv.gz --archive-query wide
      galaxiesml ingest hsc export.csv --rejects bad-rows.csv
    """
    from galaxiesml.errors import UsageError

    if rejects is not None and len(files) > 1:
        raise UsageError("--rejects names one file for the bad rows of one file.", "Land the files one by one.")
    _land(files, "ingest hsc", archive_query, rejects, None, wait, force, json)


@group.command("replace")
def replace(
    landing: Annotated[str, typer.Argument(help="Number, file name or beginning of the sha256 of what is landed.")],
    file: Annotated[Path, typer.Argument(help="The file that takes its place.")],
    archive_query: ArchiveQuery = None,
    rejects: Rejects = None,
    wait: Wait = 0.0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Land a file in the place of another, under the same number: the order of the files stays.

    \b
    Examples:
      galaxiesml ingest replace 2 export-again.fits
      galaxiesml ingest replace export.csv export.csv --archive-query paper
    """
    _land([file], "ingest replace", archive_query, rejects, landing, wait, force, json)


@group.command("list")
def list_landed(json: Json = False) -> None:
    """List what is landed, in landing order.

    \b
    Example:
      galaxiesml ingest list
    """
    landings = common.catalog().landings()
    if json:
        common.print_json(landings)
        return
    if not landings:
        common.say("Nothing is landed. Type: galaxiesml ingest hsc FILE")
        return
    rows = [
        {
            "landing": entry["landing"],
            "file": entry["source_file"],
            "sha256": entry["source_sha256"][:12],
            "format": entry["format"],
            "kind": entry["kind"],
            "rows": entry["rows"],
            "rejected": entry["rejected"],
            "query": entry["archive"]["query"] or "-",
            "landed": entry["landed_at"],
        }
        for entry in landings
    ]
    common.table(rows)


@group.command("remove")
def remove(
    landing: Annotated[str, typer.Argument(help="Number, file name or beginning of the sha256 of what is landed.")],
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Take a landed file out. Builds that stand keep its rows until the next build.

    \b
    Example:
      galaxiesml ingest remove 2
    """
    from galaxiesml.curation import states
    from galaxiesml.ingest.ledger import remove_landing

    catalog = common.catalog()
    with catalog.lock("ingest remove", wait):
        removed = remove_landing(catalog, landing)
        states.refresh(catalog)
    if json:
        common.print_json(removed)
    else:
        common.result(f"Landing {removed['landing']} ({removed['source_file']}) is removed.")


def _land(files, command, archive_query, rejects, replaced, wait, force, json) -> None:
    from galaxiesml.curation import states
    from galaxiesml.curation.archive import query_conditions
    from galaxiesml.ingest.land import land_hsc
    from galaxiesml.ingest.report import describe, warnings

    catalog = common.catalog()
    archive = query_conditions(archive_query, catalog.profile) if archive_query else None
    landings = []
    with catalog.lock(command, wait):
        for file in files:
            with common.progress(f"landing {file.name}", unit="bytes") as bar:
                landing = land_hsc(
                    catalog,
                    file,
                    archive=archive,
                    rejects=rejects,
                    replace=replaced,
                    force=force,
                    progress=bar,
                )
            states.refresh(catalog)
            landings.append(landing)
            for line in warnings(landing):
                common.warn(line)
            if not json:
                common.result("\n".join(describe(landing, catalog.profile)))
    if json:
        common.print_json([landing.info | {"is_new": landing.is_new} for landing in landings])
