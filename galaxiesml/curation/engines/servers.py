"""Start a Spark Connect server (Sail in this process, Spark's driver as a child), or use one that runs; open a session.

A server that is started here listens at the loopback address alone, and ends with the command.  Spark's asks for a
token that nobody else knows; Sail has no such thing, so other users of the machine could reach it while it runs.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.curation.engines.choice import SESSION, Engine
from galaxiesml.curation.engines.driver import driver
from galaxiesml.curation.engines.sources import first_line
from galaxiesml.errors import BuildError, UsageError
from galaxiesml.system.environment import environment

_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
#: Seconds between two looks at a child, and at a server elsewhere; how long it may take to answer, and how often not.
_BEAT, _FAR_BEAT, _ANSWER, _MISSES = 1.0, 10.0, 5.0, 3
#: Spark's client tries again what a lost connection has cut: by itself for ten minutes, with these numbers for 24 s;
#: the first question, to what may be no server, for 4 s.
_RETRIES, _FIRST_RETRIES = {"max_retries": 8, "max_backoff": 5000}, {"max_retries": 4}


@dataclass(frozen=True)
class Server:
    """A server of Spark Connect.

    Attributes
    ----------
    address : str
        As sc://host:port.
    token : str, optional
        What one that was started here asks for.
    ended : callable, optional
        Says how one that was started here has ended; None while it runs.
    is_here : bool
        Whether it was started here.
    """

    address: str
    token: str | None = None
    ended: Callable[[], str | None] = lambda: None
    is_here: bool = True

    @property
    def endpoint(self) -> tuple[str, int]:
        """Host and port."""
        host, colon, port = self.address.removeprefix("sc://").partition("/")[0].partition(";")[0].rpartition(":")
        if not colon or port.endswith("]"):
            host, port = f"{host}{colon}{port}", "15002"
        return host.strip("[]"), int(port)


@contextlib.contextmanager
def session(engine: Engine, scratch: Path, logs: Path, threads: int, memory_limit: str, rows: int = 0) -> Iterator:
    """A session of the engine, with the settings of every build.

    Parameters
    ----------
    scratch : Path
        An empty folder on the catalogue's disk, for what an engine that runs here spills.
    logs : Path
        Where a driver that is started here writes its log.
    threads : int
        Threads of an engine that runs here.
    memory_limit : str
        Memory of an engine that runs here, as 4GB.
    rows : int
        Landed rows, for what a driver that is started here is set for.

    Yields
    ------
    pyspark.sql.SparkSession

    Raises
    ------
    BuildError
        The server cannot be started or reached, or was lost.
    UsageError
        A setting cannot be given to a server that runs.
    """
    with _server(engine, scratch, logs, threads, size(memory_limit), rows) as server, warnings.catch_warnings():
        # A lost server is an error of ours.
        warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
        opened, channel = _connect(server)
        watch = Watch(server, channel)
        try:
            _configure(opened, engine)
            yield opened
        except Exception as error:
            if lost := watch.lost():
                raise BuildError(lost, "The published build is unchanged. Type the command again.") from error
            raise
        finally:
            watch.end()
            with contextlib.suppress(Exception):
                opened.stop()


def size(text: str) -> int:
    """Bytes of a size such as 4GB or 512MiB."""
    number = text.strip().removesuffix("B").strip()
    unit = next((one for one in sorted(_UNITS, key=len, reverse=True) if number.endswith(one)), "")
    return int(float(number.removesuffix(unit)) * _UNITS.get(unit, 1))


@contextlib.contextmanager
def _server(engine: Engine, scratch: Path, logs: Path, threads: int, memory: int, rows: int) -> Iterator[Server]:
    if engine.remote:
        yield Server(engine.remote, is_here=False)
    elif engine.name == "sail":
        with _sail(scratch, threads, memory) as address:
            yield Server(address)
    else:
        with driver(engine, scratch, logs / "spark.log", threads, memory, rows) as started:
            yield Server(f"sc://localhost:{started.port}", started.token, started.ended)


@contextlib.contextmanager
def _sail(scratch: Path, threads: int, memory: int) -> Iterator[str]:
    settings = {
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory),
        "SAIL_RUNTIME__TEMPORARY_FILES__PATHS": f'["{scratch}"]',
        "SAIL_EXECUTION__DEFAULT_PARALLELISM": str(threads),
        "RUST_LOG": os.environ.get("RUST_LOG", "error"),
    }
    with environment(settings):
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        try:
            yield f"sc://localhost:{server.listening_address[1]}"
        finally:
            server.stop()


def _connect(server: Server):
    """A session, and the channel that it uses."""
    from pyspark.sql.connect.client.retries import DefaultPolicy
    from pyspark.sql.connect.session import SparkSession

    host, port = server.endpoint
    if (refused := _refused(server)) is not None:
        raise BuildError(f"No Spark Connect server answers at {host}:{port}: {refused}.", "Start it, or correct it.")
    door = _door(server)
    opened = SparkSession.builder.channelBuilder(door).create()
    opened.client.set_retry_policies([DefaultPolicy(**_FIRST_RETRIES)])
    try:
        opened.version  # noqa: B018 - the first question that is asked of the server
    except Exception as error:
        with contextlib.suppress(Exception):
            door.channel.close()
        raise BuildError(f"The Spark Connect server at {host}:{port} opens no session: {first_line(error)}") from error
    opened.client.set_retry_policies([DefaultPolicy(**_RETRIES)])
    return opened, door.channel


def _door(server: Server):
    """What makes the client's channel; it keeps that, so that a lost one can be closed."""
    from pyspark.sql.connect.client import DefaultChannelBuilder

    class Door(DefaultChannelBuilder):
        channel = None

        @property
        def endpoint(self) -> str:
            # The client names it localhost; who listens at ::1 shall not get the token.
            return super().endpoint.replace("localhost", "127.0.0.1") if server.is_here else super().endpoint

        def toChannel(self):
            self.channel = super().toChannel()
            return self.channel

    # A proxy for the web is none for a server on this machine.
    door = Door(server.address, [("grpc.enable_http_proxy", 0)] if server.is_here else None)
    if server.token:
        door.set("token", server.token)
    return door


def _refused(server: Server) -> str | None:
    """Why no connection can be made to a server; None if one can."""
    try:
        socket.create_connection(server.endpoint, _ANSWER).close()
    except OSError as error:
        return str(error)
    return None


class Watch:
    """Looks whether the server is there; where it is not, whatever waits for it fails at once.

    A connection that only falls silent would otherwise be waited for, a quarter of an hour and longer.
    """

    def __init__(self, server: Server, channel):
        self._server = server
        self._channel = channel
        self._lost: str | None = None
        self._done = threading.Event()
        threading.Thread(target=self._look, daemon=True, name="watch").start()

    def lost(self) -> str | None:
        """How the server was lost, as a sentence, as far as is known now; None if it is there."""
        return self._lost or self._server.ended() or self._silent()

    def end(self) -> None:
        self._done.set()

    def _look(self) -> None:
        misses = 0
        while not self._done.wait(_BEAT if self._server.is_here else _FAR_BEAT):
            self._lost = self._server.ended()
            if not self._server.is_here:
                silent = self._silent()
                misses = misses + 1 if silent else 0
                self._lost = silent if misses == _MISSES else None
            if self._lost and not self._done.is_set():
                self._channel.close()
                return

    def _silent(self) -> str | None:
        if (refused := _refused(self._server)) is None:
            return None
        host, port = self._server.endpoint
        return f"The Spark Connect server at {host}:{port} no longer answers: {refused}."


def _configure(opened, engine: Engine) -> None:
    """Give a session its settings; a driver that was started here has those of the command line."""
    for key, value in SESSION.items():
        opened.conf.set(key, value)
    if engine.name == "spark" and not engine.remote:
        return
    for key, value in engine.conf:
        if not key.startswith("spark.sql.") or (engine.remote and not opened.conf.isModifiable(key)):
            where = "a server that runs" if engine.remote else "Sail"
            raise UsageError(
                f"--conf {key} cannot be given to {where}: it would be ignored.",
                "Give it where the server is started; here, settings of a session (spark.sql....) alone.",
            )
        opened.conf.set(key, value)
