"""Rest-frame spectra: galaxies from elliptical to starburst, and quasars, with dust, lines and the Lyman forest.

Galaxies are the four types of Coleman, Wu & Weedman (1980, ApJS 43, 393), as GalSim carries them (extended below
1400 and beyond 10000 Angstrom with the models of Bruzual & Charlot), and a starburst bluer than these.  At 40
Angstrom a sample they blur emission lines: those are taken out, and new ones put in (:mod:`.lines`).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from galaxiesml.mock.needs import load
from galaxiesml.mock.sky.galaxies.lines import nebular, quasar_lines

#: What ``Galaxies.template`` counts: the type nearest to a galaxy's own mixture, or a quasar.
NAMES = ("E", "Sbc", "Scd", "Im", "starburst", "quasar")
GALAXY_TYPES = 5
QUASAR = NAMES.index("quasar")
#: Step of the wavelengths in their logarithm, 150 km/s: a redshift is a shift by whole samples.
LOG_STEP = 0.0005
#: Rest wavelengths, Angstrom.
WAVELENGTH = np.exp(np.arange(np.log(450.0), np.log(11_100.0), LOG_STEP))
#: Where spectra are set to 1, Angstrom: mixtures of types are by light here.
NORMAL = 4_500.0
#: Gas-phase 12 + log(O/H) by galaxy type, where there are lines (Zaritsky, Kennicutt & Huchra 1994; Im and
#: starburst after Kobulnicky, Kennicutt & Pizagno 1999).
METALLICITY = (None, 8.80, 8.60, 8.25, 8.15)
_FILES = ("E", "Sbc", "Scd", "Im")
#: The light of young stars in the starburst: its share at NORMAL, and the slope of its f_lambda, that of constant
#: star formation at low metallicity (Leitherer et al. 1999, ApJS 123, 3).
YOUNG_SHARE, YOUNG_SLOPE = 0.5, -2.3
LYMAN_LIMIT = 911.75
#: Slopes of a quasar's f_nu, either side of 5000 Angstrom (Vanden Berk et al. 2001, AJ 122, 549: -0.44, 2.45).
QUASAR_SLOPE, RED_SLOPE, SLOPE_BREAK = -0.44, 2.45, 5_000.0
#: Samples of the coarse spectra this close to a line are left out and bridged, Angstrom.
BLURRED = ((3_660.0, 3_790.0), (4_800.0, 4_910.0), (4_920.0, 5_070.0), (6_490.0, 6_640.0))


@cache
def galaxies() -> np.ndarray:
    """Spectra of the galaxy types, f_lambda relative to NORMAL's.

    Returns
    -------
    ndarray, shape (5, len(WAVELENGTH))
        In the order of NAMES, without dust; never negative, no NaN.

    Raises
    ------
    UsageError
        GalSim is not installed.
    """
    smooth = [_coleman(name) for name in _FILES]
    young = (WAVELENGTH / NORMAL) ** YOUNG_SLOPE * np.where(WAVELENGTH < LYMAN_LIMIT, 0.1, 1.0)
    smooth.append((1.0 - YOUNG_SHARE) * smooth[-1] + YOUNG_SHARE * young)
    return np.array([_with_lines(flux, oxygen) for flux, oxygen in zip(smooth, METALLICITY, strict=True)])


def _with_lines(flux: np.ndarray, oxygen: float | None) -> np.ndarray:
    return flux if oxygen is None else flux + nebular(WAVELENGTH, flux, oxygen)


def _coleman(name: str) -> np.ndarray:
    galsim = load("galsim")
    path = Path(galsim.meta_data.share_dir) / "SEDs" / f"CWW_{name}_ext.sed"
    wavelength, flux = np.loadtxt(path).T
    if name != "E":
        blurred = np.any([(wavelength > low) & (wavelength < high) for low, high in BLURRED], axis=0)
        wavelength, flux = wavelength[~blurred], flux[~blurred]
    return np.interp(WAVELENGTH, wavelength, flux) / np.interp(NORMAL, wavelength, flux)


def quasar(slope: float = QUASAR_SLOPE) -> np.ndarray:
    """A quasar's spectrum, f_lambda relative to its continuum at NORMAL.

    A power law that the host and the hot dust make redder beyond 5000 Angstrom, and the broad lines of the
    composite of Vanden Berk et al. (2001, AJ 122, 549).

    Parameters
    ----------
    slope : float
        Of f_nu shortward of 5000 Angstrom.

    Returns
    -------
    ndarray, shape (len(WAVELENGTH),)
    """
    far = np.maximum(WAVELENGTH / SLOPE_BREAK, 1.0)
    continuum = (WAVELENGTH / NORMAL) ** (-2.0 - slope) * far ** (RED_SLOPE - QUASAR_SLOPE)
    return continuum * (1.0 + quasar_lines(WAVELENGTH))


def dust(wavelength: np.ndarray) -> np.ndarray:
    """Attenuation at a wavelength over that in V: k(lambda) / R_V of Calzetti et al. (2000, ApJ 533, 682, eq. 4).

    Parameters
    ----------
    wavelength : ndarray
        Rest, Angstrom.  The law is given from 1200 to 22000; it goes on to the Lyman limit, and is flat beyond.

    Returns
    -------
    ndarray
        A(lambda) / A_V; 10 ** (-0.4 A_V times this) is what passes.
    """
    x = 1.0e4 / np.clip(np.asarray(wavelength, float), LYMAN_LIMIT, 22_000.0)
    blue = 2.659 * (-2.156 + 1.509 * x - 0.198 * x**2 + 0.011 * x**3) + 4.05
    red = 2.659 * (-1.857 + 1.040 * x) + 4.05
    return np.where(x > 1.0e4 / 6_300.0, blue, red) / 4.05


#: Madau's lines: Lyman alpha to delta, wavelength in Angstrom and the coefficient of the optical depth.
_LYMAN = ((1215.67, 3.6e-3), (1025.72, 1.7e-3), (972.54, 1.2e-3), (949.74, 9.3e-4))


def intergalactic(observed: np.ndarray, z: float) -> np.ndarray:
    """Share of the light that the Lyman forest lets pass (Madau 1995, ApJ 441, 18, eq. 15 and footnote 3).

    Parameters
    ----------
    observed : ndarray
        Observed wavelength, Angstrom.
    z : float
        The source's redshift.

    Returns
    -------
    ndarray
        From 0 to 1; 1 longward of Lyman alpha.
    """
    observed = np.asarray(observed, float)
    depth = np.zeros_like(observed)
    for line, coefficient in _LYMAN:
        depth += np.where(observed < line * (1.0 + z), coefficient * (observed / line) ** 3.46, 0.0)
    # Photoelectric absorption by all that lies between the source and where this light passed the Lyman limit.
    near, far = np.maximum(observed / LYMAN_LIMIT, 1.0), 1.0 + z
    limit = (
        0.25 * near**3 * (far**0.46 - near**0.46)
        + 9.4 * near**1.5 * (far**0.18 - near**0.18)
        - 0.7 * near**3 * (near**-1.32 - far**-1.32)
        - 0.023 * (far**1.68 - near**1.68)
    )
    depth += np.where(near < far, np.maximum(limit, 0.0), 0.0)
    # Less than this is nothing; numbers below the smallest normal one would make all sums slow.
    return np.exp(-np.minimum(depth, 100.0))
