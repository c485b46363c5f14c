"""An HTTP server of the standard library that does what a test tells it, byte by byte; it knows nothing of ours."""

from __future__ import annotations

import contextlib
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict:
        return json.loads(self.body)


@dataclass
class Reply:
    """An answer: ``length`` is what Content-Length says (None: what the body has; -1: no such header); of the body
    only the first ``sent`` bytes go out before the connection is closed."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    sent: int | None = None


@dataclass
class Server:
    """``answer`` makes a Reply of an Asked; ``asked`` has all requests; ``root`` is the server's address."""

    answer: Callable[[Asked], Reply]
    asked: list[Asked] = field(default_factory=list)
    root: str = ""
    sent_bytes: int = 0
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.answer(asked)
        finally:
            with self._lock:
                self._now -= 1

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextlib.contextmanager
def serving(answer: Callable[[Asked], Reply], tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on a free port of this machine for the time of the block."""
    server = Server(answer)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self):
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            reply = server.reply(Asked(self.command, self.path, dict(self.headers.items()), body))
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.length != -1:
                self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
            self.end_headers()
            out = reply.body if reply.sent is None else reply.body[: reply.sent]
            if (over := getattr(out, "over", None)) is not None:
                # Half of it, and then silence.
                self.wfile.write(out[: len(out) // 2])
                self.wfile.flush()
                over.wait(30)
                out = out[len(out) // 2 :]
            self.wfile.write(out)
            self.wfile.flush()
            server.sent_bytes += len(out)
            if reply.sent is not None or reply.length is not None:
                self.close_connection = True

        do_GET = do_POST = handle_one

        def log_message(self, *words):
            pass

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """A client that was killed is no news."""

    made = Quiet(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    server.root = f"http{'s' if tls else ''}://127.0.0.1:{made.server_address[1]}"
    if tls:
        made.socket = tls.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        made.shutdown()
        made.server_close()


def ranged(content: bytes, asked: Asked, etag: str | None = '"v1"') -> Reply:
    """The answer of a server that serves ranges as RFC 9110 has them."""
    headers = {"ETag": etag} if etag else {}
    wanted = asked.headers.get("Range")
    if wanted and asked.headers.get("If-Range", etag) == etag:
        start = int(wanted.removeprefix("bytes=").split("-")[0])
        if start >= len(content):
            return Reply(416, b"", headers | {"Content-Range": f"bytes */{len(content)}"})
        told = {"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        return Reply(206, content[start:], headers | told)
    return Reply(200, content, headers)
