"""HSC's tracts and patches: rings of tangent-plane squares, as the survey numbers them.

The sky is 120 rings of tracts between the poles (https://hsc-release.mtk.nao.ac.jp/doc/index.php/data/, and the
centres in the headers of the archive's own cutouts).  Neighbouring tracts overlap; each holds 9 x 9 patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC

RINGS = 120
#: Declination from one ring to the next, deg.
RING_DEG = 180.0 / (RINGS + 1)
#: Pixels of a tract's side and of a patch's, and by how many a patch's picture reaches beyond it.
SIDE, PATCH, BORDER = 36_000, 4_000, 100
#: A tract's centre, pixels from 0.
MIDDLE = 17_999.0
DEG_PER_PIXEL = PIXEL_SCALE_ARCSEC / 3600.0


@dataclass(frozen=True)
class Tract:
    """A tract: its number and its centre, deg."""

    number: int
    ra: float
    dec: float

    def pixels(self, ra, dec) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (x, y) from 0 of positions in deg, by the tangent plane (FITS WCS paper II, TAN)."""
        a, d = np.radians(np.asarray(ra) - self.ra), np.radians(dec)
        d0 = np.radians(self.dec)
        below = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
        xi = np.degrees(np.cos(d) * np.sin(a) / below)
        eta = np.degrees((np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a)) / below)
        return MIDDLE - xi / DEG_PER_PIXEL, MIDDLE + eta / DEG_PER_PIXEL

    def sky(self, x, y) -> tuple[np.ndarray, np.ndarray]:
        """Positions (ra, dec) in deg of pixels from 0; the inverse of :meth:`pixels`."""
        xi = np.radians((MIDDLE - np.asarray(x)) * DEG_PER_PIXEL)
        eta = np.radians((np.asarray(y) - MIDDLE) * DEG_PER_PIXEL)
        d0 = np.radians(self.dec)
        down = np.cos(d0) - eta * np.sin(d0)
        ra = (self.ra + np.degrees(np.arctan2(xi, down))) % 360.0
        return ra, np.degrees(np.arctan2(np.sin(d0) + eta * np.cos(d0), np.hypot(xi, down)))


@cache
def _numbers_in_rings() -> tuple[int, ...]:
    start = np.radians(RING_DEG) * (np.arange(RINGS) + 0.5) - 0.5 * np.pi
    widest = np.minimum(np.abs(start), np.abs(start + np.radians(RING_DEG)))
    return tuple(int(n) for n in np.floor(2.0 * np.pi * np.cos(widest) / np.radians(RING_DEG)) + 1)


def _in_ring(ring: int, along: int) -> Tract:
    numbers = _numbers_in_rings()
    along %= numbers[ring]
    return Tract(1 + sum(numbers[:ring]) + along, 360.0 * along / numbers[ring], RING_DEG * (ring + 1) - 90.0)


@cache
def tract(number: int) -> Tract:
    """The tract of a number; the two round the poles are not made."""
    left = number - 1
    for ring, count in enumerate(_numbers_in_rings()):
        if left < count:
            return _in_ring(ring, left)
        left -= count
    raise ValueError(f"There is no tract {number}.")


def _ring_of(dec: float) -> int:
    return int(np.clip(np.floor((dec + 90.0) / RING_DEG - 0.5), 0, RINGS - 1))


def home(ra: float, dec: float) -> Tract:
    """The tract whose part of the sky a position is: one ring by declination, the nearest centre in it."""
    ring = _ring_of(dec)
    return _in_ring(ring, round(ra / 360.0 * _numbers_in_rings()[ring]))


def holding(ra: float, dec: float, margin: float = 0.0) -> list[Tract]:
    """Every tract whose square holds a position, by number.

    Parameters
    ----------
    ra, dec : float
        deg.
    margin : float
        Pixels by which the squares are made larger.
    """
    middle = _ring_of(dec)
    found = []
    for ring in range(max(0, middle - 1), min(RINGS, middle + 2)):
        nearest = round(ra / 360.0 * _numbers_in_rings()[ring])
        for along in (nearest - 1, nearest, nearest + 1):
            one = _in_ring(ring, along)
            x, y = one.pixels(ra, dec)
            if -0.5 - margin <= x < SIDE - 0.5 + margin and -0.5 - margin <= y < SIDE - 0.5 + margin:
                found.append(one)
    return sorted(found, key=lambda one: one.number)


def patch_of(x: float, y: float) -> tuple[int, int]:
    """The patch (x, y) whose inner square holds a pixel from 0."""
    return tuple(int(np.clip((round(float(v)) // PATCH), 0, SIDE // PATCH - 1)) for v in (x, y))


def object_id(number: int, patch: tuple[int, int], serial: int) -> int:
    """An identifier of 17 digits: tract, patch, and the object's number in it, packed as HSC packs them."""
    return (number << 42) | (patch[0] << 37) | (patch[1] << 32) | serial


def skymap_id(number: int, patch: tuple[int, int]) -> int:
    return number * 10_000 + patch[0] * 100 + patch[1]
