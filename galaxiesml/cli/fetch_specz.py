"""``galaxiesml fetch specz``: tables of spectroscopic surveys from VizieR, landed by the code of ``ingest specz``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

Names = Annotated[
    list[str], typer.Argument(metavar="SURVEY...", help="Names of surveys (see: surveys), or paths of descriptions.")
]


def register(group: typer.Typer) -> None:
    """Add the command to the group ``fetch``."""
    group.command("specz")(specz)


def specz(
    names: Names,
    near: Annotated[
        bool, typer.Option("--near", help="Fetch only spectra near the landed objects, box by box of the sky.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Fetch more than 1,000,000 rows, or rows that VizieR cannot count.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Ask anew, and replace the landed table.")] = False,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="FILE", help="Write rows that cannot be read here, and land the others."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="ROOT", help="Root of another server; default: GALAXIESML_ARCHIVE_URL, else VizieR."
        ),
    ] = None,
    retry_for: Annotated[
        float, typer.Option("--retry-for", metavar="S", help="Seconds to retry a request that fails.", min=0.0)
    ] = 600.0,
    wait: Annotated[
        float, typer.Option("--wait", metavar="S", help="Seconds to wait for another writer before each landing.")
    ] = 3600.0,
    force: Annotated[
        bool, typer.Option("--force", help="Land even if there seems to be too little disk space.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fetch tables of spectroscopic surveys from VizieR, and land them like the surveys' own files.

    The number of rows is asked first. More than 1,000,000 rows are refused without --all; with --near only boxes of the
    sky around the landed objects are asked for. Each table or box is kept as it comes: after Ctrl-C the same command
    asks only for the others. A table without an expected column is kept, and its columns are printed.

    \b
    Examples:
      galaxiesml fetch specz vipers vvds
      galaxiesml fetch specz sdss --near
      galaxiesml fetch specz my_survey.toml
    """
    from galaxiesml.archive.folder import fetching
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    if rejects is not None and len(names) > 1:
        raise UsageError("--rejects takes the bad rows of a single survey.", "Fetch the surveys one by one.")
    surveys = _surveys(catalog, names)
    options = _Options(near, every, again, rejects, wait, force)
    vizier = _vizier(url, retry_for)
    boxes = _boxes(catalog) if near else None
    _say_unchecked(surveys.values())
    landed = []
    with fetching(catalog, "specz") as folder:
        for typed, survey in surveys.items():
            landed.append(_one(catalog, vizier, survey, typed, boxes, folder, options, json))
    if json:
        common.print_json(landed)
    common.say("Next: galaxiesml build")


@dataclass(frozen=True)
class _Options:
    """Options as typed."""

    near: bool
    every: bool
    again: bool
    rejects: Path | None
    wait: float
    force: bool


def _surveys(catalog, names: list[str]) -> dict:
    """The surveys as typed; an error names all that VizieR does not have."""
    from galaxiesml.archive.columns import check_columns
    from galaxiesml.errors import UsageError
    from galaxiesml.surveys.description import known_surveys, read_survey
    from galaxiesml.toml_keys import nearest

    known = known_surveys(catalog.raw / "specz")
    having = sorted(name for name, survey in known.items() if survey.vizier)
    found, elsewhere = {}, []
    for name in dict.fromkeys(names):
        if name not in known and not name.endswith(".toml"):
            raise UsageError(f"There is no survey {name!r}{nearest(name, known)}.", f"At VizieR: {', '.join(having)}.")
        survey = known[name] if name in known else read_survey(Path(name))
        found[name] = survey
        if survey.vizier is not None:
            check_columns(survey, name)
        else:
            what = survey.file or "its table"
            elsewhere.append(
                f"{survey.label} is not fetched from VizieR. Get {what} from {survey.url}, and type: "
                f"galaxiesml ingest specz FILE --survey {name}"
            )
    if elsewhere:
        raise UsageError("\n".join(elsewhere), f"At VizieR: {', '.join(having)}.")
    return found


def _vizier(url: str | None, retry_for: float):
    from galaxiesml.archive.address import root_of
    from galaxiesml.archive.transfer import Patience, Transfer
    from galaxiesml.archive.vizier import TAP, VIZIER, Vizier

    root = root_of(url, VIZIER)
    return Vizier(root, TAP if root == VIZIER else root, Transfer(patience=Patience(seconds=retry_for)))


def _boxes(catalog) -> tuple:
    from galaxiesml.archive.boxes import boxes_near

    boxes = tuple(boxes_near(catalog))
    common.say(f"The landed objects are in {len(boxes):,} box{'' if len(boxes) == 1 else 'es'} of the sky.")
    return boxes


def _say_unchecked(surveys) -> None:
    labels = [survey.label for survey in surveys if survey.vizier.unchecked]
    if labels:
        common.warn(
            f"The names of VizieR's tables and columns of {', '.join(labels)} were never compared with the service. "
            "Compare the landed redshifts with the survey's publication."
        )


def _one(catalog, vizier, survey, typed: str, boxes, folder: Path, options: _Options, as_json: bool) -> dict:
    """Fetch and land one survey; landing.json."""
    from galaxiesml.archive.spectra import Plan, assemble, check_count, check_rows, fetch, forget

    plan = Plan(survey, typed, vizier.root, boxes)
    earlier = [entry for entry in catalog.landings("specz") if entry["survey"] == survey.name]
    same = next((entry for entry in earlier if (entry.get("fetched") or {}).get("plan") == plan.key), None)
    if same is not None and not options.again:
        with catalog.lock("fetch specz", options.wait):
            # A kill between the landing and this leaves both.
            _replace(catalog, survey, same)
        if not as_json:
            common.result(f"{survey.label} is already landed from VizieR; --again asks anew.")
        return same | {"is_new": False, "notes": []}
    if options.again:
        forget(plan, folder)
    counted = _count(vizier, plan, options)
    if counted is not None:
        check_count(plan, counted, options.every)
    with common.progress(f"fetching {survey.label}", total=len(plan.pieces()), unit="requests") as bar:
        rows = fetch(vizier, plan, folder, bar.advance)
    check_rows(plan, rows, counted)
    path = folder / f"{survey.name}_vizier.parquet"
    fetched = assemble(plan, folder, path) | {"rows_counted": counted}
    landed = _land(catalog, path, survey, typed, fetched, options, as_json)
    forget(plan, folder)
    path.unlink()
    return landed


def _count(vizier, plan, options: _Options) -> int | None:
    """Rows that the service counts, said; None if it cannot and that is no reason to stop."""
    from galaxiesml.archive.spectra import count
    from galaxiesml.errors import ArchiveError

    try:
        rows = sum(count(vizier, plan))
    except ArchiveError as error:
        if not (options.near or options.every):
            raise ArchiveError(
                f"The rows of {plan.survey.label} could not be counted: {error}",
                f"{error.hint or ''}\n  Or fetch them uncounted: --all; or those near the objects: --near".strip(),
            ) from None
        common.warn(f"The rows of {plan.survey.label} could not be counted: {error}")
        return None
    if plan.boxes is None:
        common.say(f"VizieR has {rows:,} rows of {plan.survey.label}, in {', '.join(plan.survey.vizier.tables)}.")
    else:
        common.say(f"VizieR has about {rows:,} rows of {plan.survey.label} in these boxes.")
    return rows


def _land(catalog, path: Path, survey, typed: str, fetched: dict, options: _Options, as_json: bool) -> dict:
    """Land the file, then remove what earlier fetches of the survey landed."""
    from galaxiesml.catalog.landing import write_note
    from galaxiesml.cli.specz import describe
    from galaxiesml.errors import InputError
    from galaxiesml.ingest.specz import folder_of, land_specz

    with catalog.lock("fetch specz", options.wait):
        try:
            with common.progress(f"landing {path.name}", unit="bytes") as bar:
                landing = land_specz(
                    catalog,
                    path,
                    survey=typed,
                    rejects=options.rejects,
                    force=options.force,
                    fetched=fetched,
                    progress=bar,
                )
        except InputError as error:
            raise InputError(
                f"{error}\nThe table is kept as {path}.",
                f"{error.hint or ''}  To leave such rows out: galaxiesml fetch specz {typed} --rejects bad.csv".strip(),
            ) from None
        if not landing.is_new:
            # The same bytes came for another plan, or were landed by hand: the note says what was asked for last.
            landing.info["fetched"] = fetched
            write_note(folder_of(catalog, landing.info), landing.info)
        _replace(catalog, survey, landing.info)
    if not as_json:
        if fetched["rows_repeated"]:
            common.say(f"{fetched['rows_repeated']:,} rows came in several boxes, and were taken once.")
        describe(landing, survey.label)
    return landing.info | {"is_new": landing.is_new, "notes": landing.notes}


def _replace(catalog, survey, landed: dict) -> None:
    """Remove what other fetches of a survey landed, and warn of files of it.  The caller holds the lock."""
    from galaxiesml.ingest.specz import remove_specz

    for other in catalog.landings("specz"):
        if other["survey"] != survey.name or other["source_sha256"] == landed["source_sha256"]:
            continue
        if other.get("fetched"):
            remove_specz(catalog, other["source_sha256"])
        else:
            common.warn(
                f"{other['source_file']} is landed too, with {other['rows']:,} rows of {survey.label}: spectra may "
                f"stand twice. Type: galaxiesml ingest remove --kind specz {other['source_file']}"
            )
