"""Magnitudes of drawn galaxies, measured on their pixels as the simulated survey's catalogue has them."""

from __future__ import annotations

import numpy as np
import torch

from galaxiesml.instrument import ZERO_POINT_MAG
from galaxiesml.mock.pictures import cmodel
from galaxiesml.mock.pictures.catalogue import Batch
from galaxiesml.mock.pictures.render import Camera, Drawn


def measured(batch: Batch, drawn: Drawn, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and their errors, on frames from which the deblender took what it takes.

    Returns
    -------
    magnitude, error : ndarray of float64, shape (n, bands)
        AB; NaN where the flux is not above zero.
    """
    frames = drawn.frame - drawn.taken

    def tensor(values) -> torch.Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(frames.device)

    lit = batch.lit
    psf = cmodel.Psf(*(tensor(values) for values in (lit.psf_fwhm, lit.psf_g1, lit.psf_g2)))
    place = (tensor(batch.columns[name].astype(np.float32)) for name in ("x", "y"))
    found = cmodel.measure(frames, *place, psf, tensor(lit.sky_sigma), tensor(camera.gain))
    flux, error = (values.double().cpu().numpy() for values in (found.flux, found.error))
    is_seen = flux > 0.0
    flux = np.where(is_seen, flux, 1.0)
    magnitude = np.where(is_seen, ZERO_POINT_MAG - 2.5 * np.log10(flux), np.nan)
    return magnitude, np.where(is_seen, 2.5 / np.log(10.0) * error / flux, np.nan)
