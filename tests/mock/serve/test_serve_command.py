"""`galaxiesml mock serve`, as a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from galaxiesml.mock.serve.faults import KINDS

from .. import skies
from . import asking


@contextlib.contextmanager
def command(*words: str, before=None, **environment: str):
    """The command; ``before`` is called in its process before it begins."""
    around = {name: value for name, value in os.environ.items() if not name.startswith("HSC_SSP_CAS_")}
    run = subprocess.Popen(
        [sys.executable, "-m", "galaxiesml", "mock", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=around | environment,
        preexec_fn=before,
    )
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


def counts(url: str) -> dict:
    return requests.get(f"{url}/_counts", timeout=5).json()


def test_it_says_its_url_serves_and_ends_at_once_with_all_that_it_does():
    with command(str(skies.made()), "--port", "0", "--delay-row", "500") as run:
        url = run.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        held = asking.Address(url)
        # A list on its way and a query that does not end by itself.
        text = (skies.made() / "cutouts" / "r-1.txt").read_text()
        upload = threading.Thread(target=_tried, args=(asking.upload, held, text))
        upload.start()
        endless = "with recursive a as (select 1 as n union all select n + 1 from a) select count(*) from a"
        number = asking.submitted(held, endless).json()["id"]
        limit = time.monotonic() + 5
        while asking.job(held, "status", id=number).json()["status"] != "running" or "cutout" not in counts(url):
            assert time.monotonic() < limit
            time.sleep(0.02)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=5)
        assert time.monotonic() - began < 2 and run.returncode == 130 and out == ""
        assert "HSC_SSP_CAS_USER=simulated" in err and "Traceback" not in err
        upload.join(timeout=5)
        assert not upload.is_alive()


def _tried(ask, *words, **named) -> None:
    with contextlib.suppress(requests.RequestException):
        ask(*words, **named)


def test_it_is_this_machine_s_alone_and_takes_the_account_of_its_environment():
    login = {"HSC_SSP_CAS_USER": "astronomer", "HSC_SSP_CAS_PASSWORD": "a word that is not told"}
    with command(str(skies.made()), "--port", "0", **login) as run:
        url = run.stdout.readline().strip()
        port = int(url.rpartition(":")[2])
        with pytest.raises(OSError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass
        # A name of another site that leads here, as a page in a browser could use it.
        assert requests.get(f"{url}/_counts", headers={"Host": f"example.org:{port}"}, timeout=5).status_code == 400
        held = asking.Address(url)
        assert asking.job(held, "preview", ("simulated", "simulated")).status_code == 401
        told = asking.job(
            held, "preview", tuple(login.values()), catalog_job={"sql": "select 1", "release_version": "pdr2"}
        )
        assert told.status_code == 200
        assert counts(url)["answers"] == {"401": 1, "200": 1}
        run.send_signal(signal.SIGTERM)
        out, err = run.communicate(timeout=5)
        assert run.returncode == 143 and "not told" not in out + err and "astronomer" not in out + err


def test_its_authority_is_told_and_gone_at_the_end():
    pytest.importorskip("trustme", reason="https needs the extra mock")
    with command(str(skies.made()), "--port", "0", "--tls") as run:
        url = run.stdout.readline().strip()
        assert url.startswith("https://localhost:")
        path = Path(run.stderr.readline().strip().partition("REQUESTS_CA_BUNDLE=")[2])
        assert requests.get(f"{url}/_counts", verify=str(path), timeout=5).json()["total"] == {}
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{url}/_counts", timeout=5)
        assert "PRIVATE" not in path.read_text()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=5) == 130 and not path.parent.exists()


def test_ctrl_c_that_is_blocked_when_it_starts_ends_it_all_the_same():
    with command(
        str(skies.made()), "--port", "0", before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    ) as run:
        assert run.stdout.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=5) == 130


def test_ctrl_c_that_is_ignored_when_it_starts_stays_so_and_it_says_what_ends_it():
    """As a shell starts it with `&` in a script."""
    with command(str(skies.made()), "--port", "0", before=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) as run:
        url = run.stdout.readline().strip()
        run.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert run.poll() is None and counts(url)["total"] == {}
        run.send_signal(signal.SIGTERM)
        _, err = run.communicate(timeout=5)
        assert run.returncode == 143 and f"Serving until `kill {run.pid}` (Ctrl-C is ignored here)" in err


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.1, 0.3, 0.6])
def test_ctrl_c_while_it_starts(seconds):
    """Before Python is there the system ends the process; while Python starts it fails; then the command ends."""
    with command(str(skies.made()), "--port", "0") as run:
        time.sleep(seconds)
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=5) in (-signal.SIGINT, 1, 130)


def test_a_request_that_waits_for_its_query_does_not_hold_it(tmp_path):
    """A preview is stopped by the server's end, not by its own five seconds; nothing of the server is left."""
    with command(str(skies.made()), "--port", "0", TMPDIR=str(tmp_path)) as run:
        url = run.stdout.readline().strip()
        assert [path.name[:17] for path in tmp_path.iterdir()] == ["galaxiesml-serve-"]
        endless = "with recursive a as (select 1 as n union all select n + 1 from a) select count(*) from a"
        wanted = {"catalog_job": {"sql": endless, "release_version": "pdr2"}}
        asked = threading.Thread(target=_tried, args=(asking.job, asking.Address(url), "preview"), kwargs=wanted)
        asked.start()
        limit = time.monotonic() + 5
        while "preview" not in counts(url):
            assert time.monotonic() < limit
        time.sleep(0.2)
        began = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=5) == 130 and time.monotonic() - began < 2 and not list(tmp_path.iterdir())
        asked.join(timeout=5)


def test_connections_that_stay_open_do_not_hold_it():
    """One is idle between two requests; one has sent half of a request."""
    with command(str(skies.made()), "--port", "0") as run, requests.Session() as idle:
        url = run.stdout.readline().strip()
        assert idle.get(f"{url}/_counts", timeout=5).ok
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=2) as half:
            half.sendall(
                b"POST /das_cutout/pdr2/cgi-bin/cutout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
            )
            began = time.monotonic()
            run.send_signal(signal.SIGINT)
            assert run.wait(timeout=5) == 130 and time.monotonic() - began < 2


def test_what_it_cannot_serve_is_said(tmp_path, capsys):
    def told(*words) -> tuple[int, str, str]:
        code = skies.run("mock", "serve", *map(str, words))
        return code, *capsys.readouterr()

    sky = skies.made()
    code, out, err = told(tmp_path)
    assert (code, out) == (3, "") and "has no mock.json" in err and "galaxiesml mock sky --out" in err
    older = tmp_path / "older"
    shutil.copytree(sky, older)
    (older / "truth" / "forced2.parquet").unlink()
    code, out, err = told(older, "--port", 0)
    assert (code, out) == (3, "") and "forced2.parquet" in err and "--force" in err
    (older / "cutouts" / "r-1.txt").unlink()
    shutil.copy(sky / "truth" / "forced2.parquet", older / "truth")
    code, out, err = told(older, "--port", 0)
    assert (code, out) == (3, "") and "its upload list r-1.txt is missing" in err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, out, err = told(sky, "--port", taken.getsockname()[1])
    assert (code, out) == (2, "") and "cannot be used: Address already in use" in err and "--port 0" in err
    code, out, err = told(sky, "--port", 0, "--fault", "503:2")
    assert (code, out) == (2, "") and "--fault 503:2" in err
    code, out, err = told(sky, "--port", 0, "--release", tmp_path / "none")
    assert (code, out) == (3, "") and "is not a folder" in err
    for words in (["--port", 70_000], ["--delay-row", -1], ["--most-rows", 0]):
        code, out, err = told(sky, *words)
        assert (code, out) == (2, "") and f"{words[0]} {words[1]} is out of range" in err


def test_its_help_names_every_fault(capsys):
    run = subprocess.run(
        [sys.executable, "-m", "galaxiesml", "mock", "serve", "--help"], capture_output=True, text=True
    )
    told = " ".join(run.stdout.replace("│", " ").split())
    assert f"Kinds: {', '.join(KINDS)}." in told


def test_counts_are_json_for_proofs(server):
    before = counts(server.url)
    answer = asking.upload(server, (skies.made() / "cutouts" / "r-1.txt").read_text())
    after = counts(server.url)
    spent = {key: after["cutout"][key] - before.get("cutout", {}).get(key, 0) for key in after["cutout"]}
    rows = len((skies.made() / "cutouts" / "r-1.txt").read_text().splitlines()) - 1
    assert spent == {
        "requests": 1,
        "bytes": len(answer.content),
        "rows_asked": rows,
        "rows_absent": rows - len({name.split("-")[0] for name in asking.untarred(answer.content)}),
        "pictures": len(asking.untarred(answer.content)),
    }
    assert json.loads(json.dumps(after)) == after
