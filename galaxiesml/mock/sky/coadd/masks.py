"""Make the mask bits of a coadd, from the picture itself and from the detector."""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.sky.instrument import SATURATED, bit, generator
from galaxiesml.mock.sky.scene import Mark
from galaxiesml.mock.sky.survey.coverage import Box

_STREAM = 6
_BLOCK = 256
#: Cosmic rays in a block of 256 x 256 pixels of a coadd that were not wholly rejected, and satellite trails.
_RAYS, _TRAILS = 1.2, 0.02
#: Standard deviation of the smoothing, and the threshold in units of the smoothed noise, of DETECTED.
_SMOOTHING, _THRESHOLD = 1.5, 5.0


def detector_mask(seed: int, tract: int, band: int, box: Box, marks: list[Mark]) -> np.ndarray:
    """Bits of cosmic rays, trails, bad columns and chip edges: int32, shape (rows, columns)."""
    mask = np.zeros((box.rows, box.columns), np.int32)
    for row in range((box.y0 - 40) // _BLOCK, (box.y0 + box.rows + 40) // _BLOCK + 1):
        for column in range((box.x0 - 40) // _BLOCK, (box.x0 + box.columns + 40) // _BLOCK + 1):
            _block(mask, seed, tract, band, box, row, column)
    for mark in marks:
        if (mark.tract, mark.band) == (tract, band):
            _mark(mask, box, mark)
    return mask


def _block(mask: np.ndarray, seed: int, tract: int, band: int, box: Box, row: int, column: int) -> None:
    rng = generator(seed, _STREAM, tract, band, row + 1, column + 1)
    for _ in range(rng.poisson(_RAYS)):
        x, y = column * _BLOCK + rng.random() * _BLOCK, row * _BLOCK + rng.random() * _BLOCK
        _line(mask, box, x, y, rng.random() * np.pi, 2.0 + rng.exponential(5.0), 1.0, bit("CR", "INTRP", "INEXACT_PSF"))
    for _ in range(rng.poisson(_TRAILS)):
        x, y = column * _BLOCK + rng.random() * _BLOCK, row * _BLOCK + rng.random() * _BLOCK
        _line(mask, box, x, y, rng.random() * np.pi, 200.0, 4.0, bit("CLIPPED", "REJECTED", "INEXACT_PSF"))


def _line(mask, box: Box, x: float, y: float, angle: float, length: float, width: float, bits: int) -> None:
    columns, rows = box.grid()
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = -(columns - x) * np.sin(angle) + (rows - y) * np.cos(angle)
    mask[(np.abs(along) <= length / 2.0) & (np.abs(across) <= width / 2.0)] |= bits


def _mark(mask: np.ndarray, box: Box, mark: Mark) -> None:
    columns, rows = box.grid()
    x, y = round(mark.x), round(mark.y)
    if mark.kind == "cosmic_ray":
        _line(mask, box, mark.x, mark.y, 0.6, 18.0, 3.0, bit("CR", "INTRP", "INEXACT_PSF"))
    elif mark.kind == "bad_column":
        mask[(np.abs(columns - x) <= 1) & (np.abs(rows - y) <= 300)] |= bit("BAD", "INTRP")
    elif mark.kind == "chip_edge":
        mask[(np.abs(columns - x - 20) <= 2) & (np.abs(rows - y) <= 2000)] |= bit("SENSOR_EDGE", "INEXACT_PSF")
    elif mark.kind == "nan_pixels":
        mask[(np.abs(columns - x) <= 3) & (np.abs(rows - y) <= 3)] |= bit("UNMASKEDNAN")


def bright_star_mask(mask: np.ndarray, box: Box, band: int, x: float, y: float, flux: float, peak: float) -> None:
    """A saturated star's bleeding column, and the circle that the survey draws round bright stars."""
    columns, rows = box.grid()
    excess = peak / SATURATED[band]
    if excess <= 1.0:
        return
    length = min(250.0, 6.0 * excess)
    mask[(np.abs(columns - round(x)) <= 1) & (np.abs(rows - y) <= length)] |= bit("SAT", "INTRP")
    mask[(columns - x) ** 2 + (rows - y) ** 2 <= (12.0 * np.sqrt(excess)) ** 2] |= bit("BRIGHT_OBJECT")


def saturate(mask: np.ndarray, light: np.ndarray, band: int) -> None:
    """SAT and INTRP where the light is too much, SUSPECT where it nearly is."""
    mask[light > SATURATED[band]] |= bit("SAT", "INTRP")
    mask[(light > 0.8 * SATURATED[band]) & (light <= SATURATED[band])] |= bit("SUSPECT")


def outside(mask: np.ndarray, is_exposed: np.ndarray) -> None:
    """NO_DATA where nothing was exposed, EDGE on the last pixels before."""
    if is_exposed.all():
        return
    mask[~is_exposed] |= bit("NO_DATA")
    mask[is_exposed & _grown(~is_exposed, 4)] |= bit("EDGE")


def detect(mask: np.ndarray, image: np.ndarray, sigma: float) -> None:
    """DETECTED where the smoothed picture stands five sigma above the sky; DETECTED_NEGATIVE below it."""
    offset = np.arange(-5, 6)
    kernel = np.exp(-0.5 * (offset / _SMOOTHING) ** 2)
    kernel /= kernel.sum()
    smooth = np.nan_to_num(image)
    for axis in (0, 1):
        wide = np.pad(smooth, [(5, 5) if a == axis else (0, 0) for a in (0, 1)])
        smooth = sum(w * np.take(wide, np.arange(smooth.shape[axis]) + at, axis) for at, w in enumerate(kernel))
    limit = _THRESHOLD * sigma * (kernel**2).sum()
    mask[_grown(smooth > limit, 2)] |= bit("DETECTED")
    mask[_grown(smooth < -limit, 2)] |= bit("DETECTED_NEGATIVE")


def _grown(which: np.ndarray, pixels: int) -> np.ndarray:
    """The set and all within some pixels of it, along rows and columns."""
    for _ in range(pixels):
        out = which.copy()
        out[1:] |= which[:-1]
        out[:-1] |= which[1:]
        out[:, 1:] |= which[:, :-1]
        out[:, :-1] |= which[:, 1:]
        which = out
    return which
