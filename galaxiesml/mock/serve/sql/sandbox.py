"""Run queries in a database in memory that can read no file, load no extension, and change no setting."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping

import pyarrow as pa

from galaxiesml.mock.serve.sql.dialect import Query, QueryError, with_line

_CONFIG = {
    "threads": 1,
    "memory_limit": "1GB",
    "temp_directory": "",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
#: Seconds in which a query is planned.
_CHECK_SECONDS = 5.0
#: How often a running query's time is looked at.
_WATCH_SECONDS = 0.02
#: Seconds that interrupted queries have to end when the server does.
_CLOSE_SECONDS = 0.5
#: Bytes of a result in memory.
_MOST_BYTES = 1_000_000_000
#: Before the configuration is locked.
_CLOSED = ("set enable_external_access = false", "set lock_configuration = true")
#: The archive's functions on its column `coord`, a text of three direction cosines; radii in arcsec, boxes in degrees.
_MACROS = (
    "create macro _part(coord, n) as cast(split_part(trim(cast(coord as varchar), '() '), ',', n) as double)",
    """create macro _apart_arcsec(x, y, z, ra, dec) as 3600.0 * degrees(2.0 * asin(least(1.0, 0.5 * sqrt(
        pow(x - cos(radians(dec)) * cos(radians(ra)), 2)
        + pow(y - cos(radians(dec)) * sin(radians(ra)), 2)
        + pow(z - sin(radians(dec)), 2)))))""",
    """create macro coneSearch(coord, ra, dec, radius) as
        _apart_arcsec(_part(coord, 1), _part(coord, 2), _part(coord, 3), ra, dec) <= radius""",
    """create macro _between_ra(ra, low, high) as
        case when low <= high then ra between low and high else ra >= low or ra <= high end""",
    """create macro boxSearch(coord, ra1, ra2, dec1, dec2) as
        _between_ra((degrees(atan2(_part(coord, 2), _part(coord, 1))) + 360.0) % 360.0, ra1, ra2)
        and degrees(asin(_part(coord, 3))) between dec1 and dec2""",
    # ADQL's, of a point and a circle or a box: 1 or 0; degrees.
    """create macro in_circle(ra, dec, ra0, dec0, radius) as cast(_apart_arcsec(
        cos(radians(dec)) * cos(radians(ra)), cos(radians(dec)) * sin(radians(ra)), sin(radians(dec)), ra0, dec0)
        <= 3600.0 * radius as integer)""",
    """create macro in_box(ra, dec, ra0, dec0, wide, high) as cast(
        abs(((ra - ra0 + 540.0) % 360.0) - 180.0) * cos(radians(dec0)) <= wide / 2.0
        and abs(dec - dec0) <= high / 2.0 as integer)""",
)


class Sandbox:
    """A database of given tables for queries that others wrote.

    Parameters
    ----------
    tables : mapping of str to pyarrow.Table
        By name, ``schema.table`` or ``table``; a name may hold any other character.
    schema : str, optional
        The schema in which they stand.
    """

    def __init__(self, tables: Mapping[str, pa.Table], schema: str | None = None):
        import duckdb

        self.names = [f"{schema}.{name}" if schema else name for name in tables]
        self._database = duckdb.connect(config=_CONFIG)
        if schema:
            self._database.execute(f'create schema "{schema}"')
        for number, (name, rows) in enumerate(tables.items()):
            self._database.register(f"given_{number}", rows)
            place = f'"{schema}"."{name}"' if schema else '"' + name.replace('"', '""') + '"'
            self._database.execute(f"create table {place} as from given_{number}")
            self._database.unregister(f"given_{number}")
        for text in (*_MACROS, *_CLOSED):
            self._database.execute(text)
        self._closing = threading.Event()
        self._none_runs, self._running = threading.Condition(), 0

    def run(self, query: Query, seconds: float, most_rows: int, cancelled: threading.Event | None = None) -> pa.Table:
        """The rows of a query.

        Raises
        ------
        QueryError
            It fails, is cancelled, takes longer than ``seconds``, or has more than ``most_rows`` rows.
        """
        import duckdb

        with self._cursor(seconds, cancelled) as (cursor, late):
            try:
                reader = cursor.sql(query.sql).to_arrow_reader(50_000)
                batches, rows, size = [], 0, 0
                for batch in reader:
                    batches.append(batch)
                    rows, size = rows + batch.num_rows, size + batch.nbytes
                    if rows > most_rows:
                        raise QueryError(f"ERROR:  the result has more than {most_rows:,} rows, which is not served")
                    if size > _MOST_BYTES:
                        raise QueryError(f"ERROR:  the result has more than {_MOST_BYTES:,} bytes, which is not served")
            except duckdb.InterruptException:
                told = f"canceling statement due to statement timeout ({seconds:g} s)" if late.is_set() else "cancelled"
                raise QueryError(f"ERROR:  {told}") from None
            except (duckdb.Error, pa.ArrowException) as error:
                raise QueryError(_told(query.text, error)) from None
        return pa.Table.from_batches(batches, reader.schema)

    def check(self, query: Query) -> None:
        """Plan a query without running it.

        Raises
        ------
        QueryError
            A column, a function or a type is wrong.
        """
        import duckdb

        with self._cursor(_CHECK_SECONDS) as (cursor, _):
            try:
                cursor.execute(f"explain {query.sql}")
            except duckdb.Error as error:
                raise QueryError(_told(query.text, error)) from None

    @contextlib.contextmanager
    def _cursor(self, seconds: float, cancelled: threading.Event | None = None) -> Iterator[tuple]:
        """A cursor that is interrupted when its time is over, and the event that says so."""
        with self._none_runs:
            if self._closing.is_set():
                raise QueryError("ERROR:  the server is ending")
            cursor = self._database.cursor()
            self._running += 1
        late, over = threading.Event(), threading.Event()
        limit = time.monotonic() + seconds

        def watch() -> None:
            # Again and again: an interrupt that comes before the query has begun does nothing.
            while not over.wait(_WATCH_SECONDS):
                if time.monotonic() > limit:
                    late.set()
                if late.is_set() or self._closing.is_set() or (cancelled and cancelled.is_set()):
                    cursor.interrupt()

        watching = threading.Thread(target=watch, name="query timer", daemon=True)
        watching.start()
        try:
            yield cursor, late
        finally:
            over.set()
            watching.join()
            cursor.close()
            with self._none_runs:
                self._running -= 1
                self._none_runs.notify_all()

    def interrupt(self) -> None:
        """End every query that is running, and every one that is still to come."""
        self._closing.set()

    def close(self) -> None:
        """End every query, wait for them for a moment, and free the tables.

        A database whose queries have not ended is left to them: DuckDB refuses to close it.
        """
        self.interrupt()
        with self._none_runs:
            if self._none_runs.wait_for(lambda: self._running == 0, _CLOSE_SECONDS):
                self._database.close()


def _told(text: str, error: Exception) -> str:
    """DuckDB's words as the archive's: without its own rendering of the query, with the line that was sent."""
    first = str(error).split("\n", 1)[0].strip()
    first = re.sub(r"^(Binder|Catalog|Parser|Conversion|Invalid Input|Out of Range) Error:\s*", "", first)
    word = re.search(r'"([^"]+)"', first) or re.search(r"(?:name|with name) (\w+)", first)
    return with_line(text, f"ERROR:  {first}", word[1]) if word else f"ERROR:  {first}"
