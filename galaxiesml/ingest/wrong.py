"""Collect the bad rows of a block, with the first bad cell of each."""

from __future__ import annotations

import numpy as np

from galaxiesml.ingest.source import BadRow, Block


class Wrong:
    """The first wrong cell of each row of a block."""

    def __init__(self, block: Block, names: list[str]):
        self.block = block
        self.names = names
        self.first: dict[int, tuple[int, str]] = {}

    def add(self, position: int, bad: np.ndarray | None, reason: str) -> None:
        if bad is not None:
            for index in np.flatnonzero(bad).tolist():
                self.first.setdefault(index, (position, reason))

    @property
    def good(self) -> np.ndarray:
        good = np.ones(len(self.block.rows), bool)
        good[list(self.first)] = False
        return good

    def rows(self) -> list[BadRow]:
        found = []
        for index, (position, reason) in sorted(self.first.items()):
            cell = self.block.columns[position][index].as_py()
            line = None if self.block.lines is None else int(self.block.lines[index])
            value = "" if cell is None else str(cell)
            row = int(self.block.rows[index])
            found.append(BadRow(row, line, self.names[position], value, reason, self.block.raw(index)))
        return found
