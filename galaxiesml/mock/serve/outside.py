"""Every request passes here first: hosts, counts, and the faults that need no knowledge of the answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.faults import CATALOGUE, Draw

#: Where a redirect leads: the same server under its other name, which counts who follows.
ELSEWHERE = "/_elsewhere"
COUNTS = "/_counts"
_HOSTS = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}
_JOBS = re.compile(rf"/datasearch/api/catalog_jobs/({'|'.join(CATALOGUE)})/?")
_ADDRESSES = (
    (re.compile(r"/das_cutout/\w+/cgi-bin/cutout/?"), "cutout"),
    (re.compile(r"/psf/\w+/cgi/getpsf/?"), "psf"),
    (re.compile(r"/viz-bin/.*"), "vizier"),
    (re.compile(r"/TAPVizieR/tap/.*"), "tap"),
    (re.compile(r"/(api/)?records/[^/]+/files/.+"), "file"),
    (re.compile(r"/(api/)?records/.*"), "record"),
)
_STATUS = {
    "401": (401, "Unauthorized", [(b"www-authenticate", b'Basic realm="simulated archive"')]),
    "406": (406, "ERROR:  canceling statement due to statement timeout", []),
    "429": (429, "Too Many Requests", [(b"retry-after", b"1")]),
    "502": (502, "Bad Gateway", []),
    "503": (503, "Service Unavailable", []),
}
_PAGE = "<!DOCTYPE html><html><body><h1>Service temporarily unavailable</h1></body></html>"
#: Share of a tar that is left of one that is cut short, and the pieces of a slow answer.
_LEFT, _PIECES = 0.6, 8
#: Bytes of a request that are read at most.
_MOST_BYTES = 4_000_000


def endpoint(path: str) -> str | None:
    """What an address is for, one of `faults.ENDPOINTS`."""
    if job := _JOBS.fullmatch(path):
        return job[1]
    return next((name for pattern, name in _ADDRESSES if pattern.fullmatch(path)), None)


class Outside:
    """An ASGI application round another.

    Parameters
    ----------
    app : ASGI application
    draw : Draw
    counts : Counts
    slow_seconds : float
        How long a slow answer takes.
    """

    def __init__(self, app: Callable, draw: Draw, counts: Counts, slow_seconds: float):
        self._app, self._draw, self._counts, self._slow = app, draw, counts, slow_seconds

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        name, port = host.partition(":")[::2]
        # A page of another site that resolves to this machine is none of ours.
        if name not in _HOSTS:
            await _answer(send, 400, f"The host {name!r} is not served: 127.0.0.1 or localhost.")
        elif path == COUNTS:
            await self._app(scope, receive, send)
        elif path.startswith(ELSEWHERE):
            await self._elsewhere(headers, receive, send)
        else:
            await self._counted(scope, receive, send, f"{scope['scheme']}://{_HOSTS[name]}:{port}{ELSEWHERE}{path}")

    async def _counted(self, scope, receive, send, other: str) -> None:
        what = endpoint(scope["path"])
        name = what or "unknown"
        fault = self._draw.next(what)
        self._counts.add(name, requests=1)
        if fault:
            self._counts.faults[fault] += 1

        async def count(message) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                self._counts.status[str(message["status"])] += 1
            else:
                self._counts.add(name, bytes=len(message.get("body", b"")))

        self._counts.enter()
        try:
            await self._faulty(fault, scope, receive, count, other)
        finally:
            self._counts.leave()

    async def _faulty(self, fault: str | None, scope, receive, send, other: str) -> None:
        if fault in _STATUS:
            await _drain(receive)
            status, text, headers = _STATUS[fault]
            await _answer(send, status, text, headers)
        elif fault == "redirect":
            await _drain(receive)
            await _answer(send, 307, "Moved", [(b"location", other.encode("latin-1", "replace"))])
        elif fault == "html":
            await _drain(receive)
            await _answer(send, 200, _PAGE, kind=b"text/html; charset=utf-8")
        else:
            # The handlers look there for the two faults that are theirs: row and never.
            scope["fault"] = fault
            changed = Changed(fault, send, self._slow) if fault in Changed.KINDS else None
            with contextlib.suppress(Over):
                await self._app(scope, receive, changed or send)

    async def _elsewhere(self, headers: dict, receive, send) -> None:
        body = await _drain(receive)
        brought = b"authorization" in headers or b"cookie" in headers or b"password" in body
        self._counts.elsewhere.update(requests=1, with_credentials=int(brought))
        await _answer(send, 200, "This is another host.")


class Over(Exception):
    """Nothing more is sent: the application need not go on."""


class Changed:
    """What is sent, changed on its way: slow, dropped, of a wrong length, with a wrong bit, or cut short."""

    KINDS = ("slow", "drop", "length", "hash", "tar")

    def __init__(self, fault: str, send, slow_seconds: float):
        self._fault, self._send, self._seconds = fault, send, slow_seconds
        self._whole, self._sent, self._is_over = 0, 0, False

    async def __call__(self, message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self._whole = int(headers.get(b"content-length", b"0"))
            told = {"length": self._whole + 7, "tar": self._most()}.get(self._fault, self._whole)
            headers[b"content-length"] = str(told).encode()
            await self._send({**message, "headers": list(headers.items())})
        elif not self._is_over:
            await self._body(message.get("body", b""), bool(message.get("more_body")))

    def _most(self) -> int:
        """Bytes that are sent at most."""
        return int(self._whole * {"drop": 0.5, "tar": _LEFT}.get(self._fault, 1.0))

    async def _body(self, body: bytes, has_more: bool) -> None:
        middle = self._whole // 2 - self._sent
        if self._fault == "hash" and 0 <= middle < len(body):
            body = body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]
        left = self._most() - self._sent
        self._is_over = not has_more or (self._fault in ("drop", "tar") and len(body) >= left)
        body = body[:left]
        self._sent += len(body)
        if self._fault == "slow":
            await self._slowly(body, has_more)
        else:
            # An answer that is never completed ends with its connection.
            has_end = self._is_over and self._fault not in ("drop", "length")
            await self._send({"type": "http.response.body", "body": body, "more_body": not has_end})
        if self._is_over and has_more:
            raise Over

    async def _slowly(self, body: bytes, has_more: bool) -> None:
        """Send pieces of an eighth of the answer at most, each after its share of the time."""
        step = max(1, -(-self._whole // _PIECES))
        for at in range(0, len(body), step):
            piece = body[at : at + step]
            await asyncio.sleep(self._seconds * len(piece) / max(1, self._whole))
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        if not has_more:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def answer_fault(request: Request, error: Exception) -> Response:
    """Starlette's handler for a fault of this program: told on standard error; nothing of the request is."""
    if not isinstance(error, Over | ClientDisconnect):
        logging.getLogger(__name__).error("%s failed", request.url.path, exc_info=error)
    return PlainTextResponse("Internal Server Error\n", 500)


async def _drain(receive) -> bytes:
    """The request's body, as far as it is read at most."""
    parts, size = [], 0
    while size < _MOST_BYTES:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return b"".join(parts)


async def _answer(send, status: int, text: str, headers=(), kind: bytes = b"text/plain; charset=utf-8") -> None:
    body = text.encode()
    about = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})
