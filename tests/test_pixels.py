"""The frame of the released pictures, exact to the pixel."""

from __future__ import annotations

import numpy as np
import pytest

from galaxiesml.pixels.frame import frame_axis, put

from .made.frames import by_definition


@pytest.mark.parametrize("size", [127, 64])
@pytest.mark.parametrize(
    "shape", [(119, 120), (120, 119), (1, 127), (126, 128), (129, 300), (127, 127), (30, 119), (7, 9)]
)
def test_frames_are_the_definition(shape, size):
    picture = np.arange(1, 1 + shape[0] * shape[1], dtype=np.float32).reshape(shape)
    out = np.zeros((size, size), np.float32)
    put(picture, out)
    np.testing.assert_array_equal(out, by_definition(picture, size))


def test_other_sizes_lie_in_the_middle_too():
    for n in (100, 127, 150):
        for size in (32, 64, 96, 127, 200):
            target, source = frame_axis(n, size)
            assert target.stop - target.start == source.stop - source.start <= min(n, size)
            assert 0 <= target.start <= target.stop <= size and 0 <= source.start <= source.stop <= n
