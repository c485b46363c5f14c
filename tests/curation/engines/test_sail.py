"""A full build on Sail: every table equal to DuckDB's, row for row; and what the comparison sees."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.engines.compare import differences, keys_of

from ...made.builds import mixed
from ...made.once import once
from ...made.whole import whole

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
ROWS, PICTURED = 20_000, 175
#: Tables that have no rows without a catalogue that has everything.
RICH = ("matched_redshifts", "morphology", "photoz_pdfs", "photoz_metrics", "pictures", "picture_quality", "spectra")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    pytest.importorskip("galsim", reason="the simulated sky needs GalSim")
    made = once("whole", lambda folder: whole(folder, ROWS, PICTURED))
    return Catalog.open(shutil.copytree(made / "cat", tmp_path_factory.mktemp("sail") / "cat", symlinks=True))


def test_every_table_of_a_full_build_is_duckdbs(catalog, typed):
    before = catalog.current_id()
    code, out, err = typed("-C", catalog.root, "audit", "engines", "--engines", "duckdb,sail", "--json")
    found = json.loads(out)
    assert code == 0 and found["equal"] and not found["differences"], found["differences"] or err
    assert [engine["name"] for engine in found["engines"]] == ["duckdb", "sail"]
    rows = {table["table"]: table["rows"] for table in found["tables"]}
    assert all(rows[name][0] for name in RICH) and rows["int_pairs"][0] > 19_000
    shown = pq.read_table(catalog.current_build() / "pictures.parquet", columns=["object_id", "image_offset"])
    assert len(set(shown.filter(pa.compute.is_valid(shown["image_offset"]))["object_id"].to_pylist())) >= 200
    # Nothing is published, and nothing is left.
    assert catalog.current_id() == before
    assert not catalog.leftovers()
    assert {path.name for path in catalog.builds.iterdir()} - {".dbt"} == set(catalog.build_ids())


def test_a_build_on_sail_is_read_as_any_other(tmp_path, typed):
    catalog = mixed(tmp_path / "it's a cat")
    shutil.rmtree(catalog.root / "dbt")
    ours = catalog.build_info()
    code, out, err = typed("-C", catalog.root, "build", "--engine", "sail", "--specz", "export")
    assert code == 0, err
    info = catalog.build_info()
    assert info["engine"]["name"] == "sail" and info["engine"]["version"]
    # Equal rows, equal content: the hash in the build's name says so.
    assert info["id"].split("-")[1] == ours["id"].split("-")[1] and out.strip() == info["id"]
    assert pq.read_schema(catalog.current_build() / "galaxies_v2.parquet").metadata[b"version"] == b"v2"
    for words in (["audit", "cuts"], ["audit", "lineage", "galaxies.specz_redshift"], ["audit", "sql", "error"]):
        code, out, err = typed("-C", catalog.root, *words)
        assert code == 0 and out, err
    code, out, _ = typed("-C", catalog.root, "status", "--json")
    assert json.loads(out)["engine"] == info["engine"]
    code, _, err = typed("-C", catalog.root, "export", "csv", "--out", tmp_path / "exported")
    assert code == 0, err
    # The next build is DuckDB's again, and no other.
    assert typed("-C", catalog.root, "build")[0] == 0
    assert catalog.build_info()["engine"]["name"] == "duckdb"
    assert catalog.build_info()["id"].split("-")[1] == ours["id"].split("-")[1]


def test_our_own_match_is_built_alike(tmp_path, typed):
    catalog = mixed(tmp_path / "cat")
    code, _, err = typed("-C", catalog.root, "build", "--specz", "matched", "--accept-missing", "all")
    assert code == 0, err
    code, out, err = typed("-C", catalog.root, "audit", "engines", "--json")
    assert code == 0 and json.loads(out)["equal"], out or err


def test_a_planted_difference_is_found(tmp_path):
    catalog = mixed(tmp_path / "cat")
    build = catalog.current_build()
    other = shutil.copytree(build, tmp_path / "other")
    keys = keys_of(catalog, [path.stem for path in build.glob("*.parquet")])
    assert len(keys) > 25
    assert not [one for name in keys for one in differences(build, other, name, keys[name])]
    table = pq.read_table(other / "galaxies_v2.parquet")
    place = table.column_names.index("i_cmodel_mag")
    values = table["i_cmodel_mag"].to_pylist()
    planted = [*values[:7], values[7] + 1e-12, *values[8:]]
    pq.write_table(table.set_column(place, "i_cmodel_mag", pa.array(planted)), other / "galaxies_v2.parquet")
    (found,) = differences(build, other, "galaxies_v2", keys["galaxies_v2"])
    assert (found.column, found.rows) == ("i_cmodel_mag", 1)
    assert found.key == f"object_id = {table['object_id'][7]}"
    assert found.values == (str(values[7]), str(planted[7]))
    pq.write_table(table.slice(1), other / "galaxies_v2.parquet")
    (found,) = differences(build, other, "galaxies_v2", keys["galaxies_v2"])
    assert (found.column, found.values, found.key) == ("", ("a row", "no row"), f"object_id = {table['object_id'][0]}")
