"""Each fault is what it says, is drawn by a seed, and happens where it can."""

import gzip
import io
import tarfile
import time
import zlib

import pytest
import requests

from galaxiesml.errors import UsageError
from galaxiesml.mock.serve.faults import CATALOGUE, ENDPOINTS, KINDS, Draw, parse_faults

from .. import skies
from . import asking

SQL = "select object_id, ra, dec, coord from pdr2_wide.forced"


def own_list(stem: str = "r-1") -> str:
    return (skies.made() / "cutouts" / f"{stem}.txt").read_text()


def own_tar(stem: str = "r-1") -> dict[str, bytes]:
    return {name: data for (of, name), data in skies.members("cutouts").items() if of == stem}


@pytest.mark.parametrize("kind, status", [("401", 401), ("406", 406), ("429", 429), ("502", 502), ("503", 503)])
def test_a_status_takes_the_place_of_the_answer(kind, status):
    with asking.served(faults=[f"{kind}:1"]) as server:
        answer = asking.preview(server, SQL)
        assert answer.status_code == status and "43" not in answer.text
        assert answer.headers.get("retry-after") == ("1" if kind == "429" else None)
        counts = server.counts()
        assert counts["faults"] == {kind: 1} and counts["answers"] == {str(status): 1}
        # A query can be refused; a list of pictures has no SQL.
        assert asking.upload(server, own_list()).status_code == (200 if kind == "406" else status)


def test_dropped_and_overlong_answers_are_never_completed():
    for kind in ("drop", "length"):
        with asking.served(faults=[f"{kind}:1"]) as server:
            with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
                asking.upload(server, own_list())
            # At least half of the tar was sent; all of it where only its length is wrong.
            assert server.counts()["cutout"]["bytes"] > 4_000_000


def test_a_dropped_connection_is_dropped_at_once():
    rows = len(own_list().splitlines()) - 1
    with asking.served(faults=["drop:1"], delay_row_ms=100.0) as server:
        began = time.monotonic()
        with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            asking.upload(server, own_list())
        assert 0.03 * rows < time.monotonic() - began < 0.08 * rows


def test_tars_that_are_cut_short_have_the_length_that_they_say():
    with asking.served(faults=["tar:1"]) as server:
        answer = asking.upload(server, own_list())
    assert answer.status_code == 200 and int(answer.headers["content-length"]) == len(answer.content)
    with pytest.raises(tarfile.ReadError), tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        for member in tar:
            tar.extractfile(member).read()


def test_a_row_too_many_is_of_a_line_that_the_list_has_not():
    with asking.served(faults=["row:1"]) as server:
        answer = asking.upload(server, own_list())
        assert asking.untarred(asking.upload(server, own_list("g-outside-1")).content) == {}
    found, own = asking.untarred(answer.content), own_tar()
    (more,) = set(found) - set(own)
    assert {name: found[name] for name in own} == own
    assert int(more.split("-")[0]) == len(own_list().splitlines()) + 1


def test_html_comes_with_status_200():
    with asking.served(faults=["html:1"]) as server:
        answer = asking.upload(server, own_list())
        assert asking.preview(server, "select 1 as one").status_code == 200
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")
    assert answer.content.startswith(b"<!DOCTYPE html>")


def test_a_wrong_bit_shows_in_the_file_s_own_checks(tmp_path):
    (tmp_path / "file").write_bytes(b"\0" * 1000)
    with asking.served(faults=["hash:1"], release=tmp_path) as server:
        packed = asking.downloaded(server, SQL, "csv.gz")
        sent = requests.get(f"{server.url}/records/11117528/files/file", timeout=5).content
        # Pictures have no checksum that would show it.
        assert asking.untarred(asking.upload(server, own_list()).content) == own_tar()
    assert len(sent) == 1000 and sum(bin(byte).count("1") for byte in sent) == 1
    with pytest.raises((gzip.BadGzipFile, EOFError, OSError, zlib.error)):
        gzip.decompress(packed)


def test_slow_answers_come_whole():
    with asking.served(faults=["slow:1"], slow_seconds=0.4) as server:
        began = time.monotonic()
        assert asking.untarred(asking.upload(server, own_list()).content) == own_tar()
        # Not that long for each picture of the tar.
        assert 0.35 < time.monotonic() - began < 2.0


def test_some_jobs_never_end_until_they_are_cancelled():
    with asking.served(faults=["never:1"]) as server:
        number = asking.submitted(server, "select 1 as one").json()["id"]
        time.sleep(0.3)
        assert asking.job(server, "status", id=number).json()["status"] == "running"
        assert asking.preview(server, "select 1 as one").status_code == 200
        asking.job(server, "cancel", id=number)
        assert asking.job(server, "status", id=number).json()["status"] == "error"


def test_the_other_host_of_a_redirect_sees_what_a_client_brings():
    with asking.served(faults=["redirect:1"]) as server:
        answer = asking.preview(server, SQL)
        assert answer.status_code == 307
        assert answer.headers["location"].startswith(f"http://localhost:{server.port}/_elsewhere/datasearch/")
        assert server.counts()["elsewhere"] == {"requests": 0, "with_credentials": 0}
        # What requests does by itself: the body goes with its password; the header of HTTP Basic does not.
        credential = {"account_name": "simulated", "password": "simulated"}
        path = "/datasearch/api/catalog_jobs/status"
        requests.post(server.url + path, json={"credential": credential}, timeout=5)
        assert server.counts()["elsewhere"] == {"requests": 1, "with_credentials": 1}
        requests.get(f"{server.url}/records/11117528", auth=asking.LOGIN, timeout=5)
        assert server.counts()["elsewhere"] == {"requests": 2, "with_credentials": 1}


def test_equal_seeds_meet_equal_faults_in_the_shares_that_were_asked_for():
    shares = parse_faults(["503:0.1", "drop:0.05", "406:0.2"])
    endpoints = ["submit", "cutout"] * 5000

    def drawn(seed: int) -> list[str | None]:
        draw = Draw(shares, seed)
        return [draw.next(endpoint) for endpoint in endpoints]

    found = drawn(1)
    assert found == drawn(1) != drawn(2)
    for endpoint, wanted in (("submit", shares), ("cutout", {"503": 0.1, "drop": 0.05})):
        of = [fault for fault, name in zip(found, endpoints, strict=True) if name == endpoint]
        assert set(of) == {*wanted, None}
        # Five standard deviations of 5,000 draws.
        assert all(abs(of.count(kind) / 5000 - share) < 0.03 for kind, share in wanted.items())
    assert Draw(shares, 1).next(None) is None


@pytest.mark.parametrize(
    "texts, told",
    [
        (["504:0.1"], "Unknown fault in --fault 504:0.1"),
        (["503"], "--fault 503: the share"),
        (["503:nan"], "--fault 503:nan: the share"),
        (["503:0"], "the share is not a number above 0"),
        (["503:1.5"], "the share is not a number above 0"),
        (["503:0.1", "503:0.2"], "given twice"),
        (["503:0.6", "drop:0.6"], "add up to 1.2"),
    ],
)
def test_faults_that_are_none(texts, told):
    with pytest.raises(UsageError, match=told) as raised:
        parse_faults(texts)
    assert raised.value.hint


def test_every_kind_names_addresses_that_exist():
    assert all(set(kind.where) <= set(ENDPOINTS) and kind.where and kind.about for kind in KINDS.values())
    assert set(CATALOGUE) < set(ENDPOINTS)
