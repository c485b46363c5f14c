"""What goes wrong at a real archive, by option: which fault each request meets, drawn from a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from galaxiesml.errors import UsageError

#: What an address is for; faults and counts go by these names.
CATALOGUE = ("preview", "submit", "status", "cancel", "download", "delete")
PICTURES = ("cutout", "psf")
OTHERS = ("vizier", "tap", "record", "file")
ENDPOINTS = (*CATALOGUE, *PICTURES, *OTHERS)
_WITH_FILES = ("download", *PICTURES, "vizier", "file")


@dataclass(frozen=True)
class Kind:
    """A fault: where it can happen, and what it is."""

    name: str
    where: tuple[str, ...]
    about: str


KINDS = {
    kind.name: kind
    for kind in (
        Kind("401", (*CATALOGUE, *PICTURES), "the login is refused"),
        Kind("406", ("preview", "submit"), "the query is refused"),
        Kind("429", ENDPOINTS, "too many requests; Retry-After says one second"),
        Kind("502", ENDPOINTS, "bad gateway"),
        Kind("503", ENDPOINTS, "service unavailable"),
        Kind("slow", ENDPOINTS, "the answer comes in pieces, with pauses"),
        Kind("drop", ENDPOINTS, "the connection ends in the middle of the answer"),
        Kind("length", _WITH_FILES, "Content-Length is 7 bytes more than what comes"),
        Kind("hash", ("download", "file"), "one bit of the file is wrong"),
        Kind("tar", PICTURES, "the tar is cut short, its Content-Length with it"),
        Kind("row", PICTURES, "one picture too many, of a line that the list has not"),
        Kind("html", PICTURES, "a page of HTML with status 200 instead of a tar"),
        Kind("redirect", ENDPOINTS, "status 307, to another host"),
        Kind("never", ("submit",), "the job never ends"),
    )
}


def parse_faults(texts: Sequence[str]) -> dict[str, float]:
    """Read ``KIND:SHARE`` texts.

    Parameters
    ----------
    texts : sequence of str
        As ``503:0.1``: one request of ten that can meet this fault meets it.

    Returns
    -------
    dict of str to float
        Shares by kind.

    Raises
    ------
    UsageError
        An unknown kind, a share out of range, or shares whose sum is above 1.
    """
    shares: dict[str, float] = {}
    for text in texts:
        name, _, share = text.partition(":")
        if name not in KINDS:
            raise UsageError(f"Unknown fault in --fault {text}: {name!r}.", f"Faults: {', '.join(KINDS)}.")
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if not 0.0 < value <= 1.0:
            raise UsageError(
                f"--fault {text}: the share is not a number above 0, up to 1.", f"Type: --fault {name}:0.1"
            )
        if name in shares:
            raise UsageError(f"--fault {name} is given twice.", "Give each fault once.")
        shares[name] = value
    if sum(shares.values()) > 1.0 + 1e-9:
        raise UsageError(f"The shares of --fault add up to {sum(shares.values()):g}.", "Give at most 1 in all.")
    return shares


class Draw:
    """The fault of each request, in the order in which they come.

    Parameters
    ----------
    shares : dict of str to float
        From `parse_faults`.
    seed : int
        Equal seeds give equal faults to equal sequences of requests.
    """

    def __init__(self, shares: dict[str, float], seed: int):
        self._shares, self._random = shares, random.Random(seed)

    def next(self, endpoint: str | None) -> str | None:
        """The fault that a request meets; None for most."""
        able = [name for name in self._shares if endpoint in KINDS[name].where]
        if not able:
            return None
        value = self._random.random()
        for name in able:
            value -= self._shares[name]
            if value < 0.0:
                return name
        return None
