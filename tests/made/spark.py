"""Spark as it runs elsewhere: a standalone master, its workers, a Spark Connect server, each a process of its own.

In the environment that `make proof` makes for it, which has all of PySpark.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Installed:
    """An environment with all of PySpark, and a JVM."""

    python: str
    home: Path

    def typed(self, *words, **options) -> subprocess.CompletedProcess:
        """Run a command of ours there."""
        return subprocess.run(
            [self.python, "-m", "galaxiesml", *map(str, words)], capture_output=True, text=True, **self.there(options)
        )

    @contextlib.contextmanager
    def begun(self, *words, **options) -> Iterator[subprocess.Popen]:
        """Begin a command of ours there, in a session of its own, which does not outlive the test."""
        begun = subprocess.Popen(
            [self.python, "-m", "galaxiesml", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **self.there(options),
        )
        try:
            yield begun
        finally:
            kill(begun)

    def there(self, options: dict) -> dict:
        return {**options, "env": os.environ | {"PYTHONPATH": str(REPO)} | options.get("env", {})}


def installed() -> Installed:
    """The environment; skips where it, or Java, is absent."""
    python = os.environ.get("SPARK_PYTHON") or str(REPO / ".venv-spark" / "bin" / "python")
    if shutil.which("java") is None:
        pytest.skip("there is no JVM: apt install openjdk-17-jre-headless")
    asked = "import pathlib, pyspark, dbt.adapters.spark, grpc; print(pathlib.Path(pyspark.__file__).parent)"
    told = Path(python).exists() and subprocess.run([python, "-c", asked], capture_output=True, text=True)
    if not told or told.returncode:
        pytest.skip(f"PySpark is not in {python}, where `make proof` installs it")
    return Installed(python, Path(told.stdout.strip()))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait(until: Callable[[], object], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def process(words: list, folder: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """A process with a group and a folder of its own; what is left of the group is killed at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            [str(word) for word in words],
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env=os.environ | environment,
        )
    try:
        yield child
    finally:
        kill(child)


def kill(child: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@contextlib.contextmanager
def cluster(
    spark: Installed, folder: Path, workers: int, before: list[list[str]] | None = None
) -> Iterator[tuple[str, list[subprocess.Popen]]]:
    """A standalone master and workers of one core and 1 GB each; the master's address, and the workers.

    ``before`` has, for each worker, a command that starts another one.
    """
    port, program = free_port(), spark.home / "bin" / "spark-class"
    environment = {"SPARK_HOME": str(spark.home), "SPARK_LOCAL_DIRS": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    master = [program, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", port]
    worker = [program, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", 1, "--memory", "1g"]
    address = f"spark://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        stack.enter_context(process([*master, "--webui-port", 0], folder / "master", **environment))
        wait(lambda: answers(port), 60, "the master does not listen")
        started = [
            stack.enter_context(
                process(
                    [*(before[number] if before else []), *worker, "--webui-port", 0, "--work-dir", folder, address],
                    folder / f"w{number}",
                    **environment,
                )
            )
            for number in range(workers)
        ]
        log = folder / "master" / "log"
        wait(lambda: log.read_text().count("Registering worker") == workers, 60, "a worker is not there")
        yield address, started


@contextlib.contextmanager
def connect_server(spark: Installed, folder: Path, port: int, token: str) -> Iterator[subprocess.Popen]:
    """A Spark Connect server that somebody else has started: local, with a token."""
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": 2,
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    }
    words = [spark.home / "bin" / "spark-submit", "--master", "local[2]"]
    for key, value in settings.items():
        words += ["--conf", f"{key}={value}"]
    words += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    environment = {"SPARK_HOME": str(spark.home), "SPARK_CONNECT_AUTHENTICATE_TOKEN": token}
    with process(words, folder, SPARK_LOCAL_IP="127.0.0.1", **environment) as server:
        wait(lambda: answers(port), 90, "the server does not listen")
        yield server
