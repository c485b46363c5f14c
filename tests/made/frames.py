"""The frame of the released pictures, from its description."""

import numpy as np


def by_definition(picture: np.ndarray, size: int) -> np.ndarray:
    """The definition, word by word: pad floor((127 - n) / 2) before and the rest after, or crop; 64: 31 to 94."""
    for axis in (0, 1):
        n = picture.shape[axis]
        if n <= 127:
            before = (127 - n) // 2
            widths = [(0, 0), (0, 0)]
            widths[axis] = (before, 127 - n - before)
            picture = np.pad(picture, widths)
        else:
            start = (n - 127) // 2
            picture = picture.take(range(start, start + 127), axis)
    return picture if size == 127 else picture[31:95, 31:95]
