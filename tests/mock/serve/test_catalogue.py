"""The catalogue's jobs: queries that are really run, in four formats, by nobody without the account."""

import gzip
import io
import sqlite3
import threading
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy.io import fits

from .. import skies
from . import asking

ENDLESS = "with recursive a as (select 1 as n union all select n + 1 from a) select count(*) from a"


def query(repo, name: str) -> str:
    return (repo / "sql" / "archive" / f"{name}.sql").read_text()


@pytest.mark.parametrize("name, file", [("paper", "export"), ("wide", "wide")])
def test_the_archive_s_own_queries_give_the_sky_s_own_exports(server, repo, name, file):
    exported = (skies.made() / f"{file}.csv.gz").read_bytes()
    assert gzip.decompress(asking.downloaded(server, query(repo, name), "csv.gz")) == gzip.decompress(exported)


SOME_NULL = """
select object_id, i_cmodel_mag, isprimary,
    case when i_cmodel_mag < 20.5 then specz_redshift end as specz_redshift,
    case when i_cmodel_mag < 20.5 then specz_name end as specz_name
from pdr2_wide.forced inner join pdr2_wide.specz using (object_id)
"""


def test_four_formats_have_the_same_rows(server, tmp_path):
    sql = SOME_NULL
    frame = pd.read_csv(io.BytesIO(asking.downloaded(server, sql))).rename(columns={"# object_id": "object_id"})
    assert len(frame) > 20 and 0 < frame["specz_redshift"].isna().sum() < len(frame)

    with fits.open(io.BytesIO(asking.downloaded(server, sql, "fits"))) as opened:
        table = opened[1].data
        assert table.names == [
            part for name in frame for part in ((name,) if name == "object_id" else (name, f"{name}_isnull"))
        ]
        assert np.array_equal(table["object_id"], frame["object_id"])
        missing = table["specz_redshift_isnull"]
        assert np.array_equal(missing, frame["specz_redshift"].isna())
        assert np.array_equal(table["specz_redshift"][~missing], frame["specz_redshift"][~missing])
        assert [name or np.nan for name in table["specz_name"]] == frame["specz_name"].tolist()

    path = tmp_path / "answer.sqlite3"
    path.write_bytes(asking.downloaded(server, sql, "sqlite3"))
    with sqlite3.connect(path) as connection:
        ((name,),) = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
        again = pd.read_sql(f"select * from {name}", connection)
    assert again["object_id"].tolist() == frame["object_id"].tolist()
    for name in ("i_cmodel_mag", "specz_redshift"):
        assert np.array_equal(again[name], frame[name], equal_nan=True)
    assert again["isprimary"].astype(bool).tolist() == frame["isprimary"].tolist()


def test_comments_stand_above_the_header(server):
    text = asking.downloaded(server, "select object_id, ra\nfrom pdr2_wide.forced limit 2", meta=True).decode()
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[-1] == "# object_id,ra" and "# from pdr2_wide.forced limit 2" in comments[:-1]
    assert len(text.splitlines()) == len(comments) + 2


def test_cones_and_boxes_are_those_of_the_truth(server):
    """Of the sky's own objects by their numbers, of the field's by how many they are."""
    objects, field = skies.truth("galaxies"), skies.field()
    own, count = objects["object_id"].to_numpy(), len(objects)
    ra = np.concatenate([objects["catalogue_ra"], field["ra"]])
    dec = np.concatenate([objects["catalogue_dec"], field["dec"]])

    def check(sql: str, right: np.ndarray) -> None:
        found = pd.read_csv(io.BytesIO(asking.downloaded(server, sql)))["# object_id"]
        assert found.is_unique and len(found) == right.sum()
        assert sorted(found[found.isin(own)]) == sorted(own[right[:count]])
        assert 5 < right[:count].sum() < count and 20 < right[count:].sum() < len(field)

    a, d = np.radians(ra), np.radians(dec)
    cosine = np.sin(d) * np.sin(d[0]) + np.cos(d) * np.cos(d[0]) * np.cos(a - a[0])
    apart = np.degrees(np.arccos(np.clip(cosine, -1, 1))) * 3600.0
    radius = float(np.median(apart))
    sql = f"select object_id from pdr2_wide.forced f where coneSearch(f.coord, {ra[0]}, {dec[0]}, {radius + 0.01})"
    check(sql, apart <= radius + 0.01)

    low, high = np.quantile(ra, [0.21, 0.79])
    south, north = np.quantile(dec, [0.11, 0.61])
    inside = (ra > low) & (ra < high) & (dec > south) & (dec < north)
    check(f"select object_id from pdr2_wide.forced where boxSearch(coord, {low}, {high}, {south}, {north})", inside)


def test_previews_show_the_first_rows_and_count_all(server):
    sql = "select a.object_id, 'NaN'::float8 as x from pdr2_wide.forced a cross join generate_series(1, 5) order by 1"
    told = asking.preview(server, sql).json()["result"]
    assert told["fields"] == ["object_id", "x"]
    assert told["count"] == 5 * (len(skies.truth("galaxies")) + len(skies.field()))
    assert len(told["rows"]) == 100 and told["rows"][0][1] == "nan"
    assert asking.preview(server, "select count(*), max(1) as m, 1 + 1").json()["result"]["fields"] == [
        "count",
        "m",
        "?column?",
    ]


@pytest.mark.parametrize(
    "sql, told",
    [
        ("selec 1", 'syntax error at or near "1"\nLINE 1: selec 1'),
        (
            "select ra\nfrom pdr3_wide.forced",
            'relation "pdr3_wide.forced" does not exist\nLINE 2: from pdr3_wide.forced',
        ),
        ("select\n  nosuch from pdr2_wide.forced", "LINE 2:   nosuch from"),
        ("select 1; select 2", "exactly one SELECT"),
        ("drop table pdr2_wide.forced", "exactly one SELECT"),
        ("select 1 into x", "INTO is not allowed"),
        ("with a as (delete from pdr2_wide.forced returning 1) select * from a", "DELETE is not allowed"),
        ("copy pdr2_wide.forced to '/tmp/x'", "exactly one SELECT"),
        ("select * from read_csv('/etc/passwd')", "a function in FROM"),
        ("select * from '/etc/passwd'", "does not exist"),
        ("select * from duckdb_settings()", "a function in FROM"),
        ("select * from pdr2_wide.forced, lateral read_text('/etc/passwd')", "a function in FROM"),
        ("set memory_limit = '90GB'", "exactly one SELECT"),
        ("install httpfs", "exactly one SELECT"),
        ("select " + "(" * 5000 + "1" + ")" * 5000, "syntax error"),
        ("select '" + "x" * 200_000 + "'", "at most 100,000"),
        ("", "the query is empty"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_not_one_query_for_rows_is_refused(server, sql, told):
    for answer in (asking.preview(server, sql), asking.submitted(server, sql)):
        assert answer.status_code == 406 and told in answer.text, answer.text


def test_a_file_is_not_read_even_where_no_parser_stands_before(server):
    # What the parser refuses, the database refuses too.
    from galaxiesml.mock.serve.sql.dialect import Query, QueryError
    from galaxiesml.mock.serve.sql.sandbox import Sandbox

    box = Sandbox({})
    for sql in (
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '/tmp/written-by-a-query'",
        "attach '/tmp/other.duckdb'",
        "set enable_external_access = true",
        "install httpfs",
        "from glob('/*')",
    ):
        with pytest.raises(QueryError):
            box.run(Query(sql, sql, False), 5.0, 10)
    box.close()


def test_without_a_check_the_job_ends_in_the_error(server):
    number = asking.submitted(server, "select nosuch from pdr2_wide.forced", skip_syntax_check=True).json()["id"]
    told = asking.ended(server, number)
    assert told["status"] == "error" and 'Referenced column "nosuch"' in told["error"]
    assert asking.job(server, "download", id=number).status_code == 406


def test_a_wrong_login_opens_nothing(server):
    number = asking.submitted(server, "select 1 as one").json()["id"]
    asking.ended(server, number)
    for login in (("simulated", "wrong"), ("wrong", "simulated"), ("", "")):
        for name in ("preview", "submit", "status", "cancel", "download", "delete"):
            asked = {"sql": "select 1", "out_format": "csv", "release_version": "pdr2"}
            answer = asking.job(server, name, login, id=number, catalog_job=asked)
            assert answer.status_code == 401 and "one" not in answer.text
    assert asking.job(server, "download", id=number).content == b"# one\n1\n"
    assert asking.job(server, "delete", id=number).status_code == 200
    assert asking.job(server, "status", id=number).status_code == 404


def test_bodies_that_are_not_what_clients_send(server):
    import requests

    url = f"{server.url}/datasearch/api/catalog_jobs/preview"
    assert requests.post(url, data=b"{", timeout=5).status_code == 400
    assert requests.post(url, data=b"[" * 100_000, timeout=5).status_code == 400
    assert requests.post(url, data=b" " * 4_100_000, timeout=5).status_code == 413
    assert requests.post(url, json=[1], timeout=5).status_code == 400
    assert requests.post(url, json={"credential": "x"}, timeout=5).status_code == 401
    asked = {"sql": "select 1", "out_format": "xlsx", "release_version": "pdr2"}
    assert asking.job(server, "submit", catalog_job=asked).status_code == 406
    assert (
        asking.job(server, "submit", catalog_job=asked | {"out_format": "csv", "release_version": "x"}).status_code
        == 406
    )
    assert asking.job(server, "status", id="nothing").status_code == 404


def test_queries_end_by_time_by_size_and_by_hand():
    with asking.served(job_seconds=0.3, most_rows=50) as server:
        began = time.monotonic()
        told = asking.ended(server, asking.submitted(server, ENDLESS).json()["id"])
        assert "statement timeout (0.3 s)" in told["error"] and time.monotonic() - began < 3
        pairs = "select a.ra from pdr2_wide.forced a, pdr2_wide.forced b"
        told = asking.ended(server, asking.submitted(server, pairs).json()["id"])
        assert told["error"] == "ERROR:  the result has more than 50 rows, which is not served"
        assert asking.downloaded(server, f"{pairs} limit 50").count(b"\n") == 51
    with asking.served() as server:
        running, queued = (asking.submitted(server, ENDLESS).json()["id"] for _ in range(2))
        # A preview waits for no job, and no job ends with another.
        assert asking.preview(server, "select 1 as one").json()["result"]["rows"] == [[1]]
        assert asking.job(server, "status", id=running).json()["status"] in ("queued", "running")
        for number in (queued, running):
            assert asking.job(server, "cancel", id=number).status_code == 200
            assert asking.ended(server, number)["error"] == "the job was cancelled"
        assert asking.downloaded(server, "select 1 as one") == b"# one\n1\n"


def test_a_database_is_closed_while_queries_run_and_come():
    """Its tables are freed after the last query has ended; what comes later is refused."""
    from galaxiesml.mock.serve.sql.dialect import QueryError, read_query
    from galaxiesml.mock.serve.sql.sandbox import Sandbox

    box = Sandbox({"few": pa.table({"object_id": list(range(1000))})})
    texts = [ENDLESS, *["select count(*) from few"] * 3]
    ends: list[str] = []

    def ask(text: str) -> None:
        while True:
            try:
                box.run(read_query(text, box.names), 60.0, 10)
            except QueryError as error:
                ends.append(str(error))
                return

    asking_it = [threading.Thread(target=ask, args=(text,), daemon=True) for text in texts]
    for thread in asking_it:
        thread.start()
    time.sleep(0.1)
    assert all(thread.is_alive() for thread in asking_it)
    box.close()
    for thread in asking_it:
        thread.join(timeout=5)
    assert len(ends) == 4 and all("the server is ending" in end or "cancelled" in end for end in ends)
    with pytest.raises(QueryError, match="the server is ending"):
        box.check(read_query("select 1 from few", box.names))
