"""Make pictures of a coadd: light, noise, mask and variance in a box of a tract's pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.coadd import masks
from galaxiesml.mock.sky.coadd.draw import draw
from galaxiesml.mock.sky.galaxies.deblending import taken_away
from galaxiesml.mock.sky.galaxies.sources import Sources, cells_near, joined, of_cell
from galaxiesml.mock.sky.instrument import GAIN, SATURATED, bit, counts, generator
from galaxiesml.mock.sky.scene import Group, Scene
from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.noise import sky_noise, sky_sigma
from galaxiesml.mock.sky.survey.places import own_tract
from galaxiesml.mock.sky.survey.psf import psf_at
from galaxiesml.mock.sky.survey.tracts import Tract, tract

#: Half a side of what is asked for, arcsec.
SEMI_WIDTH_ARCSEC = 10.0
#: How far outside a picture a source is drawn, and a bright star, deg.
_MARGIN_DEG, _STAR_MARGIN_DEG = 5.0 / 3600.0, 25.0 / 3600.0
#: A star above this, in counts, has wings that are drawn over the whole picture.
_BRIGHT = 2500.0
_DEBLENDING, _I = 10, 2


@dataclass
class Picture:
    """A box of a coadd.

    Attributes
    ----------
    image, variance : ndarray of float32, shape (rows, columns)
        Counts at zero point 27, and their square; NaN where there is no data.
    mask : ndarray of int32, shape (rows, columns)
    own : dict of int to ndarray
        The light alone of each source that was asked to be kept apart, float64.
    light, taken : ndarray of float64
        All light, without noise; and what the pipeline takes away of others' before it measures the group's objects.
    """

    tract: int
    band: int
    box: Box
    image: np.ndarray
    mask: np.ndarray
    variance: np.ndarray
    own: dict[int, np.ndarray]
    light: np.ndarray
    taken: np.ndarray


def box_of(where: Tract, ra: float, dec: float) -> Box:
    """The pixels that a square of 10 arcsec each way touches, as the archive's service rounds them."""
    x, y = (float(v) for v in where.pixels(ra, dec))
    half = SEMI_WIDTH_ARCSEC / PIXEL_SCALE_ARCSEC
    first = [int(np.floor(v - half + 0.5)) for v in (x, y)]
    last = [int(np.floor(v + half + 0.5)) for v in (x, y)]
    return Box(first[0], first[1], last[0] - first[0] + 1, last[1] - first[1] + 1)


@dataclass(frozen=True)
class Neighbourhood:
    """Sources whose light a picture of a group may show.

    Attributes
    ----------
    sources : Sources
    numbers : ndarray of int, shape (n,)
        Each one's number in the scene; -1 of the field.
    taken : ndarray, shape (n,)
        The share of each one's light that is taken away before the group's objects are measured.
    """

    sources: Sources
    numbers: np.ndarray
    taken: np.ndarray


def neighbourhood(scene: Scene, group: Group) -> Neighbourhood:
    """The sources near a group."""
    ra, dec = group.ra, group.dec
    reach = (SEMI_WIDTH_ARCSEC * 1.05) / 3600.0 + _MARGIN_DEG
    wide = reach + _STAR_MARGIN_DEG
    named = scene.sources.near(ra, dec, wide)
    field = joined([of_cell(scene.seed, *cell) for cell in cells_near(ra, dec, wide)])
    field = field.at(field.near(ra, dec, wide))
    found = joined([scene.sources.at(named), field])
    numbers = np.concatenate([named, np.full(len(field), -1)])
    u = np.abs(found.ra - ra) * np.cos(np.radians(dec))
    is_near = (u < reach) & (np.abs(found.dec - dec) < reach)
    is_bright = counts(found.mag).max(axis=1) > _BRIGHT
    keep = is_near | is_bright
    sources, numbers = found.at(keep), numbers[keep]
    return Neighbourhood(sources, numbers, _taken(scene, group, sources, numbers))


def _taken(scene: Scene, group: Group, sources: Sources, numbers: np.ndarray) -> np.ndarray:
    """What the pipeline's deblender takes away; of the group's own sources, all."""
    where = tract(own_tract(group.ra, group.dec))
    x, y = (float(value) for value in where.pixels(group.ra, group.dec))
    psf, sigma = psf_at(scene.seed, where.number, _I, x, y), sky_sigma(scene.seed, where.number, _I, x, y)
    east = (sources.ra - group.ra) * np.cos(np.radians(group.dec))
    away = np.hypot(east, sources.dec - group.dec) * 3600.0
    radius = np.where(sources.bulge_fraction[:, _I] > 0.5, sources.bulge_radius_arcsec, sources.disc_radius_arcsec)
    radius = np.where(sources.is_star, 0.0, radius)
    rng = generator(scene.seed, _DEBLENDING, group.number)
    share = taken_away(counts(sources.mag[:, _I]), radius, away, psf.fwhm_arcsec, sigma, rng)
    return np.where(np.isin(numbers, group.sources), 1.0, share)


def render(scene: Scene, where: Tract, band: int, box: Box, near: Neighbourhood, apart) -> Picture:
    """One picture, as the coadd has it, whatever the service serves of it.

    Parameters
    ----------
    near : Neighbourhood
    apart : tuple of int
        Numbers in the scene of the sources whose light is kept apart.
    """
    sources, numbers = near.sources, near.numbers
    middle = box.x0 + box.columns / 2.0, box.y0 + box.rows / 2.0
    psf = psf_at(scene.seed, where.number, band, *middle)
    flux = counts(sources.mag[:, band])
    whole = np.flatnonzero(np.isin(numbers, apart) | (flux > _BRIGHT))
    light, taken = np.zeros((2, box.rows, box.columns))
    mask = masks.detector_mask(scene.seed, where.number, band, box, scene.marks)
    own = {}
    x, y = where.pixels(sources.ra, sources.dec)
    for at, drawn in enumerate(draw(sources, band, psf, where, box, frozenset(int(n) for n in whole))):
        if drawn is None:
            continue
        rows, columns, values = drawn
        light[rows, columns] += values
        if numbers[at] in apart:
            own[int(numbers[at])] = values
        else:
            taken[rows, columns] += near.taken[at] * values
        if sources.is_star[at]:
            # A Moffat profile's middle, smeared by a pixel, to a few per cent.
            peak = flux[at] * 0.37 * PIXEL_SCALE_ARCSEC**2 / psf.fwhm_arcsec**2
            masks.bright_star_mask(mask, box, band, float(x[at]), float(y[at]), flux[at], peak)
    return _exposed(scene, where, band, box, light, mask, own, taken, middle)


def _exposed(scene, where, band, box, light, mask, own, taken, middle) -> Picture:
    sigma = sky_sigma(scene.seed, where.number, band, *middle)
    is_exposed = scene.coverage.exposed(band, where, box)
    masks.saturate(mask, light, band)
    masks.outside(mask, is_exposed)
    variance = sigma**2 + np.maximum(light, 0.0) / GAIN[band]
    noise = sky_noise(scene.seed, where.number, band, box, scene.is_noise_correlated) * np.sqrt(variance)
    image = np.minimum(light, SATURATED[band]) + noise
    # What is left of a bleeding column once it is interpolated over.
    image[(mask & bit("SAT") != 0) & (light <= SATURATED[band])] += 0.02 * SATURATED[band]
    is_lost = ~is_exposed | (mask & bit("UNMASKEDNAN") != 0)
    image[is_lost], variance[is_lost] = np.nan, np.nan
    masks.detect(mask, image, sigma)
    mask[~is_exposed] &= ~np.int32(bit("DETECTED", "DETECTED_NEGATIVE"))
    pixels = image.astype(np.float32), mask, variance.astype(np.float32)
    return Picture(where.number, band, box, *pixels, own, light, taken)
