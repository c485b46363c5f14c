"""VizieR: the number of rows of a table (TAP, by pyvo) and its rows (astroquery); both import only here, when asked.

astroquery keeps replies as pickles in a cache, reads them back, and gives an empty list where VizieR sends an error:
the cache is off, and each reply is looked at as it comes.
"""

from __future__ import annotations

import contextlib
import functools
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from galaxiesml.archive.address import is_safe, is_this_machine
from galaxiesml.archive.boxes import MARGIN_DEG, Box
from galaxiesml.archive.transfer import (
    AGAIN,
    OBEYED,
    USER_AGENT,
    Refused,
    Temporary,
    Transfer,
    retry_after,
    translated_errors,
)
from galaxiesml.errors import ArchiveError, GalaxiesmlError, UsageError

if TYPE_CHECKING:
    import requests
    from astropy.table import Table

VIZIER, TAP = "https://vizier.cds.unistra.fr", "https://tapvizier.cds.unistra.fr"
#: astroquery holds a reply in memory, several times over.
_MOST_BYTES = 2 << 30
#: Boxes of one count: the query stays short enough for any server.
_BOXES = 40
#: Where VizieR says that a query went wrong; the reply is otherwise a table without rows.
_ERROR = re.compile(rb'<INFO\b[^>]*\b(?:ID|name)="-?Errors?"[^>]*?(?:/>|>([^<]*)</INFO>)', re.IGNORECASE)
_VALUE = re.compile(rb'\bvalue="([^"]*)"')


@dataclass
class Vizier:
    """Requests to VizieR or to a server like it.

    Attributes
    ----------
    root, tap_root : str
        https:// alone: astroquery asks no other.
    transfer : Transfer
        Its patience says how long a request is tried.
    date : str or None
        The server's time of the last answer.
    """

    root: str
    tap_root: str
    transfer: Transfer = field(default_factory=Transfer)
    date: str | None = None

    def __post_init__(self):
        if urlsplit(self.root).scheme != "https":
            raise UsageError(
                f"{self.root} is not https, and astroquery asks VizieR over https alone.",
                "A local archive is started with --tls (galaxiesml mock serve SKY --tls), and its certificate named: "
                "export REQUESTS_CA_BUNDLE=FILE.pem",
            )

    def count(self, table: str, where: dict[str, str], boxes: list[Box] | None, position: tuple[str, str]) -> int:
        """Number of rows; of boxes about, as their edges are not those of `rows` to the arc second.

        Parameters
        ----------
        position : (str, str)
            Columns of right ascension and declination, needed with boxes.

        Raises
        ------
        ArchiveError
            The service cannot be asked, or does not know the table or a column.
        """
        if boxes is None:
            return self._count(count_query(table, where))
        parts = [boxes[start : start + _BOXES] for start in range(0, len(boxes), _BOXES)]
        return sum(self._count(count_query(table, where, part, position)) for part in parts)

    def rows(self, table: str, where: dict[str, str], box: Box | None) -> Table | None:
        """Every row and column of a table, or those in a box; None if there are none.

        Raises
        ------
        ArchiveError
            The service cannot be asked, refuses, or sends something that is no table.
        """
        return self.transfer.persist(lambda: self._rows(table, where, box))

    # -- one request -----------------------------------------------------------------------------------------

    def _count(self, query: str) -> int:
        def ask() -> int:
            import pyvo

            with self._session() as session, translated_errors(self.tap_root):
                try:
                    found = pyvo.dal.TAPService(f"{self.tap_root}/TAPVizieR/tap", session=session).run_sync(query)
                    return int(found.to_table()[0][0])
                except pyvo.dal.DALAccessError as error:
                    _raise_cause(error)
                    raise _unknown(urlsplit(self.tap_root).netloc, " ".join(str(error.reason).split())[:500]) from None
                except (ValueError, IndexError, TypeError):
                    raise ArchiveError(f"{self.tap_root} sends no number for: {query[:300]}") from None

        return self.transfer.persist(ask)

    def _rows(self, table: str, where: dict[str, str], box: Box | None) -> Table | None:
        from astropy import units
        from astropy.coordinates import SkyCoord
        from astroquery import cache_conf
        from astroquery.exceptions import TableParseError
        from astroquery.vizier import VizierClass

        host = urlsplit(self.root).netloc
        with contextlib.ExitStack() as held:
            held.enter_context(cache_conf.set_temp("cache_active", False))
            held.enter_context(warnings.catch_warnings())
            # Units and UCDs that are not to the letter of a standard do not touch the values.
            warnings.simplefilter("ignore")
            asked = VizierClass(
                columns=["**"],
                column_filters={name: condition.replace(" ", "") for name, condition in where.items()},
                row_limit=-1,
                vizier_server=host,
                timeout=self.transfer.patience.read,
            )
            asked._session = held.enter_context(self._session())
            held.enter_context(translated_errors(self.root))
            try:
                if box is None:
                    found = asked.get_catalogs(table)
                else:
                    width, height = box.size
                    place = SkyCoord(*box.centre, unit="deg", frame="icrs")
                    size = {"width": width * units.deg, "height": height * units.deg}
                    # Its own default, True, would overrule the setting.
                    found = asked.query_region(place, catalog=table, frame="icrs", cache=False, **size)
            except TableParseError as error:
                raise Temporary(
                    f"{host} sends a table that cannot be parsed: {asked.table_parse_error or error}."
                ) from None
        return _only(found, table, host)

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        """A session that reads no ~/.netrc, and looks at each reply."""
        import requests

        with requests.Session() as session:
            session.headers["User-Agent"] = USER_AGENT
            session.auth = _unchanged
            # pyvo sets no time-out; astroquery sets its own.
            patience = self.transfer.patience
            session.request = functools.partial(session.request, timeout=(patience.connect, patience.read))
            if is_this_machine(urlsplit(self.root).hostname or ""):
                session.proxies = {"no_proxy": urlsplit(self.root).hostname}
            session.hooks["response"].append(self._look)
            yield session

    def _look(self, reply: requests.Response, **_) -> None:
        """Raise what a reply means, before a library turns it into an empty table."""
        host = urlsplit(reply.url).netloc
        if reply.is_redirect:
            target = urljoin(reply.url, reply.headers["Location"])
            if not is_safe(target):
                raise ArchiveError(f"{host} redirects to {urlsplit(target).hostname} without TLS; it was not followed.")
            return
        if reply.status_code in AGAIN:
            wait = retry_after(reply.headers.get("Retry-After")) if reply.status_code in OBEYED else None
            raise Temporary(f"{host} answers {reply.status_code}.", wait)
        self.date = reply.headers.get("Date", self.date)
        if "/viz-bin/" not in reply.url:
            return
        _read(reply, host)
        if reply.status_code != 200:
            raise Refused(host, reply.status_code, _words(reply.text))
        head = reply.content[: 1 << 20]
        if b"<VOTABLE" not in head:
            kind = reply.headers.get("Content-Type", "no type")
            raise Temporary(f"{host} sends {kind} where a table was expected.")
        if words := error_in(head):
            raise _unknown(host, words)


def _read(reply: requests.Response, host: str) -> None:
    """Read a body as `requests` would, but no more of it than memory is given."""
    body = bytearray()
    for piece in reply.iter_content(1 << 20):
        body += piece
        if len(body) > _MOST_BYTES:
            reply.close()
            raise ArchiveError(
                f"{host} sends more than {_MOST_BYTES:,} bytes in one reply, which stands in memory; it was cut off.",
                "Fetch only what is near the landed objects, box by box: --near",
            )
    reply._content = bytes(body)


def error_in(head: bytes) -> str:
    """The error that a reply of VizieR tells of; '' if there is none.

    Real replies tell of errors and warnings under one name: lines with ``****`` are errors, with ``++++`` warnings.
    """
    for told in _ERROR.finditer(head):
        value, text = _VALUE.search(told[0]), told[1] or b""
        if b"++++" in text and b"****" not in text:
            continue
        words = b" ".join(part for part in (value and value[1], text) if part).decode("utf-8", "replace")
        return "".join(letter if letter.isprintable() else " " for letter in " ".join(words.split()))[:500]
    return ""


def _only(found, table: str, host: str) -> Table | None:
    """The one table of a reply."""
    if found is None:
        raise Temporary(f"{host} sends something that is no table where {table} was asked for.")
    if not len(found):
        return None
    if len(found) > 1:
        names = ", ".join(found.keys())
        raise ArchiveError(
            f"{host} sends {len(found)} tables where {table} was asked for: {names}.",
            "Name one table in a description of your own: vizier.tables",
        )
    return found[0]


def _unknown(host: str, words: str) -> ArchiveError:
    """The service refuses the table, a column or a condition."""
    return ArchiveError(
        f"{host} refuses: {words}.",
        "If it has the table under another name (https://vizier.cds.unistra.fr), give that name in a description of "
        "your own (vizier.tables): galaxiesml fetch specz my_survey.toml",
    )


def _raise_cause(error) -> None:
    """pyvo wraps whatever happens on the way: raise what it wrapped, if that says more."""
    import pyvo
    import requests
    import urllib3

    cause = getattr(error, "cause", None)
    if isinstance(cause, urllib3.exceptions.HTTPError):
        raise cause
    if isinstance(cause, GalaxiesmlError) or (
        isinstance(cause, requests.RequestException) and not isinstance(cause, requests.HTTPError)
    ):
        raise cause
    if isinstance(error, pyvo.dal.DALFormatError):
        raise Temporary(f"The number of rows cannot be read: {' '.join(str(cause or error).split())[:300]}.")


def _words(text: str) -> str:
    """The text of an error page, without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text[:20_000]).split())[:500]


def _unchanged(request):
    return request


def count_query(
    table: str, where: dict[str, str], boxes: list[Box] | None = None, position: tuple[str, str] = ("", "")
) -> str:
    """ADQL for the number of rows; names and conditions are those that the description's check lets through."""
    conditions = [f'"{name}" {condition}' for name, condition in where.items()]
    if boxes:
        ra, dec = (f'"{name}"' for name in position)
        inside = [
            f"({ra} between {box.ra_low - MARGIN_DEG:.6f} and {box.ra_high + MARGIN_DEG:.6f} "
            f"and {dec} between {box.dec_low - MARGIN_DEG:.6f} and {box.dec_high + MARGIN_DEG:.6f})"
            for box in boxes
        ]
        conditions.append(f"({' or '.join(inside)})")
    return f'select count(*) as n from "{table}"' + (f" where {' and '.join(conditions)}" if conditions else "")
