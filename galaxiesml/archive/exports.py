"""Fetch the export of a query: submit or go on with its job, wait, download."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.archive.address import jobs_url
from galaxiesml.archive.folder import fetch_folder
from galaxiesml.archive.jobs import FORMAT, Jobs, QueryRefused
from galaxiesml.archive.queries import Query
from galaxiesml.archive.records import ENDS, Record, key_of, load, save
from galaxiesml.archive.transfer import Refused
from galaxiesml.catalog import Catalog
from galaxiesml.errors import ArchiveError
from galaxiesml.system import interrupts

#: Seconds between two looks at a job: from the first to the longest, doubling.
_FIRST_LOOK, _LONGEST = 1.0, 300.0
#: Seconds after which a waiting job is spoken of again.
_TOLD = 60.0


@dataclass(frozen=True)
class Part:
    """A query as it is sent: whole, or one part of it ('2 of 8')."""

    name: str
    sql: str
    label: str | None = None


def whole(query: Query) -> Part:
    return Part(query.name, query.sql)


def record_of(catalog: Catalog, jobs: Jobs, part: Part) -> Record | None:
    """The record of a query's job, or None."""
    return load(catalog, _key(jobs, part))


def _key(jobs: Jobs, part: Part) -> str:
    return key_of(jobs.root, jobs.release, part.sql)


def export(
    catalog: Catalog,
    jobs: Jobs,
    part: Part,
    *,
    again: bool = False,
    say: Callable[[str], None],
    advance: Callable[[int], None] | None = None,
) -> Record:
    """Get the export of a query, going on with the job that an earlier command submitted.

    Parameters
    ----------
    again : bool
        Submit the query anew if its export was landed before; a job that is not at its end is gone on with.
    say : callable
        Called with what happens, in words.

    Returns
    -------
    Record
        downloaded, or landed where an earlier command landed it.

    Raises
    ------
    QueryRefused
        The archive does not run the query.
    ArchiveError
        It no longer has the job.
    """
    record = record_of(catalog, jobs, part)
    if again and record is not None and record.state == "landed":
        record = None
    if record is not None and record.state == "submitting":
        say(
            f"An earlier submission of the query {part.name} was cut off before the archive answered. It is submitted "
            "again; if the archive's page shows it twice, cancel one there."
        )
        record = None
    if record is None or record.state in ENDS:
        record = _submit(catalog, jobs, part, say)
    if record.state == "submitted":
        record = _wait(catalog, jobs, record, say)
    if record.state == "done" or (record.state == "downloaded" and not file_of(catalog, record).is_file()):
        name = f"{_plain(part.name)}-{record.key}.{FORMAT}"
        try:
            jobs.download(record.id, fetch_folder(catalog, "hsc") / name, advance)
        except Refused as error:
            raise _lost(catalog, record, error) from None
        record = save(catalog, record, state="downloaded", file=name)
    return record


def _submit(catalog: Catalog, jobs: Jobs, part: Part, say) -> Record:
    url = jobs_url(jobs.root, "submit")
    record = save(catalog, Record(_key(jobs, part), part.name, part.sql, jobs.release, url, part.label))
    # An interrupt between the answer and its record would lose a job that runs; it is heeded right after.
    with interrupts.held():
        try:
            number, when = jobs.submit(part.name, part.sql)
        except QueryRefused as error:
            save(catalog, record, state="failed", error=str(error))
            raise
        except ArchiveError as error:
            if not getattr(error, "is_sent", False):
                # The archive has not taken it: nothing can run twice.
                save(catalog, record, state="failed", error=str(error))
            raise
        record = save(catalog, record, id=number, submitted_at=when, state="submitted")
    say(f"The query {part.name}{f', part {part.label},' if part.label else ''} is submitted as job {number}.")
    return record


def _wait(catalog: Catalog, jobs: Jobs, record: Record, say) -> Record:
    wait, told, began = _FIRST_LOOK, 0.0, time.monotonic()
    while True:
        try:
            status = jobs.status(record.id)
        except Refused as error:
            raise _lost(catalog, record, error) from None
        if status.state == "done":
            return save(catalog, record, state="done", server_state=status.state)
        if status.state == "error":
            save(catalog, record, state="failed", server_state=status.state, error=status.error)
            raise QueryRefused(record.query, record.sql, status.error)
        if status.state != record.server_state:
            record = save(catalog, record, server_state=status.state)
            told = 0.0
        if not told or time.monotonic() - told > _TOLD:
            minutes = (time.monotonic() - began) / 60
            say(
                f"Job {record.id} is '{status.state}' after {minutes:.0f} min. Ctrl-C leaves it at the archive; the "
                "same command goes on with it."
            )
            told = time.monotonic()
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST)


def _lost(catalog: Catalog, record: Record, error: Refused) -> ArchiveError:
    if error.status in (401, 403):
        # The account is wrong; the job may be well.
        return error
    save(catalog, record, state="lost", error=str(error))
    return ArchiveError(
        f"The archive does not give job {record.id} of the query {record.query}: {error}",
        "Type the command again to submit the query anew.",
    )


def file_of(catalog: Catalog, record: Record) -> Path:
    """Where the export of a job is, while it is kept."""
    return fetch_folder(catalog, "hsc") / (record.file or "")


def _plain(name: str) -> str:
    """A query's name as a part of a file's name."""
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "query"
