"""Measure an object on its tract's pictures as the survey's pipeline would: magnitudes, errors, flags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.sky.coadd.pictures import Picture
from galaxiesml.mock.sky.instrument import GAIN, bit
from galaxiesml.mock.sky.scene import Entry, Scene
from galaxiesml.mock.sky.survey.noise import sky_sigma
from galaxiesml.mock.sky.survey.psf import psf_at
from galaxiesml.mock.sky.survey.tracts import Tract

FLAGS = (
    "cmodel_flag",
    "pixelflags_edge",
    "pixelflags_interpolatedcenter",
    "pixelflags_saturatedcenter",
    "pixelflags_crcenter",
    "pixelflags_bad",
    "sdsscentroid_flag",
)
#: Radius of an object's footprint: as many pixels as hold this share of its light, within limits.
_SHARE, _LEAST, _LARGEST = 0.8, 10.0, 28.0
#: Others' light over its own at its centre, above which no centroid is found.
_BURIED = 4.0
#: Share of a footprint's pixels without use, above which no model fits.
_LOST = 0.25


@dataclass(frozen=True)
class Measured:
    """One object in one band.

    Attributes
    ----------
    flux, flux_error : float
        Counts at zero point 27; NaN where there is no pixel to measure on.
    flags : dict of str to bool
        By the names of `FLAGS`.
    footprint_pixels : float
        Radius within which bits of the mask are the object's.
    """

    flux: float
    flux_error: float
    flags: dict[str, bool]
    footprint_pixels: float

    @property
    def magnitude(self) -> float:
        """AB; NaN where the flux is not above zero."""
        return float(27.0 - 2.5 * np.log10(self.flux)) if self.flux > 0.0 else float("nan")

    @property
    def magnitude_error(self) -> float:
        return float(2.5 / np.log(10.0) * self.flux_error / self.flux) if self.flux > 0.0 else float("nan")


def measure(scene: Scene, pictures: list[Picture], entry: Entry, where: Tract, sky_too_high=()) -> list[Measured]:
    """Measure an object as the pipeline does: what its deblender leaves, fitted by a galaxy profile.

    Parameters
    ----------
    pictures : list of Picture
        Of one box, a band each, in band order.
    sky_too_high : sequence of int
        Bands whose background was taken too high there: the flux is below zero.
    """
    x, y = (float(v) for v in where.pixels(entry.ra, entry.dec))
    columns, rows = pictures[0].box.grid()
    distance = np.hypot(columns - x, rows - y)
    centre = (np.abs(columns - round(x)) <= 1) & (np.abs(rows - round(y)) <= 1)
    fluxes, errors = _fluxes(scene, pictures, entry, where, x, y)
    found = []
    for band, picture in enumerate(pictures):
        own = _own(picture, entry)
        radius = _footprint(own, distance)
        flux = -abs(fluxes[band]) if band in sky_too_high else fluxes[band]
        found.append(Measured(flux, errors[band], _flags(picture, own, distance <= radius, centre), radius))
    return found


def _own(picture: Picture, entry: Entry) -> np.ndarray:
    return sum(
        (picture.own[member] for member in entry.members if member in picture.own), np.zeros(picture.light.shape)
    )


def _fluxes(scene: Scene, pictures: list[Picture], entry: Entry, where: Tract, x: float, y: float):
    """Fluxes and their errors, counts, lists in band order; NaN where there is no pixel to measure on."""
    # With it comes PyTorch, which reading a sky does not need.
    from galaxiesml.mock.pictures import cmodel

    side = cmodel.FRAME
    corner = [round(value) - side // 2 for value in (x, y)]
    frames, usable = zip(*(_frame(picture, entry, corner, side) for picture in pictures), strict=True)
    box = pictures[0].box
    middle = box.x0 + box.columns / 2.0, box.y0 + box.rows / 2.0
    bands = range(len(pictures))
    psfs = [psf_at(scene.seed, where.number, band, *middle) for band in bands]
    sigma = [sky_sigma(scene.seed, where.number, band, *middle) for band in bands]
    shapes = [(one.fwhm_arcsec, one.g1, one.g2) for one in psfs]
    place = tuple(value - round(value) for value in (x, y))
    made = cmodel.measure_one(frames, place, np.transpose(shapes), sigma, GAIN)
    return tuple(np.where(usable, values, np.nan).tolist() for values in made)


def _frame(picture: Picture, entry: Entry, corner: list[int], side: int) -> tuple[np.ndarray, bool]:
    """The pixels round an object without others' light, and whether there are any; 0 beyond the picture."""
    own = _own(picture, entry)
    companions = sum((light for number, light in picture.own.items() if number not in entry.members), 0.0)
    left = picture.image - picture.taken - companions
    is_lost = ~np.isfinite(picture.image) | (picture.mask & bit("SAT") != 0)
    # The pipeline interpolates over pixels that are lost.
    left[is_lost] = own[is_lost]
    frame = np.zeros((side, side))
    box = picture.box
    at = [box.y0 - corner[1], box.x0 - corner[0]]
    low = [max(0, first) for first in at]
    high = [min(side, first + size) for first, size in zip(at, (box.rows, box.columns), strict=True)]
    inside = tuple(slice(first, last) for first, last in zip(low, high, strict=True))
    frame[inside] = left[tuple(slice(a.start - first, a.stop - first) for a, first in zip(inside, at, strict=True))]
    return frame, bool(own.max(initial=0.0) > 0.0 and not is_lost.all())


def _footprint(own: np.ndarray, distance: np.ndarray) -> float:
    total = own.sum()
    if total <= 0.0:
        return _LEAST
    order = np.argsort(distance, axis=None)
    grown = np.cumsum(own.ravel()[order]) / total
    at = int(np.searchsorted(grown, _SHARE))
    return float(np.clip(distance.ravel()[order][min(at, len(order) - 1)], _LEAST, _LARGEST))


def _flags(picture: Picture, own: np.ndarray, footprint: np.ndarray, centre: np.ndarray) -> dict[str, bool]:
    def fires(where: np.ndarray, *planes: str) -> bool:
        return bool((picture.mask[where] & bit(*planes)).any())

    others = (picture.light - own)[centre].max(initial=0.0)
    lost = (picture.mask[footprint] & bit("SAT", "NO_DATA", "BAD")) != 0
    return {
        "cmodel_flag": bool(lost.mean() > _LOST) if lost.size else True,
        "pixelflags_edge": fires(footprint, "EDGE", "NO_DATA"),
        "pixelflags_interpolatedcenter": fires(centre, "INTRP"),
        "pixelflags_saturatedcenter": fires(centre, "SAT"),
        "pixelflags_crcenter": fires(centre, "CR"),
        "pixelflags_bad": fires(footprint, "BAD"),
        "sdsscentroid_flag": bool(others > _BURIED * own[centre].max(initial=0.0)) or not centre.any(),
    }
