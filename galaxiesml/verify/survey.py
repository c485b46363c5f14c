"""What a catalogue's release profile says of its pictures, read anew: their scale, and the names of their files.

No code is shared with what lands them.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

#: Releases of HSC whose profiles did not say so at first.
_HSC = ("pdr2_wide", "pdr3_wide", "s16a_wide")
_HSC_NAME = re.compile(r"(?:^|/)(?:\d+-)?cutout-(?:HSC-)?(\w+)-\d+-[^/]*\.fits$")


@dataclass(frozen=True)
class Survey:
    """A release profile, as far as a released file can be held against it.

    Attributes
    ----------
    bands : tuple of str
        Filters, in order.
    pixel_scale_arcsec : float or None
    filter_card : str
        FITS card of a cutout's filter; '' if it is not compared.
    image_hdu : int
        The HDU of a cutout that holds the image, from 0.
    name : re.Pattern or None
        Of a cutout's file; its first group is the filter.
    names : dict of str to str
        The archive's names of filters, in lower case, to ours.
    """

    bands: tuple[str, ...]
    pixel_scale_arcsec: float | None = None
    filter_card: str = ""
    image_hdu: int = 1
    name: re.Pattern | None = None
    names: dict[str, str] = field(default_factory=dict)

    def band(self, told: str) -> str:
        """The filter as the catalogue calls it: r of HSC-R2."""
        return self.names.get(told.strip().lower(), told.strip())

    def band_of_file(self, member: str) -> str | None:
        """The filter that a member's name says; None if it says none."""
        found = self.name.search(member) if self.name is not None else None
        return self.band(found[1]) if found else None


def read_survey(profile: Path) -> Survey:
    """The survey of a catalogue's release.toml."""
    raw = tomllib.loads(profile.read_text(encoding="utf-8"))
    bands = tuple(raw["bands"])
    said = raw.get("instrument", "hsc" if raw["name"] in _HSC else {})
    if said == "hsc":
        names = {f"{prefix}{band}".lower(): band for band in bands for prefix in ("", "HSC-")}
        names |= {f"{prefix}{band}2": band for band in ("r", "i") for prefix in ("", "hsc-")}
        return Survey(bands, 0.168, "FILTER", 1, _HSC_NAME, names)
    pattern = said.get("filter", "{band}")
    theirs = pattern if isinstance(pattern, dict) else {}
    names = {}
    for band in bands:
        name = theirs.get(band) or str(pattern).replace("{band}", band).replace("{BAND}", band.upper())
        names |= {band.lower(): band, name.lower(): band}
    names |= {name.lower(): band for name, band in said.get("other_filters", {}).items()}
    place = said.get("hdus", ["none", "image"]).index("image")
    card, scale = said.get("filter_card", ""), said.get("pixel_scale_arcsec")
    return Survey(bands, scale, card, place, _name(said, names), names)


def _name(said: dict, names: dict[str, str]) -> re.Pattern | None:
    """A file's name: a known filter between the texts that stand before and after {filter}."""
    if "{filter}" not in said.get("cutout_name", ""):
        return None
    before, after = said["cutout_name"].removesuffix(".fits").split("{filter}")
    begin, end = (re.escape(text) for text in (re.split(r"\{\w+\}", before)[-1], re.split(r"\{\w+\}", after)[0]))
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    start = r"(?:^|/)[^/]*?" if begin else r"(?:^|/)"
    return re.compile(rf"{start}{begin}({known}){end}[^/]*\.fits$", re.IGNORECASE)
