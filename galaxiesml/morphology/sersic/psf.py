"""The point spread function, known as pictures or as a Moffat of a given seeing, as transforms at given waves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.special import gamma, kv

from galaxiesml.morphology.sersic.waves import Waves

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
        fwhm = torch.as_tensor(np.atleast_1d(np.asarray(self.fwhm, np.float32))[rows], device=waves.device)
        alpha = fwhm / (2 * np.sqrt(2 ** (1 / self.beta) - 1))
        knots = _bessel(self.beta, waves.device)
        at = (alpha[:, None] * waves.geometry[0].sqrt()) * ((_KNOTS - 1) / _LAST)
        at = at.clamp_max_(_KNOTS - 2 + 0.999)
        cell = at.long()
        low, high = knots[cell], knots[cell + 1]
        real = torch.lerp(low, high, at - cell).reshape(-1, *waves.weight.shape)
        pixel = torch.sinc(waves.kx / (2 * np.pi)) * torch.sinc(waves.ky / (2 * np.pi))
        real = real * (pixel * waves.weight)
        return torch.stack([real, torch.zeros_like(real)], 1)


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
        by_cos, by_sin = cos_y.T @ (pictures @ cos_x), cos_y.T @ (pictures @ sin_x)
        odd_cos, odd_sin = sin_y.T @ (pictures @ cos_x), sin_y.T @ (pictures @ sin_x)
        # exp(-i (kx x + ky y)), for both signs of ky.
        real = torch.stack([by_cos - odd_sin, by_cos + odd_sin], 1)
        imaginary = torch.stack([-by_sin - odd_cos, -by_sin + odd_cos], 1)
        return torch.stack([real, imaginary], 1) * waves.weight
