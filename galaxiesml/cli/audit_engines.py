"""``galaxiesml audit engines``: whether two engines make the same rows of what is landed."""

from __future__ import annotations

from typing import Annotated

import typer

from galaxiesml.cli import audit, common, engines, forms
from galaxiesml.cli.build import reporter


def register(app: typer.Typer) -> None:
    audit.audit.command("engines")(compare)


@forms.tabular()
def compare(
    names: Annotated[
        str, typer.Option("--engines", help="The two engines, as duckdb,sail or duckdb,spark.", metavar="A,B")
    ] = "duckdb,sail",
    master: engines.Master = None,
    remote: engines.Remote = None,
    conf: engines.Conf = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads for the queries.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory limit of the queries, e.g. 4GB.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait while another process writes.")] = 0.0,
    as_json: audit.Json = False,
) -> None:
    """Build what is landed on two engines, publish nothing, and compare every table row for row.

    Every version is built, incomplete ones too, with the spectra and the seed of the published build. Exit code 1 if a
    value, a row or a type differs; the output has the table, the key, the column and both values.

    \b
    Examples:
      galaxiesml audit engines
      galaxiesml audit engines --engines duckdb,spark --master spark://host:7077
      galaxiesml audit engines --json
    """
    from galaxiesml.catalog.settings import setting
    from galaxiesml.curation.build import prepare
    from galaxiesml.curation.engines.compare import compare_engines
    from galaxiesml.errors import UsageError

    catalog = common.catalog()
    typed = [name.strip() for name in names.split(",")]
    if len(typed) != 2:
        raise UsageError(f"--engines {names} does not name two engines.", "Type: --engines duckdb,sail")
    pair = tuple(
        engines.chosen(catalog, name, *((master, remote, conf) if name == "spark" else (None, None, None)))
        for name in typed
    )
    with catalog.lock("galaxiesml audit engines", wait), common.progress("Building", total=None, unit="models") as bar:
        found = compare_engines(
            prepare(catalog, ("all",), **_as_published(catalog)),
            pair,
            threads=int(setting(catalog.root, "threads", threads)[0]),
            memory_limit=str(setting(catalog.root, "memory_limit", memory_limit)[0]),
            progress=reporter(bar),
        )
    _say(found, typed, as_json)
    if not found["equal"]:
        raise typer.Exit(1)


def _as_published(catalog) -> dict:
    """The seed and the spectra of the published build."""
    if catalog.current_id() is None:
        return {}
    info = catalog.build_info()
    origin, _, rule = info.get("spectra_from", "export").partition(", rule ")
    told = {"split_seed": info.get("split_seed", 1), "specz": origin}
    return told | ({"specz_rule": rule.split(";")[0].strip()} if rule else {})


def _say(found: dict, names: list[str], as_json: bool) -> None:
    if as_json:
        common.print_json(found)
        return
    common.table(
        [
            {"table": one["table"], names[0]: one["rows"][0], names[1]: one["rows"][1], "equal": one["equal"]}
            for one in found["tables"]
        ]
    )
    if found["differences"]:
        common.result("\nDifferences, at most three rows of a column:")
        common.table(
            [
                {
                    "table": one["table"],
                    "row": one["key"],
                    "column": one["column"] or "(the row)",
                    names[0]: one["values"][0],
                    names[1]: one["values"][1],
                    "rows that differ": one["rows"],
                }
                for one in found["differences"]
            ]
        )
