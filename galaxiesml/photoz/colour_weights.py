"""Weights that make training galaxies resemble a target sample in magnitudes and colours (Lima et al. 2008).

The weight of a training galaxy is the density of the target sample over that of the training sample, both counted in
the sphere that reaches to its 16th training neighbour (MNRAS 390, 118, eq. 24 and section 4.2).  Colours that training
lacks stay lacking: what no sphere holds is counted and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

#: Training neighbours in a sphere: fewer follow the target closer, more make weights less noisy.
NEIGHBOURS = 16


@dataclass(frozen=True)
class Ratio:
    """What the densities say.

    Attributes
    ----------
    weights : ndarray (n,) of float64
        Of the training rows; their sum is about the part of the target that they stand for, times n.
    uncovered : float
        The share of target galaxies that lie in no sphere of the nearest training galaxy: no weight stands for them.
    """

    weights: np.ndarray
    uncovered: float


def density_ratio(training: np.ndarray, target: np.ndarray) -> Ratio:
    """Density of the target over that of training, at each training galaxy.

    Parameters
    ----------
    training : ndarray (n, bands)
    target : ndarray (m, bands)
        Magnitudes; NaN where missing.  Galaxies are compared with those that lack the same bands.
    """
    weights, uncovered = np.zeros(len(training)), 0
    ours, theirs = _pattern(training), _pattern(target)
    for pattern in np.unique(theirs):
        here, there = np.flatnonzero(ours == pattern), np.flatnonzero(theirs == pattern)
        known = [band for band in range(training.shape[1]) if pattern >> band & 1]
        if not len(here):
            uncovered += len(there)
        elif len(here) <= NEIGHBOURS or not known:
            weights[here] = len(there) / len(here)
        else:
            weights[here], outside = _of_pattern(training[here][:, known], target[there][:, known])
            uncovered += outside
    return Ratio(weights * len(training) / len(target), uncovered / len(target))


def _pattern(magnitudes: np.ndarray) -> np.ndarray:
    """Which bands each row has, as bits."""
    return np.isfinite(magnitudes) @ (1 << np.arange(magnitudes.shape[1]))


def _of_pattern(training: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, int]:
    from scipy.spatial import cKDTree

    ours, theirs = features(training), features(target)
    scale = np.maximum(theirs.std(axis=0), 1e-3)
    tree = cKDTree(ours / scale)
    # The galaxy itself is the first of its neighbours.
    radius = tree.query(ours / scale, NEIGHBOURS + 1)[0][:, -1] * (1 + 1e-9) + 1e-9
    counts = cKDTree(theirs / scale).query_ball_point(ours / scale, radius, return_length=True)
    distance, nearest = tree.query(theirs / scale)
    # Without the galaxy itself: the sphere's volume is on average that of 16 others, since it ends at the last.
    return counts / NEIGHBOURS, int((distance > radius[nearest]).sum())


def features(magnitudes: np.ndarray) -> np.ndarray:
    """The magnitude of the middle band and the colours of neighbouring bands, float64."""
    magnitudes = np.asarray(magnitudes, np.float64)
    middle = magnitudes[:, magnitudes.shape[1] // 2]
    return np.column_stack([middle, magnitudes[:, :-1] - magnitudes[:, 1:]])


def match(training: np.ndarray, weights: np.ndarray, target: np.ndarray, bands: tuple[str, ...]) -> list[dict]:
    """How alike the samples are in each magnitude and colour, before weights and with them.

    Parameters
    ----------
    training, target : ndarray (n, bands), (m, bands)
        Magnitudes; rows without a quantity do not count in it.
    weights : ndarray (n,)

    Returns
    -------
    list of dict
        quantity ('i', 'g - r'), training, weighted, target (means), ks, ks_weighted (the largest distance of the
        cumulative distributions from the target's); None where there is no row.
    """
    rows = []
    for (name, ours), (_, theirs) in zip(quantities(training, bands), quantities(target, bands), strict=True):
        here, there = np.isfinite(ours), np.isfinite(theirs)
        row = dict.fromkeys(("training", "weighted", "target", "ks", "ks_weighted"))
        if there.any() and weights[here].sum() > 0:
            ours, theirs, counts = ours[here], theirs[there], weights[here]
            row["training"], row["target"] = float(ours.mean()), float(theirs.mean())
            row["weighted"] = float(np.average(ours, weights=counts))
            row["ks"] = _distance(ours, np.ones(len(ours)), theirs)
            row["ks_weighted"] = _distance(ours, counts, theirs)
        rows.append({"quantity": name} | row)
    return rows


def quantities(magnitudes: np.ndarray, bands: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    """Every magnitude and the colours of neighbouring bands, with their names."""
    magnitudes = np.asarray(magnitudes, np.float64)
    found = [(band, magnitudes[:, place]) for place, band in enumerate(bands)]
    return found + [
        (f"{blue} - {red}", magnitudes[:, place] - magnitudes[:, place + 1])
        for place, (blue, red) in enumerate(pairwise(bands))
    ]


def _distance(ours: np.ndarray, weights: np.ndarray, theirs: np.ndarray) -> float:
    order = np.argsort(ours)
    reached = np.concatenate([[0.0], np.cumsum(weights[order])]) / weights.sum()
    theirs = np.sort(theirs)
    at = np.concatenate([ours, theirs])
    one = reached[np.searchsorted(ours[order], at, side="right")]
    return float(np.abs(one - np.searchsorted(theirs, at, side="right") / len(theirs)).max())
