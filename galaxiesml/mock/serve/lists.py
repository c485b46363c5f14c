"""Read what the picture services are sent: lists of positions, one a line."""

from __future__ import annotations

import math
from dataclasses import dataclass

from galaxiesml.mock.serve.http import Refused

#: Lines of a list that are answered at most.
MOST_LINES = 1_000
#: Degrees of the largest semi-width.
LARGEST_DEG = 35.0 / 60.0
#: Semi-width of the simulated pictures, in arcseconds.
SEMI_WIDTH_ARCSEC = 10.0
RERUN = "pdr2_wide"
LAYERS = ("image", "mask", "variance")
_UNITS = {"asec": 1.0 / 3600.0, "arcsec": 1.0 / 3600.0, "amin": 1.0 / 60.0, "deg": 1.0}
_TRUE, _FALSE = ("true", "t", "yes", "on", "1"), ("false", "f", "no", "off", "0")


@dataclass(frozen=True)
class Asked:
    """A line: what is asked for.

    Attributes
    ----------
    number : int
        Of the line, the header being 1.
    band : str
        As HSC-G.
    ra, dec : float
        Degrees.
    tract, patch : int, str, optional
        None: any.
    layers : frozenset of str
    is_coadd : bool
        Of type coadd, the only one that is simulated.
    """

    number: int
    band: str
    ra: float
    dec: float
    tract: int | None
    patch: str | None
    layers: frozenset[str]
    is_coadd: bool


def read_list(text: str, has_size: bool) -> list[Asked]:
    """Read a list as it is uploaded.

    Parameters
    ----------
    text : str
    has_size : bool
        Each line says sw and sh, as cutouts need it and PSF pictures do not.

    Raises
    ------
    Refused
        400, with the line and what is wrong in it.
    """
    lines = text.splitlines()
    if not lines or not lines[0].startswith("#?"):
        raise Refused(400, "Line 1 of the list does not begin with #?.")
    names = lines[0][2:].split()
    needed = ["rerun", "filter", "ra", "dec", *(["sw", "sh"] if has_size else [])]
    if missing := [name for name in needed if name not in names]:
        raise Refused(400, f"Line 1 of the list does not name {', '.join(missing)}.")
    rows = [(number, line.split()) for number, line in enumerate(lines[1:], start=2) if line.strip()]
    if len(rows) > MOST_LINES:
        raise Refused(400, f"The list has {len(rows):,} lines; at most {MOST_LINES:,} are answered.")
    asked = []
    for number, words in rows:
        if len(words) != len(names):
            raise Refused(400, f"Line {number} of the list has {len(words)} words; its header has {len(names)}.")
        asked.append(_line(number, dict(zip(names, words, strict=True)), has_size))
    return asked


def _line(number: int, line: dict[str, str], has_size: bool) -> Asked:
    if line["rerun"] != RERUN:
        raise Refused(400, f"Line {number}: no rerun {line['rerun'][:40]}; this archive has {RERUN}.")
    ra, dec = _number(number, "ra", line["ra"]), _number(number, "dec", line["dec"])
    if not 0.0 <= ra < 360.0 or not -90.0 <= dec <= 90.0:
        raise Refused(400, f"Line {number}: ra {ra:g}, dec {dec:g} is no position.")
    if has_size:
        for name in ("sw", "sh"):
            _check_size(number, name, line[name])
    tract = line.get("tract", "all")
    layers = frozenset(name for name in LAYERS if _is_true(number, name, line.get(name, str(name == "image"))))
    return Asked(
        number,
        line["filter"],
        ra,
        dec,
        int(_number(number, "tract", tract)) if tract not in ("all", "any") else None,
        line.get("patch"),
        layers if has_size else frozenset(LAYERS),
        line.get("type", "coadd") == "coadd",
    )


def _number(number: int, name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise Refused(400, f"Line {number}: {name} {text[:40]!r} is not a number.")
    return value


def _is_true(number: int, name: str, text: str) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise Refused(400, f"Line {number}: {name} {text[:40]!r} is neither true nor false.")
    return text.lower() in _TRUE


def _check_size(number: int, name: str, text: str) -> None:
    unit = next((unit for unit in sorted(_UNITS, key=len, reverse=True) if text.endswith(unit)), None)
    if unit is None:
        raise Refused(400, f"Line {number}: {name} {text[:40]!r} has no unit; units: {', '.join(_UNITS)}.")
    degrees = _number(number, name, text.removesuffix(unit)) * _UNITS[unit]
    if not 0.0 < degrees <= LARGEST_DEG:
        raise Refused(400, f"Line {number}: {name} {text[:40]} is not above 0, up to 35amin.")
    if abs(degrees * 3600.0 - SEMI_WIDTH_ARCSEC) > 1e-6:
        raise Refused(
            400, f"Line {number}: {name} {text[:40]}: the simulated pictures have {SEMI_WIDTH_ARCSEC:g}asec alone."
        )
