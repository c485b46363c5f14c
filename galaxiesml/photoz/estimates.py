"""Point estimates, intervals, odds and flags from PDFs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from galaxiesml.photoz import grid, metrics
from galaxiesml.photoz.data import Data

#: Training rows to which colours are compared, and the share of training rows that counts as inside.
_REFERENCE, _INSIDE = 1024, 0.999
#: The probability in the grid's first or last bin above which a PDF is flagged.
_AT_EDGE = 0.05


class Flag(IntFlag):
    """Bits of ``photoz_flags``."""

    MAGNITUDE_OUTSIDE = 1
    COLOUR_OUTSIDE = 2
    BAND_MISSING = 4
    NO_PHOTOMETRY = 8
    AT_GRID_EDGE = 16


#: What each bit means, for documents.
MEANINGS = {
    Flag.MAGNITUDE_OUTSIDE: "A magnitude is brighter or fainter than all of the training galaxies.",
    Flag.COLOUR_OUTSIDE: "The nearest of 1,024 training galaxies in colours (each colour in units of its standard "
    "deviation) is farther than it is for 99.9 % of the training galaxies.",
    Flag.BAND_MISSING: "At least one magnitude is missing.",
    Flag.NO_PHOTOMETRY: "All magnitudes are missing: the PDF is the distribution of the training redshifts or a guess.",
    Flag.AT_GRID_EDGE: "More than 5 % of the probability is in the first or the last bin of the grid.",
}


@dataclass(frozen=True)
class Domain:
    """The part of magnitudes and colours that training covered.

    Attributes
    ----------
    low, high : ndarray (bands,)
        The brightest and faintest training magnitudes.
    colours : ndarray (m, bands - 1) of float64
        Of training galaxies, divided by `scale`.
    scale : ndarray (bands - 1,)
    farthest : float
        The distance to the nearest of `colours` that 99.9 % of training galaxies have at most.
    """

    low: np.ndarray
    high: np.ndarray
    colours: np.ndarray
    scale: np.ndarray
    farthest: float

    @classmethod
    def of(cls, training: Data, seed: int) -> Domain:
        magnitudes = training.magnitudes.astype(np.float64)
        known = np.isfinite(magnitudes)
        low = np.where(known, magnitudes, np.inf).min(axis=0)
        high = np.where(known, magnitudes, -np.inf).max(axis=0)
        raw = magnitudes[:, :-1] - magnitudes[:, 1:]
        scale = np.array([_spread(column) for column in raw.T])
        scaled = raw / scale
        complete = np.flatnonzero(np.isfinite(scaled).all(axis=1))
        order = np.random.default_rng(seed).permutation(complete)
        reference = scaled[np.sort(order[:_REFERENCE])]
        # The other rows say how far apart training galaxies are; of a small table, all do.
        others = scaled[order[_REFERENCE : 9 * _REFERENCE]] if len(order) > 2 * _REFERENCE else scaled[complete]
        made = cls(low, high, reference, scale, np.inf)
        distances = made._distance(others) if len(reference) else np.zeros(0)
        farthest = float(np.quantile(distances, _INSIDE)) if len(distances) else np.inf
        return cls(low, high, reference, scale, max(farthest, 1e-6))

    def flags(self, magnitudes: np.ndarray, pdf: np.ndarray) -> np.ndarray:
        """``photoz_flags`` of rows, int32."""
        magnitudes = magnitudes.astype(np.float64)
        known = np.isfinite(magnitudes)
        outside = (known & ((magnitudes < self.low) | (magnitudes > self.high))).any(axis=1)
        strange = np.zeros(len(magnitudes), bool)
        if len(self.colours) and self.colours.shape[1]:
            strange = self._distance((magnitudes[:, :-1] - magnitudes[:, 1:]) / self.scale) > self.farthest
        bits = {
            Flag.MAGNITUDE_OUTSIDE: outside,
            Flag.COLOUR_OUTSIDE: strange,
            Flag.BAND_MISSING: ~known.all(axis=1),
            Flag.NO_PHOTOMETRY: ~known.any(axis=1),
            Flag.AT_GRID_EDGE: (pdf[:, 0] > _AT_EDGE) | (pdf[:, -1] > _AT_EDGE),
        }
        made = np.zeros(len(magnitudes), np.int32)
        for flag, is_set in bits.items():
            made |= np.where(is_set, np.int32(flag), np.int32(0))
        return made

    def _distance(self, colours: np.ndarray) -> np.ndarray:
        """The distance to the nearest training galaxy; a missing colour counts as equal."""
        if not colours.shape[1]:
            return np.zeros(len(colours))
        known = np.isfinite(colours)
        here = np.where(known, colours, 0.0)
        squares = (here**2).sum(axis=1)[:, None] - 2 * here @ self.colours.T + known @ (self.colours**2).T
        return np.sqrt(np.maximum(squares.min(axis=1), 0.0))


def _spread(column: np.ndarray) -> float:
    known = column[np.isfinite(column)]
    return max(float(np.std(known)), 1e-3) if known.size else 1.0


def estimates(
    pdf: np.ndarray, edges: np.ndarray, central: tuple[float, float], odds_width: float, z_phot: str,
    point: np.ndarray | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """What is said of each PDF, float64.

    Parameters
    ----------
    pdf : ndarray (n, bins)
        Probabilities; rows sum to one.
    central : tuple of two floats
        The probability inside the intervals called 68 and 95 %.
    odds_width : float
        Half the width, in units of 1 + z_phot, inside which the probability is called odds.
    z_phot : str
        Which estimate is z_phot.
    point : ndarray (n,), optional
        A network's own number, where z_phot is 'z_point'.

    Returns
    -------
    dict
        z_phot, z_risk, z_median, z_mode, z_sigma, z_low_68, z_high_68, z_low_95, z_high_95, odds.
    """
    cdf = grid.cdf_of(pdf)
    centers, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    mean = pdf @ centers
    made = {
        "z_risk": least_risk(pdf, edges),
        "z_median": grid.quantile(cdf, edges, 0.5),
        "z_mode": _peak(centers, -pdf / widths),
        "z_sigma": np.sqrt(np.maximum(pdf @ (centers**2 + widths**2 / 12) - mean**2, 0.0)),
    }
    for inside, level in zip(central, ("68", "95"), strict=True):
        made[f"z_low_{level}"] = grid.quantile(cdf, edges, 0.5 - inside / 2)
        made[f"z_high_{level}"] = grid.quantile(cdf, edges, 0.5 + inside / 2)
    chosen = point if z_phot == "z_point" else made[z_phot]
    reach = odds_width * (1 + chosen)
    odds = grid.at_redshift(cdf, edges, chosen + reach) - grid.at_redshift(cdf, edges, chosen - reach)
    return {"z_phot": chosen, **made, "odds": odds}


def least_risk(pdf: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The redshift whose expected loss (Eq. 1, with 1 + z_spec) is least."""
    centers = (edges[:-1] + edges[1:]) / 2
    cost = metrics.loss(centers[:, None], centers[None, :])
    return _peak(centers, pdf @ cost.T)


def _peak(centers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where a function on the bins' middles is least, by a parabola through the least value and its neighbours."""
    least = np.clip(values.argmin(axis=1), 1, len(centers) - 2)
    rows = np.arange(len(values))
    before, here, after = (values[rows, least + step] for step in (-1, 0, 1))
    left, right = centers[least - 1] - centers[least], centers[least + 1] - centers[least]
    # The parabola through (left, before), (0, here), (right, after).
    slope = (right * (before - here) / left - left * (after - here) / right) / (right - left)
    curve = ((after - here) / right - (before - here) / left) / (right - left)
    with np.errstate(divide="ignore", invalid="ignore"):
        shift = np.where(curve > 0, -slope / (2 * curve), 0.0)
    return centers[least] + np.clip(np.nan_to_num(shift), left, right)
