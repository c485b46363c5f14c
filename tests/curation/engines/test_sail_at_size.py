"""Two million objects with spectra on Sail and on DuckDB: the long form of tests/curation/engines/test_sail.py."""

import json

import pytest

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
ROWS = 2_000_000


@pytest.mark.proof
def test_both_engines_agree_at_size(tmp_path, typed):
    folder, root = tmp_path / "export", tmp_path / "cat"
    words = ("mock", "export", "--rows", ROWS, "--format", "parquet", "--out", folder)
    assert typed(*words)[0] == 0
    assert typed("init", root, "--release", "pdr2_wide")[0] == 0
    assert typed("-C", root, "ingest", "hsc", folder / "export.parquet")[0] == 0
    code, out, err = typed("-C", root, "audit", "engines", "--engines", "duckdb,sail", "--json")
    found = json.loads(out)
    assert code == 0 and found["equal"], found["differences"] or err
    rows = {table["table"]: table["rows"][0] for table in found["tables"]}
    assert rows["int_pairs"] > 1_900_000 and rows["galaxies_v2"] > 1_000_000
