"""Objects near the middle of a picture, where the numbers are known."""

import numpy as np
import pytest

from galaxiesml.morphology.detect import Detection, Scene, detect
from galaxiesml.morphology.neighbours import METHODS, counts


def scene(labels: np.ndarray, centroids: list[tuple[float, float]]) -> Scene:
    objects = np.array(centroids, [("x", "f8"), ("y", "f8")])
    nothing = np.zeros(labels.shape, np.float32)
    return Scene(nothing, None, 0.0, 1.0, objects, labels > 0, labels.astype(np.int32), Detection())


def three() -> Scene:
    """The target at the middle of 41 x 41; one whose edge reaches 4 pixels from it; one on the diagonal, far out."""
    labels = np.zeros((41, 41), int)
    labels[19:22, 19:22] = 1
    labels[20, 24:36] = 2
    labels[29:33, 29:33] = 3
    return scene(labels, [(20, 20), (29.5, 20), (30.5, 30.5)])


@pytest.mark.parametrize(
    ("method", "expected"), [("labels", [2, 2, 3]), ("centroids", [1, 2, 3]), ("diagonal", [1, 2, 2])]
)
def test_each_way_of_counting(method, expected):
    found = counts(three(), 0, method=method)
    assert [found[f"central_image_pop_{radius}px_rad"] for radius in (5, 10, 15)] == expected
    assert [found[f"central_image_others_{radius}px_rad"] for radius in (5, 10, 15)] == [one - 1 for one in expected]


def test_a_pixel_on_the_circle_counts():
    labels = np.zeros((21, 21), int)
    labels[10, 15] = 1
    labels[10, 4] = 2
    found = counts(scene(labels, [(15, 10), (4, 10)]), None, (5, 6))
    assert (found["central_image_pop_5px_rad"], found["central_image_pop_6px_rad"]) == (1, 2)


def test_a_target_out_of_reach_is_not_subtracted():
    labels = np.zeros((41, 41), int)
    labels[0:3, 0:3] = 1
    labels[20, 20] = 2
    found = counts(scene(labels, [(1, 1), (20, 20)]), 0)
    assert (found["central_image_pop_5px_rad"], found["central_image_others_5px_rad"]) == (1, 1)


@pytest.mark.parametrize("method", METHODS)
def test_an_even_side_and_a_flat_picture(method):
    empty = detect(np.zeros((64, 50), np.float32))
    assert set(counts(empty, None, method=method).values()) == {0}


def test_an_unknown_way_is_refused():
    with pytest.raises(ValueError, match="labels, centroids, diagonal"):
        counts(three(), 0, method="circle")
