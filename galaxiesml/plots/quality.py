"""Draw which pictures to distrust: masked fractions by plane and filter, by magnitude, over the sky, and the worst."""

from __future__ import annotations

import numpy as np

from galaxiesml.plots.canvas import GREY, INK, RED
from galaxiesml.plots.page import Page

WIDTH, HEIGHT = 11.0, 9.0
#: Colours that colour-blind people tell apart (Okabe & Ito 2008).
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#000000")
#: Masked fractions that have the palest and the darkest colour.
LEAST, MOST = 1e-5, 1.0
#: Galaxies that there is room to name.
NAMED = 12


def draw_quality(found: dict, title: str) -> Page:
    """Four parts of a page, from what `galaxiesml.curation.audit_pictures` found.

    Parameters
    ----------
    found : dict
        planes, magnitudes and tracts as rows of the mart picture_quality (tracts with ra and dec, deg); bands, worst,
        pictures, version.
    """
    page = Page(WIDTH, HEIGHT)
    counts = ", ".join(f"more than {row['above']:.0%} in {row['pictures']:,}" for row in found["distrusted"])
    page.text(0.35, 0.25, f"{title}: which pictures to distrust", 12)
    words = f"{found['pictures']:,} pictures of galaxies_{found['version']}; pixels with a defect: {counts}"
    page.text(0.35, 0.52, words, 9, GREY)
    _draw_planes(_axes(page, 1.5, 1.1, 3.2, 3.9, "planes"), found)
    _draw_magnitudes(_axes(page, 6.0, 1.1, 4.6, 3.6, "magnitudes"), found)
    _draw_sky(_axes(page, 1.0, 5.75, 4.3, 2.7, "sky"), found)
    _name_worst(page, found, 6.0, 5.6)
    return page


def _axes(page: Page, left: float, top: float, width: float, height: float, label: str):
    place = (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
    axes = page.figure.add_axes(place, label=label)
    axes.tick_params(colors=INK, labelsize=8, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _draw_planes(axes, found: dict) -> None:
    """A row a plane, those that mark defects first; a column a filter."""
    means = {(row["mask_plane"], row["band"]): _mean(row) for row in found["planes"]}
    planes = [name for _, name in sorted({(not row["is_defect"], row["mask_plane"]) for row in found["planes"]})]
    defects = {row["mask_plane"] for row in found["planes"] if row["is_defect"]}
    grid = np.array([[means[plane, band] for band in found["bands"]] for plane in planes])
    axes.imshow(_shade(grid), cmap="YlOrRd", vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(grid):
        for column, value in enumerate(line):
            words = "no mask" if np.isnan(value) else _percent(value)
            axes.text(column, row, words, fontsize=6.5, ha="center", va="center", color="white" if value > 0.1 else INK)
    axes.set_xticks(range(len(found["bands"])), found["bands"])
    axes.set_yticks(range(len(planes)), planes)
    for label, plane in zip(axes.get_yticklabels(), planes, strict=True):
        label.set_color(RED if plane in defects else GREY)
    axes.set_title("mean fraction of pixels with a plane set (red: defects)", fontsize=9, color=INK, loc="left", x=-0.4)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_magnitudes(axes, found: dict) -> None:
    """A line a defect that occurs, means of all filters, weighted by their pictures."""
    steps = sorted({row["bin_low"] for row in found["magnitudes"]})
    lines = {}
    for plane in sorted({row["mask_plane"] for row in found["magnitudes"] if row["is_defect"]}):
        values = [
            _pooled([row for row in found["magnitudes"] if (row["mask_plane"], row["bin_low"]) == (plane, step)])
            for step in steps
        ]
        if np.nanmax([*values, 0]) > 0:
            lines[plane] = values
    ranked = sorted(lines, key=lambda plane: -np.nanmax(lines[plane]))[: len(COLOURS)]
    for plane, colour in zip(ranked, COLOURS, strict=False):
        # What is 0 has no place on a logarithmic axis.
        values = np.array([value or np.nan for value in lines[plane]])
        axes.plot(np.array(steps) + 0.5, values, "o-", color=colour, markersize=3, linewidth=1.2, label=plane)
    axes.set(
        yscale="log",
        ylim=(LEAST * 0.8, min(MOST, 20 * max((np.nanmax(lines[plane]) for plane in ranked), default=0.01))),
    )
    axes.set_xlabel("CModel magnitude in the picture's filter", fontsize=9, color=INK)
    axes.set_title("mean masked fraction by magnitude", fontsize=9, color=INK, loc="left")
    if ranked:
        axes.legend(frameon=False, fontsize=8, ncols=2)


def _draw_sky(axes, found: dict) -> None:
    """A disc a tract: colour by its worst defect."""
    tracts: dict[str, list[dict]] = {}
    for row in found["tracts"]:
        if row["is_defect"] and row["pictures_with_mask"] and row.get("ra") is not None:
            tracts.setdefault(row["bin"], []).append(row)
    names = sorted(tracts)
    ra = _unwrapped(np.array([tracts[name][0]["ra"] for name in names]))
    dec = np.array([tracts[name][0]["dec"] for name in names])
    worst = [
        max(
            (_pooled([row for row in tracts[name] if row["mask_plane"] == plane]), plane)
            for plane in {row["mask_plane"] for row in tracts[name]}
        )
        for name in names
    ]
    size = 90 if len(names) < 30 else 18
    axes.scatter(
        ra,
        dec,
        c=_shade(np.array([value for value, _ in worst])),
        cmap="YlOrRd",
        vmin=0,
        vmax=1,
        s=size,
        edgecolors=GREY,
        linewidths=0.4,
    )
    for at in np.argsort([-value for value, _ in worst], kind="stable")[:5]:
        value, plane = worst[at]
        is_right = len(names) > 1 and ra[at] < (ra.min() + ra.max()) / 2
        axes.annotate(
            f"{names[at]}: {plane} {value:.2%}",
            (ra[at], dec[at]),
            xytext=(-6 if is_right else 6, 5),
            ha="right" if is_right else "left",
            textcoords="offset points",
            fontsize=7,
            color=INK,
        )
    axes.margins(0.25)
    axes.invert_xaxis()
    axes.set_xlabel("right ascension, deg", fontsize=9, color=INK)
    axes.set_ylabel("declination, deg", fontsize=9, color=INK)
    axes.set_title("tracts, coloured by their worst defect; the worst named", fontsize=9, color=INK, loc="left")


def _name_worst(page: Page, found: dict, left: float, top: float) -> None:
    page.text(left, top, "the worst pictures", 9)
    for line, one in enumerate(found["worst"][:NAMED]):
        y = top + 0.27 + 0.235 * line
        page.text(left, y, str(one["object_id"]), 7.5)
        page.text(left + 1.62, y, f"{one['defect']:.1%}", 7.5, RED, ha="right")
        words = ", ".join(one["reasons"][:2]) + ("; its centre, too" if one["centre"] else "")
        page.text(left + 1.68, y, words, 7.5)
    if not found["worst"]:
        page.text(left, top + 0.27, "no picture has a pixel in a defect", 7.5, GREY)


def _percent(share: float) -> str:
    return "0" if share == 0 else "<0.01%" if share < 0.0001 else f"{share:.2%}"


def _mean(row: dict) -> float:
    return np.nan if row["masked_mean"] is None else row["masked_mean"]


def _pooled(rows: list[dict]) -> float:
    """The mean of several filters' pictures; NaN where none has a mask."""
    pictures = sum(row["pictures_with_mask"] for row in rows)
    masked = sum(row["masked_mean"] * row["pictures_with_mask"] for row in rows if row["masked_mean"] is not None)
    return masked / pictures if pictures else np.nan


def _shade(fraction: np.ndarray) -> np.ndarray:
    """From 0 to 1 in the logarithm."""
    return np.log(np.clip(fraction, LEAST, MOST) / LEAST) / np.log(MOST / LEAST)


def _unwrapped(ra: np.ndarray) -> np.ndarray:
    """Right ascensions without a jump: broken where there is nothing for the longest way."""
    if not len(ra):
        return ra
    ordered = np.sort(ra)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    last = ordered[np.argmax(gaps)]
    return np.where(ra > last, ra - 360, ra) if last < ordered[-1] else ra
