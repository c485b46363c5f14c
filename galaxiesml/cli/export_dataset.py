"""``galaxiesml export dataset``: a folder that Hugging Face's datasets, mlcroissant and PyTorch read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given
from galaxiesml.cli.export import Version, Where, export, warn_of_empty
from galaxiesml.cli.export_hdf5 import Layers, Missing, Scheme, named_layers, say_of_files


def register(app: typer.Typer) -> None:
    export.command("dataset")(dataset)


def dataset(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make; one that has files is refused.")],
    version: Version = None,
    size: Annotated[
        list[int] | None, typer.Option(help="Side of the images in pixels; repeatable; default: 64 and 127.")
    ] = None,
    split_scheme: Scheme = "release",
    missing: Missing = "leave-out",
    layers: Layers = "image",
    images: Annotated[
        bool, typer.Option("--images", help="Write the images into the Parquet files also; doubles the folder.")
    ] = False,
    where: Where = None,
    name: Annotated[str | None, typer.Option(metavar="TEXT", help="Name; default: GalaxiesML and the version.")] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="ID", help="Licence of the data set, as SPDX names it, e.g. CC-BY-4.0.")
    ] = None,
    creator: Annotated[str | None, typer.Option(metavar="TEXT", help="Who makes the data set.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where the data set will be found.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a data set, and write even if the disk seems too full.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Export a data set: a folder a size with HDF5 and Parquet files, a card, a datasheet and croissant.json.

    The folder appears when it is complete. The numbers in its texts are the build's.

    \b
    Examples:
      galaxiesml export dataset galaxies
      galaxiesml export dataset galaxies --size 64 --images --split-scheme leak-free
      galaxiesml export dataset mine --version mine --where "specz_redshift < 1.5" --licence CC-BY-4.0
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.release.dataset import About, check_place, export_dataset
    from galaxiesml.release.hdf5 import Wanted
    from galaxiesml.samples.selection import check_selection

    given.check_folder(folder, "export dataset")
    sizes = tuple(dict.fromkeys(size or (64, 127)))
    if not all(1 <= number <= 4096 for number in sizes):
        raise UsageError("--size must be 1 to 4096 pixels.")
    catalog = common.catalog()
    selection = check_selection(catalog, version, split_scheme, missing, where)
    wanted = Wanted(selection, sizes, layers=named_layers(layers))
    about = About(name or f"GalaxiesML {selection.version}", licence, creator, url)
    about.described()
    check_place(folder.absolute(), force)
    with common.progress("writing", unit="galaxies") as bar:
        made = export_dataset(catalog, wanted, folder, about, images=images, force=force, progress=bar)
    say_of_files(made | {"files": made["hdf5"]}, catalog.build_info(), selection.version)
    warn_of_empty(catalog, selection, {entry["split"]: entry["galaxies"] for entry in made["hdf5"]})
    _warn(about.missing(), made["folder"])
    if as_json:
        common.print_json(made)
    else:
        common.result(made["folder"])


def _warn(lacking: list[str], folder: str) -> None:
    if lacking:
        common.warn(f"croissant.json is to be published with {', '.join(lacking)}, which were not given.")
    if set(folder) & set("[]*?"):
        common.warn(f"Hugging Face's datasets cannot open {folder}: its path has [, ], * or ?.")
