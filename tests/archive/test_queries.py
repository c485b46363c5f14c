"""Queries run by DuckDB, as the archive's dialect has them: parts are the whole, counts are counts; lines of errors."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sqlglot
from sqlglot import exp

from galaxiesml.archive.queries import (
    Query,
    Range,
    bounds_sql,
    check_split,
    halves,
    line_of,
    part_of,
    read_query,
    split,
)
from galaxiesml.errors import InputError, UsageError

COUNT = 400
_FLAGS = ("_flag", "center", "_edge", "_bad", "isprimary")


@pytest.fixture(scope="module")
def archive():
    """pdr2_wide.forced, forced2 and specz with random rows: a flag in sixty is set, half the objects have spectra."""
    random = np.random.default_rng(7)
    ids = np.sort(random.choice(2**56, COUNT, replace=False))
    connection = duckdb.connect()
    connection.execute("create schema pdr2_wide")
    names = {
        column.name for name in ("wide", "paper") for column in sqlglot.parse_one(sql(name)).find_all(exp.Column)
    } - {"object_id"}
    of_specz = {name for name in names if name.startswith(("specz_", "d_"))}
    of_forced2 = {name for name in names if "sdsscentroid" in name}
    tables = {"forced": names - of_specz - of_forced2, "forced2": of_forced2, "specz": of_specz}
    for table, columns in tables.items():
        rows = {"object_id": ids if table != "specz" else random.permutation(ids)[: COUNT // 2]}
        for name in sorted(columns):
            is_flag = name.endswith(_FLAGS) or name.startswith("specz_flag")
            size = len(rows["object_id"])
            rows[name] = random.random(size) < 1 / 60 if is_flag else random.random(size)
        connection.register("table_rows", pa.table(rows))
        connection.execute(f"create table pdr2_wide.{table} as select * from table_rows")
        connection.unregister("table_rows")
    return connection


def sql(name: str) -> str:
    return read_query(name, "pdr2_wide").sql


def run(archive, text: str) -> list[tuple]:
    (translated,) = sqlglot.transpile(text, read="postgres", write="duckdb")
    return archive.execute(translated).fetchall()


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_parts_one_after_another_are_the_whole(archive, parts):
    wide = read_query("wide", "pdr2_wide")
    whole = run(archive, wide.sql)
    assert len(whole) == COUNT // 2
    ((first, last),) = run(archive, bounds_sql(wide))
    ranges = split(first, last, parts)
    assert len(ranges) == parts and (ranges[0].first, ranges[-1].last) == (None, None)
    assert [row for each in ranges for row in run(archive, part_of(wide, each))] == whole
    two = halves(ranges[1], first, last)
    assert [row for each in two for row in run(archive, part_of(wide, each))] == run(archive, part_of(wide, ranges[1]))


def test_counts(archive):
    """Counted by the paper's flags in another way: each row of both tables, in Python."""
    flags = [column.name for column in sqlglot.parse_one(sql("counts")).find(exp.Where).find_all(exp.Column)]
    assert len(flags) == len(set(flags)) == 35
    paper = {column.name for column in sqlglot.parse_one(sql("paper")).find(exp.Where).find_all(exp.Column)}
    assert set(flags) == {name for name in paper if not name.startswith("specz")}
    rows = archive.execute(
        f"select object_id, [{', '.join(flags)}] from pdr2_wide.forced join pdr2_wide.forced2 using (object_id)"
    ).fetchall()
    with_spectrum = {row[0] for row in archive.execute("select object_id from pdr2_wide.specz").fetchall()}
    passed = [object_id for object_id, found in rows if not any(found)]
    assert run(archive, sql("counts")) == [(len(passed), len(with_spectrum.intersection(passed)))]
    assert 0 < len(with_spectrum.intersection(passed)) < len(passed) < COUNT


def test_ranges_of_few_numbers():
    assert split(5, 5, 4) == [Range(None, None)]
    assert split(5, 6, 4) == [Range(None, 6), Range(6, None)]
    assert halves(Range(6, 7), 0, 9) == [] and halves(Range(None, None), 5, 5) == []
    assert halves(Range(6, None), 0, 9) == [Range(6, 8), Range(8, None)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT object_id FROM a",
        "SELECT object_id FROM a ORDER BY object_id DESC",
        "SELECT object_id FROM a ORDER BY ra",
        "SELECT object_id FROM a ORDER BY object_id LIMIT 5",
        "SELECT object_id, count(*) FROM a GROUP BY object_id ORDER BY object_id",
    ],
)
def test_what_cannot_be_split(text):
    with pytest.raises(UsageError, match="ORDER BY object_id"):
        check_split(Query("mine", text))


def test_joins_without_using_name_the_table():
    query = Query(
        "mine",
        "SELECT f.object_id FROM s.forced AS f JOIN s.specz AS z ON f.object_id = z.object_id ORDER BY f.object_id",
    )
    check_split(query)
    assert "f.object_id >= 3" in part_of(query, Range(3, 9)) and "f.object_id < 9" in part_of(query, Range(3, 9))


def test_files_that_are_no_query(tmp_path):
    for text in ("DELETE FROM a", "SELECT 1; SELECT 2", "SELECT FROM WHERE", ""):
        path = tmp_path / "mine.sql"
        path.write_text(text)
        with pytest.raises(InputError):
            read_query(str(path), "pdr2_wide")
    with pytest.raises(UsageError, match=r"Give counts, paper, wide|There is no archive query"):
        read_query("narrow", "pdr2_wide")
    with pytest.raises(UsageError, match="reads pdr2_wide, but this catalogue is of pdr3_wide"):
        read_query("wide", "pdr3_wide")


@pytest.mark.parametrize(
    "words, line",
    [
        ('column "b" does not exist', "line 2: b"),
        ("ERROR: syntax error\nLINE 3: FROM t", "line 3: FROM t"),
        ("syntax error at character 12", "line 2: b"),
        ("it took too long", None),
        ("LINE 99: x", None),
    ],
)
def test_the_line_of_an_error(words, line):
    assert line_of("SELECT a,\n  b\nFROM t\n", words) == line
