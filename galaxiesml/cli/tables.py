"""Tables as text: aligned, one row below the other, or fitted to a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from decimal import Decimal

#: A text column that is made narrower keeps this many characters.
NARROWEST = 8
#: Lines of one cell on a terminal; a longer one ends in an ellipsis.
MOST_LINES = 24
_GAP = 2


def cell(value) -> str:
    """A value as text: NULL is empty, a truth is true or false."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.10g}"
    return str(value)


def shown(text: str) -> str:
    """A text as a terminal may show it: what is landed may hold characters that command one."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == "\xa0" else repr(each)[1:-1] for each in text)


def aligned(
    rows: Sequence[dict], columns: Sequence[str], width: int | None = None, most_lines: int = MOST_LINES
) -> tuple[list[str], list[str]]:
    """Rows as an aligned table; numbers are right-aligned.

    Parameters
    ----------
    rows : sequence of dict
        At least one.
    columns : sequence of str
        Keys of the rows.
    width : int, optional
        Characters of a line of the terminal: texts are wrapped to it, numbers never; columns for which no place is left
        are left out.  By default lines are as long as their cells.
    most_lines : int
        Lines of one cell, where they are wrapped.

    Returns
    -------
    lines : list of str
    left_out : list of str
        Columns that have no place.
    """
    columns = list(columns)
    to_right = [is_number([row.get(column) for row in rows]) for column in columns]
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    if width is not None:
        cells = [[shown(each) for each in line] for line in cells]
    widths = [max(len(column), *(len(line[at]) for line in cells)) for at, column in enumerate(columns)]
    if width is not None:
        widths = _fitted(widths, [not to_the_right for to_the_right in to_right], width)
    kept = len(widths)
    lines = []
    for line in (columns[:kept], ["-" * each for each in widths], *(line[:kept] for line in cells)):
        lines += _rendered(line, widths, to_right, most_lines)
    return lines, columns[kept:]


def expanded(rows: Sequence[dict], columns: Sequence[str], first: int = 1, on_terminal: bool = False) -> list[str]:
    """Rows one below the other, a line ``name | value`` for each column."""
    widest = max(map(len, columns))
    lines = []
    for number, row in enumerate(rows, first):
        lines.append(f"-[ row {number} ]".ljust(widest + 3, "-"))
        for column in columns:
            text = cell(row.get(column))
            lines.append(f"{column.ljust(widest)} | {shown(text) if on_terminal else text}".rstrip())
    return lines


def is_number(values: Sequence) -> bool:
    """Whether a column is one of numbers."""
    return any(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values)


def _fitted(widths: list[int], may_wrap: list[bool], width: int) -> list[int]:
    """Widths that fit a line; columns from the right that do not fit have none."""
    least = [min(each, NARROWEST) if wraps else each for each, wraps in zip(widths, may_wrap, strict=True)]
    kept, taken = 1, least[0]
    while kept < len(least) and taken + _GAP + least[kept] <= width:
        taken += _GAP + least[kept]
        kept += 1
    room = width - _GAP * (kept - 1)
    found = widths[:kept]
    # The widest texts give first.
    limit = max(found)
    while sum(found) > room and limit > NARROWEST:
        limit -= 1
        found = [max(low, min(limit, most)) for low, most in zip(least[:kept], widths[:kept], strict=True)]
    return found


def _rendered(line: Sequence[str], widths: Sequence[int], to_right: Sequence[bool], most_lines: int) -> list[str]:
    """The lines of one row: several where a cell is wrapped."""
    parts = [_wrapped(each, width, most_lines) for each, width in zip(line, widths, strict=True)]
    found = []
    for at in range(max(map(len, parts))):
        padded = (
            (part[at] if at < len(part) else "").rjust(width)
            if right
            else (part[at] if at < len(part) else "").ljust(width)
            for part, width, right in zip(parts, widths, to_right, strict=False)
        )
        found.append((" " * _GAP).join(padded).rstrip())
    return found


def _wrapped(text: str, width: int, most: int) -> list[str]:
    if len(text) <= width:
        return [text]
    # More is never shown, and wrapping a list of thousands of numbers takes long.
    lines = textwrap.wrap(text[: width * (most + 1)], width, break_on_hyphens=False) or [""]
    if len(lines) > most:
        lines = [*lines[: most - 1], lines[most - 1][: width - 1] + "…"]
    return lines
