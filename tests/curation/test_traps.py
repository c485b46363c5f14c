"""The traps that the project steps around, each shown to be there still."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.ingest.land import land_hsc
from galaxiesml.stores import ensure_empty


def test_nan_in_parquet_hides_from_a_cut_and_landing_makes_it_null(tmp_path):
    """DuckDB trusts a Parquet file's maximum, which leaves NaN out: `mag < 50` then keeps NaN rows."""
    path = tmp_path / "nan.parquet"
    magnitudes = pa.array([20.0, float("nan"), 21.0])
    pq.write_table(pa.table({"object_id": pa.array([1, 2, 3]), "i_cmodel_mag": magnitudes}), path)
    naive = duckdb.connect().execute(f"select count(*) from read_parquet('{path}') where i_cmodel_mag < 50").fetchone()
    if naive == (2,):
        pytest.fail("this DuckDB keeps no NaN row: the trap is gone, landing may do less")
    assert naive == (3,)
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    ensure_empty(catalog)
    land_hsc(catalog, path)
    landed = catalog.connect().execute("select count(*) from hsc_objects where i_cmodel_mag < 50").fetchone()
    assert landed == (2,)


def test_float32_flips_rows_at_the_error_limit():
    """0.005 (1 + z) in float32 is another number: limits are judged in double."""
    query = """
        with rows as (
            select
                cast(range as float) / 10000 as z,
                cast(0.005 * (1 + range / 10000) as float) as err
            from range(100, 40000)
        )
        select count_if(
            (err < cast(0.005 as float) * (1 + z)) <> (cast(err as double) < 0.005 * (1 + cast(z as double)))
        )
        from rows
    """
    assert duckdb.connect().execute(query).fetchone()[0] > 1000


def test_a_database_file_open_for_writing_locks_readers_out(tmp_path):
    """So Parquet is what is shared, and the build's database is in memory."""
    import subprocess
    import sys

    path = tmp_path / "one.duckdb"
    writer = duckdb.connect(str(path))
    code = f"import duckdb; duckdb.connect({str(path)!r}, read_only=True)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    writer.close()
    assert other.returncode != 0 and "lock" in other.stderr.lower()
