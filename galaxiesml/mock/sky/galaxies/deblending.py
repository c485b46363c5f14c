"""How much of its neighbours' light a pipeline takes away before it measures an object."""

from __future__ import annotations

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC

#: A neighbour is found above this ratio of its flux to the noise in its area.
FOUND = 5.0
#: It is an object of its own where it is farther from the target than this, in units of the width of its picture.
APART = 0.6
#: Error of its model beside that of the noise, a share of its flux.
MODEL_ERROR = 0.05
#: Share of neighbours of which a part is given to the target: the deblender's failures.
FAILED = 0.04


def taken_away(
    flux: np.ndarray,
    radius_arcsec: np.ndarray,
    away_arcsec: np.ndarray,
    fwhm_arcsec: np.ndarray | float,
    sigma: np.ndarray | float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The share of each neighbour's light that is taken away, in all bands alike.

    What is too faint to be found, or too near to be told apart, stays.  Of the others the model's flux is taken, which
    has an error; some models fail.

    Parameters
    ----------
    flux : ndarray, shape (n,)
        Of the neighbour in i, counts.
    radius_arcsec : ndarray, shape (n,)
        Its half-light radius; 0 of a star.
    away_arcsec : ndarray, shape (n,)
        From the target.
    fwhm_arcsec : ndarray, shape (n,), or float
        Of the PSF in i.
    sigma : ndarray, shape (n,), or float
        Noise of the sky in a pixel in i, counts.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n,)
        0 or more; 1 is all of it.
    """
    n = len(flux)
    width = np.hypot(fwhm_arcsec, 1.4 * radius_arcsec)
    # Area of noise pixels of a round normal profile: 4 pi times its variance.
    pixels = 4.0 * np.pi * (width / 2.355 / PIXEL_SCALE_ARCSEC) ** 2
    ratio = flux / (sigma * np.sqrt(pixels))
    error = rng.normal(size=n) * np.hypot(1.0 / np.maximum(ratio, 1.0), MODEL_ERROR)
    is_failed = rng.random(n) < FAILED
    left = rng.random(n)
    share = np.where(is_failed, left, np.maximum(1.0 + error, 0.0))
    return np.where((ratio > FOUND) & (away_arcsec > APART * width), share, 0.0)
