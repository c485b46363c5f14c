"""Compute pictures as sums of cosines and sines: few waves, no FFT, every step a matrix product.

A picture is a real sum over waves with a period longer than the picture, so that wings do not wrap around.  Waves that
no PSF of the batch transmits are left out.  Rows and columns are counted from the picture's middle, where cosines are
even and sines odd, so that one quadrant with the four combinations of even and odd gives the whole picture.
Pictures are therefore in *quadrant order*, (4, rows, columns): [+y +x], [-y +x], [+y -x], [-y -x].
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch


class Waves:
    """Waves of one picture size, with the matrices that sum them.

    Parameters
    ----------
    size : int
        Pixels on a side.
    period : int
        Pixels after which the sum repeats.
    count : int
        Waves along an axis, from 0: the highest has count - 1 cycles a period.

    Attributes
    ----------
    k : Tensor (count,)
        Radians a pixel.
    squares, differences, products : Tensor (2 * count * count,)
        kx^2 + ky^2, kx^2 - ky^2 and 2 kx ky of every wave, in the order of spectra: (sign of ky, ky, kx).
    weight : Tensor (2, count, count)
        What a wave counts in the sum, the complex conjugate half included.
    """

    def __init__(self, size: int, period: int, count: int, device: torch.device):
        self.size, self.period, self.count, self.device = size, period, count, device
        self.half = (size + 1) // 2
        k = 2 * np.pi * np.arange(count) / period
        #: Of the quarter: 0, 1, 2 ... for odd sizes and 0.5, 1.5 ... for even ones.
        self.places = np.arange(self.half) + (0.0 if size % 2 else 0.5)
        sign = np.array([1.0, -1.0])[:, None, None]
        ky, kx = sign * k[None, :, None], np.ones((2, 1, 1)) * k[None, None, :]
        weight = np.where(kx > 0, 2.0, 1.0) * np.where(ky != 0, 1.0, 0.5) / period**2

        def kept(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32, device=device)

        self.k = kept(k)
        self.kx, self.ky = kept(np.broadcast_to(kx, weight.shape)), kept(np.broadcast_to(ky, weight.shape))
        self.geometry = kept(np.stack([(kx**2 + ky**2), kx**2 - ky**2, 2 * kx * ky]).reshape(3, -1))
        self.weight = kept(weight)
        self.cos, self.sin = kept(np.cos(np.outer(k, self.places))), kept(np.sin(np.outer(k, self.places)))

    def pictures(self, real: torch.Tensor, imaginary: torch.Tensor) -> torch.Tensor:
        """Sum the waves.

        Parameters
        ----------
        real, imaginary : Tensor (M, 2, count, count)
            Spectra, times `weight`.

        Returns
        -------
        Tensor (M, 4, half, half)
            In quadrant order.
        """
        n = self.count
        r_even, r_odd = real[:, 0] + real[:, 1], real[:, 0] - real[:, 1]
        i_even, i_odd = imaginary[:, 0] + imaginary[:, 1], imaginary[:, 0] - imaginary[:, 1]
        by_cos = each(torch.stack([r_even, i_odd], 1).reshape(-1, n, n), self.cos).reshape(-1, 2, n, self.half)
        by_sin = each(torch.stack([i_even, r_odd], 1).reshape(-1, n, n), self.sin).reshape(-1, 2, n, self.half)
        cos, sin = self.cos.T, self.sin.T
        ee, oe = cos @ by_cos[:, 0], sin @ by_cos[:, 1]
        eo, oo = cos @ by_sin[:, 0], sin @ by_sin[:, 1]
        made = torch.empty(len(ee), 4, self.half, self.half, device=real.device)
        for at, (even, odd) in enumerate(((ee - eo, oe + oo), (ee + eo, oe - oo))):
            torch.sub(even, odd, out=made[:, 2 * at])
            torch.add(even, odd, out=made[:, 2 * at + 1])
        return made

    def to_quadrants(self, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (M, size, size) in quadrant order, (M, 4, half, half); odd sizes repeat the rows on an axis."""
        first = self.size - self.half
        up, right = pictures[:, first:], pictures[:, : self.half].flip(1)
        return torch.stack(
            [up[:, :, first:], right[:, :, first:], up[:, :, : self.half].flip(2), right[:, :, : self.half].flip(2)], 1
        )

    def to_pictures(self, quadrants: torch.Tensor) -> torch.Tensor:
        """The other way: (M, 4, half, half) to (M, size, size)."""
        skip = self.size % 2
        up = torch.cat([quadrants[:, 2, :, skip:].flip(2), quadrants[:, 0]], 2)
        down = torch.cat([quadrants[:, 3, :, skip:].flip(2), quadrants[:, 1]], 2)
        return torch.cat([down[:, skip:].flip(1), up], 1)

    def once(self) -> torch.Tensor:
        """1 at the first occurrence of a pixel in quadrant order, else 0; (4, half, half)."""
        mask = torch.ones(4, self.half, self.half, device=self.device)
        if self.size % 2:
            mask[1, 0], mask[3, 0] = 0.0, 0.0
            mask[2, :, 0], mask[3, :, 0] = 0.0, 0.0
        return mask


def each(many: torch.Tensor, one: torch.Tensor) -> torch.Tensor:
    """Products (M, a, b) @ (b, c), each by itself: as one large product the rounding would depend on M."""
    return torch.bmm(many, one.expand(len(many), *one.shape))


@lru_cache(maxsize=32)
def waves(size: int, period: int, count: int, device: torch.device) -> Waves:
    """The same waves for the same sizes."""
    return Waves(size, period, count, device)
