"""Spark's driver as a child of this process: it listens at the loopback address alone, and ends with this process."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.curation.engines.choice import Engine
from galaxiesml.errors import BuildError
from galaxiesml.system import interrupts

#: Seconds that a driver may take to listen, and to end when it is asked to.
_START, _END = 180, 8
_TOKEN = "SPARK_CONNECT_AUTHENTICATE_TOKEN"
#: Starts a program that the system kills when its parent is gone (prctl's PR_SET_PDEATHSIG), SIGKILL included.
_LAUNCH = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
#: A driver that is all of Spark is reached from nowhere else.
_ALONE = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
#: Of few rows: no code is made of a query, and what runs is compiled in haste; a build takes two thirds of the time.
_FEW = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
_HASTE = "-XX:TieredStopAtLevel=1"
#: Up to so many landed rows are few.
FEW_ROWS = 5000
_OPTIONS = "spark.driver.extraJavaOptions"


@dataclass(frozen=True)
class Driver:
    """A driver that runs.

    Attributes
    ----------
    port : int
        Of the loopback address.
    token : str
        What it asks of who connects.
    child : subprocess.Popen
    log : Path
    """

    port: int
    token: str
    child: subprocess.Popen
    log: Path

    def ended(self) -> str | None:
        """How it has ended, as a sentence; None while it runs."""
        code = self.child.poll()
        if code is None:
            return None
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return f"Spark's driver has ended ({how}): {last_line(self.log)}"


@contextlib.contextmanager
def driver(engine: Engine, scratch: Path, log: Path, threads: int, memory: int, rows: int) -> Iterator[Driver]:
    """A Spark Connect server here, with the cluster that the engine names.

    Parameters
    ----------
    scratch : Path
        An empty folder of this user alone: the driver's working folder, for all that it writes itself.
    log : Path
    threads : int
        Of a driver without a cluster.
    memory : int
        Bytes of the driver's heap.
    rows : int
        Landed rows: a driver without a cluster is set for few or for many.

    Raises
    ------
    BuildError
        It ends, or does not listen in time.
    """
    import pyspark

    home, token, port = Path(pyspark.__file__).parent, secrets.token_hex(16), _free_port()
    # What is secret in --conf stands in a file that is this user's alone, not in the list of processes.
    properties = scratch / "driver.properties"
    _write(properties, _settings(engine, scratch, threads, memory, rows, port))
    submit = [str(home / "bin" / "spark-submit"), "--master", engine.master or f"local[{threads}]"]
    submit += ["--properties-file", str(properties), "--load-spark-defaults"]
    submit += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = os.environ | {_TOKEN: token, "SPARK_HOME": str(home), "SPARK_LOCAL_DIRS": "."}
    environment.pop("SPARK_REMOTE", None)
    with log.open("wb") as written:
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _LAUNCH, str(os.getpid()), *submit],
            cwd=scratch,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=written,
            start_new_session=True,
        )
    started = Driver(port, token, child, log)
    try:
        _wait_for(started)
        properties.unlink()
        yield started
    finally:
        _end(child)


def _settings(engine: Engine, scratch: Path, threads: int, memory: int, rows: int, port: int) -> dict[str, str]:
    given, are_few = dict(engine.conf), engine.is_local and rows <= FEW_ROWS
    small = _ALONE | {"spark.sql.shuffle.partitions": str(threads)} if engine.is_local else {}
    small |= _FEW if are_few else {}
    # What the JVM and its libraries leave in a temporary folder goes with the scratch folder.
    folder = str(scratch).replace("\\", "\\\\").replace('"', '\\"')
    options = [f'"-Djava.io.tmpdir={folder}"', *([_HASTE] if are_few else [])]
    return {
        "spark.app.name": "galaxiesml",
        "spark.driver.memory": f"{max(memory >> 20, 512)}m",
        "spark.ui.enabled": "false",
        "spark.log.level": "WARN",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.sql.catalogImplementation": "in-memory",
        **small,
        **given,
        _OPTIONS: " ".join([*options, *filter(None, [given.get(_OPTIONS)])]),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
    }


def _write(file: Path, settings: dict[str, str]) -> None:
    """Write a file of Java properties that this user alone can read."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as written:
        for key, value in settings.items():
            escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
            written.write(f"{key}={escaped}\n")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_for(started: Driver) -> None:
    until = time.monotonic() + _START
    while not listens(started.port):
        interrupts.check()
        if ended := started.ended():
            raise BuildError(ended, f"Its log is {started.log}.")
        if time.monotonic() > until:
            raise BuildError(f"Spark's driver did not listen within {_START} s.", f"Its log is {started.log}.")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Whether a process of this user listens at a port of the loopback address.

    Between the choice of the port and the driver's start another user's program could take it; what listens there gets
    the token.
    """
    four, six = (int.from_bytes(part, sys.byteorder) for part in (socket.inet_aton("127.0.0.1"), b"\0\0\xff\xff"))
    for name, address in (("tcp", f"{four:08X}"), ("tcp6", f"{0:016X}{six:08X}{four:08X}")):
        with contextlib.suppress(FileNotFoundError):
            for line in Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:]:
                _, here, _, state, *_, user = line.split()[:8]
                if here == f"{address}:{port:04X}" and state == "0A":
                    return int(user) == os.geteuid()
    return False


def last_line(log: Path) -> str:
    """The last line of a log that is no line of a stack trace, or a sentence that there is none."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    told = [line for line in lines if line and not line.startswith(("at ", "... "))]
    errors = [line for line in told if "Exception" in line or "Error" in line]
    return (errors or told)[-1][:300] if told else "its log is empty."


def _end(child: subprocess.Popen) -> None:
    # After Ctrl-C there are two seconds for everything.
    seconds = 0.5 if interrupts.heard() else _END
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(seconds)
            return
    child.wait()
