"""Fourier transforms of the point spread function, given as pictures or as a Moffat profile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import gamma, kv

from galaxiesml.morphology.sersic.waves import Waves, each

_LAST, _KNOTS = 60.0, 6001


@dataclass(frozen=True)
class Moffat:
    """A Moffat profile, without the pixel's response, which is added.

    Attributes
    ----------
    fwhm : float or ndarray (N,)
        Pixels.
    beta : float
    """

    fwhm: float | np.ndarray
    beta: float = 3.0

    def transforms(self, waves: Waves, rows: slice | np.ndarray) -> torch.Tensor:
        """Real and imaginary part at the waves, times their weights: (M, 2, 2, count, count).

        The transform is 2^(1 - nu) / Gamma(nu) (alpha k)^nu K_nu(alpha k), nu = beta - 1 (Trujillo et al. 2001,
        eq. 9), times sin(k / 2) / (k / 2) of each axis for the pixel.
        """
        real = self._profile(waves.geometry[0].sqrt(), rows).reshape(-1, *waves.weight.shape)
        pixel = torch.sinc(waves.kx / (2 * np.pi)) * torch.sinc(waves.ky / (2 * np.pi))
        real = real * (pixel * waves.weight)
        return torch.stack([real, torch.zeros_like(real)], 1)

    def along_axes(self, k: torch.Tensor, rows: slice | np.ndarray) -> torch.Tensor:
        """The larger absolute value of the transform at (k, 0) and (0, k): (M, count)."""
        return self._profile(k, rows) * torch.sinc(k / (2 * np.pi)).abs()

    def _profile(self, k: torch.Tensor, rows: slice | np.ndarray) -> torch.Tensor:
        """Without the pixel's response, (M, number of k)."""
        fwhm = torch.as_tensor(np.atleast_1d(np.asarray(self.fwhm, np.float32))[rows], device=k.device)
        alpha = fwhm / (2 * np.sqrt(2 ** (1 / self.beta) - 1))
        knots = _bessel(self.beta, k.device)
        at = (alpha[:, None] * k.float() * ((_KNOTS - 1) / _LAST)).clamp_max_(_KNOTS - 2 + 0.999)
        cell = at.long()
        return torch.lerp(knots[cell], knots[cell + 1], at - cell)


@lru_cache(maxsize=8)
def _bessel(beta: float, device: torch.device) -> torch.Tensor:
    nu, z = beta - 1, np.linspace(0, _LAST, _KNOTS)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = 2 ** (1 - nu) / gamma(nu) * z**nu * kv(nu, z)
    values[0] = 1.0
    return torch.as_tensor(values, dtype=torch.float32, device=device)


@dataclass(frozen=True)
class Pictures:
    """PSFs as pictures, the pixel's response in them, their middle pixel the centre.

    Attributes
    ----------
    pictures : ndarray (N, height, width) of float32
        Each of sum 1.
    """

    pictures: np.ndarray

    def transforms(self, waves: Waves, rows: slice | np.ndarray) -> torch.Tensor:
        """As `Moffat.transforms`."""
        pictures = torch.as_tensor(np.ascontiguousarray(self.pictures[rows], dtype=np.float32), device=waves.device)
        height, width = pictures.shape[1:]

        def matrices(many: int) -> tuple[torch.Tensor, torch.Tensor]:
            angle = (torch.arange(many, device=waves.device) - (many - 1) / 2)[:, None] * waves.k
            return angle.cos(), angle.sin()

        (cos_x, sin_x), (cos_y, sin_y) = matrices(width), matrices(height)
        along_cos, along_sin = each(pictures, cos_x), each(pictures, sin_x)
        by_cos, by_sin = cos_y.T @ along_cos, cos_y.T @ along_sin
        odd_cos, odd_sin = sin_y.T @ along_cos, sin_y.T @ along_sin
        # exp(-i (kx x + ky y)), for both signs of ky.
        real = torch.stack([by_cos - odd_sin, by_cos + odd_sin], 1)
        imaginary = torch.stack([-by_sin - odd_cos, -by_sin + odd_cos], 1)
        return torch.stack([real, imaginary], 1) * waves.weight

    def along_axes(self, k: torch.Tensor, rows: slice | np.ndarray) -> torch.Tensor:
        """As `Moffat.along_axes`."""
        pictures = torch.as_tensor(np.ascontiguousarray(self.pictures[rows], dtype=np.float32), device=k.device)
        found = []
        for axis in (1, 2):
            line = pictures.sum(axis)
            angle = torch.arange(line.shape[1], device=k.device)[:, None] * k.float()
            found.append(torch.hypot(line @ angle.cos(), line @ angle.sin()))
        return torch.maximum(*found)
