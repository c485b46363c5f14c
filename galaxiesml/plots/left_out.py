"""Metrics on each survey's galaxies, of the run that saw others of the survey and of one that saw none."""

from __future__ import annotations

from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

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
    height = 1.5 + 0.45 * len(rows)
    page = Page(3.0 + 2.1 * len(metrics), height)
    page.text(0.2, 0.25, title, 11)
    for place, metric in enumerate(metrics):
        left = (2.55 + 2.1 * place) / page.width
        axes = page.figure.add_axes((left, 0.55 / height, 1.85 / page.width, (0.45 * len(rows) + 0.2) / height))
        for how, colour, marker, shift in _STYLES:
            for line, row in enumerate(rows):
                if (found := _value(row, how, metric)) is not None:
                    axes.plot(
                        [found["value_low"], found["value_high"]], [line + shift] * 2, color=colour, linewidth=1.2
                    )
                    axes.plot(found["value"], line + shift, marker, color=colour, markersize=4, label=how)
        if metric[1].startswith("bias"):
            axes.axvline(0, color=GREY, linewidth=0.8)
        axes.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
        names = [f"{row['survey']}, {row['galaxies']:,}" for row in rows]
        axes.set_yticklabels(names if place == 0 else [], fontsize=8, color=INK)
        axes.set_xlabel(metric[2], fontsize=9, color=INK)
        axes.tick_params(colors=INK, labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    for place, (how, colour, _, _) in enumerate(_STYLES):
        page.text(2.55 + 3.2 * place, 0.55, f"{'■' if place else '●'} trained {how} the survey", 8, colour)
    return page


def _value(row: dict, how: str, metric: tuple[str, str, str]) -> dict | None:
    for one in row[how]:
        if (one["definition"], one["metric"]) == metric[:2] and one["value"] is not None:
            return one
    return None
