"""Time of the lineage of every column of a build, beside sqlglot's own lineage of the same columns.

    python benchmarks/lineage.py CATALOG

CATALOG holds a build (any rows: only its SQL is read).  Without it, three small models stand in.  The target
is 10 ms a column.  Ours starts cold in every run: manifest read, SQL parsed, ancestors found through every
model to the landed files, filters and cuts with them; then as text and as JSON.  The peer,
sqlglot.lineage.lineage, is asked for value ancestors alone, in one model, each column of a sample spread over
all models; it has no filter edges.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import sqlglot
from sqlglot.lineage import lineage as peer

from galaxiesml.catalog import Catalog
from galaxiesml.curation import lineage_sql
from galaxiesml.curation.lineage import Lineage
from galaxiesml.curation.lineage_text import as_json, text_tree

RUNS = 5
#: Columns that the peer is asked for; all of them would take minutes.
SAMPLE = 60

FIXTURE = {
    "pairs": 'select id, g_mag, g_flag, row_number() over (order by id) as pair_id from "memory"."raw"."landed"',
    "verdicts": 'select pair_id, not g_flag as ok_flag, g_mag < 50 as ok_mag from "memory"."main"."pairs"',
    "galaxies_v2": 'with j as (select pair_id, ok_flag and ok_mag as kept from "memory"."main"."verdicts") '
    'select p.* from "memory"."main"."pairs" p join j on p.pair_id = j.pair_id where j.kept',
}


def main(arguments: list[str]) -> None:
    folder, landings = _build(arguments)
    graph = Lineage.load(folder, landings)
    models = [name for name, model in graph.models.items() if model["kind"] == "model"]
    targets = [(name, column) for name in models for column in graph.columns(name)]
    steps = {
        "ancestors": lambda trees: None,
        "ancestors and text": lambda trees: [text_tree(tree) for tree in trees],
        "ancestors and JSON": lambda trees: [json.dumps(as_json(tree)) for tree in trees],
    }
    rows = [
        (name, len(targets), _median(lambda step=step: step(_all(folder, landings, targets))))
        for name, step in steps.items()
    ]
    one = ("galaxies_v2", graph.columns("galaxies_v2")[0])
    alone = _median(lambda: text_tree(_all(folder, landings, [one])[0]))
    rows.append((f"one column alone ({'.'.join(one)}), text", 1, alone))
    sample = targets[:: max(1, len(targets) // SAMPLE)]
    rows.append(("sqlglot.lineage, values in one model", len(sample), _median(lambda: _peer(graph, sample))))
    _report(rows, len(models))


def _build(arguments: list[str]) -> tuple[Path, list[dict]]:
    if arguments:
        catalog = Catalog.open(Path(arguments[0]))
        return catalog.current_build(), catalog.landings()
    folder = Path(tempfile.mkdtemp())
    models = {name: {"kind": "model", "sql": sql, "columns": {}} for name, sql in FIXTURE.items()}
    landed = {"id": "bigint", "g_mag": "double", "g_flag": "boolean"}
    models["landed"] = {"kind": "source", "sql": None, "columns": landed}
    (folder / "manifest.json").write_text(json.dumps({"models": models}))
    return folder, []


def _all(folder: Path, landings: list[dict], targets: list[tuple[str, str]]) -> list:
    for cached in (lineage_sql.read_model, lineage_sql.names_in, lineage_sql._parse):
        cached.cache_clear()
    graph = Lineage.load(folder, landings)
    return [graph.column(*target) for target in targets]


def _peer(graph: Lineage, targets: list[tuple[str, str]]) -> None:
    for name, column in targets:
        schema = {}
        for table in graph.inputs(name):
            plain = graph.models[table]["name"]
            space = "raw" if graph.models[table]["kind"] == "source" else "main"
            known = dict(next(columns for known, columns in graph._schema(name) if known == table))
            schema.setdefault("memory", {}).setdefault(space, {})[plain] = known
        peer(column, graph.models[name]["sql"], schema=schema, dialect="duckdb")


def _median(work) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _report(rows: list[tuple[str, int, float]], models: int) -> None:
    base = rows[0][2] / rows[0][1]
    versions = f"Python {platform.python_version()}, sqlglot {sqlglot.__version__}"
    print(f"{models} models; {versions}; median of {RUNS} runs")
    print(f"{'':<46} {'columns':>7} {'seconds':>8} {'ms/column':>10} {'ratio':>6}")
    for name, columns, seconds in rows:
        each = seconds / columns
        print(f"{name:<46} {columns:>7} {seconds:>8.3f} {each * 1000:>10.2f} {each / base:>6.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
