"""The landed files as a list: looking one up, removing one, the tables made anew from the folders.

Whoever changes anything here holds the catalogue's lock.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml import derived, pixels
from galaxiesml.catalog import Catalog, sync_folder, write_atomic, write_table
from galaxiesml.errors import UsageError
from galaxiesml.ingest import release_files, specz
from galaxiesml.ingest.arrival import is_meant
from galaxiesml.ingest.conform import KEYS, of_exports
from galaxiesml.ingest.convert import ARROW

EMPTY = "0000-empty"
KINDS = ("objects", "specz", "joined")
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


def folder_of(catalog: Catalog, landing: dict) -> Path:
    """The folder of a landed file."""
    return catalog.raw / f"{landing['landing']:04d}-{landing['source_sha256'][:12]}"


def workshop(catalog: Catalog) -> Path:
    """Where folders are made and taken apart: DuckDB's ``raw/hsc/*`` would see a hidden one there."""
    return catalog.raw.parent


def find_landing(catalog: Catalog, reference: str | int) -> dict:
    """The landed file that a number, a file name or the beginning of a sha256 means.

    Raises
    ------
    UsageError
        None, or more than one.
    """
    text, landings = str(reference), catalog.landings()
    if text.isdecimal() and (found := [entry for entry in landings if entry["landing"] == int(text)]):
        return found[0]
    found = [entry for entry in landings if is_meant(entry, text)]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(entry["landing"]) for entry in found)
        raise UsageError(f"{text} means the landings {numbers}.", "Give the number of one.")
    known = ", ".join(f"{entry['landing']} ({entry['source_file']})" for entry in landings[-5:]) or "none"
    raise UsageError(f"No landed file is {text}; landed: {known}.", "Type: galaxiesml ingest list")


def remove_landing(catalog: Catalog, reference: str | int) -> dict:
    """Take a landed file out; its number is not given again.  Builds that stand are not touched."""
    recover(catalog)
    landing = find_landing(catalog, reference)
    keep_number(catalog, landing["landing"])
    # Out of sight by one rename; deleting takes many steps.
    aside = workshop(catalog) / f".tmp-removed-{landing['landing']}"
    os.rename(folder_of(catalog, landing), aside)
    sync_folder(catalog.raw)
    shutil.rmtree(aside)
    refresh_landings(catalog)
    return landing


def publish(catalog: Catalog, folder: Path, landing: dict, instead_of: dict | None) -> None:
    """Show a finished folder, in the place of another where one is replaced."""
    keep_number(catalog, landing["landing"])
    target = folder_of(catalog, landing)
    aside = None
    if instead_of is not None:
        aside = workshop(catalog) / f".old-{folder_of(catalog, instead_of).name}"
        os.rename(folder_of(catalog, instead_of), aside)
    os.rename(folder, target)
    sync_folder(catalog.raw)
    if aside is not None:
        shutil.rmtree(aside)
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


def next_number(catalog: Catalog) -> int:
    """The number of the next landing: above all that were ever given."""
    return max([_last(catalog), *(entry["landing"] for entry in catalog.landings())]) + 1


def keep_number(catalog: Catalog, number: int) -> None:
    if number > _last(catalog):
        write_atomic(_counter(catalog), f"{number}\n")


def _last(catalog: Catalog) -> int:
    try:
        return int(_counter(catalog).read_text())
    except (FileNotFoundError, ValueError):
        return 0


def _counter(catalog: Catalog) -> Path:
    return workshop(catalog) / "last_landing"


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


def ensure_empty(catalog: Catalog) -> None:
    """Write the landed tables of no rows and all our columns, so that every model builds at every stage.

    Also finishes what a killed landing left, and brings raw/landings.parquet up to date.
    """
    recover(catalog)
    known = of_exports(catalog.profile)
    for kind in KINDS:
        wanted = {"objects": ("object",), "specz": ("spectrum",), "joined": ("object", "spectrum")}[kind]
        fields = [
            pa.field(name, ARROW[column.type])
            for name, column in known.items()
            if column.of in wanted or name == "object_id"
        ]
        table = pa.schema([*KEYS, *fields]).empty_table()
        path = catalog.raw / EMPTY / f"{kind}.parquet"
        if not _holds(path, table):
            write_table(path, table)
    pixels.ensure_empty(workshop(catalog))
    release_files.ensure_empty(catalog)
    specz.ensure_empty(catalog)
    derived.ensure_empty(catalog)
    refresh_landings(catalog)


def _holds(path: Path, table: pa.Table) -> bool:
    try:
        return pq.read_table(path, partitioning=None).equals(table)
    except (OSError, pa.ArrowInvalid):
        return False
