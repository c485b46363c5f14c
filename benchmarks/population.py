"""The simulated spectroscopic sample: how near it is to the real one, how fast it is drawn, and its fit.

    python benchmarks/population.py FILE          # Kolmogorov-Smirnov distances and times
    python benchmarks/population.py --fit FILE    # fit again: writes galaxiesml/mock/sky/galaxies/fitted.py

FILE is hsc_ratios_and_specz.hdf5: i, g - z and redshift of 429,235 objects of HSC's PDR2 with spectra.  The fit
turns each g - z into a rank among the templates' colours at its redshift (of quasars: into a slope of f_nu), and
describes redshift, i and rank by a mixture of normal distributions, by expectation and maximisation from a fixed
seed: equal files give equal numbers.
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

import numpy as np

from galaxiesml.mock.sky.galaxies import population
from galaxiesml.mock.sky.galaxies.bands import SLOPES, grid
from galaxiesml.mock.sky.galaxies.compare import Sample, ks_distance, of_galaxies, read_reference
from galaxiesml.mock.sky.galaxies.cosmos import distance_modulus
from galaxiesml.mock.sky.galaxies.galaxies import g_minus_z, rank_of_colour
from galaxiesml.mock.sky.galaxies.mixture import I_LIMITS, Z_LIMITS, Z_OFFSET

OUT = Path(population.__file__).with_name("fitted.py")
SEED = 20_240_501
#: Normal distributions for galaxies and for quasars; objects and steps of the first, rough fit; steps of the last.
GALAXY_PARTS, QUASAR_PARTS = 36, 6
ROUGH, ROUGH_STEPS, LAST_STEPS = 60_000, 200, 40
#: A quasar is brighter than this in i - m(z) and bluer than the rank, or as bright beyond the redshift.
QUASAR_M, QUASAR_RANK, QUASAR_Z = -23.3, 1.6, 1.6
GALAXIES_DRAWN = 100_000


def main(arguments: list[str]) -> None:
    if not arguments or len(arguments) > 2 or (len(arguments) == 2 and arguments[0] != "--fit"):
        raise SystemExit(__doc__)
    real = read_reference(Path(arguments[-1]))
    if arguments[0] == "--fit":
        OUT.write_text(_written(real))
        print(f"{OUT} is written; a changed sky is a new version: raise SKY_VERSION in {OUT.with_name('__init__.py')}.")
        return
    started = time.perf_counter()
    population.spectroscopic(1, np.random.default_rng(0))
    ready = time.perf_counter()
    drawn = of_galaxies(population.spectroscopic(GALAXIES_DRAWN, np.random.default_rng(1)))
    done = time.perf_counter()
    print(f"{platform.machine()}, Python {platform.python_version()}, {len(real):,} real objects")
    print(f"grid of magnitudes {ready - started:.2f} s, {GALAXIES_DRAWN:,} galaxies {done - ready:.2f} s")
    for name in ("redshift", "i", "g_minus_z"):
        print(f"Kolmogorov-Smirnov distance of {name:9} {ks_distance(getattr(drawn, name), getattr(real, name)):.4f}")


# -- the fit -------------------------------------------------------------------------------------------------


def _written(real: Sample) -> str:
    used = _within(real)
    z, i_mag = used.redshift, used.i
    rank = rank_of_colour(z, used.g_minus_z)
    bright = i_mag - distance_modulus(z) < QUASAR_M
    quasar = bright & (((z > 0.4) & (rank > QUASAR_RANK)) | (z > QUASAR_Z))
    slope = _slope_of_colour(z[quasar], used.g_minus_z[quasar])
    points = np.stack([np.log(z + Z_OFFSET), i_mag, np.clip(rank, *population.RANKS)], axis=1)
    of_quasars = np.column_stack([points[quasar, :2], np.clip(slope, *population.SLOPES)])
    return _TEXT.format(
        real=len(real),
        used=len(used),
        share=quasar.mean(),
        galaxies=_rows(*_fit(points[~quasar], GALAXY_PARTS)),
        quasars=_rows(*_fit(of_quasars, QUASAR_PARTS)),
    )


def _within(real: Sample) -> Sample:
    """Objects within the limits that are drawn: stars and redshifts that are no galaxy's are left out."""
    inside = (real.redshift > Z_LIMITS[0]) & (real.redshift < Z_LIMITS[1])
    inside &= (real.i > I_LIMITS[0]) & (real.i < I_LIMITS[1])
    return Sample(real.redshift[inside], real.i[inside], real.g_minus_z[inside])


def _slope_of_colour(z: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """The slope of f_nu at which a quasar has a g - z, nearly linear in it."""
    low, high = (g_minus_z(grid().of_quasars(z, np.full_like(z, slope))) for slope in (SLOPES[0], SLOPES[-1]))
    return SLOPES[0] + (colour - low) / (high - low) * (SLOPES[-1] - SLOPES[0])


def _fit(points: np.ndarray, parts: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, centres and covariances of a mixture, by expectation and maximisation."""
    rng = np.random.default_rng(SEED)
    rough = points[rng.permutation(len(points))[:ROUGH]]
    centres = _spread(rough, parts, rng)
    covariances = np.repeat(np.cov(rough.T)[None] / 20.0, parts, axis=0)
    model = (np.full(parts, 1.0 / parts), centres, covariances)
    for _ in range(ROUGH_STEPS):
        model = _step(rough, *model)
    for _ in range(LAST_STEPS):
        model = _step(points, *model)
    order = np.argsort(-model[0], kind="stable")
    return tuple(part[order] for part in model)


def _spread(points: np.ndarray, parts: int, rng: np.random.Generator) -> np.ndarray:
    """First centres: points far from one another (k-means++)."""
    scaled = points / points.std(axis=0)
    chosen = [int(rng.integers(len(points)))]
    nearest = np.full(len(points), np.inf)
    for _ in range(parts - 1):
        nearest = np.minimum(nearest, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
        chosen.append(int(rng.choice(len(points), p=nearest / nearest.sum())))
    return points[chosen]


def _step(points: np.ndarray, weights, centres, covariances):
    """One step; a floor keeps a part from shrinking to a point."""
    logs = np.empty((len(points), len(weights)))
    for k, (weight, centre, covariance) in enumerate(zip(weights, centres, covariances, strict=True)):
        factor = np.linalg.cholesky(covariance)
        scaled = np.linalg.solve(factor, (points - centre).T)
        logs[:, k] = np.log(weight) - np.log(np.diag(factor)).sum() - 0.5 * (scaled**2).sum(axis=0)
    logs -= logs.max(axis=1, keepdims=True)
    shares = np.exp(logs)
    shares /= shares.sum(axis=1, keepdims=True)
    counts = shares.sum(axis=0) + 1.0e-9
    centres = shares.T @ points / counts[:, None]
    floor = np.diag([0.004, 0.03, 0.03]) ** 2
    covariances = np.empty((len(counts), 3, 3))
    for k, count in enumerate(counts):
        away = points - centres[k]
        covariances[k] = (shares[:, k, None] * away).T @ away / count + floor
    return counts / counts.sum(), centres, covariances


def _rows(weights, centres, covariances) -> str:
    lines = []
    for weight, centre, covariance in zip(weights, centres, covariances, strict=True):
        numbers = [weight, *centre, *np.linalg.cholesky(covariance)[np.tril_indices(3)]]
        lines.append("    (" + ", ".join(f"{number:.4f}" for number in numbers) + "),")
    return "\n".join(lines)


_TEXT = '''"""Fitted parameters of the spectroscopic sample.

Written by ``python benchmarks/population.py --fit FILE``.  Fitted to {used:,} of {real:,} objects of HSC's PDR2
with spectra (RAIL's hsc_ratios_and_specz.hdf5; the rest are stars and redshifts beyond what is drawn).  A row is one
normal distribution: its weight; its centre in ln(z + 0.1), i in mag and the third coordinate; the lower triangle of
its covariance's Cholesky factor: 11, 21, 22, 31, 32, 33.
"""

#: Share of quasars: bluer and brighter than galaxies are at their redshift.
QUASAR_SHARE = {share:.5f}
#: The third coordinate is the rank of g - z among the types' colours at that redshift: 0 for E, 4 for a starburst.
GALAXIES = (
{galaxies}
)
#: The third coordinate is the slope of f_nu.
QUASARS = (
{quasars}
)
'''

if __name__ == "__main__":
    main(sys.argv[1:])
