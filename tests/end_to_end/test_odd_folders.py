"""A catalogue made by a Python script alone, in folders with every name that misleads a reader of Parquet."""

import json
import shutil
import subprocess
import sys
from collections import Counter

import pandas as pd
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.release_files import land_release
from galaxiesml.mock.export import Request, write_export
from galaxiesml.survey import load_profile
from tests.ingest.written import write

ODD = "tract=9813/i_cmodel_flag=false/object_id=7/hsc[1]/cat*/a?b/back\\slash/it's"
SCRIPT = """
import sys
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.ingest.land import land_hsc
from galaxiesml.release.tables import export_of, table_export, write_csv, write_parquet

root, export, out = map(Path, sys.argv[1:])
catalog = Catalog.create(root, "pdr2_wide")
with catalog.lock("a script"):
    land_hsc(catalog, export)
    build(catalog)
write_csv(export_of(catalog, "v2"), out / "galaxies.csv")
write_parquet(export_of(catalog, "v1"), out / "galaxies.parquet")
write_csv(table_export(catalog, "cut_flow"), out / "flow.csv", plain=True)
print(catalog.connect().execute("select count(*) from galaxies").fetchone()[0])
"""


def digests(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The mock's export and truth, the catalogue in the odd folder, what the script exported, what it said."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "m").mkdir()
    write_export(Request(load_profile("pdr2_wide"), 1000, None, 3, "csv"), folder / "m")
    root = folder / ODD / "cat"
    words = [root, folder / "m" / "export.csv", folder / ODD / "out"]
    run = subprocess.run([sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, cwd=folder)
    assert run.returncode == 0, run.stderr
    return folder, Catalog.open(root), folder / ODD / "out", run.stdout


def test_a_script_keeps_the_rows_that_the_truth_keeps(made):
    folder, _, out, said = made
    truth = json.loads((folder / "m" / "truth.json").read_text())
    given = pd.read_csv(folder / "m" / "export.csv").rename(columns=lambda name: name.lstrip("# "))
    kept = pq.read_table(out / "galaxies.parquet", partitioning=None).to_pandas()
    assert int(said) == len(pd.read_csv(out / "galaxies.csv", comment="#")) == truth["versions"]["v2"]["rows"]
    tracts = given.drop_duplicates("object_id").set_index("object_id")["tract"]
    assert len(kept) == truth["versions"]["v1"]["rows"]
    assert Counter(kept["tract"]) == Counter(tracts.loc[kept["object_id"]]) and kept["tract"].nunique() > 1


def test_a_catalogue_that_is_moved_exports_and_builds_the_same_bytes(made, tmp_path, typed):
    _, odd, out, _ = made
    moved = tmp_path / "plain"
    shutil.copytree(odd.root, moved)
    for words in (
        ("export", "csv", "--out", tmp_path / "galaxies.csv"),
        ("export", "parquet", "--version", "v1", "--out", tmp_path / "galaxies.parquet"),
        ("export", "csv", "--table", "cut_flow", "--plain", "--out", tmp_path / "flow.csv"),
    ):
        assert typed("-C", moved, *words)[0] == 0
    assert digests(tmp_path) == digests(out)
    catalog = Catalog.open(moved)
    with catalog.lock("test"):
        info = build(catalog).info
    before, after = (digests(folder) for folder in (odd.current_build(), catalog.current_build()))
    marts = [name for name in before if name.endswith(".parquet")]
    assert len(marts) > 15 and {name for name in marts if before[name] != after[name]} == set()
    assert info["id"].split("-")[1] == odd.current_id().split("-")[1]


def test_commands_say_the_same_there(made, tmp_path, typed):
    _, odd, _, _ = made
    plain = tmp_path / "plain"
    shutil.copytree(odd.root, plain)
    for words in (
        ("status",),
        ("sql", "select min(tract), max(tract), count(*), count_if(i_cmodel_flag) from hsc_joined"),
        ("sql", "select object_id, tract, specz_redshift from galaxies order by all", "--format", "csv"),
        ("audit", "cuts"),
        ("audit", "splits"),
        ("audit", "sql", "unique_spectrum"),
        ("ingest", "list"),
        ("tables",),
    ):
        there, here = typed("-C", odd.root, *words), typed("-C", plain, *words)
        assert there[0] == 0, there
        assert there[1].replace(str(odd.root), "") == here[1].replace(str(plain), ""), words
    out = odd.root.parent / "rows.parquet"
    assert typed("-C", odd.root, "sql", "select object_id, tract from galaxies", "--out", out)[0] == 0
    assert pq.read_table(out, partitioning=None).equals(
        pq.read_table(odd.current_build() / "galaxies_v2.parquet", columns=["object_id", "tract"], partitioning=None)
    )


# -- landing -----------------------------------------------------------------------------------------------------


def landed(folder, land) -> dict[str, bytes]:
    """The Parquet that a landing leaves, by its place in the catalogue."""
    catalog = Catalog.create(folder / "cat", "pdr2_wide")
    with catalog.lock("test"):
        land(catalog, folder)
    raw = catalog.root / "raw"
    return {str(path.relative_to(raw)): path.read_bytes() for path in sorted(raw.rglob("*.parquet"))}


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "fits", "parquet", "sqlite"])
def test_a_file_lands_the_same_from_and_into_an_odd_folder(tmp_path, kind):
    (tmp_path / ODD).mkdir(parents=True)
    shutil.copy(write(tmp_path / f"in.{kind}", kind), tmp_path / ODD)

    def land(catalog, folder):
        land_hsc(catalog, folder / f"in.{kind}")

    there, here = landed(tmp_path / ODD, land), landed(tmp_path, land)
    assert len(here) > 1 and there == here


def test_released_files_land_the_same_there(tmp_path):
    (tmp_path / "ours_training.csv").write_text("object_id,z\n1,0.1\n2,0.2\n")
    (tmp_path / "more_testing.csv").write_text("object_id,z\n2,0.1\n3,0.2\n")

    def land(catalog, folder):
        land_release(catalog, tmp_path / "ours_training.csv")
        with pytest.raises(InputError, match=r"object_id 2, in row 1, stands already in ours_training\.csv"):
            land_release(catalog, tmp_path / "more_testing.csv")

    (tmp_path / ODD).mkdir(parents=True)
    there, here = landed(tmp_path / ODD, land), landed(tmp_path, land)
    assert here and there == here
