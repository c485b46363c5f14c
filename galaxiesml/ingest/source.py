"""An opened input file: its column names and types, and its rows block by block in file order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

#: Bytes of a file that are read at once, whatever its format.
BLOCK_BYTES = 8 << 20


@dataclass(frozen=True)
class BadRow:
    """A row that does not parse: its place, and the first cell that is wrong.

    Attributes
    ----------
    source_row : int
        Data row in the file, the first being 1.
    line : int or None
        Line in the file, the first being 1; None where the format has no lines.
    column : str
        The file's name for the column; '' where the row as a whole is wrong.
    value, reason, text : str
        The cell, what is wrong with it, and the text of the whole row.
    """

    source_row: int
    line: int | None
    column: str
    value: str
    reason: str
    text: str


@dataclass(frozen=True)
class Block:
    """Some consecutive rows of a file.

    Attributes
    ----------
    columns : list of pyarrow.Array
        One per column of the file, by position; they may still contain NaN.
    rows : ndarray of int64
        Data row in the file of each row, the first being 1.
    size : int
        Bytes of the file that were used up, for the progress bar.
    lines : ndarray of int64 or None
        Line in the file of each row.
    bad : list of BadRow
        Rows that could not even be split into columns; they are in none of the arrays.
    text_of : callable
        The i-th row as the file writes it.
    """

    columns: list[pa.Array]
    rows: np.ndarray
    size: int
    lines: np.ndarray | None = None
    bad: list[BadRow] = field(default_factory=list)
    text_of: Callable[[int], str] | None = None

    def raw(self, index: int) -> str:
        if self.text_of is not None:
            return self.text_of(index)
        return ",".join("" if (cell := column[index].as_py()) is None else str(cell) for column in self.columns)


@dataclass(frozen=True)
class Source:
    """An opened file.

    Attributes
    ----------
    format : str
        csv, tsv or ecsv, each also with .gz; fits, parquet, sqlite, votable, mrt or cds.
    names : list of str
        As the file has them, less the archive's '# '.
    types : list of pyarrow.DataType
        Of the arrays that ``blocks`` yields; text for every column of a CSV file.
    blocks : callable
        Given the type that is hoped for, by position, and the texts that mean NULL, yields each
        :class:`Block`; a CSV file's cells come in the type hoped for where the whole block parses so,
        else as text.
    dropped : dict of str to str
        Columns that cannot be landed, and why.
    units : dict of str to str
        What the file states of a column's unit, by the column's name, as it is written there.
    notes : list of str
        Messages for the user about the file; complete once the last block was read.
    """

    path: Path
    format: str
    names: list[str]
    types: list[pa.DataType]
    blocks: Callable[[dict[int, pa.DataType], tuple[str, ...]], Iterator[Block]]
    dropped: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def leave_out(source: Source, places: Collection[int], dropped: dict[str, str]) -> Source:
    """The same file without some of its columns; ``dropped`` names those that the user is told of, and why."""
    kept = [place for place in range(len(source.names)) if place not in places]

    def blocks(hopes: dict[int, pa.DataType], nulls: tuple[str, ...]) -> Iterator[Block]:
        for block in source.blocks({kept[place]: kind for place, kind in hopes.items()}, nulls):
            # The row as it is written is told by the whole block.
            yield replace(block, columns=[block.columns[place] for place in kept], text_of=block.raw)

    names, types = [source.names[place] for place in kept], [source.types[place] for place in kept]
    return replace(source, names=names, types=types, blocks=blocks, dropped=source.dropped | dropped)


def clean_name(name: str, position: int) -> str:
    """A column's name without the archive's '# ' and without control characters; never empty."""
    name = name.strip().lstrip("#").strip()
    name = "".join(letter if letter.isprintable() else "_" for letter in name)
    return name or f"column_{position + 1}"
