"""A picture of a batch as GalSim draws it, sharper than any picture needs: profile parameters as in coadd/draw.py."""

from __future__ import annotations

import galsim
import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures.plan import Lit

SHARP = galsim.GSParams(kvalue_accuracy=1e-6, maxk_threshold=2e-4, folding_threshold=4e-3, maximum_fft_size=16384)


#: A bright star rings where frequencies end, even outside of the picture.
SHARPEST = SHARP.withParams(maxk_threshold=1e-6)


def picture(lit: Lit, number: int, band: int, size: int = 64) -> np.ndarray:
    """All light of one picture in one band without noise, float64, shape (size, size)."""
    total, off = np.zeros((size, size)), size // 2 - (size - 1) / 2.0
    for source in np.flatnonzero(lit.picture == number):
        where = (lit.x[source] + off, lit.y[source] + off)
        light = _source(lit, source, number, band)
        total += light.drawImage(nx=size, ny=size, scale=PIXEL_SCALE_ARCSEC, offset=where, dtype=float).array
    return total


def _source(lit: Lit, source: int, number: int, band: int):
    psf = galsim.Moffat(beta=2.5, fwhm=lit.psf_fwhm[number, band], gsparams=SHARP)
    psf = psf.shear(g1=lit.psf_g1[number, band], g2=lit.psf_g2[number, band])
    bulge, point = float(lit.bulge[source, band]), float(lit.point[source, band])
    shapes = {
        galsim.DeVaucouleurs: (bulge, lit.bulge_radius[source], lit.bulge_ratio[source]),
        galsim.Exponential: (1.0 - bulge - point, lit.disc_radius[source], lit.disc_ratio[source]),
    }
    extended = [
        profile(half_light_radius=radius, flux=share, gsparams=SHARP)
        .dilate(np.sqrt(ratio))
        .shear(q=ratio, beta=(90.0 + lit.angle[source]) * galsim.degrees)
        for profile, (share, radius, ratio) in shapes.items()
        if share > 1e-9
    ]
    parts = [galsim.Convolve(galsim.Add(extended), psf, gsparams=SHARP)] if extended else []
    parts += [psf.withGSParams(SHARPEST).withFlux(point)] if point else []
    return galsim.Add(parts, propagate_gsparams=False).withFlux(lit.flux[source, band])
