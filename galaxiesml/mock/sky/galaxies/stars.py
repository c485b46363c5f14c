"""Stars of the Milky Way in a direction of HSC Wide: magnitudes, colours and counts."""

from __future__ import annotations

from functools import cache

import numpy as np

#: Galactic coordinates that stand for the survey's fields, deg.
LONGITUDE_DEG, LATITUDE_DEG = 90.0, 55.0
#: Discs and halo: scale heights and lengths in pc, share of the second disc and of the halo by the sun, the halo's
#: flattening and power; the sun's place in pc (Juric et al. 2008, ApJ 673, 864, table 10).
THIN, THICK, THICK_SHARE = (300.0, 2_600.0), (900.0, 3_600.0), 0.12
HALO_SHARE, HALO_FLATTENING, HALO_POWER = 0.0051, 0.64, 2.77
SUN_R, SUN_Z = 8_000.0, 25.0
#: Stars per pc3 and mag of M_r by the sun, main sequence (shape after Reid, Gizis & Hawley 2002, AJ 124, 2721, and
#: Bochanski et al. 2010, AJ 139, 2679, rounded).
LUMINOSITY_M = np.arange(4.0, 17.0)
LUMINOSITY = 1.0e-3 * np.array([2.4, 2.7, 2.8, 3.0, 3.5, 4.5, 6.5, 8.0, 6.5, 4.5, 3.0, 2.0, 1.5])
#: AB magnitudes in i that are drawn.
BRIGHTEST_I, FAINTEST_I = 14.0, 26.0
STEP_M = 0.1
#: Scatter of stars about the locus, mag a band.
LOCUS_SCATTER_MAG = 0.03


@cache
def _cells() -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """M_r and distance modulus of cells, the cumulative share of stars in them, and stars per square arcminute."""
    absolute = np.arange(4.0, 16.0, STEP_M) + STEP_M / 2.0
    modulus = np.arange(3.0, 21.0, STEP_M) + STEP_M / 2.0
    distance = 10.0 ** (modulus / 5.0 + 1.0)
    # Volume of a step of the distance modulus in a square arcminute: d^3 ln(10) / 5 dmu, pc3.
    volume = distance**3 * np.log(10.0) / 5.0 * STEP_M * (np.pi / 180.0 / 60.0) ** 2
    of_light = np.interp(absolute, LUMINOSITY_M, LUMINOSITY) * STEP_M
    numbers = np.outer(of_light, volume * _density(distance))
    i_mag = absolute[:, None] + modulus - _red_minus_i(absolute)[:, None]
    numbers[(i_mag < BRIGHTEST_I) | (i_mag > FAINTEST_I)] = 0.0
    total = float(numbers.sum())
    rows = np.meshgrid(absolute, modulus, indexing="ij")
    return rows[0].ravel(), rows[1].ravel(), np.cumsum(numbers.ravel()) / total, total


def _density(distance: np.ndarray) -> np.ndarray:
    """Stars at distances in pc over those by the sun."""
    b, l = np.radians(LATITUDE_DEG), np.radians(LONGITUDE_DEG)  # noqa: E741
    flat = distance * np.cos(b)
    r = np.sqrt(SUN_R**2 + flat**2 - 2.0 * SUN_R * flat * np.cos(l))
    height = distance * np.sin(b) + SUN_Z
    discs = [np.exp(-(np.abs(height) - SUN_Z) / h - (r - SUN_R) / length) for h, length in (THIN, THICK)]
    halo = (SUN_R / np.sqrt(r**2 + (height / HALO_FLATTENING) ** 2)) ** HALO_POWER
    return (discs[0] + THICK_SHARE * discs[1] + HALO_SHARE * halo) / (1.0 + THICK_SHARE + HALO_SHARE)


def _red_minus_i(absolute_r: np.ndarray) -> np.ndarray:
    """r - i of a main-sequence star by M_r (Juric et al. 2008, eq. 2, inverted)."""
    x = np.linspace(0.05, 2.0, 400)
    m = 3.2 + 13.30 * x - 11.50 * x**2 + 5.40 * x**3 - 0.70 * x**4
    return np.interp(absolute_r, m, x)


def stars(n: int, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw stars.

    Colours follow the stellar locus of Juric et al. (2008, eq. 4), in SDSS's filters: HSC's differ from them by
    some hundredths of a magnitude but for the reddest stars.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    mag : ndarray, shape (n, 5)
        AB magnitudes in g, r, i, z, y, before noise and Galactic extinction.
    density : float
        ``STAR_DENSITY_PER_ARCMIN2``.
    """
    absolute, modulus, ends, density = _cells()
    cell = np.minimum(np.searchsorted(ends, rng.random(n), side="right"), len(ends) - 1)
    shake = rng.uniform(-0.5, 0.5, (2, n)) * STEP_M
    m_r = absolute[cell] + shake[0]
    r = m_r + modulus[cell] + shake[1]
    r_i = _red_minus_i(m_r)
    g_r = 1.39 * (1.0 - np.exp(-4.9 * r_i**3 - 2.45 * r_i**2 - 1.68 * r_i - 0.05))
    i = r - r_i
    # Beyond i the locus of main-sequence stars is a line (Covey et al. 2007, AJ 134, 2398, figure 3).
    z = i - 0.55 * r_i
    mag = np.stack([r + g_r, r, i, z, z - 0.27 * r_i], axis=1)
    return mag + rng.normal(0.0, LOCUS_SCATTER_MAG, mag.shape), density


#: To i = 26 in that direction.
STAR_DENSITY_PER_ARCMIN2 = _cells()[3]
