"""The position of the simulated survey, and the positions of each kind of fault in it.

The survey's rectangle lies across the line between tracts 9812 and 9813, its upper edge in the ring above.
"""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.sky.survey.coverage import Coverage
from galaxiesml.mock.sky.survey.tracts import PATCH, holding, home, patch_of, tract

LEFT, RIGHT = 9812, 9813
#: Upper edge of the survey, deg: some of it is in the tracts of the next ring too.
_TOP_DEC = 2.94
#: Galaxies for each square degree, and the least half-height, deg, that holds every place below.
_DENSITY, _LEAST = 250.0, 0.23
_SHAPE = 1.65
#: Patches that the service does not have, and in which bands.
UNSERVED = ((RIGHT, 7, 6, "grizy"), (LEFT, 1, 6, "y"), (RIGHT, 8, 6, "z"))
_PIXEL_DEG = 0.168 / 3600.0
#: Of positions that several tracts hold, how many are taken: with all, half the pictures would be of repeats.
_OVERLAP_SHARE = 0.4


def coverage_for(galaxies: int) -> Coverage:
    """The survey's rectangle: large enough for so many galaxies."""
    half_dec = max(_LEAST, np.sqrt(galaxies / _DENSITY / _SHAPE) / 2.0)
    middle = (tract(LEFT).ra + tract(RIGHT).ra) / 2.0
    return Coverage(middle, _TOP_DEC - half_dec, half_dec * _SHAPE, half_dec, UNSERVED)


def position(name: str, coverage: Coverage, rng: np.random.Generator) -> tuple[float, float]:
    """A position in deg at a place of one kind."""
    u, v = rng.random(2)
    along = {
        "unserved": (RIGHT, 7 * PATCH + 400 + 3000 * u, 6 * PATCH + 400 + 3200 * v),
        "no_y": (LEFT, 1 * PATCH + 400 + 3200 * u, 6 * PATCH + 400 + 3200 * v),
        "coadd_edge": (RIGHT, 7 * PATCH + 400 + 3000 * u, 7 * PATCH - 100 + 20 + 30 * v),
        "tract_edge": (LEFT, 20 + 30 * u, 7 * PATCH + 400 + 3200 * v),
        "overlap": (RIGHT, 8 * PATCH + 400 + 1300 * u, 7 * PATCH + 400 + 3200 * v),
        "overlap_no_z": (RIGHT, 8 * PATCH + 400 + 1300 * u, 6 * PATCH + 400 + 3200 * v),
    }
    if name in along:
        number, x, y = along[name]
        ra, dec = tract(number).sky(x, y)
    elif name in ("survey_edge", "survey_rim"):
        inside = 45 if name == "survey_edge" else 6
        ra, dec = coverage.sky(coverage.half_ra * (1.2 * u - 0.6), -coverage.half_dec + inside * _PIXEL_DEG)
    else:
        ra, dec = anywhere(coverage, rng)
    return round(float(ra), 9), round(float(dec), 9)


def anywhere(coverage: Coverage, rng: np.random.Generator) -> tuple[float, float]:
    """A position that is well inside the exposures and in no patch that the service lacks."""
    while True:
        u, v, share = rng.random(3)
        inset = 60.0 / 3600.0
        ra, dec = coverage.sky(
            (2.0 * u - 1.0) * (coverage.half_ra - inset), (2.0 * v - 1.0) * (coverage.half_dec - inset)
        )
        tracts = holding(ra, dec)
        if len(tracts) > 1 and share > _OVERLAP_SHARE:
            continue
        if all(_is_served(coverage, one, ra, dec) for one in tracts):
            return float(ra), float(dec)


def _is_served(coverage: Coverage, one, ra: float, dec: float) -> bool:
    """Whether every patch within 300 pixels is there in every band."""
    x, y = one.pixels(ra, dec)
    corners = {patch_of(x + dx, y + dy) for dx in (-300, 300) for dy in (-300, 300)}
    lacking = {(t, px, py) for t, px, py, _ in coverage.unserved}
    return not any((one.number, *corner) in lacking or not coverage.has_patch(one.number, corner) for corner in corners)


def own_tract(ra: float, dec: float) -> int:
    return home(ra, dec).number
