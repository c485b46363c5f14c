"""One statement that reads passes; whatever would write is refused before it runs."""

import json
import math

import duckdb
import pytest

from galaxiesml.errors import UsageError
from galaxiesml.query import ask
from galaxiesml.query.reading import reading

READS = [
    "select * from g",
    "from g select a;",
    "describe g",
    "show tables",
    "summarize g",
    "values (1)",
    "explain select 1",
    "-- first\n EXPLAIN /* then */ ANALYZE -- last\n select 1",
    "explain (analyze, format json) select a from g",
    "with recursive r as (select 1 x union all select x + 1 from r where x < 5) select * from r",
    "with a as materialized (select 1) select * from a union all select 2 except select 3",
    "select * from range(5), unnest([1, 2])",
    "select 'insert into g; copy g to x' as words",
    "from g pivot (sum(a) for b in (1, 2))",
    "select * from duckdb_settings()",
    "select row_number() over (order by a) from g where exists (select 1)",
]
WRITES = [
    "copy g to '{file}'",
    "explain copy g to '{file}'",
    "explain analyze copy g to '{file}'",
    "explain (analyze) copy g to '{file}'",
    "/* */ explain analyze with a as (copy g to '{file}') select * from a",
    "with a as (copy g to '{file}') select * from a",
    "select * from (with a as (copy g to '{file}') select 1)",
    "select 1 where exists (with a as (copy g to '{file}') select 1)",
    "with a as (insert into t values (1) returning *) select * from a",
    "with a as (delete from t returning *) select * from a",
    "with a as (update t set a = 1 returning *) select * from a",
    "select * from json_execute_serialized_sql("
    "json_serialize_sql('with a as (copy (select 1) to ''{file}'') select * from a'))",
    "select * from query('select 1')",
    "select * from enable_logging(storage = 'file', storage_path = '{file}')",
    "insert into t values (2)",
    "create table u as select 1",
    "drop table t",
    "attach '{file}'",
    "export database '{file}'",
    "set threads = 1",
    "pragma database_list",
    "call pragma_version()",
    "install httpfs",
    "select 1; select 2",
    "",
    "-- nothing",
    "selec 1",
]


@pytest.fixture
def connection():
    made = duckdb.connect()
    made.execute("create view g as select 1 as a, 2 as b; create table t as select 1 as a")
    return made


@pytest.mark.parametrize("query", READS)
def test_reads_pass_and_run(connection, query):
    assert connection.execute(reading(connection, query)).fetchall()


@pytest.mark.parametrize("query", WRITES)
def test_writes_are_refused(connection, query, tmp_path):
    with pytest.raises(UsageError):
        reading(connection, query.format(file=tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
    assert connection.execute("select * from t").fetchall() == [(1,)]


def test_duckdb_itself_would_have_written(connection, tmp_path):
    """Why a statement's kind is not asked: if this fails, the check of the syntax tree is no longer needed."""
    for number, query in enumerate(("with a as (copy g to '{}') select * from a", "explain analyze copy g to '{}'")):
        path = tmp_path / str(number)
        statement = connection.extract_statements(query.format(path))[0]
        assert statement.type in (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)
        connection.execute(statement).fetchall()
        assert path.exists()


def test_a_query_that_fails_while_rows_are_fetched(written, tmp_path):
    query = "select cast(case when i = 500000 then 'x' else '1' end as int) from range(500001) t(i)"
    with pytest.raises(UsageError, match="Could not convert"):
        ask.write_text(tmp_path / "rows.csv", ask.write_csv, ask.ask(written, query))
    assert list(tmp_path.glob("*rows.csv*")) == []


def test_json_has_no_nan(written, tmp_path):
    query = "select 'nan'::double as x, ['inf'::double, 1.5] as list, {'deep': 'nan'::double} as struct"
    ask.write_text(tmp_path / "rows.json", ask.write_json, ask.ask(written, query))
    row = json.loads((tmp_path / "rows.json").read_text(), parse_constant=lambda _: math.nan)[0]
    assert row == {"x": None, "list": [None, 1.5], "struct": {"deep": None}}


def test_a_table_is_not_sought_among_our_variables(written):
    with pytest.raises(UsageError, match="There is no table connection") as caught:
        ask.ask(written, "select * from connection")
    assert "galaxies_v2" in caught.value.hint


def test_a_folder_that_is_not_there(written, tmp_path):
    with pytest.raises(UsageError, match="no folder"):
        ask.write_parquet(written, "select 1", tmp_path / "nosuch" / "x.parquet")
    with pytest.raises(UsageError, match="it is a folder"):
        ask.write_parquet(written, "select 1", tmp_path)
