"""The pixel store: pictures as plain arrays on disk, one shard a tar, and how they are framed.

::

    raw/cutouts/<sha256[:12]>/   one tar of cutouts, or one folder of FITS files
    raw/psf/<sha256[:12]>/       one tar of PSF pictures
        pixels.bin               layers one after another, little-endian, each from a multiple of 64 bytes
        pictures.parquet         one row a member: where its layers stand, its place on the sky, what is wrong
        requests.parquet         the upload list's lines, where the list is known
        landing.json             the tar's name, sha256 and counts

A shard never changes once it stands: a row of ``pictures.parquet`` (or of the mart ``pictures``) names a shard and
byte offsets, and these stay right for as long as the shard is there.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.system.atomic import write_table
from galaxiesml.instrument import MASK_PLANES

PIXELS = "pixels.bin"
#: Layers begin at multiples of this: wide loads, and no pixel across two cache lines.
ALIGNMENT = 64
#: Little-endian types of the layers as they are stored.
DTYPES = {"image": np.dtype("<f4"), "mask": np.dtype("<i4"), "variance": np.dtype("<f4"), "psf": np.dtype("<f8")}
#: Side of the released pictures; smaller ones are cut out of this frame.
FRAME = 127
#: Kinds of store, a folder of raw/ each.
STORES = ("cutouts", "psf")
EMPTY = "0000-empty"
#: Columns that say which shard a row is of.
KEYS = pa.schema([("shard", pa.string()), ("source_file", pa.string()), ("source_sha256", pa.string())])
#: pictures.parquet; what the columns mean is said in :class:`galaxiesml.cutouts.picture.Picture`.
PICTURES = pa.schema(
    [
        *KEYS,
        *((name, pa.string()) for name in ("member", "refused", "refused_class")),
        *(("line", pa.int64()), ("band", pa.string()), ("tract", pa.int64()), ("rerun", pa.string())),
        *((name, pa.int64()) for name in ("height", "width")),
        *((f"{layer}_{what}", pa.int64()) for layer in DTYPES for what in ("offset", "crc")),
        *((name, pa.float64()) for name in ("zero_point_mag", "crval1", "crval2", "crpix1", "crpix2")),
        *((name, pa.float64()) for name in ("cd1_1", "cd1_2", "cd2_1", "cd2_2")),
        *((name, pa.int64()) for name in ("x0", "y0")),
        *((name, pa.float64()) for name in ("ra", "dec")),
        *((name, pa.int64()) for name in ("not_finite", "variance_not_finite")),
        ("psf_flag", pa.string()),
        *((f"masked_{plane.lower()}", pa.int64()) for plane in MASK_PLANES),
        ("other_planes", pa.string()),
    ]
)
#: requests.parquet: the lines of an upload list; ``silence`` says what it means that a line was not answered.
REQUESTS = pa.schema(
    [
        *KEYS,
        *((name, pa.string()) for name in ("list_file", "silence", "silence_reason")),
        *(("line", pa.int64()), ("ra", pa.float64()), ("dec", pa.float64())),
        *(("band", pa.string()), ("tract", pa.int64())),
        *(("semi_width", pa.float64()), ("semi_height", pa.float64())),
    ]
)
#: Shards that a reader keeps mapped.
_OPEN = 256


def ensure_empty(raw: Path) -> None:
    """Write the tables of no pictures, so that every model builds before any has landed.

    Parameters
    ----------
    raw : Path
        The catalogue's folder of what is landed.
    """
    for store in STORES:
        for name, schema in (("pictures", PICTURES), ("requests", REQUESTS)):
            path = raw / store / EMPTY / f"{name}.parquet"
            if not path.is_file() or pq.read_schema(path) != schema:
                write_table(path, schema.empty_table())


class ShardWriter:
    """Append layers to a new ``pixels.bin``; the folder is shown by whoever made it, once it is whole."""

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
        """Bring everything to the disk; returns the bytes written."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._end


class Shards:
    """Read layers out of a store; nothing is copied, pages come in as they are looked at.

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
        """Give back the memory of what was looked at; it comes in again, from the system's cache, when it is."""
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


def frame_axis(n: int, size: int) -> tuple[slice, slice]:
    """Which pixels of an axis go where in a frame.

    The released pictures have 127 pixels: an axis of n is padded with floor((127 - n) / 2) zeros before and the
    rest after, or cropped from floor((n - 127) / 2).  64 is rows and columns 31 to 94, from 0, of that; so is any
    other smaller size, from floor((127 - size) / 2).

    Parameters
    ----------
    n : int
        Pixels of the picture along the axis.
    size : int
        Pixels of the frame.

    Returns
    -------
    target, source : slice
        ``frame[target] = picture[source]``, zeros elsewhere.
    """
    whole = max(size, FRAME)
    pad, crop = max(0, (whole - n) // 2), max(0, (n - whole) // 2)
    first, last = pad, pad + min(n, whole)
    skip = (whole - size) // 2
    start, stop = max(first, skip), min(last, skip + size)
    stop = max(start, stop)
    return slice(start - skip, stop - skip), slice(start - pad + crop, stop - pad + crop)


def frame(picture: np.ndarray, out: np.ndarray) -> int:
    """Put a picture into a square frame of zeros.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)
    out : ndarray, shape (size, size)
        Filled; pixels that are not finite become 0.

    Returns
    -------
    int
        How many pixels inside the frame were not finite.
    """
    rows, from_rows = frame_axis(picture.shape[0], out.shape[0])
    columns, from_columns = frame_axis(picture.shape[1], out.shape[1])
    out[...] = 0
    inside = out[rows, columns]
    inside[...] = picture[from_rows, from_columns]
    if np.isfinite(inside).all():
        return 0
    wrong = ~np.isfinite(inside)
    inside[wrong] = 0
    return int(wrong.sum())
