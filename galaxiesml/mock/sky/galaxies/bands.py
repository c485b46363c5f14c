"""AB magnitudes of the templates through HSC's filters, on a grid of dust and redshift made once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from galaxiesml.mock.needs import load
from galaxiesml.mock.sky.galaxies import templates
from galaxiesml.mock.sky.galaxies.templates import LOG_STEP, WAVELENGTH

#: Order of every band axis.
BANDS = ("g", "r", "i", "z", "y")
G_BAND, I_BAND, Z_BAND = 0, 2, 3
#: Wavelength at which the grid of observed wavelengths begins, Angstrom; no filter passes light before it.
FIRST = 3_400.0
#: Redshifts of the grid: equal steps of ln(1 + z), each 8 samples of the spectra.
STEPS = 8
Z_MAX = 5.0
LOG_Z = np.arange(0.0, np.log(1.0 + Z_MAX) + STEPS * LOG_STEP, STEPS * LOG_STEP)
#: Nodes of the grid: dust in mag of A_V, and slopes of quasars' f_nu.
DUST_AV = np.array([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
SLOPES = np.linspace(-4.0, 1.5, 12)
LIGHT_ANGSTROM_PER_S = 2.99792458e18
#: f_nu of AB magnitude 0, erg/s/cm2/Hz (Oke & Gunn 1983, ApJ 266, 713).
AB_ZERO = 10.0 ** (-0.4 * 48.6)


@cache
def observed() -> np.ndarray:
    """Observed wavelengths, Angstrom, on the templates' samples shifted by any redshift of the grid."""
    first = int(np.searchsorted(WAVELENGTH, FIRST))
    return WAVELENGTH[first:]


@cache
def weights() -> np.ndarray:
    """What f_lambda (erg/s/cm2/Angstrom) at :func:`observed` is multiplied by, and summed, for a flux.

    Photons are counted: f = sum(f_lambda T lambda dlambda) / sum(f_AB T lambda dlambda), so that the flux is in
    units of AB magnitude 0.  HSC's curves (Kawanomoto et al. 2018) are speclite's ``hsc2017``.

    Returns
    -------
    ndarray, shape (len(observed()), 5)

    Raises
    ------
    UsageError
        speclite is not installed.
    """
    filters = load("speclite.filters")
    wavelength = observed()
    columns = []
    for band in BANDS:
        curve = filters.load_filter(f"hsc2017-{band}")
        passes = np.interp(wavelength, curve.wavelength, curve.response, left=0.0, right=0.0)
        # dlambda is lambda times the step of its logarithm.
        photons = passes * wavelength**2 * LOG_STEP
        columns.append(photons / np.sum(photons * AB_ZERO * LIGHT_ANGSTROM_PER_S / wavelength**2))
    return np.array(columns).T


def ab_magnitudes(spectra: np.ndarray, z: float = 0.0) -> np.ndarray:
    """AB magnitudes of rest-frame spectra at one of the grid's redshifts, without the distance.

    Parameters
    ----------
    spectra : ndarray, shape (..., len(WAVELENGTH))
        f_lambda at WAVELENGTH, erg/s/cm2/Angstrom; without intergalactic absorption, which is put in here.
    z : float
        Redshift; the nearest of the grid is taken.

    Returns
    -------
    ndarray, shape (..., 5)
    """
    step = round(float(np.log1p(z)) / (STEPS * LOG_STEP))
    return -2.5 * np.log10(_fluxes(np.asarray(spectra), step))


def _fluxes(spectra: np.ndarray, step: int) -> np.ndarray:
    wavelength = observed()
    first = int(np.searchsorted(WAVELENGTH, FIRST)) - step * STEPS
    far = np.exp(LOG_Z[step])
    passing = np.ascontiguousarray((templates.intergalactic(wavelength, far - 1.0)[:, None] * weights()).T)
    # Not a matrix product: its sums depend on the number of threads, and so small a one is slower for them.
    return np.einsum("...m,bm->...b", spectra[..., first : first + len(wavelength)], passing) / far


@dataclass(frozen=True)
class Grid:
    """Fluxes of every template through the filters, in units of AB magnitude 0 and without the distance.

    Attributes
    ----------
    galaxies : ndarray, shape (redshifts, dust, 5 types, 5 bands)
        ln of the flux.
    quasars : ndarray, shape (redshifts, slopes, 5 bands)
        ln of the flux.
    """

    galaxies: np.ndarray
    quasars: np.ndarray

    def of_types(self, z: np.ndarray, av: np.ndarray) -> np.ndarray:
        """Fluxes of the five types at redshifts and dust in mag, shape (n, 5 types, 5 bands)."""
        return np.exp(_between(self.galaxies, z, DUST_AV, av))

    def of_quasars(self, z: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Fluxes of quasars at redshifts and slopes of f_nu, shape (n, 5 bands)."""
        return np.exp(_between(self.quasars, z, SLOPES, slope))


def _between(grid: np.ndarray, z: np.ndarray, nodes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The grid at places: magnitudes are linear between nodes, as dust's and a slope's effects nearly are."""
    at_z = np.clip(np.log1p(z) / (STEPS * LOG_STEP), 0.0, len(grid) - 1.000001)
    values = np.clip(values, nodes[0], nodes[-1])
    node = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, len(nodes) - 2)
    row = at_z.astype(int)
    extra = (1,) * (grid.ndim - 2)
    a = (at_z - row).reshape(-1, *extra)
    b = ((values - nodes[node]) / (nodes[node + 1] - nodes[node])).reshape(-1, *extra)
    near = (1.0 - b) * grid[row, node] + b * grid[row, node + 1]
    far = (1.0 - b) * grid[row + 1, node] + b * grid[row + 1, node + 1]
    return (1.0 - a) * near + a * far


@cache
def grid() -> Grid:
    """The grid, made on first use (a second or two).

    Raises
    ------
    UsageError
        GalSim or speclite is not installed.
    """
    dimming = 10.0 ** (-0.4 * DUST_AV[:, None] * templates.dust(WAVELENGTH))
    spectra = (dimming[:, None, :] * templates.galaxies()).reshape(-1, len(WAVELENGTH))
    both = np.concatenate([spectra, [templates.quasar(slope) for slope in SLOPES]])
    fluxes = np.log([_fluxes(both, step) for step in range(len(LOG_Z))])
    of_galaxies = fluxes[:, : len(spectra)].reshape(len(LOG_Z), len(DUST_AV), templates.GALAXY_TYPES, len(BANDS))
    return Grid(of_galaxies, fluxes[:, len(spectra) :])
