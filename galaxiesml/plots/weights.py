"""Magnitudes and colours of a run's training galaxies, before weights and with them, against the sample they follow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError, UsageError
from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

COLOUR = "#d55e00"
_COLUMNS, _BINS = 3, 40


@dataclass(frozen=True)
class Weighed:
    """What a run was trained on.

    Attributes
    ----------
    name : str
    bands : tuple of str
    training : ndarray (n, bands)
    weights : ndarray (n,)
    target : ndarray (m, bands), or None
        NaN where a magnitude is missing.
    told : dict
        Of run.json: what the weights are, clip and effective sample sizes.
    """

    name: str
    bands: tuple[str, ...]
    training: np.ndarray
    weights: np.ndarray
    target: np.ndarray | None
    told: dict


def read_weighed(home: Path, name: str) -> Weighed:
    """The weights of a run from its folder.

    Raises
    ------
    UsageError
        There is no such run, or it was trained without weights.
    InputError
        A file of the folder cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not (home / "run.json").is_file():
        raise UsageError(f"No run {name!r} was trained here.", "Type: galaxiesml runs")
    told = json.loads((home / "run.json").read_text(encoding="utf-8"))
    if not told.get("weights"):
        raise UsageError(f"{name} was trained without weights.", "Type: galaxiesml train table --weights colour")
    bands, is_there = tuple(told["bands"]), (home / "target.parquet").is_file()
    try:
        table = pq.read_table(home / "weighed.parquet", partitioning=None)
        target = pq.read_table(home / "target.parquet", partitioning=None) if is_there else None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(
            f"{home} has no table of weights that can be read: {str(error)[:200]}.",
            "Type the same train command again.",
        ) from None
    table = table.filter(pa.compute.equal(table["photoz_split"], "training"))
    return Weighed(
        name,
        bands,
        _magnitudes(table, bands),
        table["weight"].to_numpy(),
        None if target is None else _magnitudes(target, bands),
        {"weights": told["weights"], "of": told["provenance"].get("weights")},
    )


def _magnitudes(table, bands: tuple[str, ...]) -> np.ndarray:
    return np.column_stack([table[band].to_numpy() for band in bands]).astype(np.float64)


def draw_weights(found: Weighed) -> Page:
    """A panel for each magnitude and each neighbouring colour; every histogram has the area 1."""
    names = [*found.bands, *(f"{blue} - {red}" for blue, red in pairwise(found.bands))]
    rows = -(-len(names) // _COLUMNS)
    height = 0.9 + 2.5 * rows
    page = Page(10.0, height)
    counts = found.told["weights"]["training"]
    target = "" if not found.told["of"] else found.told["of"].get("target", found.told["of"].get("column", ""))
    title = f"{found.name}: {len(found.weights):,} training galaxies count as {counts['effective']:,.0f}; {target}"
    page.text(0.6, 0.3, title, 11)
    for place, name in enumerate(names):
        left, top = 0.07 + 0.315 * (place % _COLUMNS), 0.65 + 2.5 * (place // _COLUMNS)
        axes = page.figure.add_axes((left, 1 - (top + 1.95) / height, 0.27, 1.85 / height))
        _draw(axes, found, place, name)
        if place == 0:
            axes.legend(frameon=False, fontsize=8)
    return page


def _draw(axes, found: Weighed, place: int, name: str) -> None:
    ours = _quantity(found.training, place)
    theirs = None if found.target is None else _quantity(found.target, place)
    known = np.isfinite(ours)
    whole = ours[known] if theirs is None else np.concatenate([ours[known], theirs[np.isfinite(theirs)]])
    axes.set_xlabel(name, fontsize=9, color=INK)
    axes.tick_params(colors=INK, labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if not len(whole):
        return
    # A handful of strange colours would leave the others in one bin.
    low, high = np.quantile(whole, [0.002, 0.998])
    edges = np.linspace(low, max(high, low + 1e-3), _BINS + 1)
    if theirs is not None:
        axes.stairs(_density(theirs, None, edges), edges, fill=True, facecolor="#dfeaf7", label="target")
    axes.stairs(_density(ours, None, edges), edges, color=GREY, linewidth=1.2, label="training")
    axes.stairs(_density(ours, found.weights, edges), edges, color=COLOUR, linewidth=1.4, label="weighed")
    axes.set(xlim=edges[[0, -1]], ylim=(0, None))


def _quantity(magnitudes: np.ndarray, place: int) -> np.ndarray:
    bands = magnitudes.shape[1]
    return magnitudes[:, place] if place < bands else magnitudes[:, place - bands] - magnitudes[:, place - bands + 1]


def _density(values: np.ndarray, weights: np.ndarray | None, edges: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    counts = np.histogram(values[known], edges, weights=None if weights is None else weights[known])[0]
    whole = known.sum() if weights is None else weights[known].sum()
    return counts / max(whole, 1e-300) / np.diff(edges)
