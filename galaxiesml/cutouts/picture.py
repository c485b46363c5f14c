"""Store one member: check its name and headers, append its layers, make its row of pictures.parquet."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from galaxiesml.catalog.stores import arrow_schema, picture_types
from galaxiesml.cutouts.layers import BadFits, Cutout, read_cutout, read_psf
from galaxiesml.cutouts.names import BadName, Name, read_name
from galaxiesml.cutouts.projection import read_projection, sky_of
from galaxiesml.cutouts.refusal import Refused
from galaxiesml.cutouts.tar import Member
from galaxiesml.instrument import Instrument
from galaxiesml.pixels.store import DTYPES, ShardWriter

#: How far a picture's pixels may be from the survey's scale.
SCALE = 0.01
#: Problems of a PSF picture; the first that applies is reported.
PSF_FLAGS = {
    "too_small": "it has fewer than 3 pixels on a side",
    "no_light": "its pixels are not finite, or their sum is not above 0",
    "off_centre": "its light is centred more than a pixel from its middle",
}


@dataclass
class Picture:
    """A row of pictures.parquet.

    Attributes
    ----------
    member : str
        Name in the tar; with the tar's sha256 it is the picture's key.
    refused : str
        Why its pixels were not stored; '' if they were.
    refused_class : str
        One of :data:`galaxiesml.cutouts.refusal.CLASSES`; '' where there are.
    height, width : int
        Rows and columns of the layers.
    image_offset, mask_offset, variance_offset, psf_offset : int or None
        First byte in pixels.bin; None where the layer was not sent.
    *_crc : int or None
        CRC-32 of the layer as stored.
    zero_point_mag : float
        AB magnitude of one count: of HSC 2.5 log10(FLUXMAG0), else the survey's.
    crval1, crval2, crpix1, crpix2, cd1_1, cd1_2, cd2_1, cd2_2 : float
        Gnomonic projection: deg; pixels from 0, not FITS's from 1; deg a pixel.
    x0, y0 : int
        The parent's pixel, from 0, under pixel (0, 0).
    not_finite, variance_not_finite : int
        Pixels that are NaN or infinite.
    psf_flag : str or None
        What is wrong with a PSF picture, of `PSF_FLAGS`; '' if nothing is; None if it is not a PSF.
    masked : dict or None
        Pixels of each plane that has any, by its name in lower case; None without a mask.  In the table there is a
        column masked_<plane> for each of the survey's planes, 0 where none is set, and other_planes for the rest.
    """

    member: str
    refused: str = ""
    refused_class: str = ""
    line: int | None = None
    band: str | None = None
    tract: int | None = None
    rerun: str | None = None
    height: int | None = None
    width: int | None = None
    image_offset: int | None = None
    image_crc: int | None = None
    mask_offset: int | None = None
    mask_crc: int | None = None
    variance_offset: int | None = None
    variance_crc: int | None = None
    psf_offset: int | None = None
    psf_crc: int | None = None
    zero_point_mag: float | None = None
    crval1: float | None = None
    crval2: float | None = None
    crpix1: float | None = None
    crpix2: float | None = None
    cd1_1: float | None = None
    cd1_2: float | None = None
    cd2_1: float | None = None
    cd2_2: float | None = None
    x0: int | None = None
    y0: int | None = None
    ra: float | None = None
    dec: float | None = None
    not_finite: int | None = None
    variance_not_finite: int | None = None
    psf_flag: str | None = None
    masked: dict[str, int] | None = None


_PLAIN = [field.name for field in fields(Picture) if field.name != "masked"]


def to_table(pictures: list[Picture], keys: dict[str, str], planes: tuple[str, ...]) -> pa.Table:
    """The rows of pictures.parquet, the shard and its file in each.

    Parameters
    ----------
    planes : tuple of str
        Planes of the survey's masks.
    """
    schema = arrow_schema(picture_types(planes))
    known = [plane.lower() for plane in planes]
    masks = [picture.masked for picture in pictures]
    columns = {name: [value] * len(pictures) for name, value in keys.items()}
    columns |= {name: [getattr(picture, name) for picture in pictures] for name in _PLAIN}
    columns |= {f"masked_{plane}": [None if mask is None else mask.get(plane, 0) for mask in masks] for plane in known}
    columns["other_planes"] = [None if mask is None else _others(mask, known) for mask in masks]
    return pa.table([pa.array(columns[field.name], field.type) for field in schema], schema)


def _others(mask: dict[str, int], known: list[str]) -> str:
    return " ".join(f"{plane}:{count}" for plane, count in sorted(mask.items()) if plane not in known)


def store_picture(
    member: Member,
    shard: ShardWriter,
    instrument: Instrument,
    psf: bool = False,
    lines: frozenset[int] | None = None,
) -> Picture:
    """Check a member and append its layers to a shard.

    Parameters
    ----------
    member : Member
    shard : ShardWriter
    instrument : Instrument
        Of the catalogue's release; a picture in another filter, or of another pixel scale, is refused.
    psf : bool
        It is a PSF picture: one layer, no WCS.
    lines : frozenset of int, optional
        Lines of its upload list; a picture that is numbered with another one is refused.

    Returns
    -------
    Picture
        With ``refused`` set, and nothing appended, where the member cannot be trusted.
    """
    picture = Picture(member.name, member.refused, member.refused_class)
    if member.refused:
        return picture
    try:
        name = read_name(member.name, instrument, psf)
        picture.line, picture.band, picture.tract, picture.rerun = name.line, name.band, name.tract, name.rerun
        if lines is not None and name.line is not None and name.line not in lines:
            raise BadName(f"it is not asked for: its list has no line {name.line:,}", "not_asked")
        if name.band not in instrument.bands:
            known = ", ".join(instrument.bands)
            raise BadName(f"its filter {name.band} is not one of the release's: {known}", "filter")
        cutout = read_psf(member.data) if psf else read_cutout(member.data, instrument.hdus)
        _take_header(picture, cutout, name, instrument, psf)
    except Refused as error:
        picture.refused, picture.refused_class = str(error), error.kind
        return picture
    if cutout.shape is not None:
        picture.height, picture.width = cutout.shape
        _store_layers(picture, cutout, member.data, shard, instrument)
    return picture


def _take_header(picture: Picture, cutout: Cutout, name: Name, instrument: Instrument, psf: bool) -> None:
    if psf:
        picture.ra, picture.dec = name.ra, name.dec
        return
    if card := instrument.filter_card:
        told = cutout.primary.get(card)
        if not isinstance(told, str):
            raise BadFits(f"its header has no {card}", "filter")
        if instrument.band_of(told) != name.band:
            raise BadFits(f"its name says filter {name.band} and its header {told!r}", "filter")
    picture.zero_point_mag = instrument.zero_point_mag
    if card := instrument.zero_point_card:
        flux = cutout.primary.get(card)
        if not isinstance(flux, int | float) or not np.isfinite(flux) or flux <= 0:
            raise BadFits(f"its header has no {card}: {flux!r}", "zero_point")
        picture.zero_point_mag = round(2.5 * float(np.log10(flux)), 9)
    if cutout.shape is None:
        return
    for key, value in read_projection(cutout.header).items():
        setattr(picture, key, value)
    _check_scale(picture, instrument.pixel_scale_arcsec)
    picture.x0, picture.y0 = (_whole(cutout.header.get(key)) for key in ("CRVAL1A", "CRVAL2A"))
    rows, columns = cutout.shape
    picture.ra, picture.dec = sky_of(picture, columns / 2 - 0.5, rows / 2 - 0.5)


def _check_scale(picture: Picture, expected: float) -> None:
    """Exports state the survey's scale, and the splits rely on it."""
    found = 3600 * np.sqrt(abs(picture.cd1_1 * picture.cd2_2 - picture.cd1_2 * picture.cd2_1))
    if abs(found / expected - 1) > SCALE:
        raise BadFits(f"its pixels have {found:.4g} arcsec on a side, the survey's {expected:g}", "projection")


def _whole(value) -> int | None:
    return int(value) if isinstance(value, int | float) and float(value).is_integer() else None


def _store_layers(picture: Picture, cutout: Cutout, data, shard: ShardWriter, instrument: Instrument) -> None:
    """Append each layer in little-endian order, and count its bad pixels."""
    # For headers that do not say which bit is which.
    planes = {name: bit for bit, name in enumerate(instrument.mask_planes or ())}
    for kind, layer in cutout.layers.items():
        pixels = layer.pixels(data).astype(DTYPES[kind])
        offset, crc = shard.append(pixels)
        setattr(picture, f"{kind}_offset", offset)
        setattr(picture, f"{kind}_crc", crc)
        if kind == "mask":
            picture.masked = count_planes(pixels, cutout.planes or planes)
        elif kind == "psf":
            picture.psf_flag = flag_of_psf(pixels)
            picture.not_finite = int((~np.isfinite(pixels)).sum())
        else:
            wrong = 0 if np.isfinite(pixels.sum(dtype=np.float64)) else int((~np.isfinite(pixels)).sum())
            setattr(picture, "variance_not_finite" if kind == "variance" else "not_finite", wrong)


def flag_of_psf(psf: np.ndarray) -> str:
    """The flag of a PSF picture, a key of `PSF_FLAGS`; '' if nothing is wrong.

    Parameters
    ----------
    psf : ndarray of float64, shape (rows, columns)
        Its middle is at ((rows - 1) / 2, (columns - 1) / 2).
    """
    if min(psf.shape) < 3:
        return "too_small"
    with np.errstate(over="ignore", invalid="ignore"):
        total = psf.sum()
        if not np.isfinite(total) or total <= 0:
            return "no_light"
        away = [
            (np.arange(count) * psf.sum(axis=1 - axis)).sum() / total - (count - 1) / 2
            for axis, count in enumerate(psf.shape)
        ]
    return "off_centre" if not np.hypot(*away) <= 1 else ""


def count_planes(mask: np.ndarray, planes: dict[str, int]) -> dict[str, int]:
    """Number of pixels in each mask plane that has any.

    Parameters
    ----------
    mask : ndarray of int32, shape (rows, columns)
    planes : dict
        Name to bit.

    Returns
    -------
    dict
        Name in lower case to count; a bit without a name is called bit_<n>.
    """
    there = int(np.bitwise_or.reduce(mask, axis=None)) & 0xFFFFFFFF
    names = {bit: name for name, bit in planes.items()}
    found = {}
    for bit in range(32):
        if there >> bit & 1:
            plane = np.int32(1 << bit) if bit < 31 else np.int32(-(1 << 31))
            name = re.sub(r"\W", "_", names.get(bit, f"BIT_{bit}"), flags=re.ASCII)[:40].lower()
            found[name] = int(np.count_nonzero(mask & plane))
    return found
