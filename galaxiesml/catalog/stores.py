"""The tables of what is landed: their columns, and what stands in for those of which nothing is landed yet.

Landing writes them and builds read them, so they are declared under both.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog import measured
from galaxiesml.pixels import store
from galaxiesml.catalog.folder import Catalog
from galaxiesml.system.atomic import write_table
from galaxiesml.catalog.measured import ARROW
from galaxiesml.dictionary import Column, columns
from galaxiesml.releases.profile import Profile

EMPTY = "0000-empty"
#: Kinds of a landed export, and the sides of a pair that each brings.
KINDS = {"objects": ("object",), "specz": ("spectrum",), "joined": ("object", "spectrum")}
#: Which row of which file a row of an export was.
KEYS = pa.schema(
    [
        ("landing", pa.int64()),
        ("source_file", pa.string()),
        ("source_sha256", pa.string()),
        ("source_row", pa.int64()),
    ]
)
#: What a landed spectrum has; the rest of its row is in own.parquet.
SPECTRUM = pa.schema(
    [
        ("spectrum_id", pa.string()),
        ("ra", pa.float64()),
        ("dec", pa.float64()),
        ("redshift_given", pa.float64()),
        ("redshift_err_given", pa.float64()),
        ("flag", pa.string()),
        ("class_given", pa.string()),
        ("instrument_given", pa.string()),
        ("magnitude", pa.float64()),
        ("magnitude_band", pa.string()),
    ]
)
#: Which file of which survey a spectrum was in.
SPECTRA_KEYS = pa.schema([("survey", pa.string()), ("source_file", pa.string()), ("source_sha256", pa.string())])
SPECTRA = pa.schema([*SPECTRA_KEYS, ("source_row", pa.int64()), *SPECTRUM])
#: An object of a released file.
RELEASED = pa.schema(
    [
        ("object_id", pa.int64()),
        ("split", pa.string()),
        ("source_file", pa.string()),
        ("source_sha256", pa.string()),
        ("source_row", pa.int64()),
    ]
)
_LANDINGS = pa.schema(
    [
        ("landing", pa.int64()),
        ("source_file", pa.string()),
        ("source_sha256", pa.string()),
        ("format", pa.string()),
        ("kind", pa.string()),
        ("release", pa.string()),
        ("rows", pa.int64()),
        ("rejected", pa.int64()),
        ("landed_at", pa.string()),
        ("archive_query", pa.string()),
        ("contradictions", pa.int64()),
    ]
)


def of_exports(profile: Profile) -> dict[str, Column]:
    """Our columns that an export may bring."""
    return {name: column for name, column in columns(profile.bands).items() if column.of}


def workshop(catalog: Catalog) -> Path:
    """Where folders are made and taken apart: DuckDB's ``raw/hsc/*`` would see a hidden one there."""
    return catalog.raw.parent


def ensure_empty(catalog: Catalog) -> None:
    """Write the landed tables of no rows and all our columns, so that every model builds at every stage.

    Also finishes what a killed landing left, and brings raw/landings.parquet up to date.  The caller holds
    ``catalog.lock``.
    """
    recover(catalog)
    known = of_exports(catalog.profile)
    for kind, wanted in KINDS.items():
        fields = [
            pa.field(name, ARROW[column.type])
            for name, column in known.items()
            if column.of in wanted or name == "object_id"
        ]
        table = pa.schema([*KEYS, *fields]).empty_table()
        path = catalog.raw / EMPTY / f"{kind}.parquet"
        if not _holds(path, table):
            write_table(path, table)
    store.ensure_empty(workshop(catalog))
    for path, schema in (
        (catalog.release_raw / EMPTY / "splits.parquet", RELEASED),
        (catalog.specz_raw / EMPTY / "spectra.parquet", SPECTRA),
    ):
        if not path.is_file() or pq.read_schema(path) != schema:
            write_table(path, schema.empty_table())
    measured.ensure_empty(catalog)
    refresh_landings(catalog)


def recover(catalog: Catalog) -> None:
    """Clean up after a landing, a removal or a replacement that was killed."""
    catalog.raw.mkdir(parents=True, exist_ok=True)
    for old in workshop(catalog).glob(".old-*"):
        name = old.name.removeprefix(".old-")
        is_replaced = any(catalog.raw.glob(f"{name.split('-')[0]}-*"))
        # Killed between the two renames: the old file stands again.
        shutil.rmtree(old) if is_replaced else os.rename(old, catalog.raw / name)
    for folder in workshop(catalog).glob(".tmp-*"):
        shutil.rmtree(folder)
    for left in (*workshop(catalog).glob(".landings.parquet.*"), *workshop(catalog).glob(".last_landing.*")):
        left.unlink()


def refresh_landings(catalog: Catalog) -> None:
    """Write raw/landings.parquet from the landing.json files, if it says anything else."""
    rows = [
        {
            **{name: entry[name] for name in _LANDINGS.names if name in entry},
            "archive_query": entry["archive"]["query"],
            "contradictions": sum(found["rows"] for found in entry["contradictions"]),
        }
        for entry in catalog.landings()
    ]
    table = pa.Table.from_pylist(rows, _LANDINGS)
    if not _holds(catalog.landings_file, table):
        write_table(catalog.landings_file, table)


def _holds(path: Path, table: pa.Table) -> bool:
    try:
        return pq.read_table(path, partitioning=None).equals(table)
    except (OSError, pa.ArrowInvalid):
        return False
