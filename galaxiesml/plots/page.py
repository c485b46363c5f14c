"""A page that is also written as PDF, for figures that go into a paper."""

from __future__ import annotations

import io
from pathlib import Path

from galaxiesml.errors import UsageError
from galaxiesml.plots.canvas import Canvas
from galaxiesml.system.atomic import write_atomic

FORMATS = ("png", "pdf", "svg")


class Page(Canvas):
    """A `Canvas`; equal pages give equal bytes as PDF, too."""

    def save(self, path: Path) -> None:
        """Write the page; the suffix of ``path`` names the format.

        Raises
        ------
        UsageError
            The suffix is not .png, .pdf or .svg.
        """
        if page_format(path) != "pdf":
            super().save(path)
            return
        page = io.BytesIO()
        self.figure.savefig(page, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
        write_atomic(Path(path), page.getvalue())


def page_format(path: Path) -> str:
    """'png', 'pdf' or 'svg', from a path's suffix; to be asked before the work for the page is done."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise UsageError(f"{path}: a figure must be .png, .pdf or .svg.", f"For example: {Path(path).stem}.png")
    return kind
