"""Start values of a fit, from a detection's shape.  They affect the number of iterations, not the result."""

from __future__ import annotations

import numpy as np

#: The Sersic index that a fit starts from, and those of a second and third try.
START_N = 1.5
TRIES_N = (4.0, 0.7)


def start(shapes: dict[str, np.ndarray], psf_radius: np.ndarray) -> np.ndarray:
    """First values of `model.PARAMETERS`.

    Parameters
    ----------
    shapes : dict of ndarray (M,)
        x, y (pixels from the stamp's middle), flux, half_light_radius, a, b (pixels), theta (degrees) of detections;
        n, where another index than 1.5 is to be started from.
    psf_radius : ndarray (M,)
        The radius that holds half of the PSF, pixels.

    Returns
    -------
    ndarray (M, 7)
    """
    a, b = np.maximum(shapes["a"], 0.3), np.maximum(shapes["b"], 0.3)
    # Second moments of PSF and galaxy add up; those above a threshold are narrower than the whole.
    seen = np.clip(0.5 * psf_radius, 0.2, 0.9 * b)
    eta = np.log(np.sqrt((a**2 - seen**2) / (b**2 - seen**2)))
    eta, angle = np.clip(eta, 0.0, 1.5), np.deg2rad(2 * shapes["theta"])
    radius = np.maximum(shapes["half_light_radius"], 0.5)
    radius = np.sqrt(np.maximum(radius**2 - (0.9 * psf_radius) ** 2, (0.35 * psf_radius) ** 2))
    flux = np.log(np.maximum(shapes["flux"], 1e-3))
    return np.stack(
        [
            *(shapes["x"], shapes["y"], flux, np.log(radius)),
            *(eta * np.cos(angle), eta * np.sin(angle), np.log(shapes.get("n", np.full(len(a), START_N)))),
        ],
        axis=1,
    )
