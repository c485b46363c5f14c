"""A catalogue with tables landed as ingest lands them, from rows made in a test."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.landing import refresh_landings
from galaxiesml.catalog.stores import ensure_empty

from .replay import KEYS, fields


def new_catalog(root: Path, release: str = "pdr2_wide") -> Catalog:
    catalog = Catalog.create(root, release)
    ensure_empty(catalog)
    return catalog


def land_rows(catalog: Catalog, rows: list[dict], *, kind: str = "joined", columns=None, where=()) -> int:
    """Land rows; ``columns`` are those that the export has (default: all), ``where`` what its query declared."""
    sides = {"joined": ("object", "spectrum"), "objects": ("object",), "specz": ("spectrum",)}[kind]
    typed = fields(*sides) | {"object_id": pa.int64()}
    columns = list(typed) if columns is None else list(columns)
    number = max((landing["landing"] for landing in catalog.landings()), default=0) + 1
    digest = hashlib.sha256(json.dumps([number, rows], default=str).encode()).hexdigest()
    base = {"landing": number, "source_file": f"{kind}{number}.csv", "source_sha256": digest}
    given = [{**row, **base, "source_row": at + 1} for at, row in enumerate(rows)]
    schema = KEYS | {name: typed[name] for name in columns}
    table = pa.table({name: pa.array([row.get(name) for row in given], of) for name, of in schema.items()})
    folder = catalog.raw / "hsc" / f"{number:04d}-{digest[:12]}"
    folder.mkdir(parents=True)
    pq.write_table(table, folder / f"{kind}.parquet")
    landing = {
        **{key: base[key] for key in ("landing", "source_file", "source_sha256")},
        "bytes": 0,
        "format": "csv",
        "kind": kind,
        "release": catalog.profile.name,
        "rows": len(rows),
        "rejected": 0,
        "landed_at": "2026-01-01T00:00:00+00:00",
        "columns": columns,
        "extra_columns": [],
        "sources": {name: [name] for name in columns},
        "archive": {"query": "test" if where else None, "where": list(where)},
        "contradictions": [],
    }
    (folder / "landing.json").write_text(json.dumps(landing))
    refresh_landings(catalog)
    return number
