"""Draw light without noise: GalSim draws each source through the PSF onto a tract's pixels."""

from __future__ import annotations

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.galaxies.sources import Sources
from galaxiesml.mock.sky.instrument import BETA, SIGMA, counts
from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.psf import Psf
from galaxiesml.mock.sky.survey.tracts import Tract

#: Least and largest half-width of a stamp, pixels.
_LEAST, _LARGEST = 14, 80
#: Below this flux, in units of the noise in a pixel, a galaxy is drawn as bulge or disc, whichever is more.
_FAINT = 80.0
#: Below five times the noise of a point's flux nothing is seen by itself (sky noise over the PSF's area in pixels,
#: 4 pi times its variance: 1.5 sigma for each pixel of full width).
_UNSEEN = 5.0 * 1.5


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

    half = _reach(sources, number, band, psf, flux)
    low_x, high_x, low_y, high_y = 0, box.columns, 0, box.rows
    if not is_whole:
        low_x, high_x = max(0, round(x) - half - box.x0), min(box.columns, round(x) + half + 1 - box.x0)
        low_y, high_y = max(0, round(y) - half - box.y0), min(box.rows, round(y) + half + 1 - box.y0)
    if low_x >= high_x or low_y >= high_y:
        return None
    part = slice(low_y, high_y), slice(low_x, high_x)
    if not is_whole and flux < _UNSEEN * SIGMA[band] * psf.fwhm_arcsec / PIXEL_SCALE_ARCSEC:
        columns, rows = box.grid()
        away = np.hypot(columns[:, part[1]] - x, rows[part[0]] - y)
        return *part, _smudge(away, psf, flux, 0.0 if sources.is_star[number] else _radius(sources, number, band))
    light = point.withFlux(flux) if sources.is_star[number] else _galaxy(sources, number, band, flux, point)
    width, height = high_x - low_x, high_y - low_y
    # GalSim's middle of an image of n pixels is (n - 1) / 2 from 0.
    off = (x - box.x0 - low_x - (width - 1) / 2.0, y - box.y0 - low_y - (height - 1) / 2.0)
    drawn = light.drawImage(nx=width, ny=height, scale=PIXEL_SCALE_ARCSEC, offset=off, dtype=float).array
    return *part, drawn


def _smudge(away: np.ndarray, psf: Psf, flux: float, radius: float) -> np.ndarray:
    """Draw a source that is lost in the noise: a round Moffat profile as wide as PSF, pixel and galaxy together.

    Parameters
    ----------
    away : ndarray, shape (rows, columns)
        Distance from the source, pixels.
    radius : float
        Half-light radius, arcsec.
    """
    fwhm = np.sqrt(psf.fwhm_arcsec**2 + (1.8 * radius) ** 2 + (0.8 * PIXEL_SCALE_ARCSEC) ** 2) / PIXEL_SCALE_ARCSEC
    core = (fwhm / 2.0) ** 2 / (2.0 ** (1.0 / BETA) - 1.0)
    return flux * (BETA - 1.0) / (np.pi * core) * (1.0 + away**2 / core) ** -BETA


def _shares(sources: Sources, number: int, band: int) -> tuple[float, float, float]:
    """The shares of a band's light: bulge, disc, nucleus."""
    bulge, nucleus = float(sources.bulge_fraction[number, band]), float(sources.point_fraction[number, band])
    return bulge, 1.0 - bulge - nucleus, nucleus


def _galaxy(sources: Sources, number: int, band: int, flux: float, point):
    """Bulge (de Vaucouleurs), disc (exponential) and nucleus, each with its share of the band's light, convolved."""
    import galsim

    shares = _shares(sources, number, band)
    if flux <= _FAINT * SIGMA[band]:
        # Of the faintest no one sees two parts.
        shares = tuple(float(at == int(np.argmax(shares))) for at in range(3))
    bulge, disc, nucleus = shares
    # Columns run west: from north through east is anticlockwise from the row axis.
    angle = (90.0 + float(sources.position_angle_deg[number])) * galsim.degrees
    parts, extended = [], []
    if bulge > 0.0:
        profile = galsim.DeVaucouleurs(flux=flux * bulge, half_light_radius=float(sources.bulge_radius_arcsec[number]))
        extended.append(_flattened(profile, float(sources.bulge_axis_ratio[number]), angle))
    if disc > 1e-9:
        profile = galsim.Exponential(flux=flux * disc, half_light_radius=float(sources.disc_radius_arcsec[number]))
        extended.append(_flattened(profile, float(sources.disc_axis_ratio[number]), angle))
    if extended:
        parts.append(galsim.Convolve(galsim.Add(extended), point))
    if nucleus > 0.0:
        parts.append(point.withFlux(flux * nucleus))
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
        arcsec = psf.fwhm_arcsec * (1.5 + bright) + _radius(sources, number, band) * (1.5 + 1.5 * bright)
    return int(np.clip(arcsec / PIXEL_SCALE_ARCSEC, _LEAST, _LARGEST))


def _radius(sources: Sources, number: int, band: int) -> float:
    """Half-light radius in arcsec of the larger part that matters."""
    bulge, disc, _ = _shares(sources, number, band)
    return max(
        float(sources.disc_radius_arcsec[number]) if disc > 0.05 else 0.0,
        float(sources.bulge_radius_arcsec[number]) if bulge > 0.05 else 0.0,
    )
