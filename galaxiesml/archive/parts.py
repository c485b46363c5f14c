"""A query in parts: ranges of object_id, kept in the catalogue so that every command uses the same ones."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from galaxiesml.archive.exports import Part
from galaxiesml.archive.folder import fetch_folder
from galaxiesml.archive.jobs import Jobs
from galaxiesml.archive.queries import KEY, Query, Range, bounds_sql, check_split, halves, part_of, split
from galaxiesml.archive.records import key_of
from galaxiesml.catalog import Catalog
from galaxiesml.errors import ArchiveError
from galaxiesml.system.atomic import write_atomic

#: Parts of one query, at most: a smaller part that is refused is not refused for its size.
MOST = 256


@dataclass(frozen=True)
class Parts:
    """The ranges of a split query.

    Attributes
    ----------
    path : Path
        Where they are kept.
    first, last : int
        The smallest and the largest object_id, when the archive was asked.
    ranges : tuple of Range
        In ascending order, which is the order of landing.
    """

    path: Path
    first: int
    last: int
    ranges: tuple[Range, ...]

    def save(self) -> Parts:
        ranges = [[part.first, part.last] for part in self.ranges]
        write_atomic(self.path, json.dumps({"first": self.first, "last": self.last, "ranges": ranges}) + "\n")
        return self

    def halved(self, at: int) -> Parts | None:
        """The same with the range at a place in two halves; None if it cannot be halved."""
        two = halves(self.ranges[at], self.first, self.last)
        if not two or len(self.ranges) >= MOST:
            return None
        return replace(self, ranges=(*self.ranges[:at], *two, *self.ranges[at + 1 :]))


def parts_of(catalog: Catalog, jobs: Jobs, query: Query) -> Parts | None:
    """The parts that an earlier command chose for a query, or None."""
    path = _path(catalog, jobs, query)
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Parts(path, found["first"], found["last"], tuple(Range(*part) for part in found["ranges"]))


def new_parts(catalog: Catalog, jobs: Jobs, query: Query, count: int) -> Parts:
    """Split a query into ``count`` ranges of object_id; the archive is asked for the smallest and the largest.

    Raises
    ------
    UsageError
        The query does not end in ORDER BY object_id.
    ArchiveError
        The archive does not say the bounds.
    """
    check_split(query)
    rows = jobs.preview(f"bounds of {query.name}", bounds_sql(query))["rows"]
    try:
        first, last = (int(value) for value in rows[0])
    except (IndexError, TypeError, ValueError):
        raise ArchiveError(
            f"The archive does not say between which {KEY} the rows of {query.name} are: {str(rows)[:100]}.",
            "Write the parts by hand, each a FILE.sql with its own range of object_id.",
        ) from None
    return Parts(_path(catalog, jobs, query), first, last, tuple(split(first, last, count))).save()


def part(query: Query, one: Range) -> Part:
    """One part of a query, as it is sent."""
    ends = (one.first, one.last)
    if ends == (None, None):
        return Part(query.name, part_of(query, one))
    low, high = ("" if one.first is None else f"{one.first} <= "), ("" if one.last is None else f" < {one.last}")
    return Part(query.name, part_of(query, one), f"{low}{KEY}{high}")


def _path(catalog: Catalog, jobs: Jobs, query: Query) -> Path:
    return fetch_folder(catalog, "jobs") / f"{key_of(jobs.root, jobs.release, query.sql)}.parts"
