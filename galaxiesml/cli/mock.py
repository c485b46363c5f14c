"""``galaxiesml mock``: a simulated archive, for demonstrations, tests and benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make a simulated archive's files.")


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="mock")


@group.callback()
def _mock() -> None:
    """Make a simulated archive's files, with the truth about them beside."""


Rows = Annotated[int, typer.Option(metavar="N", help="Rows; with --split, of the object table.")]
Spectra = Annotated[int | None, typer.Option(metavar="N", help="Rows with a spectrum; without it, 97 per cent.")]
Seed = Annotated[int, typer.Option(help="Equal seeds give equal files.")]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Folder for the files.")]
Format = Annotated[str, typer.Option("--format", metavar="csv.gz|csv|parquet|fits", help="Format.")]
Release = Annotated[str, typer.Option(help="Release whose names it has, or a profile's file.")]
Split = Annotated[bool, typer.Option("--split", help="Objects and spectra in two files.")]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="A column of ours that it lacks, {band} for all filters; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")]
Json = Annotated[bool, typer.Option("--json", help="Print the truth, without row numbers, as JSON.")]


@group.command("export")
def export(
    rows: Rows = 20_000,
    spectra: Spectra = None,
    seed: Seed = 1,
    out: Out = Path("mock"),
    form: Format = "csv.gz",
    release: Release = "pdr2_wide",
    split: Split = False,
    leave_out: LeaveOut = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a simulated export, as the archive's wide query would give it, with known faults.

    Every cut and both duplicate steps of every version remove known rows: truth.json beside it names them,
    and says how many each version keeps.  It is never landed.

    \b
    Examples:
      galaxiesml mock export --rows 20000
      galaxiesml mock export --rows 10000000 --spectra 500000 --split --format parquet --out big
      galaxiesml mock export --leave-out '{band}_pixelflags_bad' --leave-out d_pos
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.mock.export import Request, own_files, write_export
    from galaxiesml.mock.files import FORMATS
    from galaxiesml.survey import load_profile

    if form not in FORMATS:
        raise UsageError(f"No format {form!r}.", f"Formats: {', '.join(FORMATS)}.")
    request = Request(load_profile(release), rows, spectra, seed, form, split, tuple(leave_out or ()))
    _open_folder(out, force)
    with common.progress("Making rows", total=rows) as bar:
        # What an earlier export left would not go with the new truth.
        for path in own_files(out):
            path.unlink()
        truth = write_export(request, out, bar.advance)
    if json:
        summary = [{key: value for key, value in fault.items() if key != "groups"} for fault in truth["faults"]]
        common.print_json(truth | {"faults": summary})
    else:
        _say(out, truth)


def _open_folder(out: Path, force: bool) -> None:
    from galaxiesml.errors import UsageError

    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file.", "Name a folder with --out.")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise UsageError(f"{out} is not empty.", "Name another folder with --out, or add --force to write there.")
    out.mkdir(parents=True, exist_ok=True)


def _say(out: Path, truth: dict) -> None:
    for name, rows in truth["files"].items():
        common.say(f"{out / name}: {rows:,} rows")
        common.result(str(out / name))
    for version, of in truth["versions"].items():
        common.say(f"{version} should keep {of['rows']:,} of {truth['spectra']:,} spectra")
    files = " ".join(str((out / name).resolve()) for name in truth["files"])
    common.say(f"The truth is in {out / 'truth.json'}.")
    common.say(f"Next: galaxiesml init cat --release {truth['release']} && galaxiesml -C cat ingest hsc {files}")
