"""n(z) from stacked PDFs with its interval, over the histogram of spectroscopic redshifts."""

from __future__ import annotations

import numpy as np

from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#332288", "#882255")
#: Bins beyond the last whose density is this share of the highest are not drawn.
_LEAST = 5e-3


def draw_nz(runs: list[tuple[str, list[dict], list[dict]]], title: str) -> Page:
    """Draw a panel a run: the whole sample, or its bins of z_phot.

    Parameters
    ----------
    runs : list of (name, bins, tomography)
        As `galaxiesml.curation.stacked.Stack` has them.
    """
    height = 0.7 + 3.6 * len(runs)
    page = Page(9.0, height)
    page.text(0.75, 0.25, title, 11)
    for place, (name, bins, tomography) in enumerate(runs):
        axes = page.figure.add_axes((0.085, 1 - (0.55 + 3.6 * place + 3.05) / height, 0.895, 2.9 / height))
        shown = [row for row in tomography if row["tomography"] != "all"] or tomography
        for row, colour in zip(shown, COLOURS * (1 + len(shown) // len(COLOURS)), strict=False):
            _draw(axes, [one for one in bins if one["tomography"] == row["tomography"]], row, colour)
        last = place == len(runs) - 1
        axes.set(xlim=(bins[0]["low"], _end(bins)), ylim=(0, None))
        axes.set_title(name.replace("$", r"\$"), fontsize=10, color=INK, loc="left")
        axes.set_xlabel("redshift" if last else "", fontsize=10, color=INK)
        axes.set_ylabel("n(z)", fontsize=10, color=INK)
        axes.tick_params(colors=INK, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(
            frameon=False, fontsize=8, title="line: stacked PDFs; bars: 95 %; filled: spectra", title_fontsize=8
        )
    return page


def _draw(axes, rows: list[dict], of: dict, colour: str) -> None:
    if not rows or rows[0]["nz"] is None:
        return
    edges = np.array([*(row["low"] for row in rows), rows[-1]["high"]])
    values = {key: np.array([np.nan if row[key] is None else row[key] for row in rows]) for key in rows[0] if key in
              ("nz", "nz_low", "nz_high", "spec")}  # fmt: skip
    label = f"{of['tomography']}: {of['galaxies']:,}, mean {of['mean']:.3f}"
    if of["bias"] is not None:
        label += f", bias {of['bias']:+.4f} ± {of['bias_error']:.4f}"
    if np.isfinite(values["spec"]).any():
        axes.stairs(values["spec"], edges, fill=True, color=colour, alpha=0.18)
    axes.stairs(values["nz"], edges, color=colour, linewidth=1.4, label=label)
    axes.vlines((edges[1:] + edges[:-1]) / 2, values["nz_low"], values["nz_high"], color=colour, linewidth=1)
    axes.axvline(of["mean"], color=colour if of["tomography"] != "all" else GREY, linewidth=0.7, linestyle="--")


def _end(bins: list[dict]) -> float:
    """The end of the last bin that holds something."""
    highest = max(max(row["nz"] or 0, row["spec"] or 0) for row in bins)
    return max(row["high"] for row in bins if max(row["nz"] or 0, row["spec"] or 0) >= _LEAST * highest)
