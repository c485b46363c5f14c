"""Simulate the archive's picture services: the FITS files that they send, and the lists that they answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.instrument import MASK_PLANES
from galaxiesml.mock.sky import SKY_VERSION
from galaxiesml.mock.sky.coadd.pictures import SEMI_WIDTH_ARCSEC, Picture
from galaxiesml.mock.sky.instrument import BANDS, FLUXMAG0, bit, generator
from galaxiesml.mock.sky.survey.coverage import Box, Coverage, patches_near
from galaxiesml.mock.sky.survey.tracts import BORDER, DEG_PER_PIXEL, MIDDLE, PATCH, tract

RERUN = "pdr2_wide"
#: Lines of a list that the archive's own client sends at most.
MOST_LINES = 990
LAYERS = ("image", "mask", "variance")
_STREAM = 7


@dataclass(frozen=True)
class Line:
    """A line of an upload list: where, in which band, in which tract (None: any), and which layers."""

    band: int
    ra: float
    dec: float
    tract: int | None = None
    layers: tuple[str, ...] = LAYERS


def cutout_list(lines: list[Line]) -> str:
    """A list for the cutout service; its column ``tract`` is there where any line names one."""
    has_tract = any(line.tract is not None for line in lines)
    out = [f"#? rerun type filter {'tract ' if has_tract else ''}ra dec sw sh image mask variance"]
    for line in lines:
        asked = " ".join(str(layer in line.layers).lower() for layer in LAYERS)
        size = f"{SEMI_WIDTH_ARCSEC:g}asec"
        where = f"{line.tract} " if has_tract else ""
        out.append(
            f"{RERUN} coadd HSC-{BANDS[line.band].upper()} {where}{line.ra:.9f} {line.dec:.9f} {size} {size} {asked}"
        )
    return "\n".join(out) + "\n"


def psf_list(lines: list[tuple[int, int, tuple[int, int], float, float]]) -> str:
    """A list for the PSF service, of (band, tract, patch, ra, dec)."""
    out = ["#? rerun type filter tract patch ra dec"]
    for band, number, patch, ra, dec in lines:
        out.append(f"{RERUN} coadd HSC-{BANDS[band].upper()} {number} {patch[0]},{patch[1]} {ra:.9f} {dec:.9f}")
    return "\n".join(out) + "\n"


def cutout_name(line: int, band: int, number: int) -> str:
    return f"{line}-cutout-HSC-{BANDS[band].upper()}-{number}-{RERUN}.fits"


def psf_name(line: int, band: int, number: int, patch: tuple[int, int], ra: float, dec: float) -> str:
    where = f"{number}-{patch[0]},{patch[1]}-{ra:.5f}-{dec:.5f}"
    return f"{line}-psf-calexp-{RERUN}-HSC-{BANDS[band].upper()}-{where}.fits"


def served(picture: Picture, coverage: Coverage) -> Picture | None:
    """What the service has of a picture: clipped where its coadd ends; None where it has nothing of it."""
    has = coverage.served(picture.tract, picture.band, picture.box)
    if not has.any():
        return None
    rows, columns = np.flatnonzero(has.any(axis=1)), np.flatnonzero(has.any(axis=0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    box = Box(picture.box.x0 + int(columns[0]), picture.box.y0 + int(rows[0]), len(has[part][0]), len(has[part]))
    image, mask, variance = (getattr(picture, name)[part].copy() for name in LAYERS)
    holes = ~has[part]
    image[holes], variance[holes], mask[holes] = np.nan, np.nan, bit("NO_DATA")
    own = {number: values[part] for number, values in picture.own.items()}
    light = picture.light[part], picture.taken[part]
    return Picture(picture.tract, picture.band, box, image, mask, variance, own, *light)


def cutout_file(
    seed: int, picture: Picture, coverage: Coverage, layers: tuple[str, ...] = LAYERS, named_band: int | None = None
) -> bytes:
    """A cutout as the service sends it: a primary HDU without pixels, then image, mask, variance.

    Parameters
    ----------
    layers : tuple of str
        The requested layers; each of the others is an HDU without pixels.
    named_band : int, optional
        The band that the header names, where it is not the picture's.
    """
    parts = [_primary(seed, picture, coverage, picture.band if named_band is None else named_band)]
    for name, kind in zip(LAYERS, (">f4", ">i4", ">f4"), strict=True):
        pixels = np.ascontiguousarray(getattr(picture, name), kind) if name in layers else None
        parts.append(_layer_header(picture, name) if pixels is not None else _EMPTY)
        if pixels is not None:
            data = pixels.tobytes()
            parts.append(data + b"\0" * (-len(data) % 2880))
    return b"".join(parts)


def psf_file(pixels: np.ndarray) -> bytes:
    """A PSF picture as the service sends it: one HDU, float64."""
    cards = [
        ("SIMPLE", True, "conforms to FITS standard"),
        ("BITPIX", -64, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", pixels.shape[1]),
        ("NAXIS2", pixels.shape[0]),
        ("EXTEND", True),
    ]
    data = np.ascontiguousarray(pixels, ">f8").tobytes()
    return _bytes(cards) + data + b"\0" * (-len(data) % 2880)


def _bytes(cards: list[tuple]) -> bytes:
    """A header of (keyword, value, comment) or (keyword, value), padded to its block; astropy takes much longer."""
    text = "".join(_card(*card) for card in cards) + "END".ljust(80)
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def _card(key: str, value, comment: str = "") -> str:
    if key == "COMMENT":
        return f"COMMENT {value}"[:80].ljust(80)
    if isinstance(value, str):
        told = f"'{value:<8}'"
        told = told if key.startswith("HIERARCH") else told.ljust(20)
    else:
        told = "T" if value is True else _number(value)
        told = told if key.startswith("HIERARCH") else told.rjust(20)
    text = f"{key} = {told}" if key.startswith("HIERARCH") else f"{key:<8}= {told}"
    return (f"{text} / {comment}" if comment else text)[:80].ljust(80)


def _number(value: int | float) -> str:
    """As FITS wants it: a float has a point, and E before its exponent."""
    text = repr(value)
    if isinstance(value, float) and "e" in text:
        digits, exponent = text.split("e")
        text = f"{digits if '.' in digits else digits + '.0'}E{int(exponent):+03d}"
    return text


_EMPTY = _bytes(
    [
        ("XTENSION", "IMAGE", "Image extension"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 0, "number of array dimensions"),
        ("PCOUNT", 0, "number of parameters"),
        ("GCOUNT", 1, "number of groups"),
    ]
)


def _primary(seed: int, picture: Picture, coverage: Coverage, band: int) -> bytes:
    patches = [p for p in patches_near(picture.box) if _touches(p, picture.box)]
    patches = [p for p in patches if coverage.serves(picture.tract, p, picture.band)]
    rng = generator(seed, _STREAM, picture.tract, picture.band, *patches[0])
    cards = [
        ("SIMPLE", True, "conforms to FITS standard"),
        ("BITPIX", 8, "array data type"),
        ("NAXIS", 0, "number of array dimensions"),
        ("EXTEND", True),
        ("COMMENT", "  FITS (Flexible Image Transport System) format is defined in 'Astronomy"),
        ("COMMENT", "  and Astrophysics', volume 376, page 359; bibcode: 2001A&A...376..359H"),
        ("COMMENT", f"Simulated: galaxiesml mock sky, version {SKY_VERSION}"),
        ("HIERARCH variance_scale", round(float(rng.uniform(1.05, 1.25)), 14)),
        ("BGMEAN", round(float(rng.normal(0.013, 0.002)), 16)),
        ("BGVAR", round(float(rng.uniform(1e-4, 7e-4)), 18)),
        ("AR_HDU", 5, "HDU (1-indexed) containing the archive used to"),
        ("HIERARCH COADD_INPUTS_ID", 1, "archive ID for coadd inputs catalogs"),
        ("HIERARCH AP_CORR_MAP_ID", 3402, "archive ID for aperture correction map"),
        ("PSF_ID", 3450, "archive ID for the Exposure's main Psf"),
        ("HIERARCH SKYWCS_ID", 3404, "archive ID for the Exposure's main Wcs"),
        ("HIERARCH TRANSMISSION_CURVE_ID", 3452, "archive ID for the Exposure's transmissi"),
        ("FILTER", BANDS[band]),
        ("FLUXMAG0", FLUXMAG0, "AB mag = 2.5*log(fluxMag0/flux)"),
    ]
    for x, y in patches:
        cards.append((f"HIERARCH SRC_FLUXMAG0_{x}_{y}", FLUXMAG0, f"fluxMag0 of source patch {x},{y}"))
        cards.append((f"HIERARCH SRC_FLUXMAG0ERR_{x}_{y}", 0.0, f"fluxMag0Err of src patch {x},{y}"))
    return _bytes(cards)


def _touches(patch: tuple[int, int], box: Box) -> bool:
    """Whether a patch's own square, or the border that it alone has, is in a box."""
    left, low = patch[0] * PATCH - BORDER, patch[1] * PATCH - BORDER
    wide = PATCH + 2 * BORDER
    return left < box.x0 + box.columns and box.x0 < left + wide and low < box.y0 + box.rows and box.y0 < low + wide


def _layer_header(picture: Picture, name: str) -> bytes:
    box, where = picture.box, tract(picture.tract)
    cards = [
        ("XTENSION", "IMAGE", "Image extension"),
        ("BITPIX", 32 if name == "mask" else -32, "array data type"),
        ("NAXIS", 2, "number of array dimensions"),
        ("NAXIS1", box.columns),
        ("NAXIS2", box.rows),
        ("PCOUNT", 0, "number of parameters"),
        ("GCOUNT", 1, "number of groups"),
        ("WCSAXES", 2, "Number of WCS axes"),
        ("CRPIX1", MIDDLE + 1.0 - box.x0, "Reference pixel on axis 1"),
        ("CRPIX2", MIDDLE + 1.0 - box.y0, "Reference pixel on axis 2"),
        ("CRVAL1", where.ra, "Value at ref. pixel on axis 1"),
        ("CRVAL2", where.dec, "Value at ref. pixel on axis 2"),
        ("CTYPE1", "RA---TAN", "Type of co-ordinate on axis 1"),
        ("CTYPE2", "DEC--TAN", "Type of co-ordinate on axis 2"),
        ("CD1_1", -DEG_PER_PIXEL, "Transformation matrix element"),
        ("CD2_2", DEG_PER_PIXEL, "Transformation matrix element"),
        ("MJD-OBS", 51544.4992571308, "Modified Julian Date of observation"),
        ("DATE-OBS", "2000-01-01T11:58:55.816", "Date of observation"),
        ("RADESYS", "ICRS", "Reference frame for RA/DEC values"),
        ("LTV1", float(-box.x0)),
        ("LTV2", float(-box.y0)),
        ("INHERIT", True),
        ("EXTTYPE", name.upper()),
    ]
    if name == "mask":
        cards += [
            (f"MP_{plane}" if len(plane) < 6 else f"HIERARCH MP_{plane}", at) for at, plane in enumerate(MASK_PLANES)
        ]
    cards += [
        ("CTYPE1A", "LINEAR", "Type of projection"),
        ("CTYPE2A", "LINEAR", "Type of projection"),
        ("CRPIX1A", 1.0, "Column Pixel Coordinate of Reference"),
        ("CRPIX2A", 1.0, "Row Pixel Coordinate of Reference"),
        ("CRVAL1A", float(box.x0), "Column pixel of Reference Pixel"),
        ("CRVAL2A", float(box.y0), "Row pixel of Reference Pixel"),
        ("CUNIT1A", "PIXEL", "Column unit"),
        ("CUNIT2A", "PIXEL", "Row unit"),
    ]
    return _bytes(cards)
