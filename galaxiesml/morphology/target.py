"""Measure one picture: the object nearest its middle, its shape and neighbours, and the stamp for its Sersic fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from galaxiesml.morphology import stamps
from galaxiesml.morphology.detect import Scene, detect, footprints
from galaxiesml.morphology.flags import Flag
from galaxiesml.morphology.neighbours import counts
from galaxiesml.morphology.settings import Settings
from galaxiesml.morphology.shapes import shapes

#: Farther from the middle than this, the nearest object is flagged, pixels.
_NEAR = 5.0
#: Error of a sky that is not to be fitted, in units of the noise of a pixel.
_HELD = 1e-3
#: Circles in which neighbours are counted, pixels.
RADII = (5, 10, 15)


@dataclass
class Target:
    """The results of one picture before its Sersic fit.

    Attributes
    ----------
    row : dict
        Columns of the detection; absent ones are NULL.
    flags : Flag
    stamp : stamps.Stamp or None
        For the fit; None where nothing is to be fitted.
    sky : stamps.Sky or None
    guesses : list of dict
        x, y (pixels from the stamp's middle), flux, half_light_radius, a, b, theta: of the target, then of the
        neighbours that are fitted with it.
    """

    row: dict
    flags: Flag
    stamp: stamps.Stamp | None = None
    sky: stamps.Sky | None = None
    guesses: list[dict] | None = None


def look(
    picture: np.ndarray, kept: np.ndarray, settings: Settings, mask: np.ndarray | None = None, fitted: bool = True
) -> Target:
    """Measure everything that does not need a PSF.

    Parameters
    ----------
    picture : ndarray (height, width) of float32
    kept : ndarray (height, width) of bool
        Pixels that count in the fit: finite, not masked.
    mask : ndarray (height, width) of bool or None
        Pixels that the detection leaves out.
    fitted : bool
        Whether a stamp for a Sersic fit is wanted.
    """
    scene = detect(picture, settings.detection, mask)
    if not len(scene.objects):
        if scene.reason:
            # Nothing could be looked for: there is no number of objects either.
            return Target({"detected": False}, Flag.NOT_DETECTED | Flag.BAD_PICTURE)
        return Target({"detected": False, "total_galaxies": 0}, Flag.NOT_DETECTED)
    middle_y, middle_x = (picture.shape[0] - 1) / 2, (picture.shape[1] - 1) / 2
    away = np.hypot(scene.objects["x"] - middle_x, scene.objects["y"] - middle_y)
    index = int(np.argmin(away))
    shape = shapes(scene, index)
    flags = Flag(0)
    for bit, one in ((2, Flag.BLENDED), (8, Flag.TRUNCATED)):
        flags |= one if shape["FLAGS"] & bit else 0
    flags |= Flag.OFF_CENTER if away[index] > _NEAR else 0
    row = _row(shape) | counts(scene, index, RADII, settings.counting)
    row |= {"detected": True, "center_distance_px": float(away[index]), "total_galaxies": len(scene.objects)}
    target = Target(row, flags)
    if fitted:
        _prepare(target, picture, kept, scene, index, shape, settings)
    return target


def _row(shape: dict) -> dict:
    """Source Extractor's words in ours; pixels from 0; NaN where it has 99, or an error of 0."""
    has_flux = shape["FLUX_AUTO"] > 0
    return {
        "x_px": shape["X_IMAGE"] - 1,
        "y_px": shape["Y_IMAGE"] - 1,
        # Squares of fluxes under 1e-20 are 0 in single precision.
        "x_error_px": np.sqrt(shape["ERRX2_IMAGE"]) or np.nan,
        "y_error_px": np.sqrt(shape["ERRY2_IMAGE"]) or np.nan,
        "major_axis": shape["A_IMAGE"],
        "minor_axis": shape["B_IMAGE"],
        "ellipticity": shape["ELLIPTICITY"],
        "pos_angle": shape["THETA_IMAGE"],
        "isophotal_area": shape["ISOAREA_IMAGE"],
        "footprint_area_px2": shape["ISOAREAF_IMAGE"],
        "half_light_radius": shape["FLUX_RADIUS"],
        "petro_rad": shape["PETRO_RADIUS"],
        "petro_rad_px": shape["PETRO_RADIUS"] * shape["A_IMAGE"],
        "kron_radius_px": shape["KRON_RADIUS"] * shape["A_IMAGE"],
        "peak_surface_brightness": shape["MU_MAX"] if shape["MU_MAX"] < 99 else np.nan,
        "auto_mag": shape["MAG_AUTO"] if has_flux else np.nan,
        "auto_error_mag": shape["MAGERR_AUTO"] if has_flux else np.nan,
        "background_adu": shape["BACKGROUND"],
        "background_rms_adu": shape["BACKGROUND_RMS"],
        "detection_flags": shape["FLAGS"],
    }


def _prepare(target: Target, picture, kept, scene: Scene, index: int, shape: dict, settings: Settings) -> None:
    """The stamp with its neighbours masked, the sky, and first values."""
    objects, labels = footprints(scene, kept)
    x, y = shape["X_IMAGE"] - 1, shape["Y_IMAGE"] - 1
    own = _own(objects, labels, x, y)
    target.sky = stamps.sky(picture, kept, labels)
    if target.sky is None:
        target.flags |= Flag.FEW_PIXELS
        return
    if settings.sky == "background":
        target.sky = replace(target.sky, level=scene.background, error=_HELD * target.sky.noise)
    column, line = (int(np.clip(round(at), 0, size - 1)) for at, size in ((x, picture.shape[1]), (y, picture.shape[0])))
    guess = _guess(scene.objects[index], column, line)
    if np.isfinite(shape["FLUX_RADIUS"]):
        guess |= {"flux": shape["FLUX_AUTO"], "half_light_radius": shape["FLUX_RADIUS"]}
    # Odd, so that a pixel is its middle.
    size = (settings.stamp or stamps.size_of(guess["half_light_radius"], min(picture.shape))) | 1
    friends = _brightest(objects, own, (x, y), size / 2, settings.neighbours)
    strangers = (labels > 0) & ~np.isin(labels, [friend + 1 for friend in [own, *friends] if friend is not None])
    masked = stamps.widened(strangers)
    if own is not None:
        masked &= labels != own + 1
    target.stamp = stamps.cut(picture, kept & ~masked, column, line, size)
    target.guesses = [guess] + [_guess(objects[friend], column, line) for friend in friends]


def _own(objects: np.ndarray, labels: np.ndarray, x: float, y: float) -> int | None:
    """The target among the objects of a fainter threshold; None if it is not among them."""
    if not len(objects):
        return None
    height, width = labels.shape
    label = labels[int(np.clip(round(y), 0, height - 1)), int(np.clip(round(x), 0, width - 1))]
    if label:
        return int(label) - 1
    return int(np.argmin(np.hypot(objects["x"] - x, objects["y"] - y)))


def _brightest(objects: np.ndarray, own: int | None, place: tuple[float, float], reach: float, many: int) -> list[int]:
    """The neighbours that give the target the most light, by flux over distance."""
    x, y = objects["x"] - place[0], objects["y"] - place[1]
    near = [at for at in range(len(x)) if at != own and max(abs(x[at]), abs(y[at])) < reach + 6]
    near.sort(key=lambda at: -objects["flux"][at] / max(np.hypot(x[at], y[at]), 4.0))
    return near[:many]


def _guess(one: np.void, column: int, line: int) -> dict:
    radius = max(1.2 * np.sqrt(one["a"] * one["b"]), 1.5)
    return {
        **{"x": one["x"] - column, "y": one["y"] - line, "flux": 1.1 * one["flux"], "half_light_radius": radius},
        **{"a": one["a"], "b": one["b"], "theta": np.rad2deg(one["theta"])},
    }
