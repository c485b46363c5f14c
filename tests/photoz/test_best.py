"""`best` and `paper-cnn`: their shapes, what pictures bring, flips, precision, and a kill in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from galaxiesml.errors import UsageError
from galaxiesml.photoz import Config, Pictures, grid, kinds, load, metrics, state, train
from galaxiesml.photoz.batches import resident
from galaxiesml.photoz.best import BestNetwork, scaled
from galaxiesml.photoz.state import Member, State
from galaxiesml.photoz.trunks import Trunk
from tests.made.blobs import blobs, shuffled, write

from .test_estimators import _alone

#: A network that learns in seconds what the widths of blobs tell.
SMALL = {"seeds": 2, "epochs": 5, "width": 32, "batch": 64, "learning_rate": 5e-3, "average": 0.9}
SMALL |= {"channels": 8, "shift": 1}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def sky():
    return blobs(1300, size=32)


@pytest.fixture(scope="module")
def run(sky, tmp_path_factory):
    return train(sky, Config.of("best", **SMALL), tmp_path_factory.mktemp("best") / "run")


def _network(estimator: str, **settings) -> torch.nn.Module:
    config = Config.of(estimator, **settings)
    return kinds.networks(config, 5, grid.edges_of(config))(0)


def _parameters(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def _nmad(run, data) -> float:
    return metrics.points(run.predict(data)["z_phot"].to_numpy(), data.redshift)["nmad"]


@pytest.mark.parametrize("size, expected", [(127, 7_151_073), (64, 5_840_353)])
def test_the_paper_s_network_on_pictures_has_the_published_parameters(size, expected):
    assert _parameters(_network("paper-cnn", size=size)) == expected


def test_the_paper_s_settings_are_the_authors():
    config = Config.of("paper-cnn")
    assert (config.learning_rate, config.batch, config.epochs) == (1e-4, 256, 200)
    assert not config.shuffle and config.choose == "training" and config.stored == config.precision == "float32"
    text = Config.typed("paper-cnn", ["variant=text"])
    assert text.shuffle and text.choose == "validation"


def test_what_the_paper_s_text_says_otherwise():
    code, text = (_network("paper-cnn", size=64, variant=variant) for variant in ("code", "text"))
    assert [layer.kernel_size for layer in text.convolutions] == [(3, 4)] * 7
    # The photometry joins before the dense layers: 200 more inputs of 512, 200 fewer of the last.
    kernels = sum(layer.weight.numel() // 12 for layer in text.convolutions) * 3
    assert _parameters(text) - _parameters(code) == kernels + 200 * 512 - 200
    point, redshift = torch.tensor([1.0]), torch.tensor([0.7])
    assert float(code._losses(point, redshift)) == pytest.approx(1 - 1 / (1 + (0.3 / 0.15) ** 2))
    assert float(text._losses(point, redshift)) == pytest.approx(1 - 1 / (1 + (0.3 / 0.3) ** 2))


def test_the_paper_s_network_sees_what_keras_would(sky):
    """Row by row in the order of the file, counts / 255, checkpoint of the least training loss."""
    config = kinds.resolved(Config.of("paper-cnn"), sky)
    rows = resident(sky.take(np.arange(3)), config, CPU, kinds.scaled(config))
    assert rows.pictures.dtype == torch.float32
    assert np.array_equal(rows.pictures.numpy(), sky.pictures.take(np.arange(3)).read(32) / np.float32(255))


def test_the_paper_s_checkpoint_is_that_of_the_training_loss(sky):
    some = sky.take(np.arange(320))
    made = train(some, Config.of("paper-cnn", epochs=3, batch=64, learning_rate=1e-3))
    curve = made.curve.to_pydict()
    by = {name: int(np.argmin(curve[f"{name}_loss"])) for name in ("training", "validation")}
    other = train(some, replace(made.config, choose="validation"))
    assert made.config.choose == "training"
    # Both trained alike; each kept the weights of its own best epoch.
    assert other.curve["training_loss"].to_pylist() == curve["training_loss"]
    same = torch.equal(made.ensemble.networks[0].last.weight, other.ensemble.networks[0].last.weight)
    assert same == (by["training"] == by["validation"])
    assert any("training loss" in note for note in made.info["notes"])


def test_pictures_bring_what_only_they_tell_and_shuffled_ones_lose_it(sky, run):
    testing = sky.of("testing")
    without = train(sky, Config.of("best", **SMALL, pictures=False))
    assert without.ensemble.networks[0].sees is False
    seen, blind = _nmad(run, testing), _nmad(without, testing)
    assert seen < 0.06 and blind > 0.15
    assert _nmad(run, shuffled(testing)) > 0.15
    other = shuffled(sky)
    assert _nmad(train(other, Config.of("best", **SMALL)), other.of("testing")) > 0.15


def test_the_network_without_pictures_begins_alike_and_meets_the_same_rows(sky, monkeypatch):
    """The comparison is of the picture alone: equal weights, equal batches, equal bands dropped."""
    met, begun, loss = {True: [], False: []}, {}, BestNetwork.loss

    def told(self, batch, generator):
        begun.setdefault(self.sees, {name: value.clone() for name, value in self.state_dict().items()})
        met[self.sees].append((batch.magnitudes.nan_to_num(-1), batch.redshift))
        return loss(self, batch, generator)

    monkeypatch.setattr(BestNetwork, "loss", told)
    for sees in (True, False):
        train(sky.take(np.arange(400)), Config.of("best", **{**SMALL, "epochs": 1, "seeds": 1}, pictures=sees))
    assert all(torch.equal(value, begun[True][name]) for name, value in begun[False].items())
    assert len(met[True]) == len(met[False]) > 3
    for seen, blind in zip(met[True], met[False], strict=True):
        assert torch.equal(seen[0], blind[0]) and torch.equal(seen[1], blind[1])
    # Bands were dropped at all.
    assert any(bool((magnitudes == -1).any()) for magnitudes, _ in met[True])


def test_predictions_do_not_change_when_a_picture_is_flipped(sky, run):
    testing = sky.of("testing").take(np.arange(60))
    counts = testing.pictures.read(32)
    plain = run.pdfs(testing)[0]
    for turn in (lambda c: c[:, :, ::-1], lambda c: c[:, :, :, ::-1], lambda c: c.swapaxes(2, 3)):
        pictures = replace(testing.pictures, sources=type(testing.pictures).of(turn(counts)).sources,
                           row=np.arange(60))  # fmt: skip
        assert run.pdfs(replace(testing, pictures=pictures))[0] == pytest.approx(plain, abs=2e-5)
    # One orientation alone does change: the test would see it.
    config = run.config
    batch = resident(testing, config, CPU, scaled)
    network = run.ensemble.networks[0]
    with torch.inference_mode():
        apart = (network.pdf(batch) - network.pdf(replace(batch, pictures=batch.pictures.flip(2)))).abs().max()
    assert apart > 1e-3


def test_a_run_is_loaded_and_pictures_may_be_given_as_an_array(sky, run, tmp_path):
    testing = sky.of("testing").take(np.arange(40))
    made = run.predict(testing)
    config = Config.from_json(run.config.as_dict())
    assert config == run.config and config.trunk == "small"
    plain = replace(testing, pictures=None)
    with pytest.raises(UsageError, match="was trained on pictures, and there are none"):
        run.predict(plain)
    counts = testing.pictures.read(32)
    known = Pictures.of(counts, testing.pictures.sky_sigma)
    assert run.predict(plain, images=known).equals(made)
    # The sky's sigma is measured where it is not given: nearly the same.
    again = run.predict(plain, images=counts)["z_phot"].to_numpy()
    assert np.median(np.abs(again - made["z_phot"].to_numpy())) < 0.02


def test_magnitudes_keep_their_thousandths_in_bf16(sky):
    """bf16 holds 22.4 to 0.125: the table's way through the network must not be in it."""
    config = kinds.resolved(Config.of("best", **SMALL, precision="bf16"), sky)
    network = kinds.networks(config, 5, grid.edges_of(config))(0)
    network.begin(sky.of("training"))
    # The trunk's last layer must count, and blocks begin as nothing.
    batch = resident(sky.take(np.arange(1)), config, CPU, scaled)[[0] * 40]
    steps = 22.4 + 0.001 * torch.arange(40.0)
    batch = replace(batch, magnitudes=steps[:, None].expand(-1, 5).contiguous())
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        made = network.features(batch, None)
        assert network.trunk(batch.pictures.float()).dtype == torch.bfloat16
        losses = network.loss(replace(batch, redshift=torch.full((40,), 0.5)), None)
    assert made.dtype == losses.dtype == torch.float32
    # Every thousandth moves the features, and by even steps.
    moved = made.diff(dim=0).norm(dim=1)
    assert bool((moved > 0).all()) and float(moved.max() / moved.min()) < 1.5
    rounded = steps.to(torch.bfloat16).unique()
    assert len(rounded) < 3


def test_convolutions_in_bf16_learn_too(sky):
    some = {**SMALL, "seeds": 1, "precision": "bf16"}
    made = train(sky, Config.of("best", **some))
    assert made.config.precision == "bf16" and _nmad(made, sky.of("testing")) < 0.09


def test_the_trunks_are_of_the_size_that_they_say():
    small, large = Trunk("small", 5, 24), Trunk("resnet18", 5, 64)
    assert _parameters(large) == pytest.approx(11.2e6, rel=0.02)
    assert _parameters(small) < 0.02 * _parameters(large)
    assert large(torch.rand(2, 5, 64, 64)).shape == (2, 1024) and small(torch.rand(2, 5, 33, 33)).shape == (2, 144)


def test_a_fused_step_goes_on_from_a_file(sky, tmp_path):
    """A GPU's optimizer wants moments and weights in one order in memory; a file has another."""
    config = kinds.resolved(Config.of("best", **SMALL), sky)
    batch = resident(sky.take(np.arange(32)), config, CPU, scaled)

    def begun():
        torch.manual_seed(1)
        network = kinds.networks(config, 5, grid.edges_of(config))(0)
        return network, torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)

    def step(network, optimizer):
        optimizer.zero_grad()
        network.loss(batch, None).mean().backward()
        optimizer.step()

    network, optimizer = begun()
    step(network, optimizer)
    average = dict(network.state_dict())
    kept = State(scores=[[0.0] * 5], tensors=state.kept(Member(), network, optimizer, average))
    state.Keeper(tmp_path / "state", "a")(kept, True)
    again, other = begun()
    state.restore(state.resumed(tmp_path / "state", "a"), again, other, {})
    step(network, optimizer)
    step(again, other)
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())
    assert other.state[again.trunk.blocks[0].first.weight]["exp_avg"].is_contiguous(memory_format=torch.channels_last)


_KILLED = """
import sys
from pathlib import Path
from galaxiesml.photoz import Config, train
from tests.made.blobs import blobs
settings = dict(seeds=2, epochs=4, width=16, batch=64, channels=8)
train(blobs(500, size=32), Config.of("best", **settings), Path(sys.argv[1]))
"""


def test_a_training_on_pictures_that_is_killed_ends_with_the_same_bytes(tmp_path, repo):
    def start(name: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", _KILLED, str(tmp_path / name)], env={**os.environ, "PYTHONPATH": str(repo)}
        )

    assert start("whole").wait() == 0
    kept, chance = tmp_path / "killed" / "training.safetensors", random.Random(3)
    for _ in range(2):
        process, before = start("killed"), kept.stat().st_mtime_ns if kept.exists() else 0
        deadline = time.monotonic() + 60
        while (not kept.exists() or kept.stat().st_mtime_ns == before) and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(chance.random() * 0.1)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "killed" / "run.json").exists()
    assert start("killed").wait() == 0
    whole, killed = (tmp_path / name / "weights.safetensors" for name in ("whole", "killed"))
    assert whole.read_bytes() == killed.read_bytes()
    assert load(tmp_path / "killed").config == load(tmp_path / "whole").config


def test_it_trains_on_pictures_where_only_torch_numpy_h5py_and_pyarrow_are(tmp_path, repo):
    paths = write(blobs(400, size=32), tmp_path)
    code = "from galaxiesml.photoz.__main__ import main; sys.exit(main(sys.argv[1:]))"
    typed = ("--set", "epochs=1", "--seeds", "1", "--set", "channels=8", "--out", tmp_path / "run")
    done = _alone(code, repo, "train", "best", "--files", *paths, *typed)
    assert done.returncode == 0, done.stderr
    assert "trunk=small" in done.stderr and "rows: training" in done.stdout
    words = ("predict", tmp_path / "run", "--files", paths[2], "--out", tmp_path / "z.parquet", "--json")
    done = _alone(code, repo, *words)
    assert done.returncode == 0, done.stderr
    assert pq.read_table(tmp_path / "z.parquet").num_rows == int(done.stdout.split('"rows": ')[1].split(",")[0]) > 50
    done = _alone(code, repo, "train", "best", "--files", *paths, *typed[:-1], tmp_path / "other", "--set", "size=64")
    assert done.returncode == 2 and "32 pixels on a side, and 64" in done.stderr


def test_files_train_and_are_predicted_as_they_are_typed(sky, typed, tmp_path):
    paths = write(blobs(400, size=32), tmp_path)
    words = ("--set", "epochs=1", "--out", tmp_path / "run", "--as", "text")
    code, _, err = typed("train", "paper-cnn", "--files", *paths, *words)
    assert code == 0, err
    assert load(tmp_path / "run").config.variant == "text"
    code, _, err = typed("predict", tmp_path / "run", "--files", paths[2], "--out", tmp_path / "z.parquet")
    assert code == 0, err
    made = pq.read_table(tmp_path / "z.parquet")
    assert made.num_rows == int(err.split()[0].replace(",", ""))
    code, _, err = typed("train", "table", "--as", "text", "--files", *paths)
    assert code == 2 and "--as text is for paper-cnn" in err


@pytest.mark.proof
def test_a_compiled_network_learns_the_same(sky):
    """One shape for every batch; each member is compiled anew."""
    counters = torch._dynamo.utils.counters
    before = counters["stats"]["unique_graphs"]
    made = train(sky, Config.of("best", **SMALL, compile="yes"))
    assert made.config.compile == "yes" and _nmad(made, sky.of("testing")) < 0.06
    assert not counters["graph_break"] and counters["stats"]["unique_graphs"] - before == SMALL["seeds"]
