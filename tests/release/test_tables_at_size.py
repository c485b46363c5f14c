"""A million rows in each format: equal when read back, and written in memory that does not grow with the rows."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

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
#: Reads a file by astropy alone; prints seconds and the peak of memory, bytes.
READ = """
import json, resource, sys, time
import numpy as np, pyarrow as pa, pyarrow.parquet as pq
from astropy.table import Table
start = time.monotonic()
table = Table.read(sys.argv[1], format=sys.argv[2])
told = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
seen = {}
for name in table.colnames:
    values, mask = np.ma.getdata(table[name]), np.ma.getmaskarray(table[name])
    # FITS has the highest byte first, which Arrow does not take.
    own = object if values.dtype.kind in "US" else values.dtype.newbyteorder("=")
    seen[name] = pa.array(values.astype(own), mask=np.array(mask))
pq.write_table(pa.table(seen), sys.argv[3])
print(json.dumps(told))
"""
_FORMATS = {"fits": "fits", "parquet": "parquet", "vot": "votable", "ecsv": "ascii.ecsv"}


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
                    case when i % 11 > 0 then
                        'SDSS-' || i::varchar || case when i % 13 = 0 then ' \u03bb, \u00b1 "1"' else '' end
                    end as name, {mags}
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
    write(form, million, tmp_path / f"g.{suffix}")
    (tmp_path / "read.py").write_text(READ)
    words = [sys.executable, "read.py", f"g.{suffix}", _FORMATS[suffix], "seen.parquet"]
    seconds, peak = json.loads(subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout)
    print(f"measured: {form} {seconds:.0f} s, {peak / 1e9:.1f} GB")
    assert peak < 4e9
    wanted, found = pq.read_table(million), pq.read_table(tmp_path / "seen.parquet")
    assert found.column_names == wanted.column_names and pa.types.is_int64(found["object_id"].type)
    for name in wanted.column_names:
        right, seen = wanted[name].combine_chunks(), found[name].cast(wanted[name].type).combine_chunks()
        if KINDS[name] == "text":
            # NULL and the empty text are one in FITS and VOTable.
            right, seen = right.fill_null(""), seen.fill_null("")
        assert seen.equals(right), name


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
