"""Read upload lists of the cutout service, line by line.

::

    #? rerun type filter tract ra dec sw sh image mask variance
    pdr2_wide coadd HSC-G 9813 150.1 2.2 10asec 10asec true true true

The header is line 1, so the first object is 2; names come in any order, and most may be left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.errors import InputError
from galaxiesml.instrument import Instrument

#: Lists that are read are a few times longer at most.
_MAX_BYTES = 16 << 20
_KNOWN = {"rerun", "type", "filter", "tract", "patch", "ra", "dec", "sw", "sh", "image", "mask", "variance", "name"}
_ARCSEC = {"asec": 1.0, "arcsec": 1.0, "amin": 60.0, "arcmin": 60.0, "deg": 3600.0, "": 3600.0}
_LENGTH = re.compile(r"([\d.]+(?:[eE][-+]?\d+)?)([a-z]*)")
#: '10 arcseconds', as in the paper's appendix, is one word with its unit.
_SPACED = re.compile(r"(\d)\s+(asec|arcsec|amin|arcmin|deg)(?:onds?|utes?|rees?|s)?(?=\s|$)")


@dataclass(frozen=True)
class Request:
    """One line of a list.

    Attributes
    ----------
    line : int
        The header is 1.
    ra, dec : float
        deg, ICRS.
    band : str or None
        None: all filters.
    tract : int or None
        None: every tract that covers the position.
    semi_width, semi_height : float or None
        arcsec.
    """

    line: int
    ra: float
    dec: float
    band: str | None
    tract: int | None
    semi_width: float | None
    semi_height: float | None


def read_list(path: Path, instrument: Instrument) -> list[Request]:
    """Read an upload list.

    Raises
    ------
    InputError
        No header '#?', no ra or dec, or a line that does not fit it: names the line.
    """
    if path.stat().st_size > _MAX_BYTES:
        most = f"A list has at most {instrument.list_rows} rows." if instrument.list_rows else None
        raise InputError(f"{path} is too long for an upload list.", most)
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    header = lines[0].split() if lines else []
    if not header or header[0] != "#?":
        raise InputError(f"{path} is not an upload list: its first line does not begin with '#?'.")
    names = header[1:]
    unknown = [name for name in names if name not in _KNOWN]
    if "ra" not in names or "dec" not in names or unknown:
        raise InputError(f"{path}, line 1: " + (f"unknown {', '.join(unknown)}." if unknown else "no ra and dec."))
    return [
        _request(path, number, dict(zip(names, words, strict=False)), len(words) == len(names), instrument)
        for number, words in ((number, _SPACED.sub(r"\1\2", line).split()) for number, line in enumerate(lines[1:], 2))
        if words
    ]


def _request(path: Path, number: int, row: dict, is_whole: bool, instrument: Instrument) -> Request:
    try:
        if not is_whole:
            raise ValueError("its number of words differs from the header's")
        ra, dec = float(row["ra"]), float(row["dec"])
        if not (0 <= ra <= 360 and -90 <= dec <= 90):
            raise ValueError(f"not a position: {row['ra']} {row['dec']}")
        band = row.get("filter", "all")
        tract = row.get("tract", "any")
        return Request(
            number,
            ra,
            dec,
            None if band in ("all", "any", "-") else instrument.band_of(band),
            int(tract) if tract.isdecimal() else None,
            _arcsec(row.get("sw")),
            _arcsec(row.get("sh")),
        )
    except ValueError as error:
        raise InputError(f"{path}, line {number}: {error}.", "Give the list that was sent, unchanged.") from None


def _arcsec(text: str | None) -> float | None:
    if text is None:
        return None
    found = _LENGTH.fullmatch(text)
    if found is None or found[2] not in _ARCSEC:
        raise ValueError(f"not a length: {text}")
    return float(found[1]) * _ARCSEC[found[2]]
