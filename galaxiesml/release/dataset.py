"""Export a data set as a folder that other programs read: HDF5 and Parquet a size, a card, a datasheet, Croissant."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.release.croissant import croissant
from galaxiesml.release.datasheet import card, datasheet, sections
from galaxiesml.release.facts import gather
from galaxiesml.release.hdf5 import Wanted, attributes_of, export_hdf5
from galaxiesml.release.twins import twin_keys, write_parquet_twin
from galaxiesml.samples.selection import counts, select
from galaxiesml.system.atomic import appearing_folder, write_atomic

#: The file by which a folder is known to be an exported data set.
MARK = "croissant.json"
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,40}")


@dataclass(frozen=True)
class About:
    """What a build does not know of a data set.

    Attributes
    ----------
    name : str
    licence : str or None
        An identifier of SPDX, e.g. CC-BY-4.0.
    creator, url : str or None
    """

    name: str = "GalaxiesML"
    licence: str | None = None
    creator: str | None = None
    url: str | None = None

    def described(self) -> dict:
        """As the card and Croissant take it.

        Raises
        ------
        UsageError
            The licence is no identifier, or the address none of the web.
        """
        if self.licence is not None and not _SPDX.fullmatch(self.licence):
            raise UsageError(
                f"--licence {self.licence!r} is no identifier of SPDX.", "For example: --licence CC-BY-4.0"
            )
        if self.url is not None and not re.fullmatch(r"https?://[^\s<>\"{}|\\^`]+", self.url):
            raise UsageError(
                f"--url {self.url!r} is no address of the web.", "For example: --url https://example.org/mine"
            )
        return {
            "name": self.name,
            "licence": self.licence and f"https://spdx.org/licenses/{self.licence}",
            "licence_id": self.licence.lower() if self.licence else "unknown",
            "creator": self.creator,
            "url": self.url,
        }

    def missing(self) -> list[str]:
        """Options that were not given, and that Croissant requires."""
        return [f"--{name}" for name in ("licence", "creator", "url") if getattr(self, name) is None]


def export_dataset(
    catalog: Catalog,
    wanted: Wanted,
    folder: Path,
    about: About,
    *,
    images: bool = False,
    force: bool = False,
    progress=None,
) -> dict:
    """Write the folder, whole or not at all; a data set that is there is replaced with ``force`` alone.

    Parameters
    ----------
    folder : Path
        Made beside its place under a hidden name, and renamed.
    images : bool
        Write the images into the Parquet files also, which doubles the folder.

    Returns
    -------
    dict
        folder, files (path in it, bytes, sha256), hdf5 (as the files of `export_hdf5`), left_out, left_out_file,
        normalisation.

    Raises
    ------
    UsageError
        The folder has files and ``force`` is not given, or files that no `export dataset` wrote.
    CatalogError, ResourceError
        As `export_hdf5`.
    """
    described = about.described()
    folder = folder.absolute()
    check_place(folder, force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    build = catalog.current_id()
    with appearing_folder(folder, lambda: check_place(folder, force)) as making:
        made = export_hdf5(catalog, wanted, making, force=force, progress=progress)
        _sort(making, folder, made, wanted.sizes)
        connection = select(catalog, wanted.selection)
        rows = counts(catalog, connection, wanted.selection)
        for entry in made["files"]:
            size, split, hdf5 = entry["size"], entry["split"], making / entry["path"]
            told = attributes_of(catalog, wanted, split) | {"image_size": size}
            path = making / str(size) / f"{split}.parquet"
            pixels = hdf5 if images else None
            write_parquet_twin(catalog, connection, wanted.selection.version, split, path, told, pixels)
        files = _write_texts(catalog, connection, wanted, making, described, rows)
        if catalog.current_id() != build:
            raise CatalogError(
                f"Build {catalog.current_id()} was published while the data set was made of {build}.",
                "Type the command again.",
            )
    listed = [{"path": path, "bytes": size, "sha256": digest} for path, (size, digest) in files.items()]
    # Relative paths: the folder is made to be moved.
    return made | {"folder": str(folder), "files": listed, "hdf5": made["files"]}


def check_place(folder: Path, force: bool) -> None:
    """Refuse a folder with files in it, unless it is an exported data set that may be replaced.

    Raises
    ------
    UsageError
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder.", "Give the name of a new folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise UsageError(f"{folder} has files that no export dataset wrote.", "Give the name of a new folder.")
    if not force:
        raise UsageError(f"{folder} has a data set already.", "Give another folder, or --force to replace it.")


def _sort(making: Path, folder: Path, made: dict, sizes: tuple[int, ...]) -> None:
    """A folder a size; the list of those left out is the same for all."""
    os.rename(made["left_out_file"], making / "left_out.csv")
    made["left_out_file"] = str(folder / "left_out.csv")
    for size in sizes:
        (making / str(size)).mkdir()
    for path in sorted(making.glob("*x*x*_*")):
        os.rename(path, making / path.name.split("x")[1] / path.name)
    for entry in made["files"]:
        entry["path"] = f"{entry['size']}/{Path(entry['path']).name}"
    made["normalisation"] = [f"{Path(path).name.split('x')[1]}/{Path(path).name}" for path in made["normalisation"]]


def _write_texts(catalog, connection, wanted: Wanted, making: Path, about: dict, rows: dict[str, int]) -> dict:
    """Card, datasheet and Croissant; returns every file's bytes and SHA-256, in the order of their names."""
    facts = gather(catalog, connection, wanted.selection, rows)
    told = attributes_of(catalog, wanted, "training")
    text = sections(facts, told)
    listed = twin_keys(catalog)
    statistics = {
        size: pq.read_table(next((making / str(size)).glob("*_normalisation.parquet")), partitioning=None).to_pylist()
        for size in wanted.sizes
    }
    write_atomic(making / "README.md", card(about, facts, told, text, list(wanted.sizes)))
    write_atomic(making / "DATASHEET.md", datasheet(about, facts, told, text, listed, statistics))
    files = {path.relative_to(making).as_posix(): _known(path) for path in sorted(making.rglob("*")) if path.is_file()}
    content = croissant(about, facts, told, text, wanted.sizes, listed, files)
    write_atomic(making / MARK, content)
    return dict(sorted((files | {MARK: _known(making / MARK)}).items()))


def _known(path: Path) -> tuple[int, str]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest
