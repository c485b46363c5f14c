"""Flip, transpose, shift and disturb pictures on the device: exact where no noise is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from galaxiesml.photoz.config import Config


def augmented(pictures: Tensor, config: Config, generator: torch.Generator) -> Tensor:
    """Pictures, each in one of eight orientations, shifted, and with noise.

    Parameters
    ----------
    pictures : Tensor (n, bands, size, size)
        asinh(counts / sky sigma).

    Returns
    -------
    Tensor
        Of the same shape; float32 where noise is added.
    """
    if config.flips:
        turned = torch.rand((3, len(pictures), 1, 1, 1), generator=generator, device=pictures.device) < 0.5
        pictures = torch.where(turned[0], pictures.flip(2), pictures)
        pictures = torch.where(turned[1], pictures.flip(3), pictures)
        pictures = torch.where(turned[2], pictures.transpose(2, 3), pictures)
    if config.shift:
        shape, most = (2, len(pictures)), config.shift
        pictures = shifted(
            pictures, *torch.randint(-most, most + 1, shape, generator=generator, device=pictures.device)
        )
    return noisy(pictures, config.noise, generator) if config.noise else pictures


def orientations(pictures: Tensor) -> Iterator[Tensor]:
    """The eight copies of pictures that flips and transposes give."""
    for turned in (pictures, pictures.transpose(2, 3)):
        for flipped in (turned, turned.flip(2)):
            yield flipped
            yield flipped.flip(3)


def shifted(pictures: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Pictures moved by whole pixels, each by its own; what enters at an edge is 0."""
    rows, rows_inside = _moved(pictures.shape[2], down)
    columns, columns_inside = _moved(pictures.shape[3], right)
    which = torch.arange(len(pictures), device=pictures.device)[:, None, None, None]
    bands = torch.arange(pictures.shape[1], device=pictures.device)[None, :, None, None]
    moved = pictures[which, bands, rows[:, None, :, None], columns[:, None, None, :]]
    inside = rows_inside[:, None, :, None] & columns_inside[:, None, None, :]
    return torch.where(inside, moved, torch.zeros_like(moved[:1, :1, :1, :1]))


def noisy(pictures: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Pictures with noise of up to `most` sky sigmas, one level a picture.

    In u = asinh(counts / sigma) a small change of the counts is one of u by 1 / cosh u.  Zeros, where a frame is filled
    or a band is lost, stay.
    """
    values = pictures.float()
    level = most * torch.rand((len(values), values.shape[1], 1, 1), generator=generator, device=values.device)
    noise = torch.randn(values.shape, generator=generator, device=values.device)
    return torch.where(values == 0, values, values + level * noise / torch.cosh(values))


def _moved(length: int, by: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel of an axis comes from, (n, length), and whether that is inside the picture."""
    source = torch.arange(length, device=by.device)[None, :] - by[:, None]
    return source.clamp(0, length - 1), (source >= 0) & (source < length)
