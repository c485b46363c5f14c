"""Fit many stamps of one size, in batches that fit into the CPU's caches; failed fits are tried again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import numpy as np
import torch

from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.fit import Problem, State, fit
from galaxiesml.morphology.sersic.psf import Moffat, Pictures
from galaxiesml.morphology.sersic.spots import spots
from galaxiesml.morphology.sersic.start import TRIES_N
from galaxiesml.morphology.sersic.table import table
from galaxiesml.morphology.sersic.waves import Waves, waves

#: Pixels worked on at once: more would not stay in the caches of a core; and the fewest stamps, for which the calls
#: themselves are not what takes the time.
_PIXELS, _FEWEST = {"cpu": 64_000, "cuda": 16_000_000}, 8
#: Stamps of which all is held on the device.
_HELD = {"cpu": 512, "cuda": 8192}
#: Waves are left out where a PSF's transform is below this.
_FAINTEST = 1e-3
#: A period is this much longer than the stamp, so that wings that come round again are faint.
_ROOM = 1.5
#: Priors of neighbours that are fitted with the target: mean (None: where they start) and sigma.
_NEIGHBOUR = {
    model.X: (None, 1.0),
    model.Y: (None, 1.0),
    model.LN_FLUX: (None, 1.0),
    model.LN_R: (None, 0.7),
    model.ETA_1: (0.0, 0.7),
    model.ETA_2: (0.0, 0.7),
    model.LN_N: (0.2, 0.6),
}
#: Chi square per pixel above which another start is tried.
_POOR = 1.5


@dataclass(frozen=True)
class Stamps:
    """Data for the fits of M stamps of one size.

    Attributes
    ----------
    data, counts : ndarray (M, size, size)
        Fluxes, and whether a pixel counts.
    variance : ndarray (M, size, size) or (M, 1, 1)
        Of the sky alone where `gain` is finite.
    sky, sky_error, gain : ndarray (M,)
    start : ndarray (M, C, 7)
        C galaxies a stamp; the first is the target.
    psf : Moffat or Pictures
    rows : ndarray (M,) of int
        Which PSF is whose.
    """

    data: np.ndarray
    counts: np.ndarray
    variance: np.ndarray
    sky: np.ndarray
    sky_error: np.ndarray
    gain: np.ndarray
    start: np.ndarray
    psf: Moffat | Pictures
    rows: np.ndarray


@dataclass(frozen=True)
class Fits:
    """Results of M fits: see `fit.State`; `chi2` is per pixel, and `spots` the pixels masked on the way."""

    values: np.ndarray
    covariance: np.ndarray
    chi2: np.ndarray
    bound: np.ndarray
    iterations: np.ndarray
    converged: np.ndarray
    spots: np.ndarray


@contextlib.contextmanager
def _one_thread():
    """Use one thread and no denormals; the previous settings are restored at the end.

    A batch that the caches hold is too small to be shared out: two threads take longer than one.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


@_one_thread()
@torch.inference_mode()
def fit_stamps(stamps: Stamps, device: str = "cpu") -> Fits:
    """Fit every stamp; those that end badly start again from other Sersic indices, and the best is kept.

    The result of a fit does not depend on the other stamps: its waves are chosen by its own PSF.
    """
    size, held = stamps.data.shape[1], _HELD[device]
    period = int(np.ceil(size * _ROOM / 8)) * 8
    waves_of = _wave_counts(stamps, period, torch.device(device))
    order, parts = [], []
    for count in np.unique(waves_of):
        rows = np.flatnonzero(waves_of == count)
        lattice = waves(size, period, int(count), torch.device(device))
        for at in range(0, len(rows), held):
            order.append(rows[at : at + held])
            parts.append(_fit(stamps, order[-1], lattice))
    back = np.argsort(np.concatenate(order))
    return Fits(*(np.concatenate([getattr(part, name) for part in parts])[back] for name in Fits.__dataclass_fields__))


def _wave_counts(stamps: Stamps, period: int, device: torch.device) -> np.ndarray:
    """How many waves along an axis each stamp needs for its PSF, (M,): a multiple of 4, so that groups are few."""
    k = 2 * np.pi * torch.arange(period // 2 + 1, device=device) / period
    unique, back = np.unique(stamps.rows, return_inverse=True)
    seen = stamps.psf.along_axes(k, unique) > _FAINTEST
    last = torch.where(seen, torch.arange(len(k), device=device), 0).amax(1).cpu().numpy()
    return np.minimum(-4 * (-(last + 2) // 4), period // 2 + 1)[back]


def _fit(stamps: Stamps, rows: np.ndarray, lattice: Waves) -> Fits:
    """Fit stamps that share a set of waves."""
    device = lattice.device
    problem = _problem(stamps, rows, lattice, device)
    start = torch.as_tensor(stamps.start[rows], dtype=torch.float32, device=device)
    together = max(_FEWEST, _PIXELS[device.type] // lattice.size**2)
    state = fit(lattice, table(device), problem, start, together)
    poor = ~state.converged | state.bound[:, model.LN_N] | (state.chi2 / _pixels(lattice, problem) > _POOR)
    if poor.any():
        _try_others(lattice, problem, start, state, poor.nonzero()[:, 0], together)
    masked = _without_spots(lattice, problem, state, together)
    state.chi2 /= _pixels(lattice, problem)
    found = {name: getattr(state, name).cpu().numpy() for name in State.__dataclass_fields__}
    return Fits(**found, spots=masked.cpu().numpy())


def _pixels(lattice: Waves, problem: Problem) -> torch.Tensor:
    return problem.mask.mul(lattice.once()).flatten(1).sum(1).double().clamp_min(1)


def _without_spots(lattice: Waves, problem: Problem, state: State, together: int) -> torch.Tensor:
    """Fit again without the sources that the fit left over; how many pixels that took, (B,)."""
    knots = table(problem.data.device)
    found = spots(lattice, knots, problem, state)
    taken = (found * lattice.once() * problem.mask).flatten(1).sum(1).long()
    rows = taken.nonzero()[:, 0]
    if len(rows):
        problem.mask[rows] *= ~found[rows]
        start = state.values[rows, :-1].reshape(len(rows), -1, len(model.PARAMETERS)).float()
        again = fit(lattice, knots, problem.at(rows), start, together)
        again.iterations += state.iterations[rows]
        for name in State.__dataclass_fields__:
            getattr(state, name)[rows] = getattr(again, name)
    return taken


def _try_others(lattice, problem: Problem, start: torch.Tensor, state: State, poor: torch.Tensor, together) -> None:
    """Fit some rows from other Sersic indices, all at once; the best of each stays."""
    again = start[poor].repeat(len(TRIES_N), 1, 1)
    again[:, 0, model.LN_N] = torch.tensor(np.log(TRIES_N), device=start.device).float().repeat_interleave(len(poor))
    rows = poor.repeat(len(TRIES_N))
    others = fit(lattice, table(start.device), problem.at(rows), again, together)
    for at in range(len(TRIES_N)):
        _better(state, poor, others.at(slice(at * len(poor), (at + 1) * len(poor))))


def _better(state: State, rows: torch.Tensor, other: State) -> None:
    """Take the fits of another try where chi square is less."""
    # A first end stays unless the second is clearly better, so that where one starts is not seen in the end.
    wins = (other.chi2 < state.chi2[rows] - 1e-2) | (other.converged & ~state.converged[rows])
    for name in ("values", "covariance", "chi2", "bound", "converged"):
        getattr(state, name)[rows[wins]] = getattr(other, name)[wins]
    state.iterations[rows] += other.iterations


def _problem(stamps: Stamps, rows: np.ndarray, lattice: Waves, device: torch.device) -> Problem:
    def kept(array: np.ndarray) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(array[rows]), dtype=torch.float32, device=device)

    data, counts = (lattice.to_quadrants(kept(array)) for array in (stamps.data, stamps.counts))
    variance = stamps.variance
    if variance.shape[1] == 1:
        variance = kept(variance)[:, None].expand_as(data)
    else:
        variance = lattice.to_quadrants(kept(variance))
    otf = stamps.psf.transforms(lattice, stamps.rows[rows])
    prior, precision = _priors(stamps, rows)
    return Problem(
        data,
        torch.where(counts > 0, variance, 1.0),
        counts,
        otf,
        torch.as_tensor(prior, device=device),
        torch.as_tensor(precision, device=device),
        kept(stamps.gain),
    )


def _priors(stamps: Stamps, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sky's, and those that keep faint neighbours from running away; the target has none."""
    start = stamps.start[rows].astype(np.float64)
    prior, precision = start.copy(), np.zeros_like(start)
    for at, (mean, sigma) in _NEIGHBOUR.items():
        prior[:, 1:, at] = start[:, 1:, at] if mean is None else mean
        precision[:, 1:, at] = sigma**-2
    sky, sky_error = (getattr(stamps, name)[rows].astype(np.float64)[:, None] for name in ("sky", "sky_error"))
    many = len(start)
    return np.hstack([prior.reshape(many, -1), sky]), np.hstack([precision.reshape(many, -1), sky_error**-2])
