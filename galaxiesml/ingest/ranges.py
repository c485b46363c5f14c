"""Check values during landing: the dictionary's ranges, right ascensions below 0, fluxes instead of magnitudes.

If all values of a column are out of range, its unit or the column is wrong and the file is refused; a few are
counted and reported.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.dictionary import Column
from galaxiesml.errors import InputError
from galaxiesml.toml_keys import DOCS

#: More of a magnitude's values than this outside its range, those that mean none left out, are fluxes.
FLUX_SHARE = 0.1
#: With fewer values, shares and extents prove nothing.
FEW = 20
MANY = 50
#: What is said of positions that may be radians; as degrees they are a small piece of the sky.
RADIANS = "every {} is below 6.29 and every {} within 1.58: taken for degrees; are they radians?"
#: Distinct values outside that are remembered, of a block and of a column.
_OF_BLOCK, _OF_COLUMN = 20, 100
_NINES = re.compile(r"-?9+(\.9+)?|-1")


def means_none(values: np.ndarray) -> np.ndarray:
    """Which numbers look like sentinels for 'no value': -1, -9, 99.99, 9999."""
    distinct, place = np.unique(values, return_inverse=True)
    return np.array([_is_nines(value) for value in distinct.tolist()], bool)[place]


def _is_nines(value: float) -> bool:
    # Six digits: 99.99 as a float of 32 bits is 99.98999786.
    return bool(_NINES.fullmatch(f"{value:.6g}"))


@dataclass
class Seen:
    """Counts of one column.

    Attributes
    ----------
    column : Column
        Ours, with its range.
    source : str
        The file's name for it.
    values, outside, wrapped : int
        Finite values; those outside the range; right ascensions below 0 that were wrapped.
    low, high : float
        Of the finite values, before any was wrapped.
    often : Counter
        Some of the values outside, those that come most often among them.
    """

    column: Column
    source: str
    values: int = 0
    outside: int = 0
    wrapped: int = 0
    low: float = math.inf
    high: float = -math.inf
    often: Counter = field(default_factory=Counter)

    @property
    def is_angle(self) -> bool:
        """Whether 360 is 0: right ascensions."""
        return self.column.ucd.startswith("pos.eq.ra")

    @property
    def is_magnitude(self) -> bool:
        return self.column.ucd.startswith("phot.mag") and "arith" not in self.column.ucd

    @property
    def allowed(self) -> str:
        """The range as text."""
        least, most, unit = self.column.min, self.column.max, self.column.unit
        if least is None or most is None:
            told = f"{least:g} and above" if most is None else f"{most:g} and below"
        else:
            told = f"{least:g} to {most:g}"
        return f"{told} {unit}".rstrip()

    @property
    def name(self) -> str:
        """The file's name, and ours where it is another."""
        return self.source if self.source.lower() == self.column.name else f"{self.source} ({self.column.name})"

    @property
    def none(self) -> float | None:
        """The value out of range that probably means 'no value', although no rule declares it."""
        few = max(2, self.values // 20)
        found = [(rows, value) for value, rows in self.often.items() if _is_nines(value) or rows > few]
        return max(found)[1] if found else None

    @property
    def fluxes(self) -> int:
        """Number of values out of range that are not a repeated sentinel."""
        few = max(2, self.values // 20)
        return self.outside - sum(rows for value, rows in self.often.items() if _is_nines(value) or rows > few)

    def add(self, array: pa.Array) -> pa.Array:
        """Count a block's values; they come back as they are, but right ascensions within [0, 360)."""
        limits = pc.min_max(array)
        low, high = limits["min"].as_py(), limits["max"].as_py()
        if low is None:
            return array
        least = -math.inf if self.column.min is None else self.column.min
        most = math.inf if self.column.max is None else self.column.max
        fits = low >= least and (high < most or (high == most and not self.is_angle))
        if fits and math.isfinite(high):
            self.values += len(array) - array.null_count
            self.low, self.high = min(self.low, low), max(self.high, high)
            return array
        return self._look(array, least, most)

    def _look(self, array: pa.Array, least: float, most: float) -> pa.Array:
        """The slow path, for a block with something outside, or infinite."""
        valid = array.is_valid().to_numpy(zero_copy_only=False)
        values = array.fill_null(0).to_numpy(zero_copy_only=False)
        finite = valid & np.isfinite(values)
        if finite.any():
            self.low = min(self.low, float(values[finite].min()))
            self.high = max(self.high, float(values[finite].max()))
        if self.is_angle and (turned := wrapped(values, finite)) is not None:
            self.wrapped += int((finite & (values < 0) & (turned >= 0)).sum())
            values, array = turned, pa.array(turned, array.type, mask=~valid)
        outside = finite & ((values < least) | (values > most))
        self.values += int(finite.sum())
        self.outside += int(outside.sum())
        distinct, rows = np.unique(values[outside], return_counts=True)
        for place in np.argsort(-rows, kind="stable")[:_OF_BLOCK]:
            self.often[float(f"{distinct[place]:.6g}")] += int(rows[place])
        self.often = Counter(dict(self.often.most_common(_OF_COLUMN)))
        return array


def wrapped(values: np.ndarray, finite: np.ndarray, turn: float = 360.0) -> np.ndarray | None:
    """Right ascensions from -180 to 0 deg become from 180 to 360, but for -99 and the like; None: none is there.

    Parameters
    ----------
    values : array
        As the table gives them: -9 h is a sentinel, not -135 deg.
    finite : array of bool
        Which of them count.
    turn : float
        A full circle in the values' unit: 360 of degrees, 24 of hours.
    """
    below = finite & (values >= -turn / 2) & (values < 0)
    below[below] = ~means_none(values[below])
    full = finite & (values == turn)
    if not (below | full).any():
        return None
    turned = np.where(below, values + values.dtype.type(turn), values)
    # -1e-20 + 360 is 360.
    turned[(below | full) & (turned >= turn)] = 0
    return turned


class Ranges:
    """The ranges of a landing's columns, block by block.

    Parameters
    ----------
    path : Path
        The file, for messages.
    columns : dict of str to (Column, str)
        Name in the blocks' tables to the dictionary's column and the file's name; those without a range are left out.
    names_in, nones_in : str
        Where a user says which column is which, and what means none.
    """

    def __init__(
        self,
        path: Path,
        columns: dict[str, tuple[Column, str]],
        names_in: str = f"in a release profile ({DOCS})",
        nones_in: str = "nulls of its column in the release profile",
    ):
        self.path, self.names_in, self.nones_in = path, names_in, nones_in
        self.seen = {
            name: Seen(column, source)
            for name, (column, source) in columns.items()
            if column.type in ("double", "bigint") and (column.min, column.max) != (None, None)
        }

    def check(self, table: pa.Table) -> pa.Table:
        """Count a block; its right ascensions come back within [0, 360)."""
        for place, name in enumerate(table.column_names):
            if name in self.seen and table.num_rows:
                array = table.column(place).combine_chunks()
                array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
                looked = self.seen[name].add(array)
                if looked is not array:
                    table = table.set_column(place, table.schema.field(place), looked)
        return table

    def refuse(self) -> None:
        """Raise an error for columns that cannot be right as a whole.

        Raises
        ------
        InputError
            All of a column is outside its range, or too much of a magnitude's: every such column, and its range.
        """
        lines, fluxes, nones = [], False, []
        for seen in self.seen.values():
            extent = f"{seen.low:.6g} to {seen.high:.6g}"
            # A few spectra of which none has an error, written as -99, are no wrong column.
            if seen.values and seen.outside == seen.values and (seen.values >= FEW or seen.fluxes):
                lines.append(f"column {seen.name}: every value is outside {seen.allowed}: {extent}")
                nones += [] if seen.none is None else [seen]
                fluxes |= seen.is_magnitude and seen.none is None
            elif seen.is_magnitude and seen.values >= FEW and seen.fluxes > FLUX_SHARE * seen.values:
                share = f"{seen.outside:,} of {seen.values:,} values are outside {seen.allowed}"
                lines.append(f"column {seen.name}: {share}: {extent}; they look like fluxes")
                fluxes = True
        if not lines:
            return
        hint = "Magnitudes are expected: mag = zero point - 2.5 log10(flux).  " if fluxes else ""
        if nones:
            hint += f"If {nones[0].none:g} means 'no value', declare it: {self.nones_in}.  "
        told = lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
        hint += f"Correct the columns, or name the right ones {self.names_in}."
        raise InputError(f"{self.path}, {told}; nothing was landed.", hint)

    def info(self) -> dict:
        """Counts for landing.json: rows wrapped and rows out of range, by column."""
        return {
            "wrapped": {name: seen.wrapped for name, seen in self.seen.items() if seen.wrapped},
            "out_of_range": [
                {
                    **{"column": name, "source": seen.source, "rows": seen.outside, "of": seen.values},
                    **{"min": seen.column.min, "max": seen.column.max, "lowest": seen.low, "highest": seen.high},
                    "most_often": seen.none,
                }
                for name, seen in self.seen.items()
                if seen.outside
            ],
        }

    def notes(self) -> list[str]:
        """The counts as messages, and whether positions look like radians."""
        found = [
            f"{seen.wrapped:,} of {seen.values:,} values of {seen.name}, from -180 to 0, were shifted to 180 to 360"
            for seen in self.seen.values()
            if seen.wrapped
        ]
        for seen in self.seen.values():
            if seen.outside:
                told = f"{seen.outside:,} of {seen.values:,} values of {seen.name} are outside {seen.allowed}"
                means = "" if seen.none is None else f"; {seen.none:g}, the most common one, may mean 'no value'"
                found.append(f"{told}: {seen.low:.6g} to {seen.high:.6g}{means}")
        found += [note for ra, dec in (("ra", "dec"), ("specz_ra", "specz_dec")) if (note := self._radians(ra, dec))]
        return found

    def _radians(self, ra: str, dec: str) -> str:
        if not {ra, dec} <= set(self.seen) or self.seen[ra].values < MANY:
            return ""
        one, other = self.seen[ra], self.seen[dec]
        if one.low < 0 or one.high > 2 * math.pi or max(-other.low, other.high) > math.pi / 2:
            return ""
        return RADIANS.format(one.source, other.source)
