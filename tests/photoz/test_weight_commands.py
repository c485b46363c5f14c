"""`train --weights` and `plot weights` as they are typed, and the densities behind them."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.photometric import photometric_sample
from galaxiesml.photoz import load
from galaxiesml.photoz.colour_weights import density_ratio, match

from ..made.once import once
from .test_catalogue import make

BANDS = "ugriz"
TABLE = ("--bands", "u,g,r,i,z", "--set", "trees=10")


def look(count: int, bright: float, seed: int, bands: int = 5) -> np.ndarray:
    """Magnitudes whose middle is normal about `bright`, and colours that follow it."""
    rng = np.random.default_rng(seed)
    magnitude = rng.normal(bright, 0.7, (count, 1))
    return magnitude + rng.normal(0, 0.2, (count, bands)) + 0.3 * np.arange(bands)


def test_the_weight_is_the_ratio_of_the_densities():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(0, 1, (8000, 2)), rng.normal([0.5, 0.5], [1, 1], (12000, 2))
    ratio = density_ratio(ours, theirs)
    true = np.exp(0.5 * ours.sum(axis=1) - 0.25)
    middle = (np.abs(ours) < 1.5).all(axis=1)
    assert np.corrcoef(ratio.weights[middle], true[middle])[0, 1] > 0.8
    assert np.mean(ratio.weights[middle] / true[middle]) == pytest.approx(1, abs=0.05)
    assert np.average(ours[:, 0], weights=ratio.weights) == pytest.approx(0.5, abs=0.05)
    assert 0 < ratio.uncovered < 0.01
    rows = {row["quantity"]: row for row in match(ours, ratio.weights, theirs, ("a", "b"))}
    assert list(rows) == ["a", "b", "a - b"]
    assert rows["a"]["ks"] > 0.15 and rows["a"]["ks_weighted"] < 0.03
    # Alike samples need no weights.
    assert density_ratio(ours, rng.normal(0, 1, (12000, 2))).weights.std() < 0.4


def test_galaxies_that_lack_a_band_are_compared_with_their_like():
    ours, theirs = look(3000, 21, 1), look(4000, 21, 2)
    ours[:300, 0], theirs[:1600, 0] = np.nan, np.nan
    theirs[1600:1800, 4] = np.nan
    ratio = density_ratio(ours, theirs)
    # 40 % of the target lack u, and 10 % of the training; 5 % lack z, and no training galaxy does.
    assert ratio.weights[:300].mean() == pytest.approx(4, rel=0.05)
    assert ratio.weights[300:].mean() == pytest.approx(0.55 / 0.9, rel=0.05)
    assert 0.05 <= ratio.uncovered < 0.07
    # Too few to tell a density count alike.
    few = density_ratio(np.vstack([ours[:10], ours[300:]]), theirs)
    assert np.unique(few.weights[:10]).size == 1


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Bright training galaxies, and a target sample that is fainter, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    for name, bright, seed in (("train", 21.0, 1), ("deep", 22.0, 2)):
        magnitudes = look(3000, bright, seed)
        z = 0.2 + 0.2 * (magnitudes[:, 2] - 19).clip(0)
        columns = {f"mag_{band}": magnitudes[:, place] for place, band in enumerate(BANDS)}
        columns |= {"specz_redshift": z, "twice": np.arange(3000) % 2 + 1.0}
        pq.write_table(pa.table(columns if name == "train" else {**columns, "other": z}), f"{name}.parquet")
    return tmp_path


def test_a_table_is_weighed_as_a_target_sample(tables, typed):
    words = ("train", "forest", "--table", "train.parquet", *TABLE, "--weights", "colour", "--weights-like")
    code, out, err = typed(*words, "deep.parquet", "--json")
    assert code == 0, err
    told = json.loads(out)["weights"]
    rows = {row["quantity"]: row for row in told["match"]}
    assert rows["r"]["training"] == pytest.approx(21.6, abs=0.05)
    assert rows["r"]["target"] == pytest.approx(22.6, abs=0.05)
    assert abs(rows["r"]["weighted"] - rows["r"]["target"]) < 0.25
    assert rows["r"]["ks_weighted"] < 0.4 * rows["r"]["ks"]
    rows_of = json.loads(out)["data"]["rows"]
    assert 100 < told["training"]["effective"] < 0.7 * rows_of["training"]
    kept = pq.read_table("photoz/forest-1/weighed.parquet")
    mean = np.average(kept["r"].to_numpy(), weights=kept["weight"].to_numpy())
    assert mean == pytest.approx(rows["r"]["weighted"], abs=0.1) and len(kept) == 3000
    for ending, begins in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        code, out, err = typed("plot", "weights", "photoz/forest-1", "--out", f"w.{ending}", "--json")
        assert code == 0 and (tables / f"w.{ending}").read_bytes().startswith(begins), err
        assert json.loads(out)["of"]["target"] == "deep.parquet"
    code, out, err = typed(*words, "deep.parquet", "--name", "again")
    assert code == 0 and "galaxies count as" in out and "KS weighed" in out and "unlike every training galaxy" in err
    # Equal words are the same run; another sample is other data.
    assert typed(*words, "deep.parquet", "--name", "again")[0] == 0
    code, _, err = typed(*words, "train.parquet", "--name", "again")
    assert code == 2 and "other settings or other data" in err


def test_a_column_of_a_table_weighs_and_is_not_wanted_for_predictions(tables, typed):
    words = ("train", "forest", "--table", "train.parquet", *TABLE, "--weights")
    code, out, err = typed(*words, "twice", "--json")
    assert code == 0, err
    told = json.loads(out)["weights"]
    assert told["column"] == "twice" and told["training"]["clipped"] == 0
    assert told["training"]["effective"] / json.loads(out)["data"]["rows"]["training"] == pytest.approx(0.9, abs=0.01)
    code, _, err = typed("predict", "photoz/forest-1", "--table", "deep.parquet", "--out", "out.parquet")
    assert code == 0, err
    code, _, err = typed(*words, "nothing")
    assert code == 3 and "no column 'nothing'" in err
    for wrong, says in (
        (("colour",), "needs a sample to resemble"),
        (("twice", "--weights-like", "deep.parquet"), "--weights-like goes with --weights colour"),
        (("colour", "--weights-like", "no.parquet"), "no.parquet does not exist"),
    ):
        code, _, err = typed(*words, *wrong)
        assert code in (2, 3) and says in err, err
    assert typed("train", "forest", "--files", "x_training.hdf5", "--weights", "twice")[0] == 2
    code, _, err = typed("plot", "weights", "photoz/nobody")
    assert code in (2, 4), err


def test_the_bare_command_takes_a_column(tables, capsys):
    from galaxiesml.photoz.__main__ import main

    words = ["train", "forest", "--table", "train.parquet", "--bands", "u,g,r,i,z", "--magnitudes", "mag_{band}"]
    words += ["--errors", "", "--object-id", "", "--set", "trees=5", "--out", "bare", "--json"]
    assert main([*words, "--weights", "twice"]) == 0, capsys.readouterr().err
    assert load("bare").info["weights"]["clip"] == 20 and load("bare").columns.weights == "twice"
    files = ["train", "forest", "--files", "x_training.hdf5", "--out", "other", "--weights", "twice"]
    assert main(files) == 2 and "--weights names a column of --table" in capsys.readouterr().err


def test_a_catalogue_is_weighed_as_its_photometric_sample(typed, tmp_path):
    catalog = Catalog.open(shutil.copytree(once("photoz", make) / "cat", tmp_path / "cat"))
    table, whole = photometric_sample(catalog, "v2")
    # By hand: every flag of every filter false, every magnitude of a galaxy's; of v3, a magnitude at all.
    flags = [
        f"not {band}_{flag}"
        for band in catalog.profile.bands
        for flag in (
            *("cmodel_flag", "pixelflags_edge", "pixelflags_interpolatedcenter", "pixelflags_saturatedcenter"),
            *("pixelflags_crcenter", "pixelflags_bad", "sdsscentroid_flag"),
        )
    ]
    magnitudes = [f"{band}_cmodel_mag > 0 and {band}_cmodel_mag < 50" for band in catalog.profile.bands]
    query = f"select count(distinct object_id) from hsc_joined where {' and '.join(flags + magnitudes)}"
    (right,) = catalog.connect().execute(query).fetchone()
    (galaxies,) = catalog.connect().execute("select count(*) from galaxies_v2").fetchone()
    assert len(table) == whole == right > galaxies
    few, whole = photometric_sample(catalog, "v2", 100)
    assert (
        len(few) == 100 and whole == right and set(few["object_id"].to_pylist()) < set(table["object_id"].to_pylist())
    )

    words = ("-C", catalog.root, "train", "forest", "--set", "trees=10", "--weights")
    code, out, err = typed(*words, "colour", "--json")
    assert code == 0, err
    told = json.loads(out)["weights"]
    assert told["target"] == "photometric sample of v2" and told["target_rows"] == right
    assert {row["quantity"] for row in told["match"]} >= {"i", "g - r"}
    assert typed("-C", catalog.root, "plot", "weights", "forest-1", "--out", tmp_path / "w.png")[0] == 0
    code, out, err = typed(*words, "i_cmodel_mag", "--name", "by-i", "--json")
    assert code == 0 and json.loads(out)["weights"]["column"] == "i_cmodel_mag", err
    for column, says in (("nothing", "is not a column of galaxies_v2"), ("specz_name", "not a column of numbers")):
        code, _, err = typed(*words, column)
        assert code == 2 and says in err
    assert typed("-C", catalog.root, "train", "forest", "--set", "trees=5", "--name", "plain")[0] == 0
    code, _, err = typed("-C", catalog.root, "plot", "weights", "plain")
    assert code == 2 and "trained without weights" in err
