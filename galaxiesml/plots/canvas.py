"""Draw pages with boxes, parallelograms and arrows, as SVG or PNG that are equal byte by byte each time."""

from __future__ import annotations

import io
from pathlib import Path

from galaxiesml.errors import UsageError
from galaxiesml.system.atomic import write_atomic

INK, GREY, PALE, BLUE = "#1c2733", "#8a949e", "#eef1f4", "#dfeaf7"
GREEN, GREEN_EDGE = "#cfe8cf", "#3b7d3b"
RED, AMBER = "#b3261e", "#fdeccf"
#: Pixels of a PNG's width: a slide's, and what a page shows without scaling.
PNG_WIDTH = 1600


class Canvas:
    """A page; lengths are inches from the top left corner, y downwards."""

    def __init__(self, width: float, height: float):
        from matplotlib.figure import Figure

        self.width, self.height = width, height
        #: Added to every x: where the column stands that is being drawn.
        self.left = 0.0
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        self.axes.axis("off")

    def text(self, x: float, y: float, words: str, size: float = 10, colour: str = INK, **style) -> None:
        """Text, placed by its left end and middle height unless ``ha`` is given."""
        # A file's name may hold a dollar sign, which would start a formula.
        words = words.replace("$", r"\$")
        self.axes.text(self.left + x, y, words, fontsize=size, color=colour, **{"va": "center", "ha": "left"} | style)

    def box(self, x: float, y: float, width: float, height: float, face: str = "white", edge: str = INK, **style):
        """A rectangle with its top left corner at (x, y)."""
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        self._shape(corners, face, edge, **style)

    def parallelogram(self, x: float, y: float, width: float, height: float, face: str = "white", edge: str = INK):
        """A product, as flow charts draw them."""
        slant = min(0.28, height * 0.5)
        corners = [(x + slant, y), (x + width, y), (x + width - slant, y + height), (x, y + height)]
        self._shape(corners, face, edge)

    def _shape(self, corners, face: str, edge: str, **style) -> None:
        from matplotlib.patches import Polygon

        corners = [(self.left + x, y) for x, y in corners]
        style = {"linewidth": 1.1, "zorder": 2, "joinstyle": "round"} | style
        self.axes.add_patch(Polygon(corners, closed=True, facecolor=face, edgecolor=edge, **style))

    def arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str = INK, **style) -> None:
        """A straight arrow, or with ``bend`` an S from left to right; ``dashed`` for a filter."""
        from matplotlib.patches import FancyArrowPatch
        from matplotlib.path import Path as Curve

        start, end = (self.left + start[0], start[1]), (self.left + end[0], end[1])
        dashed, bend = style.pop("dashed", False), style.pop("bend", False)
        style = {"linewidth": 1.2, "mutation_scale": 11, "zorder": 1, "shrinkA": 0, "shrinkB": 0} | style
        style |= {"arrowstyle": style.get("arrowstyle", "-|>"), "color": colour}
        style |= {"linestyle": (0, (4, 3)) if dashed else "-"}
        if bend:
            middle = (start[0] + end[0]) / 2
            points = [start, (middle, start[1]), (middle, end[1]), end]
            curve = Curve(points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
            self.axes.add_patch(FancyArrowPatch(path=curve, **style))
        else:
            self.axes.add_patch(FancyArrowPatch(start, end, **style))

    def save(self, path: Path) -> None:
        """Write the page; the suffix of ``path`` names the format.

        Raises
        ------
        UsageError
            The suffix is neither .svg nor .png.
        """
        import matplotlib

        kind = picture_format(path)
        # No date, no version and no random names in the file: equal pictures are equal bytes.
        metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        page = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": "galaxiesml"}):
            self.figure.savefig(page, format=kind, dpi=PNG_WIDTH / self.width, metadata=metadata)
        write_atomic(Path(path), page.getvalue())


def picture_format(path: Path) -> str:
    """'svg' or 'png', from a path's suffix; to be asked before the work for the picture is done."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise UsageError(f"{path}: a picture must be .svg or .png.", f"For example: {Path(path).stem}.svg")
    return kind
