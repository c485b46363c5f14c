"""Download a file: into a hidden part file, resumed where the server allows, checked before it appears."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.archive.transfer import Temporary, Transfer
from galaxiesml.errors import ArchiveError
from galaxiesml.system import interrupts
from galaxiesml.system.atomic import sync, write_atomic

_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_CHUNK = 1 << 20
#: A file whose hash differs is fetched again once: a second difference is no accident.
_WRONG_HASHES = 2


@dataclass(frozen=True)
class Wanted:
    """A file to download.

    Attributes
    ----------
    url : str
    target : Path
    method : str
    request : dict
        Further arguments of :meth:`galaxiesml.archive.transfer.Transfer.answer`.
    size : int or None
        Bytes, where they are published.
    md5 : str or None
        Where it is published, in hexadecimal.
    limit : int or None
        Most bytes that are accepted.
    check : callable, optional
        Called with the part file; raises ValueError, saying why, if it is not whole.
    is_resumed : bool
        A part is kept for another try; else it goes with the error.
    once : bool
        Tried again only where the server cannot have acted on the request: the caller tries again otherwise.
    """

    url: str
    target: Path
    method: str = "GET"
    request: dict | None = None
    size: int | None = None
    md5: str | None = None
    limit: int | None = None
    check: Callable[[Path], None] | None = None
    is_resumed: bool = True
    once: bool = False


@dataclass(frozen=True)
class Received:
    """A downloaded file: its path, its bytes, and the server's time as it says it (HTTP's Date)."""

    path: Path
    bytes: int
    server_time: str | None


class _Part:
    """The part file next to a target, with a note of the version of the file that it is a part of."""

    def __init__(self, target: Path):
        self.path = target.with_name(f".{target.name}.part")
        self.note = target.with_name(f".{target.name}.part.json")

    def have(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self) -> dict:
        try:
            return json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def begin(self, url: str, etag: str | None) -> None:
        self.remove()
        # A weak ETag does not promise equal bytes.
        if etag and not etag.startswith("W/"):
            write_atomic(self.note, json.dumps({"url": url, "etag": etag}))

    def remove(self) -> None:
        for path in (self.path, self.note):
            path.unlink(missing_ok=True)


def download(transfer: Transfer, wanted: Wanted, advance: Callable[[int], None] | None = None) -> Received:
    """Download a file completely, or raise and leave no file under its name.

    Tried again, and resumed, as long as bytes arrive; without a part that can be resumed it begins anew.

    Parameters
    ----------
    advance : callable, optional
        Called with bytes as they arrive; with a negative number where they are discarded.

    Raises
    ------
    ArchiveError
        The server refuses, ends too early, or sends other bytes than it publishes.
    OSError
        The disk is full: a part that can be resumed is kept.
    """
    wanted.target.parent.mkdir(parents=True, exist_ok=True)
    part, wrong = _Part(wanted.target), []

    def once() -> Received:
        received = _receive(transfer, wanted, part, advance or (lambda count: None))
        if wanted.md5 is not None and (found := md5_of(part.path)) != wanted.md5:
            part.remove()
            wrong.append(found)
            told = f"{wanted.target.name} has the MD5 {found}; published is {wanted.md5}"
            if len(wrong) >= _WRONG_HASHES:
                raise ArchiveError(f"{told}, {len(wrong)} times. Nothing was kept.", "Look at the record's page.")
            raise Temporary(f"{told}.")
        return received

    try:
        while True:
            before = part.have()
            try:
                received = transfer.persist(once, once=wanted.once)
                break
            except Temporary:
                # A long file over a bad line takes more tries than any other request.
                if not wanted.is_resumed or part.have() <= before:
                    raise
    except BaseException:
        if not wanted.is_resumed:
            part.remove()
        raise
    _appear(part, wanted.target)
    return received


def _receive(transfer: Transfer, wanted: Wanted, part: _Part, advance: Callable[[int], None]) -> Received:
    """One request for what is missing of a file; the part file is whole where it returns."""
    have, etag = part.have(), part.version().get("etag")
    headers = {}
    if have and wanted.is_resumed and part.version().get("url", wanted.url) == wanted.url and (etag or wanted.md5):
        headers["Range"] = f"bytes={have}-"
        if etag:
            headers["If-Range"] = etag
    request = (wanted.request or {}) | {"headers": headers, "accept": (200, 206, 416)}
    with transfer.answer(wanted.method, wanted.url, **request) as answer:
        if answer.status_code == 416 and have and have == wanted.size:
            # The last try was cut off between the last byte and the rename.
            return Received(wanted.target, have, answer.headers.get("Date"))
        total = _total(answer)
        if answer.status_code == 206 and headers and _continues(answer, have, etag):
            mode = "ab"
        elif answer.status_code == 200:
            advance(-have)
            have, mode = 0, "wb"
            part.begin(wanted.url, answer.headers.get("ETag"))
        else:
            part.remove()
            raise Temporary(f"The server no longer continues {wanted.target.name}; it is fetched from the beginning.")
        _check_size(wanted, part, total)
        have = _write(transfer, wanted, part, answer, mode, have, advance)
        if total is not None and have != total:
            raise Temporary(f"{wanted.target.name} ended at byte {have:,} of {total:,}.")
        _check(wanted, part)
        return Received(wanted.target, have, answer.headers.get("Date"))


def _total(answer) -> int | None:
    """Bytes of the whole file, as the answer has them."""
    if answer.status_code == 206:
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        return int(found[3]) if found else None
    length = answer.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() and "Content-Encoding" not in answer.headers else None


def _continues(answer, have: int, etag: str | None) -> bool:
    """Whether a 206 begins where the part ends, and is of the same version."""
    found = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    return found is not None and int(found[1]) == have and (etag is None or answer.headers.get("ETag", etag) == etag)


def _check_size(wanted: Wanted, part: _Part, total: int | None) -> None:
    if total is not None and wanted.size is not None and total != wanted.size:
        part.remove()
        raise Temporary(f"{wanted.target.name} has {total:,} bytes at the server; published are {wanted.size:,}.")
    if total is not None and wanted.limit is not None and total > wanted.limit:
        part.remove()
        raise ArchiveError(f"{wanted.target.name} has {total:,} bytes; at most {wanted.limit:,} can be expected.")


def _write(transfer: Transfer, wanted: Wanted, part: _Part, answer, mode: str, have: int, advance) -> int:
    most = wanted.size if wanted.size is not None else wanted.limit
    try:
        with open(part.path, mode) as file:
            for piece in transfer.chunks(answer):
                file.write(piece)
                have += len(piece)
                advance(len(piece))
                if most is not None and have > most:
                    break
    except OSError as error:
        # The file's name is what a full disk is told by.
        if error.filename is None:
            error.filename = str(wanted.target)
        raise
    if most is not None and have > most:
        part.remove()
        raise ArchiveError(f"{wanted.target.name} is longer than {most:,} bytes; it was not kept.")
    return have


def _check(wanted: Wanted, part: _Part) -> None:
    if wanted.check is None:
        return
    try:
        wanted.check(part.path)
    except ValueError as error:
        part.remove()
        raise Temporary(f"{wanted.target.name}: {error}.") from None


def _appear(part: _Part, target: Path) -> None:
    sync(part.path)
    interrupts.check()
    os.replace(part.path, target)
    part.note.unlink(missing_ok=True)
    sync(target.parent)


def part_bytes(target: Path) -> int:
    """Bytes of a target that are here: of the file, else of its part."""
    return target.stat().st_size if target.is_file() else _Part(target).have()


def md5_of(path: Path) -> str:
    """A file's MD5 in hexadecimal."""
    # The published hash guards against accidents, not against attacks.
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
            interrupts.check()
    return digest.hexdigest()


def whole_gzip(path: Path) -> None:
    """Check a gzip file by its own lengths and CRCs, all of its members.

    Raises
    ------
    ValueError
    """
    stream, size = zlib.decompressobj(wbits=31), 0
    with open(path, "rb") as file:
        while piece := file.read(_CHUNK):
            while piece:
                if stream.eof:
                    stream = zlib.decompressobj(wbits=31)
                try:
                    # A piece at a time: a megabyte can unpack to a gigabyte.
                    out = stream.decompress(piece, _CHUNK)
                    while stream.unconsumed_tail:
                        out = stream.decompress(stream.unconsumed_tail, _CHUNK)
                except zlib.error as error:
                    raise ValueError(f"it is not gzip, or is damaged ({error})") from None
                size += len(out)
                piece = stream.unused_data
            interrupts.check()
    if not stream.eof:
        raise ValueError("its gzip stream has no end")
