"""dbt's adapter for Spark, over the one Spark Connect session of a build.

dbt-spark has no method for Spark Connect; its method `session` wants the whole of PySpark.  Everything but the
connection is dbt-spark's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import dbt.adapters.spark
from dbt.adapters.base import AdapterPlugin
from dbt.adapters.contracts.connection import AdapterResponse, Connection, ConnectionState, Credentials
from dbt.adapters.spark.connections import SparkConnectionManager, SparkConnectionWrapper
from dbt.adapters.spark.impl import SparkAdapter as Usual
from dbt.include import spark

#: The session that dbt's connections use, while one is open.
_SESSION: list = []


@dataclass
class ConnectCredentials(Credentials):
    """What profiles.yml says: the schema alone."""

    database: str | None = None
    schema: str = ""

    @property
    def type(self) -> str:
        return "spark"

    @property
    def unique_field(self) -> str:
        return self.schema

    def _connection_keys(self) -> tuple[str, ...]:
        return ("schema",)


class Cursor(SparkConnectionWrapper):
    """A cursor on the session; a query runs when its rows are fetched, everything else at once."""

    def __init__(self, session):
        self._session = session
        self._frame = None

    def cursor(self) -> Cursor:
        return Cursor(self._session)

    def execute(self, sql: str, bindings: list | None = None) -> None:
        if bindings:
            raise NotImplementedError("values are written into statements, not bound")
        self._frame = self._session.sql(sql)

    def fetchall(self) -> list[tuple]:
        table = self._frame.toArrow()
        return list(zip(*(column.to_pylist() for column in table.columns), strict=True)) if table.num_columns else []

    @property
    def description(self) -> list[tuple]:
        return [
            (field.name, field.dataType.simpleString(), None, None, None, None, field.nullable)
            for field in self._frame.schema.fields
        ]

    def cancel(self) -> None:
        self._session.interruptAll()

    def close(self) -> None:
        self._frame = None

    def rollback(self) -> None:
        pass


class ConnectManager(SparkConnectionManager):
    """Opens cursors on the build's session."""

    TYPE = "spark"

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        if connection.state != ConnectionState.OPEN:
            connection.handle = Cursor(_SESSION[-1])
            connection.state = ConnectionState.OPEN
        return connection

    @classmethod
    def get_response(cls, cursor) -> AdapterResponse:
        return AdapterResponse(_message="OK")


# dbt finds an adapter's version by its class's name.
class SparkAdapter(Usual):
    """dbt-spark's adapter; its schemas are new, so there is nothing in them that dbt would have to know."""

    ConnectionManager = ConnectManager

    def list_relations_without_caching(self, schema_relation) -> list:
        return []


@contextlib.contextmanager
def through(session) -> Iterator[None]:
    """While it lasts, dbt's type `spark` is the session."""
    usual = dbt.adapters.spark.Plugin
    dbt.adapters.spark.Plugin = AdapterPlugin(
        adapter=SparkAdapter, credentials=ConnectCredentials, include_path=spark.PACKAGE_PATH
    )
    _SESSION.append(session)
    try:
        yield
    finally:
        _SESSION.pop()
        dbt.adapters.spark.Plugin = usual
