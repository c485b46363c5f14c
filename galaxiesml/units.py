"""Compare units by their meaning, not by their spelling."""

from __future__ import annotations

import math
import re
import warnings
from functools import cache

#: Spellings that astropy does not know, by their letters alone.
_SPELLINGS = {
    **dict.fromkeys(("degree", "degrees", "degr", "degs", "angledegree"), "deg"),
    **dict.fromkeys(("radian", "radians", "rads"), "rad"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs", "h", "hourangle"), "hourangle"),
    **dict.fromkeys(("arcseconds", "arcsecond", "arcsecs", "asec"), "arcsec"),
    **dict.fromkeys(("ab", "mags", "magnitude", "magnitudes", "abmag", "magab", "vegamag", "magvega"), "mag"),
    **dict.fromkeys(("nanomaggy", "nanomaggies", "nmaggy", "nmaggies"), "nmgy"),
    **dict.fromkeys(("none", "unitless", "dimensionless", "null", "na", "redshift", "z"), ""),
}
#: Letters that a unit may have.
LONGEST = 60
_FORMATS = (None, "fits", "vounit", "cds", "ogip")
#: What astropy makes of the usual units, so that a catalogue opens without it; a test compares them.
FACTORS = {("rad", "deg"): 180 / math.pi, ("hourangle", "deg"): 15.0, ("arcsec", "deg"): 1 / 3600}
ZERO_POINTS = {"nJy": 31.4, "uJy": 23.9, "mJy": 16.4, "Jy": 8.9, "nanomaggy": 22.5, "maggy": 0.0}
#: AB magnitude of 1 erg / (s cm2 Hz).
_AB_CGS = -48.6


def means(text: str, expected: str) -> bool | None:
    """Whether a unit in a file equals the expected one; None if it cannot be parsed.

    Parameters
    ----------
    text : str
        As the file has it, in any of the standards: 'deg', 'degrees', 'mag(AB)', 'km.s-1'.
    expected : str
        As VOUnit writes it; '' is a pure number.
    """
    found, wanted = parse(text), parse(expected)
    return None if found is None else bool(found == wanted)


@cache
def factor(text: str, expected: str) -> float | None:
    """By what a number in one unit is multiplied to be in another; None if either is unknown or they do not convert.

    Parameters
    ----------
    text, expected : str
        As `means` takes them.
    """
    if text == expected:
        return 1.0
    if (text, expected) in FACTORS:
        return FACTORS[text, expected]
    from astropy.units import UnitConversionError

    found, wanted = parse(text), parse(expected)
    if found is None or wanted is None:
        return None
    try:
        return float(found.to(wanted))
    except (UnitConversionError, TypeError):
        return None


@cache
def zero_point(text: str) -> float | None:
    """The AB magnitude of a flux density of 1 in a unit, mag; None if the unit is none of a flux density."""
    if text in ZERO_POINTS:
        return ZERO_POINTS[text]
    if (unit := parse(text)) is None:
        return None
    from astropy import units

    # AB: m = -2.5 log10(f / (erg / (s cm2 Hz))) - 48.6; a maggy is the flux of magnitude 0.
    for base, point in ((units.Unit("erg / (s cm2 Hz)"), _AB_CGS), (units.mgy, 0.0)):
        try:
            value = float(unit.to(base))
        except (units.UnitConversionError, TypeError):
            continue
        # What is left of 31.4 after a logarithm is rounded off; zero points have no more digits.
        return round(-2.5 * math.log10(value) + point, 12) if value > 0 else None
    return None


@cache
def not_vounit(text: str) -> str | None:
    """Why a text is no unit in VOUnit syntax, and what to write for it; None if it is one.

    Parameters
    ----------
    text : str
        '' is a pure number; a name in single quotes is a unit of one's own.
    """
    if not text.strip():
        return None
    if len(text) > LONGEST:
        return f"it has more than {LONGEST} letters"
    if _vounit(text) is not None:
        return None
    meant = parse(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spelt = meant.to_string("vounit") if meant is not None else None
    except ValueError:
        spelt = None
    if meant is not None and spelt == "":
        return f"{text!r} is not a unit in VOUnit syntax; leave it empty for a pure number"
    if spelt:
        return f"{text!r} is not a unit in VOUnit syntax; write {spelt!r}"
    own = f"; a unit of your own stands in single quotes, \"'{text}'\"" if re.fullmatch(r"[A-Za-z]+", text) else ""
    return f"{text!r} is not a unit in VOUnit syntax{own}"


def _vounit(text: str):
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return units.Unit(text, format="vounit", parse_strict="raise")
    except (ValueError, TypeError):
        return None


@cache
def parse(text: str):
    """The astropy unit of a text; None if the text is not a known unit."""
    from astropy import units

    text = text.strip()
    letters = re.sub(r"[^a-z]", "", text.lower())
    if not text.strip("-[]"):
        # '--' and '[-]' are written for a pure number; CDS would read the brackets as a logarithm.
        text = ""
    elif not re.search(r"[\d/*^.]", text):
        text = _SPELLINGS.get(letters, text)
    # 'MAG' and 'KM/S' are plain; 'Mpc' means what it says, so that lower case comes last.
    for spelling in dict.fromkeys((text, text.lower())):
        for form in _FORMATS:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    unit = units.Unit(spelling, format=form, parse_strict="raise")
            except (ValueError, TypeError):
                continue
            return getattr(unit, "function_unit", unit)
    return None
