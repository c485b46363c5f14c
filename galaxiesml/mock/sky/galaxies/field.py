"""Field galaxies without spectra: the neighbours in every picture, with counts that rise to faint magnitudes."""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.sky.galaxies.galaxies import Galaxies, dressed

#: Galaxies per square arcminute brighter than i: COUNTS 10 ** (SLOPE (i - 25)), for i from 20.5 to 25.5 (LSST Science
#: Book, arXiv:0912.0201, section 3.7.2); we let it go on to 26.5, where deeper counts still rise so.
COUNTS, COUNTS_SLOPE, COUNTS_I = 46.0, 0.31, 25.0
FAINTEST_I, LIMIT_I = 26.0, 26.5
FIELD_DENSITY_PER_ARCMIN2 = COUNTS * 10.0 ** (COUNTS_SLOPE * (FAINTEST_I - COUNTS_I))
#: Brighter than this the slope is that of nearby galaxies in flat space, 0.6; none is brighter than the second.
EUCLIDEAN_I, EUCLIDEAN_SLOPE, BRIGHTEST_I = 19.0, 0.6, 14.0
#: Types and redshifts by i magnitude (Benitez 2000, ApJ 536, 571, eq. 23-24 and table 1), for E/S0, spiral and
#: irregular: share of the first two at i = 20 and its decline by mag; alpha, z0 and km of the redshifts.
PIVOT_I = 20.0
SHARES, DECLINES = (0.35, 0.50), (0.450, 0.147)
ALPHA, Z0, KM = np.array([2.465, 1.806, 0.906]), np.array([0.431, 0.390, 0.0626]), np.array([0.0913, 0.0636, 0.123])
#: Types that stand for these, from and to; and mean dust of each, mag of A_V.
KINDS = np.array([(0.0, 0.4), (0.7, 2.4), (2.4, 4.0)])
DUST_AV = np.array([0.05, 0.5, 0.25])
Z_LIMITS = (0.005, 4.9)


def field(n: int, rng: np.random.Generator, faintest_i: float = FAINTEST_I) -> Galaxies:
    """Draw the galaxies of a random region of the sky.

    Parameters
    ----------
    n : int
        ``FIELD_DENSITY_PER_ARCMIN2`` times an area in square arcminutes, for ``faintest_i`` of 26.
    rng : numpy.random.Generator
    faintest_i : float
        AB magnitude, from 19 to 26.5.

    Returns
    -------
    Galaxies

    Raises
    ------
    ValueError
        ``faintest_i`` is beyond what the counts are known for.
    UsageError
        GalSim or speclite is not installed.
    """
    if not EUCLIDEAN_I <= faintest_i <= LIMIT_I:
        raise ValueError(f"faintest_i is {faintest_i}; counts are known from {EUCLIDEAN_I} to {LIMIT_I}.")
    i_mag = _magnitudes(n, rng, faintest_i)
    family = _families(i_mag, rng)
    low, high = KINDS[family].T
    kind = rng.uniform(low, high)
    av = np.minimum(DUST_AV[family] * rng.exponential(1.0, n), 2.5)
    return dressed(_redshifts(i_mag, family, rng), i_mag, kind, av, rng)


def _magnitudes(n: int, rng: np.random.Generator, faintest_i: float) -> np.ndarray:
    """Magnitudes whose cumulative counts are a broken exponential."""
    counts = rng.random(n) * (1.0 - _relative(BRIGHTEST_I, faintest_i)) + _relative(BRIGHTEST_I, faintest_i)
    at_break = _relative(EUCLIDEAN_I, faintest_i)
    faint = faintest_i + np.log10(counts) / COUNTS_SLOPE
    bright = EUCLIDEAN_I + np.log10(counts / at_break) / EUCLIDEAN_SLOPE
    return np.where(counts > at_break, faint, bright)


def _relative(i_mag: float, faintest_i: float) -> float:
    """Counts to a magnitude over those to the faintest."""
    steep = (EUCLIDEAN_SLOPE - COUNTS_SLOPE) * min(i_mag - EUCLIDEAN_I, 0.0)
    return 10.0 ** (COUNTS_SLOPE * (i_mag - faintest_i) + steep)


def _families(i_mag: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """0 for E/S0, 1 for spirals, 2 for irregulars; brighter than 20 as at 20."""
    fainter = np.maximum(i_mag - PIVOT_I, 0.0)
    early, spiral = (share * np.exp(-rate * fainter) for share, rate in zip(SHARES, DECLINES, strict=True))
    draw = rng.random(len(i_mag))
    return (draw > early).astype(int) + (draw > early + spiral)


def _redshifts(i_mag: np.ndarray, family: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Redshifts with p(z) ~ z^a exp(-(z / zm)^a), whose (z / zm)^a has a gamma distribution."""
    fainter = i_mag - PIVOT_I
    # Brighter than 20, where the fit ends, galaxies are as near as their light tells in flat space.
    middle = (Z0[family] + KM[family] * np.maximum(fainter, 0.0)) * 10.0 ** (0.2 * np.minimum(fainter, 0.0))
    power = ALPHA[family]
    z = np.full(len(i_mag), np.nan)
    beyond = np.arange(len(i_mag))
    while len(beyond):
        of = power[beyond]
        z[beyond] = middle[beyond] * rng.gamma(1.0 + 1.0 / of) ** (1.0 / of)
        # The tail beyond the grid of magnitudes is drawn again.
        beyond = beyond[z[beyond] > Z_LIMITS[1]]
    return np.maximum(z, Z_LIMITS[0])
