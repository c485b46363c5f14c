"""A published record as Zenodo's API has it: a list of files with sizes and hashes, and the files."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.http import Refused

#: GalaxiesML's record.
RECORD = "11117528"
#: Requests that a guest has in a minute.
A_MINUTE = 60
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_BLOCK = 1 << 18


class Record:
    """The addresses, for Starlette.

    Parameters
    ----------
    folder : Path
        Its files are the record's; folders and hidden files are not.
    counts : Counts
    a_minute : int
        Requests that are answered in a minute.
    """

    def __init__(self, folder: Path, counts: Counts, a_minute: int = A_MINUTE):
        self._folder, self._counts, self._a_minute = folder, counts, a_minute
        self._times: deque[float] = deque()
        self._hashes: dict[tuple, str] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/api/records/{record}", self.record),
            Route("/api/records/{record}/files/{name}/content", self.content, methods=["GET", "HEAD"]),
            Route("/records/{record}/files/{name}", self.file, methods=["GET", "HEAD"]),
        ]

    async def record(self, request: Request) -> Response:
        headers = self._limited(request)
        base = f"{request.url.scheme}://{request.url.netloc}/api/records/{RECORD}"
        files = [await self._told(path, base) for path in self._files().values()]
        body = {
            "id": int(RECORD),
            "links": {"self": base, "files": f"{base}/files"},
            "metadata": {"title": "GalaxiesML (simulated)", "publication_date": "2024-05-07"},
            "files": files,
        }
        return JSONResponse(body, headers=headers)

    async def content(self, request: Request) -> Response:
        """The whole file, whatever Range says: reportedly this address knows none, though it says it does."""
        return await self._sent(request, None)

    async def file(self, request: Request) -> Response:
        return await self._sent(request, request.headers.get("range"))

    def _limited(self, request: Request) -> dict[str, str]:
        """Headers that say how many requests are left.

        Raises
        ------
        Refused
            404: another record.  429: none is left.
        """
        if request.path_params["record"] != RECORD:
            raise Refused(404, f"No record {request.path_params['record'][:40]}.")
        now = time.monotonic()
        while self._times and self._times[0] < now - 60.0:
            self._times.popleft()
        left = self._a_minute - len(self._times)
        wait = int(60.0 - (now - self._times[0])) + 1 if self._times else 60
        headers = {"X-RateLimit-Limit": str(self._a_minute), "X-RateLimit-Remaining": str(max(0, left - 1))}
        # It comes with successes too.
        headers["Retry-After"] = str(wait)
        if left <= 0:
            raise Refused(429, f"{self._a_minute} requests per minute.", headers)
        self._times.append(now)
        return headers

    def _files(self) -> dict[str, Path]:
        found = sorted(path for path in self._folder.iterdir() if path.is_file() and not path.name.startswith("."))
        return {path.name: path for path in found}

    async def _told(self, path: Path, base: str) -> dict:
        digest = await asyncio.to_thread(self._md5, path)
        return {
            "id": hashlib.sha1(path.name.encode()).hexdigest(),
            "key": path.name,
            "size": path.stat().st_size,
            "checksum": f"md5:{digest}",
            "links": {"self": f"{base}/files/{path.name}/content"},
        }

    def _md5(self, path: Path) -> str:
        about = path.stat()
        key = path.name, about.st_size, about.st_mtime_ns
        if key not in self._hashes:
            with open(path, "rb") as file:
                self._hashes[key] = hashlib.file_digest(file, "md5").hexdigest()
        return self._hashes[key]

    async def _sent(self, request: Request, wanted: str | None) -> Response:
        headers = self._limited(request)
        # Names are looked up among those that are there: none leads out of the folder.
        path = self._files().get(request.path_params["name"])
        if path is None:
            raise Refused(404, f"No file {request.path_params['name'][:80]}.")
        size = path.stat().st_size
        tag = f'"{await asyncio.to_thread(self._md5, path)}"'
        headers |= {"ETag": tag, "Accept-Ranges": "bytes"}
        start, end, status = 0, size, 200
        if wanted and request.headers.get("if-range", tag) == tag:
            part = _part(wanted, size)
            if part is None:
                raise Refused(416, "No such range.", headers | {"Content-Range": f"bytes */{size}"})
            (start, end), status = part, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = str(end - start)
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if request.method == "HEAD":
            return Response(None, status, headers, kind)
        return StreamingResponse(_blocks(path, start, end), status, headers, kind)


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one behind the last, of a Range of one part; None where it is not within the file."""
    told = _RANGE.fullmatch(wanted.strip())
    if told is None or not (told[1] or told[2]):
        return None
    if not told[1]:
        return (max(0, size - int(told[2])), size) if int(told[2]) else None
    start, end = int(told[1]), min(int(told[2]) + 1 if told[2] else size, size)
    return (start, end) if start < end else None


async def _blocks(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with open(path, "rb") as file:
        file.seek(start)
        while start < end and (block := file.read(min(_BLOCK, end - start))):
            start += len(block)
            yield block
