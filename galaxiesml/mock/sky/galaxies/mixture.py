"""Mixtures of normal distributions of redshift, i magnitude and a colour coordinate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

#: Redshifts are described by ln(z + this): the scatter of nearby ones does not shrink to nothing.
Z_OFFSET = 0.1
#: Redshifts and i magnitudes that are drawn.
Z_LIMITS, I_LIMITS = (0.003, 4.9), (13.5, 25.2)


@dataclass(frozen=True)
class Mixture:
    """A sum of normal distributions in three dimensions.

    Attributes
    ----------
    rows : tuple of tuple of float
        Of each: its weight; its centre in ln(z + 0.1), i (mag) and the third coordinate; the lower triangle of its
        covariance's Cholesky factor: 11, 21, 22, 31, 32, 33.
    limits : tuple of float
        Of the third coordinate; values beyond are put on them.
    """

    rows: tuple[tuple[float, ...], ...]
    limits: tuple[float, float]

    @cached_property
    def _parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        table = np.array(self.rows)
        factor = np.zeros((len(table), 3, 3))
        factor[:, *np.tril_indices(3)] = table[:, 4:]
        return np.cumsum(table[:, 0]) / table[:, 0].sum(), table[:, 1:4], factor

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Redshifts, i magnitudes and third coordinates, each of shape (n,)."""
        found = np.empty((0, 3))
        while len(found) < n:
            missing = n - len(found)
            # What falls out of the limits is drawn again.
            some = self._some(missing + missing // 20 + 4, rng)
            found = np.concatenate([found, some])
        z, i_mag, third = found[:n].T
        return z, i_mag, np.clip(third, *self.limits)

    def _some(self, n: int, rng: np.random.Generator) -> np.ndarray:
        ends, centres, factors = self._parts
        which = np.minimum(np.searchsorted(ends, rng.random(n), side="right"), len(ends) - 1)
        values = centres[which] + np.einsum("nij,nj->ni", factors[which], rng.normal(size=(n, 3)))
        values[:, 0] = np.exp(values[:, 0]) - Z_OFFSET
        inside = [(values[:, k] > low) & (values[:, k] < high) for k, (low, high) in enumerate((Z_LIMITS, I_LIMITS))]
        return values[np.logical_and(*inside)]
