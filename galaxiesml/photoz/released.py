"""Read files in the released GalaxiesML layout (the published ones, and ours); no pixel is read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.config import Columns
from galaxiesml.photoz.data import SPLITS, Data

BANDS = ("g", "r", "i", "z", "y")
#: The columns' names in these files; the split is the file's.
RELEASED = Columns()


def read(paths: Sequence[Path | str], bands: tuple[str, ...] = BANDS, has_truth: bool = True) -> Data:
    """Magnitudes, errors, redshifts and identifiers of files such as ``5x64x64_training.hdf5``.

    Parameters
    ----------
    paths : sequence of path
        Each name holds 'training', 'validation' or 'testing'; that is the split of its rows.
    bands : tuple of str
    has_truth : bool
        Whether redshifts are read.

    Raises
    ------
    InputError
        A file cannot be read, lacks a key, or its object_id is no whole number.
    """
    if not paths:
        raise UsageError("--files names no file.", "For example: --files 5x64x64_*.hdf5")
    parts = [_read(Path(path), bands, has_truth) for path in paths]
    return Data(
        magnitudes=np.concatenate([part.magnitudes for part in parts]),
        bands=bands,
        object_id=np.concatenate([part.object_id for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
        redshift=np.concatenate([part.redshift for part in parts]) if has_truth else None,
        split=np.concatenate([part.split for part in parts]),
        columns=RELEASED,
    )


def split_of(path: Path) -> str:
    """The split that a file's name says."""
    found = [split for split in SPLITS if split in path.name.lower()]
    if len(found) != 1:
        raise UsageError(
            f"The name {path.name} does not say which split the file is.",
            "Released files are named ..._training.hdf5, ..._validation.hdf5 and ..._testing.hdf5.",
        )
    return found[0]


def _read(path: Path, bands: tuple[str, ...], has_truth: bool) -> Data:
    import h5py

    split = split_of(path)
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            ids = _values(path, file, RELEASED.object_id)
            magnitudes = [_values(path, file, RELEASED.magnitudes.replace("{band}", band)) for band in bands]
            errors = [_values(path, file, RELEASED.errors.replace("{band}", band)) for band in bands]
            redshift = _values(path, file, RELEASED.redshift) if has_truth else None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as HDF5: {error}.", "Fetch the file again and compare its checksum."
        ) from None
    lengths = {len(values) for values in (ids, *magnitudes, *errors, *([redshift] if has_truth else []))}
    if len(lengths) > 1:
        raise InputError(f"{path}: its keys hold different numbers of galaxies: {sorted(lengths)}.")
    try:
        return Data(
            np.column_stack(magnitudes), bands, ids, np.column_stack(errors), redshift, np.full(len(ids), split, object)
        )
    except InputError as error:
        raise InputError(f"{path}: {error}", error.hint) from None


def _values(path: Path, file, key: str) -> np.ndarray:
    import h5py

    if key not in file:
        keys = ", ".join(list(file)[:8]) or "none"
        raise InputError(f"{path} has no key {key}; its first keys: {keys}.", "Give a file in the released layout.")
    if not isinstance(file.get(key, getlink=True), h5py.HardLink) or not isinstance(file[key], h5py.Dataset):
        raise InputError(f"{path}: {key} is not a dataset of this file.", "Give the file as it was published.")
    values = file[key]
    if values.dtype.kind not in "iuf" or values.shape[1:] not in ((), (1,)) or not values.ndim:
        raise InputError(f"{path}: {key} is {values.dtype} of shape {values.shape}, and should be (N,) numbers.")
    return values[()].reshape(-1)
