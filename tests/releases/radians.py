"""A survey of six filters in radians and nJy, and the same rows in degrees and magnitudes."""

import numpy as np
import pyarrow as pa

BANDS = "ugrizy"
FLAGS = {
    "cmodel_flag": "cModel_flag",
    "pixelflags_edge": "pixelFlags_edge",
    "pixelflags_interpolatedcenter": "pixelFlags_interpolatedCenter",
    "pixelflags_saturatedcenter": "pixelFlags_saturatedCenter",
    "pixelflags_crcenter": "pixelFlags_crCenter",
    "pixelflags_bad": "pixelFlags_bad",
    "sdsscentroid_flag": "centroid_flag",
}
_HEAD = """\
name = "{name}"
title = "A survey in radians and nJy"
reference = "https://example.org/survey"
nulls = ["", "NULL"]
spectra_errors = "measured"

[bands]
u = "em.opt.U"
g = "em.opt.B"
r = "em.opt.R"
i = "em.opt.I"
z = "em.opt.I"
y = "em.opt.I"

[columns]
specz_name = "zName"
specz_redshift = "zSpec"
specz_redshift_err = "zSpecErr"
specz_mag_i = "zMag"
"""
#: The survey's own units, identifiers and flags.
THEIRS = (
    _HEAD.format(name="radians")
    + """
object_id = {id = ["field", "number"], bits = [16, 40]}
ra = {source = "coord_ra", unit = "rad"}
dec = {source = "coord_dec", unit = "rad"}
specz_ra = {source = "zRa", unit = "rad"}
specz_dec = {source = "zDec", unit = "rad"}
isprimary = {not = "isDuplicate"}
specz_flag_homogeneous = {source = "zQuality", secure = [3, 4]}
"{band}_cmodel_mag" = {source = "{band}_cModelFlux", flux = "nJy"}
"{band}_cmodel_magsigma" = {source = "{band}_cModelFlux", flux_err = "{band}_cModelFluxErr"}
"""
    + "".join(f'"{{band}}_{flag}" = {{bit = ["{{band}}_flags", {bit}]}}\n' for bit, flag in enumerate(FLAGS))
)
#: Our units, under the survey's names.
OURS = (
    _HEAD.format(name="degrees")
    + """
object_id = "objectId"
ra = "coord_ra"
dec = "coord_dec"
specz_ra = "zRa"
specz_dec = "zDec"
isprimary = "isPrimary"
specz_flag_homogeneous = "zSecure"
"{band}_cmodel_mag" = "{band}_mag"
"{band}_cmodel_magsigma" = "{band}_magErr"
"""
    + "".join(f'"{{band}}_{flag}" = "{{band}}_{theirs}"\n' for flag, theirs in FLAGS.items())
)


def tables(rows: int, seed: int = 7) -> tuple[pa.Table, pa.Table]:
    """The same rows twice: in radians and nJy, in degrees and magnitudes.

    Some fluxes are negative or missing, some flags are set, some spectra have several objects.
    """
    draw = np.random.default_rng(seed)
    field, number = draw.integers(0, 60_000, rows), np.arange(rows) * 17 + 1
    ra, dec = draw.uniform(-10, 350, rows), draw.uniform(-60, 60, rows)
    quality = draw.choice([1, 2, 3, 4], rows, p=[0.05, 0.05, 0.1, 0.8])
    is_duplicate = draw.random(rows) < 0.02
    spectrum = np.where(draw.random(rows) < 0.03, draw.integers(0, rows, rows), np.arange(rows))
    shared = {
        "zName": [f"Z-{one}" for one in spectrum],
        "zSpec": np.where(draw.random(rows) < 0.02, 9.9999, draw.uniform(0.02, 3, rows)),
        "zSpecErr": draw.choice([1e-4, 0.1], rows, p=[0.97, 0.03]),
        "zMag": draw.uniform(18, 25, rows),
    }
    near_ra, near_dec = ra + draw.normal(0, 5e-5, rows), dec + draw.normal(0, 5e-5, rows)
    theirs = shared | {
        "field": field,
        "number": number,
        "coord_ra": np.radians(ra),
        "coord_dec": np.radians(dec),
        "zRa": np.radians(near_ra),
        "zDec": np.radians(near_dec),
        "zQuality": quality,
        "isDuplicate": is_duplicate,
    }
    ours = shared | {
        "objectId": (field << 40) + number,
        "coord_ra": ra % 360,
        "coord_dec": dec,
        "zRa": near_ra % 360,
        "zDec": near_dec,
        "zSecure": quality >= 3,
        "isPrimary": ~is_duplicate,
    }
    for band in BANDS:
        _add_band(draw, band, rows, theirs, ours)
    return pa.table(theirs), pa.table(ours)


def _add_band(draw, band: str, rows: int, theirs: dict, ours: dict) -> None:
    flux = 10 ** ((31.4 - draw.uniform(18, 25, rows)) / 2.5)
    flux = np.where(draw.random(rows) < 0.01, -flux * draw.integers(0, 2, rows), flux)
    error = np.abs(flux) * draw.uniform(0.001, 0.2, rows) + 1
    is_missing = draw.random(rows) < 0.005
    with np.errstate(divide="ignore", invalid="ignore"):
        mag = np.where(flux > 0, -2.5 * np.log10(flux) + 31.4, np.nan)
        sigma = np.where(flux > 0, 2.5 / np.log(10) * error / flux, np.nan)
    theirs[f"{band}_cModelFlux"] = pa.array(flux, mask=is_missing)
    theirs[f"{band}_cModelFluxErr"] = error
    ours[f"{band}_mag"] = pa.array(mag, mask=is_missing)
    ours[f"{band}_magErr"] = pa.array(sigma, mask=is_missing)
    bits = draw.random((len(FLAGS), rows)) < 0.003
    theirs[f"{band}_flags"] = sum(one.astype(np.int64) << bit for bit, one in enumerate(bits))
    ours |= {f"{band}_{name}": one for name, one in zip(FLAGS.values(), bits, strict=True)}
