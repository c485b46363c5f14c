"""Sources of light as arrays: galaxies and stars with places, in one table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from galaxiesml.mock.sky.galaxies.population import FIELD_DENSITY_PER_ARCMIN2, Galaxies, field, stars
from galaxiesml.mock.sky.instrument import generator

_SHAPE = (
    "bulge_fraction",
    "point_fraction",
    "bulge_radius_arcsec",
    "disc_radius_arcsec",
    "bulge_axis_ratio",
    "disc_axis_ratio",
    "position_angle_deg",
)
#: Side of the cells of sky that hold their own neighbours, deg.
CELL_DEG = 0.5 / 60.0
_FIELD_STREAM = 2


@dataclass
class Sources:
    """n sources; band axis order g, r, i, z, y.

    Attributes
    ----------
    ra, dec : ndarray, shape (n,)
        deg.
    is_star : ndarray of bool, shape (n,)
        A star is a point: its shape columns are NaN.
    mag, bulge_fraction, point_fraction : ndarray, shape (n, 5)
        Total AB magnitude, the bulge's share of the light, and that of a nucleus, which is a point.
    bulge_radius_arcsec, disc_radius_arcsec : ndarray, shape (n,)
        Half-light radii along the major axis.
    bulge_axis_ratio, disc_axis_ratio : ndarray, shape (n,)
    position_angle_deg : ndarray, shape (n,)
        Of the major axis, from north through east.
    """

    ra: np.ndarray
    dec: np.ndarray
    is_star: np.ndarray
    mag: np.ndarray
    bulge_fraction: np.ndarray
    point_fraction: np.ndarray
    bulge_radius_arcsec: np.ndarray
    disc_radius_arcsec: np.ndarray
    bulge_axis_ratio: np.ndarray
    disc_axis_ratio: np.ndarray
    position_angle_deg: np.ndarray

    def __len__(self) -> int:
        return len(self.ra)

    def at(self, which) -> Sources:
        """The sources that an index or a mask picks."""
        return Sources(**{item.name: getattr(self, item.name)[which] for item in fields(self)})

    def near(self, ra: float, dec: float, radius_deg: float) -> np.ndarray:
        """Numbers of the sources within a square of a half-width round a position."""
        u = (self.ra - ra) * np.cos(np.radians(dec))
        return np.flatnonzero((np.abs(u) < radius_deg) & (np.abs(self.dec - dec) < radius_deg))


def of_galaxies(galaxies: Galaxies, ra, dec) -> Sources:
    shape = {name: np.asarray(getattr(galaxies, name)) for name in _SHAPE}
    return Sources(np.asarray(ra), np.asarray(dec), np.zeros(len(ra), bool), np.asarray(galaxies.mag), **shape)


def of_stars(mag: np.ndarray, ra, dec) -> Sources:
    n = len(mag)
    nothing = {name: np.full((n, 5) if name.endswith("_fraction") else n, np.nan) for name in _SHAPE}
    return Sources(np.asarray(ra), np.asarray(dec), np.ones(n, bool), np.asarray(mag), **nothing)


def joined(parts: list[Sources]) -> Sources:
    return Sources(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Sources)}
    )


def cells_near(ra: float, dec: float, radius_deg: float) -> list[tuple[int, int]]:
    """Cells (row, column) that touch a square of a half-width round a position."""
    found = []
    for row in range(int(np.floor((dec - radius_deg) / CELL_DEG)), int(np.floor((dec + radius_deg) / CELL_DEG)) + 1):
        stretch = np.cos(np.radians((row + 0.5) * CELL_DEG)) / CELL_DEG
        wide = radius_deg / np.cos(np.radians(dec))
        low, high = (int(np.floor((ra + side * wide) * stretch)) for side in (-1.0, 1.0))
        found += [(row, column) for column in range(low, high + 1)]
    return found


@lru_cache(maxsize=4096)
def of_cell(seed: int, row: int, column: int) -> Sources:
    """The field galaxies and stars of a cell of sky, whatever is asked of the cells round it."""
    rng = generator(seed, _FIELD_STREAM, row + (1 << 20), column + (1 << 20))
    area = (CELL_DEG * 60.0) ** 2
    n_galaxies = int(rng.poisson(FIELD_DENSITY_PER_ARCMIN2 * area))
    n_stars = int(rng.poisson(stars(1, generator(seed, _FIELD_STREAM))[1] * area))
    v = (row + rng.random(n_galaxies + n_stars)) * CELL_DEG
    u = (column + rng.random(n_galaxies + n_stars)) * CELL_DEG / np.cos(np.radians((row + 0.5) * CELL_DEG))
    galaxies = of_galaxies(field(n_galaxies, rng), u[:n_galaxies], v[:n_galaxies])
    return joined([galaxies, of_stars(stars(n_stars, rng)[0], u[n_galaxies:], v[n_galaxies:])])
