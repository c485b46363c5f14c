"""Put a picture of any size into the square frame of the released files."""

from __future__ import annotations

import numpy as np

#: Side of the released pictures; smaller ones are cut out of this frame.
FRAME = 127


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


def put(picture: np.ndarray, out: np.ndarray) -> None:
    """Put a picture into a square frame; pixels of the frame that it does not cover stay as they are.

    Parameters
    ----------
    picture : ndarray, shape (rows, columns)
    out : ndarray, shape (size, size)
    """
    rows, from_rows = frame_axis(picture.shape[0], out.shape[0])
    columns, from_columns = frame_axis(picture.shape[1], out.shape[1])
    out[rows, columns] = picture[from_rows, from_columns]
