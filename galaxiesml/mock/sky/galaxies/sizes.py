"""Radii and shapes of galaxies: bulge and disc, from mass, type and redshift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.sky.galaxies.cosmos import kpc_per_arcsec

#: Half-light radii along the major axis at 5e10 solar masses, log10 of kpc; slope with log10 of the mass; scatter
#: in dex: by redshift, of early and of late types (van der Wel et al. 2014, ApJ 788, 28, table 1).
SIZE_Z = np.array([0.25, 0.75, 1.25, 1.75, 2.25, 2.75])
EARLY_RADIUS, EARLY_SLOPE = np.array([0.60, 0.42, 0.22, 0.09, -0.05, -0.06]), 0.75
LATE_RADIUS, LATE_SLOPE = np.array([0.86, 0.78, 0.70, 0.65, 0.55, 0.51]), 0.22
EARLY_SCATTER = np.array([0.10, 0.11, 0.12, 0.14, 0.14, 0.14])
LATE_SCATTER = np.array([0.16, 0.16, 0.17, 0.18, 0.19, 0.19])
LOG_MASS_UNIT = np.log10(5.0e10)
#: log10 of the mass below which the steep relation of early types is not seen; they follow the late slope there.
EARLY_BREAK = 10.3
#: Hubble stage T of the types E, Sbc, Scd, Im and starburst.
HUBBLE_STAGE = np.array([-5.0, 4.0, 6.0, 10.0, 10.0])
#: Change of logit(bulge share) by magnitude brighter than M_i = -21.5, and its scatter: our choice, so that bright
#: galaxies of a type have the larger bulges and shares scatter by about half of themselves.
BULGE_PER_MAG, BULGE_PIVOT, BULGE_SCATTER = 0.2, -21.5, 0.6
#: A bulge's radius over its disc's: small in late types (MacArthur, Courteau & Holtzman 2003, ApJ 582, 689: 0.22
#: scale lengths, thus 0.13 half-light radii), equal where the bulge is everything.
BULGE_RADIUS_IN_LATE = 0.13
#: Axis ratio of a disc seen edge on (Unterborn & Ryden 2008, ApJ 687, 976), and mean and scatter of bulges'
#: (Ryden 1992, ApJ 396, 445).
THICKNESS, BULGE_RATIO, BULGE_RATIO_SCATTER = 0.22, 0.75, 0.12
#: No radius is below what a picture of 0.168 arcsec a pixel could show, nor beyond its frame, arcsec.
RADIUS_LIMITS_ARCSEC = (0.03, 15.0)


@dataclass(frozen=True)
class Shapes:
    """Radii (arcsec, half light, major axis), axis ratios and position angles (deg), each of shape (n,)."""

    bulge_radius: np.ndarray
    disc_radius: np.ndarray
    bulge_ratio: np.ndarray
    disc_ratio: np.ndarray
    angle: np.ndarray


def half_light_kpc(log_mass: np.ndarray, z: np.ndarray, kind: np.ndarray, deviate: np.ndarray) -> np.ndarray:
    """Half-light radius along the major axis, kpc (van der Wel et al. 2014, eq. 2 and table 1).

    Parameters
    ----------
    log_mass : ndarray, shape (n,)
        log10 of the stellar mass over the sun's.
    z : ndarray, shape (n,)
        Redshift; beyond their bins the last bin's values are taken.
    kind : ndarray, shape (n,)
        Type, 0 for E and 1 or more for a spiral or later; between, the mean of both in the logarithm.
    deviate : ndarray, shape (n,)
        Of a normal distribution with variance 1, for the scatter.
    """
    at = np.log1p(z), np.log1p(SIZE_Z)
    mass = log_mass - LOG_MASS_UNIT
    bend = EARLY_BREAK - LOG_MASS_UNIT
    steep = EARLY_SLOPE * np.maximum(mass, bend) + LATE_SLOPE * np.minimum(mass - bend, 0.0)
    early = np.interp(*at, EARLY_RADIUS) + steep + np.interp(*at, EARLY_SCATTER) * deviate
    late = np.interp(*at, LATE_RADIUS) + LATE_SLOPE * mass + np.interp(*at, LATE_SCATTER) * deviate
    share = np.clip(kind, 0.0, 1.0)
    return 10.0 ** ((1.0 - share) * early + share * late)


def bulge_share(kind: np.ndarray, absolute_i: np.ndarray, deviate: np.ndarray) -> np.ndarray:
    """Bulge over total light, from 0 to 1, in the i band.

    The mean by Hubble stage is that of Simien & de Vaucouleurs (1986, ApJ 302, 564, eq. 4, in B).
    """
    stage = np.interp(kind, np.arange(len(HUBBLE_STAGE)), HUBBLE_STAGE) + 5.0
    fainter = 0.324 * stage - 0.054 * stage**2 + 0.0047 * stage**3
    mean = np.clip(10.0 ** (-0.4 * fainter), 0.005, 0.95)
    logit = np.log(mean / (1.0 - mean)) + BULGE_PER_MAG * (BULGE_PIVOT - absolute_i) + BULGE_SCATTER * deviate
    return 1.0 / (1.0 + np.exp(-logit))


def shapes(half_light: np.ndarray, share: np.ndarray, z: np.ndarray, rng: np.random.Generator) -> Shapes:
    """Bulges and discs that together have a half-light radius.

    Parameters
    ----------
    half_light : ndarray, shape (n,)
        Of the whole galaxy, kpc.
    share : ndarray, shape (n,)
        Bulge over total light in the i band.
    z : ndarray, shape (n,)
    rng : numpy.random.Generator
    """
    n = len(z)
    disc = half_light / kpc_per_arcsec(z) / np.interp(share, *_WHOLE)
    bulge = disc * _bulge_over_disc(share)
    # Discs are round seen from above, and all directions are equally likely.
    cosine = rng.random(n)
    disc_ratio = np.sqrt(cosine**2 * (1.0 - THICKNESS**2) + THICKNESS**2)
    bulge_ratio = np.clip(rng.normal(BULGE_RATIO, BULGE_RATIO_SCATTER, n), 0.35, 1.0)
    return Shapes(
        np.clip(bulge, *RADIUS_LIMITS_ARCSEC),
        np.clip(disc, *RADIUS_LIMITS_ARCSEC),
        # A bulge seen with its disc is not flatter than it.
        np.where(share < 0.5, np.maximum(bulge_ratio, disc_ratio), bulge_ratio),
        disc_ratio,
        rng.uniform(0.0, 180.0, n),
    )


def _bulge_over_disc(share: np.ndarray) -> np.ndarray:
    return BULGE_RADIUS_IN_LATE ** (1.0 - share)


def light_within(radius: np.ndarray, index: int) -> np.ndarray:
    """Share of a Sersic profile's light within a radius in units of its half-light radius, for n = 1 or 4.

    The lower incomplete gamma function of 2n, a whole number, in closed form (Graham & Driver 2005, PASA 22,
    118, eq. 2 and 5).
    """
    terms = 2 * index
    x = {1: 1.67834699, 4: 7.66924944}[index] * np.asarray(radius, float) ** (1.0 / index)
    term, total = np.ones_like(x), np.ones_like(x)
    for k in range(1, terms):
        term = term * x / k
        total = total + term
    return 1.0 - np.exp(-x) * total


def _whole() -> tuple[np.ndarray, np.ndarray]:
    """Half-light radius of bulge and disc together over the disc's, by bulge share."""
    shares = np.linspace(0.0, 1.0, 51)
    radius = np.geomspace(0.01, 3.0, 2_000)
    disc = light_within(radius, 1)
    found = []
    for share in shares:
        both = share * light_within(radius / _bulge_over_disc(share), 4) + (1.0 - share) * disc
        found.append(np.interp(0.5, both, radius))
    return shares, np.array(found)


_WHOLE = _whole()
