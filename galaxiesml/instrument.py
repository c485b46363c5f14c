"""Facts of a survey's camera, coadds and cutouts, as its release profile gives them; and those of HSC."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property

#: Side of the released pictures, pixels; the frame of `galaxiesml.pixels.frame` has the same.
FRAME = 127
#: What ``sky_map`` may be: coadds are cut into tracts and patches, or the sky is one map.
SKY_MAPS = ("tract, patch", "none")
#: Columns that the archive's upload lists may have, in the form of `galaxiesml.cutouts.lists`.
LIST_COLUMNS = ("rerun", "type", "filter", "ra", "dec", "sw", "sh", "image", "mask", "variance")
PSF_LIST_COLUMNS = ("rerun", "type", "filter", "tract", "ra", "dec")
#: What an HDU of a cutout may hold.
HDUS = ("none", "image", "mask", "variance")
#: Parts of a picture's name, written {line}, and what each may be.
NAME_FIELDS = {
    "line": r"\d{1,7}",
    "filter": "",
    "tract": r"\d{1,6}",
    "patch": r"\d+,\d+",
    "rerun": r"[\w.]+",
    "type": r"\w+",
    "ra": r"-?[\d.]+?",
    "dec": r"-?[\d.]+?",
    "any": r"[^/]*?",
}
# Browsers write a second download of one name as 'X (1).fits'.
_AGAIN = r"(?: ?\(\d{1,4}\))?\.fits"


@dataclass(frozen=True)
class Instrument:
    """Facts that only a survey's pictures need.  None, or an empty text: the profile does not say.

    Attributes
    ----------
    name : str
        'hsc', or '' for a profile's own facts.
    bands : tuple of str
        The release's filters, as the catalogue names them.
    pixel_scale_arcsec : float or None
        Side of a pixel of the coadds, arcsec.
    zero_point_mag : float or None
        AB magnitude of one count.
    zero_point_card : str
        FITS card of a cutout with the counts of magnitude 0; every cutout must have it.  '': all have zero_point_mag.
    mask_planes : tuple of str or None
        Planes of the masks, by bit from 0; empty where the survey has no masks.
    unusable_planes : tuple of str or None
        Those whose pixels do not count in a fit.
    defect_planes : tuple of str or None
        Those whose pixels do not show the sky as it was, by which pictures are distrusted; None: unusable_planes.
    no_data_plane : str
        The plane of pixels without data; '' if such pixels are NaN alone.
    sky_map : str
        One of `SKY_MAPS`.  Where it is 'none', all pictures are stored as of tract 0.
    filter : str or tuple of (str, str)
        The archive's names of the filters: a pattern with {band} or {BAND}, or pairs of ours and its.
    other_filters : tuple of (str, str)
        Further names at the archive, and our filter that each is.
    filter_card : str
        FITS card of a cutout with the filter's name, which must be that of its file; '': none.
    hdus : tuple of str or None
        What each HDU of a cutout holds, in order, of `HDUS`.
    cutout_name, psf_name : str
        Names of FITS files of cutouts and of PSFs, with `NAME_FIELDS` in braces.
    rerun : str
        The release's name at the archive; '': the profile's name.
    list_columns, psf_list_columns : tuple of str or None
        Columns of upload lists, in order.
    list_rows : int or None
        Lines of a list that the archive takes, at most; None: any number.
    max_semi_width_arcsec : float or None
        Half the side of the largest cutout, arcsec; None: any.
    archive : str
        The archive that ``fetch cutouts`` and ``fetch psf`` know how to ask: 'hsc-ssp', or ''.
    """

    name: str = ""
    bands: tuple[str, ...] = ()
    pixel_scale_arcsec: float | None = None
    zero_point_mag: float | None = None
    zero_point_card: str = ""
    mask_planes: tuple[str, ...] | None = None
    unusable_planes: tuple[str, ...] | None = None
    defect_planes: tuple[str, ...] | None = None
    no_data_plane: str = ""
    sky_map: str = ""
    filter: str | tuple[tuple[str, str], ...] = ""
    other_filters: tuple[tuple[str, str], ...] = ()
    filter_card: str = ""
    hdus: tuple[str, ...] | None = None
    cutout_name: str = ""
    psf_name: str = ""
    rerun: str = ""
    list_columns: tuple[str, ...] | None = None
    psf_list_columns: tuple[str, ...] | None = None
    list_rows: int | None = None
    max_semi_width_arcsec: float | None = None
    archive: str = ""

    def lacks(self, key: str) -> bool:
        """Whether the profile does not say what a key is; an empty list is said."""
        return getattr(self, key) in (None, "")

    @property
    def planes(self) -> tuple[str, ...]:
        """The mask's planes as columns name them, in lower case; none where the profile does not say."""
        return tuple(plane.lower() for plane in self.mask_planes or ())

    @property
    def defects(self) -> tuple[str, ...]:
        """The planes that mark defects, in lower case."""
        named = self.unusable_planes if self.defect_planes is None else self.defect_planes
        return tuple(plane.lower() for plane in named or ())

    @property
    def unusable_bits(self) -> int:
        """The bits of `unusable_planes` in a mask."""
        planes = self.mask_planes or ()
        return sum(1 << planes.index(plane) for plane in self.unusable_planes or ())

    @property
    def cutout_radius_arcsec(self) -> float:
        """Radius of the circle that holds a picture of 127 x 127 pixels: half its diagonal, rounded up to 0.1 arcsec.

        0 without a pixel scale: such a catalogue has no pictures.
        """
        return math.ceil(FRAME * (self.pixel_scale_arcsec or 0.0) / math.sqrt(2) * 10) / 10

    def filter_name(self, band: str) -> str:
        """The archive's name of one of our filters."""
        if isinstance(self.filter, str):
            return self.filter.replace("{band}", band).replace("{BAND}", band.upper())
        return dict(self.filter)[band]

    @property
    def filter_prefix(self) -> str:
        """What the archive's names of filters begin with."""
        return self._around[0]

    @cached_property
    def _around(self) -> tuple[str, str]:
        """What stands before and after the filter in the archive's names."""
        if not isinstance(self.filter, str):
            return "", ""
        before, _, after = re.sub(r"\{BAND\}", "{band}", self.filter).partition("{band}")
        return before, after

    def band_of(self, text: str) -> str:
        """Our filter of a name at the archive, with or without what all these names share.

        HSC: g of HSC-G, G or g, and r of the second filter HSC-R2; a name that is none of the release's stays, in
        lower case.
        """
        short = self._short(text)
        return self._bands.get(short, short)

    @cached_property
    def _bands(self) -> dict[str, str]:
        """Our filters by what `_short` makes of their names."""
        known = {band.lower(): band for band in self.bands}
        known |= {self._short(name): band for name, band in self.other_filters}
        return known | ({} if isinstance(self.filter, str) else {name.lower(): band for band, name in self.filter})

    def _short(self, text: str) -> str:
        before, after = self._around
        return text.strip().removeprefix(before).removesuffix(after).lower()

    @cached_property
    def cutout_pattern(self) -> re.Pattern:
        """The regular expression of the name of a cutout's FITS file; its groups are named as in `NAME_FIELDS`."""
        return self._pattern(self.cutout_name)

    @cached_property
    def psf_pattern(self) -> re.Pattern:
        """The same of a PSF's."""
        return self._pattern(self.psf_name)

    def _pattern(self, name: str) -> re.Pattern:
        """A name as a regular expression.

        An archive's bulk answer numbers its files, a single download has no number: where a name begins with {line},
        this may be missing, with the sign after it.
        """
        out, fields = "", re.split(r"\{(\w+)\}", name.removesuffix(".fits"))
        for at, part in enumerate(fields):
            if at % 2 == 0:
                out += re.escape(part)
            elif part == "filter":
                out += f"(?P<filter>{self._filter_pattern})"
            elif part == "rerun" and at == len(fields) - 2 and not fields[-1]:
                # At the end of a name it may hold what separates the others.
                out += r"(?P<rerun>[\w.-]+?)"
            else:
                out += f"(?P<{part}>{NAME_FIELDS[part]})"
        line = f"(?P<line>{NAME_FIELDS['line']})"
        if out.startswith(line):
            between = re.escape(re.match(r"\W*", fields[2])[0])
            out = f"(?:{line}{between})?" + out.removeprefix(line + between)
        return re.compile(out + _AGAIN, re.ASCII)

    @property
    def _filter_pattern(self) -> str:
        names = [self.filter_name(band) for band in self.bands] + [name for name, _ in self.other_filters]
        words = [re.escape(name) for name in sorted(names, key=len, reverse=True)]
        if isinstance(self.filter, str):
            before, after = map(re.escape, self._around)
            one, bare = (r"[A-Z]\d?", r"[A-Z]+\d*") if "{BAND}" in self.filter else 2 * (r"[A-Za-z][A-Za-z0-9]*",)
            return "|".join([*words, f"{before}{one}{after}", bare])
        return "|".join([*words, r"[A-Za-z][A-Za-z0-9]*"])

    def name_words(self, psf: bool = False) -> str:
        """A FITS file's name as an error message shows it: <N>-cutout-<filter>-<tract>-<rerun>.fits."""
        pattern = self.psf_name if psf else self.cutout_name
        return re.sub(r"\{(\w+)\}", lambda found: f"<{'N' if found[1] == 'line' else found[1]}>", pattern)


#: The Hyper Suprime-Cam, and the cutouts of the archive of its survey.
HSC = Instrument(
    name="hsc",
    bands=("g", "r", "i", "z", "y"),
    pixel_scale_arcsec=0.168,
    # FLUXMAG0 = 10 ** (0.4 * 27).
    zero_point_mag=27.0,
    zero_point_card="FLUXMAG0",
    mask_planes=(
        *("BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA"),
        *("BRIGHT_OBJECT", "CROSSTALK", "NOT_DEBLENDED", "UNMASKEDNAN", "REJECTED", "CLIPPED", "SENSOR_EDGE"),
        "INEXACT_PSF",
    ),
    unusable_planes=("BAD", "SAT", "CR", "NO_DATA"),
    # Not those of sources; nor CLIPPED, REJECTED, SENSOR_EDGE and INEXACT_PSF, which tell that the coadd's exposures
    # differ, as in many pixels that are good.
    defect_planes=(
        *("BAD", "SAT", "INTRP", "CR", "EDGE", "SUSPECT", "NO_DATA", "BRIGHT_OBJECT", "CROSSTALK", "UNMASKEDNAN"),
    ),
    no_data_plane="NO_DATA",
    sky_map="tract, patch",
    filter="HSC-{BAND}",
    # The r and i filters were replaced in 2016; coadds of both are of one filter.
    other_filters=(("HSC-R2", "r"), ("HSC-I2", "i")),
    filter_card="FILTER",
    hdus=HDUS,
    cutout_name="{line}-cutout-{filter}-{tract}-{rerun}.fits",
    psf_name="{line}-psf-{type}-{rerun}-{filter}-{tract}-{patch}-{ra}-{dec}.fits",
    list_columns=LIST_COLUMNS,
    psf_list_columns=PSF_LIST_COLUMNS,
    # The service takes about a thousand, its own client sends 990.
    list_rows=990,
    # 35 arcmin.
    max_semi_width_arcsec=2100.0,
    archive="hsc-ssp",
)
#: Facts that a profile may name instead of giving its own.
INSTRUMENTS = {"hsc": HSC}

# What the simulated HSC archive and its pictures are drawn with.
PIXEL_SCALE_ARCSEC = HSC.pixel_scale_arcsec
CUTOUT_RADIUS_ARCSEC = HSC.cutout_radius_arcsec
ZERO_POINT_MAG = HSC.zero_point_mag
MASK_PLANES = HSC.mask_planes
