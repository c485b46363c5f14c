"""Requests to remote services: time-outs, retries, redirects, and what an error of theirs means.

A request that carries the account, in its header or body, follows no redirect: by default a 307 would send the body,
password and all, to another host.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urljoin, urlsplit

from galaxiesml import __version__
from galaxiesml.archive.address import is_safe, is_this_machine
from galaxiesml.archive.credentials import Credentials
from galaxiesml.errors import ArchiveError

if TYPE_CHECKING:
    import requests

    from galaxiesml.archive.connections import Connections

USER_AGENT = f"galaxiesml/{__version__} (+https://doi.org/10.5281/zenodo.11117528)"
#: Connections to one archive: what its own client uses, and the most that may be asked for.
CONNECTIONS, MOST_CONNECTIONS = 4, 10
#: Answers that another try may change; of these two also obey Retry-After.
AGAIN, OBEYED = (429, 502, 503, 504), (429, 503)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 5
#: Longest error text and longest JSON that are read, bytes.
_MOST_WORDS, _MOST_JSON = 1 << 16, 64 << 20
#: Longest text that is shown, characters.
_SHOWN = 2000
_CHUNK = 1 << 18
_TAG = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_CUT = re.compile(r"IncompleteRead\((\d+) bytes read, (\d+) more expected\)")
_LOG = logging.getLogger("galaxiesml.archive")
# Its hooks log each retry as a warning; ours are told in the catalogue's log.
logging.getLogger("stamina").addHandler(logging.NullHandler())
_T = TypeVar("_T")


@dataclass(frozen=True)
class Patience:
    """How long a request is tried.

    Attributes
    ----------
    seconds : float
        From the first try to the last.
    attempts : int
    first, most, jitter : float
        Seconds before the second try, at most before any, and the random part of a wait.
    connect, read : float
        Time-outs, seconds: until a connection stands, and between two bytes.
    """

    seconds: float = 600.0
    attempts: int = 20
    first: float = 0.5
    most: float = 60.0
    jitter: float = 1.0
    connect: float = 15.0
    read: float = 300.0


class Temporary(ArchiveError):
    """Another try may succeed.

    Attributes
    ----------
    wait : float or None
        Seconds that the server asks for; None: our own back-off.
    is_sent : bool
        False where the server cannot have seen the request.
    """

    def __init__(self, message: str, wait: float | None = None, is_sent: bool = True):
        super().__init__(message, "Look at the network, then type the command again: it goes on where it stopped.")
        self.wait, self.is_sent = wait, is_sent


class Refused(ArchiveError):
    """The server's answer is an error that no other try changes.

    Attributes
    ----------
    status : int
        Of HTTP.
    words : str
        What the server says, without tags and without the account.
    """

    def __init__(self, host: str, status: int, words: str, hint: str | None = None):
        super().__init__(f"{host} answers {status}{': ' + words if words else '.'}", hint)
        self.status, self.words = status, words


@dataclass
class Transfer:
    """Requests to one archive; may be used by several threads, each of which gets its own connections.

    Attributes
    ----------
    credentials : Credentials or None
        Sent only with requests that ask for it.
    patience : Patience
    stop : threading.Event
        Set by `end`.
    """

    credentials: Credentials | None = None
    patience: Patience = Patience()
    stop: threading.Event = field(default_factory=threading.Event)
    _local: threading.local = field(default_factory=threading.local, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _connections: Connections | None = field(default=None, repr=False)

    # -- what others call ------------------------------------------------------------------------------------

    def end(self) -> None:
        """End all requests of all threads, those that wait too: each raises an error, and no other one is sent."""
        self.stop.set()
        with self._lock:
            if self._connections is not None:
                self._connections.end()

    def fetch_json(self, url: str, body: dict | None = None, *, account: bool = False, once: bool = False) -> Answer:
        """GET a JSON object, or POST one and get one.

        Parameters
        ----------
        account : bool
            Add ``credential`` to the body.
        once : bool
            Try again only where the server cannot have acted on the request.
        """

        def ask() -> Answer:
            with self.answer("POST" if body is not None else "GET", url, body=body, account=account) as answer:
                return Answer(_parsed(answer, url), answer.headers.get("Date"))

        return self.persist(ask, once=once)

    @contextlib.contextmanager
    def answer(
        self,
        method: str,
        url: str,
        *,
        body: dict | None = None,
        upload: tuple[str, str] | None = None,
        fields: dict[str, str] | None = None,
        account: bool = False,
        basic: bool = False,
        headers: dict[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
    ) -> Iterator[requests.Response]:
        """One request and its answer, whose body is not read yet.  Nothing is tried again.

        Parameters
        ----------
        body : dict, optional
            Sent as JSON.
        upload : (name, text), optional
            Sent as the file ``list`` of a form, with ``fields``.
        account, basic : bool
            Add the account to the JSON body, or as HTTP Basic authentication.
        accept : tuple of int
            Statuses that are no error.

        Raises
        ------
        Temporary, Refused, ArchiveError
        """
        if account:
            body = (body or {}) | {"credential": self._account().body()}
        sent = {
            "json": body,
            "files": {"list": (upload[0], upload[1].encode(), "text/plain")} if upload else None,
            "data": fields,
            "auth": tuple(value.encode() for value in self._account().body().values()) if basic else None,
            # A length that is checked is one of the bytes as they are.
            "headers": {"Accept-Encoding": "identity"} | (headers or {}),
            "timeout": (self.patience.connect, self.patience.read),
            "stream": True,
            "allow_redirects": False,
        }
        with translated_errors(url):
            answer = self._follow(method, url, sent, account or basic)
        try:
            if answer.status_code not in accept:
                self._refuse(answer)
            with translated_errors(url):
                yield answer
        finally:
            answer.close()

    def persist(self, what: Callable[[], _T], *, once: bool = False) -> _T:
        """Call something until it raises no `Temporary`, or patience ends.

        Parameters
        ----------
        once : bool
            Another try only after a `Temporary` that the server cannot have acted on.
        """
        import stamina

        patience, began = self.patience, time.monotonic()

        def wait(error: Exception) -> bool | float:
            if not isinstance(error, Temporary) or (once and error.is_sent):
                return False
            if attempt.num >= patience.attempts or time.monotonic() - began + (error.wait or 0.0) > patience.seconds:
                return False
            _LOG.info("another try: %s", error)
            seconds = attempt.next_wait + random.uniform(0.0, patience.jitter) if error.wait is None else error.wait
            # Waited for here, where `end` can wake it; stamina waits no longer.
            return not self.stop.wait(seconds) and 0.0

        for attempt in stamina.retry_context(
            on=wait,
            attempts=patience.attempts if patience.seconds else 1,
            timeout=patience.seconds or None,
            wait_initial=patience.first,
            wait_max=patience.most,
            wait_jitter=patience.jitter,
        ):
            with attempt:
                self._check_going_on()
                return what()
        raise AssertionError("the last attempt returns or raises")

    def chunks(self, answer: requests.Response) -> Iterator[bytes]:
        """The body, a piece at a time; errors on the way are `Temporary`."""
        with translated_errors(answer.url):
            for piece in _pieces(answer.raw):
                self._check_going_on()
                yield piece

    # -- one request -----------------------------------------------------------------------------------------

    def _check_going_on(self) -> None:
        if self.stop.is_set():
            raise ArchiveError("The transfer was stopped.")

    def _account(self) -> Credentials:
        assert self.credentials is not None, "a request with the account needs credentials"
        return self.credentials

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            import requests

            from galaxiesml.archive.connections import Connections

            with self._lock:
                self._connections = self._connections or Connections(self.stop)
            session = requests.Session()
            for scheme in ("http://", "https://"):
                session.mount(scheme, self._connections.adapter())
            session.headers["User-Agent"] = USER_AGENT
            # An authentication that adds nothing: otherwise requests reads ~/.netrc.
            session.auth = _unchanged
            self._local.session = session
        return self._local.session

    def _follow(self, method: str, url: str, sent: dict, is_secret: bool) -> requests.Response:
        for _ in range(_MOST_REDIRECTS + 1):
            host = urlsplit(url).hostname or ""
            # What goes to this machine itself goes through no proxy.
            proxies = {"no_proxy": host} if is_this_machine(host) else None
            answer = self._session().request(method, url, proxies=proxies, **sent)
            if answer.status_code not in _REDIRECTS:
                return answer
            answer.close()
            target = urljoin(url, answer.headers.get("Location", ""))
            other = urlsplit(target).hostname or "no host"
            if is_secret:
                raise ArchiveError(
                    f"{host} redirects to {other}. The request carries your account, so it was not sent there.",
                    "If the archive has moved, name its new address: --url https://HOST",
                )
            if not is_safe(target):
                raise ArchiveError(f"{host} redirects to {other} without TLS; it was not followed.")
            url = target
            if answer.status_code == 303:
                method, sent = "GET", sent | {"json": None, "files": None, "data": None}
        raise ArchiveError(f"{urlsplit(url).hostname} redirects more than {_MOST_REDIRECTS} times.")

    def _refuse(self, answer: requests.Response) -> None:
        """Raise the error that a status is."""
        host, status = urlsplit(answer.url).hostname or "", answer.status_code
        words = self.words_of(answer)
        if status in AGAIN:
            wait = retry_after(answer.headers.get("Retry-After")) if status in OBEYED else None
            asked = f" and asks to wait {wait:,.0f} s" if wait is not None else ""
            # A gateway that waited in vain does not know what happened behind it; the others passed nothing on.
            raise Temporary(f"{host} answers {status}{asked}{': ' + words if words else '.'}", wait, status == 504)
        if status == 401:
            origin = self.credentials.origin if self.credentials else "no account"
            hint = "Set HSC_SSP_CAS_USER and HSC_SSP_CAS_PASSWORD to an account of the archive."
            raise Refused(host, status, f"the account or its password is not accepted (from {origin})", hint)
        raise Refused(host, status, words)

    def words_of(self, answer: requests.Response) -> str:
        """The text of an error, shortened, without tags and without the account."""
        data = b""
        with contextlib.suppress(ArchiveError):
            for piece in self.chunks(answer):
                data += piece
                if len(data) >= _MOST_WORDS:
                    break
        text = data[:_MOST_WORDS].decode("utf-8", "replace")
        if "html" in answer.headers.get("Content-Type", "").lower() or text.lstrip()[:1] == "<":
            text = " ".join(_TAG.sub(" ", text).split())
        return self.plain(text)

    def plain(self, text: str) -> str:
        """A text of the archive for a terminal or a record: printable, shortened, and without the account."""
        text = "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()
        text = text if len(text) <= _SHOWN else text[:_SHOWN] + " ..."
        return self.credentials.hidden(text) if self.credentials else text


@dataclass(frozen=True)
class Answer:
    """A JSON object, and the server's time as it says it (HTTP's Date)."""

    content: dict
    server_time: str | None


def _pieces(raw) -> Iterator[bytes]:
    """A body as it arrives: what came before a drop is kept."""
    if raw.chunked:
        yield from raw.stream(_CHUNK, decode_content=True)
        return
    while piece := raw.read1(_CHUNK, decode_content=True):
        yield piece


def _unchanged(request):
    return request


def _parsed(answer: requests.Response, url: str) -> dict:
    data = bytearray()
    for piece in answer.raw.stream(_CHUNK, decode_content=True):
        data += piece
        if len(data) > _MOST_JSON:
            raise ArchiveError(
                f"{urlsplit(url).hostname} sends more than {_MOST_JSON:,} bytes where JSON was expected."
            )
    if not data.strip():
        return {}
    try:
        found = json.loads(data)
    except ValueError:
        found = None
    if found is not None and not isinstance(found, dict):
        return {"value": found}
    if found is None and data.strip() != b"null":
        kind = answer.headers.get("Content-Type", "no type")
        raise Temporary(f"{urlsplit(url).hostname} sends {kind} where JSON was expected ({urlsplit(url).path}).")
    return found or {}


def retry_after(text: str | None) -> float | None:
    """Seconds of a Retry-After: a number, or a date."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


@contextlib.contextmanager
def translated_errors(url: str) -> Iterator[None]:
    """Errors of requests and urllib3 as ours: those of the network are `Temporary`."""
    import requests
    import urllib3

    host = urlsplit(url).netloc
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise ArchiveError(
            f"The certificate of {host} is not trusted: {_reason(error)}.",
            "If the archive has an authority of its own, name its file: export REQUESTS_CA_BUNDLE=FILE.pem",
        ) from None
    except requests.exceptions.Timeout as error:
        is_sent = not isinstance(error, requests.exceptions.ConnectTimeout)
        raise Temporary(
            f"{host} did not {'answer' if is_sent else 'accept a connection'} in time.", None, is_sent
        ) from None
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        is_sent = not isinstance(_cause(error), urllib3.exceptions.NewConnectionError)
        what = "closed the connection" if is_sent else "cannot be reached"
        raise Temporary(f"{host} {what}: {_reason(error)}.", None, is_sent) from None
    except urllib3.exceptions.HTTPError as error:
        raise Temporary(f"{host} closed the connection: {_reason(error)}.") from None
    except requests.exceptions.RequestException as error:
        raise ArchiveError(f"{host}: {_reason(error)}.") from None


def _cause(error: Exception) -> object:
    """The reason of urllib3 behind an exception of requests."""
    inner = error.args[0] if error.args else None
    return getattr(inner, "reason", inner)


def _reason(error: Exception) -> str:
    """An exception in words, without the objects that urllib3 puts before them."""
    cause = _cause(error)
    if isinstance(cause, Exception) and cause.args and isinstance(cause.args[0], str):
        cause = cause.args[0]
    text = str(cause if isinstance(cause, Exception | str) else error) or type(error).__name__
    if found := _CUT.search(text):
        return f"{int(found[1]):,} bytes came, {int(found[2]):,} more were expected"
    return re.sub(r"<[^>]*>:? ?|^\w+\(.*?\): ", "", text).strip(" .'\"") or type(error).__name__
