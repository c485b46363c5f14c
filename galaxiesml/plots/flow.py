"""Draw the flow chart of the curation, the paper's Fig. 2, with the counts of a catalogue.

Rectangles are processes, parallelograms are products, the green parallelogram is the released table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path

from galaxiesml.plots.canvas import (
    AMBER,
    BLUE,
    GREEN,
    GREEN_EDGE,
    GREY,
    INK,
    PALE,
    RED,
    Canvas,
)
from galaxiesml.plots.page import Page, page_format

#: Page and main column, inches.
WIDTH, LEFT, COLUMN = 10.0, 0.7, 6.3
LINE, HEADING, GAP, PRODUCT = 0.27, 0.42, 0.34, 0.62
#: Where the columns begin, below the title.
TOP = 1.05
TITLES = {
    "photometric": "Photometric flags",
    "redshift": "Redshifts",
    "quality": "Quality",
    "own": "This catalogue's own",
    "duplicates": "Duplicates",
}


@dataclass(frozen=True)
class _Stage:
    """Consecutive cuts that share one box."""

    title: str
    rows: tuple[dict, ...]

    @property
    def removed(self) -> int:
        return self.rows[0]["rows_in"] - self.rows[-1]["rows_out"]

    @property
    def height(self) -> float:
        return HEADING + LINE * len(self.rows) + 0.12


@dataclass(frozen=True)
class _Block:
    """One thing of the chart, and how it is drawn from its top, y."""

    height: float
    draw: Callable[[Canvas, float], None]


def draw_flow(flow_rows: list[dict], head: dict, path: Path, title: str | None = None, landscape: bool = False) -> None:
    """Draw one version's flow chart.

    Parameters
    ----------
    flow_rows : list of dict
        The version's rows of cut_flow, in the order of application: cut, cut_group, section, state, rows_in, rows_out,
        and expected_rows where the published input is what is landed.
    head : dict
        objects, objects_without_spectrum, pairs, photometric_objects and photometric_with_spectrum (None: not
        known, and not drawn), rows_kept,
        version, title, build_id, missing_cuts (list), landings (file names).
    path : Path
        .svg, .png or .pdf.  Equal counts give equal bytes.
    title : str, optional
        Heading; the version and its title where none is given.
    landscape : bool
        Two columns on a page of a slide's shape, 16 by 9.
    """
    page_format(path)
    blocks = _blocks(flow_rows, head)
    columns = _halves(blocks) if landscape else [blocks]
    note = 0.3 if head["missing_cuts"] else 0
    height = TOP + max(map(_height, columns)) + 0.4 + note
    width = WIDTH * len(columns)
    page = Page(width, max(height, width * 9 / 16) if landscape else height)
    _heading(page, head, title)
    for place, column in enumerate(columns):
        page.left = place * WIDTH
        if place:
            _turn(page, TOP + _height(columns[place - 1]))
        _column(page, column)
    page.save(path)


def _blocks(flow_rows: list[dict], head: dict) -> list[_Block]:
    stages = stages_of(flow_rows)
    files = _file_lines(head["landings"])
    known = head["photometric_objects"] is not None
    blocks = [
        _Block(PRODUCT + LINE * (len(files) - 1), lambda page, y: _files(page, files, y)),
        _Block(PRODUCT, lambda page, y: _objects(page, head, y)),
        _Block(PRODUCT, lambda page, y: _product(page, y, f"{_count(head['pairs'])} pairs of object and spectrum")),
    ]
    for place, stage in enumerate(stages):
        blocks.append(_Block(stage.height, partial(_stage, stage=stage)))
        if known and place == 0 and stage.title == TITLES["photometric"]:
            blocks.append(_Block(PRODUCT, lambda page, y: _counts(page, head, y)))
    return [*blocks, _Block(PRODUCT + 0.1, lambda page, y: _released(page, head, y))]


def _height(column: list[_Block]) -> float:
    return sum(block.height for block in column) + GAP * (len(column) - 1)


def _halves(blocks: list[_Block]) -> list[list[_Block]]:
    """Two columns, the taller one as short as can be."""
    at = min(range(1, len(blocks)), key=lambda cut: max(_height(blocks[:cut]), _height(blocks[cut:])))
    return [blocks[:at], blocks[at:]]


def _column(page: Canvas, column: list[_Block]) -> None:
    y = TOP
    for place, block in enumerate(column):
        if place:
            page.arrow((LEFT + COLUMN / 2, y), (LEFT + COLUMN / 2, y + GAP))
            y += GAP
        block.draw(page, y)
        y += block.height


def _turn(page: Canvas, bottom: float) -> None:
    """Lead from the bottom of the column on the left to the top of this one."""
    below, above, middle, between = bottom + GAP / 2, TOP - GAP / 2, LEFT + COLUMN / 2, LEFT / 2
    corners = [(middle - WIDTH, bottom), (middle - WIDTH, below), (between, below), (between, above), (middle, above)]
    for start, end in pairwise(corners):
        page.arrow(start, end, arrowstyle="-")
    page.arrow(corners[-1], (middle, TOP))


def stages_of(flow_rows: list[dict]) -> list[_Stage]:
    """The cuts in boxes, in their own order: flags, redshifts, quality, duplicates."""
    return [_Stage(TITLES[group], tuple(rows)) for group, rows in groupby(flow_rows, key=lambda row: row["cut_group"])]


def _heading(page: Canvas, head: dict, title: str | None) -> None:
    page.text(LEFT, 0.42, title or f"galaxies_{head['version']} · {head['title']}", 14, weight="bold")
    page.text(LEFT, 0.72, f"rows left after each cut; build {head['build_id']}", 9, GREY)


def _file_lines(names: list[str]) -> list[str]:
    if not names:
        return ["nothing is landed"]
    return [*names[:4], f"and {len(names) - 4} more files"] if len(names) > 5 else list(names)


def _files(page: Canvas, files: list[str], y: float) -> None:
    tall = PRODUCT + LINE * (len(files) - 1)
    page.parallelogram(LEFT, y, COLUMN, tall, BLUE)
    for place, name in enumerate(files):
        middle = y + tall / 2 + (place - (len(files) - 1) / 2) * LINE
        page.text(LEFT + COLUMN / 2, middle, _short(name), 10.5, ha="center")


def _objects(page: Canvas, head: dict, y: float) -> None:
    _product(page, y, f"{_count(head['objects'])} objects")
    _aside(page, y + PRODUCT / 2, head["objects_without_spectrum"], "objects without a spectrum", slant=0.14)


def _product(page: Canvas, y: float, words: str) -> None:
    page.parallelogram(LEFT, y, COLUMN, PRODUCT)
    page.text(LEFT + COLUMN / 2, y + PRODUCT / 2, words, 11.5, ha="center")


def _stage(page: Canvas, y: float, stage: _Stage) -> None:
    page.box(LEFT, y, COLUMN, stage.height)
    page.text(LEFT + 0.18, y + 0.24, stage.title, 11, weight="bold")
    page.text(LEFT + COLUMN - 0.18, y + 0.24, "removed / left", 8.5, GREY, ha="right")
    for place, row in enumerate(stage.rows):
        _cut(page, row, y + HEADING + LINE * (place + 0.5))
    _aside(page, y + stage.height / 2, stage.removed, "pairs")


def _cut(page: Canvas, row: dict, y: float) -> None:
    note, judged = _note(row["state"])
    if row.get("expected_rows") is not None:
        note = f"{note}{'; ' if note else ''}published: {_count(row['expected_rows'])} left"
    colour = INK if judged else GREY
    if not judged:
        page.box(LEFT + 0.1, y - LINE / 2 + 0.02, COLUMN - 0.2, LINE - 0.04, PALE, PALE)
    page.text(LEFT + 0.18, y, row["cut"], 10, colour, zorder=3)
    page.text(LEFT + 1.78, y, f"{_section(row['section'])}{'; ' if note else ''}{note}", 8.5, GREY, zorder=3)
    removed = row["rows_in"] - row["rows_out"]
    if judged or removed:
        page.text(
            LEFT + COLUMN - 1.0,
            y,
            f"−{_count(removed)}" if removed else "0",
            10,
            colour,
            ha="right",
            zorder=3,
        )
    page.text(LEFT + COLUMN - 0.18, y, _count(row["rows_out"]), 10, colour, ha="right", zorder=3)


def _note(state: str) -> tuple[str, bool]:
    """The note next to a cut, and whether the cut was applied."""
    if state in ("judged", "judged here"):
        return "", True
    words = {"absent": "not in this export", "archive": "made at the archive"}.get(state, state)
    # 'judged in i; not in this export in g, r, z, y': the second half says both.
    parts = [part for part in words.split("; ") if not part.startswith("judged in ")]
    return "; ".join(parts).replace(" in this export in ", " exported in "), "judged in " in words or "differs" in words


def _section(section: str) -> str:
    return f"sec. {section}" if section[:1].isdigit() else section


def _counts(page: Canvas, head: dict, y: float) -> None:
    page.parallelogram(LEFT, y, COLUMN, PRODUCT)
    flags = f"{_count(head['photometric_objects'])} objects pass every flag that was applied"
    spectra = f"{_count(head['photometric_with_spectrum'])} of them have a spectrum"
    page.text(LEFT + COLUMN / 2, y + PRODUCT / 2, f"{flags}, {spectra}", 11, ha="center")


def _released(page: Canvas, head: dict, y: float) -> None:
    missing = head["missing_cuts"]
    tall = PRODUCT + 0.1
    page.parallelogram(LEFT, y, COLUMN, tall, GREEN, GREEN_EDGE)
    words = f"galaxies_{head['version']}: {_count(head['rows_kept'])} rows"
    page.text(LEFT + COLUMN / 2, y + tall / 2, words, 13, ha="center", weight="bold")
    if missing:
        page.box(LEFT + COLUMN + 0.3, y + 0.14, 1.35, tall - 0.28, AMBER, RED, linewidth=1.6)
        page.text(LEFT + COLUMN + 0.975, y + tall / 2, "INCOMPLETE", 10.5, RED, ha="center", weight="bold", zorder=3)
        words = f"INCOMPLETE: not applied in full: {', '.join(missing)}"
        page.text(LEFT, y + tall + 0.32, words, 10, RED)


def _aside(page: Canvas, y: float, removed: int, of: str, slant: float = 0.0) -> None:
    """Draw what leaves the flow, to the right of it."""
    if not removed:
        return
    page.arrow((LEFT + COLUMN - slant, y), (LEFT + COLUMN + 0.5, y), GREY)
    page.text(LEFT + COLUMN + 0.6, y - 0.1, f"−{_count(removed)}", 12, weight="bold")
    page.text(LEFT + COLUMN + 0.6, y + 0.13, of, 8.5, GREY)


def _count(number: int) -> str:
    return f"{number:,}"


def _short(name: str) -> str:
    return name if len(name) <= 64 else f"{name[:40]}…{name[-22:]}"
