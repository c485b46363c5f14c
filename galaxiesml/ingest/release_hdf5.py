"""Read the object_id of a released HDF5 file in blocks: only that key is opened, and no link is followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError, LockedError
from galaxiesml.ingest.masks import mask_of

KEY = "object_id"
#: Rows read at a time.
BLOCK_ROWS = 1 << 20
#: A chunk is unpacked whole: a larger one is refused.
LARGEST_CHUNK = 256 << 20
#: Sorted identifiers compress some tenfold; a file that claims more rows than this many times its bytes is hostile.
LARGEST_RATIO = 1000


def is_hdf5(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


def id_blocks(path: Path) -> Iterator[np.ndarray]:
    """The identifiers in the file's order.

    Parameters
    ----------
    path : Path
        A file in the released layout: ``object_id`` at its top, integers, of shape (N,) or (N, 1).

    Yields
    ------
    ndarray of int64, shape (rows,)

    Raises
    ------
    InputError
        The file cannot be read, holds links, or its ``object_id`` is not such a dataset.
    """
    import h5py

    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            dataset = _dataset(path, file)
            step = max(BLOCK_ROWS, dataset.chunks[0] if dataset.chunks else 0)
            masks = [_mask(path, file, dataset, name) for name in file if mask_of(name) == KEY]
            for start in range(0, dataset.shape[0], step):
                for mask in masks:
                    _refuse_masked(path, mask, start, mask[start : start + step].reshape(-1))
                yield _as_int64(path, dataset[start : start + step].reshape(-1), start)
    except BlockingIOError:
        raise LockedError(
            f"{path} is open for writing in another process.", "Close it in that process, then land it."
        ) from None
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as HDF5: {error}.", "Download the file again and compare its checksum."
        ) from None


def _dataset(path: Path, file):
    """The ``object_id`` of an open file, after every check that does not need its values."""
    import h5py

    for name in file:
        # Asking for the link itself does not look at what it leads to.
        if not isinstance(file.get(name, getlink=True), h5py.HardLink):
            raise InputError(
                f"{path}: {name!r} is a link; released files have no links, and links are not followed.",
                "Land the file as it was published.",
            )
    if KEY not in file:
        keys = ", ".join(list(file)[:8]) or "none"
        raise InputError(f"{path} has no key {KEY}; its first keys: {keys}.", "Land a file in the released layout.")
    dataset = file[KEY]
    reason = _wrong_kind(dataset) or _wrong_storage(dataset)
    if reason:
        raise InputError(f"{path}: {KEY} {reason}.", "Land the file as it was published.")
    return dataset


def _mask(path: Path, file, dataset, name: str):
    """A dataset that tells which identifiers have no value."""
    import h5py

    mask = file[name]
    is_fit = isinstance(mask, h5py.Dataset) and mask.dtype.kind in "biu" and mask.shape is not None
    if not is_fit or mask.size != dataset.size or mask.shape[1:] not in ((), (1,)) or _wrong_storage(mask):
        raise InputError(
            f"{path}: {name} is expected to tell which {KEY} have no value, one boolean a row.",
            "Land the file as it was published.",
        )
    return mask


def _refuse_masked(path: Path, mask, start: int, hidden: np.ndarray) -> None:
    if hidden.any():
        row = start + int(np.flatnonzero(hidden)[0]) + 1
        raise InputError(
            f"{path}, row {row}: {mask.name.lstrip('/')} says that there is no {KEY}; nothing was landed.",
            "Correct the file, or download it again.",
        )


def _wrong_kind(dataset) -> str:
    """Why a dataset is not a column of identifiers; '' if it is."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        return "is a group, not a dataset"
    kind = dataset.dtype
    if kind.hasobject:
        return "holds objects, which are never unpacked"
    if kind.kind == "f":
        return f"is {kind}, which cannot hold 17 digits and may hold NaN"
    if kind.kind not in "iu" or h5py.check_enum_dtype(kind) is not None:
        return f"is of type {kind}, not integer"
    if dataset.shape is None or len(dataset.shape) not in (1, 2) or dataset.shape[1:] not in ((), (1,)):
        return f"has the shape {dataset.shape}, and should have (N,) or (N, 1)"
    if not dataset.shape[0]:
        return "has no rows"
    return ""


def _wrong_storage(dataset) -> str:
    """Why a dataset's bytes cannot be trusted; '' if they can."""
    if dataset.external:
        return f"keeps its values in another file, {dataset.external[0][0]}, which is not read"
    if dataset.is_virtual:
        return "is assembled from other datasets, which are not read"
    if dataset.chunks and int(np.prod(dataset.chunks, dtype=object)) * dataset.dtype.itemsize > LARGEST_CHUNK:
        return f"comes in chunks of {dataset.chunks} values, too large to unpack"
    claimed, stored = dataset.shape[0] * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if claimed > LARGEST_RATIO * stored:
        return f"claims {dataset.shape[0]:,} rows and stores {stored:,} bytes"
    return ""


def _as_int64(path: Path, values: np.ndarray, start: int) -> np.ndarray:
    if values.dtype.kind == "u" and (over := np.flatnonzero(values > np.uint64(np.iinfo(np.int64).max))).size:
        place = int(over[0])
        raise InputError(f"{path}, row {start + place + 1}: {KEY} {values[place]} is beyond 64 bits with a sign.")
    return values.astype(np.int64)
