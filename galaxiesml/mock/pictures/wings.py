"""The outskirts of light, drawn from the profiles' own formulas where PSF and pixels no longer matter.

A frame is periodic: what leaves it on one side enters on the other.  Of that light the nearest copies of a
profile are taken away here, and of all farther ones their mean.  Sources whose centres are outside of the frame are
drawn by their wings.  Both are smooth in the picture, so that they are computed on every fourth pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures import profiles
from galaxiesml.mock.pictures.plan import Lit, Part, Rows, bulge_tail, disc_tail
from galaxiesml.mock.pictures.profiles import DE_VAUCOULEURS_B, EXPONENTIAL_HALF_LIGHT, Grid

#: Pixels between two places at which wings are computed.
_STEP = 4
#: Rings of copies that are taken away one by one, of profiles whose radius is below a sixteenth of the frame, and of
#: others.
_RINGS = (1, 3)
_BULGE_MIDDLE = DE_VAUCOULEURS_B**8 / (2.0 * math.pi * 4.0 * math.gamma(8.0))


@dataclass(frozen=True)
class _Psf:
    """Scale radii in arcsec and shears along pixel axes of Moffat profiles, arrays of one shape."""

    scale: np.ndarray
    g1: np.ndarray
    g2: np.ndarray

    def at(self, which: np.ndarray) -> _Psf:
        return _Psf(self.scale[which], self.g1[which], self.g2[which])

    def form(self) -> np.ndarray:
        """xx, xy and yy of the elliptical radius squared in scale radii, shape (..., 3), arcsec^-2."""
        g1, g2 = self.g1, self.g2
        form = np.stack([(1.0 - g1) ** 2 + g2**2, -4.0 * g2, (1.0 + g1) ** 2 + g2**2], -1)
        return form / ((1.0 - g1**2 - g2**2) * self.scale**2)[..., None]


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
    psf = _Psf(lit.psf_fwhm / profiles.MOFFAT_WIDTH, lit.psf_g1, lit.psf_g2).at(part.pictures)
    is_large = part.rows.radius[part.spilling] > on.side * PIXEL_SCALE_ARCSEC / 16.0
    for rings, chosen in zip(_RINGS, (~is_large, is_large), strict=True):
        picture, row = (values[chosen] for values in part.spilling)
        if len(picture):
            rows = Rows(*(values[picture, row] for values in vars(part.rows).values()))
            spilled = _spilled(rows, psf.at(picture), on, places, rings).repeat(1, 2, 1)
            spilled *= on.put(part.weights[picture, :, row])[..., None]
            coarse -= _summed(spilled, picture, len(part.pictures))
    if len(part.far_picture):
        far = part.far
        light = _light(far, far.x[:, None], far.y[:, None], psf.at(part.far_picture), on, places).repeat(1, 2, 1)
        coarse += _summed(light * on.put(part.far_weights)[..., None], part.far_picture, len(part.pictures))
    coarse = coarse.view(*coarse.shape[:2], len(places), len(places))
    return weights @ coarse @ weights.T


def _summed(values: torch.Tensor, picture: np.ndarray, pictures: int) -> torch.Tensor:
    """Sums of rows by picture, by a matrix product: sums by index are not the same twice on a GPU."""
    is_of = torch.from_numpy(np.arange(pictures)[:, None] == picture).to(values.device, values.dtype)
    return (is_of @ values.flatten(1)).view(pictures, *values.shape[1:])


def _spilled(rows: Rows, psf: _Psf, on: Grid, places: torch.Tensor, rings: int) -> torch.Tensor:
    """What a periodic frame adds to each row's light of 1, shape (rows, bands, places^2), counts a pixel."""
    steps = np.arange(-rings, rings + 1)
    steps = np.array([(x, y) for x in steps for y in steps if x or y]).T * on.side
    x, y = rows.x[:, None] + steps[0], rows.y[:, None] + steps[1]
    # Farther copies, whose light is even: what is beyond the square of these frames.
    tail = _beyond(rows, (rings + 0.5) * on.side * PIXEL_SCALE_ARCSEC)
    return _light(rows, x, y, psf, on, places).add_(on.put(tail / on.side**2)[:, None, None])


def _beyond(rows: Rows, half: float) -> np.ndarray:
    """Share of each row's light outside a square of a half-width in arcsec around it, shape (rows,)."""
    angle = (np.arange(32) + 0.5) * np.pi / 32.0
    along, across = np.cos(angle), rows.ratio[:, None] * np.sin(angle)
    sin, cos = np.sin(np.radians(rows.angle))[:, None], np.cos(np.radians(rows.angle))[:, None]
    # How far in each direction the ellipse of radius 1 reaches along columns and rows.
    most = np.maximum(np.abs(across * cos - along * sin), np.abs(along * cos + across * sin))
    radius = half / (np.where(rows.kind == 2, 1.0, rows.radius)[:, None] * most)
    return np.choose(rows.kind[:, None], [bulge_tail(radius), disc_tail(radius), 0.0]).mean(axis=1)


def _light(rows: Rows, x, y, psf: _Psf, on: Grid, places: torch.Tensor) -> torch.Tensor:
    """Light of 1 of profiles far from their centres, summed over copies.

    Far out a profile that is blurred is the profile, more of it by its curvature, and the wings of the blur.  For
    Moffat profiles of exponent 2.5 a blur of 0.95 scale radii is right to some per cent of a correction that is
    below a fifth.

    Parameters
    ----------
    x, y : ndarray, shape (rows, copies)
        Centres, pixels.
    psf : _Psf
        Of shape (rows, bands).

    Returns
    -------
    Tensor, shape (rows, bands, places^2)
        Counts a pixel.
    """
    dx, dy = _offsets(on.put(x), on.put(y), places)
    # The PSF's elliptical radius in scale radii, for each band.
    scale2 = on.put(psf.scale**2)[..., None]
    xx, xy, yy = (part[:, :, None, None] for part in on.put(psf.form() * PIXEL_SCALE_ARCSEC**2).unbind(-1))
    dx1, dy1 = dx[:, None], dy[:, None]
    r2 = torch.addcmul(yy * dy1**2, xx * dx1 + xy * dy1, dx1)
    root = torch.rsqrt(r2.add_(1.0))
    light = (root**5).sum(-2) * (1.5 / math.pi * PIXEL_SCALE_ARCSEC**2) / scale2
    extended = torch.from_numpy(np.flatnonzero(rows.kind != 2)).to(light.device)
    if len(extended):
        of = Rows(*(values[rows.kind != 2] for values in vars(rows).values()))
        own, curved = (values.sum(1)[:, None] for values in _surface(of, dx[extended], dy[extended], on))
        light[extended] += own + curved * (0.95 / 2.0) * scale2[extended]
    return light


def _surface(rows: Rows, dx: torch.Tensor, dy: torch.Tensor, on: Grid) -> tuple[torch.Tensor, torch.Tensor]:
    """Counts a pixel of bulges and discs of one count, and their Laplacian in 1/arcsec^2; the shape of dx."""
    sin, cos = (on.put(f(np.radians(rows.angle)))[:, None, None] for f in (np.sin, np.cos))
    radius, ratio = on.put(rows.radius)[:, None, None], on.put(rows.ratio)[:, None, None]
    unit = PIXEL_SCALE_ARCSEC / radius
    along, across = (dy * cos - dx * sin) * unit, (dx * cos + dy * sin) * unit / ratio
    at = torch.sqrt(along**2 + across**2).clamp_(min=1e-3)
    is_bulge = torch.from_numpy(rows.kind == 0).to(at.device)[:, None, None]
    b, a = DE_VAUCOULEURS_B, EXPONENTIAL_HALF_LIGHT
    quarter = torch.sqrt(torch.sqrt(at))
    middle = torch.where(is_bulge, _BULGE_MIDDLE, a**2 / (2.0 * math.pi)) * unit**2 / ratio
    light = torch.exp(torch.where(is_bulge, -b * quarter, -a * at)) * middle
    # First and second derivatives by the elliptical radius, over the light.
    slope = torch.where(is_bulge, -b / 4.0 * quarter / at, -a)
    bend = slope**2 - torch.where(is_bulge, 0.75 * slope / at, 0.0)
    gradient2 = (along**2 + (across / ratio) ** 2) / at**2
    curved = bend * gradient2 + slope / at * (1.0 + ratio**-2 - gradient2)
    return light, light * curved / radius**2


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
