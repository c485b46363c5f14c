"""Magnitudes of drawn galaxies, as a catalogue has them."""

from __future__ import annotations

import numpy as np
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG
from galaxiesml.mock.pictures.catalogue import Batch
from galaxiesml.mock.pictures.render import Camera, Drawn

#: Noise of a point's flux over that of a pixel, for each pixel of the PSF's full width: sky noise over the PSF's area.
_POINT_NOISE = 1.5


def measured(batch: Batch, drawn: Drawn, camera: Camera, generator: torch.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and their errors.

    A stand-in until magnitudes are fitted to the pixels: true fluxes with the noise of a point's.

    Returns
    -------
    magnitude, error : ndarray of float64, shape (n, bands)
        AB; NaN where the flux is not above zero.
    """
    lit = batch.lit
    flux = lit.flux[np.searchsorted(lit.picture, np.arange(len(lit)))]
    sky = _POINT_NOISE * lit.sky_sigma * lit.psf_fwhm / PIXEL_SCALE_ARCSEC
    error = np.sqrt(sky**2 + flux / np.array(camera.gain))
    noise = torch.randn(flux.shape, generator=generator, device=generator.device).cpu().numpy()
    found = flux + error * noise
    is_seen = found > 0.0
    found = np.where(is_seen, found, 1.0)
    magnitude = np.where(is_seen, ZERO_POINT_MAG - 2.5 * np.log10(found), np.nan)
    return magnitude, np.where(is_seen, 2.5 / np.log(10.0) * error / found, np.nan)
