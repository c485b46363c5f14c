"""Draw the splits: the cells of the sky by split, and the redshifts of each split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from galaxiesml.plots.canvas import GREY, INK, Canvas

COLOURS = {"training": "#0072b2", "validation": "#e69f00", "testing": "#009e73"}


def draw_splits(cells: dict, redshifts: dict[str, np.ndarray], path: Path, title: str) -> None:
    """Draw the sky map of the leak-free cells over the redshift distribution of each split.

    Parameters
    ----------
    cells : dict of str to ndarray, shape (cells,)
        split, ra_low, ra_high, dec_low, dec_high; deg.
    redshifts : dict of str to ndarray
        Spectroscopic redshifts, by split.
    path : Path
        An .svg or .png file.
    title : str
    """
    canvas = Canvas(10, 8)
    canvas.text(0.6, 0.3, title, 13)
    _map(canvas.figure.add_axes((0.08, 0.52, 0.89, 0.40)), cells)
    _histogram(canvas.figure.add_axes((0.08, 0.07, 0.89, 0.36)), redshifts)
    canvas.save(path)


def _map(axes, cells: dict) -> None:
    from matplotlib.collections import PolyCollection

    west, east, south, north = (cells[name] for name in ("ra_low", "ra_high", "dec_low", "dec_high"))
    corners = np.stack(
        [np.stack(corner, -1) for corner in ((west, south), (east, south), (east, north), (west, north))]
    )
    for split, colour in COLOURS.items():
        shown = corners[:, np.asarray(cells["split"] == split)].transpose(1, 0, 2)
        # Thousands of cells as shapes would make an .svg of megabytes.
        squares = PolyCollection(shown, facecolor=colour, edgecolor=colour, linewidth=0.15, rasterized=True)
        axes.add_collection(squares)
    if len(west):
        axes.set(xlim=(east.max() + 0.25, west.min() - 0.25), ylim=(south.min() - 0.25, north.max() + 0.25))
    axes.set(xlabel="RA (deg)", ylabel="Dec (deg)", facecolor="white")
    axes.set_title("cells of the sky by leak-free split", fontsize=10, color=INK, loc="left")


def _histogram(axes, redshifts: dict[str, np.ndarray]) -> None:
    largest = max((float(values.max()) for values in redshifts.values() if len(values)), default=1.0)
    # Some ten objects a bin in the smallest split, and no more bins than the page has room for.
    fewest = min((len(values) for values in redshifts.values() if len(values)), default=1)
    bins = np.linspace(0, largest, int(np.clip(fewest // 10, 10, 80)) + 1)
    for split, values in redshifts.items():
        if len(values):
            label = f"{split}: {len(values):,}"
            axes.hist(values, bins, density=True, histtype="step", color=COLOURS[split], linewidth=1.4, label=label)
    axes.set(xlabel="spectroscopic redshift", ylabel="density per unit redshift", xlim=(0, largest))
    axes.spines[["top", "right"]].set_color(GREY)
    axes.legend(frameon=False, fontsize=9)
