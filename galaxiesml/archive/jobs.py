"""Catalogue jobs of the HSC archive: preview, submit, status, cancel, download, delete."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.archive.address import jobs_url
from galaxiesml.archive.download import Received, Wanted, download, whole_gzip
from galaxiesml.archive.queries import line_of
from galaxiesml.archive.transfer import Answer, Refused, Transfer
from galaxiesml.errors import ArchiveError

#: As the public clients say it.
CLIENT_VERSION = 20190514.1
#: Of the formats, this one is checked by its own CRC, and is the smallest.
FORMAT = "csv.gz"
_NUMBER = re.compile(r"[\w-]{1,64}", re.ASCII)
#: Words of a refusal for size; what the archive really says is not known here.
_TOO_LARGE = re.compile(
    r"too (large|big|many)|(exceed\w*|over|above)\b.{0,40}\b(size|limit|rows|bytes|quota)|\b(size|row) limit",
    re.IGNORECASE | re.DOTALL,
)


class QueryRefused(ArchiveError):
    """The archive does not run a query: its syntax, its time or its size.

    Attributes
    ----------
    is_too_large : bool
        The words speak of the size; a part of the query may be run.
    """

    def __init__(self, name: str, sql: str, words: str, is_too_large: bool | None = None):
        line = line_of(sql, words)
        super().__init__(
            f"The archive does not run the query {name}: {words or 'it does not say why.'}"
            + (f"\n  {line}" if line else ""),
            "If it is too large or takes too long, ask in parts: --parts 8",
        )
        self.is_too_large = bool(_TOO_LARGE.search(words)) if is_too_large is None else is_too_large


@dataclass(frozen=True)
class Status:
    """The state of a job: the archive's word for it, and its error text."""

    state: str
    error: str = ""


@dataclass(frozen=True)
class Jobs:
    """The catalogue jobs of one archive.

    Attributes
    ----------
    transfer : Transfer
        With credentials.
    root : str
        See :mod:`galaxiesml.archive.address`.
    release : str
        pdr1, pdr2 or pdr3.
    """

    transfer: Transfer
    root: str
    release: str

    def preview(self, name: str, sql: str) -> dict:
        """The first rows of a query, which the archive gives at once or not at all (about 5 s).

        Returns
        -------
        dict
            fields (list of str), rows (list of list) and count (rows of the whole answer).
        """
        job = {"sql": sql, "release_version": self.release}
        result = self._query("preview", name, sql, {"catalog_job": job}).content.get("result")
        if not isinstance(result, dict) or not all(isinstance(result.get(key), list) for key in ("fields", "rows")):
            raise ArchiveError("The archive's preview has no fields and rows.", "Leave out --preview.")
        return result | {"fields": [self._cell(name) for name in result["fields"]], "rows": self._rows(result["rows"])}

    def submit(self, name: str, sql: str) -> tuple[int | str, str | None]:
        """Submit a query.  It is not sent twice where the archive may have taken it.

        Returns
        -------
        id : int or str
        server_time : str or None
        """
        job = {
            "sql": sql,
            "out_format": FORMAT,
            "include_metainfo_to_body": False,
            "release_version": self.release,
        }
        body = {"catalog_job": job, "nomail": True, "skip_syntax_check": False}
        answer = self._query("submit", name, sql, body, once=True)
        number = answer.content.get("id")
        if not isinstance(number, int | str) or not _NUMBER.fullmatch(str(number)):
            raise ArchiveError("The archive took the query, but its answer has no job id.", "Look at its web page.")
        return number, answer.server_time

    def status(self, number: int | str) -> Status:
        """The state of a job: done, error, or the archive's word for one that is not at its end."""
        content = self._call("status", {"id": number}).content
        if not isinstance(content.get("status"), str):
            raise ArchiveError(f"The archive's answer for job {number} has no status.")
        return Status(self.transfer.plain(content["status"]), self.transfer.plain(str(content.get("error") or "")))

    def cancel(self, number: int | str) -> None:
        self._call("cancel", {"id": number})

    def delete(self, number: int | str) -> None:
        self._call("delete", {"id": number})

    def download(self, number: int | str, target: Path, advance: Callable[[int], None] | None = None) -> Received:
        """Download a finished job's export, a .csv.gz whose CRC is checked."""
        request = {"body": {"id": number, "clientVersion": CLIENT_VERSION}, "account": True}
        url = jobs_url(self.root, "download")
        return download(self.transfer, Wanted(url, target, "POST", request, check=whole_gzip), advance)

    def _rows(self, rows: list) -> list[list]:
        return [[self._cell(value) for value in row] for row in rows if isinstance(row, list)]

    def _cell(self, value):
        """A value of a preview, which is shown on a terminal."""
        return self.transfer.plain(value) if isinstance(value, str) else value

    def _call(self, action: str, body: dict, once: bool = False) -> Answer:
        body = body | {"clientVersion": CLIENT_VERSION}
        return self.transfer.fetch_json(jobs_url(self.root, action), body, account=True, once=once)

    def _query(self, action: str, name: str, sql: str, body: dict, once: bool = False) -> Answer:
        try:
            return self._call(action, body, once)
        except Refused as error:
            if error.status not in (400, 406, 413):
                raise
            raise QueryRefused(name, sql, error.words, True if error.status == 413 else None) from None
