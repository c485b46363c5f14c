"""``galaxiesml export hdf5``: training, validation and testing files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given
from galaxiesml.cli.export import Force, Version, Where, export, warn_of_empty

Scheme = Annotated[
    str, typer.Option("--split-scheme", metavar="NAME", help="Split scheme: release, paper, official or leak-free.")
]
Missing = Annotated[
    str,
    typer.Option(
        metavar="leave-out|zero", help="Leave out galaxies without a picture in some filter, or fill it with zeros."
    ),
]
Layers = Annotated[
    str,
    typer.Option(metavar="LIST", help="Layers of the pictures, by comma: image (always), variance, mask, psf."),
]


def register(app: typer.Typer) -> None:
    export.command("hdf5")(hdf5)


def hdf5(
    version: Version = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Side of the images in pixels; repeatable; default: 127 and 64.")
    ] = None,
    split_scheme: Scheme = "release",
    missing: Missing = "leave-out",
    fill: Annotated[
        str, typer.Option(metavar="0|nan", help="Value of the morphology keys where nothing was detected.")
    ] = "0",
    leftovers: Annotated[
        bool, typer.Option("--leftovers", help="Add the six keys that a merge left in the published files.")
    ] = False,
    extra: Annotated[bool, typer.Option("--extra", help="Add {band}_detected and {band}_total_galaxies.")] = False,
    layers: Layers = "image",
    where: Where = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder; default: exports/ in the catalogue.")
    ] = None,
    force: Force = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Export the six HDF5 files of the release: training, validation and testing, at 127 and 64 pixels.

    A galaxy without a picture in some filter is left out and listed with the reason. An interrupted export
    continues when the same command is run again.

    \b
    Examples:
      galaxiesml export hdf5
      galaxiesml export hdf5 --size 64 --split-scheme leak-free --out small/
      galaxiesml export hdf5 --version v1 --missing zero --fill nan
      galaxiesml export hdf5 --layers image,variance,mask,psf
      galaxiesml export hdf5 --version mine --where "specz_redshift < 1.5"
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.release.hdf5 import Wanted, export_hdf5
    from galaxiesml.samples.selection import check_selection

    folder = given.check_folder(out, "export hdf5")
    sizes = tuple(dict.fromkeys(size or (127, 64)))
    if fill not in ("0", "nan") or not all(1 <= number <= 4096 for number in sizes):
        raise UsageError("--fill must be 0 or nan, and --size 1 to 4096 pixels.")
    catalog = common.catalog()
    selection = check_selection(catalog, version, split_scheme, missing, where)
    wanted = Wanted(selection, sizes, float(fill), leftovers, extra, named_layers(layers))
    with common.progress("writing", unit="galaxies") as bar:
        made = export_hdf5(catalog, wanted, folder or catalog.exports, force=force, progress=bar)
    say_of_files(made, catalog.build_info(), selection.version)
    rows = {entry["split"]: entry["galaxies"] for entry in made["files"]}
    warn_of_empty(catalog, selection, rows)
    if as_json:
        common.print_json(made)
    else:
        common.table([{key: entry[key] for key in ("split", "size", "galaxies", "path")} for entry in made["files"]])


def named_layers(typed: str) -> tuple[str, ...]:
    """Layers as they were typed, in the files' order.

    Raises
    ------
    UsageError
        One is unknown, or the image is not among them.
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.release.layout import LAYERS

    names = {name.strip() for name in typed.split(",")}
    if unknown := sorted(names - set(LAYERS)):
        raise UsageError(f"There is no layer {unknown[0]!r}.", f"Layers: {', '.join(LAYERS)}.")
    if "image" not in names:
        raise UsageError("--layers needs the image.", f"Type: --layers image,{typed}")
    return tuple(layer for layer in LAYERS if layer in names)


def say_of_files(made: dict, info: dict, version: str) -> None:
    """Say what the files leave out, and what is wrong in them."""
    from galaxiesml.samples import morphology

    missing = info["versions"][version]["missing_cuts"]
    if missing:
        common.warn(f"INCOMPLETE: {', '.join(missing)} not applied in full (recorded in the files).")
    if made["left_out"]:
        common.warn(f"{made['left_out']:,} galaxies are not in any file; the reasons are in {made['left_out_file']}")
    wrong = max(entry["not_finite_pixels"] for entry in made["files"])
    if wrong:
        common.say(f"{wrong:,} pixels that are NaN or infinite were written as 0; the manifest lists them.")
    if made["not_kept"]:
        common.warn(f"The statistics are in the files, but not kept for the mart normalisation: {made['not_kept']}.")
    common.warn_of_morphology(info)
    without = "" if info.get("morphology") else ", its keys hold the value for 'not detected'"
    common.say(f"morphology={morphology.told(info)}{without}.  Next: galaxiesml export verify FILE")
