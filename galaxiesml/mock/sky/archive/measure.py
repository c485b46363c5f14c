"""Measure an object on its tract's pictures as the survey's pipeline would: magnitudes, errors, flags."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.sky.coadd.pictures import Picture
from galaxiesml.mock.sky.instrument import bit
from galaxiesml.mock.sky.scene import Entry
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


def measure(picture: Picture, entry: Entry, where: Tract, total: float, is_sky_too_high: bool = False) -> Measured:
    """Measure an object: the flux by its own profile, as if its neighbours were taken away perfectly.

    The flux is the sum of p d / v over the sum of p^2 / v, with p the profile of one count, d the picture less
    all other light and v its variance (Naylor 1998, eq. 10, for a profile that is known); its variance is
    1 over the sum of p^2 / v.

    Parameters
    ----------
    total : float
        Its true counts, of which the profile is a part: large galaxies reach beyond the picture.
    """
    own = sum((picture.own[member] for member in entry.members if member in picture.own), np.zeros(picture.light.shape))
    x, y = (float(v) for v in where.pixels(entry.ra, entry.dec))
    columns, rows = picture.box.grid()
    distance = np.hypot(columns - x, rows - y)
    radius = _footprint(own, distance)
    flux, error = _matched(picture, own, total)
    if is_sky_too_high:
        flux = -abs(flux)
    centre = (np.abs(columns - round(x)) <= 1) & (np.abs(rows - round(y)) <= 1)
    return Measured(flux, error, _flags(picture, own, distance <= radius, centre), radius)


def _footprint(own: np.ndarray, distance: np.ndarray) -> float:
    total = own.sum()
    if total <= 0.0:
        return _LEAST
    order = np.argsort(distance, axis=None)
    grown = np.cumsum(own.ravel()[order]) / total
    at = int(np.searchsorted(grown, _SHARE))
    return float(np.clip(distance.ravel()[order][min(at, len(order) - 1)], _LEAST, _LARGEST))


def _matched(picture: Picture, own: np.ndarray, total: float) -> tuple[float, float]:
    use = np.isfinite(picture.image) & (picture.mask & bit("SAT") == 0)
    if own.max(initial=0.0) <= 0.0 or not use.any():
        return float("nan"), float("nan")
    profile = own[use] / total
    data = picture.image[use].astype(float) - (picture.light[use] - own[use])
    weight = profile / picture.variance[use]
    norm = (weight * profile).sum()
    return float((weight * data).sum() / norm), float(norm**-0.5)


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
