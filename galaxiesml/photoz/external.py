"""Predictions that somebody else made: Parquet, CSV, or a file of RAIL's qp.

A file of points has z_phot, and object_id; without identifiers it brings its own spectroscopic redshifts, as z_spec.
Intervals and flags come along under the names of the dictionary.  A qp file brings PDFs: a histogram, or values of the
density between which it is straight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.measured import PREDICTIONS
from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.grid import pack

#: What the columns are called elsewhere.
NAMES = {
    "object_id": ("object_id", "id", "objectId"),
    "z_phot": ("z_phot", "zphot", "photoz", "photoz_best", "z_best", "photo_z", "zmode"),
    "redshift_of_file": ("z_spec", "zspec", "specz", "specz_redshift", "redshift"),
}
#: Redshifts that a prediction may be.
LOWEST, HIGHEST = -0.1, 20.0
#: Rows of a batch.
ROWS = 65_536
_MADE_HERE = {"photoz_run", "photoz_row", "pdf_square", "pdf_half_spread", "pdf", *NAMES}


@dataclass(frozen=True)
class Foreign:
    """Predictions read from a file.

    Attributes
    ----------
    table : pyarrow.Table
        object_id (int64, NULL where the file has none), z_phot, redshift_of_file, and what else the file has.
    pdfs : numpy.ndarray, shape (rows, bins), or None
        Probabilities of the bins, in units of 1/65,535.
    edges : numpy.ndarray, shape (bins + 1,), or None
    """

    table: pa.Table
    pdfs: np.ndarray | None
    edges: np.ndarray | None

    def batches(self) -> Iterator[pa.Table]:
        """The table in pieces, with its PDFs as lists."""
        for start in range(0, len(self.table), ROWS):
            part = self.table.slice(start, ROWS)
            if self.pdfs is not None:
                part = part.append_column("pdf", lists(self.pdfs[start : start + ROWS]))
            yield part


def lists(units: np.ndarray) -> pa.Array:
    """Rows of whole numbers as a column of lists."""
    rows, bins = units.shape
    offsets = np.arange(0, (rows + 1) * bins, bins, dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(units.astype(np.uint16).ravel()))


@dataclass(frozen=True)
class Known:
    """How many rows of a file there are, and how many name an object that no landed file holds."""

    rows: int
    unknown: int


def known_objects(catalog: Catalog, object_ids: pa.ChunkedArray) -> Known:
    """Look the objects up in the landed files.

    Raises
    ------
    InputError
        None of them is there.
    """
    rows = len(object_ids)
    if object_ids.null_count == rows:
        return Known(rows, 0)
    with catalog.connect() as connection:
        connection.register("named", pa.table({"object_id": object_ids}))
        tables = [name for name in ("hsc_objects", "hsc_joined") if name in catalog.tables()]
        landed = " union all ".join(f"select object_id from {name}" for name in tables)
        found = (
            landed
            and connection.execute(f"""
            select count(*) from named where object_id in ({landed})
        """).fetchall()[0][0]
        )
    if not found:
        raise InputError(
            "None of the objects of these predictions is in a landed file.",
            "Are they of another release?  galaxiesml ingest list shows what is landed.",
        )
    return Known(rows, rows - found)


def origin(path: Path) -> str:
    """Name and hash of a file, as JSON."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return json.dumps({"source_file": path.name, "source_sha256": digest})


def read(path: Path, renamed: dict[str, str]) -> Foreign:
    """Read a file of predictions, and refuse what no prediction can be.

    Parameters
    ----------
    renamed : dict of str to str
        Our names of columns to the file's, where they are not those of `NAMES`.

    Raises
    ------
    InputError
        The file cannot be read, has no z_phot, neither identifiers nor redshifts, or a row that is no prediction.
    """
    if not path.is_file():
        raise UsageError(f"No file {path}.")
    suffix = path.suffix.lower()
    if suffix in (".hdf5", ".h5"):
        return _checked(path, *_read_qp(path, renamed))
    if suffix not in (".parquet", ".pq", ".csv"):
        raise UsageError(f"{path.name}: predictions are read from .parquet, .csv and qp's .hdf5.")
    return _checked(path, _read_table(path, renamed), None, None)


def _read_table(path: Path, renamed: dict[str, str]) -> pa.Table:
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    try:
        if path.suffix.lower() == ".csv":
            # Opened here: Arrow would take some names for addresses.
            with path.open("rb") as file:
                table = csv.read_csv(file)
        else:
            table = pq.read_table(path, partitioning=None)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    if len(set(table.column_names)) < len(table.column_names):
        raise InputError(f"{path} has two columns of one name.")
    return _named(path, table, renamed)


def _named(path: Path, table: pa.Table, renamed: dict[str, str]) -> pa.Table:
    """The columns that predictions have, under our names."""
    found = {}
    for ours, theirs in NAMES.items():
        wanted = (renamed[ours],) if ours in renamed else theirs
        name = next((name for name in wanted if name in table.column_names), None)
        if name is None and ours in renamed:
            raise InputError(
                f"{path.name} has no column {renamed[ours]}.", f"Its columns: {', '.join(table.column_names)}"
            )
        if name is not None:
            found[ours] = table[name]
    if "z_phot" not in found:
        raise InputError(
            f"{path.name} has no column of photometric redshifts.",
            f"Name it: --column z_phot=NAME.  Its columns: {', '.join(table.column_names)}",
        )
    schema = PREDICTIONS.schema()
    for field in schema:
        if field.name in table.column_names and field.name not in _MADE_HERE:
            found[field.name] = _cast(path, field.name, table[field.name], field.type)
    for name in ("z_phot", "redshift_of_file"):
        if name in found:
            found[name] = _cast(path, name, found[name], pa.float64())
    found["object_id"] = _ids(path, found.get("object_id"), len(table))
    if found["object_id"].null_count and "redshift_of_file" not in found:
        raise InputError(
            f"{path.name} has neither identifiers nor spectroscopic redshifts: its predictions cannot be judged.",
            "Give it a column object_id, or z_spec; or name one: --column object_id=NAME",
        )
    if not found["object_id"].null_count:
        # The catalogue's own redshifts judge what it knows.
        found.pop("redshift_of_file", None)
    return pa.table(found)


def _cast(path: Path, name: str, values, kind: pa.DataType):
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InputError(f"{path.name}: {name} is not of type {kind}: {str(error).splitlines()[0]}") from None


def _ids(path: Path, values, count: int):
    if values is None:
        return pa.nulls(count, pa.int64())
    if pa.types.is_floating(values.type):
        raise InputError(
            f"{path.name}: object_id is a floating-point number, which cannot hold its 17 digits.",
            "Write it as a 64-bit integer, or as text.",
        )
    found = _cast(path, "object_id", values, pa.int64())
    if 0 < found.null_count < count:
        raise InputError(f"{path.name}: {found.null_count} rows have no object_id, and others have one.")
    return found


def _read_qp(path: Path, renamed: dict[str, str]) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """A table of ancillary columns, probabilities in units, edges."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            kind = _text(file["meta/pdf_name"][()])
            if kind == "interp":
                edges, density = _row(file["meta/xvals"][()]), file["data/yvals"][()]
                mass = (density[:, 1:] + density[:, :-1]) / 2 * np.diff(edges)
            elif kind == "hist":
                edges, density = _row(file["meta/bins"][()]), file["data/pdfs"][()]
                mass = density * np.diff(edges)
            else:
                raise InputError(f"{path.name} has PDFs of qp's kind {kind!r}.", "Convert them to 'hist' or 'interp'.")
            ancillary = {name: file[f"ancil/{name}"][()].ravel() for name in file.get("ancil", ())}
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} is no file of qp: {str(error).splitlines()[0]}") from None
    units = packed(path, mass, edges)
    columns = {name: pa.array(values) for name, values in ancillary.items() if values.dtype.kind in "iuf"}
    if not any(name in columns for name in (renamed.get("z_phot", ""), *NAMES["z_phot"])):
        columns["z_phot"] = pa.array((edges[units.argmax(axis=1)] + edges[units.argmax(axis=1) + 1]) / 2)
    return _named(path, pa.table(columns), renamed), units, edges


def _text(value) -> str:
    value = np.ravel(value)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def _row(values) -> np.ndarray:
    return np.asarray(values, float).ravel()


def packed(path: Path, mass: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Probabilities in whole units that sum to 65,535, the remainder in the largest bin.

    Raises
    ------
    InputError
        A PDF is negative, not finite, or does not sum to one within 2 %; the edges do not increase.
    """
    if not np.isfinite(edges).all() or (np.diff(edges) <= 0).any() or mass.shape[1] != len(edges) - 1:
        raise InputError(f"{path.name}: the redshifts between which its PDFs are do not increase.")
    total = mass.sum(axis=1)
    wrong = ~(np.isfinite(mass).all(axis=1) & (mass >= 0).all(axis=1) & (np.abs(total - 1) <= 0.02))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{path.name}: the PDF of row {first + 1} sums to {total[first]:.6g}, or is negative or not finite "
            f"({int(wrong.sum()):,} rows).",
            "A PDF is a density: 0 or more, with an integral of 1.",
        )
    return pack(mass)


def _checked(path: Path, table: pa.Table, pdfs, edges) -> Foreign:
    if not len(table):
        raise InputError(f"{path.name} has no rows.")
    for name in ("z_phot", "redshift_of_file"):
        if name not in table.column_names:
            continue
        values = table[name].combine_chunks()
        numbers = values.to_numpy(zero_copy_only=False)
        wrong = values.is_valid().to_numpy(zero_copy_only=False) & ~((numbers >= LOWEST) & (numbers <= HIGHEST))
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{path.name}: row {first + 1} has {name} {numbers[first]:g}, outside {LOWEST} to {HIGHEST:g} "
                f"({int(wrong.sum()):,} rows).",
                "Leave the value empty where there is no prediction.",
            )
    return Foreign(table, pdfs, edges)
