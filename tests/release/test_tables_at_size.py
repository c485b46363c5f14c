"""A million rows in each format: equal when read back, and written in memory that does not grow with the rows."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from galaxiesml.catalog.parquet import quote
from galaxiesml.dictionary import Column
from galaxiesml.query.formats import WRITERS
from galaxiesml.query.tables import Export

pytestmark = pytest.mark.proof

KINDS = {"object_id": "bigint", "count": "bigint", "small": "integer", "ra": "double", "is_blended": "boolean"}
KINDS |= {"name": "text"} | {f"mag_{number}": "double" for number in range(12)}
FACTS = {"build": "0001-abc", "table": "galaxies_v2", "incomplete": [], "cuts": ["edge"]}
#: Writes one format and prints the peak of its memory, bytes.
PEAK = """
import json, resource, sys
from pathlib import Path
from galaxiesml.dictionary import Column
from galaxiesml.query.formats import WRITERS
from galaxiesml.query.tables import Export
form, source, path, kinds, facts = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), *map(json.loads, sys.argv[4:])
WRITERS[form](Export(source, [Column(name, kind, "") for name, kind in kinds.items()], facts), path)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def mart(path: Path, rows: int) -> Path:
    """Rows with 17 digits, NULL in every column but the identifier, and numbers that need all their digits."""
    mags = ", ".join(
        f"case when i % {number + 5} > 0 then sqrt(i * {number + 2}) end as mag_{number}" for number in range(12)
    )
    with duckdb.connect() as connection:
        connection.execute(f"""
            copy (
                select 40042063608219011 + i as object_id, case when i % 3 > 0 then {2**53} + i end as count,
                    (case when i % 5 > 0 then i % 1000 end)::integer as small, (i * 0.7310585) % 360::double as ra,
                    case when i % 4 > 0 then i % 7 = 0 end as is_blended,
                    case when i % 11 > 0 then 'SDSS-' || i::varchar end as name, {mags}
                from range({rows}) as numbers(i)
            ) to {quote(path)} (format parquet)
        """)
    return path


@pytest.fixture(scope="module")
def million(tmp_path_factory) -> Path:
    return mart(tmp_path_factory.mktemp("million") / "mart.parquet", 1_000_000)


def write(form: str, source: Path, path: Path) -> None:
    WRITERS[form](Export(source, [Column(name, kind, "") for name, kind in KINDS.items()], FACTS), path)


@pytest.mark.parametrize(
    "form, suffix, read",
    [
        ("csv", "csv", lambda path: pl.read_csv(path, infer_schema_length=None).to_arrow()),
        (
            "csv",
            "csv",
            lambda path: pa.Table.from_pandas(pd.read_csv(path, dtype_backend="pyarrow", float_precision="round_trip")),
        ),
        ("parquet", "parquet", lambda path: pl.read_parquet(path).to_arrow()),
    ],
    ids=["csv: Polars", "csv: pandas", "parquet: Polars"],
)
def test_a_million_rows_are_equal(million, tmp_path, form, suffix, read):
    write(form, million, tmp_path / f"g.{suffix}")
    wanted = pq.read_table(million)
    found = read(tmp_path / f"g.{suffix}").select(wanted.column_names)
    for name in wanted.column_names:
        assert found[name].cast(wanted[name].type).combine_chunks().equals(wanted[name].combine_chunks()), name


@pytest.mark.parametrize(
    "form, suffix", [("fits", "fits"), ("parquet for astropy", "parquet"), ("votable", "vot"), ("ecsv", "ecsv")]
)
def test_astropy_reads_a_million_rows(million, tmp_path, form, suffix):
    # Those of text, which astropy takes minutes for, from a tenth of the rows.
    rows = 1_000_000 if form in ("fits", "parquet for astropy") else 100_000
    source = million if rows == 1_000_000 else mart(tmp_path / "mart.parquet", rows)
    write(form, source, tmp_path / f"g.{suffix}")
    table, wanted = Table.read(tmp_path / f"g.{suffix}"), pq.read_table(source)
    assert len(table) == rows and table["object_id"].dtype.kind == "i"
    for name in wanted.column_names:
        nulls = wanted[name].is_null().to_numpy()
        filled = (
            table[name].filled("" if KINDS[name] == "text" else 0) if hasattr(table[name], "filled") else table[name]
        )
        mask = np.broadcast_to(getattr(table[name], "mask", False), rows)
        if KINDS[name] != "text":
            assert (mask == nulls).all(), name
        kept = wanted[name].filter(pa.array(~nulls)).to_numpy()
        found = np.asarray(filled)[~nulls]
        assert (found.astype(str) == kept.astype(str)).all() if KINDS[name] == "text" else (found == kept).all(), name


@pytest.mark.parametrize("form", WRITERS)
def test_memory_does_not_grow_with_the_rows(tmp_path, form):
    peaks = []
    for rows in (500_000, 2_000_000):
        source = mart(tmp_path / "mart.parquet", rows)
        (tmp_path / "peak.py").write_text(PEAK)
        words = [
            sys.executable,
            tmp_path / "peak.py",
            form,
            source,
            tmp_path / "out",
            json.dumps(KINDS),
            json.dumps(FACTS),
        ]
        peaks.append(int(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
    # Four times the rows, of some 130 bytes each: 200 MB more where they were held.
    assert peaks[1] - peaks[0] < 100e6, peaks
