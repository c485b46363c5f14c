"""Parse the file names of a survey's cutouts and PSFs: the line of the list, the filter, the tract."""

from __future__ import annotations

import re
from dataclasses import dataclass

from galaxiesml.cutouts.refusal import Refused
from galaxiesml.instrument import Instrument

#: A longer name is no file's, and would keep the regular expression busy.
_LONGEST = 255


class BadName(Refused):
    """The name is not one of the service's; the message says why, without the name."""

    kind = "name"


@dataclass(frozen=True)
class Name:
    """The parts of a member's name.

    Attributes
    ----------
    line : int or None
        Line of the upload list, the header being line 1: the first object is 2.  None where the name has no number.
    band : str
        As the release profile calls the filter: g, r, i, z, y.
    tract : int
        0 in a survey without tracts: its sky is one map.
    rerun : str or None
        None where the survey's names have none.
    ra, dec : float or None
        deg; PSF pictures carry the requested position.
    """

    line: int | None
    band: str
    tract: int
    rerun: str | None
    ra: float | None = None
    dec: float | None = None


def read_name(path: str, instrument: Instrument, psf: bool = False) -> Name:
    """Parse a member's name.

    Raises
    ------
    BadName
        It leads out of its folder, or is not formed as the survey's are.
    """
    folders, _, base = path.rpartition("/")
    if path.startswith("/") or ".." in folders.split("/") or "\\" in path:
        raise BadName("its name leads out of its folder")
    pattern = instrument.psf_pattern if psf else instrument.cutout_pattern
    found = None if len(base) > _LONGEST else pattern.fullmatch(base)
    if found is None:
        numbered = re.match(r"\{line\}(\W*)", instrument.psf_name if psf else instrument.cutout_name)
        optional = f", with or without <N>{numbered[1]}" if numbered else ""
        raise BadName(f"its name is not {instrument.name_words(psf)}{optional}")
    parts = found.groupdict()
    line, tract, ra, dec = (parts.get(name) for name in ("line", "tract", "ra", "dec"))
    try:
        return Name(
            None if line is None else int(line),
            instrument.band_of(parts["filter"]),
            int(tract or 0),
            parts.get("rerun"),
            None if ra is None else float(ra),
            None if dec is None else float(dec),
        )
    except ValueError:
        raise BadName("its name has a position that is no number") from None
