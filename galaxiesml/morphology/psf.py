"""Read the PSF that a user gives: pictures, or ``moffat:FWHM_ARCSEC[:BETA]``."""

from __future__ import annotations

import numpy as np

from galaxiesml.errors import InputError
from galaxiesml.morphology.sersic.psf import Moffat, Pictures

_BETA = 3.0
#: Seeing that any telescope has had, arcsec.
_FWHM = (0.02, 20.0)


def moffat(words: str, pixel_scale_arcsec: float) -> Moffat:
    """``moffat:FWHM_ARCSEC[:BETA]`` as a profile in pixels.

    Raises
    ------
    InputError
        The text does not have that form, or its values are out of range.
    """
    parts = words.split(":")
    try:
        if parts[0] != "moffat" or len(parts) not in (2, 3):
            raise ValueError
        fwhm, beta = float(parts[1]), float(parts[2]) if len(parts) == 3 else _BETA
    except ValueError:
        raise InputError(f"--psf {words!r} is not moffat:FWHM_ARCSEC[:BETA].", "Type: --psf moffat:0.7") from None
    if not (_FWHM[0] <= fwhm <= _FWHM[1] and 1.1 <= beta <= 20):
        raise InputError(
            f"--psf {words!r} is out of range: the FWHM must be {_FWHM[0]} to {_FWHM[1]} arcsec, and beta 1.1 to 20.",
            "Type: --psf moffat:0.7:3",
        )
    return Moffat(np.array([fwhm / pixel_scale_arcsec]), beta)


def is_real(array: np.ndarray) -> bool:
    """Whether an array is of numbers that are not complex."""
    return np.issubdtype(array.dtype, np.number) and not np.iscomplexobj(array)


def pictures(psf: np.ndarray, many: int) -> tuple[Pictures, np.ndarray, np.ndarray]:
    """PSF pictures, normalised, which is whose, and which are none.

    Parameters
    ----------
    psf : ndarray (height, width) or (N, height, width)
        Peak at the middle pixel, the pixel's response in it.
    many : int
        Pictures that they are of.

    Returns
    -------
    psf : Pictures
    rows : ndarray (many,) of int
    usable : ndarray (many,) of bool
        A PSF that is not finite, or has no light, is none.

    Raises
    ------
    InputError
        The shape is neither of the two, or the values are not numbers.
    """
    given = np.asarray(psf)
    if given.ndim not in (2, 3) or (given.ndim == 3 and len(given) not in (1, many)) or not is_real(given):
        raise InputError(
            f"psf must be numbers of shape (height, width) or ({many}, height, width), "
            f"not {given.shape} of {given.dtype}."
        )
    with np.errstate(over="ignore"):
        psf = given.astype(np.float32)[None if given.ndim == 2 else slice(None)]
    total = psf.sum((1, 2), dtype=np.float64)
    usable = np.isfinite(total) & (total > 0)
    scaled = np.zeros_like(psf)
    np.divide(psf, total[:, None, None], out=scaled, where=usable[:, None, None])
    rows = np.arange(many) if len(psf) == many else np.zeros(many, int)
    return Pictures(scaled), rows, usable[rows]


def half_light_radius(psf: Moffat | Pictures, rows: np.ndarray) -> np.ndarray:
    """The circle that holds half of the PSF, pixels, (M,): a first guess takes it out of the galaxy's."""
    if isinstance(psf, Moffat):
        fwhm = np.atleast_1d(psf.fwhm)[rows]
        alpha = fwhm / (2 * np.sqrt(2 ** (1 / psf.beta) - 1))
        return alpha * np.sqrt(0.5 ** (1 / (1 - psf.beta)) - 1)
    height, width = psf.pictures.shape[1:]
    away = np.hypot(np.arange(height)[:, None] - (height - 1) / 2, np.arange(width) - (width - 1) / 2).ravel()
    order = np.argsort(away, kind="stable")
    unique = np.unique(rows)
    radius = np.empty(unique.max() + 1)
    for at in unique:
        growth = np.cumsum(psf.pictures[at].ravel()[order], dtype=np.float64)
        radius[at] = away[order][min(int(np.searchsorted(growth, 0.5)), len(order) - 1)]
    return radius[rows]
