"""The traps that the project steps around, each shown to be there still."""

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.ingest.land import land_hsc


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


def test_count_if_of_no_truth_is_null():
    """So the project counts `case when ... then 1 end`: 0 where there is no row, or none that says yes or no."""
    for rows in ("select cast(null as boolean) as x", "select true as x where false"):
        query = f"select count_if(x), count(case when x then 1 end) from ({rows})"
        # A connection of its own: the default one refuses what another test asks while a result is unfinished.
        naive, ours = duckdb.connect().execute(query).fetchone()
        assert ours == 0
        if naive == 0:
            pytest.fail("this DuckDB counts 0: the trap is gone, count_if may do")
        assert naive is None


def test_nothing_of_the_project_uses_count_if(repo):
    files = [path for folder in ("models", "sql", "galaxiesml") for path in (repo / folder).rglob("*")]
    texts = {path: path.read_text() for path in files if path.suffix in (".sql", ".py")}
    assert len(texts) > 100 and not [path for path, text in texts.items() if "count_if(" in text]


def test_a_table_that_a_build_does_not_have_is_not_a_variable_of_the_program(tmp_path):
    """DuckDB looks for it among Python's own, and would read a table of that name."""
    nowhere = pa.table({"x": [1]})
    assert duckdb.connect().sql("select x from nowhere").fetchall() == [(1,)] and nowhere.num_rows
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        Catalog.create(tmp_path / "cat", "pdr2_wide").connect().sql("select x from nowhere")
