"""What models may use is what all engines compute alike over edge values; no list of words decides it."""

import functools

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from galaxiesml.curation.engines.choice import Engine
from galaxiesml.curation.engines.servers import session

from ..test_portable_sql import model_files
from . import functions as table

pytest.importorskip("pysail", reason="Sail is not installed: pip install 'galaxiesml[sail]'")
ALL = table.SCALAR | table.AGGREGATE | table.WINDOW | table.ROWS_OF


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """DuckDB's and Sail's."""
    folder = tmp_path_factory.mktemp("engines")
    (folder / "data").mkdir()
    path = table.write(folder / "data" / "edges.parquet")
    with duckdb.connect() as connection, session(Engine("sail"), folder, folder, 1, "1GB") as sail:
        yield table.by_duckdb(connection, path), table.by_spark(sail, connection, path)


@pytest.mark.parametrize("query", [query for _, query in table.QUERIES], ids=lambda query: query[:70])
def test_duckdb_and_sail_agree(answers, query):
    ours, theirs = (table.rows(answer(query)) for answer in answers)
    assert ours and ours == theirs


@functools.cache
def trees(engine: str) -> dict[str, exp.Expression]:
    """Every model as an engine gets it."""
    macros = table.MACROS[engine]
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
