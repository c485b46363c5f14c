"""Write the same spectra as the surveys publish them: with their columns, flags and sentinels."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from galaxiesml.mock.sky.archive.spectra import NO_REDSHIFT, Match, Spectrum
from galaxiesml.mock.sky.scene import Scene
from galaxiesml.system.atomic import write_atomic

#: Magnitudes that a survey did not measure.
_NO_MAGNITUDE = -99.0


def publish(folder: Path, scene: Scene, matches: list[Match]) -> list[Path]:
    """Write one file a survey, of every spectrum that it took, by its own number.

    VIPERS PDR-2, zCOSMOS-bright DR3, VVDS and SDSS as CSV; DEEP2 DR4, GAMA DR3 and PRIMUS DR1 as FITS tables.
    """
    spectra = sorted(
        ((one, match.group.sources[0]) for match in matches for one in match.spectra), key=lambda item: item[0].number
    )
    made = []
    for survey, (name, columns) in _FILES.items():
        rows = [columns(one, scene.sources.mag[source]) for one, source in spectra if one.survey.name == survey]
        # A survey without a target here publishes its table all the same: its columns, no rows.
        names = list(columns(_EXAMPLE, np.full(5, 20.0)))
        write = _write_csv if name.endswith(".csv") else _write_fits
        write(folder / name, names, rows)
        made.append(folder / name)
    return made


def _vipers(one: Spectrum, mag: np.ndarray) -> dict:
    return {
        "id_IAU": _iau("VIPERS", one),
        "num": one.number,
        "alpha": round(one.ra, 6),
        "delta": round(one.dec, 6),
        "selmag": round(float(mag[2]), 4),
        "errselmag": 0.01,
        "pointing": f"W1P{one.number % 90:03d}",
        "quadrant": one.number % 4 + 1,
        "zspec": round(one.redshift, 4),
        "zflg": float(one.flag),
        "norm": 1.0,
        "epoch": 1,
        "photoMask": 1,
        "tsr": 0.47,
        "ssr": 0.85,
        "classFlag": 1,
    }


def _zcosmos(one: Spectrum, mag: np.ndarray) -> dict:
    return {
        "zCOSMOS": one.number,
        "RAJ2000": round(one.ra, 6),
        "DEJ2000": round(one.dec, 6),
        "Imag": round(float(mag[2]), 2),
        "z": round(one.redshift, 4),
        "CC": float(one.flag),
        "Flag": 1,
    }


def _vvds(one: Spectrum, mag: np.ndarray) -> dict:
    return {
        "NUM": one.number,
        "ID-IAU": _iau("VVDS", one),
        "ALPHA": round(one.ra, 6),
        "DELTA": round(one.dec, 6),
        "MAGI": round(float(mag[2]), 4),
        "Z": round(one.redshift, 4),
        "ZFLAGS": int(float(one.flag)),
        "MAG_I_CFH12K": round(float(mag[2]), 4),
        "MAGERR_AUTO_I_CFH12K": 0.02,
        "MAG_Z_CFHTLS": _NO_MAGNITUDE,
        "MAGERR_AUTO_Z_CFHTLS": -99.9,
    }


def _sdss(one: Spectrum, mag: np.ndarray) -> dict:
    is_star = abs(one.redshift) < 0.002
    return {
        "specObjID": one.number,
        "ra": round(one.ra, 6),
        "dec": round(one.dec, 6),
        "class": "STAR" if is_star else "GALAXY",
        "z": one.redshift,
        "zErr": one.error,
        "zWarning": int(one.flag),
    }


def _deep2(one: Spectrum, mag: np.ndarray) -> dict:
    has_redshift = one.redshift != NO_REDSHIFT
    return {
        "OBJNO": one.number,
        "RA": one.ra,
        "DEC": one.dec,
        "MAGB": round(float(mag[0]) + 0.2, 4),
        "MAGR": round(float(mag[1]), 4),
        "MAGI": round(float(mag[2]), 4),
        "PGAL": 3.0,
        "MASK": 4000 + one.number % 200,
        "SLIT": one.number % 120,
        "Z": one.redshift if has_redshift else 0.0,
        "ZBEST": one.redshift if has_redshift else 0.0,
        "ZERR": one.error if has_redshift else -9999.0,
        "ZQUALITY": int(float(one.flag)),
    }


def _gama(one: Spectrum, mag: np.ndarray) -> dict:
    return {
        "SPECID": f"G12_Y3_{one.number % 1000:03d}_{one.number % 400:03d}",
        "CATAID": one.number,
        "RA": one.ra,
        "DEC": one.dec,
        "SURVEY": "GAMA",
        "Z": one.redshift if one.redshift != NO_REDSHIFT else -9.9999,
        "NQ": int(float(one.flag)),
        "PROB": 0.99 if one.is_secure else 0.6,
        "PETROMAG_R": round(float(mag[1]), 4),
    }


def _primus(one: Spectrum, mag: np.ndarray) -> dict:
    return {
        "OBJNAME": f"{one.number % 1000:04d}-{one.number % 5000:05d}",
        "RA": one.ra,
        "DEC": one.dec,
        "SURVEY": "cosmos_b",
        "FIELD": "cosmos",
        "MASK": "cosb0128",
        "Z": one.redshift,
        "ZQUALITY": int(float(one.flag)),
        "CLASS": "GALAXY",
        "TARGET_MAG": round(float(mag[2]), 4) if one.mag_i > 0.0 else -1.0,
    }


def _iau(survey: str, one: Spectrum) -> str:
    hours, sign = one.ra / 15.0, "+" if one.dec >= 0.0 else "-"
    h, m = int(hours), int(hours * 60.0) % 60
    d, dm = int(abs(one.dec)), int(abs(one.dec) * 60.0) % 60
    east, north = hours * 3600.0 % 60.0, abs(one.dec) * 3600.0 % 60.0
    return f"{survey}-J{h:02d}{m:02d}{east:05.2f}{sign}{d:02d}{dm:02d}{north:04.1f}"


_FILES: dict[str, tuple[str, Callable]] = {
    "vipers_pdr1": ("vipers_w1_spectro_pdr2.csv", _vipers),
    "zcosmos_dr3": ("zcosmos_bright_dr3.csv", _zcosmos),
    "vvds": ("vvds_final.csv", _vvds),
    "sdss_dr14": ("sdss_dr14.csv", _sdss),
    "deep3_v201701": ("deep2_dr4.fits", _deep2),
    "gama_dr2": ("gama_dr3.fits", _gama),
    "primus_dr1": ("primus_dr1.fits", _primus),
}
_EXAMPLE = Spectrum(None, 1, 150.0, 2.0, 0.5, 1e-4, "4", True, 20.0)


def _write_csv(path: Path, names: list[str], rows: list[dict]) -> None:
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(path, out.getvalue())


def _write_fits(path: Path, names: list[str], rows: list[dict]) -> None:
    from astropy.io import fits

    example = next(columns for name, columns in _FILES.values() if name == path.name)(_EXAMPLE, np.full(5, 20.0))
    forms = {float: "D", int: "K", str: "24A"}
    columns = [
        fits.Column(name, forms[type(example[name])], array=np.array([row[name] for row in rows])) for name in names
    ]
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, nrows=len(rows))]).writeto(out)
    write_atomic(path, out.getvalue())
