"""Measure one object's columns as Source Extractor does: shape, radii, flux.

Definitions are the manual's (sections on isophotal, Kron and Petrosian photometry); what it leaves open was found by
comparison with Source Extractor 2.25 on the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sep

from galaxiesml.morphology.detect import Scene

#: Zero point 0 and the pixel of the paper's configuration, arcsec.
PIXEL_SCALE = 0.17
#: PHOT_AUTOPARAMS: the aperture in units of the first moment, its least value in units of A and B.
KRON = (2.5, 3.5)
#: PHOT_PETROPARAMS: the aperture in Petrosian radii, its least value in units of A and B.
PETRO = (2.0, 3.5)
#: Moments and growth curves reach this many A and B.
_REACH = 6.0
#: Petrosian radii that are tried, in units of A and B; the ring's inner and outer border in units of the radius, and
#: the part of the mean surface brightness inside that its own falls below.
_PETRO_RADII = 0.33 * np.arange(1, 17)
_RING = (10 / 11, 12 / 11)
_PETRO_PART = 0.2
_SUBPIXELS = 5
#: Neighbours in more than this part of an aperture are flagged.
_CROWDED = 0.1


@dataclass(frozen=True)
class _Around:
    """The picture around one object.

    Attributes
    ----------
    picture : ndarray (h, w) of float32
        Less its background, foreign pixels as they are.
    clear : ndarray (h, w) of float32
        Foreign pixels replaced as MASK_TYPE says.
    foreign : ndarray (h, w) of bool
        Detected and not the object's, or masked.
    radius : ndarray (h, w)
        In units of A along the major axis and of B along the minor one.
    x, y : float
        The object's place in this piece, from 0.
    """

    picture: np.ndarray
    clear: np.ndarray
    foreign: np.ndarray
    radius: np.ndarray
    x: float
    y: float


def shapes(scene: Scene, index: int) -> dict[str, float | int]:
    """Source Extractor's columns of one object.

    Parameters
    ----------
    index : int
        Row of ``scene.objects``.

    Returns
    -------
    dict
        Keyed by Source Extractor's names.  X_IMAGE and Y_IMAGE count from 1.  THETA_IMAGE and ERRTHETA_IMAGE are
        degrees from +x towards +y.  KRON_RADIUS and PETRO_RADIUS are in units of A_IMAGE, FLUX_RADIUS in pixels.
        MAG_AUTO and MU_MAX have zero point 0, MU_MAX a pixel of 0.17 arcsec; where a flux is not positive they are
        99, as in Source Extractor.  A value that could not be had is NaN.
    """
    one = scene.objects[index]
    around = _around(scene, index, one)
    kron, petro = _kron(around), _petrosian(around)
    inside = around.radius <= kron
    flux = float(around.clear[inside].sum(dtype=np.float64))
    flux_error = float(np.sqrt(np.count_nonzero(inside)) * scene.rms)
    made = {
        "X_IMAGE": float(one["x"]) + 1,
        "Y_IMAGE": float(one["y"]) + 1,
        "A_IMAGE": float(one["a"]),
        "B_IMAGE": float(one["b"]),
        "THETA_IMAGE": float(np.degrees(one["theta"])),
        "ELLIPTICITY": float(1 - one["b"] / one["a"]),
        "ISOAREA_IMAGE": int(one["isoarea"]),
        "ISOAREAF_IMAGE": int(one["npix"]),
        "KRON_RADIUS": kron,
        "PETRO_RADIUS": petro,
        "FLUX_AUTO": flux,
        "FLUXERR_AUTO": flux_error,
        "MAG_AUTO": _magnitude(flux),
        "MAGERR_AUTO": 2.5 / np.log(10) * flux_error / flux if flux > 0 else 99.0,
        "FLUX_RADIUS": _half_light(around, float(one["a"]), flux),
        "MU_MAX": _magnitude(float(one["peak"]) / PIXEL_SCALE**2),
        "BACKGROUND": scene.background,
        "BACKGROUND_RMS": scene.rms,
    }
    return made | _position_errors(one) | {"FLAGS": _flags(scene, one, around, (kron, petro))}


def _magnitude(flux: float) -> float:
    return float(-2.5 * np.log10(flux)) if flux > 0 else 99.0


def _around(scene: Scene, index: int, one: np.void) -> _Around:
    """Cut out all that the object's radii can reach."""
    height, width = scene.picture.shape
    reach = int(np.ceil((_REACH + 3) * one["a"])) + 2
    left, top = max(int(one["x"]) - reach, 0), max(int(one["y"]) - reach, 0)
    window = slice(top, min(int(one["y"]) + reach + 1, height)), slice(left, min(int(one["x"]) + reach + 1, width))
    picture = scene.picture[window]
    x, y = float(one["x"]) - left, float(one["y"]) - top
    foreign = (scene.detected[window] | (scene.segmentation[window] > 0)) & (scene.segmentation[window] != index + 1)
    if scene.mask is not None:
        foreign = foreign | scene.mask[window]
    determinant = float(one["x2"] * one["y2"] - one["xy"] ** 2)
    dx = np.arange(picture.shape[1]) - x
    dy = (np.arange(picture.shape[0]) - y)[:, None]
    squared = (one["y2"] * dx * dx + one["x2"] * dy * dy - 2 * one["xy"] * dx * dy) / determinant
    clear = _without(picture, foreign, x, y, scene.settings.mask_type)
    return _Around(picture, clear, foreign, np.sqrt(np.maximum(squared, 0)), x, y)


def _without(picture: np.ndarray, foreign: np.ndarray, x: float, y: float, mask_type: str) -> np.ndarray:
    """Foreign pixels replaced by those across the object's centre, by 0 where these are foreign or outside too."""
    if mask_type == "none" or not foreign.any():
        return picture
    clear = np.where(foreign, np.float32(0), picture)
    if mask_type == "blank":
        return clear
    rows, columns = np.nonzero(foreign)
    across_x = np.floor(2 * x - columns + 0.49999).astype(int)
    across_y = np.floor(2 * y - rows + 0.49999).astype(int)
    height, width = picture.shape
    known = (across_x >= 0) & (across_y >= 0) & (across_x < width) & (across_y < height)
    # Foreign pixels are 0 in `clear` at this moment, so what lies across another of them is 0 as well.
    mirrored = clear[across_y[known], across_x[known]]
    clear[rows[known], columns[known]] = mirrored
    return clear


def _kron(around: _Around) -> float:
    """The Kron aperture in units of A: foreign pixels do not count."""
    factor, least = KRON
    counted = (around.radius <= _REACH) & ~around.foreign
    light = around.picture[counted].astype(np.float64)
    total, first = light.sum(), (around.radius[counted] * light).sum()
    if not (total > 0 and first > 0):
        return least
    return float(max(factor * first / total, least))


def _petrosian(around: _Around) -> float:
    """The Petrosian aperture in units of A; at the greatest radius that is tried where it is not reached."""
    factor, least = PETRO
    counted = (around.radius < _REACH + 1) & ~around.foreign
    radius = around.radius[counted]
    order = np.argsort(radius)
    radius = radius[order]
    growth = np.concatenate([[0.0], np.cumsum(around.picture[counted][order], dtype=np.float64)])
    inner, outer = (np.searchsorted(radius, border * _PETRO_RADII) for border in _RING)
    whole = np.searchsorted(radius, _PETRO_RADII)
    some = (outer > inner) & (whole > 0)
    ring = (growth[outer] - growth[inner]) / np.maximum(outer - inner, 1)
    reached = some & (ring < _PETRO_PART * growth[whole] / np.maximum(whole, 1))
    found = _PETRO_RADII[np.argmax(reached)] if reached.any() else _PETRO_RADII[-1]
    return float(max(factor * found, least))


def _half_light(around: _Around, major: float, flux: float) -> float:
    """Radius of the circle with half of the flux, pixels; NaN without flux."""
    if not flux > 0:
        return float("nan")
    clear = np.ascontiguousarray(around.clear)
    radius, _ = sep.flux_radius(
        clear, [around.x], [around.y], [_REACH * major], 0.5, normflux=[flux], subpix=_SUBPIXELS
    )
    return float(radius[0])


def _position_errors(one: np.void) -> dict[str, float]:
    """The error ellipse of the barycentre, from the sky's noise alone, pixels and degrees."""
    x2, y2, xy = (float(one[name]) for name in ("errx2", "erry2", "errxy"))
    half, turn = (x2 + y2) / 2, float(np.hypot((x2 - y2) / 2, xy))
    return {
        "ERRX2_IMAGE": x2,
        "ERRY2_IMAGE": y2,
        "ERRA_IMAGE": float(np.sqrt(half + turn)),
        "ERRB_IMAGE": float(np.sqrt(max(half - turn, 0.0))),
        "ERRTHETA_IMAGE": float(np.degrees(np.arctan2(2 * xy, x2 - y2) / 2)),
    }


def _flags(scene: Scene, one: np.void, around: _Around, apertures: tuple[float, float]) -> int:
    """1 neighbours in more than a tenth of an aperture, 2 blended, 8 footprint or 16 aperture cut by the border."""
    height, width = scene.picture.shape
    flags = 2 if one["blended"] else 0
    for aperture in apertures:
        inside = around.radius <= aperture
        if np.count_nonzero(inside & around.foreign) > _CROWDED * np.count_nonzero(inside):
            flags |= 1
    if one["xmin"] <= 0 or one["ymin"] <= 0 or one["xmax"] >= width - 1 or one["ymax"] >= height - 1:
        flags |= 8
    x, y, widest = float(one["x"]), float(one["y"]), max(apertures)
    circle = _REACH * float(one["a"])
    reach_x, reach_y = (max(widest * np.sqrt(one[name]), circle) for name in ("x2", "y2"))
    if min(x - reach_x, y - reach_y) < 0 or x + reach_x > width - 1 or y + reach_y > height - 1:
        flags |= 16
    return flags
