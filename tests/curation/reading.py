"""The four versions read independently, in pandas: from the paper's text and from the description of its
authors' code, not from our SQL.  It shares no line with the package.

A frame holds landed pairs in file order: one row per (object, spectrum), NaN or None where a value is missing.
"""

import numpy as np
import pandas as pd

BANDS = "grizy"
FLAGS = [
    "cmodel_flag",
    "pixelflags_edge",
    "pixelflags_interpolatedcenter",
    "pixelflags_saturatedcenter",
    "pixelflags_crcenter",
    "pixelflags_bad",
    "sdsscentroid_flag",
]


def false(frame: pd.DataFrame, column: str) -> np.ndarray:
    """True only where the flag is known and not set."""
    return np.array([value is not None and value is not pd.NA and value == False for value in frame[column]])  # noqa: E712


def true(frame: pd.DataFrame, column: str) -> np.ndarray:
    return np.array([value is not None and value is not pd.NA and value == True for value in frame[column]])  # noqa: E712


def number(frame: pd.DataFrame, column: str) -> np.ndarray:
    return pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)


def good_flags(frame: pd.DataFrame) -> np.ndarray:
    good = np.ones(len(frame), bool)
    for flag in FLAGS:
        for band in BANDS:
            good &= false(frame, f"{band}_{flag}")
    return good


def good_magnitudes(frame: pd.DataFrame) -> np.ndarray:
    good = np.ones(len(frame), bool)
    for band in BANDS:
        magnitude = number(frame, f"{band}_cmodel_mag")
        good &= (magnitude > 0) & (magnitude < 50)
    return good


def common(frame: pd.DataFrame) -> np.ndarray:
    z = number(frame, "specz_redshift")
    err = number(frame, "specz_redshift_err")
    good = good_flags(frame) & (z > 0.01) & (z < 4.0) & (err > 0) & (err < 1)
    return good & true(frame, "specz_flag_homogeneous") & good_magnitudes(frame)


def keep_first_spectrum(frame: pd.DataFrame) -> pd.DataFrame:
    """Of rows that share a spectrum's name keep the first; a row without a name is no one's duplicate."""
    named = frame["specz_name"].notna()
    return frame[~(named & frame["specz_name"].where(named).duplicated(keep="first"))]


def version_1(frame: pd.DataFrame) -> list[int]:
    z, err = number(frame, "specz_redshift"), number(frame, "specz_redshift_err")
    near = np.array([not (d >= 0.5) and d == d for d in number(frame, "d_pos")])
    with np.errstate(divide="ignore"):
        survivors = frame[common(frame) & (err < 0.005 / (1 + z)) & near]
    survivors = keep_first_spectrum(survivors)
    return survivors[~survivors["object_id"].duplicated(keep="first")].index.tolist()


def _authors(frame: pd.DataFrame) -> np.ndarray:
    z, err = number(frame, "specz_redshift"), number(frame, "specz_redshift_err")
    return common(frame) & (err < 0.005 * (1 + z))


def version_2(frame: pd.DataFrame) -> list[int]:
    magnitude = number(frame, "specz_mag_i")
    survivors = keep_first_spectrum(frame[_authors(frame) & (magnitude > 0) & (magnitude < 28)])
    return survivors[~survivors["object_id"].duplicated(keep=False)].index.tolist()


def version_3(frame: pd.DataFrame) -> list[int]:
    magnitude = number(frame, "specz_mag_i")
    distance = number(frame, "d_pos")
    strict = _authors(frame) & (magnitude > 0) & (magnitude < 28) & (distance < 0.5)
    strict &= true(frame, "isprimary") & (frame["specz_class"] != "STAR").to_numpy()
    strict &= (frame["specz_error_kind"] == "measured").to_numpy(dtype=bool, na_value=False)
    survivors = frame[strict]
    z = survivors["specz_redshift"].astype(float)
    lowest = z.groupby(survivors["object_id"]).transform("min")
    highest = z.groupby(survivors["object_id"]).transform("max")
    survivors = survivors[(highest - lowest) <= 0.005 * (1 + lowest)]
    order = survivors.assign(
        _distance=survivors["d_pos"].astype(float),
        _error=survivors["specz_redshift_err"].astype(float),
        _at=survivors.index,
    ).sort_values(["_distance", "_error", "_at"])
    order = keep_first_spectrum(order)
    return sorted(order[~order["object_id"].duplicated(keep="first")].index)


def version_4(frame: pd.DataFrame) -> list[int]:
    survivors = keep_first_spectrum(frame[_authors(frame)])
    return survivors[~survivors["object_id"].duplicated(keep=False)].index.tolist()


VERSIONS = {1: version_1, 2: version_2, 3: version_3, 4: version_4}
