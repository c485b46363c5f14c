"""The catalogue's six addresses: preview, submit, status, cancel, download, delete."""

from __future__ import annotations

import asyncio
import datetime
import math
from decimal import Decimal

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from galaxiesml.mock.serve.account import Account
from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.http import Refused, json_of
from galaxiesml.mock.serve.jobs import Job, Jobs, run_query
from galaxiesml.mock.serve.sql import formats
from galaxiesml.mock.serve.sql.dialect import QueryError, read_query
from galaxiesml.mock.serve.sql.sandbox import Sandbox

RELEASES = ("pdr1", "pdr2", "pdr2-citus", "pdr3", "pdr3-citus", "pdr3-citus-columnar")
#: Seconds after which a preview is stopped, and the rows that it shows.
PREVIEW_SECONDS, PREVIEW_ROWS = 5.0, 100


class Catalogue:
    """The addresses, for Starlette.

    Parameters
    ----------
    account : Account
    sandbox : Sandbox
        The tables of ``pdr2_wide``.
    jobs : Jobs
    counts : Counts
    most_rows : int
        The most rows of a result.
    """

    def __init__(self, account: Account, sandbox: Sandbox, jobs: Jobs, counts: Counts, most_rows: int):
        self._account, self._sandbox, self._jobs = account, sandbox, jobs
        self._counts, self._most_rows = counts, most_rows

    def routes(self) -> list[Route]:
        base = "/datasearch/api/catalog_jobs"
        handlers = {
            name: getattr(self, name) for name in ("preview", "submit", "status", "cancel", "delete", "download")
        }
        return [Route(f"{base}/{name}", handler, methods=["POST"]) for name, handler in handlers.items()]

    async def preview(self, request: Request) -> Response:
        body = await self._opened(request)
        asked = _catalog_job(body)
        try:
            self._check_release(asked)
            found = await asyncio.to_thread(run_query, self._sandbox, _sql(asked), PREVIEW_SECONDS, self._most_rows)
        except QueryError as error:
            raise Refused(406, str(error)) from None
        self._counts.add("preview", rows=min(found.num_rows, PREVIEW_ROWS))
        shown = found.slice(0, PREVIEW_ROWS)
        values = zip(*(column.to_pylist() for column in shown.columns), strict=True)
        rows = [[_json(value) for value in row] for row in values]
        return JSONResponse({"result": {"fields": shown.column_names, "rows": rows, "count": found.num_rows}})

    async def submit(self, request: Request) -> Response:
        body = await self._opened(request)
        asked = _catalog_job(body)
        sql, form = _sql(asked), asked.get("out_format")
        if form not in formats.FORMATS:
            raise Refused(406, f"ERROR:  out_format {form!r} is not one of {', '.join(formats.FORMATS)}")
        try:
            self._check_release(asked)
            if not body.get("skip_syntax_check"):
                await asyncio.to_thread(self._check_query, sql)
            job = self._jobs.submit(
                sql,
                form,
                asked["release_version"],
                bool(asked.get("include_metainfo_to_body")),
                request.scope.get("fault") == "never",
            )
        except QueryError as error:
            raise Refused(406, str(error)) from None
        return JSONResponse(job.told())

    async def status(self, request: Request) -> Response:
        return JSONResponse((await self._job(request)).told())

    async def cancel(self, request: Request) -> Response:
        job = await self._job(request)
        self._jobs.cancel(job)
        return JSONResponse(job.told())

    async def delete(self, request: Request) -> Response:
        self._jobs.delete(await self._job(request))
        return JSONResponse({})

    async def download(self, request: Request) -> Response:
        job = await self._job(request)
        if job.status != "done":
            raise Refused(406, f"Job {job.number} has no file: its status is {job.status}.")
        self._counts.add("download", rows=job.rows)
        return FileResponse(job.file, media_type=formats.MEDIA[job.form], filename=f"{job.number}.{job.form}")

    async def _opened(self, request: Request) -> dict:
        body = await json_of(request)
        login = body.get("credential")
        login = login if isinstance(login, dict) else {}
        if not self._account.opens(login.get("account_name"), login.get("password")):
            raise Refused(401, "Unauthorized: account_name or password is wrong.")
        if isinstance(body.get("clientVersion"), bool) or not isinstance(body.get("clientVersion"), int | float):
            raise Refused(400, "clientVersion is not a number.")
        return body

    async def _job(self, request: Request) -> Job:
        body = await self._opened(request)
        job = self._jobs.find(body.get("id"))
        if job is None:
            raise Refused(404, f"No job {str(body.get('id'))[:40]}.")
        return job

    def _check_query(self, sql: str) -> None:
        self._sandbox.check(read_query(sql, self._sandbox.names))

    def _check_release(self, asked: dict) -> None:
        if asked.get("release_version") not in RELEASES:
            raise QueryError(f"ERROR:  release_version is not one of {', '.join(RELEASES)}")
        if asked["release_version"] not in ("pdr2", "pdr2-citus"):
            raise QueryError("ERROR:  this simulated archive has tables of release_version pdr2 alone")


def _catalog_job(body: dict) -> dict:
    asked = body.get("catalog_job")
    if not isinstance(asked, dict):
        raise Refused(400, "catalog_job is missing.")
    return asked


def _sql(asked: dict) -> str:
    sql = asked.get("sql")
    if not isinstance(sql, str) or not sql.strip():
        raise Refused(406, "ERROR:  the query is empty")
    return sql


def _json(value):
    """A value for JSON, which has no NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value) if isinstance(value, Decimal | datetime.date | datetime.datetime | bytes) else value
