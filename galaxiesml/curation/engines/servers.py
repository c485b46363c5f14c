"""Start a Spark Connect server (Sail in this process, Spark's driver as a child), or use one that runs; open a session.

A server that is started here listens at the loopback address alone, and ends with the command.  Spark's asks for a
token that nobody else knows; Sail has no such thing, so other users of the machine could reach it while it runs.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from galaxiesml.curation.engines.choice import Engine
from galaxiesml.errors import BuildError, UsageError
from galaxiesml.system import interrupts

#: Seconds that a driver may take to listen.
_START = 120
#: Settings of every session: what the models mean is stated, not the server's.
SESSION = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.compression.codec": "snappy",
}
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
_UNITS = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


@contextlib.contextmanager
def session(engine: Engine, scratch: Path, logs: Path, threads: int, memory_limit: str) -> Iterator:
    """A session of the engine, with the settings of every build.

    Parameters
    ----------
    scratch : Path
        A folder on the catalogue's disk, for what the engine spills.
    logs : Path
        Where a driver that is started here writes its log.
    threads : int
        Threads of an engine that runs here.
    memory_limit : str
        Memory of an engine that runs here, as 4GB.

    Yields
    ------
    pyspark.sql.SparkSession

    Raises
    ------
    BuildError
        The server cannot be started or reached.
    UsageError
        A setting cannot be given to a server that runs.
    """
    with _server(engine, scratch, logs, threads, size(memory_limit)) as (address, token), _token(token):
        opened = _connect(address)
        try:
            _configure(opened, engine)
            yield opened
        finally:
            with contextlib.suppress(Exception):
                opened.stop()


def size(text: str) -> int:
    """Bytes of a size such as 4GB or 512MiB."""
    number = text.strip().removesuffix("B").strip()
    unit = next((one for one in sorted(_UNITS, key=len, reverse=True) if number.endswith(one)), "")
    return int(float(number.removesuffix(unit)) * _UNITS.get(unit, 1))


@contextlib.contextmanager
def _server(engine: Engine, scratch: Path, logs: Path, threads: int, memory: int) -> Iterator[tuple[str, str | None]]:
    if engine.remote:
        yield engine.remote, None
    elif engine.name == "sail":
        with _sail(scratch, threads, memory) as address:
            yield address, None
    else:
        with _driver(engine, scratch, logs / "spark.log", memory) as found:
            yield found


@contextlib.contextmanager
def _sail(scratch: Path, threads: int, memory: int) -> Iterator[str]:
    settings = {
        "SAIL_RUNTIME__MEMORY_POOL__TYPE": "fair",
        "SAIL_RUNTIME__MEMORY_POOL__FAIR__MAX_SIZE": str(memory),
        "SAIL_RUNTIME__TEMPORARY_FILES__PATHS": f'["{scratch}"]',
        "SAIL_EXECUTION__DEFAULT_PARALLELISM": str(threads),
        "RUST_LOG": os.environ.get("RUST_LOG", "error"),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ |= settings
    try:
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        try:
            yield f"sc://localhost:{server.listening_address[1]}"
        finally:
            server.stop()
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _driver(engine: Engine, scratch: Path, log: Path, memory: int) -> Iterator[tuple[str, str]]:
    """Spark's driver, as a child of this process."""
    import pyspark

    home, token = Path(pyspark.__file__).parent, secrets.token_hex(16)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.driver.memory": f"{max(memory >> 20, 512)}m",
        "spark.ui.enabled": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        **dict(engine.conf),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }
    # What is secret in --conf stands in a file that is this user's alone, not in the list of processes.
    properties = scratch / "driver.properties"
    descriptor = os.open(properties, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(f"{key}={_escaped(value)}\n" for key, value in settings.items())
    command = [str(home / "bin" / "spark-submit"), "--master", engine.master, "--properties-file", str(properties)]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = os.environ | {_TOKEN: token, "SPARK_HOME": str(home)}
    environment.pop("SPARK_REMOTE", None)
    with log.open("wb") as written:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written, start_new_session=True
        )
    try:
        _wait_for(child, port, log)
        yield f"sc://localhost:{port}", token
    finally:
        _end(child)


def _escaped(value: str) -> str:
    """A value as a file of Java properties has it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _wait_for(child: subprocess.Popen, port: int, log: Path) -> None:
    until = time.monotonic() + _START
    while True:
        interrupts.check()
        if child.poll() is not None:
            raise BuildError(f"Spark's driver ended at once: {_last_line(log)}", f"Its log is {log}.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > until:
            raise BuildError(f"Spark's driver did not listen within {_START} s.", f"Its log is {log}.")
        time.sleep(0.1)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if not line.lstrip().startswith("at ")]
    return told[-1][:300] if told else "it says nothing"


def _end(child: subprocess.Popen) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.5)
            return
    child.wait()


@contextlib.contextmanager
def _token(token: str | None) -> Iterator[None]:
    """Spark's client takes a token from the environment, where no log shows it."""
    if token is None:
        yield
        return
    before = os.environ.get(_TOKEN)
    os.environ[_TOKEN] = token
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_TOKEN, None)
        else:
            os.environ[_TOKEN] = before


def _connect(address: str):
    from pyspark.sql.connect.session import SparkSession

    host, _, port = address.removeprefix("sc://").split("/")[0].rpartition(":")
    if not host:
        host, port = port, "15002"
    try:
        # Spark's client would go on for ten minutes.
        socket.create_connection((host.strip("[]"), int(port)), 10).close()
    except OSError as error:
        raise BuildError(
            f"No Spark Connect server answers at {host}:{port}: {error}.", "Start it, or correct --remote."
        ) from error
    try:
        return SparkSession.builder.remote(address).create()
    except Exception as error:
        raise BuildError(f"The Spark Connect server at {host}:{port} refuses a session: {str(error)[:300]}") from error


def _configure(opened, engine: Engine) -> None:
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
        if key in SESSION:
            raise UsageError(f"--conf {key} would change what the models mean.", "Leave it out.")
        opened.conf.set(key, value)
