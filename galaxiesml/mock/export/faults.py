"""Faults of a simulated export, each with the expected verdict of every version of galaxies.

The reasons are written by hand from the paper's text and its authors' code; no SQL is
read or run.  A fault has one row, or a group of rows in file order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from galaxiesml.mock.export.spectra import Surveys

#: Version to the cuts that remove a row; a version that is not named keeps it.
Reasons = dict[int, tuple[str, ...]]
#: What a release writes where it has no value.
SENTINEL = object()
FLAGS = {
    "cmodel_flag": "{band}_cmodel_flag",
    "edge": "{band}_pixelflags_edge",
    "interpolated": "{band}_pixelflags_interpolatedcenter",
    "saturated": "{band}_pixelflags_saturatedcenter",
    "crcenter": "{band}_pixelflags_crcenter",
    "bad": "{band}_pixelflags_bad",
    "centroid": "{band}_sdsscentroid_flag",
}


@dataclass
class Copies:
    """What a value may depend on, for every copy of a fault's row: arrays of one length."""

    copy: np.ndarray
    uniform: np.ndarray
    z: np.ndarray
    surveys: Surveys


@dataclass(frozen=True)
class Row:
    """One row of a fault.

    Attributes
    ----------
    changes : dict
        Our column to a value, None for NULL, SENTINEL, or a function of :class:`Copies`.  {band} stands for
        one filter, another in each copy; {each} for every filter.
    reasons : Reasons
        Why each version removes it.
    object_of, spectrum_of : int, optional
        Another row of the group, whose object or whose spectrum this is.
    """

    changes: dict = field(default_factory=dict)
    reasons: Reasons = field(default_factory=dict)
    object_of: int | None = None
    spectrum_of: int | None = None


@dataclass(frozen=True)
class Fault:
    """Rows planted ``copies`` times in every thousand spectra; left out if the export does not have ``needs``."""

    name: str
    about: str
    copies: int
    needs: tuple[str, ...]
    rows: tuple[Row, ...]


def in_all(*cuts: str) -> Reasons:
    return dict.fromkeys((1, 2, 3, 4), cuts)


def only(*versions: int, cut: str) -> Reasons:
    return dict.fromkeys(versions, (cut,))


def wide_error(*others: str) -> Reasons:
    """An error beyond both limits: v1 calls that cut error_divided, the others error."""
    return {1: ("error_divided", *others), **dict.fromkeys((2, 3, 4), ("error", *others))}


def magnitude_reason(first: str) -> Reasons:
    """A magnitude of v1's and v3's ``first`` cut; v2 and v4 have one cut for missing and absurd ones."""
    return {1: (first,), 2: ("magnitudes",), 3: (first,), 4: ("magnitudes",)}


def at_limit(limit: float | Callable, beyond: Callable) -> Callable:
    """The first copy of every thousand is exactly at the limit, the others beyond it."""

    def value(c: Copies) -> np.ndarray:
        edge = limit(c) if callable(limit) else limit
        return np.where(c.copy == 0, edge, np.round(beyond(c), 9))

    return value


def cycle(*values: float) -> Callable:
    return lambda c: np.array(values)[c.copy % len(values)]


def one(name: str, about: str, copies: int, changes: dict, reasons: Reasons, needs: tuple[str, ...] = ()) -> Fault:
    """A fault of one row; it needs the columns that it changes, but for those that no cut reads."""
    columns = tuple(
        column for column in changes if not column.startswith("_") and column not in ("nchild", "parent_id")
    )
    return Fault(name, about, copies, columns + needs, (Row(changes, reasons),))
