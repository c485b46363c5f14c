"""``galaxiesml ingest specz``, ``surveys``, ``audit specz``, ``plot specz``: tables of spectroscopic surveys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import audit, common, forms, ingest, plot

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Parquet, FITS, SQLite, CSV, tab-separated, ECSV, VOTable, MRT.")
]


class NoFlag(StrEnum):
    """How redshifts without a quality flag are treated."""

    SECURE = "secure"
    INSECURE = "insecure"


def register(app: typer.Typer) -> None:
    ingest.group.command("specz")(specz)
    app.command("surveys")(surveys)
    audit.audit.command("specz")(audit_specz)
    plot.plot.command("specz")(plot_specz)


def specz(
    files: Files,
    survey: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH.toml",
            help="Survey, if the columns do not identify it (see: surveys), or the path of a description.",
        ),
    ] = None,
    no_flag: Annotated[
        NoFlag | None,
        typer.Option(
            "--no-flag", help="For a table without its quality flag: treat every redshift as secure, or insecure."
        ),
    ] = None,
    rejects: ingest.Rejects = None,
    wait: ingest.Wait = 0.0,
    force: ingest.Force = False,
    json: ingest.Json = False,
) -> None:
    """Land tables of spectroscopic surveys in the form that each survey publishes.

    The survey is identified by the columns; an ambiguous file is refused. All rows are landed. A quality flag that
    the survey does not define is an error, which names the row. A table without its quality flag is refused unless
    --no-flag decides for all its rows; the decision is recorded wherever the redshifts are used.

    \b
    Examples:
      galaxiesml ingest specz vvds_final_release.parquet
      galaxiesml ingest specz vvds_final_release.parquet --survey vvds
      galaxiesml ingest specz ours.fits --survey our_survey.toml
      galaxiesml ingest specz tables/*.fits
      galaxiesml ingest specz sdss.csv --survey sdss --no-flag insecure
    """
    from galaxiesml.errors import GalaxiesmlError, InputError, UsageError
    from galaxiesml.ingest.specz import land_specz
    from galaxiesml.surveys.description import known_surveys

    if rejects is not None and len(files) > 1:
        raise UsageError("--rejects takes the bad rows of a single file.", "Land the files one by one.")
    catalog = common.catalog()
    options = {"survey": survey, "no_flag": no_flag and no_flag.value, "rejects": rejects, "force": force}
    landed, failed = [], []
    with catalog.lock("ingest specz", wait):
        for file in files:
            with common.progress(f"landing {file.name}", unit="bytes") as bar:
                try:
                    landing = land_specz(catalog, file, **options, progress=bar)
                except InputError as error:
                    failed.append(error)
                    continue
            landed.append(landing)
            if not json:
                describe(landing, known_surveys(catalog.raw / "specz")[landing.info["survey"]].label)
    if json:
        common.print_json([landing.info | {"is_new": landing.is_new, "notes": landing.notes} for landing in landed])
    if failed:
        raise _all_of(failed, GalaxiesmlError)
    common.say("Next: galaxiesml build")


def describe(landing, label: str) -> None:
    """Print the notes on a landed table, and what landed."""
    info = landing.info
    if not landing.is_new:
        common.result(f"{info['source_file']} was landed before, as {label}; nothing changed.")
        return
    for note in landing.notes:
        common.warn(f"{info['source_file']}: {note}.")
    rejected = f", {info['rejected']:,} rejected" if info["rejected"] else ""
    common.result(f"{info['source_file']} is landed: {label}, {info['rows']:,} rows{rejected}.")


def _all_of(failed: list, kind):
    if len(failed) == 1:
        return failed[0]
    from galaxiesml.errors import InputError

    return InputError("\n".join(str(error) for error in failed), failed[0].hint)


@forms.tabular()
def surveys(
    name: Annotated[
        str | None, typer.Argument(metavar="SURVEY", help="Show every flag of this survey and its meaning.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the known spectroscopic surveys: secure flags, source of the errors, landed rows.

    \b
    Examples:
      galaxiesml surveys
      galaxiesml surveys vvds
    """
    from galaxiesml.cli.specz_text import flag_rows, survey_rows

    known, landed = _known_and_landed()
    rows = survey_rows(known, landed) if name is None else flag_rows(known, name)
    if json:
        common.print_json(rows)
    else:
        common.table(rows)


def _known_and_landed() -> tuple[dict, dict[str, int]]:
    """Every known survey and its number of landed rows; outside of a catalogue, only the packaged surveys."""
    from collections import Counter

    from galaxiesml.errors import CatalogError
    from galaxiesml.surveys.description import known_surveys, load_surveys

    counts: Counter[str] = Counter()
    try:
        catalog = common.catalog()
    except CatalogError:
        return load_surveys(), counts
    for info in catalog.landings("specz"):
        counts[info["survey"]] += info["rows"]
    return known_surveys(catalog.raw / "specz"), counts


@forms.tabular()
def audit_specz(as_json: audit.Json = False) -> None:
    """Show what became of the landed spectra of each survey, and how the surveys agree.

    \b
    Examples:
      galaxiesml audit specz
      galaxiesml audit specz --json
    """
    from galaxiesml.curation.audit_specz import agreement, by_survey, matched

    catalog = common.catalog()
    catalog.current_build()
    with catalog.connect() as connection:
        found = {"surveys": by_survey(connection), "objects": matched(connection), "agreement": agreement(connection)}
    if as_json:
        common.print_json(found)
        return
    if not found["surveys"]:
        common.say(f"The published build has no spectra of surveys.  {catalog.next_for('specz')}")
        return
    common.table(found["surveys"])
    if found["objects"]:
        common.result("\nobjects with a spectrum, by rule")
        common.table(found["objects"])
    if found["agreement"]:
        common.result("\npairs of secure spectra of one source, within 0.5 arcsec of each other")
        common.table(found["agreement"])


def plot_specz(out: plot.Out = None, as_json: plot.Json = False) -> None:
    """Draw n(z) of each survey's secure spectra, and the agreement of repeated spectra.

    \b
    Example:
      galaxiesml plot specz --out specz.svg
    """
    from galaxiesml.plots.page import page_format
    from galaxiesml.plots.specz import draw_specz, read_specz

    catalog = common.catalog()
    path = out or catalog.exports / "specz.png"
    page_format(path)
    found = read_specz(catalog)
    draw_specz(found).save(path)
    facts = {"surveys": {label: len(values) for label, values in found.redshifts.items()}, "pairs": len(found.first)}
    common.print_json({"path": str(path)} | facts) if as_json else common.result(str(path))
