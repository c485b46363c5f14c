"""VizieR for the simulated surveys: its catalogue service (VOTable) and TAP's synchronous queries."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import parse_qsl

import numpy as np
import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from galaxiesml.mock.serve import votable
from galaxiesml.mock.serve.counts import Counts
from galaxiesml.mock.serve.http import Refused, body_of
from galaxiesml.mock.serve.spectra import Column, Table
from galaxiesml.mock.serve.sql.dialect import QueryError, read_query
from galaxiesml.mock.serve.sql.formats import plain
from galaxiesml.mock.serve.sql.sandbox import Sandbox

#: Rows that are sent where -out.max does not say how many.
_FEW = 50
_DEGREES = {"d": 1.0, "m": 1.0 / 60.0, "s": 1.0 / 3600.0, "": 1.0 / 60.0}
_POSITION = re.compile(r"(\d+(?:\.\d*)?)\s*,?\s*([+-]?\d+(?:\.\d*)?)")
_LIST = re.compile(r"<<====(\w+)")
_CONDITION = re.compile(r"(>=|<=|!=|>|<|=)?\s*([^<>=!]+)")
_TAP_SECONDS, _TAP_ROWS = 10.0, 2_000_000


class Vizier:
    """The addresses, for Starlette.

    Parameters
    ----------
    tables : dict of str to Table
    counts : Counts
    """

    def __init__(self, tables: dict[str, Table], counts: Counts):
        self._tables, self._counts = tables, counts
        self._sandbox = Sandbox({name: table.rows for name, table in tables.items()})

    def interrupt(self) -> None:
        """End every query of TAP."""
        self._sandbox.interrupt()

    def close(self) -> None:
        self._sandbox.close()

    def routes(self) -> list[Route]:
        return [
            Route("/viz-bin/votable", self.answer, methods=["GET", "POST"]),
            Route("/TAPVizieR/tap/sync", self.tap, methods=["GET", "POST"]),
        ]

    async def answer(self, request: Request) -> Response:
        asked = parse_script((await body_of(request)).decode("utf-8", "replace"))
        asked |= {key: [value] for key, value in request.query_params.multi_items()}
        found = await asyncio.to_thread(self._answer, asked)
        return Response(found, media_type=votable.MEDIA)

    def _answer(self, asked: dict[str, list[str]]) -> bytes:
        sources = [one.strip() for text in asked.get("-source", []) for one in text.split(",") if one.strip()]
        names = [name for name in self._tables for one in sources if name == one or name.startswith(f"{one}/")]
        if not names:
            return votable.document(
                "VizieR", [], [("Error", "No catalogue", f"no table of {', '.join(sources)[:200]}")]
            )
        try:
            chosen = [choose(self._tables[name], asked) for name in dict.fromkeys(names)]
        except ValueError as error:
            return votable.document("VizieR", [], [("Error", "Wrong query", str(error))])
        self._counts.add("vizier", rows=sum(table.rows.num_rows for table in chosen))
        return votable.document(names[0].rpartition("/")[0], chosen)

    async def tap(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if request.method == "POST":
            asked |= dict(parse_qsl((await body_of(request)).decode("utf-8", "replace"), keep_blank_values=True))
        asked = {key.upper(): value for key, value in asked.items()}
        if asked.get("REQUEST", "doQuery").lower() != "doquery" or not asked.get("LANG", "").upper().startswith("ADQL"):
            raise Refused(400, "REQUEST=doQuery and LANG=ADQL are answered alone.")
        try:
            rows = await asyncio.to_thread(self._query, asked.get("QUERY", ""))
        except QueryError as error:
            return Response(
                votable.document("", [], [("QUERY_STATUS", "ERROR", str(error))]), 400, media_type=votable.MEDIA
            )
        limit = int(asked["MAXREC"]) if asked.get("MAXREC", "").isdigit() else rows.num_rows
        infos = [("QUERY_STATUS", "OK", "")]
        if limit < rows.num_rows:
            infos.append(("QUERY_STATUS", "OVERFLOW", ""))
        self._counts.add("tap", rows=min(limit, rows.num_rows))
        table = Table("result", "", tuple(self._column(name) for name in rows.column_names), rows.slice(0, limit))
        return Response(votable.document("", [table], infos), media_type=votable.MEDIA)

    def _query(self, text: str) -> pa.Table:
        # ADQL's TOP stands where PostgreSQL's LIMIT does not.
        top = re.match(r"\s*select\s+top\s+(\d+)\s", text, re.IGNORECASE)
        sql = f"select {text[top.end() :].rstrip().rstrip(';')} limit {top[1]}" if top else text
        return plain(self._sandbox.run(read_query(sql, self._sandbox.names), _TAP_SECONDS, _TAP_ROWS))

    def _column(self, name: str) -> Column:
        known = (column for table in self._tables.values() for column in table.columns)
        return next((column for column in known if column.name == name), Column(name, ""))


def parse_script(text: str) -> dict[str, list[str]]:
    """What astroquery posts: a line ``key=value`` or ``key`` each, or a list of lines between two marks."""
    found: dict[str, list[str]] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, _, value = line.strip().partition("=")
        if not key:
            continue
        if opened := _LIST.fullmatch(value):
            found.setdefault(key, [])
            for item in lines:
                if item == f"===={opened[1]}":
                    break
                found[key].append(item)
        else:
            found.setdefault(key, []).append(value)
    return found


# -- rows and columns ----------------------------------------------------------------------------------------


def choose(table: Table, asked: dict[str, list[str]]) -> Table:
    """The rows and columns of a table that a request asks for.

    Raises
    ------
    ValueError
        A position, a size or a condition cannot be read, or a column is not there.
    """
    rows, extra = _near(table, asked)
    for key, values in asked.items():
        if not key.startswith("-"):
            met = _meeting(table, rows, key, values)
            rows, extra = rows[met], {name: numbers[met] for name, numbers in extra.items()}
    most = (asked.get("-out.max") or [str(_FEW)])[0]
    if most != "unlimited":
        rows = rows[: int(most)]
        extra = {name: values[: int(most)] for name, values in extra.items()}
    columns = _columns(table, asked)
    taken = table.rows.take(pa.array(rows)).select([column.name for column in columns])
    for name in [one for text in asked.get("-out.add", []) for one in text.split(",") if one in extra]:
        taken = taken.append_column(name, pa.array(extra[name]))
        columns = (*columns, Column(name, "meta.record"))
    return Table(table.name, table.title, columns, taken)


def _columns(table: Table, asked: dict[str, list[str]]) -> tuple[Column, ...]:
    if "-out.all" in asked:
        return table.columns
    names = [one for text in asked.get("-out", ["*"]) for one in text.split(",") if one]
    known = {column.name: column for column in table.columns}
    found: dict[str, Column] = {}
    for name in names:
        if name == "*":
            found |= {column.name: column for column in table.columns if column.is_main}
        elif name in known:
            found[name] = known[name]
        else:
            raise ValueError(f"{table.name} has no column {name}")
    return tuple(found.values())


def _near(table: Table, asked: dict[str, list[str]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Numbers of the rows near the positions that are asked about, and the position of each, from 1, as _q."""
    every = np.arange(table.rows.num_rows)
    places = [place for place in asked.get("-c", []) if place.strip()]
    if not places:
        return every, {}
    ra, dec = (table.rows[name].to_numpy() for name in table.position)
    rows, numbers = [], []
    for number, place in enumerate(places, start=1):
        told = _POSITION.fullmatch(place.strip())
        if told is None:
            raise ValueError(f"the position {place!r} is not right ascension and declination in degrees")
        near = every[_inside(ra, dec, float(told[1]), float(told[2]), asked)]
        rows.append(near)
        numbers.append(np.full(len(near), number))
    found = np.concatenate(rows)
    if len(places) == 1:
        return found, {}
    return found, {"_q": np.concatenate(numbers)}


def _inside(ra: np.ndarray, dec: np.ndarray, ra0: float, dec0: float, asked: dict[str, list[str]]) -> np.ndarray:
    for unit, scale in _DEGREES.items():
        if size := asked.get(f"-c.r{unit}"):
            limits = [float(text) * scale for text in size[0].split(",")]
            apart = _apart_deg(ra, dec, ra0, dec0)
            return (apart <= limits[-1]) & (apart >= (limits[0] if len(limits) > 1 else 0.0))
        if size := asked.get(f"-c.b{unit}"):
            wide, _, high = size[0].partition("x")
            east = ((ra - ra0 + 540.0) % 360.0 - 180.0) * np.cos(np.radians(dec0))
            limit = float(wide) * scale, float(high or wide) * scale
            return (np.abs(east) <= limit[0] / 2.0) & (np.abs(dec - dec0) <= limit[1] / 2.0)
    raise ValueError("a position without -c.r or -c.b")


def _apart_deg(ra: np.ndarray, dec: np.ndarray, ra0: float, dec0: float) -> np.ndarray:
    a, d, a0, d0 = np.radians(ra), np.radians(dec), np.radians(ra0), np.radians(dec0)
    half = np.sin((d - d0) / 2.0) ** 2 + np.cos(d) * np.cos(d0) * np.sin((a - a0) / 2.0) ** 2
    return np.degrees(2.0 * np.arcsin(np.minimum(1.0, np.sqrt(half))))


def _meeting(table: Table, rows: np.ndarray, name: str, conditions: list[str]) -> np.ndarray:
    """Which rows meet conditions on a column: >1, <=2, 1..2, =text."""
    if name not in table.rows.column_names:
        raise ValueError(f"{table.name} has no column {name}")
    values = table.rows[name].to_numpy()[rows]
    is_text = values.dtype.kind == "O"
    met = np.ones(len(rows), bool)
    for condition in conditions:
        low, dots, high = condition.partition("..")
        if dots and not is_text:
            met &= (values >= float(low)) & (values <= float(high))
            continue
        told = _CONDITION.fullmatch(condition.strip())
        if told is None:
            raise ValueError(f"the condition {condition!r} on {name} cannot be read")
        limit = told[2].strip() if is_text else float(told[2])
        compare = {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal, "!=": np.not_equal}
        met &= compare.get(told[1], np.equal)(values, limit)
    return met
