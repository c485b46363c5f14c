"""Fourier transforms of galaxy and star profiles, batched, on the frequencies of a frame of pixels.

Each profile has a total flux of 1, so its transform is 1 at frequency 0.  A profile is stretched by a matrix, so its
transform is the round one at a stretched frequency, whose square is a quadratic form ``xx kx^2 + xy kx ky + yy ky^2``.
The functions here take the square, made by :func:`squared` from a form.  Columns of a picture run west and rows north.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC

#: Half-light radius of an exponential profile in scale lengths.
EXPONENTIAL_HALF_LIGHT = 1.67834699
#: b of the de Vaucouleurs profile exp(-b (r / r_half) ** (1 / 4)).
DE_VAUCOULEURS_B = 7.66924944
#: Full width at half maximum of a Moffat profile of exponent 2.5, in scale radii.
MOFFAT_WIDTH = 2.0 * math.sqrt(2.0 ** (1.0 / 2.5) - 1.0)
#: The table of the de Vaucouleurs profile: the first ln(k r_half), its step, and its intervals.  Below, the transform
#: is 1 to 5e-6; above k r_half of 2,000 it is less than 2e-5, and it is held there.
_LOW, _STEP, _INTERVALS = -7.0, 0.00625, 2336


@dataclass(frozen=True)
class Grid:
    """The frequencies at which a frame of pixels is drawn.

    Attributes
    ----------
    side : int
        Pixels on a side of the frame, a multiple of 4; the centre of its pixel (side // 2, side // 2) is the origin.
    kx : Tensor, shape (columns,)
        Frequencies along a row, rad/arcsec, from 0 to a half more than what the pixels resolve.
    ky : Tensor, shape (rows,)
        Frequencies along a column, rad/arcsec, from negative to positive.

    What is beyond the pixels' limit appears in a picture at a lower frequency (aliasing): HSC's best seeing has 1 per
    cent of its light's peak from there.  :meth:`picture` folds it.
    """

    side: int
    kx: torch.Tensor
    ky: torch.Tensor

    def put(self, values: np.ndarray) -> torch.Tensor:
        """An array on the grid's device, as the grid's type."""
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.kx.device, self.kx.dtype, non_blocking=True)

    @property
    def pixel(self) -> torch.Tensor:
        """Transform of a pixel, shape (rows, columns)."""
        half = PIXEL_SCALE_ARCSEC / (2.0 * math.pi)
        return torch.sinc(self.ky * half)[:, None] * torch.sinc(self.kx * half)

    def picture(self, transform: torch.Tensor) -> torch.Tensor:
        """Counts in pixels of a transform of light through PSF and pixel.

        Parameters
        ----------
        transform : complex Tensor, shape (..., rows, columns)

        Returns
        -------
        Tensor, shape (..., side, side)
            Rows northward, columns westward.  The frame is periodic: light that leaves it enters opposite.
        """
        return torch.fft.irfft2(self._folded(transform), s=(self.side, self.side)).roll(
            (self.side // 2, self.side // 2), (-2, -1)
        )

    def _folded(self, transform: torch.Tensor) -> torch.Tensor:
        """The transform on the half plane of ``irfft2``: each frequency with those that look the same in pixels."""
        half, edge = self.side // 2, self.side // 4
        # Rows, -3/4 to 3/4 of the side: the outer quarters are put on the rows that they look like.
        rows = transform[..., edge : edge + self.side, :].clone()
        rows[..., : edge + 1, :] += transform[..., edge + self.side :, :]
        rows[..., self.side - edge :, :] += transform[..., :edge, :]
        # From -half, ..., half - 1 to 0, ..., half - 1, -half, ...
        rows = rows.roll(-half, -2)
        out = rows[..., : half + 1].clone()
        # Column half + j looks like -(half - j): the conjugate of column half - j at the opposite row.
        beyond = rows[..., half:].flip(-2).roll(1, -2).conj()
        out[..., half - edge :] += beyond.flip(-1)
        return out


@lru_cache(maxsize=32)
def grid(side: int, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Grid:
    """The grid of a frame of ``side`` pixels, a multiple of 4."""
    if side % 4:
        raise ValueError(f"side is {side}, and should be a multiple of 4.")
    step = 2.0 * math.pi / (side * PIXEL_SCALE_ARCSEC)
    most = 3 * side // 4
    kx = torch.arange(0, most + 1, dtype=torch.float64) * step
    ky = torch.arange(-most, most + 1, dtype=torch.float64) * step
    return Grid(side, kx.to(device, dtype), ky.to(device, dtype))


def ellipse(radius: torch.Tensor, ratio: torch.Tensor, angle_deg: torch.Tensor) -> torch.Tensor:
    """The form of a profile with elliptical isophotes.

    Parameters
    ----------
    radius : Tensor, shape (...)
        Along the major axis, arcsec: the half-light radius where a half-light radius is asked for.
    ratio : Tensor, shape (...)
        Minor over major axis.
    angle_deg : Tensor, shape (...)
        Position angle of the major axis, from north through east.

    Returns
    -------
    Tensor, shape (..., 3)
        xx, xy, yy, arcsec^2.
    """
    # Columns run west, so that the major axis points to (-sin, cos).
    sin, cos = torch.sin(torch.deg2rad(angle_deg)), torch.cos(torch.deg2rad(angle_deg))
    flat = ratio**2
    form = torch.stack([sin**2 + flat * cos**2, 2.0 * (flat - 1.0) * sin * cos, cos**2 + flat * sin**2], -1)
    return radius[..., None] ** 2 * form


def sheared(radius: torch.Tensor, g1: torch.Tensor, g2: torch.Tensor) -> torch.Tensor:
    """The form of a round profile that is sheared along pixel axes, its area kept, as GalSim's ``shear`` does.

    Parameters
    ----------
    radius, g1, g2 : Tensor, shape (...)
        Scale radius in arcsec; shear.

    Returns
    -------
    Tensor, shape (..., 3)
    """
    form = torch.stack([(1.0 + g1) ** 2 + g2**2, 4.0 * g2, (1.0 - g1) ** 2 + g2**2], -1)
    return (radius**2 / (1.0 - g1**2 - g2**2))[..., None] * form


def squared(form: torch.Tensor, on: Grid) -> torch.Tensor:
    """The square of the stretched frequencies, shape (..., rows, columns), for a form of shape (..., 3)."""
    xx, xy, yy = (part[..., None, None] for part in form.unbind(-1))
    kx, ky = on.kx, on.ky[:, None]
    # Rounding must not make it negative.
    return torch.addcmul(yy * ky**2, torch.add(xx * kx, xy * ky), kx).clamp_(min=0.0)


def exponential(k2: torch.Tensor) -> torch.Tensor:
    """Transform of an exponential disc, (1 + (k h)^2)^(-3/2), by (k r_half)^2."""
    root = torch.rsqrt(torch.add(k2, EXPONENTIAL_HALF_LIGHT**2)) * EXPONENTIAL_HALF_LIGHT
    return (root * root).mul_(root)


def de_vaucouleurs(k2: torch.Tensor) -> torch.Tensor:
    """Transform of an untruncated de Vaucouleurs profile by (k r_half)^2, interpolated to 1e-6."""
    table = _table(str(k2.device), k2.dtype)
    # In place, since most of the time would go to memory; the small number keeps 0 out of the logarithm.
    at = torch.log(k2 + 1e-12).mul_(0.5 / _STEP).sub_(_LOW / _STEP).clamp_(0.0, _INTERVALS - 1e-3)
    below = at.detach().to(torch.int64).reshape(-1)
    change = torch.index_select(table[1], 0, below).view(at.shape)
    return change.mul_(at.frac_()).add_(torch.index_select(table[0], 0, below).view(at.shape))


def moffat(k2: torch.Tensor) -> torch.Tensor:
    """Transform of a Moffat profile of exponent 2.5, (1 + x) e^-x, by x^2 = (k r)^2 with its scale radius r."""
    x = torch.sqrt(k2)
    return (1.0 + x) * torch.exp(-x)


def phases(x: torch.Tensor, y: torch.Tensor, on: Grid) -> tuple[torch.Tensor, torch.Tensor]:
    """Factors that move light from the origin, for rows and for columns; their outer product is the whole factor.

    Parameters
    ----------
    x, y : Tensor, shape (...)
        Columns and rows from the centre of the frame's central pixel.

    Returns
    -------
    complex Tensor, shape (..., rows), and complex Tensor, shape (..., columns)
    """
    angles = -PIXEL_SCALE_ARCSEC * y[..., None] * on.ky, -PIXEL_SCALE_ARCSEC * x[..., None] * on.kx
    rows, columns = (torch.polar(torch.ones_like(angle), angle) for angle in angles)
    return rows, columns


@lru_cache(maxsize=8)
def _table(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Values at the start of each interval, and their changes in it."""
    values = de_vaucouleurs_values(_LOW, _STEP, _INTERVALS + 1)
    made = torch.from_numpy(values[:-1]), torch.from_numpy(np.diff(values))
    return made[0].to(device, dtype), made[1].to(device, dtype)


def de_vaucouleurs_values(first: float, step: float, number: int) -> np.ndarray:
    """Transform of the de Vaucouleurs profile at k r_half in equal steps of its logarithm, by quadrature to 1e-9.

    The Hankel transform of exp(-b r^(1/4)) oscillates.  Along the imaginary axis r = i t the Bessel function is K0,
    which does not: with c = b exp(i pi / 8) the transform is that of -Im exp(-c t^(1/4)) with K0(k t).

    Parameters
    ----------
    first, step : float
        Of ln(k r_half); the step is 0.025 over a whole number.

    Returns
    -------
    ndarray of float64, shape (number,)
    """
    low, every = -30.0, round(0.025 / step)
    t = np.exp(low + 0.025 * np.arange(1761))
    root = DE_VAUCOULEURS_B * t**0.25
    # Trapezoids in ln t converge exponentially, as the integrand is smooth and ends at both sides.
    weight = 0.025 * t**2 * np.exp(-root * math.cos(math.pi / 8.0)) * np.sin(root * math.sin(math.pi / 8.0))
    # K0 at all products k t, which are steps of the same logarithm.
    bessel = _bessel_k0(np.exp(first + low + step * np.arange(every * (len(t) - 1) + number)))
    products = np.lib.stride_tricks.sliding_window_view(bessel, every * (len(t) - 1) + 1)[:, ::every]
    # Light in all: 2 pi 4 Gamma(8) / b^8 times the profile's middle.
    return 4.0 * (products @ weight) / (8.0 * math.pi * math.gamma(8.0) / DE_VAUCOULEURS_B**8)


def _bessel_k0(x: np.ndarray) -> np.ndarray:
    """K0 as the integral of exp(-x cosh s) over s > 0, by trapezoids, which converge exponentially; shape (n,)."""
    s, step = np.linspace(0.0, 45.0, 451, retstep=True)
    cosh, total = np.cosh(s), np.zeros_like(x)
    for at in range(len(s)):
        # Less than this is nothing.
        total += (0.5 if at == 0 else 1.0) * np.exp(-np.minimum(x * cosh[at], 700.0))
    return step * total
