"""Write rows that do not parse to a file, or stop the landing at the first one."""

from __future__ import annotations

import csv
import os
from pathlib import Path

from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.source import BadRow
from galaxiesml.system.atomic import clear, making_of

_REJECTS = ("source_row", "line", "column", "value", "reason", "text")


def check_rejects(path: Path, rejects: Path) -> None:
    if rejects.resolve() == path.resolve():
        raise UsageError(f"--rejects {rejects} is the file itself.", "Give another file name.")
    if not rejects.resolve().parent.is_dir():
        raise UsageError(f"--rejects {rejects}: there is no folder {rejects.parent}.")


class Rejects:
    """Writes bad rows to a CSV file; without a file, the first one stops the landing."""

    def __init__(self, target: str | Path | None, path: Path):
        self.path, self.first = path, ""
        self.file = None
        if target is not None:
            clear(Path(target).parent)
            self.file = open(beside(target), "w", newline="", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
            self.writer = csv.writer(self.file)
            self.writer.writerow(_REJECTS)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.file is not None:
            self.file.close()

    def add(self, bad: list[BadRow]) -> None:
        if bad and not self.first:
            self.first = _sentence(bad[0])
        if bad and self.file is None:
            more = f" ({len(bad) - 1} more near it)" if len(bad) > 1 else ""
            raise InputError(
                f"{self.path}, {self.first}{more}; nothing was landed.",
                "Correct the file, or write such rows to another file with --rejects FILE.",
            )
        for row in bad:
            self.writer.writerow([getattr(row, name) for name in _REJECTS])


def _sentence(bad: BadRow) -> str:
    place = f"row {bad.source_row}" if bad.line is None else f"line {bad.line}"
    if not bad.column:
        return f"{place}: {bad.reason}"
    return f"{place}, column {bad.column}: {bad.value[:80]!r} {bad.reason}"


def beside(target: str | Path) -> Path:
    return making_of(Path(target))


def show_rejects(target: str | Path | None) -> None:
    if target is not None:
        os.replace(beside(target), target)
