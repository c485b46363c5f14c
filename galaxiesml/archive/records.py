"""Records of catalogue jobs in the catalogue: written before anything waits, so that a job is paid for once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from galaxiesml.archive.folder import fetch_folder
from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import now
from galaxiesml.errors import InputError
from galaxiesml.system.atomic import write_atomic

#: States in their order; failed, cancelled and lost are ends without an export.
STATES = ("submitting", "submitted", "done", "downloaded", "landed")
ENDS = ("failed", "cancelled", "lost")


@dataclass(frozen=True)
class Record:
    """One catalogue job.

    Attributes
    ----------
    key : str
        Of the archive, the release and the query: the same command has the same key.
    query : str
        Name of the query.
    sql : str
    release : str
    url : str
        Where it was submitted.
    part : str or None
        '2 of 8' of a query that was split.
    id : int, str or None
        The archive's number; None until it has answered.
    state : str
        One of STATES or ENDS.
    server_state : str or None
        The archive's own word for it, when it was last asked.
    submitted_at : str or None
        By the archive's clock, where it says it.
    file : str or None
        The export's name, once it is downloaded.
    sha256 : str or None
        Of the export that was landed.
    result : dict or None
        Of a query that lands nothing.
    error : str or None
    is_deleted : bool
        The archive no longer has the export.
    updated_at : str
    """

    key: str
    query: str
    sql: str
    release: str
    url: str
    part: str | None = None
    id: int | str | None = None
    state: str = "submitting"
    server_state: str | None = None
    submitted_at: str | None = None
    file: str | None = None
    sha256: str | None = None
    result: dict | None = None
    error: str | None = None
    is_deleted: bool = False
    updated_at: str = ""

    def provenance(self) -> dict:
        """What landing.json says of the export's origin; never the account."""
        return {
            "url": self.url,
            "sql": self.sql,
            "job": self.id,
            "part": self.part,
            "release": self.release,
            "server_time": self.submitted_at,
        }


def key_of(url: str, release: str, sql: str) -> str:
    """The key of a query at an archive."""
    return hashlib.sha256("\n".join((url, release, sql)).encode()).hexdigest()[:12]


def save(catalog: Catalog, record: Record, **changes) -> Record:
    """Write a record with changes, atomically; returns it."""
    record = replace(record, updated_at=now(), **changes)
    path = fetch_folder(catalog, "jobs") / f"{record.key}.json"
    write_atomic(path, json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")
    return record


def load(catalog: Catalog, key: str) -> Record | None:
    """The record of a key, or None."""
    path = fetch_folder(catalog, "jobs") / f"{key}.json"
    return _read(path) if path.is_file() else None


def all_records(catalog: Catalog) -> list[Record]:
    """Every record, the oldest change first."""
    paths = fetch_folder(catalog, "jobs").glob("*.json")
    return sorted(map(_read, paths), key=lambda record: (record.updated_at, record.key))


def _read(path: Path) -> Record:
    try:
        return Record(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} is not a record of a job: {error}.", f"Type: rm {path}") from None
