"""Distances in the cosmology of the simulated sky, from a table made once a process."""

from __future__ import annotations

from functools import cache

import numpy as np

#: A flat universe: Hubble constant in km/s/Mpc, and matter's share, as the papers on sizes and masses take them.
H0, OMEGA_M = 70.0, 0.3


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    from astropy.cosmology import FlatLambdaCDM

    z = np.expm1(np.linspace(np.log1p(1.0e-4), np.log1p(8.0), 1_000))
    return z, np.log(FlatLambdaCDM(H0=H0, Om0=OMEGA_M).comoving_distance(z).value)


def _comoving_mpc(z: np.ndarray) -> np.ndarray:
    nodes, logs = _table()
    return np.exp(np.interp(np.log(z), np.log(nodes), logs))


def distance_modulus(z: np.ndarray) -> np.ndarray:
    """m - M in mag, the K correction aside, for redshifts from 0.0001 to 8."""
    return 5.0 * np.log10(_comoving_mpc(z) * (1.0 + z)) + 25.0


def kpc_per_arcsec(z: np.ndarray) -> np.ndarray:
    """Length across the line of sight that one arcsec spans, for redshifts from 0.0001 to 8."""
    return _comoving_mpc(z) / (1.0 + z) * 1.0e3 * np.pi / (180.0 * 3600.0)
