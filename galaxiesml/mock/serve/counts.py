"""Count what is asked for and sent, for proofs of what a client costs a server."""

from __future__ import annotations

from collections import Counter, defaultdict


class Counts:
    """Counters by address; only the server's own thread changes them."""

    def __init__(self) -> None:
        self.most_at_once = 0
        self._now = 0
        self._of: dict[str, Counter] = defaultdict(Counter)
        self.faults: Counter = Counter()
        self.status: Counter = Counter()
        #: Requests that came to the other host of a redirect, and those of them that brought a login.
        self.elsewhere: Counter = Counter({"requests": 0, "with_credentials": 0})

    def add(self, endpoint: str, **amounts: int) -> None:
        """Add amounts (rows asked, rows sent, bytes ...) to an address."""
        self._of[endpoint].update(amounts)

    def enter(self) -> None:
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)

    def leave(self) -> None:
        self._now -= 1

    def told(self) -> dict:
        """All of them, for JSON."""
        # Copies first: another thread may ask.
        of = {name: dict(found) for name, found in sorted(self._of.items())}
        total: Counter = Counter()
        for found in of.values():
            total.update(found)
        return {
            "total": dict(total),
            **of,
            "faults": dict(self.faults),
            "answers": dict(self.status),
            "elsewhere": dict(self.elsewhere),
            "most_requests_at_once": self.most_at_once,
        }
