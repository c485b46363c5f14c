"""Read files in the released GalaxiesML layout (the published ones, and ours).

Pixels stay where they are: `Data.pictures` says where, for estimators that look at them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.config import Columns
from galaxiesml.photoz.data import SPLITS, Data
from galaxiesml.photoz.pictures import File, Pictures

BANDS = ("g", "r", "i", "z", "y")
#: The columns' names in these files; the split is the file's.
RELEASED = Columns()
#: What our files may tell of how a picture was taken, beside the release's keys.
_OF_CONDITIONS, _SKY = ("{band}_psf_fwhm_arcsec", "a_{band}"), "{band}_sky_sigma"


def read(
    paths: Sequence[Path | str], bands: tuple[str, ...] = BANDS, has_truth: bool = True, has_pictures: bool = False
) -> Data:
    """Magnitudes, errors, redshifts and identifiers of files such as ``5x64x64_training.hdf5``.

    Parameters
    ----------
    paths : sequence of path
        Each name holds 'training', 'validation' or 'testing'; that is the split of its rows.
    bands : tuple of str
    has_truth : bool
        Whether redshifts are read, and the split is asked of the files' names.
    has_pictures : bool
        Whether pictures are wanted; then also {band}_psf_fwhm_arcsec, {band}_sky_sigma and a_{band}, where they are.

    Raises
    ------
    InputError
        A file cannot be read, lacks a key, or its object_id is no whole number.
    """
    if not paths:
        raise UsageError("--files names no file.", "For example: --files 5x64x64_*.hdf5")
    parts = [_read(Path(path), bands, has_truth, has_pictures) for path in paths]
    return Data(
        magnitudes=np.concatenate([part.magnitudes for part in parts]),
        bands=bands,
        object_id=np.concatenate([part.object_id for part in parts]),
        errors=np.concatenate([part.errors for part in parts]),
        redshift=np.concatenate([part.redshift for part in parts]) if has_truth else None,
        split=np.concatenate([part.split for part in parts]) if has_truth else None,
        columns=RELEASED,
        pictures=Pictures.joined([part.pictures for part in parts]) if has_pictures else None,
        conditions=_conditions(parts),
    )


def _conditions(parts: list[Data]) -> np.ndarray | None:
    if all(part.conditions is None for part in parts):
        return None
    unknown = [np.full((len(part), 2 * len(part.bands)), np.nan, np.float32) for part in parts]
    return np.concatenate(
        [none if part.conditions is None else part.conditions for part, none in zip(parts, unknown, strict=True)]
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


def _read(path: Path, bands: tuple[str, ...], has_truth: bool, has_pictures: bool) -> Data:
    import h5py

    split = split_of(path) if has_truth else ""
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            ids = _values(path, file, RELEASED.object_id)
            magnitudes = [_values(path, file, RELEASED.magnitudes.replace("{band}", band)) for band in bands]
            errors = [_values(path, file, RELEASED.errors.replace("{band}", band)) for band in bands]
            redshift = _values(path, file, RELEASED.redshift) if has_truth else None
            beside = _beside(path, file, bands) if has_pictures else {}
        pictures = File.open(path, bands, len(ids)) if has_pictures else None
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"{path} cannot be read as HDF5: {error}.", "Fetch the file again and compare its checksum."
        ) from None
    truth = [redshift] if has_truth else []
    lengths = {len(values) for values in (ids, *magnitudes, *errors, *truth, *beside.values())}
    if len(lengths) > 1:
        raise InputError(f"{path}: its keys hold different numbers of galaxies: {sorted(lengths)}.")
    try:
        return Data(
            np.column_stack(magnitudes),
            bands,
            ids,
            np.column_stack(errors),
            redshift,
            np.full(len(ids), split, object) if has_truth else None,
            pictures=_pictures(pictures, bands, beside, len(ids)) if has_pictures else None,
            conditions=_columns([*_OF_CONDITIONS], bands, beside, len(ids)),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}", error.hint) from None


def _beside(path: Path, file, bands: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What a file tells of how its pictures were taken, as far as it does."""
    names = [pattern.replace("{band}", band) for pattern in (*_OF_CONDITIONS, _SKY) for band in bands]
    return {name: _values(path, file, name) for name in names if name in file}


def _pictures(file: File, bands: tuple[str, ...], beside: dict[str, np.ndarray], rows: int) -> Pictures:
    return Pictures((file,), np.zeros(rows, np.int32), np.arange(rows), _columns([_SKY], bands, beside, rows))


def _columns(patterns: list[str], bands: tuple[str, ...], beside: dict[str, np.ndarray], rows: int):
    """Columns by pattern and band, (rows, patterns * bands); NaN for those that are not there; None if none is."""
    names = [pattern.replace("{band}", band) for pattern in patterns for band in bands]
    if not any(name in beside for name in names):
        return None
    made = np.full((rows, len(names)), np.nan, np.float32)
    for place, name in enumerate(names):
        if name in beside:
            made[:, place] = beside[name]
    return made


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
