"""Find sources in the residual of a first fit, which the detection did not deblend from the galaxy.

A neighbour of a hundredth of the target's flux within its light is not deblended, and shifts the Sersic index by more
than its error.  In the residual, filtered with a profile as wide as a PSF, it is separate.
"""

from __future__ import annotations

import torch

from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.fit import Problem, State
from galaxiesml.morphology.sersic.table import Table
from galaxiesml.morphology.sersic.waves import Waves

#: Significance of a spot in the filtered residual.
_SIGMAS = 4.5
#: The filter's sigma and half width, pixels: about the seeing's.
_WIDTH, _REACH = 1.6, 3
#: A target's own middle is never a spot: there a wrong PSF leaves residuals.
_CORE = 3.0
#: Spots over more of a stamp than this are the galaxy's own structure, and stay.
_MOST = 0.15
_TOGETHER = 64


def spots(waves: Waves, table: Table, problem: Problem, state: State) -> torch.Tensor:
    """Pixels to mask before a second fit.

    Returns
    -------
    Tensor (B, 4, half, half) of bool
        In quadrant order; none where they would be more than 15 % of the stamp.
    """
    light = model_light(waves, table, problem, state)
    weight = problem.mask / (problem.variance + light.clamp_min(0.0) / problem.gain[:, None, None, None])
    residual = (problem.data - light - state.values[:, -1, None, None, None].float()) * weight
    residual, weight = waves.to_pictures(residual), waves.to_pictures(weight)
    # A convolution of one channel is slower than two products with matrices of bands.
    bands = _bands(waves.size, light.device)
    noise = (bands**2 @ weight @ bands**2).clamp_min(1e-12).sqrt()
    found = (bands @ residual @ bands > _SIGMAS * noise).float()[:, None]
    pool = torch.nn.functional.max_pool2d
    side = 2 * _REACH + 1
    wide = pool(pool(found, (1, side), 1, (0, _REACH)), (side, 1), 1, (_REACH, 0))[:, 0] > 0
    axis = torch.arange(waves.size, device=light.device) - (waves.size - 1) / 2
    x, y = (axis - state.values[:, at, None] for at in (model.X, model.Y))
    wide &= x[:, None, :] ** 2 + y[:, :, None] ** 2 > _CORE**2
    few = wide.flatten(1).float().mean(1) < _MOST
    return waves.to_quadrants(wide & few[:, None, None])


def _bands(size: int, device: torch.device) -> torch.Tensor:
    """The filter along an axis as a matrix of bands, (size, size)."""
    axis = torch.arange(size, device=device)
    away = (axis[:, None] - axis).abs()
    return torch.exp(-0.5 * (away / _WIDTH) ** 2) * (away <= _REACH)


def model_light(waves: Waves, table: Table, problem: Problem, state: State) -> torch.Tensor:
    """The pictures of all galaxies of a fit without the sky, (B, 4, half, half)."""
    many = len(state.values)
    params = state.values[:, :-1].reshape(many, -1, len(model.PARAMETERS)).float()
    made = []
    for at in range(0, many, _TOGETHER):
        part = params[at : at + _TOGETHER]
        otf = problem.otf[at : at + _TOGETHER].repeat_interleave(part.shape[1], 0)
        images = model.light(waves, table, otf, part.flatten(0, 1))
        made.append(images.reshape(*part.shape[:2], *images.shape[1:]).sum(1))
    return torch.cat(made)
