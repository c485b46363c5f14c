"""Rows that count differently: in the loss, the choice of epochs, calibration and the metrics of validation."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz import Config, Data, calibrate, grid, kinds, load, metrics, train
from galaxiesml.photoz.batches import resident
from galaxiesml.photoz.config import ESTIMATORS
from galaxiesml.photoz.pictures import Pictures
from galaxiesml.photoz.run import weighed
from galaxiesml.photoz.weighted import Target, by_colour

from ..made.redshifts import dc2
from .conftest import SMALL

FAST = {
    "table": SMALL,
    "best": {**SMALL, "batch": 256, "pictures": False},
    "paper-nn": {"epochs": 30, "width": 32, "learning_rate": 3e-3},
    "bnn": {"epochs": 12, "width": 32, "learning_rate": 5e-3},
    "forest": {"trees": 20},
}


def two_kinds(count: int = 1200) -> Data:
    """Two kinds of galaxies that look alike, half each, at redshifts of 0.3 and 0.9."""
    rng = np.random.default_rng(1)
    redshift = np.where(np.arange(count) % 2, 0.3, 0.9) + rng.normal(0, 0.01, count)
    split = np.where(np.arange(count) % 6 > 3, "validation", "training")
    # Pictures of noise tell nothing either.
    pictures = Pictures.of(rng.normal(0, 1, (count, 3, 32, 32)).astype(np.float32))
    return Data(rng.normal(22, 1, (count, 3)), tuple("gri"), redshift=redshift, split=split, pictures=pictures)


@pytest.mark.parametrize("estimator", FAST)
def test_the_kind_that_counts_is_predicted(estimator):
    data, config = two_kinds(), Config.of(estimator, **FAST[estimator])
    for kind, redshift in ((1, 0.3), (0, 0.9)):
        weights = np.where(np.arange(len(data)) % 2 == kind, 1.0, 0.02)
        run = train(replace(data, weights=weights), config)
        assert np.median(run.predict(data)["z_phot"]) == pytest.approx(redshift, abs=0.06)
        # Validation is judged with its weights: the kind that hardly counts is 2 % of it.
        assert run.info["validation"]["outliers"] < 0.1
        # Intervals are those of the kind that counts.
        width = run.predict(data)["z_high_68"].to_numpy() - run.predict(data)["z_low_68"].to_numpy()
        assert np.median(width) < 0.3


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name != "forest"])
def test_every_network_gives_the_loss_of_each_row(estimator):
    data = two_kinds(64)
    config = kinds.resolved(Config.of(estimator, seeds=2), data)
    network = kinds.networks(config, 3, grid.edges_of(config))(0)
    network.begin(data)
    batch = resident(data, config, torch.device("cpu"), kinds.scaled(config))
    assert network.loss(batch, torch.Generator().manual_seed(1)).shape == (64,)


def test_a_weight_of_two_counts_as_two_rows_in_metrics_and_calibration():
    rng = np.random.default_rng(2)
    z, weights = rng.gamma(3, 0.3, 600), rng.integers(0, 4, 600)
    z_phot = z + rng.standard_t(3, 600) * 0.05
    twice = np.repeat(np.arange(600), weights)
    one, other = metrics.points(z_phot, z, weights), metrics.points(z_phot[twice], z[twice])
    means = ("bias_mean", "rms", "mse", "outliers", "loss", "loss_printed")
    for name, value in other.items():
        # A median of weights lies between the rows that one of repeated rows would be.
        assert one[name] == pytest.approx(value, abs=1e-9 if name in means else 2e-3), name
    edges = np.linspace(0, 4, 81)
    pdf = np.exp(-0.5 * (((edges[1:] + edges[:-1]) / 2 - z_phot[:, None]) / 0.1) ** 2) + 1e-6
    pdf /= pdf.sum(axis=1, keepdims=True)
    one, other = metrics.pdfs(pdf, edges, z, weights), metrics.pdfs(pdf[twice], edges, z[twice])
    for name, value in other.items():
        assert one[name] == pytest.approx(value, abs=1e-9), name
    assert calibrate.fit_temperature(pdf, edges, z, weights) == calibrate.fit_temperature(pdf[twice], edges, z[twice])
    below = grid.at_redshift(grid.cdf_of(pdf), edges, z)
    assert calibrate.conformal(below, weights) == pytest.approx(calibrate.conformal(below[twice]))
    assert calibrate.conformal(below, np.ones(600)) == calibrate.conformal(below)


def test_weights_are_clipped_and_the_run_says_so(tmp_path):
    data = two_kinds()
    weights = np.ones(len(data))
    weights[:5] = 1e6
    run = train(replace(data, weights=weights), Config.of("forest", trees=5, weight_clip=10), tmp_path / "run")
    told = load(tmp_path / "run").info["weights"]
    assert told == run.info["weights"] and told["clip"] == 10
    # Of the first five rows, one validates and four train.
    assert told["training"]["clipped"] == 4 and told["validation"]["clipped"] == 1
    weighted = replace(data, weights=weights)
    training, _, _ = weighed(weighted.of("training"), weighted.of("validation"), run.config)
    assert training.weights.mean() == pytest.approx(1)
    assert told["training"]["effective"] == pytest.approx(training.weights.sum() ** 2 / (training.weights**2).sum())
    assert told["training"]["effective"] < 800


def test_the_hash_covers_weights_and_without_them_is_what_it_was(tmp_path):
    data = two_kinds()
    assert data.digest() != replace(data, weights=np.ones(len(data))).digest()
    config = Config.of("forest", trees=5)
    train(replace(data, weights=np.ones(len(data))), config, tmp_path / "run")
    weights = np.ones(len(data))
    weights[0] = 0.5
    with pytest.raises(UsageError, match="other settings or other data"):
        train(replace(data, weights=weights), config, tmp_path / "run")
    assert Config.of("forest", trees=5, weight_clip=5).digest() != config.digest()


@pytest.mark.parametrize(
    "weights, says",
    [
        (lambda n: np.full(n, -1.0), "Row 1: the weight is -1.0"),
        (lambda n: np.r_[np.ones(n - 1), np.nan], "the weight is nan"),
        (lambda n: np.ones(n - 1), "weights has 1199 rows"),
        (lambda n: np.zeros(n), "The weights of training are all 0"),
    ],
)
def test_what_is_no_weight_is_refused(weights, says):
    data = two_kinds()
    with pytest.raises((InputError, UsageError), match=says):
        train(replace(data, weights=weights(len(data))), Config.of("forest", trees=5))


def test_weights_tell_how_a_bright_training_sample_does_on_a_faint_one(shared_data):
    """DC2 with spectra of the bright half, mostly: what validation promises must hold for the whole sample."""
    whole, test = dc2(shared_data)
    rng = np.random.default_rng(5)
    bright = rng.random(len(whole)) < 1 / (1 + np.exp((whole.magnitudes[:, 3] - 23.0) / 0.5))
    spectra = whole.take(bright | (rng.random(len(whole)) < 0.05))
    config = Config.of("table", epochs=12, seeds=1)
    weighed_spectra, told = by_colour(spectra, Target(test.magnitudes, "the test file", len(test)), config)
    promised, found = {}, {}
    for name, data in (("plain", spectra), ("weighed", weighed_spectra)):
        run = train(data, config)
        made = run.predict(test)
        promised[name] = run.info["validation"]["loss"]
        found[name] = metrics.points(made["z_phot"].to_numpy(), test.redshift)["loss"]
        found[name, "68"] = metrics.coverage(made["z_low_68"].to_numpy(), made["z_high_68"].to_numpy(), test.redshift)
    assert promised["plain"] < 0.75 * found["plain"]
    assert promised["weighed"] == pytest.approx(found["weighed"], rel=0.15)
    assert abs(found["weighed", "68"] - 0.68) < abs(found["plain", "68"] - 0.68)
    assert all(row["ks_weighted"] < 0.6 * row["ks"] for row in told["match"] if row["ks"] > 0.2)
