"""Arrays of galaxies; convert type, dust, redshift and i magnitude to colours, radii and shapes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from galaxiesml.mock.sky.galaxies import sizes
from galaxiesml.mock.sky.galaxies.bands import BANDS, G_BAND, I_BAND, Z_BAND, grid
from galaxiesml.mock.sky.galaxies.cosmos import distance_modulus
from galaxiesml.mock.sky.galaxies.templates import GALAXY_TYPES, QUASAR

#: Change of magnitudes, i held, that makes g - z bluer by 1 mag as a power law over the spectrum does; by filters'
#: effective wavelengths (Kawanomoto et al. 2018, PASJ 70, 66), Angstrom.
_EFFECTIVE = np.array([4_816.0, 6_234.0, 7_741.0, 8_912.0, 9_780.0])
_TILT = np.log(_EFFECTIVE / _EFFECTIVE[I_BAND]) / np.log(_EFFECTIVE[Z_BAND] / _EFFECTIVE[G_BAND])
#: How far real spectra stray from templates, mag a band beside i: its median, and its spread from galaxy to galaxy in
#: the logarithm (some spectra are like no template).  Our choice: with it, photometry alone gives about the redshifts
#: that it gives for the real sample (docs/sky.md); fits of templates need a floor of 0.02 to 0.05 (Ilbert et al. 2009,
#: ApJ 690, 1236; Tanaka et al. 2018, PASJ 70, S9).
TEMPLATE_SCATTER_MAG, TEMPLATE_SCATTER_SPREAD, MOST_SCATTER_MAG = 0.023, 1.2, 0.4
#: A bulge takes at most this share of the light in any band, so that what is left for the disc is light.
MOST_BULGE = 0.97
#: Half-light radius given to quasars, arcsec: under a fifth of a pixel, thus a point in every picture.
POINT_RADIUS_ARCSEC = 0.03


@dataclass(frozen=True)
class Galaxies:
    """n galaxies and quasars; the band axis is g, r, i, z, y.  No value is NaN.

    Attributes
    ----------
    redshift : ndarray, shape (n,)
    template : ndarray of int8, shape (n,)
        Index into ``templates.NAMES``: of the types that a galaxy's spectrum is mixed from the nearer one.
    mag : ndarray, shape (n, 5)
        Total AB magnitudes, before noise and Galactic extinction.
    bulge_fraction, point_fraction : ndarray, shape (n, 5)
        The bulge's share of the light, and the nucleus's, which is a point; the disc has the rest.  Bulges are old
        (template E, with the galaxy's dust), so theirs is larger in redder bands; a quasar is a point alone.
    bulge_radius_arcsec, disc_radius_arcsec : ndarray, shape (n,)
        Half-light radii along the major axis, of profiles with n = 4 and n = 1; quasars have a point's.
    bulge_axis_ratio, disc_axis_ratio : ndarray, shape (n,)
        Minor over major axis.
    position_angle_deg : ndarray, shape (n,)
        Of the major axis, from north through east, 0 to 180.
    """

    redshift: np.ndarray
    template: np.ndarray
    mag: np.ndarray
    bulge_fraction: np.ndarray
    point_fraction: np.ndarray
    bulge_radius_arcsec: np.ndarray
    disc_radius_arcsec: np.ndarray
    bulge_axis_ratio: np.ndarray
    disc_axis_ratio: np.ndarray
    position_angle_deg: np.ndarray

    def __len__(self) -> int:
        return len(self.redshift)

    @property
    def is_quasar(self) -> np.ndarray:
        """Shape (n,), bool."""
        return self.template == QUASAR

    def at(self, which) -> Galaxies:
        """The galaxies that an index or a mask picks."""
        return Galaxies(**{item.name: getattr(self, item.name)[which] for item in fields(self)})


def joined(parts: list[Galaxies]) -> Galaxies:
    """Galaxies one after the other."""
    return Galaxies(
        **{item.name: np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Galaxies)}
    )


def mixed(of_types: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Fluxes of continuous types: light of two neighbouring types, added.

    Parameters
    ----------
    of_types : ndarray, shape (n, 5 types, 5 bands)
    kind : ndarray, shape (n,)
        From 0 (E) to 4 (starburst); the part after the point is the later type's share of the light at 4500
        Angstrom in the rest frame.

    Returns
    -------
    ndarray, shape (n, 5 bands)
    """
    low = np.clip(kind.astype(int), 0, GALAXY_TYPES - 2)
    share = (kind - low)[:, None]
    rows = np.arange(len(kind))
    return (1.0 - share) * of_types[rows, low] + share * of_types[rows, low + 1]


def scattered(n: int, rng: np.random.Generator) -> np.ndarray:
    """How far n spectra stray from their templates: mag, shape (n, 5), 0 in i."""
    width = TEMPLATE_SCATTER_MAG * np.exp(TEMPLATE_SCATTER_SPREAD * rng.normal(size=n))
    scatter = np.minimum(width, MOST_SCATTER_MAG)[:, None] * rng.normal(size=(n, len(BANDS)))
    scatter[:, I_BAND] = 0.0
    return scatter


def colours(z, kind, av, scatter, bluer=0.0) -> np.ndarray:
    """Magnitudes less that in i, shape (n, 5); for the parameters see :func:`dressed`."""
    flux = mixed(grid().of_types(z, av), kind)
    return -2.5 * np.log10(flux / flux[:, I_BAND, None]) + scatter + np.multiply.outer(bluer, _TILT)


def dressed(z, i_mag, kind, av, rng: np.random.Generator, scatter=None, bluer=0.0) -> Galaxies:
    """Galaxies of given types: their colours, radii and shapes.

    Parameters
    ----------
    z, i_mag : ndarray, shape (n,)
        Redshift, and total AB magnitude in i.
    kind : ndarray, shape (n,)
        Type from 0 (E) to 4 (starburst), see :func:`mixed`.
    av : ndarray, shape (n,)
        Dust in mag of A_V, by the law of Calzetti et al. (2000).
    rng : numpy.random.Generator
    scatter : ndarray, shape (n, 5), optional
        What :func:`scattered` gives; drawn where it is left out.
    bluer : ndarray, shape (n,), or float
        Magnitudes by which g - z is to be bluer than the type's, by a power law over its spectrum.
    """
    n = len(z)
    scatter = scattered(n, rng) if scatter is None else scatter
    of_types = grid().of_types(z, av)
    flux = mixed(of_types, kind)
    shift = i_mag + 2.5 * np.log10(flux[:, I_BAND])
    mag = i_mag[:, None] + colours(z, kind, av, scatter, bluer)
    rest = mixed(grid().of_types(np.zeros(n), av), kind)
    # The K correction: the grid's magnitudes at z and at 0 differ by it, distances aside.
    absolute = -2.5 * np.log10(rest) + (shift - distance_modulus(z))[:, None]
    share = sizes.bulge_share(kind, absolute[:, I_BAND], rng.normal(size=n))
    mass = stellar_mass(absolute[:, G_BAND] - absolute[:, I_BAND], absolute[:, I_BAND])
    radius = sizes.half_light_kpc(mass, z, kind, rng.normal(size=n))
    fraction = _bulge_by_band(share, of_types[:, 0], flux)
    shapes = sizes.shapes(radius, fraction[:, I_BAND], z, rng)
    return Galaxies(
        z,
        np.rint(kind).astype(np.int8),
        mag,
        fraction,
        np.zeros_like(fraction),
        shapes.bulge_radius,
        shapes.disc_radius,
        shapes.bulge_ratio,
        shapes.disc_ratio,
        shapes.angle,
    )


def stellar_mass(g_minus_i: np.ndarray, absolute_i: np.ndarray) -> np.ndarray:
    """log10 of the stellar mass over the sun's, from rest-frame AB (Taylor et al. 2011, MNRAS 418, 1587, eq. 8)."""
    return 1.15 + 0.70 * g_minus_i - 0.4 * absolute_i


def _bulge_by_band(share: np.ndarray, old: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """The bulge's share by band: an old bulge in a galaxy of given fluxes, less where it would outshine it."""
    relative = old / old[:, I_BAND, None] * (flux[:, I_BAND, None] / flux)
    most = MOST_BULGE / relative.max(axis=1)
    return np.minimum(share, most)[:, None] * relative


def quasars(z: np.ndarray, i_mag: np.ndarray, slope: np.ndarray, rng: np.random.Generator) -> Galaxies:
    """Quasars as points, at redshifts, i magnitudes and slopes of f_nu."""
    n = len(z)
    flux = grid().of_quasars(z, slope)
    scatter = scattered(n, rng)
    mag = (i_mag + 2.5 * np.log10(flux[:, I_BAND]))[:, None] - 2.5 * np.log10(flux) + scatter
    point, round_, north = np.full(n, POINT_RADIUS_ARCSEC), np.ones(n), np.zeros(n)
    template = np.full(n, QUASAR, np.int8)
    whole = np.ones((n, len(BANDS)))
    return Galaxies(z, template, mag, 0.0 * whole, whole, point, point, round_, round_, north)


# -- types and slopes from a colour --------------------------------------------------------------------------


def g_minus_z(flux: np.ndarray) -> np.ndarray:
    """Colour of fluxes, shape (..., 5 bands), mag."""
    return 2.5 * np.log10(flux[..., Z_BAND] / flux[..., G_BAND])


#: No two types' colours are nearer than this on the scale of :func:`colour_of_rank`, mag.
LEAST_STEP = 0.15


def _scale(z: np.ndarray) -> np.ndarray:
    """g - z of the types without dust, made to fall from each to the next, shape (n, 5)."""
    colours = g_minus_z(grid().of_types(z, np.zeros_like(z)))
    for k in range(1, GALAXY_TYPES):
        colours[:, k] = np.minimum(colours[:, k], colours[:, k - 1] - LEAST_STEP)
    return colours


def rank_of_colour(z: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Where a g - z colour stands among the types' at a redshift: 0 is E's, 4 the starburst's.

    Linear in the colour from type to type; a magnitude beyond the last on either side counts 1.
    """
    scale = _scale(z)
    low = np.clip((scale > colour[:, None]).sum(axis=1) - 1, 0, GALAXY_TYPES - 2)
    rows = np.arange(len(z))
    rank = low + (scale[rows, low] - colour) / (scale[rows, low] - scale[rows, low + 1])
    last = GALAXY_TYPES - 1
    rank = np.where(colour > scale[:, 0], scale[:, 0] - colour, rank)
    return np.where(colour < scale[:, last], last + scale[:, last] - colour, rank)


def colour_of_rank(z: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """The g - z colour at a rank; the inverse of :func:`rank_of_colour`."""
    scale = _scale(z)
    low = np.clip(np.floor(rank).astype(int), 0, GALAXY_TYPES - 2)
    rows = np.arange(len(z))
    last = GALAXY_TYPES - 1
    inside = np.clip(rank, 0.0, last) - low
    colour = (1.0 - inside) * scale[rows, low] + inside * scale[rows, low + 1]
    return colour - np.minimum(rank, 0.0) - np.maximum(rank - last, 0.0)


def type_of_colour(z: np.ndarray, colour: np.ndarray, av: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Types that have a g - z colour at a redshift under dust.

    Where no type is so red, an elliptical has more dust; where none is so blue under the dust, there is none.

    Returns
    -------
    kind, av, bluer : ndarray, shape (n,)
        Type from 0 to 4, dust in mag, and by how many magnitudes the colour is bluer still than any type's.
    """
    kind, reached = _solved(grid().of_types(z, av), colour)
    av, bluer = av.copy(), np.zeros_like(colour)
    over = np.flatnonzero(reached < 0)
    av[over] = 0.0
    clear = grid().of_types(z[over], av[over])
    kind[over], reached = _solved(clear, colour[over])
    bluer[over] = np.where(reached < 0, g_minus_z(clear).min(axis=1) - colour[over], 0.0)
    return kind, _dustier(z, colour, av, kind == 0.0), bluer


def _solved(of_types: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Types with a colour, and where there is none: -1 all are redder, 1 all are bluer."""
    g, z = of_types[:, :, G_BAND], of_types[:, :, Z_BAND]
    wanted = 10.0 ** (-0.4 * colour)[:, None]
    # Light of two types adds: g over z of a mixture lies between theirs, and its share is a fraction of sums.
    low, high = g[:, :-1] - wanted * z[:, :-1], g[:, 1:] - wanted * z[:, 1:]
    crosses = (low <= 0.0) & (high > 0.0)
    at = np.argmax(crosses, axis=1)
    rows = np.arange(len(colour))
    below, above = low[rows, at], high[rows, at]
    found = crosses[rows, at]
    share = np.divide(-below, above - below, out=np.zeros_like(below), where=found)
    bluest = g / z
    reached = np.where(found, 0, np.where(bluest.max(axis=1) <= wanted[:, 0], -1, 1))
    ends = np.where(reached < 0, np.argmax(bluest, axis=1), np.argmin(bluest, axis=1))
    return np.where(found, at + share, ends), reached


def _dustier(z: np.ndarray, colour: np.ndarray, av: np.ndarray, is_red: np.ndarray) -> np.ndarray:
    """Dust in mag, more of it for ellipticals that are redder than E: colours are nearly linear in it."""
    at = np.flatnonzero(is_red)
    now, dusty = (g_minus_z(grid().of_types(z[at], dust)[:, 0]) for dust in (av[at], av[at] + 1.0))
    more = np.clip((colour[at] - now) / np.maximum(dusty - now, 0.1), 0.0, 3.0)
    av = av.copy()
    av[at] += more
    return av
