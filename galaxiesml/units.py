"""Compare units by their meaning, not by their spelling."""

from __future__ import annotations

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
    **dict.fromkeys(("none", "unitless", "dimensionless", "null", "na", "redshift", "z"), ""),
}
_FORMATS = (None, "fits", "vounit", "cds", "ogip")


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
