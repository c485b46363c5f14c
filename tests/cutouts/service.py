"""Cutouts as the service sends them, written with astropy and tarfile: nothing of ours made them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

SCALE = 0.168 / 3600
FLUXMAG0 = 63095734448.0194
BITS = {"BAD": 0, "SAT": 1, "DETECTED": 5, "NO_DATA": 8}


def tract_wcs(ra: float = 150.0, dec: float = 2.0) -> WCS:
    """A tract's projection; its reference pixel is far away, as in the archive."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = ra, dec
    wcs.wcs.crpix = 18000.0, 18000.0
    wcs.wcs.cd = [[-SCALE, 0], [0, SCALE]]
    return wcs


def cutout(
    ra: float,
    dec: float,
    *,
    band: str = "G",
    half: float = 10.0,
    wcs: WCS | None = None,
    layers: str = "imv",
    clip: tuple[slice, slice] | None = None,
    seed: int = 0,
    header_filter: str | None = None,
    mask_bits: int = 0,
    nan: int = 0,
    pixels: dict[str, np.ndarray] | None = None,
) -> tuple[bytes, dict[str, np.ndarray]]:
    """One FITS file of the service, and its layers.  ``clip``: rows and columns that the coadd's edge leaves;
    ``pixels``: by letter, instead of noise; their shape is the picture's."""
    wcs = wcs or tract_wcs()
    x, y = wcs.wcs_world2pix([[ra, dec]], 0)[0]
    reach = half / 0.168
    columns = np.arange(int(np.floor(x - reach)), int(np.ceil(x + reach)))
    rows = np.arange(int(np.floor(y - reach)), int(np.ceil(y + reach)))
    if pixels:
        height, width = pixels["i"].shape
        rows, columns = round(y) - height // 2 + np.arange(height), round(x) - width // 2 + np.arange(width)
    if clip:
        rows, columns = rows[clip[0]], columns[clip[1]]
    random = np.random.default_rng([seed, ord(band[0])])
    shape = (len(rows), len(columns))
    made = {
        "i": random.normal(0, 0.1, shape).astype(np.float32),
        "m": np.full(shape, mask_bits, np.int32),
        "v": random.uniform(0.005, 0.015, shape).astype(np.float32),
    }
    made |= pixels or {}
    if nan:
        made["i"].ravel()[:nan] = np.nan
    header = wcs.to_header()
    header = fits.Header([(key, header[key]) for key in ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2")])
    header["CRPIX1"], header["CRPIX2"] = 18000.0 - columns[0], 18000.0 - rows[0]
    header["CD1_1"], header["CD2_2"] = -SCALE, SCALE
    header["CRVAL1A"], header["CRVAL2A"] = float(columns[0]), float(rows[0])
    primary = fits.PrimaryHDU()
    primary.header["FILTER"] = header_filter or f"HSC-{band}"
    primary.header["FLUXMAG0"] = FLUXMAG0
    hdus = [primary]
    for letter in "imv":
        if letter in layers:
            hdu = fits.ImageHDU(made[letter], header.copy())
            if letter == "m":
                for name, bit in BITS.items():
                    hdu.header[f"HIERARCH MP_{name}"] = bit
            hdus.append(hdu)
        else:
            hdus.append(fits.ImageHDU())
    out = io.BytesIO()
    fits.HDUList(hdus).writeto(out)
    kinds = {"i": "image", "m": "mask", "v": "variance"}
    return out.getvalue(), {kinds[letter]: made[letter] for letter in layers}


def psf(seed: int = 0) -> tuple[bytes, np.ndarray]:
    pixels = np.random.default_rng(seed).uniform(0, 1, (43, 43))
    out = io.BytesIO()
    fits.PrimaryHDU(pixels / pixels.sum()).writeto(out)
    return out.getvalue(), pixels / pixels.sum()


def name(line: int, band: str = "G", tract: int = 9813) -> str:
    return f"arch-221123-101500/{line}-cutout-HSC-{band}-{tract}-pdr2_wide.fits"


def write_tar(path: Path, members: dict[str, bytes], form: int = tarfile.GNU_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_list(path: Path, rows: list[tuple[float, float]], band: str = "G", words: str = "") -> Path:
    """An upload list in the form of the paper's appendix 9."""
    lines = ["#? rerun\tfilter\tra dec\tsw sh"]
    lines += [f"pdr2_wide\tHSC-{band}\t{ra!r}\t{dec!r}\t{words or '10 arcseconds'}\t10 arcseconds" for ra, dec in rows]
    path.write_text("\n".join(lines) + "\n")
    return path
