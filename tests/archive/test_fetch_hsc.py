"""``fetch hsc`` and ``fetch jobs``: one job a query, whatever happens on the way, landed as `ingest hsc` lands."""

from __future__ import annotations

import json
import re
import signal

import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from tests.made.signalled import signalled

from .jobs_service import JobsService
from .server import Reply, serving


@pytest.fixture
def catalog(tmp_path):
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


@pytest.fixture
def service(exported, account):
    return JobsService(exported)


def words(catalog, server, *more) -> list:
    return ["-C", catalog.root, "fetch", "hsc", "--url", server.root, *more]


def landed_rows(catalog, kind="joined") -> list[dict]:
    """Every landed row without the file it came from, in the order of landing."""
    table = catalog.connect().sql(
        f"select * exclude (landing, source_file, source_sha256, source_row) from hsc_{kind} "
        "order by landing, source_row"
    )
    return table.to_arrow_table().to_pylist()


def test_fetched_is_what_ingest_lands(catalog, service, typed, tmp_path, not_told):
    with serving(service) as server:
        code, out, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 0, err
        assert "is landed as 1" in out and "submitted as job 1" in err
        asked = [path.rpartition("/")[2] for path in server.paths()]
        assert asked == ["submit", "status", "download", "delete"]
        typed_again = typed(*words(catalog, server, "--query", "wide"))
        assert typed_again[0] == 0 and "already landed, as 1" in typed_again[1]
        assert len(server.asked) == 4
    # The same bytes, landed by hand in another catalogue.
    other = Catalog.create(tmp_path / "by-hand", "pdr2_wide")
    entry = catalog.landings()[0]
    path = tmp_path / entry["source_file"]
    path.write_bytes(service.export(1))
    assert typed("-C", other.root, "ingest", "hsc", path, "--archive-query", "wide")[0] == 0
    by_hand = other.landings()[0]
    assert by_hand["source_sha256"] == entry["source_sha256"]
    differ = {key for key in entry | by_hand if entry.get(key) != by_hand.get(key)}
    assert differ <= {"fetched", "landed_at"} and "fetched" in differ
    folders = [next((each.raw / "hsc").glob("0001-*")) for each in (catalog, other)]
    assert (folders[0] / "joined.parquet").read_bytes() == (folders[1] / "joined.parquet").read_bytes()
    marts = []
    for each in (catalog, other):
        build(each)
        marts.append({path.name: path.read_bytes() for path in each.current_build().glob("*.parquet")})
    assert len(marts[0]) > 20 and marts[0] == marts[1]
    _, told, _ = typed("-C", catalog.root, "audit", "lineage", "galaxies.specz_redshift")
    # The server's own time, whatever day it is.
    submitted = (
        rf"fetched from {re.escape(server.root)}/datasearch/api/catalog_jobs/submit \(job 1, pdr2, \w{{3}}, \d\d "
    )
    assert re.search(submitted, told), told
    assert "FROM pdr2_wide.specz" in told
    fetched = entry["fetched"]
    assert fetched["job"] == 1 and fetched["release"] == "pdr2" and "ORDER BY object_id" in fetched["sql"]
    assert fetched["url"] == f"{server.root}/datasearch/api/catalog_jobs/submit" and fetched["server_time"]
    assert list((catalog.root / "fetch" / "hsc").glob("*.gz")) == []
    not_told(catalog.root, out, err)


def test_a_job_is_paid_for_once_whatever_happens(catalog, service, typed, not_told):
    """Killed while it waits, the network lost in the download: the same command goes on with job 1."""
    service.looks = 10**6
    with serving(service) as server:
        record = catalog.root / "fetch" / "jobs"
        ended = signalled(
            words(catalog, server, "--query", "wide"),
            signal.SIGINT,
            lambda seconds: seconds > 60 or any('"state": "submitted"' in p.read_text() for p in record.glob("*.json")),
        )
        assert ended.code == 130 and ended.seconds < 2 and ended.left == [], ended.screen
        service.looks = service.jobs[1]["looks"] = 1
        service.fault = lambda asked, action: Reply(404, b"away") if action == "download" else None
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 9 and "does not give job 1" in err
        service.fault = lambda asked, action: Reply(503) if action == "download" else None
        code, _, err = typed(*words(catalog, server, "--query", "wide", "--retry-for", "0.1"))
        assert code == 9 and "answers 503" in err
        service.fault = lambda asked, action: None
        code, out, _ = typed(*words(catalog, server, "--query", "wide"))
        assert code == 0 and "is landed as 1" in out
        # The archive said that job 1 is gone: that, and nothing else, was a reason for a second one.
        assert list(service.jobs) == [1, 2]
        rows = json.loads(typed("-C", catalog.root, "fetch", "jobs", "--json")[1])
        assert [(row["id"], row["state"], row["is_deleted"]) for row in rows] == [(2, "landed", True)]
        not_told(catalog.root, ended.screen, err)


def test_parts_are_landed_in_the_order_of_object_id(catalog, service, typed):
    """A query that is refused for its size is halved until it is not; its rows come in the order of the whole."""
    service.most = 400
    with serving(service) as server:
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 0, err
        assert "too large for this service" in err and "It is asked in 2 parts" in err
    landed = catalog.landings()
    assert len(landed) >= 3 and sum(entry["rows"] for entry in landed) == len(service.rows) - 1
    assert [entry["fetched"]["part"] is not None for entry in landed] == [True] * len(landed)
    ids = [row["object_id"] for row in landed_rows(catalog)]
    assert ids == sorted(ids) == [int(row[0]) for row in service.rows[1:]]
    # Landed whole elsewhere, the rows are the same in the same order.
    service.most = 10**9
    whole = Catalog.create(catalog.root.parent / "whole", "pdr2_wide")
    with serving(service) as server:
        assert typed(*words(whole, server, "--query", "wide"))[0] == 0
        assert landed_rows(whole) == landed_rows(catalog)
        four = Catalog.create(catalog.root.parent / "four", "pdr2_wide")
        assert typed(*words(four, server, "--query", "wide", "--parts", "4"))[0] == 0
        assert len(four.landings()) == 4 and landed_rows(four) == landed_rows(whole)
        code, _, err = typed(*words(whole, server, "--query", "wide", "--parts", "4"))
        assert code == 2 and "already landed, as 1" in err


def test_the_papers_query_keeps_the_servers_order_and_is_not_split(catalog, service, typed):
    with serving(service) as server:
        code, _, err = typed(*words(catalog, server, "--query", "paper", "--parts", "3"))
        assert code == 2 and "does not end in ORDER BY object_id" in err
        code, _, err = typed(*words(catalog, server, "--query", "paper"))
        assert code == 0 and "the order of the rows is the server's" in err
    assert catalog.landings()[0]["archive"]["query"] == "paper"


def test_counts_are_printed_and_land_nothing(catalog, service, typed):
    with serving(service) as server:
        code, out, _ = typed(*words(catalog, server, "--query", "counts", "--json"))
        told = json.loads(out)
        assert code == 0 and (told["objects"], told["with_spectrum"]) == (1000, 900)
        assert told["provenance"]["job"] == 1
        assert typed(*words(catalog, server, "--query", "counts"))[1].split()[-2:] == ["1000", "900"]
        assert list(service.jobs) == [1] == service.deleted
    assert catalog.landings() == []


def test_preview(catalog, service, typed):
    with serving(service) as server:
        code, out, err = typed(*words(catalog, server, "--query", "wide", "--preview"))
        assert code == 0 and len(out.splitlines()) == 5 and "3 of 1,000 rows" in err
        assert [path.rpartition("/")[2] for path in server.paths()] == ["preview"]


def test_errors_of_the_archive_say_where(catalog, service, typed, tmp_path, monkeypatch, not_told):
    mine = tmp_path / "mine.sql"
    mine.write_text("-- mine\nSELECT object_id,\n    no_such_column\nFROM pdr2_wide.forced\n")
    with serving(service) as server:
        code, _, err = typed(*words(catalog, server, "--query", mine))
        assert code == 9 and 'column "no_such_column" does not exist' in err and "line 3: no_such_column" in err
        service.fault = lambda asked, action: Reply(406, b"LINE 2: SELECT; asked by h4rd-to-guess of an-astronomer")
        code, _, err = typed(*words(catalog, server, "--query", mine))
        assert code == 9 and "line 2: SELECT object_id," in err
        not_told(catalog.root, err)
        service.fault = lambda asked, action: None
        monkeypatch.setenv("HSC_SSP_CAS_PASSWORD", "wrong")
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 9 and "HSC_SSP_CAS_PASSWORD" in err and "401" in err
        monkeypatch.delenv("HSC_SSP_CAS_PASSWORD")
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 2 and "HSC_SSP_CAS_PASSWORD is not set" in err
    code, _, err = typed("-C", catalog.root, "fetch", "hsc", "--query", "wide", "--url", "http://example.org")
    assert code == 2 and "http://127.0.0.1:8008" in err


def test_an_answer_that_was_lost_is_said_and_not_sent_twice(catalog, service, typed):
    with serving(service) as server:
        service.fault = lambda asked, action: Reply(200, b'{"id": 1}', sent=3) if action == "submit" else None
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 9 and len(server.asked) == 1
        service.fault = lambda asked, action: None
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 0 and "was cut off before the archive answered" in err


def test_jobs_are_listed_refreshed_and_cancelled(catalog, service, typed):
    service.looks = 3
    with serving(service) as server:
        service.fault = lambda asked, action: Reply(400, b"later") if action == "status" else None
        assert typed(*words(catalog, server, "--query", "wide"))[0] == 9
        service.fault = lambda asked, action: None
        jobs = ["-C", catalog.root, "fetch", "jobs"]
        assert "lost" in typed(*jobs)[1]
        service.fault = lambda asked, action: Reply(503, b"later") if action == "status" else None
        assert typed(*words(catalog, server, "--query", "wide", "--retry-for", "0.1"))[0] == 9
        service.fault = lambda asked, action: None
        code, out, _ = typed(*jobs, "--refresh", "--url", server.root)
        assert code == 0 and "submitted" in out and "running" in out
        code, _, err = typed(*jobs, "--cancel", "9", "--url", server.root)
        assert code == 2 and "running: 2" in err
        code, out, _ = typed(*jobs, "--cancel", "2", "--url", server.root)
        assert code == 0 and "cancelled" in out and service.jobs[2]["sql"] == "cancelled"


def test_again_replaces_the_landing(catalog, service, typed):
    with serving(service) as server:
        assert typed(*words(catalog, server, "--query", "wide", "--keep"))[0] == 0
        assert service.deleted == [] and len(list((catalog.root / "fetch" / "hsc").glob("wide-*.csv.gz"))) == 1
        service.rows = service.rows[:-10]
        assert typed(*words(catalog, server, "--query", "wide", "--again"))[0] == 0
    (entry,) = catalog.landings()
    assert entry["landing"] == 1 and entry["rows"] == len(service.rows) - 1 and entry["fetched"]["job"] == 2


def test_another_fetch_is_refused(catalog, service, typed):
    from galaxiesml.archive.folder import fetching

    with serving(service) as server, fetching(catalog, "hsc"):
        code, _, err = typed(*words(catalog, server, "--query", "wide"))
    assert code == 5 and "Another process fetches hsc" in err


def _spoiled(service: JobsService, kind: str, asked, action: str) -> Reply | None:
    """What goes wrong with one request; None lets it pass."""
    if kind in ("429", "502", "503"):
        return Reply(int(kind), b"later", {"Retry-After": "0"})
    if action != "download":
        return Reply(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}) if kind == "page" else None
    whole = service.export(asked.json["id"])
    half = len(whole) // 2
    return {
        "dropped": Reply(200, whole, {"ETag": '"1"'}, sent=half),
        "truncated": Reply(200, whole[:half]),
        "wrong length": Reply(200, whole, length=len(whole) + 9),
        "damaged": Reply(200, whole[:half] + bytes([whole[half] ^ 1]) + whole[half + 1 :]),
        "page": Reply(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
    }[kind]


@pytest.mark.parametrize("kind", ["429", "502", "503", "dropped", "truncated", "wrong length", "damaged", "page"])
def test_a_fault_in_every_call_is_passed_over(catalog, service, typed, kind):
    """The first request of each call goes wrong; the query is submitted once and its export landed whole."""
    seen = set()

    def fault(asked, action):
        if action in seen or (action == "submit" and kind == "page"):
            return None
        seen.add(action)
        return _spoiled(service, kind, asked, action)

    service.fault = fault
    with serving(service) as server:
        code, out, err = typed(*words(catalog, server, "--query", "wide"))
        assert code == 0 and "is landed as 1" in out, err
        downloads = [asked for asked in server.asked if asked.path.endswith("download")]
    assert list(service.jobs) == [1] == service.deleted and len(downloads) == 2
    assert [entry["rows"] for entry in catalog.landings()] == [len(service.rows) - 1]
    assert ("Range" in downloads[1].headers) == (kind == "dropped")
