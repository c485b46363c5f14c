"""Emission lines: of star-forming galaxies by light and metallicity, and of quasars."""

from __future__ import annotations

import numpy as np

#: Angstrom, in air.
HALPHA, HBETA, OII, OIII, NII = 6562.8, 4861.3, 3727.4, 5006.8, 6583.4
#: Width of galaxies' lines, km/s.
SIGMA_KMS = 150.0
LIGHT_KMS = 299_792.458
#: L(H alpha) in erg/s over L_nu(1500-2800 Angstrom) in erg/s/Hz, the light of one star formation rate
#: (Kennicutt 1998, ARA&A 36, 189, eq. 1 and 2: 7.9e-42 and 1.4e-28).
HALPHA_OVER_UV = 1.4e-28 / 7.9e-42
#: [O II] over H alpha, mean of Kennicutt's (1992) galaxies as in Kennicutt (1998), eq. 3.
OII_OVER_HALPHA = 0.57
#: Case B at 10,000 K (Osterbrock & Ferland 2006), and the fixed ratios of the two doublets.
BALMER, OIII_DOUBLET, NII_DOUBLET = 2.86, 2.98, 3.05

#: Of the composite quasar: wavelength, equivalent width and width (one sigma), Angstrom, all in the rest frame
#: (Vanden Berk et al. 2001, AJ 122, 549, table 2).
QUASAR_LINES = (
    (1033.0, 9.7, 7.8),
    (1216.3, 92.9, 19.5),
    (1398.3, 8.1, 14.3),
    (1546.2, 23.8, 14.3),
    (1905.9, 21.2, 23.6),
    (2800.3, 32.3, 35.0),
    (4346.4, 12.6, 20.3),
    (4853.1, 46.2, 40.4),
    (4960.4, 3.5, 3.9),
    (5008.2, 13.2, 6.0),
    (6564.9, 194.5, 47.4),
)
#: Fe II and the Balmer continuum, the bump about 3000 Angstrom, as one broad line: some tenth of the continuum.
QUASAR_BUMP = (2950.0, 140.0, 400.0)


def nebular(wavelength: np.ndarray, flux: np.ndarray, oxygen: float) -> np.ndarray:
    """Lines of the gas that a galaxy's young stars light up.

    H alpha follows the ultraviolet light, both being star formation (Kennicutt 1998); [O III] and [N II] follow
    the metallicity by the calibrations of Pettini & Pagel (2004, MNRAS 348, L59, eq. 1 and 3).

    Parameters
    ----------
    wavelength : ndarray, shape (m,)
        Rest, Angstrom.
    flux : ndarray, shape (m,)
        Continuum, f_lambda.
    oxygen : float
        12 + log(O/H) of the gas.

    Returns
    -------
    ndarray, shape (m,)
        f_lambda of the lines alone, in the continuum's unit.
    """
    of_halpha = strengths(oxygen)
    is_uv = (wavelength > 1_500.0) & (wavelength < 2_800.0)
    # Mean f_nu in the ultraviolet is f_lambda lambda^2 / c; c in Angstrom/s.
    uv = np.mean(flux[is_uv] * wavelength[is_uv] ** 2) / (LIGHT_KMS * 1.0e13)
    halpha = HALPHA_OVER_UV * uv
    lines = np.zeros_like(flux)
    for line, ratio in of_halpha.items():
        lines += halpha * ratio * _gauss(wavelength, line, line * SIGMA_KMS / LIGHT_KMS)
    return lines


def strengths(oxygen: float) -> dict[float, float]:
    """Fluxes over H alpha's, by wavelength in Angstrom, for a metallicity 12 + log(O/H)."""
    n2 = (oxygen - 8.90) / 0.57
    o3n2 = (8.73 - oxygen) / 0.32
    nii, oiii = 10.0**n2, 10.0 ** (o3n2 + n2) / BALMER
    return {
        OII: OII_OVER_HALPHA,
        HBETA: 1.0 / BALMER,
        4958.9: oiii / OIII_DOUBLET,
        OIII: oiii,
        6548.1: nii / NII_DOUBLET,
        HALPHA: 1.0,
        NII: nii,
    }


def quasar_lines(wavelength: np.ndarray) -> np.ndarray:
    """Lines of a quasar over its continuum, at rest wavelengths in Angstrom."""
    return sum(width * _gauss(wavelength, line, sigma) for line, width, sigma in (*QUASAR_LINES, QUASAR_BUMP))


def _gauss(wavelength: np.ndarray, middle: float, sigma: float) -> np.ndarray:
    return np.exp(-0.5 * ((wavelength - middle) / sigma) ** 2) / (np.sqrt(2.0 * np.pi) * sigma)
