"""``galaxiesml mock population`` and ``galaxiesml mock pictures``: the simulated sample, and its pictures in bulk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given
from galaxiesml.cli.mock import Seed, group, open_folder

Drawn = Annotated[int, typer.Option(metavar="N", help="Number of galaxies and quasars to draw.")]
Against = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Real sample to compare with: hsc_ratios_and_specz.hdf5.")
]
Plot = Annotated[Path | None, typer.Option(metavar="PATH", help="Draw the samples to a .png or .svg file.")]
TableJson = Annotated[bool, typer.Option("--json", help="Print the table as JSON, with every value.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write the galaxies and their neighbours to this folder, for mock pictures.",
        callback=lambda path: given.check_folder(path, "mock"),
    ),
]
Neighbourhood = Annotated[
    int | None, typer.Option(metavar="64|127", help="Size of the pictures that --out is for, in pixels; default: 64.")
]
Force = Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")]
From = Annotated[Path, typer.Option("--from", metavar="DIR", help="Folder that mock population --out wrote.")]
Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR", help="Folder of the HDF5 files.", callback=lambda path: given.check_folder(path, "mock")
    ),
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="Where to draw; auto is cuda where there is one.")]
Size = Annotated[int, typer.Option(metavar="64|127", help="Pixels on a side.")]
NoiseSeed = Annotated[int, typer.Option(help="Random seed of the noise; equal seeds give equal files on a device.")]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="Threads on a CPU; default: one per core. The files do not depend on it."),
]
First = Annotated[int | None, typer.Option(metavar="N", help="Draw only the first N galaxies.")]
Dtype = Annotated[str, typer.Option(metavar="float32|float16", help="Type of the images in the files.")]
FilesJson = Annotated[bool, typer.Option("--json", help="Print files, galaxies and device as JSON.")]


def register(app: typer.Typer) -> None:
    group.command("population")(population)
    group.command("pictures")(pictures)


@forms.tabular()
def population(
    galaxies: Drawn = 100_000,
    seed: Seed = 1,
    against: Against = None,
    plot: Plot = None,
    out: Folder = None,
    size: Neighbourhood = None,
    force: Force = False,
    json: TableJson = False,
) -> None:
    """Draw the simulated sky's spectroscopic sample, and compare it with a real one.

    The table has one line per redshift bin with medians, 16th and 84th percentiles of i and g - z. With a real
    sample it also has the values of that sample, and the Kolmogorov-Smirnov distances of redshift, i and g - z.

    \b
    Examples:
      galaxiesml mock population --galaxies 10000
      galaxiesml mock population --against hsc_ratios_and_specz.hdf5 --plot population.png
      galaxiesml mock population --galaxies 200000 --seed 1 --out population
      galaxiesml mock population --against hsc_ratios_and_specz.hdf5 --json
    """
    from dataclasses import asdict

    from galaxiesml.errors import UsageError
    from galaxiesml.mock.sky.galaxies.compare import drawn, lines, read_reference, summary
    from galaxiesml.plots.canvas import picture_format
    from galaxiesml.plots.population import draw_population

    if out is None and (size is not None or force):
        raise UsageError("--size and --force have no effect without --out.", "Name a folder with --out.")
    if plot is not None:
        picture_format(plot)
    real = read_reference(against) if against is not None else None
    with common.progress("Drawing galaxies", total=galaxies, unit="galaxies") as bar:
        if out is None:
            sample = drawn(galaxies, seed, bar.advance)
        else:
            sample = _written(galaxies, seed, size or 64, out, force, bar.advance)
    rows = summary(sample, real)
    if plot is not None:
        draw_population(asdict(sample), asdict(real) if real else None, plot)
        common.say(f"The picture is {plot}.")
    if json:
        common.print_json({"galaxies": galaxies, "seed": seed, "against": against, "out": out, "bins": rows})
    else:
        common.table(lines(rows))


def _written(galaxies: int, seed: int, size: int, out: Path, force: bool, advance):
    """Write a population, and return it as the sample that is compared."""
    import shlex

    from galaxiesml.mock.needs import load
    from galaxiesml.mock.sky.galaxies.catalogue import Request, write_population

    # Before the folder is made: without them there is nothing to put into it.
    for package in ("galsim", "speclite"):
        load(package)
    with open_folder(out, force, {"galaxies": galaxies, "seed": seed, "size": size}):
        sample, info = write_population(Request(galaxies, seed, size), out, advance)
    for name, file in info["files"].items():
        common.say(f"{out / name}: {file['rows']:,} rows, {file['bytes'] / 1e6:.1f} MB")
    common.say(f"Next: galaxiesml mock pictures --from {shlex.quote(str(out))} --out pictures")
    return sample


def pictures(
    source: From,
    out: Out,
    device: Device = "auto",
    size: Size = 64,
    seed: NoiseSeed = 1,
    threads: Threads = None,
    galaxies: First = None,
    dtype: Dtype = "float32",
    json: FilesJson = False,
) -> None:
    """Draw the pictures of a simulated population into training files.

    The files have the released layout, 5x64x64_training.hdf5, _validation and _testing, and are drawn with PyTorch
    from the galaxies and neighbours that mock population wrote. They replace files of the same names, all at the
    end. Galaxies are divided 70:10:20 by a hash of their identifiers. Where only PyTorch, NumPy, h5py and pyarrow
    are installed, type: python -m galaxiesml.mock.pictures

    \b
    Examples:
      galaxiesml mock pictures --from population --out pictures
      galaxiesml mock pictures --from population --out pictures --device cuda --dtype float16
      galaxiesml mock pictures --from population --out few --galaxies 1000 --json
    """
    from galaxiesml.mock.pictures.run import Request, draw_files

    with common.progress("Drawing pictures", total=None, unit="galaxies") as bar:

        def step(done: int, of: int) -> None:
            bar.update(total=of)
            bar.advance(done)

        told = draw_files(Request(source, out, device, size, seed, threads, galaxies, dtype), step)
    if json:
        common.print_json(told)
        return
    for made in told["files"]:
        common.say(f"{made['path']}: {made['galaxies']:,} galaxies")
        common.result(made["path"])
