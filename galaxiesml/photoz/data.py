"""Magnitudes, redshifts and splits in memory, checked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import numpy as np

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.config import Columns
from galaxiesml.photoz.pictures import Pictures

SPLITS = ("training", "validation", "testing")
#: A spectroscopic redshift below this is a placeholder, and above the other one nobody has measured.
LOWEST, HIGHEST = -0.01, 20.0


@dataclass(frozen=True)
class Data:
    """What an estimator is given.

    Attributes
    ----------
    magnitudes : ndarray (n, bands) of float32
        NaN where a magnitude is missing.
    bands : tuple of str
    object_id : ndarray (n,) of int64, optional
    errors : ndarray (n, bands) of float32, optional
        NaN where unknown.
    redshift : ndarray (n,) of float64, optional
        Spectroscopic, finite, from -0.01 to 20.
    split : ndarray (n,) of str, optional
        'training', 'validation' or 'testing'.
    columns : Columns
        How the table named them; a run remembers it.
    weights : ndarray (n,) of float64, optional
        How much each row counts in training and validation: finite, not negative; None: all alike.  Of one split, only
        their ratios matter.
    pictures : Pictures, optional
        Where the galaxies' pictures are, of the same bands.
    conditions : ndarray (n, 2 * bands) of float32, optional
        FWHM of the PSF in arcsec in each band, then Galactic extinction in magnitudes; NaN where unknown.
    """

    magnitudes: np.ndarray
    bands: tuple[str, ...]
    object_id: np.ndarray | None = None
    errors: np.ndarray | None = None
    redshift: np.ndarray | None = None
    split: np.ndarray | None = None
    columns: Columns = field(default_factory=Columns)
    weights: np.ndarray | None = None
    pictures: Pictures | None = None
    conditions: np.ndarray | None = None

    def __post_init__(self):
        _fill(self)
        _check(self)

    def __len__(self) -> int:
        return len(self.magnitudes)

    def take(self, rows: np.ndarray) -> Data:
        """Some of the rows, by a mask or by number."""
        names = ("magnitudes", "object_id", "errors", "redshift", "split", "weights", "conditions")
        taken = {name: getattr(self, name)[rows] for name in names if getattr(self, name) is not None}
        return replace(self, **taken, pictures=None if self.pictures is None else self.pictures.take(rows))

    def of(self, split: str) -> Data:
        """The rows of one split."""
        return self.take(np.flatnonzero(self.split == split))

    def splitted(self, seed: int = 1) -> Data:
        """The same with a split: training and validation (one row in six), chosen by the seed, where it has none."""
        if self.split is not None:
            return self
        order = np.random.default_rng(seed).permutation(len(self))
        split = np.full(len(self), "training", dtype=object)
        split[order[: len(self) // 6]] = "validation"
        return replace(self, split=split)

    def digest(self) -> str:
        """The SHA-256 of the content; equal values give equal hashes."""
        made = hashlib.sha256(",".join(self.bands).encode())
        for name in ("magnitudes", "object_id", "errors", "redshift", "split"):
            values = getattr(self, name)
            made.update(name.encode())
            if values is not None:
                values = np.asarray(values, "S10") if name == "split" else values
                made.update(np.ascontiguousarray(values + 0 if values.dtype.kind == "f" else values).tobytes())
        # Without weights the hash is what it was before there were any.
        if self.weights is not None:
            made.update(b"weights" + np.ascontiguousarray(self.weights + 0).tobytes())
        # Without these the hash is what it was before there were any.
        if self.pictures is not None:
            made.update(b"pictures" + self.pictures.digest().encode())
        if self.conditions is not None:
            made.update(b"conditions" + np.ascontiguousarray(self.conditions + 0).tobytes())
        return made.hexdigest()


def _fill(data: Data) -> None:
    """Bring every array to its type; what cannot be brought there is refused."""
    object.__setattr__(data, "bands", tuple(data.bands))
    magnitudes = _floats("magnitudes", data.magnitudes, np.float32)
    if magnitudes.ndim != 2 or magnitudes.shape[1] != len(data.bands) or not data.bands:
        raise UsageError(f"Magnitudes of shape {magnitudes.shape} do not fit {len(data.bands)} bands.")
    object.__setattr__(data, "magnitudes", np.where(np.isfinite(magnitudes), magnitudes, np.float32(np.nan)))
    if data.errors is not None:
        errors = _floats("errors", data.errors, np.float32)
        object.__setattr__(data, "errors", np.where(np.isfinite(errors) & (errors > 0), errors, np.float32(np.nan)))
    if data.redshift is not None:
        object.__setattr__(data, "redshift", _floats("redshift", data.redshift, np.float64))
    if data.weights is not None:
        object.__setattr__(data, "weights", _floats("weights", data.weights, np.float64))
    if data.conditions is not None:
        conditions = _floats("conditions", data.conditions, np.float32)
        object.__setattr__(data, "conditions", np.where(np.isfinite(conditions), conditions, np.float32(np.nan)))
    if data.split is not None:
        object.__setattr__(data, "split", np.asarray(data.split, dtype=object))
    if data.object_id is not None:
        given = np.asarray(data.object_id)
        if given.dtype.kind not in "iu":
            raise InputError(
                f"object_id is {given.dtype}: it must be whole numbers; 17 digits do not fit into a float.",
                "Write the table again with object_id as a 64-bit integer.",
            )
        object.__setattr__(data, "object_id", given.astype(np.int64))


def _floats(name: str, values, dtype) -> np.ndarray:
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers.") from None


def _check(data: Data) -> None:
    rows = len(data)
    for name in ("object_id", "errors", "redshift", "split", "weights", "pictures", "conditions"):
        values = getattr(data, name)
        if values is not None and len(values) != rows:
            raise UsageError(f"{name} has {len(values)} rows, and the magnitudes have {rows}.")
    if data.errors is not None and data.errors.shape != data.magnitudes.shape:
        raise UsageError(f"Errors of shape {data.errors.shape} do not fit magnitudes of {data.magnitudes.shape}.")
    if data.conditions is not None and data.conditions.shape != (rows, 2 * len(data.bands)):
        raise UsageError(f"Conditions of shape {data.conditions.shape} do not fit {len(data.bands)} bands.")
    if len(set(data.bands)) < len(data.bands):
        raise UsageError(f"A band occurs twice: {','.join(data.bands)}.")
    if data.redshift is not None:
        wrong = ~(np.isfinite(data.redshift) & (data.redshift >= LOWEST) & (data.redshift <= HIGHEST))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{_row(data, row)}: {data.columns.redshift or 'redshift'} is {data.redshift[row]:g}, and must be from "
                f"{LOWEST:g} to {HIGHEST:g} ({wrong.sum():,} such rows).",
                "Leave out rows without a spectroscopic redshift.",
            )
    if data.weights is not None:
        wrong = ~(np.isfinite(data.weights) & (data.weights >= 0))
        if data.weights.ndim != 1 or wrong.any():
            row = int(np.flatnonzero(wrong)[0]) if data.weights.ndim == 1 else 0
            raise InputError(
                f"{_row(data, row)}: the weight is {data.weights[row]}, and must be a number of at least 0.",
                "Give 0 to a row that must not count.",
            )
    if data.split is not None:
        wrong = ~np.isin(data.split.astype(str), SPLITS)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{_row(data, row)}: split is {data.split[row]!r}, and must be one of {', '.join(SPLITS)}."
            )
    if data.object_id is not None:
        values, counts = np.unique(data.object_id, return_counts=True)
        if (counts > 1).any():
            twice = values[counts > 1][0]
            places = np.flatnonzero(data.object_id == twice)[:2] + 1
            raise InputError(f"object_id {twice} occurs twice, in rows {places[0]} and {places[1]}.")


def _row(data: Data, row: int) -> str:
    return f"Row {row + 1}" + ("" if data.object_id is None else f" (object_id {data.object_id[row]})")
