"""Metrics on each survey's galaxies, of the run that saw others of the survey and of one that saw none."""

from __future__ import annotations

from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

_COLUMNS = 3
_STYLES = (("with", "#0072b2", "o", -0.14), ("without", "#d55e00", "s", 0.14))


def draw_left_out(rows: list[dict], metrics: list[tuple[str, str, str]], title: str) -> Page:
    """A panel a metric, a line a survey; bars are the 95 % intervals.

    Parameters
    ----------
    rows : list of dict
        survey, galaxies, and with and without: rows of definition, metric, value, value_low, value_high.
    metrics : list of (definition, metric, label)
    """
    metrics = [one for one in metrics if any(_value(row, "with", one) for row in rows)]
    tall = 0.3 + 0.42 * len(rows)
    height = 0.8 + (tall + 0.65) * -(-len(metrics) // _COLUMNS)
    page = Page(10.6, height)
    page.text(0.2, 0.25, title, 11)
    for place, (how, colour, _, _) in enumerate(_STYLES):
        page.text(0.2 + 2.6 * place, 0.55, f"{'■' if place else '●'} trained {how} the survey", 9, colour)
    for place, metric in enumerate(metrics):
        across, down = place % _COLUMNS, place // _COLUMNS
        top = 0.8 + (tall + 0.65) * down
        axes = page.figure.add_axes(((2.2 + 2.8 * across) / 10.6, 1 - (top + tall) / height, 0.235, tall / height))
        _draw(axes, rows, metric)
        names = [f"{row['survey']}, {row['galaxies']:,}" for row in rows]
        axes.set_yticklabels(names if across == 0 else [], fontsize=8, color=INK)
    return page


def _draw(axes, rows: list[dict], metric: tuple[str, str, str]) -> None:
    for how, colour, marker, shift in _STYLES:
        for line, row in enumerate(rows):
            if (found := _value(row, how, metric)) is not None:
                axes.plot([found["value_low"], found["value_high"]], [line + shift] * 2, color=colour, linewidth=1.2)
                axes.plot(found["value"], line + shift, marker, color=colour, markersize=4)
    if metric[1].startswith("bias"):
        axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
    axes.set_xlabel(metric[2], fontsize=9, color=INK)
    axes.tick_params(colors=INK, labelsize=7)
    axes.locator_params(axis="x", nbins=5)
    axes.spines[["top", "right"]].set_visible(False)


def _value(row: dict, how: str, metric: tuple[str, str, str]) -> dict | None:
    for one in row[how]:
        if (one["definition"], one["metric"]) == metric[:2] and one["value"] is not None:
            return one
    return None
