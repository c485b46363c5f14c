"""Jobs of the catalogue: queries that run one after another, their files, and their ends."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from galaxiesml.mock.serve.sql import formats
from galaxiesml.mock.serve.sql.dialect import QueryError, read_query
from galaxiesml.mock.serve.sql.sandbox import Sandbox

#: Jobs that may be held at once; the oldest is not thrown away for a new one.
MOST_JOBS = 200


@dataclass
class Job:
    """A query on its way.

    Attributes
    ----------
    status : str
        queued, running, done, or error; public clients know the last two.
    is_endless : bool
        It stays running until it is cancelled: a fault.
    """

    number: int
    sql: str
    form: str
    release: str
    has_comments: bool
    is_endless: bool = False
    status: str = "queued"
    error: str = ""
    rows: int = 0
    file: Path | None = None
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    def told(self) -> dict:
        """For JSON."""
        found = {"id": self.number, "status": self.status, "sql": self.sql, "out_format": self.form}
        found |= {"release_version": self.release}
        return found | ({"error": self.error} if self.status == "error" else {})


class Jobs:
    """A queue and the thread that works it off.

    Parameters
    ----------
    sandbox : Sandbox
    folder : Path
        For the files of jobs; it exists, and nothing else uses it.
    seconds : float
        A query's longest time.
    most_rows : int
        The most rows of a result.
    """

    def __init__(self, sandbox: Sandbox, folder: Path, seconds: float, most_rows: int):
        self._sandbox, self._folder, self._seconds, self._most_rows = sandbox, folder, seconds, most_rows
        self._numbers = itertools.count(100_001)
        self._jobs: dict[int, Job] = {}
        self._waiting: queue.Queue[Job | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="catalogue jobs", daemon=True)
        self._thread.start()

    def submit(self, sql: str, form: str, release: str, has_comments: bool, is_endless: bool) -> Job:
        """Queue a query; it is read when its turn comes.

        Raises
        ------
        QueryError
            Too many jobs are held.
        """
        if len(self._jobs) >= MOST_JOBS:
            raise QueryError(f"ERROR:  {MOST_JOBS} jobs are held; delete some")
        job = Job(next(self._numbers), sql, form, release, has_comments, is_endless)
        self._jobs[job.number] = job
        if is_endless:
            job.status = "running"
        else:
            self._waiting.put(job)
        return job

    def find(self, number: object) -> Job | None:
        """The job of a number, which a client may have written as a text."""
        with contextlib.suppress(TypeError, ValueError):
            return self._jobs.get(int(number))
        return None

    def cancel(self, job: Job) -> None:
        """End a job that is not done: its status is then error."""
        job.cancelled.set()
        # One that runs is ended by its own thread.
        if job.status == "queued" or (job.is_endless and job.status == "running"):
            job.status, job.error = "error", "the job was cancelled"

    def delete(self, job: Job) -> None:
        """Forget a job and its file."""
        self.cancel(job)
        self._jobs.pop(job.number, None)
        if job.file:
            job.file.unlink(missing_ok=True)

    def close(self) -> None:
        """End the thread; what is running is interrupted."""
        for job in self._jobs.values():
            job.cancelled.set()
        self._waiting.put(None)
        self._sandbox.interrupt()
        self._thread.join(timeout=1.0)

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            if job.cancelled.is_set():
                continue
            job.status = "running"
            try:
                self._run(job)
            except Exception as error:
                # Whatever it is: this thread has the next jobs to run.
                job.error = "the job was cancelled" if job.cancelled.is_set() else str(error)
                job.status = "error"

    def _run(self, job: Job) -> None:
        rows = formats.plain(run_query(self._sandbox, job.sql, self._seconds, self._most_rows, job.cancelled))
        comments = []
        if job.has_comments:
            comments = [f"release_version: {job.release}", f"rows: {rows.num_rows}", *job.sql.splitlines()]
        path = self._folder / f"{job.number}.{job.form}"
        formats.write(rows, job.form, path, comments)
        job.rows, job.file = rows.num_rows, path
        if job.cancelled.is_set():
            path.unlink(missing_ok=True)
            raise QueryError("the job was cancelled")
        job.status = "done"


def run_query(
    sandbox: Sandbox, sql: str, seconds: float, most_rows: int, cancelled: threading.Event | None = None
) -> pa.Table:
    """The rows of a query; without an order of its own, by object and spectrum where it has their names.

    Raises
    ------
    QueryError
        It is not run, or fails.
    """
    query = read_query(sql, sandbox.names)
    rows = sandbox.run(query, seconds, most_rows, cancelled)
    names = [name for name in ("object_id", "specz_name") if rows.column_names.count(name) == 1]
    if query.is_ordered or "object_id" not in names:
        return rows
    return rows.sort_by([(name, "ascending") for name in names])
