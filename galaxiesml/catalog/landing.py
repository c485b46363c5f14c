"""Landing: a folder is written under a hidden name and appears by one rename; replacing and removing work likewise.

A landing is a folder of raw/<kind>/ with a landing.json.  Callers that change anything must hold the catalogue's lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.catalog.folder import Catalog
from galaxiesml.catalog.stores import BY_NAME, LANDED
from galaxiesml.errors import ResourceError, UsageError
from galaxiesml.system.atomic import sync, write_atomic, write_table
from galaxiesml.system.refusals import refusal

NOTE = "landing.json"
#: A shorter beginning of a sha256 names nothing.
SHORTEST_SHA = 6
#: Folders of raw/ that are being made, or taken apart; the old one while another takes its place.
_MAKING, _OLD = ".tmp-", ".old-"


@contextlib.contextmanager
def making(catalog: Catalog, name: str = "") -> Iterator[Path]:
    """Create a folder for a new landing; it is deleted at the end unless `show` has published it."""
    folder = making_folder(catalog, name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    except OSError as error:
        known = refusal(error, catalog.root)
        if isinstance(known, ResourceError):
            raise ResourceError(f"{known} Nothing was landed.", known.hint) from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def making_folder(catalog: Catalog, name: str = "") -> Path:
    """Where this process makes a landing; DuckDB's ``raw/hsc/*`` would see a hidden folder there."""
    return catalog.raw / f"{_MAKING}{os.getpid()}{name and '-' + name}"


def write_note(folder: Path, info: dict) -> None:
    """Write landing.json, atomically."""
    write_atomic(folder / NOTE, json.dumps(info, indent=1, ensure_ascii=False) + "\n")


def show(catalog: Catalog, kind: str, folder: Path, name: str, instead_of: str | None = None) -> Path:
    """Make a finished folder a landing, replacing another one if it is given.

    Parameters
    ----------
    kind : str
        One of :data:`galaxiesml.catalog.stores.LANDED`.
    name, instead_of : str
        Folders of raw/<kind>/.
    """
    home = catalog.raw / kind
    home.mkdir(parents=True, exist_ok=True)
    aside = None
    if instead_of is not None:
        # Which landing takes its place is in the name: a kill between the two renames can be told from one after them.
        aside = catalog.raw / f"{_OLD}{kind}--{instead_of}--{name}"
        os.rename(home / instead_of, aside)
    os.rename(folder, home / name)
    sync(home)
    if aside is not None:
        shutil.rmtree(aside)
    return home / name


def take_out(catalog: Catalog, kind: str, name: str) -> None:
    """Remove a landing; existing builds are not changed."""
    # Out of sight by one rename; deleting takes many steps.
    aside = making_folder(catalog, "removed")
    os.rename(catalog.raw / kind / name, aside)
    sync(catalog.raw / kind)
    shutil.rmtree(aside)


def recover(catalog: Catalog) -> None:
    """Finish or undo a landing, removal or replacement that was killed."""
    catalog.raw.mkdir(parents=True, exist_ok=True)
    for old in catalog.raw.glob(f"{_OLD}*"):
        kind, name, is_replaced = _replaced(catalog, old.name.removeprefix(_OLD))
        # Killed between the two renames: the old landing takes its place again.
        shutil.rmtree(old) if is_replaced else os.rename(old, catalog.raw / kind / name)
    for folder in catalog.raw.glob(f"{_MAKING}*"):
        shutil.rmtree(folder)
    for left in (*catalog.raw.glob(".landings.parquet.*"), *catalog.raw.glob(".last_landing.*")):
        left.unlink()


def _replaced(catalog: Catalog, name: str) -> tuple[str, str, bool]:
    """Kind and name of a landing that was being replaced, and whether the new one has its place."""
    kind, *names = name.split("--")
    if kind in LANDED and len(names) == 2:
        return kind, names[0], (catalog.raw / kind / names[1]).exists()
    # As an earlier galaxiesml named it: only exports were replaced, each by one of its number.
    return "hsc", name, any((catalog.raw / "hsc").glob(f"{name.split('-')[0]}-*"))


def is_meant(info: dict, reference: str) -> bool:
    """Whether a file's name, or the beginning of its SHA-256, matches a landing."""
    is_prefix = len(reference) >= SHORTEST_SHA and info["source_sha256"].startswith(reference.lower())
    return is_prefix or info["source_file"] == reference


def find(catalog: Catalog, kind: str, reference: str, what: str, hint: str) -> dict:
    """Find the single landing of one kind that a file name or the beginning of a SHA-256 matches.

    Raises
    ------
    UsageError
        None, or more than one.
    """
    landed = catalog.landings(kind)
    found = [info for info in landed if is_meant(info, reference)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{info['source_file']} ({info['source_sha256'][:12]})" for info in landed[-5:]) or "none"
    raise UsageError(f"{reference} matches {len(found)} {what}; landed: {known}.", hint)


def refresh_landings(catalog: Catalog) -> None:
    """Rewrite raw/landings.parquet from the exports' landing.json files if it differs from them."""
    import pyarrow as pa

    schema = BY_NAME["landings"].schema(catalog.profile)
    rows = [
        {
            **{name: entry[name] for name in schema.names if name in entry},
            "archive_query": entry["archive"]["query"],
            "contradictions": sum(found["rows"] for found in entry["contradictions"]),
        }
        for entry in catalog.landings()
    ]
    table = pa.Table.from_pylist(rows, schema)
    if not _holds(catalog.landings_file, table):
        write_table(catalog.landings_file, table)


def _holds(path: Path, table) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None).equals(table)
    except (OSError, pa.ArrowInvalid):
        return False
