"""A simulated export read back without the package: pandas, the csv as text, and the truth beside it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

#: 'In GAMA and WiggleZ, we arbitrarily assigned redshift errors. Do not use them.' (the HSC page on spectra)
ARBITRARY = ("specz_flag_gama_dr2", "specz_flag_wigglez_dr1")
_FLAG = {"true": True, "false": False, "": None}


def read(path: Path) -> pd.DataFrame:
    """The export as rows in file order; NULL and the sentinel -9 are NaN or None, identifiers integers."""
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    text = text.rename(columns={"# object_id": "object_id"})
    frame = pd.DataFrame(index=text.index)
    for name in text:
        if name in ("coord", "specz_name", "specz_class", "specz_original_flag"):
            frame[name] = text[name].where(text[name] != "", None)
        elif set(text[name]) <= set(_FLAG):
            frame[name] = text[name].map(_FLAG).astype(object).where(text[name] != "", None)
        elif name in ("object_id", "skymap_id", "tract", "patch", "parent_id", "nchild"):
            frame[name] = [int(value) for value in text[name]]
        else:
            # Python's own float is exact to the last bit; pandas' reader is not.
            values = pd.Series([float(value) if value else np.nan for value in text[name]])
            frame[name] = values.mask(values == -9) if name in ("specz_redshift", "specz_redshift_err") else values
    return frame.assign(specz_error_kind=error_kind(frame))


def error_kind(frame: pd.DataFrame) -> list[str | None]:
    flags = [name for name in frame if name.startswith("specz_flag_") and name != "specz_flag_homogeneous"]
    fires = {name: np.array([value is True for value in frame[name]]) for name in flags}
    arbitrary = np.any([fires[name] for name in ARBITRARY], axis=0)
    listed = np.any(list(fires.values()), axis=0)
    return ["arbitrary" if bad else "measured" if known else None for bad, known in zip(arbitrary, listed, strict=True)]


def truth(folder: Path) -> dict:
    return json.loads((folder / "truth.json").read_text())


def reasons(planted: dict, version: int) -> dict[int, tuple[str, ...]]:
    """Row, from 0, to the cuts that remove it; every other row with a spectrum is kept."""
    found = {}
    for fault in planted["faults"]:
        for group in fault["groups"]:
            for row, why in zip(group, fault["reasons"], strict=True):
                if cuts := why.get(f"v{version}"):
                    found[row - 1] = tuple(cuts)
    return found


def row_failures(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Which rows do not pass each row cut, from the paper's text and its authors' code."""
    bands = "grizy"

    def fires(column: str) -> np.ndarray:
        return np.any([[value is not False for value in frame[f"{band}_{column}"]] for band in bands], axis=0)

    z, err, target, distance = (
        frame[name].to_numpy(float) for name in ("specz_redshift", "specz_redshift_err", "specz_mag_i", "d_pos")
    )
    magnitudes = np.array([frame[f"{band}_cmodel_mag"].to_numpy(float) for band in bands])
    sensible = (magnitudes > 0) & (magnitudes < 50)
    positive = (err > 0) & (err < 1)
    return {
        "cmodel_flag": fires("cmodel_flag"),
        "edge": fires("pixelflags_edge"),
        "interpolated": fires("pixelflags_interpolatedcenter"),
        "saturated": fires("pixelflags_saturatedcenter"),
        "crcenter": fires("pixelflags_crcenter"),
        "bad": fires("pixelflags_bad"),
        "centroid": fires("sdsscentroid_flag"),
        "redshift": ~((z > 0.01) & (z < 4.0)),
        "error_divided": ~(positive & (err < 0.005 / (1 + z))),
        "error": ~(positive & (err < 0.005 * (1 + z))),
        "secure": np.array([value is not True for value in frame["specz_flag_homogeneous"]]),
        "detected": np.isnan(magnitudes).any(axis=0),
        "magnitude_range": ~(sensible | np.isnan(magnitudes)).all(axis=0),
        "magnitudes": ~sensible.all(axis=0),
        "specz_mag": ~((target > 0) & (target < 28)),
        "match_distance": ~(distance < 0.5),
        "primary": np.array([value is not True for value in frame["isprimary"]]),
        "not_star": (frame["specz_class"] == "STAR").to_numpy(),
        "measured_error": (frame["specz_error_kind"] != "measured").to_numpy(),
    }
