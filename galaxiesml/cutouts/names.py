"""Parse the service's file names: the line of the list, the filter, the tract."""

from __future__ import annotations

import re
from dataclasses import dataclass

from galaxiesml.cutouts.refusal import Refused

# A bulk answer numbers its members; a picture that was downloaded alone has no number, and browsers write a second
# download of one name as 'X (1).fits'.
_NUMBER, _AGAIN = r"(?:(\d{1,7})-)?", r"(?: ?\(\d{1,4}\))?\.fits"
_CUTOUT = re.compile(rf"{_NUMBER}cutout-(HSC-[A-Z]\d?|[A-Z]+\d*)-(\d{{1,6}})-([\w.-]+?){_AGAIN}", re.ASCII)
_PSF = re.compile(
    rf"{_NUMBER}psf-\w+-([\w.]+)-(HSC-[A-Z]\d?|[A-Z]+\d*)-(\d{{1,6}})-(\d+,\d+)-(-?[\d.]+?)-(-?[\d.]+?){_AGAIN}",
    re.ASCII,
)


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
        As the survey calls the filter here: g, r, i, z, y.
    tract : int
    rerun : str
    ra, dec : float or None
        deg; PSF pictures carry the requested position.
    """

    line: int | None
    band: str
    tract: int
    rerun: str
    ra: float | None = None
    dec: float | None = None


def read_name(path: str, psf: bool = False) -> Name:
    """Parse a member's name.

    Raises
    ------
    BadName
        It leads out of its folder, or is not formed as the service's are.
    """
    folders, _, base = path.rpartition("/")
    if path.startswith("/") or ".." in folders.split("/") or "\\" in path:
        raise BadName("its name leads out of its folder")
    if psf:
        if (found := _PSF.fullmatch(base)) is None:
            raise BadName(
                "its name is not <N>-psf-calexp-<rerun>-<filter>-<tract>-<patch>-<ra>-<dec>.fits, with or without <N>-"
            )
        line, rerun, band, tract, _, ra, dec = found.groups()
        return Name(_line(line), band_of(band), int(tract), rerun, float(ra), float(dec))
    if (found := _CUTOUT.fullmatch(base)) is None:
        raise BadName("its name is not <N>-cutout-<filter>-<tract>-<rerun>.fits, with or without <N>-")
    line, band, tract, rerun = found.groups()
    return Name(_line(line), band_of(band), int(tract), rerun)


def _line(number: str | None) -> int | None:
    return None if number is None else int(number)


def band_of(text: str) -> str:
    """g from HSC-G, G or g; r and i from the second filters HSC-R2, i2; others in lower case as they are."""
    short = text.strip().removeprefix("HSC-").lower()
    return short[0] if short in ("r2", "i2") else short
