"""How good estimates and PDFs are, in NumPy alone.

Shared with nothing that it judges but the grid's definition: a PDF is the probability of each bin, uniform inside it.
"""

from __future__ import annotations

import numpy as np

#: Of Eq. 1, and the distance beyond which an estimate is an outlier (Eq. 5).
GAMMA, OUTLIER = 0.15, 0.15


def loss(z_phot: np.ndarray, z_spec: np.ndarray, one_plus: np.ndarray | None = None) -> np.ndarray:
    """Eq. 1 a row; with (1 + z_spec), as the authors evaluate, unless `one_plus` gives (1 + z_phot), as printed."""
    scale = GAMMA * (1 + z_spec if one_plus is None else one_plus)
    return 1 - 1 / (1 + ((z_phot - z_spec) / scale) ** 2)


def quantile(values: np.ndarray, share, weights: np.ndarray | None = None):
    """The values below which shares of the weight lie, one or many; of equal weights the median is NumPy's."""
    if weights is None:
        return np.quantile(values, share)
    order = np.argsort(values, kind="stable")
    weights = np.asarray(weights, np.float64)[order]
    # The weight of each value lies half below and half above it.
    below = (np.cumsum(weights) - weights / 2) / weights.sum()
    counts = weights > 0
    return np.interp(share, below[counts], values[order][counts])


def mad(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The median absolute deviation from the median."""
    return float(quantile(np.abs(values - quantile(values, 0.5, weights)), 0.5, weights))


def biweight(values: np.ndarray, given: np.ndarray | None = None) -> tuple[float, float]:
    """Biweight location (c = 6) and midvariance's root (c = 9); the median and 0 where MAD is 0 (Beers et al. 1990).

    A value of weight 2, `given`, counts as two equal values do.
    """
    middle, width = float(quantile(values, 0.5, given)), mad(values, given)
    if width == 0:
        return middle, 0.0
    given = np.ones(len(values)) if given is None else given
    off = (values - middle) / width
    weights = given * np.where(np.abs(off) < 6, (1 - (off / 6) ** 2) ** 2, 0.0)
    location = middle + float((weights * (values - middle)).sum() / weights.sum())
    inside = np.abs(off) < 9
    u2, given_inside = (off[inside] / 9) ** 2, given[inside]
    top = (given_inside * (values[inside] - middle) ** 2 * (1 - u2) ** 4).sum()
    bottom = (given_inside * (1 - u2) * (1 - 5 * u2)).sum()
    return location, float(np.sqrt(given.sum() * top) / abs(bottom))


def points(z_phot: np.ndarray, z_spec: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Metrics of point estimates, by name.

    Parameters
    ----------
    z_phot, z_spec : ndarray (n,)
    weights : ndarray (n,), optional
        How much each counts; None: all alike.

    Returns
    -------
    dict
        bias_mean (Eq. 2), bias_median, rms (Eq. 3), scatter_printed (Eq. 4: 1.48 MAD of z_phot - z_spec), nmad
        (1.4826 MAD of (z_phot - z_spec) / (1 + z_spec)), scatter_authors (MAD / 0.67449 of the same), outliers
        (Eq. 6), mse, loss (Eq. 1 with 1 + z_spec), loss_printed (with 1 + z_phot), bias_biweight, scatter_biweight,
        sigma_iqr, outliers_iqr (beyond max(.06, 3 sigma_iqr)).
    """
    z_phot, z_spec = np.asarray(z_phot, np.float64), np.asarray(z_spec, np.float64)
    if not len(z_spec):
        return {}
    off, scaled = z_phot - z_spec, (z_phot - z_spec) / (1 + z_spec)
    location, width = biweight(scaled, weights)
    sigma_iqr = float(np.subtract(*quantile(scaled, [0.75, 0.25], weights)) / 1.349)

    def mean(values: np.ndarray) -> float:
        return float(np.average(values, weights=weights))

    return {
        "bias_mean": mean(scaled),
        "bias_median": float(quantile(scaled, 0.5, weights)),
        "rms": mean(scaled**2) ** 0.5,
        "scatter_printed": 1.48 * mad(off, weights),
        "nmad": 1.4826 * mad(scaled, weights),
        "scatter_authors": mad(scaled, weights) / 0.67449,
        "outliers": mean(np.abs(scaled) > OUTLIER),
        "mse": mean(off**2),
        "loss": mean(loss(z_phot, z_spec)),
        "loss_printed": mean(loss(z_phot, z_spec, 1 + z_phot)),
        "bias_biweight": location,
        "scatter_biweight": width,
        "sigma_iqr": sigma_iqr,
        "outliers_iqr": mean(np.abs(scaled) > max(0.06, 3 * sigma_iqr)),
    }


def pit(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray) -> np.ndarray:
    """The probability below the true redshift, a row; 0 and 1 beyond the grid."""
    cdf = np.hstack([np.zeros((len(pdf), 1)), np.cumsum(pdf, axis=1)])
    return np.array([np.interp(z, edges, row / row[-1]) for z, row in zip(z_spec, cdf, strict=True)])


def crps(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray) -> np.ndarray:
    """The integral of (CDF - step at the true redshift)^2 over z, a row; exact for a CDF linear in each bin.

    A redshift beyond the grid counts with its full distance from it.
    """
    pdf = np.asarray(pdf, np.float64)
    cdf = np.hstack([np.zeros((len(pdf), 1)), np.cumsum(pdf, axis=1)])
    cdf /= cdf[:, -1:]
    low, high = edges[:-1], edges[1:]
    inside = np.clip(z_spec, edges[0], edges[-1])[:, None]
    cut = np.clip(inside, low, high)
    start, end = cdf[:, :-1], cdf[:, 1:]
    middle = start + (end - start) * (cut - low) / (high - low)
    below = (cut - low) * (start**2 + start * middle + middle**2) / 3
    left_start, left_end = 1 - middle, 1 - end
    above = (high - cut) * (left_start**2 + left_start * left_end + left_end**2) / 3
    return (below + above).sum(axis=1) + np.abs(z_spec - inside[:, 0])


def kolmogorov_smirnov(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The largest distance of the distribution of values from the uniform one on 0 to 1."""
    order = np.argsort(values, kind="stable")
    ordered, weights = values[order], np.ones(len(values)) if weights is None else weights[order]
    steps = np.concatenate([[0.0], np.cumsum(weights)]) / weights.sum()
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def cde_loss(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The mean of the integral of p^2, less twice p at the true redshift (Izbicki & Lee 2017); p is 0 off the grid."""
    density = pdf / pdf.sum(axis=1, keepdims=True) / np.diff(edges)
    place = np.clip(np.searchsorted(edges, z_spec, side="right") - 1, 0, len(edges) - 2)
    is_on = (z_spec >= edges[0]) & (z_spec <= edges[-1])
    at = np.where(is_on, density[np.arange(len(pdf)), place], 0.0)
    return float(np.average((density**2 * np.diff(edges)).sum(axis=1) - 2 * at, weights=weights))


def pdfs(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Metrics of PDFs: crps, pit_ks, cde_loss, and the coverage of central intervals of 68 and 95 %."""
    if not len(z_spec):
        return {}
    below = pit(pdf, edges, z_spec)
    return {
        "crps": float(np.average(crps(pdf, edges, z_spec), weights=weights)),
        "pit_ks": kolmogorov_smirnov(below, weights),
        "cde_loss": cde_loss(pdf, edges, z_spec, weights),
        "coverage_68": float(np.average(np.abs(below - 0.5) <= 0.34, weights=weights)),
        "coverage_95": float(np.average(np.abs(below - 0.5) <= 0.475, weights=weights)),
    }


def coverage(low: np.ndarray, high: np.ndarray, z_spec: np.ndarray) -> float:
    """The share of true redshifts inside their intervals."""
    return float(((z_spec >= low) & (z_spec <= high)).mean())
