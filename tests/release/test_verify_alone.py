"""What `export verify` knows by itself: the frame of a picture, and nothing of what writes the files."""

import ast

import numpy as np
import pytest

from galaxiesml.verify.pictures import framed


@pytest.mark.parametrize("size", [127, 64])
@pytest.mark.parametrize("n", [1, 40, 63, 119, 120, 126, 127, 128, 143, 300])
def test_the_frame_pixel_by_pixel(n, size):
    """Each pixel by the definition, in whole numbers."""
    picture = np.arange(1, 1 + n * 119, dtype=np.float32).reshape(n, 119)
    picture[n // 2, 60] = np.nan
    made, wrong = framed(picture, size)
    assert made.shape == (size, size) and made.dtype == np.float32
    for y in range(size):
        for x in range(size):
            row, column = (at + (31 if size == 64 else 0) for at in (y, x))
            row += (n - 127) // 2 if n > 127 else -((127 - n) // 2)
            column -= (127 - 119) // 2
            inside = 0 <= row < n and 0 <= column < 119 and not np.isnan(picture[row, column])
            assert made[y, x] == (picture[row, column] if inside else 0)
    assert wrong == 1


def test_it_shares_nothing_with_what_writes_the_files(repo):
    folder = repo / "galaxiesml" / "release"
    for path in folder.glob("verify*.py"):
        found = {
            name
            for node in ast.walk(ast.parse(path.read_text()))
            for name in ([node.module] if isinstance(node, ast.ImportFrom) else [])
            + ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [])
        }
        ours = {name for name in found if name.startswith("galaxiesml")}
        assert all(name == "galaxiesml.errors" or name.startswith("galaxiesml.verify.verify") for name in ours), path
