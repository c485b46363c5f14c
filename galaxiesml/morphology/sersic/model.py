"""Compute pictures of Sersic galaxies through a PSF, with all derivatives, for a batch at once.

A galaxy is seven numbers (`PARAMETERS`).  Its ellipse is exp(shape): with eta = hypot(eta_1, eta_2) the axis ratio is
exp(-eta), r = sqrt(a b) is kept (the conformal shear of Bernstein & Jarvis 2002, eq. 2-6), and every value of the two
is an ellipse.  The transform is S(|k|_ellipse r; n) of `table`, times the PSF's transform and a shift.
"""

from __future__ import annotations

import torch

from galaxiesml.morphology.sersic.table import Table
from galaxiesml.morphology.sersic.waves import Waves, each

#: x and y of the centre (pixels from the picture's middle), ln flux, ln r (circularised half-light radius, pixels),
#: the two components of the conformal shear, ln n.
PARAMETERS = ("x", "y", "ln_flux", "ln_r", "eta_1", "eta_2", "ln_n")
X, Y, LN_FLUX, LN_R, ETA_1, ETA_2, LN_N = range(7)


def spectra(waves: Waves, table: Table, otf: torch.Tensor, params: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra of galaxies and of their derivatives.

    Parameters
    ----------
    otf : Tensor (M, 2, 2, count, count)
        Real and imaginary part of the PSF's transform times `waves.weight`.
    params : Tensor (M, 7)

    Returns
    -------
    real, imaginary : Tensor (M, 7, 2, count, count)
        Derivatives by the seven; that by ln_flux is the galaxy itself.
    """
    many, shape = params.shape[0], (-1, *waves.weight.shape)
    profile, by_u, by_v, ratios = _profile(waves, table, params)
    flux = params[:, LN_FLUX].exp()[:, None]
    real, imaginary = _shifted(waves, otf, params)
    factors = torch.stack([profile, by_u, by_u * ratios[0], by_u * ratios[1], by_v], 1) * flux[:, None]
    factors = factors.reshape(many, 5, *shape[1:])
    out_real = torch.empty(many, 7, *shape[1:], device=params.device)
    out_imaginary = torch.empty_like(out_real)
    torch.mul(factors, real[:, None], out=out_real[:, 2:])
    torch.mul(factors, imaginary[:, None], out=out_imaginary[:, 2:])
    # d/dx of exp(-i k x) is -i k exp(-i k x).
    for axis, k in ((X, waves.kx), (Y, waves.ky)):
        torch.mul(out_imaginary[:, LN_FLUX], k, out=out_real[:, axis])
        torch.mul(out_real[:, LN_FLUX], -k, out=out_imaginary[:, axis])
    return out_real, out_imaginary


def _profile(waves: Waves, table: Table, params: torch.Tensor):
    """S, dS/dln r, dS/dln n (M, waves), and what dS/dln r is to be multiplied by for the two of shape."""
    eta_1, eta_2 = params[:, ETA_1], params[:, ETA_2]
    eta = torch.hypot(eta_1, eta_2).clamp_min(1e-4)
    # cosh and sinh of expm1: torch's own round otherwise in vectors than alone, and a fit would know its batch.
    grown = torch.expm1(eta)
    c, s = 1 + grown**2 / (2 * (grown + 1)), (grown + grown / (grown + 1)) / (2 * eta)
    # (d/deta of sinh(eta) / eta) / eta, by its series where the difference would drown.
    slope = torch.where(eta > 0.05, (c - s) / eta**2, 1 / 3 + eta**2 / 30)
    form = torch.stack(
        [
            torch.stack([c, s * eta_1, s * eta_2], 1),
            torch.stack([s * eta_1, s + slope * eta_1**2, slope * eta_1 * eta_2], 1),
            torch.stack([s * eta_2, slope * eta_1 * eta_2, s + slope * eta_2**2], 1),
        ],
        1,
    )
    forms = each(form, waves.geometry)
    square = forms[:, 0].clamp_min(1e-12)
    ratios = 0.5 * forms[:, 1] / square, 0.5 * forms[:, 2] / square
    at = (0.5 * square.log() + (params[:, LN_R, None] - table.first)) * (1 / table.step)
    at = at.clamp_(0.0, table.values.shape[2] - 1.001)
    cell = at.long()
    t = at - cell
    rows = table.rows(params[:, LN_N])
    c0, c1, c2, c3, d0, d1 = (row.gather(1, cell) for row in rows)
    profile = torch.addcmul(c0, t, torch.addcmul(c1, t, torch.addcmul(c2, t, c3)))
    by_u = torch.addcmul(c1, t, torch.addcmul(2 * c2, t, c3, value=3)) * (1 / table.step)
    return profile, by_u, torch.addcmul(d0, t, d1), ratios


def _shifted(waves: Waves, otf: torch.Tensor, params: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The PSF's transform times exp(-i (kx x + ky y))."""
    phase_x, phase_y = params[:, X, None] * waves.k, params[:, Y, None] * waves.k
    cos_x, sin_x = phase_x.cos()[:, None, None], phase_x.sin()[:, None, None]
    cos_y, sin_y = phase_y.cos()[:, None, :, None], phase_y.sin()[:, None, :, None]
    sign = torch.tensor([1.0, -1.0], device=params.device)[None, :, None, None]
    sin_y = sin_y * sign
    cos, sin = cos_x * cos_y - sin_x * sin_y, sin_x * cos_y + cos_x * sin_y
    return otf[:, 0] * cos + otf[:, 1] * sin, otf[:, 1] * cos - otf[:, 0] * sin


def light(waves: Waves, table: Table, otf: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
    """Galaxies' pictures alone, (M, 4, half, half) in quadrant order."""
    profile = _profile(waves, table, params)[0] * params[:, LN_FLUX].exp()[:, None]
    profile = profile.reshape(-1, *waves.weight.shape)
    return waves.pictures(*(profile * part for part in _shifted(waves, otf, params)))


def pictures(waves: Waves, table: Table, otf: torch.Tensor, params: torch.Tensor) -> torch.Tensor:
    """Galaxies' pictures and derivatives, (M, 7, 4, half, half) in quadrant order."""
    real, imaginary = spectra(waves, table, otf, params)
    made = waves.pictures(real.flatten(0, 1), imaginary.flatten(0, 1))
    return made.reshape(params.shape[0], 7, *made.shape[1:])
