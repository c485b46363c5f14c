"""The pixel store: pictures as plain arrays on disk, one shard per tar.

::

    raw/cutouts/<sha256[:12]>/   one tar of cutouts, or one folder of FITS files
    raw/psf/<sha256[:12]>/       one tar of PSF pictures
        pixels.bin               layers one after another, little-endian, each from a multiple of 64 bytes
        pictures.parquet         one row per member: offsets of its layers, its position on the sky, its problems
        requests.parquet         the upload list's lines, where the list is known
        landing.json             the tar's name, sha256 and counts

A shard never changes once it is written: a row of ``pictures.parquet`` (or of the mart ``pictures``) names a shard and
byte offsets, and these stay right for as long as the shard is there.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np

PIXELS = "pixels.bin"
#: Layers begin at multiples of this: wide loads, and no pixel across two cache lines.
ALIGNMENT = 64
#: Little-endian types of the layers as they are stored.
DTYPES = {"image": np.dtype("<f4"), "mask": np.dtype("<i4"), "variance": np.dtype("<f4"), "psf": np.dtype("<f8")}
#: Shards that a reader keeps mapped.
_OPEN = 256


class ShardWriter:
    """Append layers to a new ``pixels.bin``; the caller publishes the folder when it is complete."""

    def __init__(self, folder: Path):
        self._file = open(folder / PIXELS, "wb", buffering=1 << 20)  # noqa: SIM115
        self._end = 0

    def append(self, layer: np.ndarray) -> tuple[int, int]:
        """Write one layer.

        Parameters
        ----------
        layer : ndarray of a type in `DTYPES`, C-contiguous
            Its bytes are written as they are.

        Returns
        -------
        offset, crc : int
            First byte of the layer, and CRC-32 of its bytes.
        """
        gap = -self._end % ALIGNMENT
        self._file.write(b"\0" * gap)
        data = layer.data.cast("B")
        self._file.write(data)
        offset = self._end + gap
        self._end = offset + len(data)
        return offset, zlib.crc32(data)

    def close(self) -> int:
        """Flush everything to disk; returns the number of bytes written."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._end


class Shards:
    """Read layers from a store by memory map, without copying.

    Parameters
    ----------
    folder : Path
        ``raw/cutouts`` or ``raw/psf`` of a catalogue.
    """

    def __init__(self, folder: Path):
        self._folder = Path(folder)
        self._maps: OrderedDict[str, mmap.mmap] = OrderedDict()

    def layer(self, shard: str, offset: int, shape: tuple[int, int], kind: str) -> np.ndarray:
        """One layer, read-only.

        Parameters
        ----------
        shard : str
            Name of its folder.
        offset : int
            First byte, as `ShardWriter.append` gave it.
        shape : (int, int)
            Rows, columns.
        kind : str
            image, mask, variance or psf.

        Returns
        -------
        ndarray, shape ``shape``
            A view into the mapped file.  NaN stands where the archive sent NaN.
        """
        dtype = DTYPES[kind]
        return np.frombuffer(self._map(shard), dtype, shape[0] * shape[1], offset).reshape(shape)

    def forget(self) -> None:
        """Release the memory of pages that were read; they are read again when needed."""
        for found in self._maps.values():
            found.madvise(mmap.MADV_DONTNEED)

    def _map(self, shard: str) -> mmap.mmap:
        found = self._maps.get(shard)
        if found is None:
            with open(self._folder / shard / PIXELS, "rb") as file:
                found = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._maps[shard] = found
            if len(self._maps) > _OPEN:
                self._maps.popitem(last=False)
        else:
            self._maps.move_to_end(shard)
        return found
