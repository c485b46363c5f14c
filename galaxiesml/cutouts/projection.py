"""Read and apply a cutout's WCS; it must be gnomonic with square pixels."""

from __future__ import annotations

import math

import numpy as np

from galaxiesml.cutouts.layers import BadFits

#: FITS words of the projection, and their values where they may be absent.
WORDS = (
    *(("CRVAL1", None), ("CRVAL2", None), ("CRPIX1", None), ("CRPIX2", None)),
    *(("CD1_1", None), ("CD1_2", 0.0), ("CD2_1", 0.0), ("CD2_2", None)),
)
#: How far sides may differ, and axes be from a right angle, of a square pixel.
SQUARE = 0.01
_DEGREES = ("deg", "degree", "degrees")


def read_projection(cards: dict) -> dict[str, float]:
    """The numbers of `WORDS`, by their names in lower case; pixels count from 0, not from FITS's 1.

    Raises
    ------
    BadFits
        The projection is not gnomonic, its units, frame, pole or reference point are not what the formula takes, or
        its pixels are not square.
    """
    if cards.get("CTYPE1") != "RA---TAN" or cards.get("CTYPE2") != "DEC--TAN":
        raise _bad(f"its projection is {cards.get('CTYPE1')!r}, {cards.get('CTYPE2')!r}, not gnomonic")
    for key in ("CUNIT1", "CUNIT2"):
        unit = cards.get(key, "deg")
        if not isinstance(unit, str) or (unit.strip() and unit.strip().lower() not in _DEGREES):
            raise _bad(f"its {key} is {unit!r}, not 'deg'")
    found = {}
    for key, default in WORDS:
        found[key.lower()] = _number(cards, key, default) - (1.0 if key.startswith("CRPIX") else 0.0)
    if not -90 <= found["crval2"] <= 90:
        raise _bad(f"its CRVAL2 is {found['crval2']!r}: a declination is between -90 and 90")
    if not -360 <= found["crval1"] <= 360:
        raise _bad(f"its CRVAL1 is {found['crval1']!r}: a right ascension is between 0 and 360")
    _check_frame(cards)
    _check_pole(cards, found["crval2"])
    _check_square(found)
    return found


def _bad(message: str) -> BadFits:
    return BadFits(message, "projection")


def _number(cards: dict, key: str, default: float | None = None) -> float:
    value = cards.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not np.isfinite(value):
        raise _bad(f"its {key} is {value!r}")
    return float(value)


def _check_frame(cards: dict) -> None:
    """ICRS, or FK5 of J2000, which is 0.02 arcsec from it."""
    equinox = _number(cards, "EQUINOX", 2000.0)
    frame = cards.get("RADESYS", cards.get("RADECSYS", "ICRS" if "EQUINOX" not in cards else "FK5"))
    known = isinstance(frame, str) and frame.strip().upper() in ("ICRS", "FK5")
    if not known or (equinox != 2000.0 and frame.strip().upper() != "ICRS"):
        of = f" of {equinox:g}" if equinox != 2000.0 else ""
        raise _bad(f"its RADESYS is {frame!r}{of}: its positions are not ICRS")


def _check_pole(cards: dict, declination: float) -> None:
    """North up before the CD matrix turns it: the formula's own case."""
    # The standard's default is another one where the reference point is the pole itself.
    default = 180.0 if declination < 90 else 0.0
    for key in ("LONPOLE", "PV1_3"):
        if (pole := _number(cards, key, 180.0 if key == "PV1_3" else default)) != 180.0:
            raise _bad(f"its {key} is {pole:g}, not 180")


def _check_square(found: dict[str, float]) -> None:
    across, up = (math.hypot(found[f"cd1_{axis}"], found[f"cd2_{axis}"]) for axis in (1, 2))
    if found["cd1_1"] * found["cd2_2"] == found["cd1_2"] * found["cd2_1"]:
        raise _bad("its CD matrix is singular")
    if abs(across / up - 1) > SQUARE:
        raise _bad(f"its pixels are not square: {3600 * across:.4g} x {3600 * up:.4g} arcsec")
    cosine = (found["cd1_1"] * found["cd1_2"] + found["cd2_1"] * found["cd2_2"]) / (across * up)
    if abs(cosine) > SQUARE:
        raise _bad(f"its pixels are not square: their sides meet at {math.degrees(math.acos(cosine)):.4g} degrees")


def sky_of(picture, x: float, y: float) -> tuple[float, float]:
    """Sky position of a pixel: the gnomonic projection of Calabretta & Greisen 2002 (A&A 395, 1077), eqs. 54-55.

    Parameters
    ----------
    picture : object
        With the numbers of `WORDS` as attributes.
    x, y : float
        Column and row, from 0; the centre of a pixel is whole.

    Returns
    -------
    ra, dec : float
        deg.
    """
    dx, dy = x - picture.crpix1, y - picture.crpix2
    xi = np.radians(picture.cd1_1 * dx + picture.cd1_2 * dy)
    eta = np.radians(picture.cd2_1 * dx + picture.cd2_2 * dy)
    dec0 = np.radians(picture.crval2)
    across = np.cos(dec0) - eta * np.sin(dec0)
    ra = np.degrees(np.arctan2(xi, across)) + picture.crval1
    dec = np.degrees(np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, across)))
    return float(ra % 360.0), float(dec)
