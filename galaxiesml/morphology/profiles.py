"""Fit Sersic profiles to a group of targets with stamps of one size."""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc

from galaxiesml.morphology import stamps
from galaxiesml.morphology.flags import Flag
from galaxiesml.morphology.psf import half_light_radius
from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.batch import Fits, Stamps, fit_stamps
from galaxiesml.morphology.sersic.start import start
from galaxiesml.morphology.sersic.table import b_of

#: Fewer pixels than this tell nothing of eight parameters.
_FEW = 40
_HIGH_CHI2 = 1.5
#: A profile whose radius, or the radius with its error, is below this part of the PSF's has no shape.
_UNRESOLVED = 0.15
#: Light within the largest circle in the stamp.
_INSIDE = 0.75
#: What a fit leaves, squared, in units of the sky's variance: less, and the sky that was measured holds the galaxy.
_QUIET = 0.45
#: Variances beyond these, in units of the sky's, would leave single precision.
_VARIANCES = (1e-30, 1e30)
#: 2.5 / ln 10.
_POGSON = 2.5 / np.log(10)


def fit_group(targets: list, rows: list[int], block, settings, device: str) -> dict[int, dict]:
    """Fit the targets of some rows of a block.

    Returns
    -------
    dict of int to dict
        Sersic columns by row; rows of too few pixels are left out, with a flag.
    """
    enough = [at for at in rows if np.count_nonzero(targets[at].stamp.counts) >= _FEW]
    for at in set(rows) - set(enough):
        targets[at].flags |= Flag.FEW_PIXELS
    if not enough:
        return {}
    psf_rows = block.rows[enough]
    radius = half_light_radius(block.psf, psf_rows)
    unit = np.array([targets[at].sky.noise for at in enough])
    stacked = _stamps(targets, enough, block, settings, psf_rows, radius, unit)
    fits = fit_stamps(stacked, device)
    size = targets[enough[0]].stamp.data.shape[0]
    left = fits.chi2 * np.median(stacked.variance, axis=(1, 2))
    for number in np.flatnonzero(left < _QUIET):
        targets[enough[number]].flags |= Flag.FILLS_STAMP
    return {
        at: _columns(targets[at], fits, number, size, radius[number], unit[number]) for number, at in enumerate(enough)
    }


def _stamps(targets: list, rows: list[int], block, settings, psf_rows, radius: np.ndarray, unit: np.ndarray) -> Stamps:
    """In units of each picture's noise: squares of any other may leave single precision."""
    chosen = [targets[at] for at in rows]
    size = chosen[0].stamp.data.shape[0]
    each = unit[:, None, None]
    variance, gain = np.ones_like(each), (settings.gain or np.inf) * unit
    if block.variance is not None:
        pieces = []
        for at, target, one in zip(rows, chosen, unit, strict=True):
            with np.errstate(over="ignore"):
                plane = np.clip(block.variance[at] / one**2, *_VARIANCES)
            pieces.append(stamps.cut(plane, np.isfinite(plane), target.stamp.x, target.stamp.y, size).data)
        variance = np.stack(pieces)
        gain[:] = np.inf
    first = []
    for at in range(len(chosen[0].guesses)):
        guess = {key: np.array([target.guesses[at][key] for target in chosen]) for key in chosen[0].guesses[0]}
        first.append(start(guess | {"flux": guess["flux"] / unit}, radius))
    return Stamps(
        np.stack([target.stamp.data for target in chosen]) / each,
        np.stack([target.stamp.counts for target in chosen]),
        variance,
        np.array([target.sky.level for target in chosen]) / unit,
        np.array([target.sky.error for target in chosen]) / unit,
        gain,
        np.stack(first, axis=1),
        block.psf,
        psf_rows,
    )


def _columns(target, fits: Fits, at: int, size: int, psf_radius: float, unit: float) -> dict:
    """The columns of one fit, whose fluxes are in units of `unit`, none where it did not begin; flags to the target."""
    if not np.isfinite(fits.chi2[at]):
        target.flags |= Flag.NOT_CONVERGED
        return {}
    x, y, ln_flux, ln_r, eta_1, eta_2, ln_n = fits.values[at, :7]
    sky = fits.values[at, -1]
    covariance = fits.covariance[at]
    error = np.sqrt(np.where(fits.bound[at], np.nan, np.diagonal(covariance)))
    eta, n = np.hypot(eta_1, eta_2), np.exp(ln_n)
    r_e = np.exp(ln_r + eta / 2)
    along = _along(covariance, eta_1, eta_2)
    any_bound = fits.bound[at, [model.LN_R, model.ETA_1, model.ETA_2]].any()
    reach = max((size - 1) / 2 - max(abs(x), abs(y)), 1.0)
    inside = gammainc(2 * n, b_of(n) * (reach / np.exp(ln_r)) ** (1 / n))
    small = np.exp(ln_r) < _UNRESOLVED * psf_radius or error[model.LN_R] > 1.0
    for wrong, flag in (
        (fits.bound[at, :7].any(), Flag.AT_BOUND),
        (small, Flag.UNRESOLVED),
        (inside < _INSIDE, Flag.FILLS_STAMP),
        (not fits.converged[at], Flag.NOT_CONVERGED),
        (fits.chi2[at] > _HIGH_CHI2, Flag.HIGH_CHI2),
        (fits.spots[at] > 0, Flag.LEFTOVER_SOURCES),
    ):
        target.flags |= flag if wrong else 0
    return {
        "sersic_index": n,
        "sersic_index_error": n * error[model.LN_N],
        "sersic_r_e_px": r_e,
        "sersic_r_e_error_px": np.nan if any_bound else r_e * along["ln_a"],
        "sersic_axis_ratio": np.exp(-eta),
        "sersic_axis_ratio_error": np.nan if any_bound else np.exp(-eta) * along["eta"],
        "sersic_pos_angle_deg": np.rad2deg(0.5 * np.arctan2(eta_2, eta_1)),
        "sersic_pos_angle_error_deg": np.nan if any_bound else np.rad2deg(0.5 * along["across"] / max(eta, 1e-9)),
        "sersic_mag": -_POGSON * (ln_flux + np.log(unit)),
        "sersic_error_mag": _POGSON * error[model.LN_FLUX],
        "sersic_x_px": target.stamp.x + x,
        "sersic_y_px": target.stamp.y + y,
        "sersic_x_error_px": error[model.X],
        "sersic_y_error_px": error[model.Y],
        "sersic_sky_adu": sky * unit,
        "sersic_sky_error_adu": error[-1] * unit,
        "sersic_chi2_per_px": fits.chi2[at],
        "sersic_iterations": int(fits.iterations[at]),
        "sersic_stamp_px": size,
        "sersic_counted_px": int(np.count_nonzero(target.stamp.counts)) - int(fits.spots[at]),
        "sersic_spots_px": int(fits.spots[at]),
    }


def _along(covariance: np.ndarray, eta_1: float, eta_2: float) -> dict[str, float]:
    """Errors of eta, of the direction across it, and of ln of the major axis: ln r + eta / 2."""
    eta = np.hypot(eta_1, eta_2)
    c, s = (eta_1 / eta, eta_2 / eta) if eta > 0 else (1.0, 0.0)
    part = covariance[model.LN_R : model.ETA_2 + 1, model.LN_R : model.ETA_2 + 1]

    def error(*weights: float) -> float:
        return float(np.sqrt(max(np.array(weights) @ part @ np.array(weights), 0.0)))

    return {"eta": error(0, c, s), "across": error(0, -s, c), "ln_a": error(1, c / 2, s / 2)}
