"""A small simulated sky, made once by the real command, and read back with astropy, pandas and the standard library."""

import functools
import io
import tarfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from galaxiesml.cli import main

from ..made.once import once

BANDS = "grizy"
GALAXIES = 24
SEMI_WIDTH_PIXELS = 10.0 / 0.168
PLANES = {
    name: 1 << bit
    for bit, name in enumerate(
        [
            *("BAD", "SAT", "INTRP", "CR", "EDGE", "DETECTED", "DETECTED_NEGATIVE", "SUSPECT", "NO_DATA"),
            *("BRIGHT_OBJECT", "CROSSTALK", "NOT_DEBLENDED", "UNMASKEDNAN", "REJECTED", "CLIPPED", "SENSOR_EDGE"),
            "INEXACT_PSF",
        ]
    )
}


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    return stopped.value.code or 0


def make(folder: Path, *words: str, galaxies: int = GALAXIES, seed: int = 1) -> Path:
    pytest.importorskip("galsim", reason="the simulated sky needs GalSim")
    code = run("-q", "mock", "sky", "--galaxies", str(galaxies), "--seed", str(seed), "--out", str(folder), *words)
    assert code == 0
    return folder


@functools.cache
def made() -> Path:
    """One sky for all tests of a run; none of them changes it."""
    return once("sky", lambda folder: make(folder / "sky", "--jobs", "2")) / "sky"


@functools.cache
def truth(name: str) -> pd.DataFrame:
    return pd.read_parquet(made() / "truth" / f"{name}.parquet")


@functools.cache
def members(service: str) -> dict[tuple[str, str], bytes]:
    """(list, file name) to bytes, in the order of the tars."""
    found = {}
    for path in sorted((made() / service).glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                found[path.stem, Path(member.name).name] = tar.extractfile(member).read()
    return found


def opened(data: bytes) -> fits.HDUList:
    return fits.open(io.BytesIO(data), memmap=False)


def faulty(fault: str) -> list[int]:
    """Objects that carry a fault."""
    rows = truth("faults")
    found = rows.loc[rows["fault"] == fault, "object_id"].tolist()
    assert found, f"no object carries {fault}"
    return found


def rows_of(object_id: int, band: str | None = None, own: bool | None = None) -> pd.DataFrame:
    """The truth's rows on an object's pictures."""
    rows = truth("pictures")
    chosen = rows["object_id"] == object_id
    if band is not None:
        chosen &= rows["band"] == band
    if own is not None:
        chosen &= rows["own_tract"] == own
    return rows[chosen]


def file_of(row) -> fits.HDUList:
    return opened(members("cutouts")[row["list"], row["member"]])


def own_picture(object_id: int, band: str) -> fits.HDUList:
    (row,) = rows_of(object_id, band, own=True).to_dict("records")
    return file_of(row)


def centre(hdus: fits.HDUList, object_id: int) -> tuple[float, float]:
    """Pixels (x, y) from 0 of an object's catalogue position."""
    (where,) = truth("galaxies").query("object_id == @object_id").to_dict("records")
    with warnings.catch_warnings():
        # The service writes MJD-OBS and DATE-OBS that differ by a leap second, as the real files do.
        warnings.simplefilter("ignore")
        x, y = WCS(hdus[1].header).all_world2pix(where["catalogue_ra"], where["catalogue_dec"], 0)
    return float(x), float(y)


def bits(hdus: fits.HDUList, plane: str) -> np.ndarray:
    return (hdus[2].data & PLANES[plane]) != 0


def export(name: str) -> pd.DataFrame:
    """An export of the simulated archive; its first column's name begins with '# '."""
    frame = pd.read_csv(made() / f"{name}.csv.gz")
    assert frame.columns[0] == "# object_id"
    return frame.rename(columns={"# object_id": "object_id"})


def field() -> pd.DataFrame:
    """Galaxies and stars of the field that the served archive has without a spectrum, from the truth: i < 24.

    Those in a patch without one of the bands are left out.
    """
    from galaxiesml.mock.sky.survey.tracts import home, patch_of

    def patch(ra: float, dec: float) -> tuple[int, int, int]:
        where = home(ra, dec)
        return (where.number, *patch_of(*where.pixels(ra, dec)))

    sources = truth("sources")
    sources = sources[(sources["source"] < 0) & (sources["i_mag"] < 24.0)]
    served = truth("coverage")
    whole = {
        tuple(row) for row in served.loc[served["bands_served"] == "grizy", ["tract", "patch_x", "patch_y"]].values
    }
    return sources[[patch(ra, dec) in whole for ra, dec in zip(sources["ra"], sources["dec"], strict=True)]]
