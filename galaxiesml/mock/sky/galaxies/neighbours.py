"""Neighbours for many galaxies at once: field galaxies and stars of a pool, each placed many times."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.galaxies import population
from galaxiesml.mock.sky.galaxies.deblending import deblended
from galaxiesml.mock.sky.galaxies.galaxies import POINT_RADIUS_ARCSEC, Galaxies
from galaxiesml.mock.sky.galaxies.sources import Sources, joined, of_galaxies, of_stars
from galaxiesml.mock.sky.instrument import SEEING_ARCSEC, SIGMA, counts

#: Field galaxies and stars per square arcminute.
DENSITY_PER_ARCMIN2 = population.FIELD_DENSITY_PER_ARCMIN2 + population.STAR_DENSITY_PER_ARCMIN2
#: Sources of the pool.
POOL = 20_000
#: How far outside a picture a source is placed, and a bright one, arcsec; bright is above this, counts.
MARGIN_ARCSEC, BRIGHT_MARGIN_ARCSEC, BRIGHT = 5.0, 25.0, 2500.0
#: Light of a bright source further out at the picture's edge, in units of the sky's noise, below which it is left out.
SEEN = 0.05
#: As in the surveys' masks: how near a galaxy no star is brighter than this, arcsec and i magnitude.
STAR_ARCSEC, STAR_MAG = 12.0, 16.0
_I = 2


@dataclass(frozen=True)
class Placed:
    """n neighbours.

    Attributes
    ----------
    galaxy, source : ndarray of int32, shape (n,)
        Rows of the galaxies, rising, and of the pool.
    x, y : ndarray, shape (n,)
        Pixels from the centre of the picture's central pixel, westward and northward.
    turned : ndarray of int16, shape (n,)
        What is added to the source's position angle, deg.
    subtracted : ndarray, shape (n,)
        Share of its light that the deblender takes away.
    """

    galaxy: np.ndarray
    source: np.ndarray
    x: np.ndarray
    y: np.ndarray
    turned: np.ndarray
    subtracted: np.ndarray

    def __len__(self) -> int:
        return len(self.galaxy)

    def at(self, which) -> Placed:
        """The neighbours that an index or a mask picks."""
        return Placed(**{item.name: getattr(self, item.name)[which] for item in fields(self)})


def pool(rng: np.random.Generator, size: int = POOL) -> Sources:
    """Field galaxies and stars in their proportions; stars have a point's shape, so that no value is NaN."""
    n_stars = round(size * population.STAR_DENSITY_PER_ARCMIN2 / DENSITY_PER_ARCMIN2)
    galaxies = of_galaxies(population.field(size - n_stars, rng), *np.zeros((2, size - n_stars)))
    stars = of_stars(population.stars(n_stars, rng)[0], *np.zeros((2, n_stars)))
    nothing, point, one = np.zeros((n_stars, 5)), np.full(n_stars, POINT_RADIUS_ARCSEC), np.ones(n_stars)
    stars = replace(stars, bulge_fraction=nothing, point_fraction=nothing + 1.0, position_angle_deg=0.0 * one)
    stars = replace(stars, bulge_radius_arcsec=point, disc_radius_arcsec=point)
    return joined([galaxies, replace(stars, bulge_axis_ratio=one, disc_axis_ratio=one)])


def placed(galaxies: Galaxies, x, y, sources: Sources, size: int, rng: np.random.Generator, more=()) -> Placed:
    """Neighbours of galaxies: a random sample of the pool at the sky's density, and what else is given.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Of the galaxies, pixels from the centre of the central pixel.
    sources : Sources
        The pool.
    size : int
        Pixels on a side of the pictures.
    more : sequence of Placed
        Others, such as members of the same group; their ``subtracted`` is set here.
    """
    half = size / 2.0 * PIXEL_SCALE_ARCSEC
    near, wide = half + MARGIN_ARCSEC, half + BRIGHT_MARGIN_ARCSEC
    everyone = np.arange(len(sources))
    bright = np.flatnonzero(counts(sources.mag).max(axis=1) > BRIGHT)
    found = _thrown(len(galaxies), everyone, near, sources, rng)
    far = _thrown(len(galaxies), bright, wide, sources, rng)
    is_far = (np.maximum(np.abs(far.x), np.abs(far.y)) * PIXEL_SCALE_ARCSEC > near) & _is_seen(far, sources, half)
    parts = [found, far.at(is_far), *more]
    found = Placed(**{item.name: np.concatenate([getattr(p, item.name) for p in parts]) for item in fields(Placed)})
    distance = np.hypot(found.x - x[found.galaxy], found.y - y[found.galaxy]) * PIXEL_SCALE_ARCSEC
    is_refused = sources.is_star & (sources.mag[:, _I] < STAR_MAG)
    keep = ~(is_refused[found.source] & (distance < STAR_ARCSEC))
    found, distance = found.at(keep), distance[keep]
    share = deblended(distance, sources.mag[found.source], galaxies.mag[found.galaxy])
    # Brightest last within a galaxy would say nothing: the order is that of the pool.
    order = np.lexsort((found.source, found.galaxy))
    return replace(found, subtracted=share).at(order)


def _thrown(n: int, of: np.ndarray, reach_arcsec: float, sources: Sources, rng: np.random.Generator) -> Placed:
    """Some of the pool, in a square round each of n galaxies, at the density that the pool's share has."""
    area = (2.0 * reach_arcsec / 60.0) ** 2
    number = rng.poisson(DENSITY_PER_ARCMIN2 * len(of) / len(sources) * area, n)
    total = int(number.sum())
    reach = reach_arcsec / PIXEL_SCALE_ARCSEC
    x, y = rng.uniform(-reach, reach, (2, total))
    source = of[rng.integers(len(of), size=total)] if total else np.zeros(0, int)
    turned = rng.integers(180, size=total).astype(np.int16)
    galaxy = np.repeat(np.arange(n, dtype=np.int32), number)
    return Placed(galaxy, source.astype(np.int32), x, y, turned, np.ones(total))


def _is_seen(found: Placed, sources: Sources, half: float) -> np.ndarray:
    """Whether light at the point of the picture that is nearest is above a share of the noise in any band."""
    gap = [np.maximum(np.abs(v) * PIXEL_SCALE_ARCSEC - half, 0.0) for v in (found.x, found.y)]
    distance = np.maximum(np.hypot(*gap), 0.5)[:, None]
    flux = counts(sources.mag[found.source]) * PIXEL_SCALE_ARCSEC**2 / SIGMA
    bulge = sources.bulge_fraction[found.source]
    disc = 1.0 - bulge - sources.point_fraction[found.source]
    scale = sources.disc_radius_arcsec[found.source][:, None] / 1.678
    radius = sources.bulge_radius_arcsec[found.source][:, None]
    # The wings of a Moffat profile of exponent 2.5, whose scale radius is 0.885 of its full width.
    light = 1.5 / np.pi * (0.885 * SEEING_ARCSEC) ** 3 / distance**5
    light += disc * np.exp(-distance / scale) / (2.0 * np.pi * scale**2)
    light += bulge * 94.48 * np.exp(-7.669 * (distance / radius) ** 0.25) / radius**2
    return (flux * light).max(axis=1) > SEEN
