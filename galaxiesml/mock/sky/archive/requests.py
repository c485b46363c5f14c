"""Make upload lists: which pictures are requested, from which service, in which file and line."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from galaxiesml.mock.sky.archive.service import LAYERS, MOST_LINES, Line
from galaxiesml.mock.sky.instrument import BANDS
from galaxiesml.mock.sky.scene import Entry, Group
from galaxiesml.mock.sky.survey.faults import FAULTS

#: Faults whose lines stand in a list of their own: the list's name, and the layers that it asks for.
_OWN_LISTS = {
    "empty_tar": ("outside", LAYERS),
    "image_only": ("image", LAYERS[:1]),
    "image_and_mask": ("image-mask", LAYERS[:2]),
    "one_tract_asked": ("tract", LAYERS),
}


@dataclass(frozen=True)
class Ask:
    """A line of a list, with the object that it is for; ``number`` counts lines with the header as 1."""

    stem: str
    number: int
    line: Line
    entry: Entry


@dataclass(frozen=True)
class Requests:
    """Every list of both services.

    Attributes
    ----------
    cutouts : dict of str to list of Ask
        By the list's name, in line order.
    psfs : dict of str to list of Ask
    """

    cutouts: dict[str, list[Ask]]
    psfs: dict[str, list[Ask]]

    def of_groups(self, groups: list[Group]) -> dict[int, tuple[list[Ask], list[Ask]]]:
        """The lines of each group's objects, cutouts and PSFs, list by list."""
        owner = {entry.object_id: group.number for group in groups for entry in group.entries}
        found: dict[int, tuple[list[Ask], list[Ask]]] = {group.number: ([], []) for group in groups}
        for kind, lists in enumerate((self.cutouts, self.psfs)):
            for asks in lists.values():
                for ask in asks:
                    found[owner[ask.entry.object_id]][kind].append(ask)
        return found


def make_requests(groups: list[Group]) -> Requests:
    """Lists of one filter each, at most 990 lines, in the order of the groups."""
    lines: dict[str, list[tuple[Line, Entry]]] = defaultdict(list)
    psfs: dict[str, list[tuple[Line, Entry]]] = defaultdict(list)
    own = {fault.name: fault.bands for fault in FAULTS}
    for group in groups:
        for band, letter in enumerate(BANDS):
            name = next((n for n in group.faults if n in _OWN_LISTS and letter in own[n]), None)
            stem, layers = _OWN_LISTS.get(name, ("", LAYERS))
            for entry in group.entries:
                number = entry.tract if name == "one_tract_asked" else None
                lines[f"{letter}-{stem}" if stem else letter].append(
                    (Line(band, entry.ra, entry.dec, number, layers), entry)
                )
                psfs[letter].append((Line(band, entry.ra, entry.dec, entry.tract), entry))
    return Requests(_numbered(lines), _numbered(psfs))


def _numbered(lines: dict[str, list[tuple[Line, Entry]]]) -> dict[str, list[Ask]]:
    lists = {}
    for name in sorted(lines):
        for part in range(0, len(lines[name]), MOST_LINES):
            stem = f"{name}-{part // MOST_LINES + 1}"
            some = lines[name][part : part + MOST_LINES]
            lists[stem] = [Ask(stem, at + 2, line, entry) for at, (line, entry) in enumerate(some)]
    return lists
