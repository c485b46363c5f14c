"""Magnitudes as the survey's pipeline measures them: a galaxy profile that is fitted to pixels, with errors of its own.

An exponential and a de Vaucouleurs profile, elliptical and convolved with the PSF, are fitted to the i band (Lupton et
al. 2001; Bosch et al. 2018, PASJ 70, S5, section 4.9.9).  Their best non-negative sum there is the profile with which
all bands are measured; the survey sums them anew in each band, which doubles the scatter of faint colours.  The shapes
have the fit's errors, so a magnitude and its error say of the galaxy's size what the pixels say.  Everything is done on
Fourier transforms of a batch of frames at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures import profiles
from galaxiesml.mock.pictures.profiles import Grid

#: Side of a frame that is measured, and of the part (or of the frame in bins of 2 x 2) that is fitted, pixels.
FRAME, FITTED = 128, 64
#: Half-light radii from which a fit starts, arcsec; from the last but one on the frame is binned.
_RADII = (0.03, 0.12, 0.25, 0.45, 0.8, 1.4, 2.5, 5.0)
_WIDE_ARCSEC = 1.2
#: Steps of the fit, its damping, and the longest step in ln(radius) and in the ellipticity.
_STEPS, _DAMPING, _LONGEST = 6, 0.02, (0.6, 0.35)
#: Mean and scatter of the prior on ln(half-light radius in arcsec), and scatter of the one on the ellipticity: as in
#: the pipeline they hold the shapes of what is too faint to have one.
_RADIUS_PRIOR, _ELLIPTICITY_PRIOR = (-0.7, 1.0), 0.6
#: Limits of the radius, arcsec, and of the logarithm of the axis ratio.
_RADIUS_LIMITS, _LEAST_RATIO = (0.02, 15.0), 2.3
_I = 2


@dataclass(frozen=True)
class Psf:
    """Moffat profiles of exponent 2.5: full width (arcsec) and shear along pixel axes, each of shape (n, bands)."""

    fwhm_arcsec: Tensor
    g1: Tensor
    g2: Tensor


@dataclass(frozen=True)
class Fluxes:
    """What was measured of n objects; the band axis is g, r, i, z, y.

    Attributes
    ----------
    flux, error : Tensor, shape (n, bands)
        Counts; the error is the noise that the profile lets through, and nothing else.
    radius_arcsec, axis_ratio, de_vaucouleurs_share : Tensor, shape (n,)
        Of the fit in i: half-light radius along the major axis and axis ratio of the brighter profile, and the share of
        the de Vaucouleurs profile.
    """

    flux: Tensor
    error: Tensor
    radius_arcsec: Tensor
    axis_ratio: Tensor
    de_vaucouleurs_share: Tensor


def measure(frames: Tensor, x: Tensor, y: Tensor, psf: Psf, sigma: Tensor, gain: Tensor) -> Fluxes:
    """Measure the object in the middle of frames from which all other light was taken.

    Parameters
    ----------
    frames : Tensor, shape (n, bands, 128, 128)
        Counts; rows northward.  No NaN.
    x, y : Tensor, shape (n,)
        Where the object is: columns and rows from the centre of pixel (64, 64), within a pixel.
    psf : Psf
    sigma : Tensor, shape (n, bands)
        Standard deviation of the sky in a pixel, counts.
    gain : Tensor, shape (bands,)
        Electrons a count.

    Returns
    -------
    Fluxes
    """
    n = len(frames)
    wide = _Part.binned(frames, x, y, psf, sigma)
    radius = _start(wide)
    is_wide = radius.amax(1) > _WIDE_ARCSEC
    out = [torch.zeros(n, frames.shape[1], dtype=frames.dtype, device=frames.device) for _ in range(2)]
    out += [torch.zeros(n, dtype=frames.dtype, device=frames.device) for _ in range(3)]
    for rows, part in ((is_wide, _Part.binned), (~is_wide, _Part.cropped)):
        at = torch.nonzero(rows)[:, 0]
        if not len(at):
            continue
        of = Psf(psf.fwhm_arcsec[at], psf.g1[at], psf.g2[at])
        some = part(frames[at], x[at], y[at], of, sigma[at])
        start = radius[at] if part == _Part.binned else _start(some)
        for whole, values in zip(out, _measured(some, start, gain), strict=True):
            whole[at] = values
    return Fluxes(*out)


def measure_one(frame, place, psf, sigma, gain) -> tuple[list[float], list[float]]:
    """Measure one object from NumPy arrays, in float64 on one thread: the same bits on every run.

    Parameters
    ----------
    frame : array_like, shape (bands, 128, 128)
    place : tuple of float
        x and y.
    psf : array_like, shape (3, bands)
        Full width, g1, g2.
    sigma, gain : array_like, shape (bands,)

    Returns
    -------
    flux, error : list of float
        Counts, in band order.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        frames, sigmas, gains = (torch.tensor(np.asarray(values, float)) for values in (frame, sigma, gain))
        x, y = (torch.tensor([value], dtype=torch.float64) for value in place)
        of = Psf(*torch.tensor(np.asarray(psf, float))[:, None])
        made = measure(frames[None], x, y, of, sigmas[None], gains)
    finally:
        torch.set_num_threads(threads)
    return made.flux[0].tolist(), made.error[0].tolist()


@dataclass(frozen=True)
class _Part:
    """Frames of 64 x 64 pixels as transforms, and what models on them need.

    Attributes
    ----------
    data : complex Tensor, shape (n, bands, rows, columns)
    blur : Tensor, shape (n, bands, rows, columns)
        Transforms of PSF and pixel.
    phase : complex Tensor, shape (n, rows, columns)
    noise : Tensor, shape (n, bands)
        Standard deviation in a pixel of the part.
    on : Grid
    weight : Tensor, shape (columns,)
        How often a column of the half plane counts, over the number of pixels.
    bin : int
        Pixels of the frame on a side of one.
    """

    data: Tensor
    blur: Tensor
    phase: Tensor
    noise: Tensor
    on: Grid
    weight: Tensor
    bin: int

    @classmethod
    def cropped(cls, frames: Tensor, x: Tensor, y: Tensor, psf: Psf, sigma: Tensor) -> _Part:
        first = (FRAME - FITTED) // 2
        inside = slice(first, first + FITTED)
        return cls._of(frames[..., inside, inside], x, y, psf, sigma, 1)

    @classmethod
    def binned(cls, frames: Tensor, x: Tensor, y: Tensor, psf: Psf, sigma: Tensor) -> _Part:
        # The centre of a bin of two is half a pixel further than that of its first.
        bins = frames.unflatten(-1, (FITTED, 2)).sum(-1).unflatten(-2, (FITTED, 2)).sum(-2)
        return cls._of(bins, x - 0.5, y - 0.5, psf, 2.0 * sigma, 2)

    @classmethod
    def _of(cls, frames: Tensor, x: Tensor, y: Tensor, psf: Psf, sigma: Tensor, size: int) -> _Part:
        on = _half_plane(size, str(frames.device), frames.dtype)
        data = torch.fft.rfft2(frames.roll((-(FITTED // 2), -(FITTED // 2)), (-2, -1)))
        form = profiles.sheared(psf.fwhm_arcsec / profiles.MOFFAT_WIDTH, psf.g1, psf.g2)
        half = size * PIXEL_SCALE_ARCSEC / (2.0 * torch.pi)
        pixel = torch.sinc(on.ky * half)[:, None] * torch.sinc(on.kx * half)
        rows, columns = profiles.phases(x, y, on)
        weight = torch.full_like(on.kx, 2.0 / FITTED**2)
        weight[0] = weight[-1] = 1.0 / FITTED**2
        blur = profiles.moffat(profiles.squared(form, on)) * pixel
        return cls(data, blur, rows[:, :, None] * columns[:, None], sigma, on, weight, size)

    @property
    def centred(self) -> Tensor:
        """The real part of the i band's transform as seen from the object, shape (n, rows, columns).

        A profile that is symmetric about the object has a real transform there, so the rest is noise to it.
        """
        return (self.data[:, _I] * self.phase.conj()).real

    def dot(self, a: Tensor, b: Tensor) -> Tensor:
        """The sum over pixels of the product of two frames, from their real transforms about the object."""
        return (a * b * self.weight).sum((-2, -1))


def _half_plane(size: int, device: str, dtype: torch.dtype) -> Grid:
    """The frequencies of ``rfft2``; what aliases beyond them is left to the fit's errors."""
    step = 2.0 * torch.pi / (FITTED * size * PIXEL_SCALE_ARCSEC)
    kx = torch.arange(FITTED // 2 + 1, device=device, dtype=dtype) * step
    ky = torch.fft.fftfreq(FITTED, 1.0 / FITTED, device=device, dtype=dtype) * step
    return Grid(FITTED, kx, ky)


_PROFILES = (profiles.exponential, profiles.de_vaucouleurs)


def _start(part: _Part) -> Tensor:
    """The radius, of those from which a fit may start, at which each round profile fits best; shape (n, 2)."""
    data, blur = part.centred, part.blur[:, _I]
    square = part.on.ky[:, None] ** 2 + part.on.kx**2
    found = []
    for profile in _PROFILES:
        gains = []
        for radius in _RADII:
            model = profile(square * radius**2) * blur
            flux = part.dot(data, model) / part.dot(model, model)
            gains.append(flux.clamp(min=0.0) * part.dot(data, model))
        found.append(torch.stack(gains, 1).argmax(1))
    return torch.tensor(_RADII, dtype=blur.dtype, device=blur.device)[torch.stack(found, 1)]


def _measured(part: _Part, start: Tensor, gain: Tensor) -> tuple[Tensor, ...]:
    shapes = [_fitted(part, profile, start[:, at]) for at, profile in enumerate(_PROFILES)]
    light = [profile(profiles.squared(_form(shape), part.on)) for profile, shape in zip(_PROFILES, shapes, strict=True)]
    data = (part.data * part.phase.conj()[:, None]).real
    one, two = (profile[:, None] * part.blur for profile in light)
    share = _share(part, data[:, _I], one[:, _I], two[:, _I])
    model = torch.lerp(one, two, share[:, None, None, None])
    norm = part.dot(model, model)
    flux = part.dot(data, model) / norm
    heavier = torch.where((share > 0.5)[:, None], shapes[1], shapes[0])
    ratio = torch.exp(-torch.hypot(heavier[:, 1], heavier[:, 2]))
    return flux, _error(part, model, flux, norm, gain), torch.exp(heavier[:, 0]), ratio, share


def _error(part: _Part, model: Tensor, flux: Tensor, norm: Tensor, gain: Tensor) -> Tensor:
    """The flux's standard deviation: noise of the sky and of the object's own light, through the profile."""
    pixels = torch.fft.irfft2(model.to(part.data.dtype), s=(FITTED, FITTED))
    own = flux.clamp(min=0.0) / gain * (pixels**3).sum((-2, -1))
    return torch.sqrt(part.noise**2 * norm + own.clamp(min=0.0)) / norm


def _share(part: _Part, data: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """The second profile's share of the best non-negative sum of the two, shape (n,)."""
    a, b, c = part.dot(one, one), part.dot(one, two), part.dot(two, two)
    u, v = part.dot(data, one), part.dot(data, two)
    determinant = torch.maximum(a * c - b * b, 1e-6 * a * c)
    first, second = (c * u - b * v) / determinant, (a * v - b * u) / determinant
    # Where the best sum has a negative part, the better profile alone.
    alone = (v.clamp(min=0.0) ** 2 / c > u.clamp(min=0.0) ** 2 / a).to(a.dtype)
    return torch.where((first >= 0.0) & (second >= 0.0) & (first + second > 0.0), second / (first + second), alone)


# -- the fit of one profile ----------------------------------------------------------------------------------


def _form(shape: Tensor) -> Tensor:
    """The form of shapes (ln radius, and the two parts of the ellipticity), shape (..., 3)."""
    length = torch.hypot(shape[..., 1], shape[..., 2])
    angle = torch.rad2deg(torch.atan2(shape[..., 2], shape[..., 1]) / 2.0)
    return profiles.ellipse(torch.exp(shape[..., 0]), torch.exp(-length), angle)


def _fitted(part: _Part, profile, radius: Tensor) -> Tensor:
    """Shapes that fit the i band best: steps of Gauss and Newton in ln(radius) and ellipticity, the flux eliminated."""
    data, blur, noise = part.centred, part.blur[:, _I], part.noise[:, _I]

    def model(shape: Tensor) -> Tensor:
        return profile(profiles.squared(_form(shape), part.on)) * blur

    def cost(made: Tensor, shape: Tensor) -> Tensor:
        flux = part.dot(data, made).clamp(min=0.0) / part.dot(made, made)
        return -flux * part.dot(data, made) / noise**2 + _prior(shape).square().sum(-1)

    # A little off round, where the ellipticity has a direction.
    shape = torch.stack([torch.log(radius), torch.full_like(radius, 0.05), torch.full_like(radius, 0.05)], -1)
    made = model(shape)
    now, damping = cost(made, shape), torch.full_like(radius, _DAMPING)
    for _ in range(_STEPS):
        tried = _bounded(shape + _step(part, data, made, shape, model, noise, damping))
        candidate = model(tried)
        then = cost(candidate, tried)
        is_better = then < now
        shape = torch.where(is_better[:, None], tried, shape)
        made = torch.where(is_better[:, None, None], candidate, made)
        now, damping = torch.where(is_better, then, now), torch.where(is_better, damping * 0.3, damping * 10.0)
    return shape


def _prior(shape: Tensor) -> Tensor:
    """Distances from the prior in its standard deviations, shape (..., 3)."""
    mean, scatter = _RADIUS_PRIOR
    return torch.stack([(shape[..., 0] - mean) / scatter, *(shape[..., at] / _ELLIPTICITY_PRIOR for at in (1, 2))], -1)


def _step(part: _Part, data, made, shape, model, noise, damping) -> Tensor:
    """The step to where residuals, linear in the shape about here, are least."""
    flux = (part.dot(data, made).clamp(min=0.0) / part.dot(made, made))[:, None, None]
    delta = 0.02
    sides = []
    for at in range(3):
        moved = shape.clone()
        moved[:, at] += delta
        sides.append(flux * (model(moved) - made) / delta)
    columns = torch.stack([made, *sides], 1) * torch.sqrt(part.weight) / noise[:, None, None, None]
    rest = (data - flux * made) * torch.sqrt(part.weight) / noise[:, None, None]
    flat = columns.flatten(2)
    normal = flat @ flat.transpose(1, 2)
    right = (flat @ rest.flatten(1)[:, :, None])[:, :, 0]
    prior = _prior(shape)
    pull = torch.tensor(
        [1.0 / _RADIUS_PRIOR[1], *[1.0 / _ELLIPTICITY_PRIOR] * 2], dtype=shape.dtype, device=shape.device
    )
    normal[:, range(1, 4), range(1, 4)] += pull**2
    right[:, 1:] -= pull * prior
    diagonal = torch.diagonal(normal, dim1=1, dim2=2)
    normal = normal + torch.diag_embed(diagonal * damping[:, None] + 1e-12 * diagonal.amax(1, keepdim=True))
    solved = torch.linalg.solve(normal, right)[:, 1:]
    limit = torch.tensor([_LONGEST[0], _LONGEST[1], _LONGEST[1]], dtype=shape.dtype, device=shape.device)
    return torch.maximum(torch.minimum(solved, limit), -limit)


def _bounded(shape: Tensor) -> Tensor:
    low, high = (torch.log(torch.tensor(value)).item() for value in _RADIUS_LIMITS)
    length = torch.hypot(shape[:, 1], shape[:, 2]).clamp(min=1e-6)
    shrink = (_LEAST_RATIO / length).clamp(max=1.0)
    return torch.stack([shape[:, 0].clamp(low, high), shape[:, 1] * shrink, shape[:, 2] * shrink], -1)
