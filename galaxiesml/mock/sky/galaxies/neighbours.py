"""Neighbours for many galaxies at once, from a pool: field galaxies, stars and members of groups."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.galaxies import groups, population
from galaxiesml.mock.sky.galaxies.deblending import taken_away
from galaxiesml.mock.sky.galaxies.galaxies import POINT_RADIUS_ARCSEC, Galaxies
from galaxiesml.mock.sky.galaxies.sources import Sources, joined, of_galaxies, of_stars
from galaxiesml.mock.sky.instrument import SEEING_ARCSEC, SIGMA, counts

#: Field galaxies and stars per square arcminute.
DENSITY_PER_ARCMIN2 = population.FIELD_DENSITY_PER_ARCMIN2 + population.STAR_DENSITY_PER_ARCMIN2
#: Field galaxies and stars of the pool, and the galaxies whose groups are in it.
POOL, DONORS = 20_000, 20_000
#: A galaxy gets the group of one of so many donors of its kind that are nearest to its redshift.
_NEAREST = 8
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


@dataclass(frozen=True)
class Pool:
    """What neighbours are taken from.

    Attributes
    ----------
    sources : Sources
        Field galaxies and stars in their proportions, then members of groups.
    field : int
        How many of them are of the field.
    donors : Galaxies
        Galaxies by type (early, then others) and redshift, whose groups are in the pool.
    members : groups.Members
        Of the donors; row ``k`` is source ``field + k``.
    """

    sources: Sources
    field: int
    donors: Galaxies
    members: groups.Members

    @classmethod
    def drawn(cls, rng: np.random.Generator, size: int = POOL, donors: int = DONORS) -> Pool:
        """A pool; stars have a point's shape, so that no value is NaN."""
        n_stars = round(size * population.STAR_DENSITY_PER_ARCMIN2 / DENSITY_PER_ARCMIN2)
        galaxies = of_galaxies(population.field(size - n_stars, rng), *np.zeros((2, size - n_stars)))
        stars = of_stars(population.stars(n_stars, rng)[0], *np.zeros((2, n_stars)))
        nothing, point, one = np.zeros((n_stars, 5)), np.full(n_stars, POINT_RADIUS_ARCSEC), np.ones(n_stars)
        stars = replace(stars, bulge_fraction=nothing, point_fraction=nothing + 1.0, position_angle_deg=0.0 * one)
        stars = replace(stars, bulge_radius_arcsec=point, disc_radius_arcsec=point)
        stars = replace(stars, bulge_axis_ratio=one, disc_axis_ratio=one)
        given = population.spectroscopic(donors, rng)
        given = given.at(np.lexsort((given.redshift, given.template != 0)))
        members = groups.members(given, rng)
        grouped = of_galaxies(members.galaxies, *np.zeros((2, len(members.target))))
        return cls(joined([galaxies, stars, grouped]), size, given, members)


def placed(galaxies: Galaxies, x, y, fwhm_arcsec, sigma, pool: Pool, size: int, rng: np.random.Generator) -> Placed:
    """Neighbours of galaxies: a random sample of the field at the sky's density, and the members of their groups.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Of the galaxies, pixels from the centre of the central pixel.
    fwhm_arcsec, sigma : ndarray, shape (n,)
        Seeing and sky noise in i, by which the deblender works.
    pool : Pool
    size : int
        Pixels on a side of the pictures.
    """
    sources = pool.sources
    half = size / 2.0 * PIXEL_SCALE_ARCSEC
    near, wide = half + MARGIN_ARCSEC, half + BRIGHT_MARGIN_ARCSEC
    bright = np.flatnonzero(counts(sources.mag[: pool.field]).max(axis=1) > BRIGHT)
    found = _thrown(len(galaxies), np.arange(pool.field), near, pool.field, rng)
    far = _thrown(len(galaxies), bright, wide, pool.field, rng)
    is_far = (np.maximum(np.abs(far.x), np.abs(far.y)) * PIXEL_SCALE_ARCSEC > near) & _is_seen(far, sources, half)
    members = _grouped(galaxies, x, y, pool, rng)
    is_near = np.maximum(np.abs(members.x), np.abs(members.y)) * PIXEL_SCALE_ARCSEC < near
    parts = [found, far.at(is_far), members.at(is_near)]
    found = Placed(**{item.name: np.concatenate([getattr(p, item.name) for p in parts]) for item in fields(Placed)})
    distance = np.hypot(found.x - x[found.galaxy], found.y - y[found.galaxy]) * PIXEL_SCALE_ARCSEC
    is_refused = sources.is_star & (sources.mag[:, _I] < STAR_MAG)
    keep = ~(is_refused[found.source] & (distance < STAR_ARCSEC))
    found, distance = found.at(keep), distance[keep]
    of = sources.at(found.source)
    radius = np.where(of.bulge_fraction[:, _I] > 0.5, of.bulge_radius_arcsec, of.disc_radius_arcsec)
    seeing, noise = fwhm_arcsec[found.galaxy], sigma[found.galaxy]
    share = taken_away(counts(of.mag[:, _I]), np.where(of.is_star, 0.0, radius), distance, seeing, noise, rng)
    # Brightest last within a galaxy would say nothing: the order is that of the pool.
    order = np.lexsort((found.source, found.galaxy))
    return replace(found, subtracted=share).at(order)


def _grouped(galaxies: Galaxies, x, y, pool: Pool, rng: np.random.Generator) -> Placed:
    """The groups of donors of the same kind and about the same redshift, turned by a random angle."""
    n, donors = len(galaxies), pool.donors
    early = int((donors.template == 0).sum())
    donor = np.empty(n, int)
    for is_early, low, high in ((True, 0, early), (False, early, len(donors))):
        rows = np.flatnonzero((galaxies.template == 0) == is_early)
        at = np.searchsorted(donors.redshift[low:high], galaxies.redshift[rows]) + rng.integers(
            -_NEAREST // 2, _NEAREST // 2, len(rows)
        )
        donor[rows] = low + np.clip(at, 0, high - low - 1)
    first, last = (np.searchsorted(pool.members.target, donor, side) for side in ("left", "right"))
    galaxy = np.repeat(np.arange(n), last - first)
    member = np.arange(len(galaxy)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[galaxy]
    turned = rng.integers(180, size=n)[galaxy]
    sin, cos = np.sin(np.radians(turned)), np.cos(np.radians(turned))
    east, north = pool.members.east[member], pool.members.north[member]
    # Position angles grow from north to east; columns run west.
    to_east, to_north = east * cos + north * sin, north * cos - east * sin
    made = Placed(
        galaxy.astype(np.int32),
        (pool.field + member).astype(np.int32),
        x[galaxy] - to_east / PIXEL_SCALE_ARCSEC,
        y[galaxy] + to_north / PIXEL_SCALE_ARCSEC,
        turned.astype(np.int16),
        np.ones(len(galaxy)),
    )
    # As in the groups that are drawn one by one, a member is fainter than its target.
    return made.at(pool.members.galaxies.mag[member, _I] > galaxies.mag[galaxy, _I])


def _thrown(n: int, of: np.ndarray, reach_arcsec: float, field: int, rng: np.random.Generator) -> Placed:
    """Some of the field's pool, in a square round each of n galaxies, at the density that the pool's share has."""
    area = (2.0 * reach_arcsec / 60.0) ** 2
    number = rng.poisson(DENSITY_PER_ARCMIN2 * len(of) / field * area, n)
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
