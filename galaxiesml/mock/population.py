"""A simulated population: redshifts, magnitudes and positions that look like HSC's spectroscopic sample.

Tables only, drawn from simple laws; what resembles the real sample is n(z), the depth of each filter and the
colours' trend with redshift, and nothing finer is meant.
"""

from __future__ import annotations

import numpy as np

#: Filters with a 5-sigma depth in HSC's Wide layer, AB mag (Aihara et al. 2019, PASJ 71, 114, table 2).
DEPTH_MAG = {"g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5}
#: Parts of n(z): share, and how they are drawn.  In the released files 51.5 % lie below 0.5, 87.9 % below 1,
#: 7.1 % above 1.5 and 2.2 % above 2.5, with peaks near 0.13 and 0.52.
_PARTS = (
    (0.27, lambda draw, n: draw.lognormal(np.log(0.14), 0.40, n)),
    (0.485, lambda draw, n: draw.normal(0.52, 0.13, n)),
    (0.155, lambda draw, n: draw.normal(0.83, 0.16, n)),
    (0.068, lambda draw, n: draw.uniform(1.1, 2.5, n)),
    (0.022, lambda draw, n: 2.5 + draw.exponential(0.4, n)),
)
#: Fields of the Wide layer: RA and Dec ranges, deg.
_FIELDS = ((29.0, 39.0, -6.5, -1.5), (129.0, 180.0, -1.5, 4.5), (180.0, 225.0, -1.5, 4.0), (331.0, 364.0, -1.0, 6.5))


def redshifts(draw: np.random.Generator, count: int) -> np.ndarray:
    """Redshifts, shape (count,), within 0.02 to 3.9: inside every limit of every version."""
    part = draw.choice(len(_PARTS), size=count, p=[share for share, _ in _PARTS])
    z = np.empty(count)
    for index, (_, law) in enumerate(_PARTS):
        chosen = part == index
        z[chosen] = law(draw, int(chosen.sum()))
    # What falls outside is drawn again, evenly, near the first peak.
    outside = (z < 0.02) | (z > 3.9)
    z[outside] = draw.uniform(0.05, 0.25, int(outside.sum()))
    return z


def magnitudes(draw: np.random.Generator, z: np.ndarray) -> dict[str, np.ndarray]:
    """AB magnitudes by filter, each of z's shape, within 13 to 26."""
    red = draw.random(len(z)) < np.where(z < 1, 0.6, 0.15)
    i = np.clip(17.4 + 4.0 * np.log10(z / 0.13) + draw.normal(0, 0.8, len(z)), 14.0, 24.5)
    # The 4000 A break passes g-r near z = 0.35, r-i near 0.75, i-z near 1.1.
    break_size = np.where(red, 0.9, 0.35)
    colours = {
        "g": 0.35 + break_size * (1.0 / (1 + np.exp(-(z - 0.15) / 0.08))) + break_size * 0.4,
        "r": 0.0,
        "z": 0.15 + 0.5 * break_size / (1 + np.exp(-(z - 0.85) / 0.1)),
        "y": 0.10 + 0.4 * break_size / (1 + np.exp(-(z - 1.2) / 0.1)),
    }
    r = i + 0.25 + 0.9 * break_size / (1 + np.exp(-(z - 0.55) / 0.1))
    z_band = i - colours["z"]
    truth = {"g": r + colours["g"], "r": r, "i": i, "z": z_band, "y": z_band - colours["y"]}
    return {band: np.clip(mag + draw.normal(0, 0.05, len(z)), 13.0, 26.0) for band, mag in truth.items()}


def magnitude_errors(mags: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Standard errors, mag: 0.2 at the filter's depth, and never below 0.0002."""
    return {band: 2e-4 + 0.2 * 10 ** (0.4 * (mag - DEPTH_MAG[band])) for band, mag in mags.items()}


def positions(draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """RA and Dec in degrees, shape (count,) each, evenly over the fields."""
    field = np.array(_FIELDS)[draw.integers(0, len(_FIELDS), count)]
    ra = (field[:, 0] + (field[:, 1] - field[:, 0]) * draw.random(count)) % 360
    low, high = np.sin(np.radians(field[:, 2])), np.sin(np.radians(field[:, 3]))
    return ra, np.degrees(np.arcsin(low + (high - low) * draw.random(count)))


def object_ids(rows: np.ndarray) -> np.ndarray:
    """17-digit identifiers, unique and in no order; int64."""
    # An odd factor permutes the numbers below a power of two.
    return 36_000_000_000_000_000 + (rows.astype(np.int64) * 5_234_567_891) % (1 << 43)
