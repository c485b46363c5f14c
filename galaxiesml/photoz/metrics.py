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


def mad(values: np.ndarray) -> float:
    """The median absolute deviation from the median."""
    return float(np.median(np.abs(values - np.median(values))))


def biweight(values: np.ndarray) -> tuple[float, float]:
    """Biweight location (c = 6) and midvariance's root (c = 9); the median and 0 where MAD is 0 (Beers et al. 1990)."""
    middle, width = float(np.median(values)), mad(values)
    if width == 0:
        return middle, 0.0
    off = (values - middle) / width
    weights = np.where(np.abs(off) < 6, (1 - (off / 6) ** 2) ** 2, 0.0)
    location = middle + float((weights * (values - middle)).sum() / weights.sum())
    inside = np.abs(off) < 9
    u2 = (off[inside] / 9) ** 2
    top = ((values[inside] - middle) ** 2 * (1 - u2) ** 4).sum()
    bottom = ((1 - u2) * (1 - 5 * u2)).sum()
    return location, float(np.sqrt(len(values) * top) / abs(bottom))


def points(z_phot: np.ndarray, z_spec: np.ndarray) -> dict[str, float]:
    """Metrics of point estimates, by name.

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
    location, width = biweight(scaled)
    sigma_iqr = float(np.subtract(*np.quantile(scaled, [0.75, 0.25])) / 1.349)
    return {
        "bias_mean": float(scaled.mean()),
        "bias_median": float(np.median(scaled)),
        "rms": float(np.sqrt((scaled**2).mean())),
        "scatter_printed": 1.48 * mad(off),
        "nmad": 1.4826 * mad(scaled),
        "scatter_authors": mad(scaled) / 0.67449,
        "outliers": float((np.abs(scaled) > OUTLIER).mean()),
        "mse": float((off**2).mean()),
        "loss": float(loss(z_phot, z_spec).mean()),
        "loss_printed": float(loss(z_phot, z_spec, 1 + z_phot).mean()),
        "bias_biweight": location,
        "scatter_biweight": width,
        "sigma_iqr": sigma_iqr,
        "outliers_iqr": float((np.abs(scaled) > max(0.06, 3 * sigma_iqr)).mean()),
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


def kolmogorov_smirnov(values: np.ndarray) -> float:
    """The largest distance of the distribution of values from the uniform one on 0 to 1."""
    ordered, count = np.sort(values), len(values)
    steps = np.arange(count + 1) / count
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def cde_loss(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray) -> float:
    """The mean of the integral of p^2, less twice p at the true redshift (Izbicki & Lee 2017); p is 0 off the grid."""
    density = pdf / pdf.sum(axis=1, keepdims=True) / np.diff(edges)
    place = np.clip(np.searchsorted(edges, z_spec, side="right") - 1, 0, len(edges) - 2)
    is_on = (z_spec >= edges[0]) & (z_spec <= edges[-1])
    at = np.where(is_on, density[np.arange(len(pdf)), place], 0.0)
    return float(((density**2 * np.diff(edges)).sum(axis=1) - 2 * at).mean())


def pdfs(pdf: np.ndarray, edges: np.ndarray, z_spec: np.ndarray) -> dict[str, float]:
    """Metrics of PDFs: crps, pit_ks, cde_loss, and the coverage of central intervals of 68 and 95 %."""
    if not len(z_spec):
        return {}
    below = pit(pdf, edges, z_spec)
    return {
        "crps": float(crps(pdf, edges, z_spec).mean()),
        "pit_ks": kolmogorov_smirnov(below),
        "cde_loss": cde_loss(pdf, edges, z_spec),
        "coverage_68": float((np.abs(below - 0.5) <= 0.34).mean()),
        "coverage_95": float((np.abs(below - 0.5) <= 0.475).mean()),
    }


def coverage(low: np.ndarray, high: np.ndarray, z_spec: np.ndarray) -> float:
    """The share of true redshifts inside their intervals."""
    return float(((z_spec >= low) & (z_spec <= high)).mean())
