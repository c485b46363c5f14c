"""Count the objects near the middle of a picture, in one of three ways."""

from __future__ import annotations

import numpy as np

from galaxiesml.morphology.detect import Scene

#: Circles around the picture's middle, pixels.
RADII_PX = (5, 10, 15)
METHODS = ("labels", "centroids", "diagonal")


def counts(
    scene: Scene, index: int | None = None, radii: tuple[int, ...] = RADII_PX, method: str = "labels"
) -> dict[str, int]:
    """Count the objects within each radius of the picture's middle.

    Parameters
    ----------
    index : int or None
        Row of ``scene.objects`` that is the target; None: no object is.
    radii : tuple of int
        Pixels from the picture's middle, ((w - 1) / 2, (h - 1) / 2) from 0; a pixel or centroid at the radius counts.
    method : str
        'labels': objects with a pixel of the segmentation map within the radius, as the paper's text says.
        'centroids': objects whose barycentre is within it.
        'diagonal': as the release's own files were made: labels met on the diagonal of the segmentation map, from the
        radius before its middle to the radius after it.

    Returns
    -------
    dict of str to int
        ``central_image_pop_<r>px_rad`` with the target, ``central_image_others_<r>px_rad`` without it.  The target is
        in the first only where the method finds it within the radius.
    """
    if method not in METHODS:
        raise ValueError(f"unknown counting method {method!r}; known: {', '.join(METHODS)}")
    reach = {"labels": _labels, "centroids": _centroids, "diagonal": _diagonal}[method](scene)
    made = {}
    for radius in radii:
        near = reach <= radius
        made[f"central_image_pop_{radius}px_rad"] = int(np.count_nonzero(near))
        own = index is not None and bool(near[index])
        made[f"central_image_others_{radius}px_rad"] = int(np.count_nonzero(near)) - own
    return made


def _labels(scene: Scene) -> np.ndarray:
    """Distance from the middle to the nearest pixel of each object; infinite for one without a pixel."""
    height, width = scene.segmentation.shape
    y, x = np.nonzero(scene.segmentation)
    squared = (x - (width - 1) / 2) ** 2 + (y - (height - 1) / 2) ** 2
    return np.sqrt(_nearest(scene, scene.segmentation[y, x], squared))


def _centroids(scene: Scene) -> np.ndarray:
    height, width = scene.segmentation.shape
    return np.hypot(scene.objects["x"] - (width - 1) / 2, scene.objects["y"] - (height - 1) / 2)


def _diagonal(scene: Scene) -> np.ndarray:
    """Steps along the diagonal through the middle, from its middle to each object."""
    height, width = scene.segmentation.shape
    steps = np.arange(-(min(height, width) // 2), (min(height, width) - 1) // 2 + 1)
    met = scene.segmentation[height // 2 + steps, width // 2 + steps]
    return _nearest(scene, met, np.abs(steps).astype(float))


def _nearest(scene: Scene, labels: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """The least distance of each object's pixels."""
    least = np.full(len(scene.objects) + 1, np.inf)
    np.minimum.at(least, labels, distances)
    return least[1:]
