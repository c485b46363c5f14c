"""``galaxiesml profile``: propose and check release profiles, before anything is made or landed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Propose and check release profiles: what a survey calls our columns, and in which units.

    \b
    Examples:
      galaxiesml profile new lsst.toml --from-file dp1_objects.parquet
      galaxiesml profile check lsst.toml dp1_objects.parquet
    """,
)
#: Rows that a check reads of a file.
ROWS = 100_000


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="profile")


@group.command("new")
@forms.tabular()
def new(
    profile: Annotated[Path, typer.Argument(metavar="PROFILE.toml", help="File to write.")],
    from_file: Annotated[
        Path, typer.Option("--from-file", metavar="FILE", help="Table of the survey: CSV, FITS, Parquet, VOTable ...")
    ],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing profile.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Propose a profile from a table: its names, filters, units and fluxes.

    What is unsure is a comment with the candidates; columns that the survey has no equal for are listed at the end.

    \b
    Examples:
      galaxiesml profile new lsst.toml --from-file dp1_objects.parquet
      galaxiesml profile new ours.toml --from-file catalogue.fits --force
    """
    import re
    import shlex

    from galaxiesml.errors import UsageError
    from galaxiesml.ingest.propose import propose
    from galaxiesml.system.atomic import write_atomic

    given.refuse_catalog("profile new", "It reads one table and writes one file.")
    if profile.suffix != ".toml":
        raise UsageError(f"{profile} does not end in .toml.", f"Type: galaxiesml profile new {profile.stem}.toml ...")
    if profile.exists() and not force:
        raise UsageError(f"{profile} exists.", "Give another name, or --force to replace it.")
    found = propose(from_file, re.sub(r"[^A-Za-z0-9_.-]", "_", profile.stem))
    write_atomic(profile, found.text)
    if json:
        told = {"sure": found.sure, "unsure": found.unsure, "absent": found.absent, "bands": found.bands}
        common.print_json({"profile": str(profile)} | told)
    else:
        common.result(
            f"{profile}: filters {', '.join(found.bands) or 'none'}; {len(found.sure)} columns proposed, "
            f"{len(found.unsure)} unsure (comments), {len(found.absent)} not found"
        )
        # On a terminal the file itself says more.
        if common.STATE.form:
            states = {"proposed": found.sure, "unsure": found.unsure, "not found": found.absent}
            common.table([{"column": name, "state": state} for state, names in states.items() for name in names])
    words = shlex.join(["galaxiesml", "profile", "check", str(profile), str(from_file)])
    common.say(f"Next: read {profile}, then {words}")


@group.command("check")
@forms.tabular()
def check(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="A profile's .toml file, or a packaged release.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A table of the survey: what would land of it.")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", help="Rows of the table that are read.", min=1)] = ROWS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a profile: every fault with its line and the nearest right word; nothing is made.

    With a table also what would land of it, with conversions and values, what would be missing, and which cuts and
    versions would then be incomplete. The exit code is 1 if there is a fault.

    \b
    Examples:
      galaxiesml profile check lsst.toml
      galaxiesml profile check lsst.toml dp1_objects.parquet --rows 1000000
      galaxiesml profile check pdr2_wide --json
    """
    given.refuse_catalog("profile check", "It reads a profile and a table.")
    text, origin = _read(profile)
    faults = _faults(text)
    told: dict = {"profile": origin, "faults": faults}
    if file is not None and not faults:
        from galaxiesml.releases.profile import parse_profile

        told |= {"file": _file(parse_profile(text, origin), file, rows)}
    if json:
        common.print_json(told)
    else:
        _print(told, file)
    if faults or told.get("file", {}).get("faults"):
        raise typer.Exit(1)


def _read(profile: str) -> tuple[str, str]:
    """The text of a profile and where it is from."""
    from galaxiesml.errors import InputError, UsageError
    from galaxiesml.releases.profile import RELEASES, known_releases

    path = RELEASES / f"{profile}.toml"
    path = path if path.is_file() else Path(profile)
    if not path.is_file():
        raise UsageError(f"There is no file {profile}, and no packaged release of that name.",
                         f"Packaged: {', '.join(known_releases())}.")  # fmt: skip
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from None


def _faults(text: str) -> list[dict]:
    from galaxiesml.releases.check import profile_problems
    from galaxiesml.toml_keys import key_lines, line_of

    lines = key_lines(text)
    found = [
        {"line": line_of(problem, lines), "key": getattr(problem, "place", ""), "fault": str(problem)}
        for problem in profile_problems(text)
    ]
    return sorted(found, key=lambda fault: (fault["line"] or 0, fault["key"]))


def _file(profile, path: Path, rows: int) -> dict:
    """What would land of a table, and what that leaves of cuts and versions."""
    from galaxiesml.curation.rules import published
    from galaxiesml.curation.states import plan_versions, states_of
    from galaxiesml.ingest.preview import preview

    found = preview(path, profile, rows)
    told = {
        **{"path": str(path), "kind": found.kind, "rows": found.rows, "rejected": found.rejected, "all": found.whole},
        **{"columns": found.columns, "missing": found.missing, "faults": found.faults, "notes": found.notes},
    }
    if not found.kind:
        return told
    landing = {"landing": 1, "source_file": path.name, "kind": found.kind, "columns": found.exported}
    states = states_of(profile, landing | {"archive": {"query": None, "where": []}}, published().cuts)
    plans = plan_versions(states, profile, published(), accepted=("all",))
    return told | {
        "cuts": [{"cut": state.cut, "state": state.text} for state in states if state.absent or state.inapplicable],
        "incomplete": {plan.name: list(plan.missing) for plan in plans if plan.missing},
    }


def _print(told: dict, file: Path | None) -> None:
    origin = told["profile"]
    for fault in told["faults"]:
        common.result(f"{origin}:{fault['line'] or 1}: {fault['fault']}")
    if told["faults"]:
        count = len(told["faults"])
        common.result(f"\n{count} fault{'s' if count > 1 else ''}; every key is in docs/profiles.md")
        if file is not None:
            common.say(f"{file} was not read: correct the profile first.")
        return
    common.result(f"{origin}: no fault")
    if "file" in told:
        _print_file(told["file"])


def _print_file(told: dict) -> None:
    for fault in told["faults"]:
        common.result(f"\nrefused: {fault}")
    if not told["kind"]:
        return
    read = "all" if told["all"] else "the first"
    common.result(
        f"\n{told['path']}: {told['kind']}; {read} {told['rows']:,} rows read, {told['rejected']:,} rejected\n"
    )
    common.table([_row(column) for column in told["columns"]])
    common.result(f"\nexpected, but not in this file: {', '.join(told['missing']) or 'none'}")
    for cut in told["cuts"]:
        common.result(f"cut {cut['cut']}: {cut['state']}")
    for version, cuts in told["incomplete"].items():
        common.result(f"{version} would be INCOMPLETE: {', '.join(cuts)} not applied in full")
    if told["kind"] == "objects":
        common.say("Cuts on spectra are judged where a table of spectra, or a joined one, is landed.")
    for note in told["notes"]:
        common.warn(f"{note}.")


def _row(column: dict) -> dict:
    share = column["null_share"]
    return {
        "column": column["column"],
        "from": ", ".join(column["source"]),
        "conversion": column["conversion"] or "-",
        "unit": column["unit"] or "-",
        "values": ", ".join(_short(value) for value in column["sample"]) or "none",
        "null": "-" if share is None else f"{share:.1%}",
        "flux <= 0": f"{column['not_positive']:,}" if column["not_positive"] else "-",
    }


def _short(value) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 20 else f"{text[:17]}..."
