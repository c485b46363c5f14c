"""Neighbours in space: galaxies of a target's own group or cluster, at its redshift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.sky.galaxies.cosmos import distance_modulus, kpc_per_arcsec
from galaxiesml.mock.sky.galaxies.field import FAINTEST_I
from galaxiesml.mock.sky.galaxies.galaxies import Galaxies, dressed

#: Mean number of neighbours within 100 kpc on the sky that are brighter than the faint limit, about targets of early
#: and of late type.  Our choice, of the order of what the correlation function gives about bright galaxies.
EARLY_NUMBER, LATE_NUMBER, RADIUS_KPC = 1.2, 0.4, 100.0
#: Their surface density falls as the radius to this power (Zehavi et al. 2011, ApJ 736, 59: a power law of
#: 1.8 in space is 0.8 on the sky).
SLOPE = 0.8
#: The nearest and the farthest that one is placed, arcsec: nearer ones would be one object with the target.
NEAREST_ARCSEC, FARTHEST_ARCSEC = 1.2, 20.0
#: Luminosity function: M* in i at z = 0 and its slope (Loveday et al. 2012, MNRAS 420, 1239, rounded), brightening and
#: K correction together by redshift, and the faintest, in units of L*.
M_STAR, ALPHA, MAG_BY_Z, FAINTEST_L = -22.0, -1.1, 0.7, 0.03
#: How far in velocity members are apart, km/s.
VELOCITY = 400.0
#: Types of members: as early as the target's group is.
EARLY_SHARE = {True: 0.7, False: 0.3}


@dataclass(frozen=True)
class Members:
    """Neighbours of targets.

    Attributes
    ----------
    target : ndarray of int, shape (m,)
        The row of the target.
    galaxies : Galaxies
    east, north : ndarray, shape (m,)
        arcsec from the target.
    """

    target: np.ndarray
    galaxies: Galaxies
    east: np.ndarray
    north: np.ndarray


def members(targets: Galaxies, rng: np.random.Generator) -> Members:
    """Draw the neighbours of targets.

    Parameters
    ----------
    targets : Galaxies
    rng : numpy.random.Generator
        Equal states give equal neighbours.

    Returns
    -------
    Members
        In the order of the targets; none is brighter than its target in i, or fainter than 26.
    """
    scale = kpc_per_arcsec(targets.redshift)
    reach = np.minimum(RADIUS_KPC / scale, FARTHEST_ARCSEC)
    number = np.where(targets.template == 0, EARLY_NUMBER, LATE_NUMBER)
    number = number * (reach * scale / RADIUS_KPC) ** (2.0 - SLOPE)
    target = np.repeat(np.arange(len(targets)), rng.poisson(number))
    radius = reach[target] * rng.random(len(target)) ** (1.0 / (2.0 - SLOPE))
    angle = rng.uniform(0.0, 2.0 * np.pi, len(target))
    i_mag = _star(targets.redshift[target]) - 2.5 * np.log10(_luminosities(len(target), rng))
    is_early = rng.random(len(target)) < np.where(targets.template[target] == 0, EARLY_SHARE[True], EARLY_SHARE[False])
    kind = np.where(is_early, rng.uniform(0.0, 0.4, len(target)), rng.uniform(0.7, 4.0, len(target)))
    dust = np.where(is_early, 0.05, 0.4) * rng.exponential(1.0, len(target))
    z = targets.redshift[target] + (1.0 + targets.redshift[target]) * rng.normal(
        0.0, VELOCITY / 299_792.458, len(target)
    )
    z = np.clip(z, 0.003, 4.9)
    kept = (i_mag > targets.mag[target, 2]) & (i_mag < FAINTEST_I) & (radius > NEAREST_ARCSEC)
    made = dressed(z[kept], i_mag[kept], kind[kept], np.minimum(dust[kept], 2.5), rng)
    return Members(target[kept], made, (radius * np.sin(angle))[kept], (radius * np.cos(angle))[kept])


def _star(z: np.ndarray) -> np.ndarray:
    """The i magnitude of an L* galaxy at a redshift, AB."""
    return M_STAR + distance_modulus(z) + MAG_BY_Z * np.minimum(z, 1.5)


def _luminosities(n: int, rng: np.random.Generator) -> np.ndarray:
    """Luminosities in L*, by a Schechter function above the faintest."""
    grid = np.geomspace(FAINTEST_L, 10.0, 400)
    density = grid ** (ALPHA + 1.0) * np.exp(-grid)
    cumulative = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2.0 * np.diff(np.log(grid)))])
    return np.interp(rng.random(n) * cumulative[-1], cumulative, grid)
