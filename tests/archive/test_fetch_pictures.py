"""``fetch cutouts`` and ``fetch psf``: every line asked is landed, absent or refused, and none is sent twice."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time

import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from tests.curation.landed import land_rows, new_catalog
from tests.made.galaxies import at, galaxy, manifest
from tests.made.signalled import signalled

from .cutout_service import CutoutService
from .server import Reply, serving

COUNT = 12


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Twelve galaxies, two at one place, and a build without a picture."""
    catalog = new_catalog(tmp_path_factory.mktemp("fetched") / "cat")
    land_rows(catalog, [galaxy(number) for number in range(1, COUNT)] + [galaxy(99, ra=at(1)[0], dec=at(1)[1])])
    build(catalog)
    return catalog


@pytest.fixture
def catalog(built, tmp_path, account):
    shutil.copytree(built.root, tmp_path / "cat")
    return Catalog.open(tmp_path / "cat")


def words(catalog, server, *more, kind="cutouts") -> list:
    return ["-C", catalog.root, "fetch", kind, "--url", server.root, "--rows", "5", *more]


def fetched(typed, catalog, server, *more, kind="cutouts") -> dict:
    code, out, err = typed(*words(catalog, server, "--json", *more, kind=kind))
    assert code == 0, err
    told = json.loads(out)
    assert told["asked"] == told["landed"] + told["absent"] + len(told["refused"])
    return told


def left(catalog, kind="cutouts") -> list[str]:
    return sorted(path.name for path in (catalog.root / "fetch" / kind).rglob("*") if path.is_file())


def test_every_line_is_landed_or_absent(catalog, typed, not_told):
    outside = at(3)
    service = CutoutService(absent=lambda ra, dec: (ra, dec) == outside)
    with serving(service) as server:
        code, out, err = typed(*words(catalog, server, "--layers", "image,mask,variance"))
        assert code == 0 and "55 lines asked = 50 landed + 5 absent + 0 refused; 15 tars" in out, err
        assert service.sizes.count(5) == 10 and service.sizes.count(1) == 5 and server.most_at_once <= 4
        # What landed since the build is not asked for again.
        assert fetched(typed, catalog, server)["asked"] == 0
    assert left(catalog) == [".lock"]
    build(catalog)
    found = manifest(catalog)
    assert found[1, "g"]["picture_state"] == found[99, "g"]["picture_state"] == "present"
    assert found[3, "y"]["picture_reason_class"] == "outside_coverage"
    assert "asked for in cutouts-HSC-Y-" in found[3, "y"]["picture_reason"]
    info = catalog.landings("cutouts")[0]["fetched"]
    assert info["url"] == f"{server.root}/das_cutout/pdr2/cgi-bin/cutout" and info["release"] == "pdr2"
    with serving(service) as server:
        assert fetched(typed, catalog, server)["asked"] == 0
        assert fetched(typed, catalog, server, "--again", "--bands", "g")["absent"] == 1
    not_told(catalog.root, out, err)


def test_nothing_is_covered(catalog, typed):
    """Empty tars have the same bytes; each is the answer to a list of its own."""
    service = CutoutService(absent=lambda ra, dec: True)
    with serving(service) as server:
        told = fetched(typed, catalog, server, "--bands", "gr")
        assert (told["asked"], told["absent"], told["tars"]) == (22, 22, 6)
        assert fetched(typed, catalog, server, "--bands", "gr")["asked"] == 0
    assert len(catalog.landings("cutouts")) == 6
    build(catalog)
    found = manifest(catalog)
    assert {found[number, band]["picture_reason_class"] for number in range(1, COUNT) for band in "gr"} == {
        "outside_coverage"
    }


def test_one_bad_row_costs_one_row(catalog, typed):
    service = CutoutService(bad=lambda ra, dec: (ra, dec) == at(4))
    with serving(service) as server:
        told = fetched(typed, catalog, server, "--bands", "g")
    assert (told["asked"], told["landed"], told["absent"]) == (11, 10, 0)
    (refused,) = told["refused"]
    assert repr(at(4)[0]) in refused["line"] and "answers 500: Internal Server Error" in refused["reason"]
    assert sorted(service.sent_rows) == sorted(set(service.sent_rows)) and len(service.sent_rows) == 10
    assert left(catalog) == [".lock"]


def cut(tar: bytes) -> Reply:
    return Reply(200, tar[: len(tar) // 2 // 512 * 512])


FAULTS = {
    "429": lambda tar: Reply(429, headers={"Retry-After": "0"}),
    "502": lambda tar: Reply(502),
    "503": lambda tar: Reply(503, b"busy"),
    "504": lambda tar: Reply(504),
    "dropped": lambda tar: Reply(200, tar, sent=len(tar) // 2),
    "wrong length": lambda tar: Reply(200, tar, length=len(tar) + 512),
    "shorter length": lambda tar: Reply(200, tar, length=1024, sent=1024),
    "truncated": cut,
    "page": lambda tar: Reply(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"}),
    "nothing": lambda tar: Reply(200, b""),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_is_passed_over(catalog, typed, kind):
    """Every third request goes wrong; every picture lands all the same, once."""
    service = CutoutService(fault=lambda number, tar: FAULTS[kind](tar) if number % 3 == 0 else None)
    with serving(service) as server:
        told = fetched(typed, catalog, server, "--bands", "gi")
    assert (told["asked"], told["landed"]) == (22, 22)
    assert len(service.sent_rows) == len(set(service.sent_rows)) == 22


@pytest.mark.parametrize("kind", ["page", "truncated", "nothing"])
def test_a_service_that_is_down_is_not_asked_for_every_row(catalog, typed, kind):
    service = CutoutService(fault=lambda number, tar: FAULTS[kind](tar))
    with serving(service) as server:
        code, _, err = typed(*words(catalog, server))
        assert code == 9 and "answers in a row could not be used" in err and len(server.asked) < 60
        assert kind != "page" or "Please log in" in err
    assert catalog.landings("cutouts") == []


def test_what_ends_the_command_at_once(catalog, typed, monkeypatch, not_told):
    with serving(CutoutService()) as server:
        monkeypatch.setenv("HSC_SSP_CAS_PASSWORD", "wrong")
        code, _, err = typed(*words(catalog, server))
        assert code == 9 and "answers 401" in err and len(server.asked) <= 4
    monkeypatch.setenv("HSC_SSP_CAS_PASSWORD", "h4rd-to-guess")
    with serving(lambda asked: Reply(200)) as other:
        with serving(lambda asked: Reply(307, headers={"Location": f"{other.root}/x"})) as server:
            code, _, err = typed(*words(catalog, server))
            assert code == 9 and "carries your account" in err
        assert other.asked == []
    code, _, err = typed(*words(catalog, server, "--retry-for", "0.2"))
    assert code == 9 and "cannot be reached" in err
    not_told(catalog.root, err)


def test_killed_anywhere_it_goes_on(catalog, typed):
    """Killed without warning again and again: each picture is landed once, and few bytes are sent twice."""
    service = CutoutService(seconds_a_row=0.03)
    command = [sys.executable, "-m", "galaxiesml"]
    with serving(service) as server:
        typed_words = [*map(str, words(catalog, server))]
        for landed in (1, 4, 8):
            process = subprocess.Popen([*command, *typed_words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            began = time.monotonic()
            while len(list((catalog.raw / "cutouts").glob("*/landing.json"))) < landed:
                assert process.poll() is None and time.monotonic() - began < 60
                time.sleep(0.01)
            process.kill()
            process.communicate()
        time.sleep(0.3)
        told = fetched(typed, catalog, server)
    pictures = sum(entry["pictures"] for entry in catalog.landings("cutouts"))
    assert told["asked"] < 55 and pictures == 55 and left(catalog) == [".lock"]
    # At each kill four requests of five lines were on their way, and as many tars may wait to be written.
    assert len(service.sent_rows) <= 55 + 3 * 4 * 5
    assert set(service.sent_rows) == set(service.asked_rows) and len(set(service.sent_rows)) == 55


def test_ctrl_c_ends_it_in_two_seconds(catalog):
    service = CutoutService(seconds_a_row=0.2)
    with serving(service) as server:
        ended = signalled(words(catalog, server), signal.SIGINT, lambda seconds: service.requests >= 4 or seconds > 60)
    assert ended.code == 130 and ended.seconds < 2 and ended.left == [] and "Traceback" not in ended.screen


def test_what_ingest_lands_is_the_same(catalog, typed, built, tmp_path):
    with serving(CutoutService()) as server:
        assert fetched(typed, catalog, server, "--keep-tars", "--bands", "g")["landed"] == 11
        assert len([name for name in left(catalog) if name.endswith(".tar")]) == 3
        assert fetched(typed, catalog, server, "--bands", "g")["asked"] == 0
    shutil.copytree(built.root, tmp_path / "by-hand")
    assert typed("-C", tmp_path / "by-hand", "ingest", "cutouts", catalog.root / "fetch/cutouts/kept")[0] == 0
    by_hand = Catalog.open(tmp_path / "by-hand")
    for info, other in zip(catalog.landings("cutouts"), by_hand.landings("cutouts"), strict=True):
        differ = {key for key in info | other if info.get(key) != other.get(key)}
        assert differ <= {"fetched", "landed_at", "source_path"}
        for name in ("pixels.bin", "pictures.parquet", "requests.parquet"):
            path = f"cutouts/{info['shard']}/{name}"
            assert (catalog.raw / path).read_bytes() == (by_hand.raw / path).read_bytes()


def test_psfs_of_the_pictures(catalog, typed):
    service = CutoutService()
    with serving(service) as server:
        assert fetched(typed, catalog, server, kind="psf")["asked"] == 0
        fetched(typed, catalog, server, "--bands", "gr")
        build(catalog)
        told = fetched(typed, catalog, server, kind="psf")
        assert (told["asked"], told["landed"]) == (22, 22)
        assert fetched(typed, catalog, server, kind="psf")["asked"] == 0
        build(catalog)
        assert fetched(typed, catalog, server, kind="psf")["asked"] == 0
    found = manifest(catalog)
    assert all(found[number, band]["psf_shard"] for number in range(1, COUNT) for band in "gr")
