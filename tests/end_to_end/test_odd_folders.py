"""A catalogue made by a Python script alone, in folders with every name that misleads a reader of Parquet."""

import json
import re
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
from galaxiesml.mock.export.export import Request, write_export
from galaxiesml.releases.profile import load_profile
from tests.ingest.written import write

ODD = "tract=9813/i_cmodel_flag=false/object_id=7/hsc[1]/cat*/a?b/back\\slash/it's"


def digests(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory, repo):
    """The mock's export and truth, the catalogue in the odd folder, what the script exported, what it said."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "m").mkdir()
    write_export(Request(load_profile("pdr2_wide"), 1000, None, 3, "csv"), folder / "m")
    root = folder / ODD / "cat"
    (script,) = re.findall(r"```python\n(.*?)```", (repo / "docs" / "catalog.md").read_text(), re.DOTALL)
    words = [root, folder / "m" / "export.csv", folder / ODD / "out"]
    run = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, cwd=folder)
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
        ("export", "csv", "--table", "cut_flow", "--out", tmp_path / "flow.csv"),
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


@pytest.mark.parametrize("name", ["~", "file:", "s3:", "hsc:1", "a%20b"])
def test_a_relative_name_is_a_name_and_no_address(made, tmp_path, monkeypatch, typed, name):
    _, odd, out, _ = made
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    exports = ("export", "csv", "--out"), ("export", "parquet", "--version", "v1", "--out")
    for words, file in zip(exports, ("galaxies.csv", "galaxies.parquet"), strict=True):
        assert typed("-C", odd.root, *words, f"{name}/{file}")[0] == 0
        assert (tmp_path / name / file).read_bytes() == (out / file).read_bytes()
    assert typed("-C", odd.root, "sql", "select 1 as one", "--out", f"{name}/one.parquet")[0] == 0
    assert pq.read_table(tmp_path / name / "one.parquet", partitioning=None).to_pylist() == [{"one": 1}]
    catalog = Catalog.create("cat", "pdr2_wide")
    for kind in ("fits", "parquet", "sqlite", "csv"):
        write(tmp_path / name / f"in.{kind}", kind)
        with catalog.lock("test"):
            assert land_hsc(catalog, f"{name}/in.{kind}").is_new


# -- landing -----------------------------------------------------------------------------------------------------


def landed(folder, land) -> dict[str, bytes]:
    """The Parquet that a landing leaves, by its place in the catalogue."""
    catalog = Catalog.create(folder / "cat", "pdr2_wide")
    with catalog.lock("test"):
        land(catalog, folder)
    raw = catalog.raw
    return {str(path.relative_to(raw)): path.read_bytes() for path in sorted(raw.glob("*/*/*.parquet"))}


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "fits", "parquet", "sqlite"])
def test_a_file_lands_the_same_from_and_into_an_odd_folder(tmp_path, kind):
    (tmp_path / ODD).mkdir(parents=True)
    shutil.copy(write(tmp_path / f"in.{kind}", kind), tmp_path / ODD)

    def land(catalog, folder):
        land_hsc(catalog, folder / f"in.{kind}")

    there, here = landed(tmp_path / ODD, land), landed(tmp_path, land)
    assert here and there == here


def test_released_files_land_the_same_there(tmp_path):
    (tmp_path / "ours_training.csv").write_text("object_id,z\n1,0.1\n2,0.2\n")
    (tmp_path / "more_testing.csv").write_text("object_id,z\n2,0.1\n3,0.2\n")

    def land(catalog, folder):
        land_release(catalog, tmp_path / "ours_training.csv")
        with pytest.raises(InputError, match=r"object_id 2, in row 1, is already in ours_training\.csv"):
            land_release(catalog, tmp_path / "more_testing.csv")

    (tmp_path / ODD).mkdir(parents=True)
    there, here = landed(tmp_path / ODD, land), landed(tmp_path, land)
    assert here and there == here
