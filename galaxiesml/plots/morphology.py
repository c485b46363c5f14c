"""Draw a galaxy's measurements over its pixels: the paper's Figure 3, with the Sersic model and its residual."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from matplotlib.patches import Ellipse

from galaxiesml.plots.page import Page

#: Inches: the page's width, the space above a row, a row's height.
WIDTH, TOP, HEIGHT = 11.0, 0.7, 2.95
#: Levels of the isophotes, in units of the noise.
_LEVELS = (1.5, 3, 6, 12, 25, 50, 100, 200, 400, 800)
#: The residual's range, in units of the noise.
_RESIDUAL = 5.0
_BLUE, _ORANGE = "#3b6fb5", "#d9772b"


class Measured(Protocol):
    """One galaxy in one filter: as `galaxiesml.morphology.redraw.Redrawn`."""

    band: str
    row: dict
    picture: np.ndarray
    labels: np.ndarray
    rms: float
    model: np.ndarray | None


def draw_morphology(shown: list[Measured], title: str) -> Page:
    """Isophotes, ellipse, model and residual, a row a filter."""
    page = Page(WIDTH, TOP + HEIGHT * len(shown))
    page.figure.suptitle(title, x=0.02, ha="left", y=1 - 0.2 / page.figure.get_figheight(), fontsize=11)
    axes = page.figure.subplots(len(shown), 4, squeeze=False)
    page.figure.subplots_adjust(
        left=0.02, right=0.98, bottom=0.03, top=1 - TOP / page.figure.get_figheight(), wspace=0.04, hspace=0.22
    )
    for line, one in zip(axes, shown, strict=True):
        for axis in line:
            axis.set_xticks([])
            axis.set_yticks([])
        _isophotes(line[0], one)
        _ellipse(line[1], one)
        _model(line[2], one)
        _residual(line[3], one)
    return page


def _show(axis, picture: np.ndarray, rms: float) -> None:
    """Asinh from the noise up; north as the pixels have it."""
    axis.imshow(np.arcsinh(picture / (2 * rms)), origin="lower", cmap="gray_r", vmin=-1, interpolation="nearest")


def _isophotes(axis, one: Measured) -> None:
    _show(axis, one.picture, one.rms)
    top = float(np.nanmax(one.picture)) / one.rms
    levels = [level for level in _LEVELS if level < top]
    if levels:
        # Within footprints: elsewhere the lowest levels are the noise's.
        seen = np.where(one.labels > 0, one.picture, np.float32(0))
        axis.contour(seen / one.rms, levels=levels, colors=_BLUE, linewidths=0.6)
    area = one.row["isophotal_area"]
    words = "not detected" if area is None else f"isophotal area {area:,.0f} pixels"
    axis.set_title(f"{one.band}: {words}", fontsize=8, loc="left")


def _ellipse(axis, one: Measured) -> None:
    _show(axis, one.picture, one.rms)
    row = one.row
    if row["major_axis"] is None:
        return
    place = row["x_px"], row["y_px"]
    for size, style in ((1.0, "-"), (3.0, "--")):
        width, height = 2 * size * row["major_axis"], 2 * size * row["minor_axis"]
        axis.add_patch(
            Ellipse(place, width, height, angle=row["pos_angle"], fill=False, color=_ORANGE, lw=1.0, ls=style)
        )
    if row["half_light_radius"]:
        side = 2 * row["half_light_radius"]
        axis.add_patch(Ellipse(place, side, side, fill=False, color=_BLUE, lw=1.0))
    axis.plot(row["target_x_px"], row["target_y_px"], "+", color=_BLUE, ms=6, mew=0.8)
    axis.set_title(
        f"ellipticity {row['ellipticity']:.2f}, half-light radius {row['half_light_radius'] or np.nan:.1f} pixels",
        fontsize=8,
        loc="left",
    )


def _model(axis, one: Measured) -> None:
    if one.model is None:
        why = one.row["morphology_reasons"] if one.row["sersic_index"] is None else "its PSF was removed"
        axis.set_title(f"no Sersic fit: {why}", fontsize=8, loc="left")
        axis.set_frame_on(False)
        return
    _show(axis, one.model, one.rms)
    row = one.row
    error = f" ± {row['sersic_index_error']:.2g}" if row["sersic_index_error"] is not None else " (at a bound)"
    words = f"Sersic n = {row['sersic_index']:.2f}{error}, r_e {row['sersic_r_e_arcsec']:.2f} arcsec"
    axis.set_title(words, fontsize=8, loc="left")


def _residual(axis, one: Measured) -> None:
    if one.model is None:
        axis.set_frame_on(False)
        return
    residual = (one.picture - one.model) / one.rms
    axis.imshow(residual, origin="lower", cmap="RdBu_r", vmin=-_RESIDUAL, vmax=_RESIDUAL, interpolation="nearest")
    words = one.row["morphology_reasons"] or "no flag"
    axis.set_title(f"residual ±{_RESIDUAL:.0f} sigma; {words}", fontsize=8 if len(words) < 30 else 6, loc="left")
