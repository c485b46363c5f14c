"""``galaxiesml mock``: a simulated archive, for demonstrations, tests and benchmarks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given

group = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Simulate the archive: exports and pictures with known faults, and the truth about them.

    \b
    Examples:
      galaxiesml mock export --rows 20000 --out mock
      galaxiesml mock sky --galaxies 300 --seed 1 --out sky
      galaxiesml mock population --galaxies 20000 --out population
    """,
)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="mock")


@group.callback()
def _mock() -> None:
    """Simulate the archive: exports and pictures with known faults, and the truth about them."""
    given.refuse_catalog("mock", "A simulated archive is written into --out.")


Rows = Annotated[int, typer.Option(metavar="N", help="Number of rows; with --split, of the object table.")]
Spectra = Annotated[int | None, typer.Option(metavar="N", help="Number of rows with a spectrum; default: 97 per cent.")]
Seed = Annotated[int, typer.Option(help="Random seed; equal seeds give equal files.")]
Out = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Output folder.", callback=lambda path: given.check_folder(path, "mock")),
]
Format = Annotated[str, typer.Option("--format", metavar="csv.gz|csv|parquet|fits", help="File format.")]
Release = Annotated[str, typer.Option(help="Release profile that sets the column names, or its .toml file.")]
Split = Annotated[bool, typer.Option("--split", help="Write objects and spectra to two files.")]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Column to leave out, {band} for all filters; repeatable."),
]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")]
Json = Annotated[bool, typer.Option("--json", help="Print the truth as JSON, without row numbers.")]


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
    """Simulate an export of the archive's wide query, with known faults.

    Every cut and both duplicate steps of every version remove known rows. The file truth.json lists these rows and
    the number of rows that each version keeps; it is never landed.

    \b
    Examples:
      galaxiesml mock export --rows 20000
      galaxiesml mock export --rows 10000000 --spectra 500000 --split --format parquet --out big
      galaxiesml mock export --leave-out '{band}_pixelflags_bad' --leave-out d_pos
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.mock.export.export import Request, own_files, write_export
    from galaxiesml.mock.export.files import FORMATS
    from galaxiesml.releases.check import checked_profile

    if form not in FORMATS:
        raise UsageError(f"No format {form!r}.", f"Formats: {', '.join(FORMATS)}.")
    request = Request(checked_profile(release), rows, spectra, seed, form, split, tuple(leave_out or ()))
    arguments = {"rows": rows, "spectra": spectra, "seed": seed, "format": form, "release": request.profile.name}
    arguments |= {"split": split, "leave_out": leave_out}
    with open_folder(out, force, arguments), common.progress("Making rows", total=rows) as bar:
        # What an earlier export left would not go with the new truth.
        for path in own_files(out):
            path.unlink()
        truth = write_export(request, out, bar.advance)
    if json:
        summary = [{key: value for key, value in fault.items() if key != "groups"} for fault in truth["faults"]]
        common.print_json(truth | {"faults": summary})
    else:
        _say(out, truth, release)


#: What is in a folder while its files are made, and after a run that did not end: the arguments of that run.
UNFINISHED = ".unfinished.json"


@contextlib.contextmanager
def open_folder(out: Path, force: bool, arguments: dict) -> Iterator[None]:
    """Check the output folder: empty, or --force is given, or left by an interrupted run with the same arguments.

    Equal arguments give equal files of equal names, so nothing of another run is left there at the end.
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.system.atomic import write_atomic

    note, text = out / UNFINISHED, dumps(arguments, sort_keys=True, default=str)
    goes_on = note.is_file() and note.read_text(encoding="utf-8", errors="replace") == text
    if out.is_dir() and any(out.iterdir()) and not (force or goes_on):
        what = "holds files of an unfinished run with other arguments" if note.is_file() else "is not empty"
        raise UsageError(f"{out} {what}.", "Name another folder with --out, or add --force to write there.")
    out.mkdir(parents=True, exist_ok=True)
    write_atomic(note, text)
    try:
        yield
    except UsageError:
        # Refused before anything was made.
        note.unlink(missing_ok=True)
        raise
    note.unlink(missing_ok=True)


def _say(out: Path, truth: dict, release: str) -> None:
    import shlex

    from galaxiesml.releases.profile import known_releases

    for name, rows in truth["files"].items():
        common.say(f"{out / name}: {rows:,} rows")
        common.result(str(out / name))
    for version, of in truth["versions"].items():
        common.say(f"{version} should keep {of['rows']:,} of {truth['spectra']:,} spectra")
    files = shlex.join(str((out / name).resolve()) for name in truth["files"])
    # A profile of the user's own is found by its path alone.
    told = release if release in known_releases() else shlex.quote(str(Path(release).resolve()))
    common.say(f"The truth is in {out / 'truth.json'}.")
    common.say(f"Next: galaxiesml init cat --release {told} && galaxiesml -C cat ingest hsc {files}")


Galaxies = Annotated[
    int, typer.Option(metavar="N", help="Number of clean galaxies to simulate; faulty ones are added.")
]
Jobs = Annotated[int | None, typer.Option(metavar="N", help="Number of processes; default: one per core.")]
Correlated = Annotated[
    bool, typer.Option("--correlated-noise", help="Correlate the noise of neighbouring pixels, as resampling does.")
]
SkyJson = Annotated[
    bool, typer.Option("--json", help="Print mock.json: counts, arguments, and the hash of every file.")
]


@group.command("sky")
def sky(
    galaxies: Galaxies = 300,
    seed: Seed = 1,
    out: Out = Path("sky"),
    jobs: Jobs = None,
    correlated_noise: Correlated = False,
    force: Force = False,
    json: SkyJson = False,
) -> None:
    """Simulate a sky: the archive's exports, cutouts and PSF pictures, and the truth about them.

    The queries of sql/archive run on a simulated archive, and GalSim draws the pictures of its objects. Known faults
    are planted; the folder truth/ lists each of them and is never landed. An interrupted run starts again from the
    beginning when the same command is run.

    \b
    Examples:
      galaxiesml mock sky --galaxies 300 --seed 1
      galaxiesml mock sky --galaxies 40 --out small --jobs 1
      galaxiesml mock sky --correlated-noise --out correlated --json
    """
    import os

    from galaxiesml.mock.needs import load
    from galaxiesml.mock.sky.sky import Request, files_of, write_sky

    # Before the folder is made: without them there is nothing to put into it.
    for package in ("galsim", "speclite"):
        load(package)
    # Magnitudes are fitted with PyTorch; where it is missing, this says so now.
    import_module("galaxiesml.mock.pictures.cmodel")

    request = Request(galaxies, seed, correlated_noise, jobs if jobs is not None else os.cpu_count() or 1)
    arguments = {"galaxies": galaxies, "seed": seed, "correlated_noise": correlated_noise}
    with (
        open_folder(out, force, arguments),
        common.progress("Drawing the sky", total=None, unit="targets") as bar,
    ):
        # What an earlier sky left would not go with the new truth.
        for path in files_of(out):
            path.unlink()

        def step(done: int, of: int) -> None:
            bar.update(total=of)
            bar.advance(1)

        summary = write_sky(request, out, step)
    if json:
        common.print_json(summary)
    else:
        _say_sky(out, summary)


def _say_sky(out: Path, summary: dict) -> None:
    import shlex

    for name in ("export", "wide"):
        common.say(f"{out / name}.csv.gz: {summary['rows'][name]:,} rows")
        common.result(str(out / f"{name}.csv.gz"))
    tars = [name for name in summary["files"] if name.endswith(".tar")]
    for name in tars:
        common.result(str(out / name))
    states = ", ".join(f"{count:,} {state}" for state, count in summary["pictures"].items())
    common.say(f"{len(tars)} tars; pictures: {states}")
    for export, versions in summary["versions"].items():
        told = ", ".join(f"{version} {rows:,}" for version, rows in versions.items())
        common.say(f"Of {export}.csv.gz each version should keep: {told}")
    common.say(f"The truth is in {out / 'truth'}; this sky is {summary['content_sha256'][:12]}.")
    common.say(
        f"Next: galaxiesml init cat --release pdr2_wide && "
        f"galaxiesml -C cat ingest hsc {shlex.quote(str((out / 'export.csv.gz').resolve()))} --archive-query paper"
    )
