"""What the handlers share: bodies of bounded size, plain answers, files."""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

#: Bytes of a request's body: a list of 1,000 lines has 100,000.
MOST_BYTES = 4_000_000


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None):
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers

    def response(self) -> Response:
        return PlainTextResponse(self.text + "\n", self.status, self.headers)


async def answer_refused(request: Request, error: Exception) -> Response:
    """Starlette's handler for `Refused`."""
    return error.response()


async def body_of(request: Request) -> bytes:
    """The body of a request.

    Raises
    ------
    Refused
        It is too large.
    """
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise Refused(413, f"The request has more than {MOST_BYTES:,} bytes.")
    return b"".join(parts)


async def json_of(request: Request) -> dict:
    """The JSON object that a request holds."""
    try:
        found = json.loads(await body_of(request))
    except (ValueError, RecursionError):
        raise Refused(400, "The body is not JSON.") from None
    if not isinstance(found, dict):
        raise Refused(400, "The body is not a JSON object.")
    return found
