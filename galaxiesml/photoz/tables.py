"""Read what an estimator needs from Parquet, CSV and HDF5 tables."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.photoz.config import Columns
from galaxiesml.photoz.data import Data

_HDF5 = (".hdf5", ".h5", ".hdf")


def read(path: Path | str, columns: Columns, bands: tuple[str, ...], has_truth: bool = True) -> Data:
    """Read a table.

    Parameters
    ----------
    path : path
        ``.parquet``, ``.csv`` (or ``.csv.gz``), or ``.hdf5`` with one column a dataset, as RAIL writes.
    columns : Columns
        How it names what is read.
    bands : tuple of str
    has_truth : bool
        Whether a redshift is wanted; one that is not there is then an error.

    Raises
    ------
    InputError
        The file cannot be read, lacks a column, or holds what cannot be; names the column, row and value.
    """
    path = Path(path)
    names = _wanted(columns, bands, has_truth)
    if not path.exists():
        raise InputError(f"{path} does not exist.")
    try:
        if path.suffix.lower() in _HDF5:
            table = _hdf5(path, columns.group, names)
        elif path.suffix.lower() in (".parquet", ".pq"):
            table = _parquet(path, names)
        elif path.name.lower().endswith((".csv", ".csv.gz")):
            table = _csv(path)
        else:
            raise InputError(f"Cannot tell the format from the name {path.name}.", "Name it .parquet, .csv or .hdf5.")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError, RuntimeError) as error:
        raise InputError(f"{path} cannot be read: {str(error)[:200]}.", "Write the table again.") from None
    return from_arrow(table, columns, bands, has_truth, str(path))


def from_arrow(
    table: pa.Table, columns: Columns, bands: tuple[str, ...], has_truth: bool = True, name: str = "The table"
) -> Data:
    """The same from an Arrow table."""
    magnitudes = [_numbers(table, columns.magnitudes.replace("{band}", band), name) for band in bands]
    errors = None
    if columns.errors:
        wanted = [columns.errors.replace("{band}", band) for band in bands]
        if all(column in table.column_names for column in wanted):
            errors = np.column_stack([_numbers(table, column, name) for column in wanted])
    magnitudes, errors = detected(np.column_stack(magnitudes), errors, columns, bands)
    redshift = _numbers(table, columns.redshift, name) if has_truth else None
    split, ids = _split(table, columns, name), _ids(table, columns, name)
    weights = _numbers(table, columns.weights, name) if has_truth and columns.weights else None
    return Data(magnitudes, bands, ids, errors, redshift, split, columns, weights)


def detected(
    magnitudes: np.ndarray, errors: np.ndarray | None, columns: Columns, bands: tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Magnitudes with limits, or NaN, where there was no detection; the error there becomes 1, or NaN."""
    if columns.non_detection is None:
        return magnitudes, errors
    missed = np.isclose(magnitudes, columns.non_detection, rtol=0, atol=1e-3)
    limits = np.array([columns.limits.get(band, np.nan) for band in bands])
    # The error column may hold the limit there, as in RAIL's files.
    unknown = np.where(np.isfinite(limits), 1.0, np.nan)
    return (
        np.where(missed, limits, magnitudes),
        None if errors is None else np.where(missed, unknown, errors),
    )


def _wanted(columns: Columns, bands: tuple[str, ...], has_truth: bool) -> dict[str, bool]:
    """Names of columns, each with whether it must be there."""
    names = {columns.magnitudes.replace("{band}", band): True for band in bands}
    if columns.errors:
        names |= {columns.errors.replace("{band}", band): False for band in bands}
    names |= {name: False for name in (columns.object_id, columns.split) if name}
    if has_truth:
        names |= {name: True for name in (columns.redshift, columns.weights) if name}
    return names


def _parquet(path: Path, names: dict[str, bool]) -> pa.Table:
    import pyarrow.parquet as pq

    there = set(pq.read_schema(path).names)
    return pq.read_table(path, columns=[name for name in names if name in there], partitioning=None)


def _csv(path: Path) -> pa.Table:
    from pyarrow import csv

    # Opened here: Arrow would take some names for addresses.
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        return csv.read_csv(file)


def _hdf5(path: Path, group: str, names: dict[str, bool]) -> pa.Table:
    import h5py

    with h5py.File(path, "r") as file:
        if group and group not in file:
            raise InputError(f"{path} has no group {group}; its first keys: {', '.join(list(file)[:8]) or 'none'}.")
        at = file[group] if group else file
        if not isinstance(at, h5py.Group):
            raise InputError(f"{path}: {group} is no group.")
        read = {}
        for name in names:
            if not isinstance(at.get(name, getlink=True), h5py.HardLink) or not isinstance(at[name], h5py.Dataset):
                continue
            values = at[name][()]
            if values.dtype.kind not in "iufbS":
                raise InputError(f"{path}: {name} holds {values.dtype}, which is not read.")
            read[name] = pa.array(values.reshape(len(values), -1)[:, 0])
    lengths = {name: len(values) for name, values in read.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"{path}: the columns differ in length: {lengths}.")
    if not read:
        raise InputError(f"{path} has none of the columns {', '.join(names)}.", "Name the group: --group photometry")
    return pa.table(read)


def _numbers(table: pa.Table, column: str, name: str) -> np.ndarray:
    if column not in table.column_names:
        some = ", ".join(table.column_names[:8])
        raise InputError(
            f"{name} has no column {column!r}; its first columns: {some}.",
            "Say how columns are named: --magnitudes '{band}_mag' --redshift z",
        )
    values = table[column]
    if not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type) or pa.types.is_decimal(values.type)):
        raise InputError(f"{name}: {column} is {values.type}, and must be numbers.")
    return values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def _ids(table: pa.Table, columns: Columns, name: str) -> np.ndarray | None:
    column = columns.object_id
    if not column or column not in table.column_names:
        return None
    values = table[column]
    if not pa.types.is_integer(values.type):
        raise InputError(
            f"{name}: {column} is {values.type}; it must be whole numbers, as 17 digits do not fit into a float.",
            "Write the table again with object_id as a 64-bit integer, or leave it out: --object-id ''",
        )
    if values.null_count:
        row = values.is_null().index(True).as_py() + 1
        raise InputError(f"{name}, row {row}: {column} is NULL.")
    try:
        return values.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise InputError(f"{name}: {column} does not fit into 64 bits with a sign: {error}.") from None


def _split(table: pa.Table, columns: Columns, name: str) -> np.ndarray | None:
    column = columns.split
    if not column or column not in table.column_names:
        return None
    values = table[column].combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_binary(values.type):
        values = values.cast(pa.string())
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise InputError(f"{name}: {column} is {values.type}, and must be training, validation or testing.")
    return values.to_numpy(zero_copy_only=False)
