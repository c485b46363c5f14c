"""Properties of the simulated camera: bands, noise, seeing, saturation."""

from __future__ import annotations

import numpy as np

from galaxiesml.instrument import MASK_PLANES

BANDS = "grizy"
#: Standard deviation of the sky in a pixel, counts at zero point 27, in band order (HSC Wide, Aihara et al. 2019).
SIGMA = np.array([0.042, 0.061, 0.080, 0.157, 0.328])
#: Electrons for each count of a Wide coadd: the sky's own counts over the variance that they make.
GAIN = np.array([1700.0, 1900.0, 3300.0, 1500.0, 800.0])
#: Median seeing of HSC Wide, full width at half maximum, arcsec (Aihara et al. 2019).
SEEING_ARCSEC = np.array([0.77, 0.76, 0.58, 0.68, 0.68])
#: Wings of the PSF: the exponent of a Moffat profile that fits HSC's own PSF pictures best of 2.5, 3, 3.5, 4, 5.
BETA = 2.5
#: Counts in a pixel of a coadd at which it is saturated: a star of about 17.8 mag in median seeing.
SATURATED = np.array([190.0, 190.0, 240.0, 270.0, 430.0])
#: Extinction over E(B - V) in each band (the archive's a_<band>); E(B - V) of the fields, and how much it varies.
EXTINCTION = (3.240, 2.276, 1.633, 1.263, 1.075)
REDDENING_MAG, REDDENING_RANGE_MAG = 0.025, 0.008
#: Counts at zero point 27 of one whole AB zero flux, as the service writes it.
FLUXMAG0 = 63095734448.0194


def bit(*planes: str) -> int:
    """The value of planes set together."""
    return sum(1 << MASK_PLANES.index(plane) for plane in planes)


def counts(magnitude) -> np.ndarray:
    """Counts at zero point 27 of AB magnitudes."""
    return 10.0 ** (0.4 * (27.0 - np.asarray(magnitude)))


def generator(*words: int) -> np.random.Generator:
    """A random generator that is seeded by words: the same words give the same numbers."""
    from galaxiesml.mock.sky import SKY_VERSION

    return np.random.default_rng(np.random.SeedSequence([SKY_VERSION, *(int(word) for word in words)]))
