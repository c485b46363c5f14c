"""The point-spread function: a Moffat profile whose width and shape vary by band and place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.instrument import BETA, SEEING_ARCSEC, generator

_STREAM = 3
#: Side of a PSF picture, pixels.
SIDE = 43
#: Scatter of ln(seeing) from tract to tract.
_LEVEL_SCATTER = 0.04


@dataclass(frozen=True)
class Psf:
    """A Moffat profile.

    Attributes
    ----------
    fwhm_arcsec : float
    g1, g2 : float
        Shear, along pixel axes.
    """

    fwhm_arcsec: float
    g1: float
    g2: float

    def profile(self):
        """As GalSim draws it, of one count."""
        import galsim

        return galsim.Moffat(beta=BETA, fwhm=self.fwhm_arcsec).shear(g1=self.g1, g2=self.g2)

    def picture(self) -> np.ndarray:
        """A picture of it: float64, shape (43, 43), sum 1, the centre in the middle pixel."""
        drawn = self.profile().drawImage(nx=SIDE, ny=SIDE, scale=PIXEL_SCALE_ARCSEC, dtype=float).array
        return drawn / drawn.sum()


@lru_cache(maxsize=256)
def _waves(seed: int, tract: int, band: int) -> tuple[float, np.ndarray]:
    rng = generator(seed, _STREAM, tract, band)
    return float(rng.normal(0.0, _LEVEL_SCATTER)), rng.random(6) * 2.0 * np.pi


def psf_at(seed: int, tract: int, band: int, x: float, y: float) -> Psf:
    """The PSF of a coadd at a pixel from 0."""
    level, phase = _waves(seed, tract, band)
    # One visit's footprint is some 30,000 pixels across; what is stacked on it changes faster.
    wave = np.sin(2.0 * np.pi * np.array([x / 9000.0, y / 11000.0, (x + y) / 7000.0] * 2) + phase)
    return Psf(*(float(value) for value in _shape(SEEING_ARCSEC[band], level, wave)))


def psfs_anywhere(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PSFs at n places that have nothing to do with each other: fwhm in arcsec, g1 and g2, each of shape (n, 5)."""
    bands = len(SEEING_ARCSEC)
    level = rng.normal(0.0, _LEVEL_SCATTER, (n, bands))
    return _shape(SEEING_ARCSEC, level, np.sin(2.0 * np.pi * rng.random((6, n, bands))))


def _shape(seeing, level, wave) -> tuple:
    fwhm = seeing * np.exp(level + 0.05 * wave[0] + 0.04 * wave[1])
    return fwhm, 0.015 * wave[2] + 0.01 * wave[3], 0.012 * wave[4] + 0.01 * wave[5]
