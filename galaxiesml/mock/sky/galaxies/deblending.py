"""What the survey's deblender takes away of the light of neighbours."""

from __future__ import annotations

import numpy as np


def deblended(distance_arcsec: np.ndarray, mag: np.ndarray, target_mag: np.ndarray) -> np.ndarray:
    """The share of each neighbour's light that is taken away before a galaxy is measured.

    All of it, as in the pictures of single galaxies: real errors have tails that these have not.

    Parameters
    ----------
    distance_arcsec : ndarray, shape (n,)
        From the galaxy.
    mag, target_mag : ndarray, shape (n, 5)
        AB magnitudes of the neighbour and of the galaxy.

    Returns
    -------
    ndarray, shape (n,)
        From 0 to 1.
    """
    return np.ones(len(distance_arcsec))
