"""The cutout and the PSF service: a list is uploaded, a tar of the sky's own pictures comes."""

from __future__ import annotations

import asyncio
import os
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from galaxiesml.mock.serve.account import Account
from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.fits import only_layers
from galaxiesml.mock.serve.holdings import Member, Pictures
from galaxiesml.mock.serve.http import MOST_BYTES, Refused
from galaxiesml.mock.serve.lists import Asked, read_list

#: Answers that one account gets at the same time.
MOST_AT_ONCE = 10
_BLOCK, _RECORD = 512, 10_240


class Service:
    """One of the two services, for Starlette.

    Parameters
    ----------
    name : str
        cutout or psf.
    account : Account
    pictures : Pictures
    counts : Counts
    delay_row_ms : float
        How long a line of the list takes before its pictures are sent.
    """

    def __init__(self, name: str, account: Account, pictures: Pictures, counts: Counts, delay_row_ms: float):
        self._name, self._account, self._pictures, self._counts = name, account, pictures, counts
        self._delay = delay_row_ms / 1000.0
        self._now = 0
        self._lengths: dict[tuple, int] = {}

    def routes(self) -> list[Route]:
        places = {"cutout": "/das_cutout/{release}/cgi-bin/cutout", "psf": "/psf/{release}/cgi/getpsf"}
        return [Route(places[self._name], self.answer, methods=["POST"])]

    async def answer(self, request: Request) -> Response:
        if not self._account.opens_basic(request.headers.get("authorization")):
            raise Refused(401, "Unauthorized", {"WWW-Authenticate": 'Basic realm="simulated archive"'})
        if request.path_params["release"] != "pdr2":
            raise Refused(404, "This simulated archive has pdr2 alone.")
        if self._now >= MOST_AT_ONCE:
            raise Refused(503, f"Service Unavailable: {MOST_AT_ONCE} requests are being answered.")
        self._now += 1
        try:
            asked = read_list(await self._list(request), has_size=self._name == "cutout")
            found = [(line, self._members(line)) for line in asked]
            response = await self._tar(found, request.scope.get("fault") == "row")
        except BaseException:
            self._over()
            raise
        self._counts.add(self._name, rows_asked=len(found), rows_absent=sum(not members for _, members in found))
        return response

    async def _list(self, request: Request) -> str:
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            raise Refused(413, f"The form has no Content-Length, or more than {MOST_BYTES:,} bytes.")
        try:
            async with request.form(max_files=1, max_fields=20, max_part_size=MOST_BYTES) as form:
                if self._name == "psf" and form.get("bulk") != "on":
                    raise Refused(400, "The field bulk is not 'on'.")
                found = form.get("list")
                if found is None:
                    raise Refused(400, "The form has no field list.")
                data = found if isinstance(found, str) else await found.read(MOST_BYTES)
        except (MultiPartException, HTTPException) as error:
            raise Refused(400, f"The form cannot be read: {error}") from None
        try:
            return data if isinstance(data, str) else data.decode()
        except UnicodeDecodeError:
            raise Refused(400, "The list is not UTF-8 text.") from None

    def _members(self, line: Asked) -> list[Member]:
        """What is sent for a line, in the order of the sky's tars; nothing where nothing is covered."""
        place = self._pictures.at(line.band, line.ra, line.dec) if line.is_coadd else None
        return [
            member
            for member in (place.members if place else ())
            if line.tract in (None, member.tract)
            and (line.patch is None or member.patch in (None, line.patch))
            and line.layers & member.layers
        ]

    async def _tar(self, found: list[tuple[Asked, list[Member]]], one_more: bool) -> Response:
        folder = time.strftime("arch-%y%m%d-%H%M%S", time.gmtime())
        if one_more and (last := next((members for _, members in reversed(found) if members), None)):
            line = found[-1][0]
            found = [*found, (replace(line, number=line.number + 1), last[:1])]
        size = await asyncio.to_thread(self._size, found)
        headers = {
            "content-length": str(size),
            "content-disposition": f'attachment; filename="{folder}.tar"',
        }
        return _Counted(self._over, self._stream(folder, found), 200, headers, "application/x-tar")

    def _over(self) -> None:
        self._now -= 1

    async def _stream(self, folder: str, found: list[tuple[Asked, list[Member]]]) -> AsyncIterator[bytes]:
        sent = 0
        for line, members in found:
            if self._delay:
                await asyncio.sleep(self._delay)
            for member in members:
                part = _entry(f"{folder}/{line.number}{member.rest}", _content(member, line.layers))
                sent += len(part)
                yield part
                self._counts.add(self._name, pictures=1)
        yield b"\0" * (_padded(sent + 2 * _BLOCK, _RECORD) - sent)

    def _size(self, found: list[tuple[Asked, list[Member]]]) -> int:
        """Bytes of a tar; no file is kept in memory for it."""
        lengths = (self._length(member, line.layers) for line, members in found for member in members)
        return _padded(sum(_BLOCK + _padded(length, _BLOCK) for length in lengths) + 2 * _BLOCK, _RECORD)

    def _length(self, member: Member, layers: frozenset[str]) -> int:
        if member.layers <= layers:
            return member.size
        key = member.path, member.offset, layers
        if key not in self._lengths:
            self._lengths[key] = len(_content(member, layers))
        return self._lengths[key]


class _Counted(StreamingResponse):
    """An answer that says when it is over, however it ends."""

    def __init__(self, over: Callable[[], None], *rest):
        super().__init__(*rest)
        self._over = over

    async def __call__(self, scope, receive, send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._over()


def _content(member: Member, layers: frozenset[str]) -> bytes:
    """A picture's file, without the layers that were not asked for."""
    with open(member.path, "rb") as file:
        data = os.pread(file.fileno(), member.size, member.offset)
    return data if member.layers <= layers else only_layers(data, layers)


def _entry(name: str, data: bytes) -> bytes:
    about = tarfile.TarInfo(name)
    about.size, about.mtime, about.mode = len(data), int(time.time()), 0o644
    return about.tobuf(tarfile.USTAR_FORMAT) + data + b"\0" * (-len(data) % _BLOCK)


def _padded(size: int, unit: int) -> int:
    return -(-size // unit) * unit
