"""PDFs that mean what they say: a temperature, and intervals with the coverage they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from galaxiesml.photoz import grid, metrics

#: Below it, PDFs would be sharpened so far that the least mistake becomes a surprise; intervals are right all the same.
_LOWEST, _HIGHEST = 0.5, 5.0
LEVELS = (0.68, 0.95)
#: Quantiles of the residuals of a network that gives a point alone.
RESIDUALS = 1001


@dataclass(frozen=True)
class Calibration:
    """What validation taught.

    Attributes
    ----------
    temperature : float
        PDFs are raised to 1 / temperature; above 1 they were too narrow.
    central : tuple of two floats
        The probability inside the central intervals that hold 68 and 95 % of true redshifts.
    residuals : ndarray, optional
        Quantiles of (redshift - point) / (1 + point), of a network that gives a point alone.
    """

    temperature: float = 1.0
    central: tuple[float, float] = LEVELS
    residuals: np.ndarray | None = None


def tempered(pdf: np.ndarray, temperature: float) -> np.ndarray:
    """PDFs raised to 1 / temperature, summing to one."""
    if temperature != 1:
        pdf = (pdf / pdf.max(axis=1, keepdims=True)) ** (1 / temperature)
    return pdf / pdf.sum(axis=1, keepdims=True)


def fit_temperature(
    pdf: np.ndarray, edges: np.ndarray, redshift: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """The temperature under which the redshifts lie as far from the PDFs' middles as they should.

    The mean of |F(z) - 1/2| is 1/4 where PDFs are right; it falls as the temperature rises.  The likelihood alone
    would be ruled by the few redshifts far out, and leave the middle of the PDFs too wide.
    """
    low, high = math.log(_LOWEST), math.log(_HIGHEST)
    while high - low > 1e-3:
        middle = (low + high) / 2
        below = grid.at_redshift(grid.cdf_of(tempered(pdf, math.exp(middle))), edges, redshift)
        off = np.average(np.abs(below - 0.5), weights=weights)
        low, high = (middle, high) if off > 0.25 else (low, middle)
    return math.exp((low + high) / 2)


def conformal(below: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
    """The probability that a central interval must hold so that 68 and 95 % of redshifts fall inside.

    Parameters
    ----------
    below : ndarray
        The cumulative probability at the true redshift, of rows on which nothing else of the PDFs was chosen.
    weights : ndarray, optional
        Of the rows, of mean 1: the new rows are then like these so weighed.

    Notes
    -----
    Split conformal prediction with the score |2 F(z) - 1|: its ceil((n + 1) level)-th smallest value covers at least
    `level` of new rows like these, whatever the PDFs are.  Of weighed rows, the least score up to which the weight is
    `level` of all, a new row of weight 1 among them (Tibshirani et al. 2019).
    """
    if weights is not None:
        order = np.argsort(np.abs(2 * below - 1), kind="stable")
        scores, reached = np.abs(2 * below - 1)[order], np.cumsum(weights[order]) / (weights.sum() + 1)
        return tuple(float(scores[reached >= level][0]) if reached[-1] >= level else 1.0 for level in LEVELS)
    scores = np.sort(np.abs(2 * below - 1))
    places = [math.ceil((len(scores) + 1) * level) for level in LEVELS]
    return tuple(float(scores[place - 1]) if place <= len(scores) else 1.0 for place in places)


def fit_residuals(point: np.ndarray, redshift: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Quantiles of (redshift - point) / (1 + point)."""
    off, shares = (redshift - point) / (1 + point), np.linspace(0, 1, RESIDUALS)
    return np.quantile(off, shares) if weights is None else metrics.quantile(off, shares, weights)


def around(point: np.ndarray, residuals: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """PDFs of points: the distribution of the residuals on validation, moved to each."""
    off = (edges - point[:, None]) / (1 + np.maximum(point, -0.5))[:, None]
    # Quantiles that are equal would be a step: each gets its own place.
    steps = np.maximum.accumulate(residuals + np.arange(len(residuals)) * 1e-12)
    cdf = np.interp(off, steps, np.linspace(0, 1, len(steps)), left=0.0, right=1.0)
    pdf = np.diff(cdf, axis=1)
    # What lies beyond the grid counts in its outermost bins.
    pdf[:, 0] += cdf[:, 0]
    pdf[:, -1] += 1 - cdf[:, -1]
    return np.maximum(pdf, 0)


def calibrate(
    outside: np.ndarray, inside: np.ndarray, edges: np.ndarray, redshift: np.ndarray, folds: np.ndarray, is_point: bool,
    weights: np.ndarray | None = None,
) -> Calibration:  # fmt: skip
    """Fit the temperature on all validation rows, and the intervals by cross-fitting.

    Parameters
    ----------
    outside : ndarray (n, bins), or (n,) of points
        Of each row, by weights whose epoch was chosen without its fold.
    inside : the same shape
        By the weights that will be used.
    folds : ndarray (n,) of int
    weights : ndarray (n,), optional
        Of mean 1.
    """

    def part(rows: np.ndarray) -> np.ndarray | None:
        return None if weights is None else weights[rows]

    below = np.empty(len(redshift))
    for fold in np.unique(folds):
        here, others = folds == fold, folds != fold
        if is_point:
            pdf = around(outside[here], fit_residuals(outside[others], redshift[others], part(others)), edges)
        else:
            pdf = tempered(outside[here], fit_temperature(outside[others], edges, redshift[others], part(others)))
        below[here] = grid.at_redshift(grid.cdf_of(pdf), edges, redshift[here])
    if is_point:
        return Calibration(1.0, conformal(below, weights), fit_residuals(inside, redshift, weights))
    return Calibration(fit_temperature(inside, edges, redshift, weights), conformal(below, weights))
