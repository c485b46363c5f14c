"""Light without noise: each source drawn by GalSim through the PSF onto a tract's pixels."""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.sky.coverage import Box
from galaxiesml.mock.sky.instrument import SIGMA, counts
from galaxiesml.mock.sky.psf import Psf
from galaxiesml.mock.sky.sources import Sources
from galaxiesml.mock.sky.tracts import Tract
from galaxiesml.survey import PIXEL_SCALE_ARCSEC

#: Least and largest half-width of a stamp, pixels.
_LEAST, _LARGEST = 14, 80
#: Below this flux, in units of the noise in a pixel, a galaxy is drawn as bulge or disc, whichever is more.
_FAINT = 80.0


def draw(sources: Sources, band: int, psf: Psf, where: Tract, box: Box, whole: frozenset = frozenset()) -> list:
    """Pictures of sources in one band.

    Parameters
    ----------
    sources : Sources
    whole : set of int
        Sources that are drawn over the whole box; of others, what is too faint to see is left out.

    Returns
    -------
    list of (slice, slice, ndarray) or None
        For each source, its rows and columns in the box and its counts there, float64; None where it has none.
    """
    x, y = where.pixels(sources.ra, sources.dec)
    flux = counts(sources.mag[:, band])
    point = psf.profile()
    return [
        _one(sources, number, band, point, psf, flux[number], float(x[number]), float(y[number]), box, number in whole)
        for number in range(len(sources))
    ]


def _one(sources, number, band, point, psf, flux, x, y, box, is_whole):
    import galsim

    half = _reach(sources, number, band, psf, flux)
    low_x, high_x, low_y, high_y = 0, box.columns, 0, box.rows
    if not is_whole:
        low_x, high_x = max(0, round(x) - half - box.x0), min(box.columns, round(x) + half + 1 - box.x0)
        low_y, high_y = max(0, round(y) - half - box.y0), min(box.rows, round(y) + half + 1 - box.y0)
    if low_x >= high_x or low_y >= high_y:
        return None
    light = (
        point.withFlux(flux)
        if sources.is_star[number]
        else galsim.Convolve(_galaxy(sources, number, band, flux), point)
    )
    width, height = high_x - low_x, high_y - low_y
    # GalSim's middle of an image of n pixels is (n - 1) / 2 from 0.
    off = (x - box.x0 - low_x - (width - 1) / 2.0, y - box.y0 - low_y - (height - 1) / 2.0)
    drawn = light.drawImage(nx=width, ny=height, scale=PIXEL_SCALE_ARCSEC, offset=off, dtype=float).array
    return slice(low_y, high_y), slice(low_x, high_x), drawn


def _galaxy(sources: Sources, number: int, band: int, flux: float):
    """Bulge (de Vaucouleurs) and disc (exponential), each with its share of the band's light."""
    import galsim

    share = float(sources.bulge_fraction[number, band])
    # Of the faintest no one sees two parts.
    share = share if flux > _FAINT * SIGMA[band] else float(share > 0.5)
    # Columns run west: from north through east is anticlockwise from the row axis.
    angle = (90.0 + float(sources.position_angle_deg[number])) * galsim.degrees
    parts = []
    if share > 0.0:
        bulge = galsim.DeVaucouleurs(flux=flux * share, half_light_radius=float(sources.bulge_radius_arcsec[number]))
        parts.append(_flattened(bulge, float(sources.bulge_axis_ratio[number]), angle))
    if share < 1.0:
        radius = float(sources.disc_radius_arcsec[number])
        disc = galsim.Exponential(flux=flux * (1.0 - share), half_light_radius=radius)
        parts.append(_flattened(disc, float(sources.disc_axis_ratio[number]), angle))
    return galsim.Add(parts)


def _flattened(profile, ratio: float, angle):
    """The profile with its radius along the major axis: a shear alone would keep the area."""
    return profile.dilate(np.sqrt(ratio)).shear(q=ratio, beta=angle)


def _reach(sources: Sources, number: int, band: int, psf: Psf, flux: float) -> int:
    """Pixels beyond which the source is lost in the noise, roughly."""
    bright = np.log10(1.0 + flux / SIGMA[band] / 30.0)
    if sources.is_star[number]:
        arcsec = psf.fwhm_arcsec * (1.5 + 2.5 * bright)
    else:
        share = float(sources.bulge_fraction[number, band])
        radius = max(
            float(sources.disc_radius_arcsec[number]) if share < 0.95 else 0.0,
            float(sources.bulge_radius_arcsec[number]) if share > 0.05 else 0.0,
        )
        arcsec = psf.fwhm_arcsec * (1.5 + bright) + radius * (1.5 + 1.5 * bright)
    return int(np.clip(arcsec / PIXEL_SCALE_ARCSEC, _LEAST, _LARGEST))
