"""Run the models on Sail or Spark, and adopt what they wrote."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.dbt import Settings, invoke
from galaxiesml.curation.engines import adopt, servers, sources
from galaxiesml.curation.engines.choice import Engine, check_path

#: Where the project stands in a catalogue that is built by Spark Connect; dbt keeps its parse there.
PROJECT = "dbt_spark"


def run(
    catalog: Catalog,
    engine: Engine,
    arguments: list[str],
    render: Callable[[Path, str], Path],
    settings: Settings,
    progress: Callable | None = None,
) -> dict:
    """Run the models on an engine, and make the build's files of their parts.

    Parameters
    ----------
    arguments : list of str
        dbt's command and its selection.
    render : callable
        Writes the project into a folder, for schemas of a name.
    settings : Settings
        The build's folder, threads and memory.

    Returns
    -------
    dict
        What build.json keeps of the engine, and of the server that it found.

    Raises
    ------
    BuildError, UsageError
        As the steps do; the build's folder is the caller's to remove.
    """
    import duckdb

    check_path(catalog.root)
    folder = catalog.builds / settings.build
    scratch = catalog.root / ".tmp" / "engine"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True, mode=0o700)
    name = f"{_number(catalog):04d}_{settings.build.strip('.').replace('-', '_')}"
    rows = sum(landing["rows"] for landing in catalog.landings())
    memory = settings.memory_limit
    try:
        with duckdb.connect(config={"threads": settings.threads, "memory_limit": memory}) as connection:
            connection.execute("set temp_directory = ?", [str(scratch)])
            with servers.session(engine, scratch, catalog.logs, settings.threads, memory, rows) as session:
                schemas = sources.Schemas(session, catalog, name)
                with schemas.made():
                    sources.probe(session, schemas, folder / ".probe")
                    counted = sources.create(session, catalog, schemas, connection)
                    project = render(catalog.root / PROJECT, schemas.main)
                    ran = invoke(arguments, project, catalog.logs, settings, progress, session)
                    sources.check(session, catalog, schemas, counted)
                    # Executors that came later have been asked nothing yet, and may have written where nobody reads.
                    sources.probe(session, schemas, folder / ".probe")
                    marts = adopt.marts_of(ran.results, session)
                told = engine.told() | ({"server": session.version} if engine.remote else {})
            # What runs here has given its memory back.
            adopt.adopt(connection, folder, marts, catalog.root / "plan" / "versions.parquet")
            return told
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        with contextlib.suppress(OSError):
            scratch.parent.rmdir()


def _number(catalog: Catalog) -> int:
    return max((int(build.split("-")[0]) for build in catalog.build_ids()), default=0) + 1
