"""Options that choose the engine of a command, and their defaults in galaxiesml.toml."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="What runs the models: duckdb, sail (pip install 'galaxiesml[sail]') or spark (pip install "
        "'galaxiesml[spark]').",
        metavar="NAME",
    ),
]
Master = Annotated[
    str | None,
    typer.Option(
        help="With spark: start a driver here, for this cluster; spark://host:7077, or local[4].", metavar="URL"
    ),
]
Remote = Annotated[
    str | None,
    typer.Option(help="With spark: use a Spark Connect server that runs; sc://host:15002.", metavar="URL"),
]
Conf = Annotated[
    list[str] | None,
    typer.Option(help="A setting of Spark, or of a session of Sail; repeatable.", metavar="KEY=VALUE"),
]


def chosen(catalog, name=None, master=None, remote=None, conf=None):
    """The engine, of what was typed, else of the settings.

    Returns
    -------
    galaxiesml.curation.engines.choice.Engine
    """
    from galaxiesml.catalog.settings import setting
    from galaxiesml.curation.engines import choice

    engine = str(setting(catalog.root, "engine", name)[0])
    if engine == "spark" and not (master or remote):
        master, remote = (str(setting(catalog.root, key)[0]) for key in ("spark_master", "spark_remote"))
    if engine == "spark" and not conf:
        conf = str(setting(catalog.root, "spark_conf")[0]).split()
    return choice.chosen(engine, master or "", remote or "", tuple(conf or ()))
