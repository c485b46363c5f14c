"""The bins of every PDF, and their probabilities as integers that sum exactly."""

from __future__ import annotations

import numpy as np

from galaxiesml.photoz.config import Config

#: Probabilities are stored in units of 1 / WHOLE, as unsigned 16-bit integers.
WHOLE = 65_535


def edges_of(config: Config) -> np.ndarray:
    """The bins' edges in redshift, float64, one more than there are bins."""
    if config.z_spacing == "linear":
        return np.linspace(config.z_min, config.z_max, config.z_bins + 1)
    made = np.expm1(np.linspace(np.log1p(config.z_min), np.log1p(config.z_max), config.z_bins + 1))
    made[0], made[-1] = config.z_min, config.z_max
    return made


def pack(pdf: np.ndarray) -> np.ndarray:
    """Probabilities as integers; each row sums to exactly 65,535.

    Parameters
    ----------
    pdf : ndarray (n, bins)
        Probabilities of the bins, finite and not negative; a row need not sum to one.

    Returns
    -------
    ndarray (n, bins) of uint16
        Rounded; the largest bin of each row takes what rounding left over.
    """
    pdf = np.asarray(pdf, np.float64)
    exact = pdf * (WHOLE / pdf.sum(axis=1, keepdims=True))
    units = np.rint(exact).astype(np.int64)
    rows, largest = np.arange(len(units)), pdf.argmax(axis=1)
    left = WHOLE - units.sum(axis=1)
    # Of very many bins that are all rounded up, the largest could not pay for it: those rows are rounded down.
    poor = units[rows, largest] + left < 0
    units[poor] = np.floor(exact[poor]).astype(np.int64)
    units[rows, largest] += WHOLE - units.sum(axis=1)
    return units.astype(np.uint16)


def unpack(units: np.ndarray) -> np.ndarray:
    """Probabilities, float64, of what `pack` gave."""
    return np.asarray(units, np.float64) / WHOLE


def cdf_of(pdf: np.ndarray) -> np.ndarray:
    """The cumulative probability at every edge, (n, bins + 1), from exactly 0 to exactly 1."""
    cdf = np.zeros((len(pdf), pdf.shape[1] + 1))
    np.cumsum(pdf, axis=1, out=cdf[:, 1:])
    return cdf / cdf[:, -1:]


def at_redshift(cdf: np.ndarray, edges: np.ndarray, redshift: np.ndarray) -> np.ndarray:
    """The cumulative probability at one redshift a row; linear inside a bin, 0 and 1 beyond the grid."""
    place = np.clip(np.searchsorted(edges, redshift, side="right") - 1, 0, len(edges) - 2)
    rows = np.arange(len(redshift))
    below, above = cdf[rows, place], cdf[rows, place + 1]
    share = np.clip((redshift - edges[place]) / (edges[place + 1] - edges[place]), 0.0, 1.0)
    return below + share * (above - below)


def quantile(cdf: np.ndarray, edges: np.ndarray, share) -> np.ndarray:
    """The redshift at which the cumulative probability is `share`: one number, or one a row.

    Where the CDF is flat there, the middle of the flat part.
    """
    share = np.broadcast_to(np.asarray(share, np.float64), (len(cdf),))
    first = _crossing(cdf, edges, share, (cdf >= share[:, None] - 1e-12).argmax(axis=1))
    is_flat = (np.abs(cdf - share[:, None]) <= 1e-12).sum(axis=1) > 1
    if is_flat.any():
        last = cdf.shape[1] - 1 - (cdf[:, ::-1] <= share[:, None] + 1e-12).argmax(axis=1)
        inside = is_flat & (share > 0) & (share < 1)
        first = np.where(inside, 0.5 * (first + edges[last]), first)
    return first


def _crossing(cdf: np.ndarray, edges: np.ndarray, share: np.ndarray, above: np.ndarray) -> np.ndarray:
    above = np.maximum(above, 1)
    rows = np.arange(len(cdf))
    low, high = cdf[rows, above - 1], cdf[rows, above]
    inside = np.clip((share - low) / np.maximum(high - low, 1e-300), 0.0, 1.0)
    return edges[above - 1] + inside * (edges[above] - edges[above - 1])
