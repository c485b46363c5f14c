"""Cut stamps (square pieces of pictures around a galaxy), select their pixels, and estimate the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Sides of stamps, pixels.
SIZES = (31, 47, 63, 95, 127, 191, 255)
#: How far a neighbour's footprint is widened before it is masked, pixels.
_WIDEN = 2
#: Half-light radii that a stamp reaches on each side.
_REACH = 6.5
#: The sky's error is never less than this part of the noise of a pixel: what faint galaxies and wings leave.
_SKY_FLOOR = 0.05
#: Pixels this far from every footprint are sky: the farthest that leaves so many pixels.
_CLEAR = (16, 8, 0)
_FEW = 1000


@dataclass(frozen=True)
class Stamp:
    """A square piece of a picture around a galaxy.

    Attributes
    ----------
    data : ndarray (size, size) of float32
        0 where the picture has none.
    counts : ndarray (size, size) of bool
        Pixels that count: of the picture, finite, not masked, not a neighbour's.
    x, y : int
        Pixel of the picture, from 0, under the stamp's middle.
    """

    data: np.ndarray
    counts: np.ndarray
    x: int
    y: int


@dataclass(frozen=True)
class Sky:
    """The sky: its level, the error of the level, and the noise of a pixel."""

    level: float
    error: float
    noise: float


def sky(picture: np.ndarray, counts: np.ndarray, labels: np.ndarray) -> Sky | None:
    """The sky of the pixels far from everything, clipped at 2.5 sigma; None if the noise cannot be determined.

    Parameters
    ----------
    counts : ndarray (height, width) of bool
    labels : ndarray (height, width) of int
        Footprints, above 0.
    """
    footprints = labels > 0
    for reach in _CLEAR:
        values = picture[counts & ~(widened_box(footprints, reach) if reach else footprints)]
        if len(values) >= min(_FEW, picture.size // 4):
            break
    else:
        values = picture[counts]
    if len(values) < 9:
        return None
    for _ in range(3):
        middle = _median(values)
        noise = 1.4826 * _median(np.abs(values - middle))
        if not noise > 0:
            # Of counts of a few photons most are alike, and what clipping left would be so altogether.
            noise = values.std()
            break
        values = values[np.abs(values - middle) <= 2.5 * noise]
    if not noise > 0:
        return None
    # Clipping at 2.5 sigma takes 1.4 % of the noise away, and none of the level.
    return Sky(float(values.mean()), float(noise * np.hypot(len(values) ** -0.5, _SKY_FLOOR)), float(noise))


def _median(values: np.ndarray) -> np.floating:
    """The upper one of two; numpy's looks for NaN first, which takes four times as long."""
    return np.partition(values, len(values) // 2)[len(values) // 2]


def size_of(half_light_radius: float, picture: int) -> int:
    """Side of the stamp for a galaxy of that radius (pixels) in a picture of so many pixels on its shorter side."""
    fits = [size for size in SIZES if size <= picture] or [SIZES[0]]
    wanted = 2 * _REACH * half_light_radius + 1
    return next((size for size in fits if size >= wanted), fits[-1])


def widened(mask: np.ndarray, by: int = _WIDEN) -> np.ndarray:
    """A mask (height, width) grown by a disc of `by` pixels."""
    grown = mask.copy()
    for dy in range(-by, by + 1):
        for dx in range(-by, by + 1):
            if (dy or dx) and dy * dy + dx * dx <= by * by + 1:
                _or_shifted(grown, mask, dy, dx)
    return grown


def widened_box(mask: np.ndarray, by: int) -> np.ndarray:
    """A mask (height, width) grown by a square of `by` pixels on each side."""
    grown = mask
    for axis in (0, 1):
        total = np.cumsum(np.pad(grown, [(by + 1, by) if at == axis else (0, 0) for at in (0, 1)]), axis, np.int32)
        size, wide = grown.shape[axis], 2 * by + 1
        upper = np.take(total, np.arange(wide, wide + size), axis)
        grown = upper > np.take(total, np.arange(size), axis)
    return grown


def _or_shifted(into: np.ndarray, mask: np.ndarray, dy: int, dx: int) -> None:
    height, width = mask.shape
    into[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] |= mask[
        max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
    ]


def cut(picture: np.ndarray, counts: np.ndarray, x: int, y: int, size: int) -> Stamp:
    """The stamp of `size` pixels, an odd number, whose middle is the pixel (x, y).

    What lies outside the picture does not count.
    """
    half = size // 2
    data, kept = np.zeros((size, size), np.float32), np.zeros((size, size), bool)
    height, width = picture.shape
    top, left = max(y - half, 0), max(x - half, 0)
    bottom, right = min(y + half + 1, height), min(x + half + 1, width)
    inside = slice(top - y + half, bottom - y + half), slice(left - x + half, right - x + half)
    data[inside], kept[inside] = picture[top:bottom, left:right], counts[top:bottom, left:right]
    data[~kept] = 0.0
    return Stamp(data, kept, x, y)
