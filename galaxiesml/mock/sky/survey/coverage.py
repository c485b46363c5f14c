"""Where the simulated survey has data, and which patches its cutout service does not serve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.mock.sky.instrument import BANDS
from galaxiesml.mock.sky.survey.tracts import BORDER, PATCH, SIDE, Tract, tract

#: By how much each band's exposures end before the widest one's, arcsec.
INSET_ARCSEC = np.array([0.0, 0.5, 0.3, 0.8, 1.5])


@dataclass(frozen=True)
class Box:
    """Pixels of a tract: the first column and row from 0, and how many of them."""

    x0: int
    y0: int
    columns: int
    rows: int

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (x, y) from 0, to be broadcast: shapes (1, columns) and (rows, 1)."""
        return np.arange(self.x0, self.x0 + self.columns)[None, :], np.arange(self.y0, self.y0 + self.rows)[:, None]


@dataclass(frozen=True)
class Coverage:
    """A rectangle on the sky that was exposed.

    Attributes
    ----------
    ra, dec : float
        Its middle, deg.
    half_ra, half_dec : float
        Half its width and height on the sky, deg.
    unserved : tuple of (int, int, int, str)
        Patches that the service lacks: tract, x, y, and the bands.
    """

    ra: float
    dec: float
    half_ra: float
    half_dec: float
    unserved: tuple[tuple[int, int, int, str], ...] = ()

    def sky(self, u, v) -> tuple:
        """Position in deg at (u, v) deg east and north of the middle."""
        return self.ra + np.asarray(u) / np.cos(np.radians(self.dec)), self.dec + np.asarray(v)

    def inside(self, ra, dec, margin_deg: float = 0.0) -> np.ndarray:
        """Whether positions are in the rectangle, ``margin_deg`` or more from its edge (outside it, if below 0)."""
        u = (np.asarray(ra) - self.ra) * np.cos(np.radians(self.dec))
        v = np.asarray(dec) - self.dec
        return (np.abs(u) < self.half_ra - margin_deg) & (np.abs(v) < self.half_dec - margin_deg)

    def exposed(self, band: int, where: Tract, box: Box) -> np.ndarray:
        """Whether a band has data in each pixel, shape (rows, columns)."""
        x, y = box.grid()
        ra, dec = where.sky(x, y)
        return self.inside(ra, dec, INSET_ARCSEC[band] / 3600.0)

    def has_patch(self, number: int, patch: tuple[int, int]) -> bool:
        """Whether a patch was made at all: whether any of it was exposed."""
        along = np.linspace(-BORDER, PATCH + BORDER, 9)
        x, y = patch[0] * PATCH + along[None, :], patch[1] * PATCH + along[:, None]
        return bool(self.inside(*tract(number).sky(x, y), -0.02).any())

    def serves(self, number: int, patch: tuple[int, int], band: int) -> bool:
        """Whether the service has a patch in a band."""
        lacking = any((number, *patch) == (t, x, y) and BANDS[band] in bands for t, x, y, bands in self.unserved)
        return not lacking and self.has_patch(number, patch)

    def served(self, number: int, band: int, box: Box) -> np.ndarray:
        """Whether the service has each pixel, shape (rows, columns): patches reach 100 pixels beyond their own."""
        found = np.zeros((box.rows, box.columns), bool)
        x, y = box.grid()
        of_tract = (x >= 0) & (x < SIDE) & (y >= 0) & (y < SIDE)
        for patch in patches_near(box):
            if self.serves(number, patch, band):
                left, low = patch[0] * PATCH - BORDER, patch[1] * PATCH - BORDER
                wide = PATCH + 2 * BORDER
                found |= (x >= left) & (x < left + wide) & (y >= low) & (y < low + wide)
        return found & of_tract

    def rows(self, numbers: list[int]) -> list[dict]:
        """Every patch of some tracts, band by band, for the truth."""
        found = []
        for number in numbers:
            patches = [(x, y) for x in range(SIDE // PATCH) for y in range(SIDE // PATCH)]
            for patch in (p for p in patches if self.has_patch(number, p)):
                served = "".join(BANDS[b] for b in range(len(BANDS)) if self.serves(number, patch, b))
                found.append({"tract": number, "patch_x": patch[0], "patch_y": patch[1], "bands_served": served})
        return found


def patches_near(box: Box) -> list[tuple[int, int]]:
    """Patches whose pictures, border and all, touch a box."""
    last = SIDE // PATCH - 1

    def touched(first: int, count: int) -> range:
        low, high = (first - BORDER) // PATCH, (first + count - 1 + BORDER) // PATCH
        return range(min(max(low, 0), last), min(max(high, 0), last) + 1)

    return [(x, y) for x in touched(box.x0, box.columns) for y in touched(box.y0, box.rows)]
