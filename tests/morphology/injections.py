"""Fits of injected galaxies against the least error that any fit can have, half a magnitude at a time.

The bound is Cramer and Rao's: the inverse of the Fisher matrix at the true parameters, of the pixels that the fit
counted, with its prior of the sky.  `test_injections` holds the derivatives in it against GalSim's.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG
from galaxiesml.morphology.measuring import Block
from galaxiesml.morphology.profiles import fit_group
from galaxiesml.morphology.sersic import fit as fitting
from galaxiesml.morphology.sersic.psf import Moffat
from galaxiesml.morphology.sersic.table import table
from galaxiesml.morphology.sersic.waves import waves
from galaxiesml.morphology.settings import Settings
from galaxiesml.morphology.target import Target, look

from .injected import GAIN, Injected, injected

HALVES = tuple(np.arange(18.0, 23.5, 0.5))
_CPU = torch.device("cpu")


def true_parameters(truth: dict, at: int, stamp) -> np.ndarray:
    """What was drawn as `model.PARAMETERS`, from the middle of a stamp in a picture of 127 pixels."""
    q, theta = truth["q"][at], np.deg2rad(2 * truth["theta"][at])
    eta, circular = -np.log(q), truth["r_e_arcsec"][at] * np.sqrt(q) / PIXEL_SCALE_ARCSEC
    return np.array(
        [
            *(truth["x"][at] + 63 - stamp.x, truth["y"][at] + 63 - stamp.y, np.log(truth["flux"][at])),
            *(np.log(circular), eta * np.cos(theta), eta * np.sin(theta), np.log(truth["n"][at])),
        ]
    )


def fisher(params: np.ndarray, counts: np.ndarray, noise: float, sky_error: float, fwhm: float) -> np.ndarray:
    """The Fisher matrix of the seven parameters and the sky, (8, 8)."""
    size = len(counts)
    lattice = waves(size, 2 * size + 2, size + 2, _CPU)
    mask = lattice.to_quadrants(torch.tensor(counts[None], dtype=torch.float32))
    problem = fitting.Problem(
        torch.zeros_like(mask),
        torch.full_like(mask, noise**2),
        mask,
        Moffat(fwhm).transforms(lattice, slice(None)),
        torch.zeros(1, 8, dtype=torch.float64),
        torch.tensor([[0.0] * 7 + [sky_error**-2]], dtype=torch.float64),
        torch.tensor([GAIN]),
    )
    values = torch.tensor(np.append(params, 0.0)[None])
    work = fitting._Work(problem, lattice.once(), values, values, values, torch.tensor([0]))
    return fitting._equations(lattice, table(_CPU), work)[0][0].numpy()


def _bounds(matrix: np.ndarray, params: np.ndarray) -> tuple[float, float]:
    """The least errors of ln n and of ln r_e along the major axis."""
    covariance = np.linalg.inv(matrix)
    eta = np.hypot(*params[4:6])
    major = np.array([0, 0, 0, 1, params[4] / (2 * eta), params[5] / (2 * eta), 0, 0])
    return float(np.sqrt(covariance[6, 6])), float(np.sqrt(major @ covariance @ major))


def _targets(drawn: Injected, settings: Settings) -> list[Target]:
    kept = np.ones(drawn.images.shape[1:], bool)
    return [look(image, kept, settings) for image in drawn.images]


def _fits(targets: list[Target], drawn: Injected, settings: Settings) -> dict[int, dict]:
    many = len(targets)
    block = Block(
        drawn.images,
        np.ones(drawn.images.shape, bool),
        None,
        None,
        Moffat(drawn.seeing / PIXEL_SCALE_ARCSEC),
        np.arange(many),
        np.full(many, ZERO_POINT_MAG),
        PIXEL_SCALE_ARCSEC,
    )
    groups: dict[tuple, list[int]] = {}
    for at, target in enumerate(targets):
        if target.stamp is not None:
            groups.setdefault((target.stamp.data.shape[0], len(target.guesses)), []).append(at)
    found: dict[int, dict] = {}
    for rows in groups.values():
        found |= fit_group(targets, rows, block, settings, "cpu")
    return found


def study(drawn: Injected, settings: Settings | None = None, moved: int | None = None) -> pd.DataFrame:
    """One row a picture: truth, fit, errors of ln n and ln r_e, and their bounds; NaN where nothing was fitted.

    Parameters
    ----------
    moved : int, optional
        A seed: starts are moved by 30 % in radius and a pixel in place, each way with even odds; and by 30 % in n.
    """
    settings = settings or Settings(gain=GAIN)
    targets = _targets(drawn, settings)
    if moved is not None:
        _move(targets, np.random.default_rng(moved))
    found = _fits(targets, drawn, settings)
    rows = []
    for at, target in enumerate(targets):
        row = {key: values[at] for key, values in drawn.truth.items()} | {"flags": int(target.flags), "bound_n": np.nan}
        if at in found:
            params = true_parameters(drawn.truth, at, target.stamp)
            fwhm = drawn.seeing[at] / PIXEL_SCALE_ARCSEC
            matrix = fisher(params, target.stamp.counts, target.sky.noise, target.sky.error, fwhm)
            row["bound_n"], row["bound_r"] = _bounds(matrix, params)
            row |= found[at]
            row["error_n"] = np.log(row["sersic_index"] / row["n"])
            row["error_r"] = np.log(row["sersic_r_e_px"] * PIXEL_SCALE_ARCSEC / row["r_e_arcsec"])
        rows.append(row)
    return pd.DataFrame(rows)


def _move(targets: list[Target], random: np.random.Generator) -> None:
    for target in targets:
        if target.guesses:
            guess = target.guesses[0]
            guess["x"] += random.choice([-1.0, 1.0])
            guess["y"] += random.choice([-1.0, 1.0])
            guess["half_light_radius"] *= random.choice([0.7, 1.3])
            guess["n"] = 1.5 * random.choice([0.7, 1.3])


def scatter(values: pd.Series) -> float:
    """1.4826 times the median absolute deviation, as of a normal distribution."""
    return float(1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values))))


def by_half_magnitude(found: pd.DataFrame) -> pd.DataFrame:
    """Scatter over bound, bias and coverage in each half magnitude, where the bound of ln n is under 0.3."""
    rows = []
    for low in HALVES:
        some = found[(found["mag"] >= low) & (found["mag"] < low + 0.5) & (found["bound_n"] < 0.3)]
        if len(some) < 10:
            continue
        error = some["sersic_index_error"] / some["sersic_index"]
        clean = some["flags"] == 0
        rows.append(
            {
                "magnitude": f"{low:.1f}-{low + 0.5:.1f}",
                "fits": len(some),
                "ln n": scatter(some["error_n"] / some["bound_n"]),
                "ln r_e": scatter(some["error_r"] / some["bound_r"]),
                "bias of ln n": float(np.nanmedian(some["error_n"])),
                "covered": float((np.abs(some["error_n"]) < error)[clean].mean()),
            }
        )
    return pd.DataFrame(rows)


def _part(args: tuple) -> pd.DataFrame:
    low, count, seed, neighbours, settings, moved = args
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    drawn = injected(count, seed, magnitudes=(low, low + 0.5), neighbours=neighbours)
    return study(drawn, settings, moved)


def many(each: int, neighbours: int, seed: int, settings: Settings | None = None, moved: int | None = None):
    """`study` of `each` pictures a half magnitude, on all cores; the same whatever their number."""
    step = min(each, 250)
    jobs = [
        (low, min(step, each - at), seed + 1000 * number + at, neighbours, settings, moved)
        for number, low in enumerate(HALVES)
        for at in range(0, each, step)
    ]
    return pd.concat(_pool().map(_part, jobs), ignore_index=True)


@functools.cache
def _pool() -> ProcessPoolExecutor:
    """Processes that stay for the next study: each one's start, and GalSim's tables in it, cost ten seconds.

    Where several processes run tests, this one uses its share of the cores.
    """
    share = len(os.sched_getaffinity(0)) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return ProcessPoolExecutor(max(1, share), multiprocessing.get_context("spawn"))


def end() -> None:
    """End the processes of all studies."""
    _pool().shutdown()
    _pool.cache_clear()
