"""Simulate objects: redshifts, magnitudes and positions that resemble HSC's spectroscopic sample.

Everything is a function of random draws made elsewhere, so that a row does not depend on how many are made
at a time.  Values are rounded to about the decimals that the archive prints: the last bits of a power or a
cosine, in which processors differ, are not in the files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

#: Standard normal draws for each object (one more for each filter), and uniform ones.
NORMALS, UNIFORMS = 3, 5

# n(z) is a sum of the surveys of the nearby universe, the luminous red galaxies near 0.52, the faint surveys,
# and quasars with the deep fields: gamma laws (weight, shape, scale) and normal ones (weight, mean, sigma).
_GAMMA = ((0.405, 3.2, 0.060), (0.110, 8.0, 0.115), (0.080, 11.0, 0.190))
_NORMAL = ((0.210, 0.512, 0.085), (0.195, 0.700, 0.140))

# Quantiles (5, 25, 50, 75, 95 per cent) of i and of g - z in bins of redshift, rounded, of 429,235 HSC PDR2
# objects with spectra (hsc_ratios_and_specz of pz-rail-astro-tools, MIT licence).
_BINS = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.90, 1.10, 1.35, 1.75, 2.25, 2.75, 3.50]
_I_MAG = [
    [15.96, 16.55, 17.32, 17.99, 18.65, 19.11, 19.45, 19.90, 20.66, 21.07, 20.73, 20.24, 20.18, 20.10, 19.95],
    [16.88, 17.25, 17.96, 18.54, 19.30, 19.61, 20.09, 21.03, 21.58, 22.07, 22.19, 21.56, 21.41, 21.43, 21.34],
    [17.74, 17.98, 18.50, 19.37, 19.96, 20.14, 21.26, 21.81, 22.16, 22.62, 23.09, 22.74, 22.21, 22.19, 22.90],
    [18.97, 18.70, 20.20, 21.52, 21.64, 21.66, 22.18, 22.42, 22.69, 23.20, 23.75, 23.91, 23.87, 23.63, 23.84],
    [22.93, 22.44, 22.83, 23.05, 23.01, 22.95, 23.21, 23.36, 23.55, 23.97, 24.53, 24.66, 24.65, 24.44, 24.47],
]
_G_MINUS_Z = [
    [0.39, 0.69, 0.74, 0.95, 0.92, 0.99, 0.84, 0.91, 0.66, 0.45, 0.37, 0.14, 0.10, 0.12, 0.17],
    [0.86, 1.26, 1.36, 1.42, 1.54, 1.68, 1.44, 1.36, 1.24, 1.02, 0.78, 0.41, 0.34, 0.33, 0.55],
    [1.24, 1.67, 1.99, 2.27, 2.65, 2.81, 2.26, 1.81, 1.64, 1.42, 1.11, 0.65, 0.53, 0.55, 0.96],
    [1.57, 1.87, 2.24, 2.61, 2.90, 3.10, 3.19, 2.94, 2.50, 2.08, 1.59, 1.11, 0.80, 0.84, 1.41],
    [1.94, 2.10, 2.47, 2.85, 3.10, 3.32, 3.54, 3.72, 3.99, 3.84, 3.04, 2.47, 1.48, 1.54, 2.56],
]
#: The quantiles as standard normal deviates, with the tails drawn on to 3.2.
_DEVIATES = np.array([-3.2, -1.645, -0.674, 0.0, 0.674, 1.645, 3.2])

# Where in g - z the 4000-angstrom break lies: shares of g - r and of i - z, red galaxies, by redshift.
_BREAK_Z = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.4, 4.0]
_SHARE_GR = [0.52, 0.56, 0.60, 0.48, 0.36, 0.30, 0.32, 0.40]
_SHARE_IZ = [0.20, 0.17, 0.15, 0.18, 0.28, 0.38, 0.38, 0.30]

#: Limiting magnitude (5 sigma, HSC Wide), extinction over E(B - V), of each filter; others are as y.
_DEPTH = {"u": 26.0, "g": 26.6, "r": 26.2, "i": 26.2, "z": 25.3, "y": 24.5}
_EXTINCTION = {"u": 4.145, "g": 3.240, "r": 2.276, "i": 1.633, "z": 1.263, "y": 1.075}

# The fields of the Wide layer, roughly: first ra, width, first dec, height, deg; one crosses ra = 0.
_FIELDS = np.array(
    [
        [29.5, 10.0, -6.8, 5.0],
        [129.0, 22.0, -1.8, 6.5],
        [174.0, 51.0, -1.8, 6.2],
        [331.0, 44.0, -1.5, 7.0],
        [238.0, 12.0, 42.3, 2.2],
        [213.0, 4.0, 51.4, 2.0],
    ]
)
#: Side of a tract in declination, and tracts round the equator.
_TRACT_DEG, _TRACTS = 1.4876, 242
#: The low bits of an identifier, which number the objects; above them stand patch and tract, as in HSC's own.
SERIAL_BITS, _TRACT_SHIFT = 35, 42


@dataclass
class Draws:
    """Random numbers for n objects: ``normal`` (NORMALS + bands, n) and ``uniform`` (UNIFORMS, n)."""

    normal: np.ndarray
    uniform: np.ndarray


@cache
def _redshift_table() -> tuple[np.ndarray, np.ndarray]:
    from math import gamma

    z = np.arange(0.0105, 3.95, 0.0025)
    density = sum(w * z ** (k - 1) * np.exp(-z / t) / (gamma(k) * t**k) for w, k, t in _GAMMA)
    density += sum(w * np.exp(-0.5 * ((z - m) / s) ** 2) / (s * np.sqrt(2 * np.pi)) for w, m, s in _NORMAL)
    cumulative = np.cumsum(density)
    return (cumulative - cumulative[0]) / (cumulative[-1] - cumulative[0]), z


def redshifts(uniform: np.ndarray) -> np.ndarray:
    """Redshifts in (0.01, 4), to five decimals, from uniform numbers."""
    return np.round(np.interp(uniform, *_redshift_table()), 5)


def objects(draws: Draws, serial: np.ndarray, bands: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Every object column by our name, all faultless, and ``_redshift``, the true one.

    Parameters
    ----------
    draws : Draws
        For n objects.
    serial : ndarray of int64, shape (n,)
        Numbers that no two objects share, below 2**34.
    bands : tuple of str
        Filters, by their letters.
    """
    z = redshifts(draws.uniform[0])
    columns = {"_redshift": z}
    columns |= _places(draws, serial)
    columns |= _magnitudes(draws, z, bands)
    reddening = np.round(0.045 + 0.025 * np.sin(columns["ra"] / 7.0) * np.cos(columns["dec"] * 1.3), 5)
    for band in bands:
        columns[f"a_{band}"] = np.round(_EXTINCTION.get(band, 1.075) * reddening, 5)
        for flag in ("cmodel_flag", "sdsscentroid_flag"):
            columns[f"{band}_{flag}"] = np.zeros(len(z), bool)
        for flag in ("edge", "interpolatedcenter", "saturatedcenter", "crcenter", "bad"):
            columns[f"{band}_pixelflags_{flag}"] = np.zeros(len(z), bool)
    return columns


def _places(draws: Draws, serial: np.ndarray) -> dict[str, np.ndarray]:
    area = np.cumsum(_FIELDS[:, 1] * _FIELDS[:, 3] * np.cos(np.radians(_FIELDS[:, 2])))
    field = np.searchsorted(area[:-1] / area[-1], draws.uniform[1])
    first_ra, width, first_dec, height = _FIELDS[field].T
    ra = np.round((first_ra + width * draws.uniform[2]) % 360.0, 10)
    dec = np.round(first_dec + height * draws.uniform[3], 10)
    ring, along = dec / _TRACT_DEG, ra * (_TRACTS / 360.0)
    tract = (9470 + _TRACTS * np.floor(ring) + np.floor(along)).astype(np.int64)
    x = np.floor(9.0 * (along % 1.0)).astype(np.int64)
    y = np.floor(9.0 * (ring % 1.0)).astype(np.int64)
    cell = (tract << _TRACT_SHIFT) | ((9 * x + y) << SERIAL_BITS)
    is_child = draws.uniform[4] < 0.45
    return {
        "object_id": cell | serial,
        "ra": ra,
        "dec": dec,
        "skymap_id": tract * 10_000 + 100 * x + y,
        "tract": tract,
        "patch": 100 * x + y,
        # A parent's own row is not among these: its number lies beyond every serial one.
        "parent_id": np.where(is_child, cell | serial | (1 << (SERIAL_BITS - 1)), 0),
        "nchild": np.zeros(len(ra), np.int64),
        "isprimary": np.ones(len(ra), bool),
    }


def _magnitudes(draws: Draws, z: np.ndarray, bands: tuple[str, ...]) -> dict[str, np.ndarray]:
    rank = draws.normal[0]
    # At one redshift the bright ones are red.
    redness = -0.5 * rank + np.sqrt(0.75) * draws.normal[1]
    i = _by_quantiles(_I_MAG, z, rank)
    colour = _by_quantiles(_G_MINUS_Z, z, redness)
    # Red galaxies follow the break; the blue ones' colours are spread evenly.
    red = np.clip(0.5 + redness, 0.0, 1.0)
    share_gr = red * np.interp(z, _BREAK_Z, _SHARE_GR) + (1.0 - red) * 0.42
    share_iz = red * np.interp(z, _BREAK_Z, _SHARE_IZ) + (1.0 - red) * 0.26
    true = {"i": i, "z": i - share_iz * colour}
    true["g"] = true["z"] + colour
    true["r"] = true["g"] - share_gr * colour
    true["u"] = true["g"] + 0.4 + 0.45 * colour
    true["y"] = true["z"] - 0.12 * colour + 0.04 * draws.normal[2]
    columns = {}
    for number, band in enumerate(bands):
        magnitude = true.get(band, true["y"])
        depth = _DEPTH.get(band, _DEPTH["y"])
        noise = np.exp((0.4 * np.log(10.0)) * (magnitude - depth))
        sigma = np.minimum(0.0008 + 0.2 * noise + 0.012 * np.sqrt(noise), 1.5)
        columns[f"{band}_cmodel_mag"] = np.round(magnitude + sigma * draws.normal[NORMALS + number], 4)
        columns[f"{band}_cmodel_magsigma"] = np.round(sigma, 5)
    return columns


def _by_quantiles(table: list[list[float]], z: np.ndarray, deviate: np.ndarray) -> np.ndarray:
    """The value whose rank among objects of its redshift is ``deviate``, a standard normal one."""
    rows = np.array(table)
    low, high = rows[0] - 0.7 * (rows[1] - rows[0]), rows[-1] + 0.7 * (rows[-1] - rows[-2])
    knots = np.array([np.interp(z, _BINS, row) for row in (low, *rows, high)])
    clipped = np.clip(deviate, _DEVIATES[0], _DEVIATES[-1] - 1e-9)
    upper = np.searchsorted(_DEVIATES, clipped, side="right")
    at = np.arange(len(z))
    left, right = knots[upper - 1, at], knots[upper, at]
    start = _DEVIATES[upper - 1]
    return left + (right - left) * (clipped - start) / (_DEVIATES[upper] - start)
