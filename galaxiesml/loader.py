"""A PyTorch data set of files that `galaxiesml export hdf5` wrote, or of the published ones.

It needs PyTorch, NumPy and h5py, and no catalogue::

    from galaxiesml.loader import GalaxiesDataset
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.utils.data import Dataset

from galaxiesml.errors import InputError, UsageError

#: Layers that a file may have beside the image.
LAYERS = ("variance", "mask", "psf")
#: Attributes of `image`, by filter: statistics of the training split.
MEAN, STD = "normalisation_mean", "normalisation_std"
_TORCH = {"f": np.float32, "i": np.int64, "u": np.int64, "b": np.bool_}


class GalaxiesDataset(Dataset):
    """Galaxies of one file, or of several one after another, read from the disk when they are asked for.

    A row is a dict: ``object_id`` (int64), each of ``columns``, and the layers.  It can be sent to other processes;
    each opens the files once, when it reads its first row, and keeps them open.

    Parameters
    ----------
    files : path or sequence of path
        HDF5 files in the released layout, all with the same filters and pixels.
    images : bool
        With ``image``: float32 of shape (filters, rows, columns), in counts.
    columns : sequence of str
        Other keys, as labels: float32, int64, bool or str.  NaN where the catalogue has NULL.
    normalise : bool or (mean, std)
        Give (image - mean) / std by filter, and the variance divided by std ** 2.  The numbers are those of the
        training split that the files carry, or two sequences of a number a filter.
    layers : sequence of str
        Of variance, mask and psf, those wanted beside the image; ``export hdf5 --layers`` writes them.

    Raises
    ------
    InputError
        A file cannot be read, lacks a key or the statistics, or differs from the first file.
    UsageError
        No file, or an unknown layer.
    """

    def __init__(
        self,
        files: str | Path | Sequence[str | Path],
        images: bool = True,
        columns: Sequence[str] = ("specz_redshift",),
        normalise: bool | tuple[Sequence[float], Sequence[float]] = True,
        layers: Sequence[str] = (),
    ):
        listed = [files] if isinstance(files, (str, Path)) else list(files)
        if not listed:
            raise UsageError("GalaxiesDataset was given no file.", "For example: 5x64x64_training_with_morphology.hdf5")
        if unknown := sorted(set(layers) - set(LAYERS)):
            raise UsageError(f"There is no layer {unknown[0]}.", f"Layers beside the image: {', '.join(LAYERS)}.")
        # Absolute: another process may start in another folder.
        self._paths = [Path(path).absolute() for path in listed]
        self._columns = (columns,) if isinstance(columns, str) else tuple(columns)
        self._layers = (*(("image",) if images else ()), *layers)
        self._process, self._opened = None, []
        opened = self._files()
        self._ends = np.cumsum([len(file) for file in opened])
        self.shapes = opened[0].shapes
        for file in opened[1:]:
            if file.shapes != self.shapes:
                raise InputError(
                    f"{file.path} has layers of shape {file.shapes}; {opened[0].path} has {self.shapes}.",
                    "Give files of one size and the same filters.",
                )
        no = np.zeros((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32)
        self.mean, self.std = self._statistics(opened, normalise) if "image" in self._layers and normalise else no

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getstate__(self) -> dict:
        # An open file cannot be sent to another process; what was read of it is read again there.
        return self.__dict__ | {"_process": None, "_opened": []}

    def __getitem__(self, row: int) -> dict:
        row = range(len(self))[row]
        number = int(np.searchsorted(self._ends, row, "right"))
        file = self._files()[number]
        row -= int(self._ends[number - 1]) if number else 0
        found = {name: file.value(name, row) for name in ("object_id", *self._columns)}
        for name in self._layers:
            layer = file.layer(name, row)
            if name == "image":
                layer -= self.mean
                layer /= self.std
            elif name == "variance":
                layer /= np.square(self.std)
            found[name] = torch.from_numpy(layer)
        return found

    def _files(self) -> list[_File]:
        """The files, open in this process: a forked one must not share them."""
        if self._process != os.getpid():
            self._opened = [_File(path, self._columns, self._layers) for path in self._paths]
            self._process = os.getpid()
        return self._opened

    def _statistics(self, opened: list[_File], given) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, float32 of shape (filters, 1, 1)."""
        found = [file.statistics() for file in opened] if given is True else [given]
        for file, (mean, std) in zip(opened, found, strict=False):
            if not np.array_equal(mean, found[0][0]) or not np.array_equal(std, found[0][1]):
                raise InputError(
                    f"{file.path} has other normalisation statistics than {opened[0].path}.",
                    "Give files of one export, or normalise=(mean, std).",
                )
        mean, std = (np.asarray(values, np.float32).reshape(-1, 1, 1) for values in found[0])
        filters = self.shapes["image"][0]
        if len(mean) != filters or len(std) != filters or not (std > 0).all() or not np.isfinite(mean).all():
            raise InputError(
                f"{opened[0].path}: normalisation needs a finite mean and a std above 0 for each of {filters} filters.",
                "Give normalise=(mean, std), or normalise=False.",
            )
        return mean, std


class _File:
    """One file, open in one process: columns in memory, layers read by row."""

    def __init__(self, path: Path, columns: tuple[str, ...], layers: tuple[str, ...]):
        self.path = path
        try:
            self._file = h5py.File(path, "r", locking="best-effort")
        except FileNotFoundError:
            raise InputError(f"{path} does not exist.", "Type: galaxiesml export hdf5") from None
        except OSError as error:
            raise InputError(f"{path} cannot be read as HDF5: {error}.") from None
        self._values = {name: self._column(name) for name in ("object_id", *columns)}
        self._layers = {name: self._dataset(name) for name in layers}
        for name, found in (self._values | self._layers).items():
            if len(found) != len(self):
                raise InputError(f"{path}: {name} has {len(found):,} rows, object_id {len(self):,}.")
        for name, layer in self._layers.items():
            if layer.ndim != 4 or layer.dtype.kind not in "fiu":
                raise InputError(f"{path}: {name} is {layer.dtype} of shape {layer.shape}, not (N, filters, n, n).")
        self.shapes = {name: layer.shape[1:] for name, layer in self._layers.items()}
        # Contiguous bytes need no library: a row is one read at a place that is known.
        self._places = {
            name: layer.id.get_offset()
            for name, layer in self._layers.items()
            if layer.chunks is None and layer.dtype.isnative and layer.id.get_offset() is not None
        }
        self._handle = os.open(path, os.O_RDONLY)

    def __del__(self):
        # Where the file could not be opened there is none.
        if hasattr(self, "_handle"):
            os.close(self._handle)

    def __len__(self) -> int:
        return len(self._values["object_id"])

    def value(self, name: str, row: int):
        """A row's value of a column, as a tensor; a text as it is."""
        found = self._values[name]
        return found[row] if isinstance(found, list) else torch.from_numpy(found[row : row + 1])[0]

    def layer(self, name: str, row: int) -> np.ndarray:
        """A row of a layer in memory of its own: float32, or int32 of the mask."""
        dataset = self._layers[name]
        if (place := self._places.get(name)) is None:
            found = dataset[row]
        else:
            found = np.empty(self.shapes[name], dataset.dtype)
            whole = found.nbytes
            if (read := os.preadv(self._handle, [found.data.cast("B")], place + row * whole)) != whole:
                raise InputError(
                    f"{self.path} is cut short: {name} of row {row} has {read:,} of its {whole:,} bytes.",
                    "Fetch the file again.",
                )
        return found.astype(np.int32 if found.dtype.kind in "iu" else np.float32, copy=False)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the training split, as the file says them."""
        told = self._layers["image"].attrs
        if MEAN not in told or STD not in told:
            raise InputError(
                f"{self.path} has no normalisation statistics.",
                "Give normalise=(mean, std) or normalise=False; files that galaxiesml export hdf5 writes have them.",
            )
        return np.asarray(told[MEAN]), np.asarray(told[STD])

    def _dataset(self, name: str) -> h5py.Dataset:
        if name not in self._file:
            hint = f"Type: galaxiesml export hdf5 --layers image,{name}" if name in LAYERS else None
            raise InputError(f"{self.path} has no key {name}.", hint)
        # A file from elsewhere must not lead into other files.
        if not isinstance(self._file.get(name, getlink=True), h5py.HardLink):
            raise InputError(f"{self.path}: {name} is a link.", "Give the file as it was written.")
        found = self._file[name]
        if not isinstance(found, h5py.Dataset) or found.external or found.is_virtual or not found.ndim:
            raise InputError(f"{self.path}: {name} is no dataset of this file.", "Give the file as it was written.")
        return found

    def _column(self, name: str) -> np.ndarray | list[str]:
        found = self._dataset(name)
        if found.shape[1:] not in ((), (1,)):
            raise InputError(f"{self.path}: {name} has the shape {found.shape}; a column has a value a row.")
        values = found[()].reshape(-1)
        if values.dtype.kind in "SO":
            return [text.decode() if isinstance(text, bytes) else str(text) for text in values.tolist()]
        if values.dtype.kind not in _TORCH:
            raise InputError(f"{self.path}: {name} is {values.dtype}; a column is of numbers or texts.")
        return values.astype(_TORCH[values.dtype.kind], copy=False)
