"""The outskirts of light, drawn from the profiles' own formulas where PSF and pixels no longer matter.

A frame is periodic: what leaves it on one side enters on the other.  Of that light the eight nearest copies of a
profile are taken away here, and of all farther ones their mean.  Sources whose centres are outside of the frame are
drawn by their wings.  Both are smooth in the picture, so that they are computed on every fourth pixel.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures import profiles
from galaxiesml.mock.pictures.plan import Lit, Part, Rows, bulge_tail
from galaxiesml.mock.pictures.profiles import DE_VAUCOULEURS_B, EXPONENTIAL_HALF_LIGHT, Grid

#: Pixels between two places at which wings are computed.
_STEP = 4
#: Nearest copies: steps of whole frames along columns and rows.
_COPIES = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1) if x or y], float)
_BULGE_MIDDLE = DE_VAUCOULEURS_B**8 / (2.0 * math.pi * 4.0 * math.gamma(8.0))


def drawn(part: Part, lit: Lit, on: Grid, size: int) -> torch.Tensor | None:
    """Light to add to the central pixels of pictures; None where there is none.

    Returns
    -------
    Tensor, shape (pictures, 2 x bands, size, size)
        Counts; what is taken away is negative.
    """
    if not len(part.spilling[0]) and not len(part.far_picture):
        return None
    places, weights = _places(size, str(on.kx.device), on.kx.dtype)
    coarse = on.kx.new_zeros(len(part.pictures), part.weights.shape[1], len(places) ** 2)
    if len(part.spilling[0]):
        picture, row = part.spilling
        rows = Rows(*(values[part.spilling] for values in vars(part.rows).values()))
        spilled = _spilled(rows, on, places)[:, None] * on.put(part.weights[picture, :, row])[..., None]
        coarse.index_add_(0, torch.from_numpy(picture).to(coarse.device), spilled, alpha=-1.0)
    if len(part.far_picture):
        where = torch.from_numpy(part.far_picture).to(coarse.device)
        coarse.index_add_(0, where, _far(part, lit, on, places) * on.put(part.far_weights)[..., None])
    coarse = coarse.view(*coarse.shape[:2], len(places), len(places))
    return weights @ coarse @ weights.T


def _spilled(rows: Rows, on: Grid, places: torch.Tensor) -> torch.Tensor:
    """What a periodic frame adds to each row's light of 1, shape (rows, places^2), counts a pixel."""
    x, y = (values[:, None] + on.side * steps for values, steps in zip((rows.x, rows.y), _COPIES.T, strict=True))
    light = _surface(rows, on.put(x), on.put(y), on, places).sum(1)
    # Farther copies, whose light is even: what is beyond a circle as large as the nine frames.
    beyond = np.sqrt(9.0 / math.pi) * on.side * PIXEL_SCALE_ARCSEC / (rows.radius * np.sqrt(rows.ratio))
    tail = np.where(rows.kind == 0, bulge_tail(beyond), 0.0)
    x = EXPONENTIAL_HALF_LIGHT * beyond
    tail += np.where(rows.kind == 1, (1.0 + x) * np.exp(-x), 0.0)
    return light.add_(on.put(tail / on.side**2)[:, None])


def _far(part: Part, lit: Lit, on: Grid, places: torch.Tensor) -> torch.Tensor:
    """Light of 1 of sources outside the frame: their profiles and the PSF's wings; (rows, 2 x bands, places^2)."""
    rows = part.far
    x, y = on.put(rows.x[:, None]), on.put(rows.y[:, None])
    own = torch.zeros(len(rows.kind), 1, len(places) ** 2, dtype=on.kx.dtype, device=on.kx.device)
    extended = np.flatnonzero(rows.kind != 2)
    if len(extended):
        of = Rows(*(values[extended] for values in vars(rows).values()))
        where = torch.from_numpy(extended).to(own.device)
        own.index_copy_(0, where, _surface(of, x[where], y[where], on, places))
    picture = part.pictures[part.far_picture]
    scale = on.put(lit.psf_fwhm[picture] / profiles.MOFFAT_WIDTH)[..., None]
    dx, dy = _offsets(x, y, places)
    # Seen from so far the PSF's shear matters less than the 1 per cent of the noise that these wings are.
    r2 = (dx**2 + dy**2) * PIXEL_SCALE_ARCSEC**2
    psf = 1.5 / math.pi * PIXEL_SCALE_ARCSEC**2 / scale**2 * (1.0 + r2 / scale**2) ** -2.5
    return (own + psf).repeat(1, 2, 1)


def _surface(rows: Rows, x: torch.Tensor, y: torch.Tensor, on: Grid, places: torch.Tensor) -> torch.Tensor:
    """Counts a pixel of bulges and discs of one count at x, y of shape (rows, copies); (rows, copies, places^2)."""
    dx, dy = _offsets(x, y, places)
    sin, cos = (on.put(f(np.radians(rows.angle)))[:, None, None] for f in (np.sin, np.cos))
    radius, ratio = on.put(rows.radius)[:, None, None], on.put(rows.ratio)[:, None, None]
    along, across = dy * cos - dx * sin, (dx * cos + dy * sin) / ratio
    at = torch.sqrt(along**2 + across**2) * (PIXEL_SCALE_ARCSEC / radius)
    is_bulge = torch.from_numpy(rows.kind == 0).to(at.device)[:, None, None]
    bulge = _BULGE_MIDDLE * torch.exp(-DE_VAUCOULEURS_B * at**0.25)
    disc = EXPONENTIAL_HALF_LIGHT**2 / (2.0 * math.pi) * torch.exp(-EXPONENTIAL_HALF_LIGHT * at)
    return torch.where(is_bulge, bulge, disc) * (PIXEL_SCALE_ARCSEC**2 / (radius**2 * ratio))


def _offsets(x: torch.Tensor, y: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows from sources to the places of a picture, row by row; shape (..., places^2)."""
    rows, columns = torch.meshgrid(places, places, indexing="ij")
    return columns.reshape(-1) - x[..., None], rows.reshape(-1) - y[..., None]


@lru_cache(maxsize=8)
def _places(size: int, device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns at which wings are computed, and what each weighs in each column of the picture (cubic)."""
    first = -(size // 2)
    places = np.arange(first - _STEP, first + size + 2 * _STEP, _STEP)
    at = (np.arange(size) + first - places[0]) / _STEP
    whole = np.minimum(at.astype(int), len(places) - 3)
    weights = np.zeros((size, len(places)))
    for point in range(-1, 3):
        others = [other for other in range(-1, 3) if other != point]
        product = np.prod([(at - whole - other) / (point - other) for other in others], axis=0)
        weights[np.arange(size), whole + point] = product
    return torch.from_numpy(places).to(device, dtype), torch.from_numpy(weights).to(device, dtype)
