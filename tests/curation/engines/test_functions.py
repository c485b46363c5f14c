"""What models may use is what all engines compute alike over edge values; no list of words decides it."""

import functools
import math
import struct

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from galaxiesml.catalog.parquet import parquet
from galaxiesml.curation.engines.choice import Engine
from galaxiesml.curation.engines.servers import session
from galaxiesml.curation.engines.sources import quoted, spark_type
from galaxiesml.curation.macros import Macros

from ..replay import BANDS
from ..test_portable_sql import model_files
from . import functions as table

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
ALL = table.SCALAR | table.AGGREGATE | table.WINDOW | table.ROWS_OF
QUERIES = [
    *((kind, f"select id, {text} as value from edges") for kind, texts in table.SCALAR.items() for text in texts),
    *((kind, f"select id, {text} as value from edges") for kind, texts in table.WINDOW.items() for text in texts),
    *(
        (kind, query.format(text=text))
        for kind, texts in table.AGGREGATE.items()
        for text in texts
        for query in (
            "select kind, {text} as value from edges group by kind",
            "select 0, {text} as value from edges where id < 0",
        )
    ),
    *((kind, text) for kind, texts in table.ROWS_OF.items() for text in texts),
]

MACROS = {engine: Macros(BANDS, engine=engine) for engine in ("duckdb", "spark")}


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    """By engine and dialect, what answers its SQL with rows."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "data").mkdir()
    path = table.write(folder / "data" / "edges.parquet")
    with duckdb.connect() as connection, session(Engine("sail"), folder, folder, 1, "1GB") as sail:
        connection.execute(f"create view edges as select * from {parquet(path)}")
        described = connection.execute("describe edges").fetchall()
        columns = ", ".join(f"{name} {spark_type(kind)}" for name, kind, *_ in described)
        sail.sql(f"create table edges ({columns}) using parquet location {quoted(path.parent)}")
        yield {
            ("duckdb", "duckdb"): lambda text: connection.execute(text).fetchall(),
            ("sail", "spark"): lambda text: [tuple(row.values()) for row in sail.sql(text).toArrow().to_pylist()],
        }


def canonical(value):
    """A value by which rows are compared and sorted: a double by its bits, every NaN alike, and -0.0 as 0.0."""
    if isinstance(value, float):
        return "double", struct.pack(">d", math.nan if math.isnan(value) else value + 0.0).hex()
    return type(value).__name__, str(value)


def rows(found) -> list:
    return sorted(tuple(canonical(value) for value in row) for row in found)


@pytest.mark.parametrize(("kind", "query"), QUERIES, ids=[query[:70] for _, query in QUERIES])
def test_engines_agree(engines, kind, query):
    ours, theirs = (rows(answer(MACROS[dialect].render(query))) for (_, dialect), answer in engines.items())
    assert ours and ours == theirs


@functools.cache
def trees(engine: str) -> dict[str, exp.Expression]:
    """Every model as an engine gets it."""
    macros = MACROS[engine]
    return {
        name: sqlglot.parse_one(macros.render(path.read_text()), dialect=engine) for name, path in model_files().items()
    }


@pytest.mark.parametrize("engine", ["duckdb", "spark"])
def test_models_use_nothing_else(engine):
    known = set(ALL) | set(table.ALSO)
    unknown, used = {}, set()
    for name, tree in trees(engine).items():
        for node in tree.find_all(exp.Func, exp.Binary, exp.Unary, exp.Between, exp.In, exp.Like, exp.Window):
            kind = node.name if isinstance(node, exp.Anonymous) else type(node).__name__
            used.add(kind)
            if kind not in known:
                unknown.setdefault(kind, []).append(f"{name}: {node.sql(engine)[:100]}")
    assert not unknown, "stands in no test of tests/curation/engines/functions.py"
    assert len(used) > 40


#: Whole numbers, of which there is one zero.
COUNTS = {"pulling", "damped", "with_pdf", "with_68", "with_95", "with_mask", "reached"}


def test_zeros_are_compared_where_there_is_one():
    found = []
    for tree in trees("duckdb").values():
        for node in tree.find_all(exp.Nullif):
            found.append(node.this.name)
            assert node.expression.is_string or node.this.name in COUNTS, node.sql()
    assert set(found) >= COUNTS
