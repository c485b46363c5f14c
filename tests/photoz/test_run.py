"""Training, folders and predictions of every estimator."""

import json
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from galaxiesml.errors import BuildError, GalaxiesmlError, InputError, UsageError
from galaxiesml.photoz import Config, grid, load, metrics, train
from galaxiesml.photoz.estimates import Flag
from galaxiesml.photoz.paper import PaperNetwork
from galaxiesml.photoz.run import SCHEMA
from galaxiesml.photoz.weights import read_tensors, write_tensors
from tests.made.redshifts import dc2, galaxies

from .conftest import SMALL


def _nmad(table: pa.Table, truth: np.ndarray) -> float:
    return metrics.points(table["z_phot"].to_numpy(), truth)["nmad"]


def test_predictions_have_every_column_and_mean_what_they_say(sky, small_run):
    run, _ = small_run
    testing = sky.of("testing")
    made = run.predict(testing)
    assert made.schema == SCHEMA
    assert made["object_id"].to_pylist() == testing.object_id.tolist()
    units = np.stack(made["pdf"].to_numpy())
    assert units.shape == (len(testing), 300) and (units.sum(axis=1, dtype=np.int64) == grid.WHOLE).all()
    assert made["z_sigma_epistemic"].null_count == len(testing)
    assert made["z_phot"].equals(made["z_median"])
    for inner, outer in (("z_low_68", "z_low_95"), ("z_high_95", "z_high_68")):
        assert (made[inner].to_numpy() >= made[outer].to_numpy()).all()
    assert made["odds"].to_numpy().min() >= 0 and made["odds"].to_numpy().max() <= 1
    assert _nmad(made, testing.redshift) < 0.06
    low, high = made["z_low_68"].to_numpy(), made["z_high_68"].to_numpy()
    assert metrics.coverage(low, high, testing.redshift) == pytest.approx(0.68, abs=0.06)


def test_a_folder_holds_the_run(sky, small_run):
    run, folder = small_run
    assert sorted(path.name for path in folder.iterdir()) == ["curve.parquet", "run.json", "weights.safetensors"]
    told = json.loads((folder / "run.json").read_text())
    assert told["provenance"] == {"build": "b1"} and told["seeds"] == [1, 1001]
    assert told["data"]["rows"] == {name: (sky.split == name).sum() for name in ("training", "validation", "testing")}
    assert pq.read_table(folder / "curve.parquet").num_rows == 12
    again = load(folder)
    assert again.predict(sky).equals(run.predict(sky))
    assert again.bands == sky.bands and again.columns == sky.columns


def test_chunks_do_not_change_predictions(sky, small_run):
    run, _ = small_run
    some = sky.take(np.arange(200))
    object.__setattr__(run, "config", Config.from_json({**run.config.as_dict(), "chunk": 37}))
    parts = run.predict(some)
    object.__setattr__(run, "config", Config.from_json({**run.config.as_dict(), "chunk": 4096}))
    whole = run.predict(some)
    assert np.abs(parts["z_median"].to_numpy() - whole["z_median"].to_numpy()).max() < 1e-3


def test_a_table_with_the_training_s_columns_is_predicted(sky, small_run):
    run, _ = small_run
    some = sky.take(np.arange(50))
    table = pa.table({f"{band}_cmodel_mag": some.magnitudes[:, place] for place, band in enumerate(sky.bands)})
    made = run.predict(table)
    assert made["object_id"].null_count == 50
    assert made["z_phot"].equals(run.predict(some)["z_phot"])
    with pytest.raises(UsageError, match="takes no images"):
        run.predict(table, images=np.zeros((50, 5, 64, 64)))


def test_flags_say_what_is_strange(sky, small_run):
    run, _ = small_run
    whole = np.flatnonzero(np.isfinite(sky.magnitudes).all(axis=1))[:6]
    some = sky.take(whole)
    magnitudes = some.magnitudes.copy()
    magnitudes[1] += 10
    magnitudes[2, 2] += 4
    magnitudes[3, 0] = np.nan
    magnitudes[4] = np.nan
    flags = run.predict(type(sky)(magnitudes, sky.bands))["photoz_flags"].to_pylist()
    assert flags[0] == 0
    assert flags[1] & Flag.MAGNITUDE_OUTSIDE and not flags[1] & Flag.COLOUR_OUTSIDE
    assert flags[2] & Flag.COLOUR_OUTSIDE
    assert flags[3] & Flag.BAND_MISSING and not flags[3] & Flag.NO_PHOTOMETRY
    assert flags[4] & Flag.NO_PHOTOMETRY


def test_missing_bands_are_inputs_and_six_bands_train_with_the_same_code():
    six = galaxies(3000, "ugrizy", seed=4, missing=0.1)
    run = train(six, Config.of("table", **SMALL, band_dropout=0.2))
    testing = six.of("testing")
    full = np.isfinite(testing.magnitudes).all(axis=1)
    made = run.predict(testing)
    assert _nmad(made, testing.redshift) < 0.08
    # Without the bands at one end it is worse, and still far better than a guess.
    cut = testing.magnitudes[full].copy()
    cut[:, 0] = np.nan
    assert _nmad(run.predict(type(six)(cut, six.bands)), testing.redshift[full]) < 0.12


def test_shuffled_labels_make_a_worthless_run(sky):
    shuffled = sky.take(np.arange(len(sky)))
    object.__setattr__(shuffled, "redshift", np.random.default_rng(0).permutation(sky.redshift))
    run = train(shuffled, Config.of("table", **SMALL))
    testing = sky.of("testing")
    guess = np.full(len(testing), np.median(sky.redshift))
    assert _nmad(run.predict(testing), testing.redshift) > 0.9 * metrics.points(guess, testing.redshift)["nmad"]


@pytest.mark.parametrize("estimator", ["table", "paper-nn", "bnn"])
def test_equal_seeds_give_equal_bytes_and_others_do_not(sky, tmp_path, estimator):
    settings = {"epochs": 2, "seeds": 1, "width": 32}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(sky, Config.of(estimator, **settings, seed=seed), tmp_path / name)
    first, second, other = ((tmp_path / name / "weights.safetensors").read_bytes() for name in "abc")
    assert first == second != other


_KILLED = """
import sys
from pathlib import Path
from galaxiesml.photoz import Config, train
from tests.made.redshifts import galaxies
train(galaxies(3000), Config.of("table", epochs=8, seeds=2, width=32), Path(sys.argv[1]))
"""


def _curve(folder) -> pa.Table:
    return pq.read_table(folder / "curve.parquet").drop_columns(["rows_per_second", "seconds"])


def test_a_run_killed_three_times_ends_with_the_same_bytes(tmp_path, repo):
    def start(name: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(repo)}
        return subprocess.Popen([sys.executable, "-c", _KILLED, str(tmp_path / name)], env=environment)

    assert start("whole").wait() == 0
    rng, state = random.Random(1), tmp_path / "killed" / "training.safetensors"
    for kill in range(3):
        process, before = start("killed"), _stamp(state)
        deadline = time.monotonic() + 120
        # Some epochs must have been written by this process.
        for _ in range(rng.randint(1, 3)):
            while _stamp(state) == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            before = _stamp(state)
        time.sleep(rng.random() * 0.1)
        assert process.poll() is None, f"it ended before kill {kill + 1}"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "killed" / "run.json").exists()
    assert start("killed").wait() == 0
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert (killed / "weights.safetensors").read_bytes() == (whole / "weights.safetensors").read_bytes()
    assert _curve(killed).equals(_curve(whole))
    assert sorted(path.name for path in killed.iterdir()) == sorted(path.name for path in whole.iterdir())


def _stamp(path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def test_a_finished_run_is_loaded_and_another_s_folder_refused(sky, small_run):
    _, folder = small_run
    before = (folder / "run.json").stat().st_mtime_ns
    train(sky, Config.of("table", **SMALL), folder)
    assert (folder / "run.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match="a run of other settings or other data"):
        train(sky, Config.of("table", **{**SMALL, "epochs": 7}), folder)


def test_a_loss_that_is_not_a_number_stops_and_names_epoch_and_batch(sky, tmp_path, monkeypatch):
    config = Config.of("paper-nn", epochs=3, width=16)
    batches, calls, loss = -(-len(sky.of("training")) // 100), [], PaperNetwork.loss

    def broken(*given):
        calls.append(1)
        # The fourth batch of the second epoch.
        return loss(*given) * (float("nan") if len(calls) == batches + 4 else 1)

    monkeypatch.setattr(PaperNetwork, "loss", broken)
    with pytest.raises(BuildError, match=r"network 1 is not a number in epoch 2, batch 4") as caught:
        train(sky, config, tmp_path / "run")
    assert "learning_rate" in caught.value.hint
    assert not (tmp_path / "run" / "run.json").exists()


def _spoil_pickle(folder):
    (folder / "weights.safetensors").write_bytes(pickle.dumps({"member/0/center": [1.0]}))


def _spoil_torch(folder):
    torch.save({"a": torch.zeros(3)}, folder / "weights.safetensors")


def _tensors(change):
    def spoil(folder):
        tensors, told = read_tensors(folder / "weights.safetensors")
        change(tensors)
        write_tensors(folder / "weights.safetensors", tensors, told)

    return spoil


def _nan(tensors):
    tensors["member/1/enter.weight"][0, 0] = torch.nan


def _short(tensors):
    tensors["member/0/enter.weight"] = tensors["member/0/enter.weight"][:, 1:]


def _json(**changed):
    def spoil(folder):
        told = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps({**told, **changed}))

    return spoil


@pytest.mark.parametrize(
    "spoil, words",
    [
        (_spoil_pickle, "weights.safetensors cannot be read as safetensors"),
        (_spoil_torch, "weights.safetensors cannot be read as safetensors"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors does not exist"),
        (_tensors(_nan), "weights.safetensors: member/1/enter.weight holds values that are not finite"),
        (_tensors(_short), "weights.safetensors does not hold a run"),
        (_tensors(lambda tensors: tensors.pop("member/0/head.bias")), "weights.safetensors does not hold a run"),
        (_tensors(lambda tensors: tensors.pop("domain/low")), "domain/low must have the shape"),
        (lambda folder: (folder / "run.json").write_text("{"), "run.json cannot be read as JSON"),
        (lambda folder: (folder / "run.json").unlink(), "no finished run"),
        (_json(format=99), "run.json is not of format 1"),
        (_json(bands=["g", "r"]), "does not hold a run"),
        (_json(grid_edges=[0, 1]), "the grid's edges are not those of its settings"),
        (_json(config={"estimator": "magic"}), "run.json does not hold a run"),
        (_json(calibration={}), "run.json does not hold a run: missing key 'temperature'"),
        (lambda folder: (folder / "curve.parquet").write_bytes(b"no"), "curve.parquet cannot be read"),
    ],
)
def test_a_hostile_folder_is_refused_and_named(small_run, tmp_path, spoil, words):
    shutil.copytree(small_run[1], tmp_path / "run")
    spoil(tmp_path / "run")
    with pytest.raises(InputError, match=words):
        load(tmp_path / "run")


def test_a_hostile_state_is_refused(sky, tmp_path):
    (tmp_path / "training.safetensors").write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError, match="cannot be read as safetensors"):
        train(sky, Config.of("table", **SMALL), tmp_path)
    write_tensors(tmp_path / "training.safetensors", {}, {"digest": "another"})
    with pytest.raises(UsageError, match="training of other settings"):
        train(sky, Config.of("table", **SMALL), tmp_path)


def test_data_that_cannot_train_is_refused(sky):
    with pytest.raises(UsageError, match="no redshift to train on"):
        train(type(sky)(sky.magnitudes, sky.bands))
    with pytest.raises(UsageError, match="too few to train"):
        train(sky.take(np.arange(100)))


def test_errors_that_are_not_there_are_asked_for(sky):
    with pytest.raises(UsageError, match="the table has no errors"):
        train(type(sky)(sky.magnitudes, sky.bands, redshift=sky.redshift), Config.of("table", use_errors=True))


def test_one_band_is_enough_to_train(sky):
    one = type(sky)(sky.magnitudes[:, :1], ("g",), redshift=sky.redshift, split=sky.split)
    made = train(one, Config.of("table", epochs=2, seeds=2, width=16)).predict(one)
    assert made.num_rows == len(sky)
    assert train(one, Config.of("table", epochs=2, seeds=1, width=16)).predict(one.take(np.arange(0))).num_rows == 0


def test_ctrl_c_ends_with_130_and_what_is_typed_again_goes_on(sky, tmp_path, repo):
    columns = {f"{band}_cmodel_mag": sky.magnitudes[:, place] for place, band in enumerate(sky.bands)}
    pq.write_table(pa.table(columns | {"specz_redshift": sky.redshift}), tmp_path / "t.parquet")
    words = ["train", "table", "--table", tmp_path / "t.parquet", "--out", tmp_path / "run", "--seeds", "1"]
    command = [sys.executable, "-m", "galaxiesml.photoz", *map(str, words), "--set", "epochs=120", "--set", "width=16"]
    environment = {**os.environ, "PYTHONPATH": str(repo)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert "epoch 1/120" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    assert "Interrupted. Type the command again to continue." in process.communicate()[1]
    assert process.returncode == 130
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "epoch 1/120" not in again.stderr and "epoch 120/120" in again.stderr


def test_data_without_a_split_is_split_by_the_seed(sky):
    whole = type(sky)(sky.magnitudes, sky.bands, redshift=sky.redshift)
    assert (whole.splitted(1).split == "validation").sum() == len(sky) // 6
    assert (whole.splitted(1).split != whole.splitted(2).split).any()


def test_rows_of_testing_are_not_looked_at(sky, small_run):
    changed = sky.take(np.arange(len(sky)))
    redshift = sky.redshift.copy()
    redshift[sky.split == "testing"] = 3.0
    object.__setattr__(changed, "redshift", redshift)
    run = train(changed, Config.of("table", **SMALL))
    assert run.info["data"]["sha256"] == small_run[0].info["data"]["sha256"]


def test_a_run_on_real_galaxies_is_useful(shared_data):
    """Ten epochs of one network on 4,000; the figures are the benchmark's."""
    training, test = dc2(shared_data)
    run = train(
        training.take(np.random.default_rng(0).permutation(len(training))[:4000]),
        Config.of("table", **{**SMALL, "epochs": 12, "seeds": 1, "batch": 64}),
    )
    made = run.predict(test)
    assert _nmad(made, test.redshift) < 0.04


@pytest.mark.proof
def test_figures_on_dc2(shared_data):
    training, test = dc2(shared_data)
    made = []
    for seed in (11, 12, 13):
        run = train(training, Config.of("table", seed=seed))
        found = run.predict(test)
        pdf = grid.unpack(np.stack(found["pdf"].to_numpy()))
        made.append(
            metrics.points(found["z_median"].to_numpy(), test.redshift) | metrics.pdfs(pdf, run.edges, test.redshift)
        )
    mean = {name: np.mean([figures[name] for figures in made]) for name in made[0]}
    assert mean["nmad"] <= 0.0183 and mean["outliers"] <= 0.02
    assert mean["crps"] <= 0.0355 and mean["pit_ks"] <= 0.015
    assert 0.66 <= mean["coverage_68"] <= 0.70


def test_errors_are_of_the_house():
    with pytest.raises(GalaxiesmlError):
        load("/no/such/folder")
