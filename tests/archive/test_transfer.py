"""Requests and downloads against a server that misbehaves: what is tried again, resumed, refused, and never sent."""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import ssl
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from galaxiesml.archive.address import public_release, root_of
from galaxiesml.archive.credentials import Credentials
from galaxiesml.archive.download import Wanted, download, whole_gzip
from galaxiesml.archive.transfer import Patience, Refused, Temporary, Transfer
from galaxiesml.errors import ArchiveError, UsageError

from .server import Reply, ranged, serving

CONTENT = np.random.default_rng(3).bytes(1_500_000)
ACCOUNT = Credentials("an-astronomer", "h4rd-to-guess")
QUICK = Patience(seconds=20, attempts=4, first=0.01, most=0.05, jitter=0.01, connect=2, read=2)


def transfer(**changes) -> Transfer:
    return Transfer(ACCOUNT, **({"patience": QUICK} | changes))


def in_turn(*replies):
    """An answer that gives the replies in turn, the last one for ever."""
    left = list(replies)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_tried_again(status):
    with serving(in_turn(Reply(status), Reply(status), Reply(200, b'{"id": 7}'))) as server:
        assert transfer().fetch_json(server.root).content == {"id": 7}
        assert len(server.asked) == 3
        assert server.asked[0].headers["User-Agent"].startswith("galaxiesml/")


@pytest.mark.parametrize("status", [400, 403, 404, 406, 500])
def test_what_does_not_pass_is_not_tried_again(status):
    page = b"<html><style>x</style><body>The query <b>h4rd-to-guess</b> has an error</body></html>"
    with serving(lambda asked: Reply(status, page)) as server:
        with pytest.raises(Refused) as raised:
            transfer().fetch_json(server.root)
        assert raised.value.status == status and raised.value.words == "The query *** has an error"
        assert len(server.asked) == 1


def test_a_server_that_stays_away_ends_the_tries():
    with serving(lambda asked: Reply(503, b"full")) as server:
        with pytest.raises(Temporary, match="answers 503: full"):
            transfer().fetch_json(server.root)
        assert len(server.asked) == QUICK.attempts


@pytest.mark.filterwarnings("error")
def test_no_patience_is_one_try():
    with serving(lambda asked: Reply(503)) as server:
        with pytest.raises(Temporary, match=r"answers 503\."):
            transfer(patience=replace(QUICK, seconds=0.0)).fetch_json(server.root)
        assert len(server.asked) == 1


def test_retry_after_is_obeyed_on_503_and_ignored_with_success():
    with serving(in_turn(Reply(503, headers={"Retry-After": "1"}), Reply(200, b"{}", {"Retry-After": "9"}))) as server:
        began = time.monotonic()
        transfer().fetch_json(server.root)
        assert 1.0 <= time.monotonic() - began < 5


def test_retry_after_may_be_a_date():
    when = email.utils.formatdate(time.time() + 3600, usegmt=True)
    refused = pytest.raises(Temporary, match=r"asks to wait 3,[56]")
    with serving(lambda asked: Reply(429, headers={"Retry-After": when})) as server, refused:
        transfer().fetch_json(server.root)


def test_a_wait_longer_than_our_patience_is_said():
    with serving(lambda asked: Reply(429, headers={"Retry-After": "3600"})) as server:
        with pytest.raises(Temporary, match="asks to wait 3,600 s"):
            transfer().fetch_json(server.root)
        assert len(server.asked) == 1


def test_what_the_server_may_have_acted_on_is_not_sent_twice():
    with serving(lambda asked: Reply(200, b'{"id": 7}', sent=3)) as server:
        with pytest.raises(Temporary) as raised:
            transfer().fetch_json(server.root, {"catalog_job": {}}, account=True, once=True)
        assert raised.value.is_sent and len(server.asked) == 1
        assert server.asked[0].json["credential"] == {"account_name": "an-astronomer", "password": "h4rd-to-guess"}


def test_no_server_at_all():
    with serving(lambda asked: Reply()) as server:
        gone = server.root
    with pytest.raises(Temporary, match="cannot be reached") as raised:
        transfer().fetch_json(gone)
    assert not raised.value.is_sent


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("how", ["body", "header"])
def test_an_account_follows_no_redirect(status, how):
    with serving(lambda asked: Reply(200, b"{}")) as other:
        moved = Reply(status, headers={"Location": f"{other.root}/login"})
        refused = pytest.raises(ArchiveError, match=r"redirects to 127\.0\.0\.1.*carries your account")
        with serving(lambda asked: moved) as server, refused:
            if how == "body":
                transfer().fetch_json(server.root, {}, account=True)
            else:
                with transfer().answer("POST", server.root, upload=("list", "x"), basic=True):
                    pass
        assert other.asked == []


def test_what_carries_no_account_follows_redirects_but_never_off_tls():
    with serving(lambda asked: ranged(CONTENT, asked)) as other:
        moved = Reply(302, headers={"Location": f"{other.root}/file"})
        with serving(lambda asked: moved) as server, transfer().answer("GET", server.root) as answer:
            assert b"".join(transfer().chunks(answer)) == CONTENT
        assert "Authorization" not in other.asked[0].headers
    refused = pytest.raises(ArchiveError, match=r"redirects to example\.org without TLS")
    with serving(lambda asked: Reply(302, headers={"Location": "http://example.org/"})) as server, refused:
        transfer().fetch_json(server.root)
    with serving(lambda asked: Reply(302, headers={"Location": "/again"})) as server:
        with pytest.raises(ArchiveError, match="redirects more than 5 times"):
            transfer().fetch_json(server.root)
        assert len(server.asked) == 6


def test_netrc_and_proxies_of_the_environment(tmp_path, monkeypatch):
    """A .netrc for the host is not used, and what goes to this machine goes through no proxy."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password other-password\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(lambda asked: Reply(200, b"{}")) as server:
        transfer().fetch_json(server.root)
        assert "Authorization" not in server.asked[0].headers


# -- downloads -----------------------------------------------------------------------------------------------


def fetched(server, tmp_path, **changes):
    return download(transfer(), Wanted(f"{server.root}/file", tmp_path / "file.bin", **changes))


def only(tmp_path) -> list[str]:
    return sorted(path.name for path in tmp_path.iterdir())


def test_a_download_is_resumed_where_it_was_dropped(tmp_path):
    drops = [400_000, 300_000]

    def answer(asked):
        reply = ranged(CONTENT, asked)
        reply.sent = drops.pop(0) if drops else None
        return reply

    with serving(answer) as server:
        assert fetched(server, tmp_path).bytes == len(CONTENT)
        assert (tmp_path / "file.bin").read_bytes() == CONTENT and only(tmp_path) == ["file.bin"]
        assert "Range" not in server.asked[0].headers
        assert server.asked[-1].headers["Range"] == "bytes=700000-"
        assert server.sent_bytes == len(CONTENT)


def test_a_part_of_an_earlier_command_is_resumed(tmp_path):
    with serving(in_turn(Reply(200, CONTENT, {"ETag": '"v1"'}, sent=400_000), Reply(404))) as server:
        with pytest.raises(Refused):
            fetched(server, tmp_path)
        assert only(tmp_path) == [".file.bin.part", ".file.bin.part.json"]
        server.answer = lambda asked: ranged(CONTENT, asked)
        fetched(server, tmp_path)
        assert server.asked[-1].headers["Range"] == "bytes=400000-"
        assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["other version", "no etag", "no ranges", "wrong range"])
def test_what_cannot_be_resumed_begins_anew(tmp_path, kind):
    old = b"x" * 400_000

    def answer(asked):
        if len(server.asked) == 1:
            return Reply(200, old + CONTENT[400_000:], {} if kind == "no etag" else {"ETag": '"v0"'}, sent=400_000)
        if kind == "wrong range" and "Range" in asked.headers:
            told = {"Content-Range": f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", "ETag": '"v0"'}
            return Reply(206, CONTENT, told)
        return Reply(200, CONTENT) if kind == "no ranges" else ranged(CONTENT, asked)

    with serving(answer) as server:
        fetched(server, tmp_path)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT and only(tmp_path) == ["file.bin"]


@pytest.mark.parametrize("is_resumed", [True, False])
def test_a_length_that_is_never_reached(tmp_path, is_resumed):
    refused = pytest.raises(Temporary, match=r"closed the connection: [\d,]+ bytes came, [\d,]+ more|ended at byte")
    with serving(lambda asked: Reply(200, CONTENT, length=len(CONTENT) + 100)) as server, refused:
        fetched(server, tmp_path, is_resumed=is_resumed)
    assert only(tmp_path) == ([".file.bin.part"] if is_resumed else [])


def test_hash_and_size_are_those_that_are_published(tmp_path):
    right = hashlib.md5(CONTENT).hexdigest()
    with serving(lambda asked: ranged(CONTENT, asked)) as server:
        with pytest.raises(ArchiveError, match="published is 0000"):
            fetched(server, tmp_path, md5="0" * 32)
        assert only(tmp_path) == [] and len(server.asked) == 2
        with pytest.raises(Temporary, match="published are 5"):
            fetched(server, tmp_path, size=5)
        with pytest.raises(ArchiveError, match="at most 1,000"):
            fetched(server, tmp_path, limit=1000)
        assert only(tmp_path) == []
        fetched(server, tmp_path, md5=right, size=len(CONTENT))
    # One damaged answer is an accident.
    (tmp_path / "file.bin").unlink()
    with serving(in_turn(Reply(200, b"x" + CONTENT[1:]), Reply(200, CONTENT))) as server:
        fetched(server, tmp_path, md5=right)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_an_endless_answer_is_cut_off(tmp_path):
    refused = pytest.raises(ArchiveError, match="longer than 1,000,000")
    with serving(lambda asked: Reply(200, CONTENT, length=-1)) as server, refused:
        fetched(server, tmp_path, limit=1_000_000)
    assert only(tmp_path) == []


def test_gzip_is_checked_by_its_own_crc(tmp_path):
    whole = gzip.compress(CONTENT[:700_000]) + gzip.compress(CONTENT[700_000:])
    spoiled = whole[:-6] + b"abc" + whole[-3:]
    with serving(in_turn(Reply(200, whole[:-100]), Reply(200, spoiled), Reply(200, whole))) as server:
        fetched(server, tmp_path, check=whole_gzip)
        assert len(server.asked) == 3
    assert gzip.decompress((tmp_path / "file.bin").read_bytes()) == CONTENT
    with serving(lambda asked: Reply(200, b"<html>")) as server, pytest.raises(Temporary, match="not gzip"):
        fetched(server, tmp_path, check=whole_gzip)


def test_a_full_disk_keeps_the_part(tmp_path):
    """/dev/full takes no byte, as a full disk does."""

    def answer(asked):
        # The part is begun by now: from here on it is on a full disk.
        part = tmp_path / ".file.bin.part"
        if "Range" in asked.headers:
            part.unlink()
            part.symlink_to("/dev/full")
        return ranged(CONTENT, asked) if "Range" in asked.headers else Reply(200, CONTENT, {"ETag": '"v1"'}, sent=9)

    with serving(answer) as server, pytest.raises(OSError) as raised:
        fetched(server, tmp_path)
    assert raised.value.errno == 28 and raised.value.filename.endswith("file.bin")
    assert only(tmp_path) == [".file.bin.part", ".file.bin.part.json"] and len(server.asked) == 2


# -- addresses and accounts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("http://hsc-release.mtk.nao.ac.jp", "http://192.168.0.1:80", "ftp://localhost", "localhost:8008", "https://"),
        *("https://me:secret@hsc.example.org", "https://hsc.example.org/?a=b", "http://127.0.0.1.example.org"),
    ],
)
def test_addresses_that_are_refused(url):
    with pytest.raises(UsageError):
        root_of(url, "https://example.org")


@pytest.mark.parametrize("url", ["http://127.0.0.1:8008/", "http://localhost:1", "http://[::1]:80", "https://a.org/b"])
def test_addresses_that_are_taken(url, monkeypatch):
    assert root_of(url, "https://example.org") == url.rstrip("/")
    monkeypatch.setenv("GALAXIESML_ARCHIVE_URL", url)
    assert root_of(None, "https://example.org") == url.rstrip("/")


def test_releases_of_the_public_archive():
    assert (public_release("pdr2_wide"), public_release("pdr3_wide")) == ("pdr2", "pdr3")
    with pytest.raises(UsageError, match="s16a_wide"):
        public_release("s16a_wide")


def test_an_account_is_not_shown():
    assert "h4rd" not in repr(transfer()) and "astronomer" not in repr(transfer())


@pytest.fixture
def tls(tmp_path) -> tuple[ssl.SSLContext, Path]:
    """A server's context, and the certificate that is to be trusted."""
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run([*made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


def test_a_certificate_must_be_trusted(tls, monkeypatch):
    context, certificate = tls
    with serving(lambda asked: Reply(200, b'{"id": 1}'), context) as server:
        began = time.monotonic()
        with pytest.raises(ArchiveError, match=r"certificate of 127\.0\.0\.1:\d+ is not trusted") as raised:
            transfer().fetch_json(server.root, {}, account=True)
        assert "REQUESTS_CA_BUNDLE" in raised.value.hint and time.monotonic() - began < 2 and server.asked == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert transfer().fetch_json(server.root, {}, account=True).content == {"id": 1}


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_request_on_its_way_is_ended_by_another_thread(tls, monkeypatch, is_secure):
    """It waits for a server that says nothing; after that nothing more is sent."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls[1]))
    over, raised = threading.Event(), []
    asks = transfer(patience=replace(QUICK, read=60.0, seconds=60.0))

    def ask(root: str) -> None:
        try:
            asks.fetch_json(root, {}, account=True)
        except ArchiveError as error:
            raised.append(error)

    with serving(lambda asked: over.wait(30) and Reply(200, b"{}"), tls[0] if is_secure else None) as server:
        thread = threading.Thread(target=ask, args=(server.root,), daemon=True)
        thread.start()
        limit = time.monotonic() + 5
        while not server.asked:
            assert time.monotonic() < limit
            time.sleep(0.01)
        asks.end()
        thread.join(timeout=1)
        assert not thread.is_alive() and len(raised) == 1
        with pytest.raises(ArchiveError, match="stopped"):
            asks.fetch_json(server.root, {}, account=True)
        assert len(server.asked) == 1
        over.set()
