"""Magnitudes and redshifts as the HDF5 files that tables_io and RAIL read: a file a split, a dataset a column."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import h5py
import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.settings import check_space
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.dictionary import Column, columns
from galaxiesml.errors import CatalogError
from galaxiesml.query.tables import Export, export_of
from galaxiesml.samples.selection import Selection, check_selection
from galaxiesml.samples.where import words
from galaxiesml.system import interrupts
from galaxiesml.system.atomic import appearing, reserve

#: The group that RAIL looks into by default.
GROUP = "photometry"
#: Rows that are read at a time.
ROWS = 65_536
#: What the sort of the rows may hold in memory; the rest of it is on the disk.
MEMORY = "512MB"
#: HDF5's own words about a file and about a dataset, in bytes, at most.
_FILE, _DATASET = 65_536, 4_096


@dataclass(frozen=True)
class Photometry:
    """The files that were written.

    Attributes
    ----------
    selection : Selection
        The version, the splits and the condition.
    facts : dict
        What is in every file's attributes, but for the split.
    files : list of dict
        path, split, galaxies, and incomplete: galaxies that lack the magnitude of a filter.
    left_out : int
        Galaxies that are in no file: they are in a buffer between splits, or have no split.
    """

    selection: Selection
    facts: dict
    files: list[dict]
    left_out: int


def columns_of(bands: list[str]) -> dict[str, str]:
    """Datasets of a file, each with the catalogue's column that it holds."""
    found = {"object_id": "object_id", "redshift": "specz_redshift"}
    for band in bands:
        found |= {f"mag_{band}": f"{band}_cmodel_mag", f"mag_err_{band}": f"{band}_cmodel_magsigma"}
    return found


def export_photometry(
    catalog: Catalog,
    folder: Path,
    version: str | None = None,
    scheme: str = "release",
    where: str | None = None,
    force: bool = False,
) -> Photometry:
    """Write ``photoz_<version>_<split>.hdf5`` for training, validation and testing; none appears before all are whole.

    The group ``photometry`` has one dataset of shape (galaxies,) for each of `columns_of`, in the order of object_id:
    object_id int64, the others float64, NaN where the catalogue has NULL.  Magnitudes are AB, not corrected for
    extinction.  Pictures play no part.  Streamed; equal for equal builds.

    Parameters
    ----------
    version : str, optional
        Of the galaxies; default: the build's.
    scheme : str
        Of the splits: release, paper, official or leak-free.
    where : str, optional
        A condition on the version's rows, as it was typed.
    force : bool
        Write even if there seems to be too little disk space.

    Raises
    ------
    CatalogError
        There is no build, it lacks the version or the splits, or no galaxy is in any split.
    UsageError
        The scheme or the condition is none.
    ResourceError
        The disk is too full.
    """
    selection = check_selection(catalog, version, scheme, "leave-out", where)
    made = export_of(catalog, selection.version, where)
    with catalog.connect(memory_limit=MEMORY) as connection:
        chosen = _chosen(made, selection)
        counts = dict(connection.execute(f"select split, count(*) from ({chosen}) group by split").fetchall())
        rows = {split: counts.get(split, 0) for split in SPLITS}
        if not any(rows.values()):
            raise CatalogError(
                f"No galaxy of {selection.version}{words(selection.where)} is in a split of {scheme}.",
                "See why: galaxiesml audit splits",
            )
        names = columns_of(catalog.profile.bands)
        sizes = {split: number * 8 * len(names) + _DATASET * len(names) + _FILE for split, number in rows.items()}
        folder.mkdir(parents=True, exist_ok=True)
        check_space(folder, sum(sizes.values()), force)
        facts = attributes(catalog, made, selection)
        files = []
        # The three are renamed one after the other when all are whole.
        with contextlib.ExitStack() as stack:
            for split, number in rows.items():
                path = folder / f"photoz_{selection.version}_{split}.hdf5"
                with _created(stack.enter_context(appearing(path)), sizes[split], path) as file:
                    incomplete = _write(catalog, connection, file, f"({chosen}) where split = {quote(split)}", number)
                    _set(file.attrs, facts | {"split": split})
                files.append({"path": str(path), "split": split, "galaxies": number, "incomplete": incomplete})
    return Photometry(selection, facts, files, made.facts["rows"] - sum(rows.values()))


def attributes(catalog: Catalog, made: Export, selection: Selection) -> dict:
    """What each file says of itself, by the names that the files of `export hdf5` have."""
    facts = {key: value for key, value in made.facts.items() if key not in ("rows", "default", "table")}
    incomplete = facts.pop("incomplete")
    return facts | {
        "cuts": ", ".join(facts["cuts"]),
        "missing_cuts": ", ".join(incomplete),
        "incomplete": bool(incomplete),
        "where": facts.get("where", ""),
        "split_scheme": selection.scheme,
        "split_seed": int(catalog.build_info().get("split_seed", 0)),
        "bands": ", ".join(catalog.profile.bands),
        "null_value": "NaN",
    }


def _chosen(made: Export, selection: Selection) -> str:
    """SQL of the galaxies in a split, with its name as ``split``."""
    return f"""
        select galaxies.*, splits.{selection.split_column} as split
        from ({made.rows}) as galaxies
        inner join splits on galaxies.object_id = splits.object_id
        where splits.{selection.split_column} in ({", ".join(map(quote, SPLITS))})
    """


@contextlib.contextmanager
def _created(making: Path, size: int, path: Path):
    """An empty HDF5 file whose room on the disk is taken: HDF5 ends the whole program where the disk is full."""
    try:
        reserve(making, size)
        with h5py.File(making, "w", libver=("earliest", "v110")) as file:
            # Again: HDF5 has emptied it.  At the end it is cut to what it holds.
            reserve(making, size)
            yield file
    except OSError as error:
        # The name that was meant, not the one under which the file is made.
        if error.errno and error.filename == str(making):
            error.filename = str(path)
        raise


def _write(catalog: Catalog, connection: duckdb.DuckDBPyConnection, file: h5py.File, source: str, rows: int) -> int:
    """Write the datasets; the number of galaxies that lack a magnitude."""
    known, names = columns(catalog.profile.bands), columns_of(catalog.profile.bands)
    group = file.create_group(GROUP)
    sets = {name: _dataset(group, name, known[column], rows) for name, column in names.items()}
    # An object has one row of photometry: what is written of equal keys is equal too.
    reader = connection.sql(f"""
        select {", ".join(f"{column} as {name}" for name, column in names.items())}
        from {source} order by object_id, redshift
    """).to_arrow_reader(ROWS)
    nulls, incomplete, at = dict.fromkeys(names, 0), 0, 0
    with reader:
        for batch in reader:
            interrupts.check()
            lacks = np.zeros(len(batch), bool)
            for name, dataset in sets.items():
                values = batch[name].to_numpy(zero_copy_only=False)
                dataset[at : at + len(batch)] = values
                if name != "object_id":
                    nulls[name] += int(np.count_nonzero(np.isnan(values)))
                if name.startswith("mag_") and not name.startswith("mag_err_"):
                    lacks |= np.isnan(values)
            incomplete += int(np.count_nonzero(lacks))
            at += len(batch)
    for name, dataset in sets.items():
        _set(dataset.attrs, {"nulls": nulls[name]})
    return incomplete


def _dataset(group: h5py.Group, name: str, column: Column, rows: int) -> h5py.Dataset:
    dataset = group.create_dataset(name, (rows,), "<i8" if name == "object_id" else "<f8", track_times=False)
    told = {"column": column.name, "unit": column.unit or "", "ucd": column.ucd, "description": column.description}
    _set(dataset.attrs, told)
    return dataset


def _set(attributes: h5py.AttributeManager, facts: dict) -> None:
    """Write attributes: text, whole numbers and truth as they are, lists and dictionaries as JSON."""
    for name, value in facts.items():
        if isinstance(value, list | dict):
            value = json.dumps(value, ensure_ascii=False)
        # HDF5's texts end at a zero byte, which h5py refuses.
        attributes[name] = value.replace("\0", "") if isinstance(value, str) else value
