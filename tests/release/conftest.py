"""A build of few rows, written by hand: each holds what a text format is apt to spoil."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog

#: More than a float64 holds, and the largest there is.
IDS = [2**53 + 1, 2**63 - 1, -7, 40042063608219011]
NAMES = ['with, comma and "quote"', None, "# no comment", "plain"]
REDSHIFTS = [0.1 + 0.2, None, 5e-324, 1 / 3]
PRIMARY = [True, False, None, True]
MISSING = ["crcenter", "bad"]


def write_build(root: Path, name: str, missing: list[str]) -> None:
    folder = root / "builds" / name
    folder.mkdir(parents=True)
    galaxies = pa.table(
        {
            "object_id": pa.array(IDS, pa.int64()),
            "ra": pa.array([0.0, 359.99999999999994, 180.0, 1e-7], pa.float64()),
            "isprimary": pa.array(PRIMARY, pa.bool_()),
            "i_cmodel_mag": pa.array([21.5, 22.25, None, 19.0], pa.float64()),
            "specz_name": pa.array(NAMES, pa.string()),
            "specz_redshift": pa.array(REDSHIFTS, pa.float64()),
        }
    )
    pq.write_table(galaxies, folder / "galaxies_v2.parquet")
    pq.write_table(pa.table({"cut": ["edge", "bad"], "rows_in": pa.array([9, 7])}), folder / "cut_flow.parquet")
    described = [("cut_flow", "cut", "text", "Name."), ("cut_flow", "rows_in", "bigint", "Rows before it.")]
    names = ("table_name", "name", "data_type", "description")
    facts = {key: [row[at] for row in described] for at, key in enumerate(names)}
    pq.write_table(
        pa.table(facts | {"unit": [None, None], "ucd": ["meta.id", "meta.number"]}), folder / "columns.parquet"
    )
    info = {
        "id": name,
        "created": "2024-01-01T00:00:00+00:00",
        "galaxiesml": "0",
        "release": "pdr2_wide",
        "default_version": 2,
        "landings": [{"landing": 1, "source_file": "a.csv", "source_sha256": "ab" * 32}],
        "versions": {"v2": {"title": "the code", "rows": 4, "missing_cuts": missing, "cuts": ["edge", *MISSING]}},
    }
    (folder / "build.json").write_text(json.dumps(info))
    (root / "current").write_text(name + "\n")


@pytest.fixture
def written(tmp_path) -> Catalog:
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    write_build(catalog.root, "0001-abc", MISSING)
    return catalog
