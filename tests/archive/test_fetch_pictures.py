"""``fetch cutouts`` and ``fetch psf``: every line asked is landed, absent or refused, and none is sent twice."""

from __future__ import annotations

import csv
import hashlib
import inspect
import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter

import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from tests.curation.landed import land_rows, new_catalog
from tests.cutouts.service import cutout, name
from tests.made.galaxies import at, galaxy, manifest, next_manifest
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
    found = next_manifest(catalog)
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
    assert left(catalog) == [".lock", "refused.csv"]
    with open(catalog.root / "fetch" / "cutouts" / "refused.csv", encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == told["refused"]
    # The row is asked for again, and nothing else.
    with serving(CutoutService()) as server:
        assert fetched(typed, catalog, server, "--bands", "g")["landed"] == 1
    assert left(catalog) == [".lock"]


def test_a_picture_that_cannot_be_used_is_refused(catalog, typed):
    """Member by member: the others of the tar land, and the manifest has the reason."""

    def spoiled(number: int, tar: bytes) -> Reply:
        return Reply(200, tar.replace(b"FLUXMAG0", b"FLUXMAGX", 1))

    with serving(CutoutService(fault=spoiled)) as server:
        told = fetched(typed, catalog, server, "--bands", "g")
    # One member of each tar; of the list of a single line nothing can be landed, and it is asked for twice.
    assert (told["asked"], told["landed"], len(told["refused"]), len(server.asked)) == (11, 8, 3, 4)
    assert all("FLUXMAG0" in refused["reason"] for refused in told["refused"])
    classes = [row["picture_reason_class"] for (_, band), row in next_manifest(catalog).items() if band == "g"]
    # Two galaxies are at the first place.
    assert Counter(classes) == {None: 8, "refused_zero_point": 3, "not_asked": 1}


def test_more_pictures_than_lines(catalog, typed):
    """A member that no line asks for is refused, named, counted apart, and takes no line's place."""

    def more(number: int, tar: bytes) -> Reply:
        out = io.BytesIO(tar)
        with tarfile.open(fileobj=out, mode="a") as opened:
            data = cutout(*at(50))[0]
            info = tarfile.TarInfo(name(99))
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
        return Reply(200, out.getvalue())

    with serving(CutoutService(fault=more)) as server:
        told = fetched(typed, catalog, server, "--bands", "g")
        assert (told["asked"], told["landed"], told["refused"]) == (11, 11, [])
        assert len(told["not_asked"]) == 3 and all(each.endswith(name(99)) for each in told["not_asked"])
        code, out, err = typed(*words(catalog, server, "--bands", "r"))
        assert code == 0 and "11 lines asked = 11 landed + 0 absent + 0 refused" in out
        assert f"{name(99)} and 2 more refused: not asked for." in err
    landings = catalog.landings("cutouts")
    assert sum(info["pictures"] for info in landings) == 22
    assert [refused["class"] for info in landings for refused in info["refused"]] == ["not_asked"] * 6
    classes = [row["picture_reason_class"] for (_, band), row in next_manifest(catalog).items() if band in "gr"]
    assert Counter(classes) == {None: 24}


def test_a_disk_that_fills_lands_nothing_and_says_so(catalog):
    """A limit on the size of files stops the tar in the middle, as a full disk does."""
    with serving(CutoutService()) as server:
        words_typed = " ".join(map(str, words(catalog, server, "--bands", "g")))
        line = f"ulimit -f 100; exec {sys.executable} -m galaxiesml {words_typed}"
        run = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert run.returncode == 8 and "cutouts-HSC-G-" in run.stderr and "Traceback" not in run.stderr, run.stderr
        # The list of a single line may have come before.
        assert sum(entry["pictures"] for entry in catalog.landings("cutouts")) <= 1
        again = subprocess.run(
            [sys.executable, "-m", "galaxiesml", *words_typed.split()], capture_output=True, text=True
        )
    # A tar that was small enough had come the first time, and is landed from the disk.
    pictures = sum(entry["pictures"] for entry in catalog.landings("cutouts"))
    assert (again.returncode, pictures, left(catalog)) == (0, 11, [".lock"])


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


SLOW = {
    # What the other connections wait for when one of them ends the command.
    "the answer": lambda tar, over: over.wait(30) and None,
    "the rest of the answer": lambda tar, over: Reply(200, Endless(tar, over)),
    "another try": lambda tar, over: Reply(503, headers={"Retry-After": "30"}),
}


class Endless(bytes):
    """A body whose second half does not come until an event."""

    def __new__(cls, data: bytes, over: threading.Event):
        made = super().__new__(cls, data)
        made.over = over
        return made


@pytest.mark.parametrize("kind", SLOW)
def test_after_an_error_no_thread_is_left(catalog, typed, kind):
    """In a notebook the process goes on after the command."""
    over = threading.Event()

    def fault(number: int, tar: bytes) -> Reply | None:
        if number < 3:
            return SLOW[kind](tar, over)
        time.sleep(0.5)
        return Reply(403, b"no")

    service = CutoutService(fault=fault)
    with serving(service) as server:
        try:
            began = time.monotonic()
            code, _, err = typed(*words(catalog, server))
            took, threads = time.monotonic() - began, [each for each in threading.enumerate() if each.name == "fetch"]
            assert code == 9 and "answers 403" in err
            assert threads == [] and took < 0.5 + 2
            requests = service.requests
            time.sleep(0.2)
            assert service.requests == requests and not [file for file in left(catalog) if file.endswith(".part")]
        finally:
            over.set()


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
        for info in catalog.landings("cutouts"):
            kept = catalog.root / "fetch" / "cutouts" / "kept" / info["source_file"]
            assert info["source_path"] == str(kept)
            assert hashlib.sha256(kept.read_bytes()).hexdigest() == info["source_sha256"]
        assert fetched(typed, catalog, server, "--bands", "g")["asked"] == 0
    shutil.copytree(built.root, tmp_path / "by-hand")
    assert typed("-C", tmp_path / "by-hand", "ingest", "cutouts", catalog.root / "fetch/cutouts/kept")[0] == 0
    by_hand = Catalog.open(tmp_path / "by-hand")
    for info, other in zip(catalog.landings("cutouts"), by_hand.landings("cutouts"), strict=True):
        differ = {key for key in info | other if info.get(key) != other.get(key)}
        assert differ <= {"fetched", "landed_at", "source_path"}
        for file in ("pixels.bin", "pictures.parquet", "requests.parquet"):
            path = f"cutouts/{info['shard']}/{file}"
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


@pytest.mark.proof
def test_a_campaign_of_faults_and_kills(tmp_path, account, typed, not_told):
    """300 galaxies in five filters; a tenth of the requests goes wrong, in every way; 20 kills."""
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, [galaxy(number) for number in range(1, 301)])
    build(catalog)
    random = np.random.default_rng(19)
    kinds, most = list(FAULTS.values()), [0]

    def fault(number: int, tar: bytes):
        most[0] = max(most[0], len(tar))
        return kinds[random.integers(len(kinds))](tar) if random.random() < 0.1 else None

    outside, bad = {at(number) for number in (7, 120)}, {at(200)}
    service = CutoutService(
        absent=lambda ra, dec: (ra, dec) in outside,
        bad=lambda ra, dec: (ra, dec) in bad,
        fault=fault,
        seconds_a_row=0.02,
    )
    kills, said = 0, []
    with serving(service) as server:
        line = [sys.executable, "-m", "galaxiesml", *map(str, words(catalog, server)[:-1]), "20"]
        while kills < 20:
            process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                said += process.communicate(timeout=1.5 + random.random())
                break
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
                said += process.communicate()
        told = fetched(typed, catalog, server)
    landed = sum(entry["pictures"] for entry in catalog.landings("cutouts"))
    members = sum(entry["requested"] for entry in catalog.landings("cutouts"))
    assert landed == 5 * 297 and members == 5 * 299
    assert {refused["reason"].partition(":")[0] for refused in told["refused"]} <= {"127.0.0.1 answers 500"}
    build(catalog)
    found = manifest(catalog)
    states = [found[number, band]["picture_state"] for number in range(1, 301) for band in "grizy"]
    assert (states.count("present"), states.count("absent")) == (5 * 297, 15)
    wanted = len(set(service.sent_rows)) * most[0] // 20
    faults = 0.1 * service.requests + 20 * 4 * 2
    print(f"measured: {kills} kills, {service.requests} requests, {server.sent_bytes / wanted:.2f} x the bytes wanted")
    assert server.sent_bytes <= wanted + faults * most[0]
    not_told(catalog.root, *said)


def test_both_commands_take_the_same_options():
    """But the size and the layers, which a PSF picture does not have."""
    from galaxiesml.cli import fetch_pictures

    cutouts, psf = (inspect.signature(each).parameters for each in (fetch_pictures.cutouts, fetch_pictures.psf))
    assert list(psf) == [name for name in cutouts if name not in ("semi_width", "layers")]
    assert all(psf[name] == cutouts[name] for name in psf)
    assert fetch_pictures.cutouts.__doc__.partition(".")[0] != fetch_pictures.psf.__doc__.partition(".")[0]
