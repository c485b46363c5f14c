"""``galaxiesml ingest``: land files of the archive, list, replace and remove them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.catalog.stores import LANDED
from galaxiesml.cli import common, forms, given

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Land files in the catalogue: exports, pictures, survey tables, released files.

    \b
    Examples:
      galaxiesml ingest hsc export.csv.gz --archive-query paper
      galaxiesml ingest table dp1_objects.parquet
      galaxiesml ingest cutouts arch-*.tar
    """,
)

ArchiveQuery = Annotated[
    str | None,
    typer.Option(
        "--archive-query",
        metavar="paper|wide|PATH.sql",
        help="Query that produced the file; its WHERE clause declares the cuts applied by the archive.",
    ),
]
Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Write rows that do not parse to this CSV file, and land the others.",
        callback=given.csv_file,
    ),
]
Wait = Annotated[float, typer.Option("--wait", metavar="S", help="Seconds to wait while another process writes.")]
Force = Annotated[bool, typer.Option("--force", help="Land even if there seems to be too little disk space.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="ingest")


Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="CSV, tab- or semicolon-separated text, ECSV (.gz too), FITS, Parquet, SQLite."
    ),
]


@group.command("hsc")
def hsc(
    files: Files,
    archive_query: ArchiveQuery = None,
    rejects: Rejects = None,
    wait: Wait = 0.0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Land exports of the HSC archive: objects, spectra (by object_id) or both joined.

    The format is recognised from the content. A file is landed completely or not at all. A file with the same
    SHA-256 as a landed one is not landed again.

    \b
    Examples:
      galaxiesml ingest hsc export.fits
      galaxiesml ingest hsc objects.csv.gz specz.csv.gz --archive-query wide
      galaxiesml ingest hsc export.csv --rejects bad-rows.csv
    """
    _land_each(files, "ingest hsc", archive_query, rejects, wait, force, json)


@group.command("table")
def table(
    files: Files,
    archive_query: ArchiveQuery = None,
    rejects: Rejects = None,
    wait: Wait = 0.0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Land tables of the catalogue's release, of any survey: objects, spectra (by identifier) or both joined.

    It is the same command as `ingest hsc`: the release profile says which column is which, and in which unit.

    \b
    Examples:
      galaxiesml ingest table dp1_objects.parquet
      galaxiesml ingest table tractor-1126p222.fits spectra.csv --rejects bad-rows.csv
    """
    _land_each(files, "ingest table", archive_query, rejects, wait, force, json)


def _land_each(files, command, archive_query, rejects, wait, force, json) -> None:
    from galaxiesml.errors import UsageError

    if rejects is not None and len(files) > 1:
        raise UsageError("--rejects takes the bad rows of a single file.", "Land the files one by one.")
    _land(files, command, archive_query, rejects, None, wait, force, json)


@group.command("replace")
def replace(
    landing: Annotated[
        str, typer.Argument(help="Number, file name or first characters of the SHA-256 of the landed file.")
    ],
    file: Annotated[Path, typer.Argument(help="File that replaces it.")],
    archive_query: ArchiveQuery = None,
    rejects: Rejects = None,
    wait: Wait = 0.0,
    force: Force = False,
    json: Json = False,
) -> None:
    """Replace a landed file under the same number, so that the order of the files is kept.

    \b
    Examples:
      galaxiesml ingest replace 2 export-again.fits
      galaxiesml ingest replace export.csv export.csv --archive-query paper
    """
    _land([file], "ingest replace", archive_query, rejects, landing, wait, force, json)


Kind = StrEnum("Kind", {kind.upper(): kind for kind in LANDED})
Kind.__doc__ = "Kinds of landed files."
_KINDS = ", ".join(f"{kind} ({landed.what})" for kind, landed in LANDED.items())


@group.command("list")
@forms.tabular()
def list_landed(
    kind: Annotated[Kind, typer.Argument(help=f"Kind of files: {_KINDS}.")] = Kind.HSC,
    json: Json = False,
) -> None:
    """List the landed files in the order of landing.

    \b
    Examples:
      galaxiesml ingest list
      galaxiesml ingest list cutouts
    """
    catalog = common.catalog()
    # In the order of landing, where landings have no other.
    landed = catalog.landings(kind.value)
    if LANDED[kind.value].group:
        landed = sorted(landed, key=lambda entry: (entry["landed_at"], entry["source_file"]))
    if json:
        common.print_json(landed)
    elif not landed:
        common.say(f"Nothing is landed. Type: galaxiesml ingest {kind.value} FILE")
    else:
        common.table([_ROWS[kind.value](entry) for entry in landed])


def _landing_row(entry: dict) -> dict:
    return {
        "landing": entry["landing"],
        "file": entry["source_file"],
        "sha256": entry["source_sha256"][:12],
        "format": entry["format"],
        "kind": entry["kind"],
        "rows": entry["rows"],
        "rejected": entry["rejected"],
        "out of range": common.out_of_range(entry) or "-",
        "query": entry["archive"]["query"] or "-",
        "landed": entry["landed_at"],
    }


def _specz_row(entry: dict) -> dict:
    return {
        "survey": entry["survey"],
        "file": entry["source_file"],
        "sha256": entry["source_sha256"][:12],
        "format": entry["format"],
        "rows": entry["rows"],
        "rejected": entry["rejected"],
        "out of range": common.out_of_range(entry) or "-",
        "flags": f"by hand: {entry['no_flag']}" if entry.get("no_flag") else "the survey's",
        "landed": entry["landed_at"],
    }


def _release_row(entry: dict) -> dict:
    return {
        "file": entry["source_file"],
        "sha256": entry["source_sha256"][:12],
        "split": entry["split"],
        "rows": entry["rows"],
        "landed": entry["landed_at"],
    }


def _shard_row(entry: dict) -> dict:
    return {
        "file": entry["source_file"],
        "sha256": entry["source_sha256"][:12],
        "pictures": entry["pictures"],
        "refused": len(entry["refused"]),
        "list": entry["list_file"] or "-",
        "requested": entry["requested"],
        "unanswered": entry.get("silence") or "-",
        "bytes": entry["bytes"],
        "landed": entry["landed_at"],
    }


#: A landed file as `ingest list` shows it, and as `ingest remove` names it.
_ROWS = {"hsc": _landing_row, "specz": _specz_row, "release": _release_row, "cutouts": _shard_row, "psf": _shard_row}
_REMOVED = {
    "hsc": "Landing {landing} ({source_file})",
    "specz": "{source_file} ({survey}, {rows:,} rows)",
    "release": "{source_file} ({split})",
    "cutouts": "{source_file} ({pictures:,} pictures)",
    "psf": "{source_file} ({pictures:,} pictures)",
}


@group.command("remove")
def remove(
    landing: Annotated[
        str, typer.Argument(help="Number, file name or first characters of the SHA-256 of the landed file.")
    ],
    kind: Annotated[Kind, typer.Option("--kind", help=f"Kind of the file: {_KINDS}.")] = Kind.HSC,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Remove a landed file. Existing builds keep its rows until the next build, but lose its pixels.

    \b
    Examples:
      galaxiesml ingest remove 2
      galaxiesml ingest remove --kind cutouts arch-221123-101500.tar
    """
    catalog = common.catalog()
    with catalog.lock("ingest remove", wait):
        removed = _remove(catalog, landing, kind)
    if json:
        common.print_json(removed)
    else:
        common.result(f"{_REMOVED[kind.value].format(**removed)} is removed.")
        common.say("Next: galaxiesml build")


def _remove(catalog, reference: str, kind: Kind) -> dict:
    from galaxiesml.curation import states
    from galaxiesml.cutouts.land import remove_shard
    from galaxiesml.ingest.ledger import remove_landing
    from galaxiesml.ingest.release_files import remove_release
    from galaxiesml.ingest.specz import remove_specz

    if kind is Kind.SPECZ:
        return remove_specz(catalog, reference)
    if kind is Kind.RELEASE:
        return remove_release(catalog, reference)
    if kind is not Kind.HSC:
        return remove_shard(catalog, reference, psf=kind is Kind.PSF)
    removed = remove_landing(catalog, reference)
    states.refresh(catalog)
    return removed


def _land(files, command, archive_query, rejects, replaced, wait, force, json) -> None:
    from galaxiesml.curation import states
    from galaxiesml.curation.archive_query import query_conditions
    from galaxiesml.ingest.land import land_hsc
    from galaxiesml.ingest.report import describe, warnings

    catalog = common.catalog()
    common.warn_of_profile(catalog)
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
