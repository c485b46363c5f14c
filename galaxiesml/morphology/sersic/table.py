"""Tabulate the Fourier transform of the Sersic profile over ln(k r_e) and ln n.

The profile is I(r) = I_e exp(-b_n ((r / r_e)^(1/n) - 1)) (Sersic 1968; b_n as in Ciotti 1991, so that r_e holds half
of the flux).  Its two-dimensional transform is the Hankel transform of order 0, which scipy's FFTLog gives for a
profile at logarithmic radii.  In Fourier space there is no cusp to integrate over pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import fht, fhtoffset
from scipy.special import gammaincinv, gammaln

#: Sersic indices that can be fitted.
N_MIN, N_MAX = 0.3, 8.0
#: ln(k r_e): below the first the transform is 1 within 2e-4 for every n, beyond the last no PSF of a sampled picture
#: leaves anything.
_FIRST, _LAST, _KNOTS = -7.0, 7.2, 400
_INDICES = 80
#: Radii of FFTLog, in ln(r / r_e).
_LN_R = np.linspace(-18.0, 14.0, 8192)


@dataclass(frozen=True)
class Table:
    """Knots of the transform S of a profile of unit flux and r_e = 1.

    Attributes
    ----------
    values : Tensor (indices, 4, knots)
        S, dS/du, dS/dv and d2S/dudv at the knots, where u = ln(k r_e) and v = ln n.
    first, step : float
        u of the first knot, and the distance of knots.
    v_first, v_step : float
        The same of v.
    """

    values: torch.Tensor
    first: float
    step: float
    v_first: float
    v_step: float

    def rows(self, ln_n: torch.Tensor) -> torch.Tensor:
        """The table at the indices asked for, by cubic Hermite interpolation in ln n.

        Parameters
        ----------
        ln_n : Tensor (M,)

        Returns
        -------
        Tensor (6, M, knots)
            Coefficients of S as a cubic of the part t of a cell (c0 to c3), then dS/dv at the knot and its change
            over the cell.
        """
        at = ((ln_n - self.v_first) / self.v_step).clamp(0, self.values.shape[0] - 1.001)
        cell = at.long()
        t = (at - cell)[:, None]
        left, right = self.values[cell], self.values[cell + 1]
        h = self.v_step
        basis = (2 * t**3 - 3 * t**2 + 1, (t**3 - 2 * t**2 + t) * h, 3 * t**2 - 2 * t**3, (t**3 - t**2) * h)
        slope = (6 * (t**2 - t) / h, 3 * t**2 - 4 * t + 1, 6 * (t - t**2) / h, 3 * t**2 - 2 * t)

        def mixed(weights: tuple, of: int) -> torch.Tensor:
            return (
                weights[0] * left[:, of]
                + weights[1] * left[:, of + 2]
                + weights[2] * right[:, of]
                + weights[3] * right[:, of + 2]
            )

        s, ds, dv = mixed(basis, 0), mixed(basis, 1) * self.step, mixed(slope, 0)
        rise, next_ds = _next(s) - s, _next(ds)
        return torch.stack([s, ds, 3 * rise - 2 * ds - next_ds, ds + next_ds - 2 * rise, dv, _next(dv) - dv])


def _next(row: torch.Tensor) -> torch.Tensor:
    return torch.cat([row[:, 1:], row[:, -1:]], dim=1)


def b_of(n: np.ndarray) -> np.ndarray:
    """b_n: r_e holds half of the flux (Ciotti 1991, eq. 2)."""
    return gammaincinv(2 * np.asarray(n, float), 0.5)


def _transform(n: float, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """S and dS/du at u = ln(k r_e)."""
    b = float(b_of(n))
    # Of unit flux: 2 pi n b^(-2n) Gamma(2n) I_0 = 1 at r_e = 1.
    ln_flux = np.log(2 * np.pi * n) - 2 * n * np.log(b) + gammaln(2 * n)
    step = _LN_R[1] - _LN_R[0]
    bias = -0.5
    offset = fhtoffset(step, mu=0.0, initial=0.0, bias=bias)
    with np.errstate(over="ignore", under="ignore"):
        profile = np.exp(_LN_R - b * np.exp(_LN_R / n) - ln_flux)
    found = fht(profile, step, mu=0.0, offset=offset, bias=bias)
    ln_k = offset - _LN_R[::-1]
    spline = _spline(ln_k, 2 * np.pi * found * np.exp(-ln_k))
    return spline(u), spline(u, 1)


def _spline(x: np.ndarray, y: np.ndarray):
    from scipy.interpolate import make_interp_spline

    # Between the ends that wrap round.
    inside = (x > _FIRST - 1) & (x < _LAST + 1)
    return make_interp_spline(x[inside], y[inside], k=5)


@lru_cache(maxsize=4)
def table(device: torch.device, dtype: torch.dtype = torch.float32) -> Table:
    """The table on a device; made in a moment at the first call."""
    u = np.linspace(_FIRST, _LAST, _KNOTS)
    v = np.linspace(np.log(N_MIN), np.log(N_MAX), _INDICES)
    tiny = 1e-3
    values = np.empty((_INDICES, 4, _KNOTS))
    for at, one in enumerate(v):
        values[at, 0], values[at, 1] = _transform(np.exp(one), u)
        above, below = _transform(np.exp(one + tiny), u), _transform(np.exp(one - tiny), u)
        values[at, 2], values[at, 3] = ((up - down) / (2 * tiny) for up, down in zip(above, below, strict=True))
    knots = torch.as_tensor(values, dtype=dtype, device=device)
    return Table(knots, float(u[0]), float(u[1] - u[0]), float(v[0]), float(v[1] - v[0]))
