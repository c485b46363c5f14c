"""Noise of a coadd: a pixel of a tract has the same noise in every picture; tracts and bands differ."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from galaxiesml.mock.sky.instrument import SIGMA, generator
from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.tracts import PATCH

_STREAM, _DEPTH_STREAM = 4, 5
_BLOCK = 128
#: Scatter of ln(sky sigma) from patch to patch.
_DEPTH_SCATTER = 0.04
#: What resampling does to a row of white noise: neighbours share a part of it (sum of squares 1).
_KERNEL = np.array([0.04, 0.32, 0.90, 0.32, 0.04])
_KERNEL /= np.sqrt((_KERNEL**2).sum())


def sky_noise(seed: int, tract: int, band: int, box: Box, is_correlated: bool) -> np.ndarray:
    """Normal noise of variance 1 in each pixel, float64, shape (rows, columns).

    Parameters
    ----------
    is_correlated : bool
        Neighbouring pixels share noise, as after resampling; the variance of one pixel is the same.
    """
    if not is_correlated:
        return _white(seed, tract, band, box)
    edge = len(_KERNEL) // 2
    wide = _white(seed, tract, band, Box(box.x0 - edge, box.y0 - edge, box.columns + 2 * edge, box.rows + 2 * edge))
    rows = sum(weight * wide[at : at + box.rows] for at, weight in enumerate(_KERNEL))
    return sum(weight * rows[:, at : at + box.columns] for at, weight in enumerate(_KERNEL))


def _white(seed: int, tract: int, band: int, box: Box) -> np.ndarray:
    out = np.empty((box.rows, box.columns))
    for row in range(box.y0 // _BLOCK, (box.y0 + box.rows - 1) // _BLOCK + 1):
        for column in range(box.x0 // _BLOCK, (box.x0 + box.columns - 1) // _BLOCK + 1):
            block = _block(seed, tract, band, row, column)
            low_y, high_y = max(box.y0, row * _BLOCK), min(box.y0 + box.rows, (row + 1) * _BLOCK)
            low_x, high_x = max(box.x0, column * _BLOCK), min(box.x0 + box.columns, (column + 1) * _BLOCK)
            out[low_y - box.y0 : high_y - box.y0, low_x - box.x0 : high_x - box.x0] = block[
                low_y - row * _BLOCK : high_y - row * _BLOCK, low_x - column * _BLOCK : high_x - column * _BLOCK
            ]
    return out


@lru_cache(maxsize=64)
def _block(seed: int, tract: int, band: int, row: int, column: int) -> np.ndarray:
    return generator(seed, _STREAM, tract, band, row + 1, column + 1).standard_normal((_BLOCK, _BLOCK))


def sky_sigma(seed: int, tract: int, band: int, x: float, y: float) -> float:
    """Standard deviation of the sky in a pixel at a place: some patches have more exposures than others."""
    patch = int(x // PATCH) + 1, int(y // PATCH) + 1
    return float(SIGMA[band] * np.exp(generator(seed, _DEPTH_STREAM, tract, band, *patch).normal(0.0, _DEPTH_SCATTER)))


def sky_sigmas_anywhere(n: int, rng: np.random.Generator) -> np.ndarray:
    """The same at n places that have nothing to do with each other, shape (n, 5)."""
    return SIGMA * np.exp(rng.normal(0.0, _DEPTH_SCATTER, (n, len(SIGMA))))
