"""Run dbt in this process, with its progress as callbacks and its errors as ours."""

from __future__ import annotations

import atexit
import contextlib
import gc
import logging.handlers
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.catalog.parquet import plain
from galaxiesml.errors import BuildError
from galaxiesml.system.environment import environment
from galaxiesml.system.interrupts import heeded
from galaxiesml.system.refusals import refusal, refusal_told


@dataclass(frozen=True)
class Settings:
    """Settings that dbt receives through environment variables."""

    catalog: Path
    build: str
    threads: int
    memory_limit: str

    def environment(self) -> dict[str, str]:
        return {
            "GALAXIESML_CATALOG": str(plain(self.catalog)),
            "GALAXIESML_BUILD": self.build,
            "GALAXIESML_THREADS": str(self.threads),
            "GALAXIESML_MEMORY_LIMIT": self.memory_limit,
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }


def invoke(
    arguments: list[str],
    project: Path,
    logs: Path,
    settings: Settings,
    progress: Callable | None = None,
    session=None,
):
    """Run one dbt command on the catalogue's project.

    Parameters
    ----------
    arguments : list of str
        The command and its selection, as ``["build", "--exclude", "galaxies_v3"]``.
    progress : callable, optional
        Called as ``progress(done, total, name)`` whenever a node starts or ends.
    session : pyspark.sql.SparkSession, optional
        Where the project's models run, if not on DuckDB.

    Returns
    -------
    dbt.contracts.results.RunExecutionResult
        One result a node.

    Raises
    ------
    BuildError
        A node failed, or dbt could not run: names the model, its file and the log.
    ResourceError, CatalogError
        The disk or the memory was too small, or the folder cannot be written.
    KeyboardInterrupt
        An interrupt came, whatever dbt made of it.
    """
    with (
        environment(settings.environment()),
        _without_collector(),
        _log(logs) as log,
        contextlib.nullcontext() if session is None else _through(session),
    ):
        from dbt.cli.main import dbtRunner
        from dbt_common.events.event_manager_client import cleanup_event_logger

        # Until dbt has read its flags it prints errors on standard output.
        cleanup_event_logger()
        runner = dbtRunner(callbacks=[log, *([_Listener(progress)] if progress else [])])
        try:
            # dbt makes an outcome of Ctrl-C, or goes on as if there had been none.
            with heeded():
                outcome = runner.invoke(
                    [
                        *arguments,
                        *("--project-dir", str(project), "--profiles-dir", str(project)),
                        *("--target-path", str(project / "target"), "--log-path", str(logs)),
                        # dbt's own log file formats 2,000 lines for debugging before it drops them.
                        *("--log-level", "none", "--log-level-file", "none", "--no-print", "--no-use-colors"),
                        # dbt would write its 2 MB of manifest twice; a build keeps its own, short one.
                        "--no-write-json",
                    ]
                )
        finally:
            _close()
    _raise_failures(outcome, project, logs)
    return outcome.result


def _through(session):
    """dbt's adapter for Spark on this session."""
    from galaxiesml.curation.engines.adapter import through

    return through(session)


def _raise_failures(outcome, project: Path, logs: Path) -> None:
    if outcome.exception is not None:
        if (known := refusal(outcome.exception)) is not None:
            raise known from outcome.exception
        if isinstance(outcome.exception, KeyboardInterrupt):
            raise outcome.exception
        told = str(outcome.exception) or type(outcome.exception).__name__
        raise BuildError(f"dbt could not run: {told}", f"The full log is {logs / 'dbt.log'}.") from outcome.exception
    failed = [result for result in outcome.result.results if result.status in ("error", "fail", "runtime error")]
    for known in (refusal_told(str(result.message)) for result in failed):
        if known is not None:
            raise known
    if failed:
        lines = []
        for result in failed:
            kind = "test" if str(result.node.resource_type) == "test" else "model"
            lines.append(f"{kind} {result.node.name} ({project / result.node.original_file_path}): {result.message}")
        raise BuildError(
            "The build failed. The published build is unchanged.\n  " + "\n  ".join(lines),
            f"The SQL as run is under {project / 'target'}; the full log is {logs / 'dbt.log'}.",
        )


@contextlib.contextmanager
def _log(folder: Path):
    """A callback that writes dbt's messages, except debugging ones, to dbt.log in the folder."""
    handler = logging.handlers.RotatingFileHandler(folder / "dbt.log", maxBytes=1_000_000, backupCount=3, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    # A log that cannot be written stops nothing.
    handler.handleError = lambda record: None

    def write(event) -> None:
        if event.info.level in ("info", "warn", "error"):
            handler.handle(logging.makeLogRecord({"msg": f"[{event.info.level}] {event.info.msg}"}))

    try:
        yield write
    finally:
        handler.close()


class _Listener:
    """Counts nodes from dbt's events."""

    def __init__(self, progress: Callable):
        self._progress = progress
        self._done = 0
        self._total = 0

    def __call__(self, event) -> None:
        name = event.info.name
        if name == "LogStartLine":
            self._total = event.data.total
            self._progress(self._done, self._total, event.data.description.split(".")[-1])
        elif name == "NodeFinished":
            self._done += 1
            self._progress(self._done, self._total, event.data.node_info.node_name)


@contextlib.contextmanager
def _without_collector():
    """dbt's import and parse make a million objects that all stay: looking for cycles in them costs a second.

    What is frozen is freed all the same: by the next invocation in this process, or when it ends.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            atexit.register(gc.unfreeze)
            gc.enable()


def _close() -> None:
    """Close dbt-duckdb's database, which it would otherwise keep for the next invocation."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager

    DuckDBConnectionManager.close_all_connections()
    DuckDBConnectionManager._ENV = None
