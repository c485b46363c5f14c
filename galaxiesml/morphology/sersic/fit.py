"""Levenberg-Marquardt fits of a batch of pictures, each with its own damping; finished fits leave the batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.table import N_MAX, N_MIN, Table
from galaxiesml.morphology.sersic.waves import Waves

_SEVEN = len(model.PARAMETERS)
#: Where a fit has ended: the step that is left, in units of the errors, squared; and where it may end at the last turn.
_TOLERANCE, _ENOUGH = 4e-3, 1e-2
#: Sums in single precision tell two values of chi square apart when they differ by more than this part.
_ALIKE = 3e-7
#: Longest step of a parameter in one iteration.
_LONGEST = (2.0, 2.0, 1.0, 0.7, 0.7, 0.7, 0.7)
_ETA_MAX = 3.0


@dataclass
class Problem:
    """The data that a batch is fitted to, all in quadrant order.

    Attributes
    ----------
    data : Tensor (B, 4, half, half)
    variance : Tensor of the same shape
        Of the sky alone where `gain` is given, else whole; of any value where `mask` is 0.
    mask : Tensor of the same shape
        1 for a pixel that counts, else 0.
    otf : Tensor (B, 2, 2, count, count)
    prior, precision : Tensor (B, 7 C + 1) of float64
        Gaussian priors of the parameters of C galaxies, then of the sky: mean, and 1 / sigma^2 (0: none).
    gain : Tensor (B,)
        Electrons a unit of flux; infinite: the variance is already complete.
    """

    data: torch.Tensor
    variance: torch.Tensor
    mask: torch.Tensor
    otf: torch.Tensor
    prior: torch.Tensor
    precision: torch.Tensor
    gain: torch.Tensor

    def at(self, rows: torch.Tensor) -> Problem:
        """The same of some rows."""
        return Problem(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@dataclass
class State:
    """The state of the fits of a batch.

    Attributes
    ----------
    values : Tensor (B, 7 C + 1) of float64
        The parameters of C galaxies, then the sky.
    covariance : Tensor (B, 7 C + 1, 7 C + 1) of float64
        Zero in rows and columns of parameters at a bound.
    chi2 : Tensor (B,)
    bound : Tensor (B, 7 C + 1) of bool
        Parameters at a bound.
    iterations : Tensor (B,) of int64
    converged : Tensor (B,) of bool
    """

    values: torch.Tensor
    covariance: torch.Tensor
    chi2: torch.Tensor
    bound: torch.Tensor
    iterations: torch.Tensor
    converged: torch.Tensor

    def at(self, rows: torch.Tensor | slice) -> State:
        """The same of some rows."""
        return State(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def bounds(start: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lowest and highest values of the seven, for starts (B, C, 7) in a picture of `size` pixels."""
    low, high = start.clone(), start.clone()
    for at, (down, up) in {
        model.X: (6.0, 6.0),
        model.Y: (6.0, 6.0),
        model.LN_FLUX: (7.0, 5.0),
    }.items():
        low[..., at] -= down
        high[..., at] += up
    low[..., model.LN_R], high[..., model.LN_R] = math.log(0.05), math.log(2.0 * size)
    for at in (model.ETA_1, model.ETA_2):
        low[..., at], high[..., at] = -_ETA_MAX, _ETA_MAX
    low[..., model.LN_N], high[..., model.LN_N] = math.log(N_MIN), math.log(N_MAX)
    return low, high


def fit(
    waves: Waves, table: Table, problem: Problem, start: torch.Tensor, together: int = 16, iterations: int = 40
) -> State:
    """Fit every picture.

    Parameters
    ----------
    start : Tensor (B, C, 7)
        Of C galaxies a picture; the first is the target.
    together : int
        Pictures worked on at once; when one has ended, the next takes its place.
    iterations : int
        The most that a fit takes.
    """
    limits = zip(bounds(start.double(), waves.size), (-1e30, 1e30), strict=True)
    low, high = (_with_sky(limit, value) for limit, value in limits)
    values = torch.cat([start.double().flatten(1), problem.prior[:, -1:]], 1).clamp(low, high)
    many, size = values.shape
    longest = torch.tensor(_LONGEST * start.shape[1] + (1e30,), dtype=torch.float64, device=start.device)
    end = State(
        values.clone(),
        values.new_zeros(many, size, size),
        values.new_full((many,), torch.inf),
        torch.zeros(many, size, dtype=torch.bool, device=start.device),
        torch.zeros(many, dtype=torch.int64, device=start.device),
        torch.zeros(many, dtype=torch.bool, device=start.device),
    )
    rows = torch.arange(min(together, many), device=start.device)
    waiting = len(rows)
    once = waves.once()
    work = _Work(problem, once, values, low, high, rows)
    while len(rows):
        work.take(*_equations(waves, table, work))
        free, step, left = work.step(longest)
        done = (left < _TOLERANCE) | (work.damping > 1e9) | (work.turns >= iterations)
        work.trial = torch.minimum(torch.maximum(work.values + step, work.low), work.high)
        if done.any():
            _keep(end, rows[done], work, done, free, left)
            slots = done.nonzero()[:, 0][: many - waiting]
            if len(slots):
                rows[slots] = torch.arange(waiting, waiting + len(slots), device=start.device)
                waiting += len(slots)
                work.put(slots, _Work(problem, once, values, low, high, rows[slots]))
                done[slots] = False
            if done.any():
                rows, work = rows[~done], work.at(~done)
    return end


def _with_sky(limit: torch.Tensor, value: float) -> torch.Tensor:
    return torch.cat([limit.flatten(1), limit.new_full((limit.shape[0], 1), value)], 1)


class _Work:
    """What the pictures that are being worked on hold from one turn to the next, a row each."""

    def __init__(self, problem: Problem, once: torch.Tensor, values: torch.Tensor, low, high, rows: torch.Tensor):
        self.problem = problem.at(rows)
        self.values, self.low, self.high = values[rows], low[rows], high[rows]
        many, size = self.values.shape
        self.trial = self.values.clone()
        self.normal, self.gradient = values.new_zeros(many, size, size), values.new_zeros(many, size)
        self.chi2 = values.new_full((many,), torch.inf)
        self.once = self.problem.mask * once
        self.weights = self.once / self.problem.variance
        self.damping, self.promised = values.new_full((many,), 1e-2), values.new_ones(many)
        self.turns, self.poor = torch.zeros(2, many, dtype=torch.int64, device=values.device)

    def _tensors(self) -> list[str]:
        return [name for name in self.__dict__ if name != "problem"]

    def at(self, rows: torch.Tensor) -> _Work:
        """The same of some rows."""
        new = object.__new__(_Work)
        new.problem = self.problem.at(rows)
        for name in self._tensors():
            setattr(new, name, getattr(self, name)[rows])
        return new

    def put(self, rows: torch.Tensor, other: _Work) -> None:
        """Others in place of some rows."""
        for name in self._tensors():
            getattr(self, name)[rows] = getattr(other, name)
        for name in Problem.__dataclass_fields__:
            getattr(self.problem, name)[rows] = getattr(other.problem, name)

    def take(self, normal, gradient, before, after, weights) -> None:
        """Go to the trial values where chi square fell by the weights of before; damp more elsewhere."""
        first, alike = self.turns == 0, self.chi2 * _ALIKE
        better = torch.isfinite(before) & (before <= self.chi2 + alike) | first
        self.turns += 1
        # How much of what was promised came: little also where undamped steps leap from side to side of a valley.
        came = (self.chi2 + alike - before) / self.promised
        poor = ~first & ~(came > 0.25)
        # From one poor step to the next the damping grows faster: weak directions want little of it, bad starts much.
        self.poor = torch.where(poor, self.poor + 1, 0)
        factor = torch.where(poor, 8.0**self.poor, torch.where(first | (came > 0.75), 0.1, 1.0))
        self.damping = (self.damping * factor).clamp_min(1e-7)
        self.values = torch.where(better[:, None], self.trial, self.values)
        self.gradient = torch.where(better[:, None], gradient, self.gradient)
        self.normal = torch.where(better[:, None, None], normal, self.normal)
        self.chi2 = torch.where(better, after, self.chi2)
        self.weights = torch.where(better[:, None, None, None], weights, self.weights)

    def step(self, longest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Which parameters are free, the damped step, and the undamped one squared in units of the errors."""
        at_low = (self.values <= self.low) & (self.gradient < 0)
        at_high = (self.values >= self.high) & (self.gradient > 0)
        free = ~(at_low | at_high)
        gradient = torch.where(free, self.gradient, 0.0)
        normal = reduced(self.normal, free)
        diagonal = torch.diagonal(normal, dim1=1, dim2=2)
        damped = normal + torch.diag_embed(diagonal * self.damping[:, None])
        both = torch.stack([damped, normal + torch.diag_embed(diagonal * 1e-9)], 1)
        factor, _ = torch.linalg.cholesky_ex(both)
        solved = torch.cholesky_solve(gradient[:, None, :, None].expand(-1, 2, -1, 1), factor)[..., 0]
        solved = torch.nan_to_num(solved, 0.0, 0.0, 0.0)
        step = solved[:, 0]
        scale = (longest / step.abs().clamp_min(1e-30)).amin(1).clamp_max(1.0)
        left = (gradient * solved[:, 1]).sum(1)
        step = step * scale[:, None]
        self.promised = (step * (2 * gradient - (normal @ step[..., None])[..., 0])).sum(1).clamp_min(1e-30)
        return free, step, left


def reduced(normal: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Normal matrices with the parameters that are not free taken out: 1 on the diagonal, else 0."""
    both = free[:, :, None] & free[:, None, :]
    kept = torch.where(both, normal, 0.0)
    diagonal = torch.diagonal(kept, dim1=1, dim2=2)
    return kept + torch.diag_embed(torch.where(free & (diagonal > 0), 0.0, 1.0))


def _equations(waves: Waves, table: Table, work: _Work):
    """Normal equations at the trial values, with chi square by the weights of before and by those of the trial."""
    problem = work.problem
    many, size = work.trial.shape
    params = work.trial[:, :-1].reshape(-1, _SEVEN).float()
    sky = work.trial[:, -1].float()
    galaxies = params.shape[0] // many
    otf = problem.otf if galaxies == 1 else problem.otf.repeat_interleave(galaxies, 0)
    images = model.pictures(waves, table, otf, params).reshape(many, galaxies, _SEVEN, -1)
    light = images[:, 0, model.LN_FLUX] if galaxies == 1 else images[:, :, model.LN_FLUX].sum(1)
    residual = problem.data.flatten(1) - light - sky[:, None]
    away = work.trial - problem.prior
    prior = (problem.precision * away**2).sum(1)
    before = (work.weights.flatten(1) * residual.square()).sum(1).double() + prior
    variance = problem.variance.flatten(1) + light.clamp_min(0.0) / problem.gain[:, None]
    weights = work.once.flatten(1) / variance
    root = weights.sqrt()
    rows = torch.empty(many, size + 1, residual.shape[1], device=params.device)
    torch.mul(images.flatten(1, 2), root[:, None], out=rows[:, : size - 1])
    rows[:, size - 1] = root
    torch.mul(residual, root, out=rows[:, size])
    square = (rows @ rows.mT).double()
    normal, gradient, after = square[:, :size, :size].clone(), square[:, :size, size].clone(), square[:, size, size]
    torch.diagonal(normal, dim1=1, dim2=2).add_(problem.precision)
    gradient -= problem.precision * away
    return normal, gradient, before, after + prior, weights.view_as(problem.data)


def _keep(end: State, rows: torch.Tensor, work: _Work, done: torch.Tensor, free: torch.Tensor, left) -> None:
    """Store the finished fits."""
    free = free[done]
    normal = reduced(work.normal[done], free)
    factor, wrong = torch.linalg.cholesky_ex(normal)
    covariance = torch.cholesky_inverse(factor)
    covariance = torch.where((wrong > 0)[:, None, None], torch.nan, covariance)
    # The last step is taken unseen: what is left after it is of second order.
    ended = left[done] < _TOLERANCE
    end.values[rows] = torch.where(ended[:, None], work.trial[done], work.values[done])
    end.covariance[rows] = torch.where(free[:, :, None] & free[:, None, :], covariance, 0.0)
    end.chi2[rows], end.bound[rows] = work.chi2[done] - torch.where(ended, left[done], 0.0), ~free
    end.converged[rows], end.iterations[rows] = left[done] < _ENOUGH, work.turns[done]
