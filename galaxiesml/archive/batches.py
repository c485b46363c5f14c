"""Upload lists, sent by several threads, and their tars, handed over one by one.

A batch that fails is tried again, then halved, so that one row that the service cannot answer costs one row.
"""

from __future__ import annotations

import hashlib
import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from galaxiesml.archive.credentials import Credentials
from galaxiesml.archive.download import Wanted, download
from galaxiesml.archive.transfer import Refused, Temporary, Transfer
from galaxiesml.errors import ArchiveError, InputError
from galaxiesml.system.atomic import write_atomic

#: Tries of a batch before it is halved, and of a single row whose answers the network breaks.
_TRIES, _TRIES_OF_ONE = 2, 5
#: Failures in a row after which it is the service that fails, not a row: more than sixteen bad rows in a list make.
_MOST_FAILURES = 40
#: Tars that may wait to be landed, for each connection.
_WAITING = 2
#: An answer of more tracts than this for one row is no answer to it.
_TRACTS = 8
#: Errors that no other list would change: the account, the address.
_OF_ALL = (401, 403, 404, 405)
_MOST_HEADERS = 1 << 17
#: Seconds for which the end waits for the threads; an interrupted command has not much more.
_END = 1.0
_PAGE = 1 << 12


@dataclass(frozen=True)
class Batch:
    """An upload list.

    Attributes
    ----------
    kind : str
        cutouts or psf.
    band : str
        Filter.
    header : str
        The list's first line.
    lines : tuple of str
        The others, at most 990.
    failures : int
        How often it failed.
    """

    kind: str
    band: str
    header: str
    lines: tuple[str, ...]
    failures: int = 0

    @property
    def text(self) -> str:
        return "\n".join([self.header, *self.lines]) + "\n"

    @property
    def name(self) -> str:
        """The name of the list and its tar, without the suffix: of the same lines, the same."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:12]
        return f"{self.kind}-HSC-{self.band.upper()}-{digest}"

    def halves(self) -> list[Batch]:
        middle = (len(self.lines) + 1) // 2
        return [replace(self, lines=part, failures=0) for part in (self.lines[:middle], self.lines[middle:])]


def batch_of(kind: str, band: str, text: str) -> Batch:
    """A batch of the text of a list."""
    header, *lines = text.splitlines()
    return Batch(kind, band, header, tuple(lines))


@dataclass(frozen=True)
class Service:
    """A service that answers upload lists with tars.

    Attributes
    ----------
    transfer : Transfer
        With credentials.
    url : str
    fields : dict
        Fields of the form beside the list.
    release : str
    row_bytes : int
        Most bytes that one row's picture can have.
    """

    transfer: Transfer
    url: str
    fields: dict[str, str]
    release: str
    row_bytes: int

    def fetch(self, batch: Batch, folder: Path, advance: Callable[[int], None] | None = None) -> Path:
        """Send a list and receive its tar: ``<name>.tar``, beside its list and where it came from.

        Raises
        ------
        ArchiveError
        """
        write_atomic(folder / f"{batch.name}.txt", batch.text)
        wanted = Wanted(
            self.url,
            folder / f"{batch.name}.tar.new",
            "POST",
            {"upload": (f"{batch.name}.txt", batch.text), "fields": self.fields, "basic": True},
            limit=(1 << 20) + len(batch.lines) * _TRACTS * (self.row_bytes + _MOST_HEADERS),
            check=lambda path: _check_no_page(path, self.transfer.credentials),
            is_resumed=False,
            once=True,
        )
        received = download(self.transfer, wanted, advance)
        origin = {"url": self.url, "release": self.release, "server_time": received.server_time}
        write_atomic(folder / f"{batch.name}.json", json.dumps(origin) + "\n")
        # Last: a tar of that name has its list and its origin.
        return received.path.rename(folder / f"{batch.name}.tar")


def origin_of(tar: Path) -> dict:
    """Where a tar came from, as `Service.fetch` wrote it beside it."""
    return json.loads(tar.with_suffix(".json").read_text(encoding="utf-8"))


def _check_no_page(path: Path, credentials: Credentials | None) -> None:
    """Raise a ValueError for a page of words where a tar was expected."""
    with open(path, "rb") as file:
        begin = file.read(_PAGE)
    if begin.lstrip()[:1] == b"<" or (begin and b"\0" not in begin):
        words = " ".join(begin.decode("utf-8", "replace").split())[:200]
        raise ValueError(f"it is no tar but begins with: {credentials.hidden(words) if credentials else words}")


@dataclass(frozen=True)
class Done:
    """A batch that is at its end: ``outcome`` is what `land` returned; else why its one row has no answer."""

    batch: Batch
    outcome: object = None
    reason: str | None = None


def answers(
    batches: list[Batch],
    fetch: Callable[[Batch], Path],
    land: Callable[[Batch, Path], object],
    *,
    connections: int,
    transfer: Transfer,
) -> Iterator[Done]:
    """Fetch batches in threads and land each as it comes, in the caller's thread.

    Parameters
    ----------
    fetch : callable
        Called in threads; the path of a batch's tar.
    land : callable
        Raises InputError for a tar that cannot be used.
    connections : int
        Threads.
    transfer : Transfer
        What ``fetch`` asks with; ended at the end, however that comes, and no thread is left.

    Raises
    ------
    ArchiveError
        The service does not answer any more, refuses the account, or fails again and again.
    """
    work: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
    came: queue.SimpleQueue[tuple[Batch, Path | None, BaseException | None]] = queue.SimpleQueue()
    room = threading.Semaphore(connections * _WAITING)
    for batch in batches:
        work.put(batch)
    threads = _start(connections, work, came, room, fetch, transfer.stop)
    left, failures = len(batches), 0
    try:
        while left:
            batch, path, error = came.get()
            try:
                if error is not None:
                    raise error
                done = Done(batch, land(batch, path))
                failures = 0
            except (ArchiveError, InputError) as wrong:
                failures += 1
                again = _after(batch, wrong, failures)
                left += len(again) - 1
                for each in again:
                    work.put(each)
                if not again:
                    yield Done(batch, reason=str(wrong))
                continue
            finally:
                room.release()
            left -= 1
            yield done
    finally:
        for _ in range(connections):
            work.put(None)
            room.release()
        _end(transfer, threads)


def _start(connections: int, *words) -> list[threading.Thread]:
    threads = [threading.Thread(target=_worker, args=words, daemon=True, name="fetch") for _ in range(connections)]
    for thread in threads:
        thread.start()
    return threads


def _end(transfer: Transfer, threads: list[threading.Thread]) -> None:
    """End what threads wait for, and the threads."""
    transfer.end()
    limit = time.monotonic() + _END
    for thread in threads:
        # One that is connecting has its own time-out; it sends nothing any more.
        thread.join(max(0.0, limit - time.monotonic()))


def _worker(work, came, room, fetch, stop) -> None:
    while (batch := work.get()) is not None:
        # Landing may be slower than the network: tars that wait fill the disk.
        room.acquire()
        if stop.is_set():
            return
        try:
            came.put((batch, fetch(batch), None))
        except BaseException as error:
            came.put((batch, None, error))


def _after(batch: Batch, error: ArchiveError | InputError, failures: int) -> list[Batch]:
    """What is sent after a batch failed: the same again, its halves, or nothing, for a single row.

    Raises
    ------
    ArchiveError
        It is not the batch that fails.
    """
    is_of_batch = (
        isinstance(error, InputError)
        or (isinstance(error, Temporary) and error.is_sent)
        or (isinstance(error, Refused) and error.status not in _OF_ALL)
    )
    if not is_of_batch:
        raise error
    if failures >= _MOST_FAILURES:
        raise ArchiveError(
            f"{failures} answers in a row could not be used. The last: {error}",
            "What was landed is kept; type the command again later.",
        )
    tries = _TRIES_OF_ONE if len(batch.lines) == 1 and isinstance(error, Temporary) else _TRIES
    if batch.failures + 1 < tries:
        return [replace(batch, failures=batch.failures + 1)]
    return batch.halves() if len(batch.lines) > 1 else []
