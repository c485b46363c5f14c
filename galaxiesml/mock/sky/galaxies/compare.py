"""Compare the simulated spectroscopic sample with the real one: distributions, and colour against redshift."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError, LockedError, UsageError
from galaxiesml.mock.sky.galaxies.bands import G_BAND, I_BAND, Z_BAND
from galaxiesml.mock.sky.galaxies.galaxies import Galaxies
from galaxiesml.mock.sky.galaxies.population import spectroscopic

#: Edges of the redshift bins of the table.
Z_EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 7.5)
PERCENTILES = (16, 50, 84)
#: Galaxies drawn at once.
PART = 100_000
_COLUMNS = ("mag", "color", "specz")
_GROUP, _NAMES, _VALUES = "data", "block0_items", "block0_values"


@dataclass(frozen=True)
class Sample:
    """The quantities of a sample, each of shape (n,).

    Attributes
    ----------
    redshift : ndarray
    i : ndarray
        AB magnitude.
    g_minus_z : ndarray
        Colour, mag.
    """

    redshift: np.ndarray
    i: np.ndarray
    g_minus_z: np.ndarray

    def __len__(self) -> int:
        return len(self.redshift)

    def between(self, low: float, high: float) -> Sample:
        """The objects with low <= z < high."""
        inside = (self.redshift >= low) & (self.redshift < high)
        return Sample(self.redshift[inside], self.i[inside], self.g_minus_z[inside])


def of_galaxies(galaxies: Galaxies) -> Sample:
    return Sample(galaxies.redshift, galaxies.mag[:, I_BAND], galaxies.mag[:, G_BAND] - galaxies.mag[:, Z_BAND])


def drawn(n: int, seed: int, progress: Callable[[int], None] | None = None) -> Sample:
    """A simulated spectroscopic sample, drawn in parts so that memory stays the same whatever n is.

    Parameters
    ----------
    n : int
        1 or more.
    seed : int
        0 or more; equal seeds give equal samples.
    progress : callable, optional
        Called with the number of galaxies drawn since it was last called.

    Raises
    ------
    UsageError
        n or the seed is out of range, or GalSim or speclite is not installed.
    """
    samples = []
    for galaxies in parts(n, seed):
        samples.append(of_galaxies(galaxies))
        if progress:
            progress(len(galaxies))
    return Sample(*(np.concatenate([getattr(sample, item.name) for sample in samples]) for item in fields(Sample)))


def parts(n: int, seed: int) -> Iterator[Galaxies]:
    """The galaxies of `drawn`, some at a time."""
    if n < 1:
        raise UsageError(f"--galaxies {n} is out of range.", "Give 1 or more.")
    if seed < 0:
        raise UsageError(f"--seed {seed} is out of range.", "Give 0 or more.")
    rng = np.random.default_rng(seed)
    for first in range(0, n, PART):
        yield spectroscopic(min(PART, n - first), rng)


def read_reference(path: Path) -> Sample:
    """Read HSC's objects with spectra: a pandas HDF5 table ``data`` with the columns mag (i), color (g - z), specz.

    RAIL carries such a file, ``hsc_ratios_and_specz.hdf5``: 429,235 objects of HSC's PDR2.

    Raises
    ------
    InputError
        The file is not there, is not HDF5, or holds something else.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            group = file[_GROUP]
            names = [name.decode() for name in group[_NAMES][:]]
            values = np.asarray(group[_VALUES], float)
    except BlockingIOError:
        raise LockedError(
            f"{path} is open for writing in another process.", "Close it in that process, then compare."
        ) from None
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not a table of real objects: {error}.",
            f"Give a pandas HDF5 file with a table {_GROUP!r} of the columns {', '.join(_COLUMNS)}, such as RAIL's "
            "hsc_ratios_and_specz.hdf5.",
        ) from error
    if values.ndim != 2 or values.shape[1] != len(names) or not set(_COLUMNS) <= set(names):
        raise InputError(f"{path} has the columns {', '.join(names)}.", f"It needs {', '.join(_COLUMNS)}.")
    mag, colour, z = (values[:, names.index(name)] for name in _COLUMNS)
    known = np.isfinite(mag) & np.isfinite(colour) & np.isfinite(z)
    if not known.any():
        raise InputError(f"{path} has no row without NaN.", "Give a file with objects.")
    return Sample(z[known], mag[known], colour[known])


def ks_distance(first: np.ndarray, second: np.ndarray) -> float | None:
    """Kolmogorov-Smirnov distance of two samples: the most that their cumulative distributions differ; 0 to 1.

    None where one of them is empty.
    """
    if not len(first) or not len(second):
        return None
    first, second = np.sort(first), np.sort(second)
    both = np.concatenate([first, second])
    shares = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def summary(sample: Sample, real: Sample | None = None) -> list[dict]:
    """A row for the whole sample and for each redshift bin.

    Returns
    -------
    list of dict
        z (the bin, as text), n, share (per cent of the sample), i_16, i_50, i_84, g_z_16, g_z_50, g_z_84 (mag); with
        a real sample the same of it as real_*, and ks_z, ks_i, ks_g_z.  None where a bin is empty.
    """
    bins = [("all", -1.0, np.inf)]
    bins += [(f"{low:g}-{high:g}", low, high) for low, high in pairwise(Z_EDGES)]
    return [_row(name, sample, real, low, high) for name, low, high in bins]


def _row(name: str, sample: Sample, real: Sample | None, low: float, high: float) -> dict:
    ours = sample.between(low, high)
    row = {"z": name} | _described(ours, len(sample))
    if real is not None:
        theirs = real.between(low, high)
        row |= {f"real_{key}": value for key, value in _described(theirs, len(real)).items()}
        row |= {
            "ks_z": ks_distance(ours.redshift, theirs.redshift),
            "ks_i": ks_distance(ours.i, theirs.i),
            "ks_g_z": ks_distance(ours.g_minus_z, theirs.g_minus_z),
        }
    return row


def _described(sample: Sample, whole: int) -> dict:
    row = {"n": len(sample), "share": 100.0 * len(sample) / whole if whole else None}
    for name, values in (("i", sample.i), ("g_z", sample.g_minus_z)):
        found = np.percentile(values, PERCENTILES) if len(values) else [None] * len(PERCENTILES)
        row |= {f"{name}_{part}": None if v is None else float(v) for part, v in zip(PERCENTILES, found, strict=True)}
    return row


def lines(rows: list[dict]) -> list[dict]:
    """The rows of :func:`summary` as a person reads them: percentiles in one cell, simulated before real."""
    return [_line(row) for row in rows]


def _line(row: dict) -> dict:
    line = {"z": row["z"], "galaxies": row["n"], "%": _rounded(row["share"], 2)}
    sides = [("", "")]
    if "real_n" in row:
        line["real %"] = _rounded(row["real_share"], 2)
        sides.append(("real ", "real_"))
    for quantity, name in (("i", "i"), ("g-z", "g_z")):
        for title, key in sides:
            found = [row[f"{key}{name}_{part}"] for part in PERCENTILES]
            line[f"{title}{quantity}"] = None if None in found else " ".join(f"{value:.2f}" for value in found)
    if "real_n" in row:
        line |= {title: _rounded(row[key], 4) for title, key in (("KS z", "ks_z"), ("KS i", "ks_i"))}
        line["KS g-z"] = _rounded(row["ks_g_z"], 4)
    return line


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
