"""`train`, `predict`, `runs` and `evaluate` on a catalogue, as they are typed."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog

from ..made.once import once
from .judged import by_numpy
from .test_catalogue import make

FAST = ("--set", "epochs=3", "--seeds", "1")


def make_trained(folder: Path) -> None:
    """A catalogue with one run, its predictions, and a build that has them."""
    from galaxiesml.cli import main

    shutil.copytree(once("photoz", make) / "cat", folder / "cat")
    for words in (
        ("train", "table", "--set", "epochs=12", "--seeds", "2"),
        ("predict", "table-1", "--of", "all"),
        ("build",),
    ):
        with pytest.raises(SystemExit) as left:
            main(["-C", str(folder / "cat"), *words])
        assert not left.value.code, words


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return Catalog.open(shutil.copytree(once("trained", make_trained) / "cat", tmp_path / "cat"))


@pytest.fixture(scope="module")
def read() -> Catalog:
    """The same, for questions alone."""
    return Catalog.open(once("trained", make_trained) / "cat")


def rows(catalog, query: str) -> list[dict]:
    return catalog.connect().sql(query).to_arrow_table().to_pylist()


def test_the_run_has_a_row_and_every_galaxy_a_prediction(read, typed):
    (run,) = json.loads(typed("-C", read.root, "runs", "--json")[1])
    (galaxies,) = rows(read, "select count(*) as n from galaxies")
    assert run["run"] == "table-1" and run["taken"] and run["predictions"] == galaxies["n"]
    split = {
        row["s"]: row["n"]
        for row in rows(
            read,
            """
        select split_release as s, count(*) as n from galaxies join splits using (object_id) group by all
    """,
        )
    }
    assert (run["training"], run["validation"]) == (split["training"], split["validation"])
    (told,) = rows(read, "select * from photoz_runs")
    assert told["data_version"] == "v2" and told["split_scheme"] == "release" and len(told["pdf_edges"]) == 301
    assert json.loads(told["photoz_settings_json"])["provenance"]["landings"][0].startswith("export.csv.gz sha256:")
    (sums,) = rows(read, "select min(list_sum(pdf)) as low, max(list_sum(pdf)) as high from photoz_pdfs")
    assert (sums["low"], sums["high"]) == (65_535, 65_535)
    columns = {row["name"] for row in rows(read, "select name from columns where table_name = 'predictions'")}
    assert not {"specz_redshift", "redshift_of_file"} & columns


def test_only_unseen_galaxies_are_judged_and_the_prediction_is_worth_something(read, typed):
    seen = rows(
        read,
        """
        select predictions.photoz_split as part, splits.split_release as split, count(*) as n
        from predictions join splits using (object_id) group by all
    """,
    )
    assert {(row["part"], row["split"]) for row in seen} == {
        ("training", "training"),
        ("validation", "validation"),
        (None, "testing"),
    }
    judged = rows(read, "select distinct split_release as s from photoz_scores join splits using (object_id)")
    assert judged == [{"s": "testing"}]
    pairs = rows(
        read,
        """
        select z_phot, scores.specz_redshift as z from photoz_scores as scores
        join predictions using (photoz_run, photoz_row) order by photoz_row
    """,
    )
    z, z_phot = (np.array([row[name] for row in pairs]) for name in ("z", "z_phot"))
    found = {
        (row["definition"], row["metric"]): row["value"]
        for row in json.loads(typed("-C", read.root, "evaluate", "--json")[1])["metrics"]
    }
    for key, value in by_numpy(z, z_phot).items():
        assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-8)
    guess = by_numpy(z, np.full_like(z, np.median(z)))
    assert found["code", "scatter"] < 0.6 * guess["code", "scatter"]


def test_lineage_reaches_from_a_prediction_to_the_build_and_cuts_that_trained_it(read, typed):
    code, out, _ = typed("-C", read.root, "audit", "lineage", "predictions.z_phot")
    assert code == 0 and "predicted by" in out and "table-1  table, trained on" in out and "unique_spectrum" in out
    told = json.loads(typed("-C", read.root, "audit", "lineage", "photoz_metrics.value", "--json")[1])
    assert told["runs"][0]["photoz_run"] == "table-1"
    assert {"hsc_joined.specz_redshift", "predictions_parts.z_phot"} <= {node["id"] for node in told["nodes"]}


def test_the_same_words_train_the_same_run_and_other_words_are_refused(catalog, typed):
    home = catalog.root / "photoz"
    words = ("-C", catalog.root, "train", "table", "--name", "mine", *FAST)
    assert typed(*words)[0] == 0
    weights = (home / "mine" / "weights.safetensors").read_bytes()
    assert typed(*words)[0] == 0
    assert (home / "mine" / "weights.safetensors").read_bytes() == weights
    assert typed("-C", catalog.root, "train", "table", "--name", "again", *FAST)[0] == 0
    assert (home / "again" / "weights.safetensors").read_bytes() == weights
    code, _, err = typed("-C", catalog.root, "train", "table", "--name", "mine", "--set", "epochs=4", "--seeds", "1")
    assert code == 2 and "other settings or other data" in err


def test_galaxies_that_were_trained_on_stay_seen_when_the_splits_change(catalog, typed):
    assert typed("-C", catalog.root, "build", "--split-seed", "7")[0] == 0
    judged = rows(
        catalog,
        "select predictions.photoz_split as part from photoz_scores join predictions using (photoz_run, photoz_row)",
    )
    assert judged and {row["part"] for row in judged} == {None}
    (testing,) = rows(
        catalog, "select count(*) as n from galaxies join splits using (object_id) where split_release = 'testing'"
    )
    assert len(judged) < testing["n"] / 2


def test_another_export_is_told(catalog, typed):
    # As if the same rows had come in another file.
    source = next((catalog.root / "raw" / "hsc").glob("0001-*"))
    info = json.loads((source / "landing.json").read_text())
    info["source_sha256"] = "0" * 64
    (source / "landing.json").write_text(json.dumps(info))
    source.rename(source.with_name("0001-" + "0" * 12))
    assert typed("-C", catalog.root, "build")[0] == 0
    code, _, err = typed("-C", catalog.root, "evaluate")
    assert code == 0 and "predicted from other exports" in err and "galaxiesml predict table-1" in err


def test_a_table_needs_no_catalogue(typed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(1)
    z = random.uniform(0, 1, 900)
    table = {f"mag_{band}": 20 + z * (place - 2) + random.normal(0, 0.05, 900) for place, band in enumerate("ugriz")}
    ids = np.arange(900) + 2**54
    pq.write_table(pa.table(table | {"id": ids, "specz_redshift": z}), "deep.parquet")
    words = ("train", "table", "--table", "deep.parquet", "--bands", "u,g,r,i,z", "--set", "epochs=8", "--seeds", "1")
    code, out, err = typed(*words, "--json")
    assert code == 0, err
    assert json.loads(out)["validation"]["nmad"] < 0.1 and (tmp_path / "photoz/table-1/run.json").is_file()
    code, out, err = typed("predict", "photoz/table-1", "--table", "deep.parquet", "--out", "out.parquet")
    assert code == 0, err
    made = pq.read_table("out.parquet")
    assert made["object_id"].to_pylist() == ids.tolist() and len(made["pdf"][0]) == 300
    pq.write_table(pa.table(table | {"id": ids.astype(float), "specz_redshift": z}), "floats.parquet")
    code, _, err = typed("train", "table", "--table", "floats.parquet", "--bands", "u,g,r,i,z", "--out", "other")
    assert code == 3 and "17 digits" in err
    code, _, err = typed("train", "table", "--table", "deep.parquet", "--bands", "u,g,r,i,z,y")
    assert code == 3 and "no columns of magnitudes" in err


def test_files_in_the_released_layout_need_no_catalogue(typed, tmp_path, monkeypatch):
    import h5py

    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(2)
    for split, count in (("training", 400), ("validation", 100)):
        with h5py.File(f"5x64x64_{split}.hdf5", "w") as file:
            z = random.uniform(0, 1, count)
            file["object_id"], file["specz_redshift"] = np.arange(count) + 2**54 + 1000 * len(split), z
            for place, band in enumerate("grizy"):
                file[f"{band}_cmodel_mag"] = 20 + z * (place - 2) + random.normal(0, 0.05, count)
                file[f"{band}_cmodel_magsigma"] = np.full(count, 0.05)
    names = ("5x64x64_training.hdf5", "5x64x64_validation.hdf5")
    code, out, err = typed("train", "table", "--files", *names, "--set", "epochs=4", "--seeds", "1", "--json")
    assert code == 0, err
    rows_of = json.loads(out)["data"]["rows"]
    assert (rows_of["training"], rows_of["validation"]) == (400, 100)


def test_the_network_is_drawn_layer_by_layer(read, typed, tmp_path):
    from galaxiesml.plots.network import read_members

    first, _ = read_members(read.root / "photoz/table-1/weights.safetensors")
    names = [name for name, _ in first]
    assert names[0] == "inputs" and names[-1] == "head" and names.index("blocks.0") < names.index("blocks.1")
    assert dict(first)["head"].startswith("300 x 96")
    path = tmp_path / "n.png"
    assert typed("-C", read.root, "plot", "photoz", "table-1", "--figure", "network", "--out", path)[0] == 0
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize(
    "words, says",
    [
        (("train", "table", "--set", "epoch=3"), "Unknown setting: epoch"),
        (("train", "table", "--set", "epochs"), "has no '='"),
        (("train", "table", "--split-scheme", "other"), "No split scheme"),
        (("train", "table", "--version", "v9"), "v9"),
        (("train", "table", "--redshift", "z"), "--redshift goes with --table"),
        (("train", "table", "x.hdf5"), "takes one estimator"),
        (("train", "table", "--name", "../x"), "cannot be the name of a run"),
        (("predict", "nobody"), "no runs that were trained here"),
        (("predict", "table-1", "--table", "x.parquet"), "--out goes with --table or --files"),
        (("export", "predictions", "nobody"), "no predictions of 'nobody'"),
        (("plot", "photoz", "nobody"), "No prediction of 'nobody' is judged"),
    ],
)
def test_what_cannot_be_meant_is_refused(read, typed, words, says):
    code, _, err = typed("-C", read.root, *words)
    assert code == 2 and says in err, err
