"""The grid, packing, metrics against closed forms, and conformal coverage."""

import math

import numpy as np
import pytest
import torch

from galaxiesml.photoz import Config, calibrate, grid, metrics
from galaxiesml.photoz.estimates import estimates, least_risk

EDGES = grid.edges_of(Config())


def _normal_pdf(mean: np.ndarray, sigma: float, edges: np.ndarray) -> np.ndarray:
    cdf = torch.erf(torch.from_numpy((edges - np.asarray(mean)[:, None]) / (sigma * math.sqrt(2)))).numpy()
    pdf = np.diff(cdf, axis=1)
    return pdf / pdf.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("shape", [0.01, 0.1, 1.0, 30.0])
def test_packed_pdfs_sum_exactly_and_come_back(shape):
    pdf = np.random.default_rng(1).gamma(shape, size=(2000, 300)) + 1e-12
    pdf /= pdf.sum(axis=1, keepdims=True)
    units = grid.pack(pdf)
    assert units.dtype == np.uint16
    assert (units.sum(axis=1, dtype=np.int64) == grid.WHOLE).all()
    off = np.abs(grid.unpack(units) - pdf)
    # But for the largest bin, which takes what rounding left.
    off[np.arange(len(pdf)), pdf.argmax(axis=1)] = 0
    assert off.max() <= 0.5 / grid.WHOLE + 1e-12


def test_a_flat_pdf_of_many_bins_packs_without_a_negative_bin():
    units = grid.pack(np.full((1, 1000), 1e-3))
    assert units.sum(dtype=np.int64) == grid.WHOLE and units.max() < 1000


def test_a_certain_pdf_packs_into_one_bin():
    pdf = np.zeros((1, 300))
    pdf[0, 7] = 1
    assert grid.pack(pdf)[0, 7] == grid.WHOLE


def test_quantiles_and_cdf_are_each_other_s_inverse():
    pdf = np.random.default_rng(2).gamma(0.3, size=(500, 300)) + 1e-9
    cdf = grid.cdf_of(pdf)
    for share in (0.025, 0.16, 0.5, 0.975):
        assert np.abs(grid.at_redshift(cdf, EDGES, grid.quantile(cdf, EDGES, share)) - share).max() < 1e-9


def test_a_median_between_two_separate_halves_is_their_middle():
    pdf = np.zeros((1, 4))
    pdf[0, [0, 3]] = 0.5
    assert grid.quantile(grid.cdf_of(pdf), np.arange(5.0), 0.5)[0] == pytest.approx(2.0)


def test_crps_of_a_normal_follows_the_closed_form():
    edges, sigma = np.linspace(0, 4, 4001), 0.1
    mean, truth = np.full(5, 2.0), np.array([2.0, 2.05, 1.7, 2.4, 1.0])
    scaled = (truth - mean) / sigma
    cdf, density = (
        (np.vectorize(math.erf)(scaled / math.sqrt(2)) + 1) / 2,
        np.exp(-(scaled**2) / 2) / math.sqrt(2 * math.pi),
    )
    expected = sigma * (scaled * (2 * cdf - 1) + 2 * density - 1 / math.sqrt(math.pi))
    assert metrics.crps(_normal_pdf(mean, sigma, edges), edges, truth) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("truth", [0.0, 0.3, 1.7, 4.0])
def test_crps_of_a_uniform_pdf_is_exact(truth):
    edges = np.linspace(0, 4, 8)
    share = truth / 4
    expected = 4 * (share**3 + (1 - share) ** 3) / 3
    assert metrics.crps(np.full((1, 7), 1 / 7), edges, np.array([truth]))[0] == pytest.approx(expected, rel=1e-12)


def test_a_redshift_beyond_the_grid_counts_with_its_full_distance():
    pdf = np.zeros((2, 4))
    pdf[:, 3] = 1.0
    inside, beyond = metrics.crps(pdf, np.arange(5.0), np.array([4.0, 6.5]))
    assert beyond == pytest.approx(inside + 2.5)


def test_point_metrics_by_hand():
    z_spec, z_phot = np.array([0.0, 1.0, 3.0]), np.array([0.15, 1.0, 2.0])
    made = metrics.points(z_phot, z_spec)
    assert made["bias_mean"] == pytest.approx((0.15 + 0 - 0.25) / 3)
    assert made["bias_median"] == 0
    assert made["rms"] == pytest.approx(math.sqrt((0.15**2 + 0.25**2) / 3))
    assert made["scatter_printed"] == pytest.approx(1.48 * 0.15)
    assert made["nmad"] == pytest.approx(1.4826 * 0.15)
    # Exactly .15 is none; .25 is one.
    assert made["outliers"] == pytest.approx(1 / 3)
    assert made["mse"] == pytest.approx((0.15**2 + 1) / 3)
    assert made["loss"] == pytest.approx((0.5 + 0 + 1 - 1 / (1 + (1 / 0.6) ** 2)) / 3)
    assert made["loss_printed"] == pytest.approx(
        (1 - 1 / (1 + (0.15 / (0.15 * 1.15)) ** 2) + 1 - 1 / (1 + (1 / 0.45) ** 2)) / 3
    )


def test_the_least_risk_is_the_middle_of_a_symmetric_peak_and_leaves_a_small_far_one():
    mean = np.array([0.5, 1.0])
    pdf = _normal_pdf(mean, 0.03, EDGES)
    assert least_risk(pdf, EDGES) == pytest.approx(mean, abs=0.01)
    two = 0.7 * pdf[:1] + 0.3 * _normal_pdf(np.array([3.0]), 0.03, EDGES)
    assert least_risk(two, EDGES) == pytest.approx([0.5], abs=0.01)


def test_estimates_of_a_normal_are_its_own():
    edges = grid.edges_of(Config(z_spacing="linear", z_bins=2000))
    made = estimates(_normal_pdf(np.array([1.0]), 0.05, edges), edges, (0.6826895, 0.9544997), 0.025, "z_median")
    assert made["z_phot"][0] == pytest.approx(1.0, abs=1e-4)
    assert made["z_mode"][0] == pytest.approx(1.0, abs=1e-3)
    assert made["z_sigma"][0] == pytest.approx(0.05, abs=1e-3)
    assert made["z_low_68"][0] == pytest.approx(0.95, abs=1e-3)
    assert made["z_high_95"][0] == pytest.approx(1.1, abs=1e-3)
    # Within .025 (1 + z) = one sigma.
    assert made["odds"][0] == pytest.approx(0.6827, abs=1e-3)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_conformal_intervals_cover_fresh_draws_whatever_the_pdfs_are(width):
    """PDFs that are too narrow, right, and too wide; 20,000 to calibrate, 20,000 fresh."""
    rng, sigma = np.random.default_rng(5), 0.05
    mean = rng.uniform(0.5, 1.5, 40_000)
    truth = rng.normal(mean, sigma)
    edges = np.linspace(0, 4, 201)
    cdf = grid.cdf_of(_normal_pdf(mean, sigma * width, edges))
    below = grid.at_redshift(cdf, edges, truth)
    for level, inside in zip(calibrate.LEVELS, calibrate.conformal(below[:20_000]), strict=True):
        low, high = (grid.quantile(cdf[20_000:], edges, 0.5 + side * inside / 2) for side in (-1, 1))
        assert metrics.coverage(low, high, truth[20_000:]) == pytest.approx(level, abs=0.012)


def test_too_few_rows_to_calibrate_give_the_whole_grid():
    assert calibrate.conformal(np.array([0.4, 0.6])) == (1.0, 1.0)


def test_the_temperature_mends_pdfs_that_are_too_narrow():
    rng = np.random.default_rng(6)
    mean = rng.uniform(0.5, 1.5, 4000)
    edges = np.linspace(0, 4, 801)
    # A normal of half the width is the right one to the fourth power.
    found = calibrate.fit_temperature(_normal_pdf(mean, 0.025, edges), edges, rng.normal(mean, 0.05))
    assert found == pytest.approx(4, rel=0.1)


def test_points_get_the_pdf_of_their_residuals():
    rng = np.random.default_rng(7)
    point = rng.uniform(0.2, 2, 5000)
    truth = point + (1 + point) * rng.normal(0.01, 0.05, 5000)
    pdf = calibrate.around(point, calibrate.fit_residuals(point, truth), EDGES)
    assert pdf.sum(axis=1) == pytest.approx(1)
    assert metrics.pdfs(pdf, EDGES, truth)["pit_ks"] < 0.01
