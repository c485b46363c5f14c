"""Statistics by which images are normalised: of the training split, by filter, gathered as the images are written.

Pixels that are exactly 0 are left out: a frame is 0 where no picture covers it and where a pixel is not finite.  The
numbers can therefore be found again from a file alone: ``x = image[:, band]; x[x != 0].mean()``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from galaxiesml.system.atomic import write_table

#: Percentiles, as their columns are named.
PERCENTILES = {"p0_1": 0.1, "p1": 1.0, "p16": 16.0, "p50": 50.0, "p84": 84.0, "p99": 99.0, "p99_9": 99.9}
#: Share of a normal distribution below its mean less one standard deviation.
_BELOW_SIGMA = 0.15865525393145702
#: Bins of a histogram: the sign of a float32, its exponent and 7 bits of its fraction.
_BINS = 1 << 16
#: Which half of a float32 in memory has them.
_LEADING = 1 if sys.byteorder == "little" else 0
_UNITS = {"band": "", "galaxies": "", "pixels": ""}
_WORDS = {
    "band": "Filter.",
    "galaxies": "Galaxies of the training split.",
    "pixels": "Pixels of their images that are not exactly 0; the numbers are of these.",
    "mean": "Mean.",
    "std": "Standard deviation.",
    **{
        name: f"{percent:g}th percentile, interpolated in bins 0.8 % of its value wide."
        for name, percent in PERCENTILES.items()
    },
    "sky_sigma": "Standard deviation of the sky: median of the galaxies' own. Of one galaxy it is the median less the "
    "15.87th percentile of the first and the last eighth of its image's rows; light of galaxies widens the upper half "
    "of their distribution more than the lower.",
}


class Statistics:
    """Moments and histograms of images that come a block at a time; the same for any blocks and threads.

    Parameters
    ----------
    bands : list of str
    size : int
        Pixels on a side.
    """

    def __init__(self, bands: list[str], size: int):
        self.bands, self.edge = bands, max(1, size // 8)
        self.galaxies = 0
        self.pixels = np.zeros(len(bands), np.int64)
        self._sums = np.zeros((len(bands), 2))
        self._all, self._skies = np.zeros((2, len(bands), _BINS), np.int64)

    def add(self, block: np.ndarray) -> None:
        """Count images, float32 of shape (galaxies, filters, size, size), all finite."""
        self.galaxies += len(block)
        for number in range(len(self.bands)):
            # Of -0 and 0 one number, and memory that is this filter's alone.
            images = block[:, number] + np.float32(0)
            values = images.reshape(len(images), -1)
            self.pixels[number] += np.count_nonzero(values)
            # As float64 first: a sum that converts in pieces depends on where the pieces begin.
            values = values.astype(np.float64)
            for place, sums in enumerate((values.sum(axis=1), np.square(values, out=values).sum(axis=1))):
                # One after another: the sum of a block depends on how many galaxies it has.
                self._sums[number, place] = np.add.accumulate([self._sums[number, place], *sums])[-1]
            self._all[number] += _histogram(images)
            self._skies[number] += _histogram(_sky_sigmas(images, self.edge))

    def rows(self) -> list[dict]:
        """A row a filter: band, galaxies, pixels, mean, std, percentiles and sky_sigma; NaN where no pixel counts."""
        made = []
        for number, band in enumerate(self.bands):
            count = int(self.pixels[number])
            mean, square = self._sums[number] / count if count else (np.nan, np.nan)
            made.append(
                {"band": band, "galaxies": self.galaxies, "pixels": count}
                | {"mean": float(mean), "std": float(np.sqrt(max(square - mean**2, 0.0)) if count else np.nan)}
                | {name: _percentile(self._all[number], percent) for name, percent in PERCENTILES.items()}
                | {"sky_sigma": _percentile(self._skies[number], 50.0)}
            )
        return made


def prefixed(rows: list[dict]) -> list[dict]:
    """The statistics under the names that they have outside their own table: normalisation_mean of mean."""
    return [{name if name == "band" else f"normalisation_{name}": value for name, value in row.items()} for row in rows]


def attributes(rows: list[dict]) -> dict[str, np.ndarray]:
    """The statistics as attributes of `image`: an array a name, a number a filter."""
    told = prefixed(rows)
    return {name: np.array([row[name] for row in told]) for name in told[0] if name != "band"}


def write_statistics(rows: list[dict], path: Path, facts: dict) -> None:
    """Write them as Parquet; the file carries what the HDF5 files say of themselves."""
    import json

    import pyarrow as pa

    made = pa.Table.from_pylist(rows)
    fields = [
        field.with_metadata({"unit": _UNITS.get(field.name, "adu"), "description": _WORDS[field.name]})
        for field in made.schema
    ]
    write_table(path, made.cast(pa.schema(fields, metadata={"galaxiesml": json.dumps(facts)})))


def _sky_sigmas(images: np.ndarray, edge: int) -> np.ndarray:
    """Standard deviation of the sky in each image, by its first and last rows; 0 where they hold no pixel."""
    outer = np.concatenate([images[:, :edge], images[:, -edge:]], axis=1).reshape(len(images), -1)
    counted = np.count_nonzero(outer, axis=1)
    outer[outer == 0] = np.inf
    outer.sort(axis=1)
    rows = np.arange(len(outer))
    middle, lower = (outer[rows, (share * counted).astype(int)] for share in (0.5, _BELOW_SIGMA))
    return np.subtract(middle, lower, out=np.zeros_like(middle), where=counted > 0)


def _histogram(values: np.ndarray) -> np.ndarray:
    """Pixels by the leading 16 bits of their value, as they stand in memory, without those that are 0."""
    halves = values.reshape(-1).view(np.uint16)[_LEADING::2]
    found = np.bincount(halves, minlength=_BINS)
    found[0] -= values.size - np.count_nonzero(values)
    return found


def _edges(at: int) -> np.ndarray:
    """Where a bin begins and ends, by its place in the order of the values."""
    # Negative numbers stand in reverse: their bits fall as they rise.
    half = at - _BINS // 2 if at >= _BINS // 2 else _BINS - 1 - at
    bits = np.array([half, half + 1], np.uint32) << 16
    low, high = bits.view(np.float32).astype(float)
    return np.array([low, high] if at >= _BINS // 2 else [high, low])


def _percentile(histogram: np.ndarray, percent: float) -> float:
    histogram = np.concatenate([histogram[: _BINS // 2 - 1 : -1], histogram[: _BINS // 2]])
    counted = np.cumsum(histogram)
    if not counted[-1]:
        return float("nan")
    rank = percent / 100 * counted[-1]
    at = int(np.searchsorted(counted, rank))
    before = counted[at - 1] if at else 0
    low, high = _edges(at)
    return float(low + (high - low) * (rank - before) / histogram[at])
