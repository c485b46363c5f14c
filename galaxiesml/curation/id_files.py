"""Read a list of object identifiers: one a line, or a column of a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.errors import InputError, UsageError

#: The column of a file with a header.
COLUMN = "object_id"
#: The most identifiers of one file: all of them stand in one query.
MOST = 100_000
#: Characters of a line that a message repeats.
_SHOWN = 40
_LARGEST = 2**63 - 1


def read_ids(path: Path) -> list[int]:
    """The identifiers in a file.

    Parameters
    ----------
    path : Path
        One identifier a line; or CSV, tab- or semicolon-separated, with a header that has the column object_id.  Empty
        lines, and what follows a ``#``, are left out.

    Returns
    -------
    list of int
        In the file's order, from 1 to 100,000 of them.

    Raises
    ------
    UsageError
        There is no such file.
    InputError
        The file is not text, has no identifier or too many, or a line has none; the line is named.
    """
    if not path.is_file():
        raise UsageError(f"No file {path}.", "Give a file with one object_id a line.")
    found = []
    try:
        # utf-8-sig: spreadsheets write a mark before the first line.
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, cell in _cells(path, file):
                found.append(_identifier(path, number, cell))
                if len(found) > MOST:
                    raise InputError(f"{path} has more than {MOST:,} identifiers.", "Divide it, or ask by SQL.")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not text.", f"Give one object_id a line, or CSV with a column {COLUMN}.") from None
    if not found:
        raise InputError(f"{path} has no identifier.", f"Give one object_id a line, or CSV with a column {COLUMN}.")
    return found


def _cells(path: Path, file) -> Iterator[tuple[int, str]]:
    """Line numbers, and the text of the identifier on each."""
    place, delimiter, first = 0, "", True
    for number, line in enumerate(file, 1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        if first:
            delimiter = next((mark for mark in ",;\t" if mark in line), "")
            names = _split(line, delimiter)
            first = False
            if COLUMN in names:
                place = names.index(COLUMN)
                continue
            if delimiter:
                raise InputError(f"{path} line {number} has several columns, but none is named {COLUMN}.")
        cells = _split(line, delimiter)
        yield number, cells[place] if len(cells) > place else ""


def _split(line: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=delimiter)) if delimiter else [line.strip('"')]
    return [cell.strip() for cell in cells]


def _identifier(path: Path, number: int, text: str) -> int:
    # isdecimal alone would take digits of other scripts.
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and int(text) <= _LARGEST):
        shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
        raise InputError(
            f"{path} line {number}: {shown!r} is not an object_id, a whole number of at most 19 digits.",
            "Write each identifier out in full: a spreadsheet may have rounded it.",
        )
    return int(text)
