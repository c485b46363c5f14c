"""Catalogue jobs over HTTP, as the notes on the archive have them; the answer of every query is a file of the test."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .server import Asked, Reply, ranged

ACCOUNT = {"account_name": "an-astronomer", "password": "h4rd-to-guess"}
_BOUND = re.compile(r"object_id (>=|<) (\d+)")


@dataclass
class JobsService:
    """``rows`` (a header and rows by object_id) answer every query; bounds on object_id in the query are obeyed.

    ``fault`` may answer any request in the service's place; ``most`` rows are the largest answer that is given; a job
    is done when its status was asked ``looks`` times.
    """

    rows: list[list[str]]
    most: int = 10**9
    looks: int = 1
    fault: Callable[[Asked, str], Reply | None] = lambda asked, action: None
    counts: tuple[int, int] = (1000, 900)
    jobs: dict[int, dict] = field(default_factory=dict)
    deleted: list[int] = field(default_factory=list)

    def __call__(self, asked: Asked) -> Reply:
        action = asked.path.removeprefix("/datasearch/api/catalog_jobs/")
        if (reply := self.fault(asked, action)) is not None:
            return reply
        body = asked.json
        if body.get("credential") != ACCOUNT:
            return Reply(401, b"unauthorized")
        assert body["clientVersion"] == 20190514.1 and asked.method == "POST"
        return getattr(self, f"_{action}")(body, asked)

    def _preview(self, body: dict, asked: Asked) -> Reply:
        if "min(object_id)" in body["catalog_job"]["sql"]:
            ids = [int(row[0]) for row in self.rows[1:]]
            return _json({"result": {"fields": ["first", "last"], "rows": [[min(ids), max(ids)]], "count": 1}})
        rows = self.rows[1:4]
        return _json({"result": {"fields": self.rows[0], "rows": rows, "count": len(self.rows) - 1}})

    def _submit(self, body: dict, asked: Asked) -> Reply:
        job = body["catalog_job"]
        assert (job["out_format"], job["release_version"]) == ("csv.gz", "pdr2")
        if "no_such_column" in job["sql"]:
            return Reply(406, b'ERROR:  column "no_such_column" does not exist', {"Content-Type": "text/plain"})
        number = len(self.jobs) + 1
        self.jobs[number] = {"sql": job["sql"], "looks": self.looks}
        return _json({"id": number, "status": "queued"}, {"Date": "Sat, 28 Nov 2026 20:00:00 GMT"})

    def _status(self, body: dict, asked: Asked) -> Reply:
        job = self.jobs[body["id"]]
        if len(self._answer(job["sql"])) - 1 > self.most:
            return _json({"id": body["id"], "status": "error", "error": "The result is too large for this service"})
        job["looks"] -= 1
        return _json({"id": body["id"], "status": "running" if job["looks"] > 0 else "done"})

    def _download(self, body: dict, asked: Asked) -> Reply:
        if body["id"] in self.deleted:
            return Reply(404, b"no such job")
        return ranged(self.export(body["id"]), asked, f'"{body["id"]}"')

    def export(self, number: int) -> bytes:
        """The export of a job, the same bytes every time."""
        out = io.StringIO()
        rows = self._answer(self.jobs[number]["sql"])
        csv.writer(out, lineterminator="\n").writerows([[f"# {rows[0][0]}", *rows[0][1:]], *rows[1:]])
        return gzip.compress(out.getvalue().encode(), mtime=number)

    def _cancel(self, body: dict, asked: Asked) -> Reply:
        self.jobs[body["id"]]["sql"] = "cancelled"
        return _json({})

    def _delete(self, body: dict, asked: Asked) -> Reply:
        self.deleted.append(body["id"])
        return Reply(200, b"null", {"Content-Type": "application/json"})

    def _answer(self, sql: str) -> list[list[str]]:
        if "AS with_spectrum" in sql:
            return [["objects", "with_spectrum"], [*map(str, self.counts)]]
        signs = {">=": lambda a, b: a >= b, "<": lambda a, b: a < b}
        bounds = [(signs[sign], int(value)) for sign, value in _BOUND.findall(sql)]
        return [self.rows[0]] + [row for row in self.rows[1:] if all(f(int(row[0]), value) for f, value in bounds)]


def _json(content: dict, headers: dict | None = None) -> Reply:
    return Reply(200, json.dumps(content).encode(), {"Content-Type": "application/json"} | (headers or {}))
