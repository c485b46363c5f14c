"""What landed answers say of the lines of their lists: landed, absent or refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog

#: A place that a line asks for: the filter, RA and Dec in deg, as the list has them.
Place = tuple[str, float, float]


@dataclass(frozen=True)
class Tally:
    """Lines of one list, by what came of them.

    Attributes
    ----------
    landed : int
        With a picture at least.
    absent : int
        Asked for and not sent, in a complete answer: outside the coverage.
    refused : dict of int to str
        Line, the header being 1, to the reason: its pictures cannot be used, or the answer is not complete.
    not_asked : tuple of str
        Members that no line asks for: they are refused, and are no line's.
    """

    landed: int
    absent: int
    refused: dict[int, str] = field(default_factory=dict)
    not_asked: tuple[str, ...] = ()

    @property
    def asked(self) -> int:
        return self.landed + self.absent + len(self.refused)


def tally(catalog: Catalog, info: dict, kind: str) -> Tally:
    """Count the lines of a landed tar's list.

    Parameters
    ----------
    info : dict
        Its landing.json.
    kind : str
        cutouts or psf.
    """
    folder = catalog.raw / kind / info["shard"]
    lines = _read(folder / "requests.parquet", ["line"])["line"]
    pictures = _read(folder / "pictures.parquet", ["member", "line", "refused"])
    asked, good, bad, not_asked = set(lines), set(), {}, []
    for member, line, refused in zip(pictures["member"], pictures["line"], pictures["refused"], strict=True):
        if line not in asked:
            # One without a number lands; the list's silence then says that it is not matched.
            not_asked += [member] if refused else []
        elif refused:
            bad.setdefault(line, refused)
        else:
            good.add(line)
    silent = asked - good - set(bad)
    refused = {line: reason for line, reason in bad.items() if line not in good}
    if info.get("silence") is not None:
        refused |= dict.fromkeys(silent, info["silence_reason"])
        silent = set()
    return Tally(len(good), len(silent), refused, tuple(not_asked))


def answered_since_build(catalog: Catalog, kind: str) -> frozenset[Place]:
    """Places that tars ask for which were landed after the published build: its manifest does not know them yet."""
    built = set(catalog.build_info().get("shards", {}).get(kind, []))
    return _places(catalog, kind, [info for info in catalog.landings(kind) if info["shard"] not in built])


def answered(catalog: Catalog, kind: str) -> frozenset[Place]:
    """Places that any landed tar asks for."""
    return _places(catalog, kind, catalog.landings(kind))


def _places(catalog: Catalog, kind: str, landings: list[dict]) -> frozenset[Place]:
    found: set[Place] = set()
    for info in landings:
        rows = _read(catalog.raw / kind / info["shard"] / "requests.parquet", ["band", "ra", "dec"])
        for band, ra, dec in zip(rows["band"], rows["ra"], rows["dec"], strict=True):
            # A line without a filter asks for all of them.
            found.update((each, ra, dec) for each in ((band,) if band else catalog.profile.bands))
    return frozenset(found)


def _read(path: Path, columns: list[str]) -> dict[str, list]:
    return pq.read_table(path, columns=columns, partitioning=None).to_pydict()
