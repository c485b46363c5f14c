"""Draw the simulated and the real spectroscopic sample: n(z), i, and colour against redshift."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from galaxiesml.plots.canvas import GREY, INK, PALE, RED, Canvas

WIDTH, HEIGHT = 11.0, 7.6
OURS, THEIRS = "#1f5fa8", GREY
#: Limits of the axes and numbers of bins: redshift (beyond it there are 3 in a hundred), i and g - z in mag.
REDSHIFT, MAGNITUDE, COLOUR = (0.0, 1.5), (15.0, 25.5), (-0.5, 5.0)
Z_BINS, I_BINS, COLOUR_BINS = 75, 70, 66
#: Shares of a sample in a bin of the plane that are drawn: from one in a hundred thousand.
SHARES = (1.0e-5, 6.0e-3)
#: Bins of redshift for the track, and how many objects one must have to be drawn.
TRACK_BINS, TRACK_LEAST = 30, 20
PERCENTILES = (16, 50, 84)

#: redshift, i (mag) and g_minus_z (mag), each of shape (n,).
Sample = Mapping[str, np.ndarray]


def draw_population(simulated: Sample, real: Sample | None, path: Path) -> None:
    """Draw n(z), the i magnitudes and the colour-redshift plane, simulated and real.

    Parameters
    ----------
    simulated, real : mapping
        redshift, i and g_minus_z; without a real sample its parts of the picture are left empty.
    path : Path
        .png or .svg; equal samples give equal bytes.

    Raises
    ------
    UsageError
        The suffix of ``path`` is neither.
    """
    page = Canvas(WIDTH, HEIGHT)
    samples = [("simulated", simulated, OURS), ("real (HSC PDR2)", real, THEIRS)]
    _histogram(_axes(page, 0, 0), samples, "redshift", REDSHIFT, Z_BINS, "redshift")
    _histogram(_axes(page, 1, 0), samples, "i", MAGNITUDE, I_BINS, "i (AB mag)")
    _plane(_axes(page, 0, 1), *samples[0], other=real)
    _plane(_axes(page, 1, 1), *samples[1], other=simulated)
    page.save(path)


def _axes(page: Canvas, column: int, row: int):
    left, low = 0.065 + 0.5 * column, 0.575 - 0.495 * row
    axes = page.figure.add_axes((left, low, 0.42, 0.375))
    axes.tick_params(colors=INK, labelsize=9)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return axes


def _histogram(axes, samples, name: str, limits: tuple[float, float], bins: int, label: str) -> None:
    edges = np.linspace(*limits, bins + 1)
    for title, sample, colour in reversed(samples):
        if sample is None:
            continue
        counts, _ = np.histogram(sample[name], edges)
        share = 100.0 * counts / max(len(sample[name]), 1)
        is_real = colour == THEIRS
        face = {"fill": True, "facecolor": "#d5dade", "edgecolor": THEIRS} if is_real else {"edgecolor": colour}
        axes.stairs(share, edges, label=f"{title}, {len(sample[name]):,}", linewidth=1.3, **face)
    axes.set(xlim=limits, ylim=(0.0, None))
    axes.set_xlabel(label, fontsize=10, color=INK)
    axes.set_ylabel("per cent a bin", fontsize=10, color=INK)
    axes.legend(frameon=False, fontsize=9)


def _plane(axes, title: str, sample: Sample | None, colour: str, other: Sample | None) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    axes.set(xlim=REDSHIFT, ylim=COLOUR)
    axes.set_xlabel("redshift", fontsize=10, color=INK)
    axes.set_ylabel("g - z (AB mag)", fontsize=10, color=INK)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    if sample is None:
        axes.text(0.5, 0.5, "no real sample given", transform=axes.transAxes, ha="center", color=GREY)
        return
    edges = np.linspace(*REDSHIFT, Z_BINS + 1), np.linspace(*COLOUR, COLOUR_BINS + 1)
    counts, _, _ = np.histogram2d(sample["redshift"], sample["g_minus_z"], edges)
    share = np.ma.masked_less(counts.T / max(len(sample["redshift"]), 1), 0.999 * SHARES[0])
    axes.set_facecolor(PALE)
    axes.pcolormesh(
        *edges, share, cmap=colormaps["cividis"].resampled(32), norm=LogNorm(*SHARES, clip=True), rasterized=True
    )
    _track(axes, sample, "white", "solid", "this sample")
    if other is not None:
        _track(axes, other, RED, (0, (3, 2)), "the other sample")
    axes.legend(frameon=True, fontsize=8.5, loc="upper left", title="16, 50, 84 per cent", title_fontsize=8.5)
    axes.get_legend().get_frame().set(facecolor="#7a828a", edgecolor="none", alpha=0.85)
    for text in (*axes.get_legend().get_texts(), axes.get_legend().get_title()):
        text.set_color("white")


def _track(axes, sample: Sample, colour: str, dashes, label: str) -> None:
    """Percentiles of the colour in bins of redshift."""
    edges = np.linspace(*REDSHIFT, TRACK_BINS + 1)
    which = np.digitize(sample["redshift"], edges) - 1
    rows = np.full((TRACK_BINS, len(PERCENTILES)), np.nan)
    for k in range(TRACK_BINS):
        inside = sample["g_minus_z"][which == k]
        if len(inside) >= TRACK_LEAST:
            rows[k] = np.percentile(inside, PERCENTILES)
    middle = (edges[1:] + edges[:-1]) / 2.0
    for k, width in enumerate((1.0, 1.8, 1.0)):
        name = label if k == 1 else None
        axes.plot(middle, rows[:, k], color=colour, linewidth=width, linestyle=dashes, label=name)
