"""``fetch specz``: astroquery's own client against the simulated VizieR over TLS, landed as `ingest specz` lands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from galaxiesml.archive import spectra
from galaxiesml.archive import vizier as client
from galaxiesml.archive.boxes import Box
from galaxiesml.archive.spectra import Plan, assemble, fetch
from galaxiesml.archive.vizier import Vizier
from galaxiesml.catalog import Catalog
from galaxiesml.ingest.specz import folder_of
from galaxiesml.surveys.description import SURVEYS, load_surveys
from tests.mock import skies

#: The sky's file of each survey that VizieR has.
FILES = {
    "deep2": "deep2_dr4.fits",
    "gama": "gama_dr3.fits",
    "sdss": "sdss_dr14.csv",
    "vipers": "vipers_w1_spectro_pdr2.csv",
    "vvds": "vvds_final.csv",
    "zcosmos_bright": "zcosmos_bright_dr3.csv",
}


@pytest.fixture
def serve(monkeypatch):
    """Start a simulated VizieR over TLS and make it the archive of commands."""
    pytest.importorskip("trustme")
    from galaxiesml.mock.serve.server import Server

    started = []

    def start(**options) -> Server:
        server = Server(skies.made(), tls=True, **options)
        server.__enter__()
        started.append(server)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority))
        monkeypatch.setenv("GALAXIESML_ARCHIVE_URL", server.url)
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.fixture
def catalog(tmp_path):
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


def asked(server) -> int:
    """Requests for rows so far."""
    return server.counts().get("vizier", {}).get("requests", 0)


def land_places(catalog, typed, tmp_path, places: list[tuple[float, float]]) -> None:
    """Land an export of objects at these positions."""
    path = tmp_path / "objects.csv"
    path.write_text("object_id,ra,dec\n" + "".join(f"{n},{ra},{dec}\n" for n, (ra, dec) in enumerate(places, 1)))
    code, _, err = typed("-C", catalog.root, "ingest", "hsc", path)
    assert code == 0, err


def sky_places() -> list[tuple[float, float]]:
    truth = skies.truth("galaxies")
    return list(zip(truth["catalogue_ra"], truth["catalogue_dec"], strict=True))


def landed(catalog, survey: str) -> list[dict]:
    """The landed spectra of a survey, without the file they came from, by identifier."""
    (info,) = [entry for entry in catalog.landings("specz") if entry["survey"] == survey]
    table = pq.read_table(folder_of(catalog, info) / "spectra.parquet", partitioning=None)
    table = table.drop_columns(["source_file", "source_sha256", "source_row"])
    return sorted(table.to_pylist(), key=lambda row: (row["spectrum_id"], str(row)))


def test_a_table_with_renamed_columns_lands_as_the_surveys_own_file(catalog, typed, serve, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    (cache / "astropy").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    serve()
    code, _, err = typed("-C", catalog.root, "fetch", "specz", *FILES)
    assert code == 0, err
    assert err.count("never compared with the service") == 1
    by_hand = Catalog.create(tmp_path / "by-hand", "pdr2_wide")
    for name in FILES.values():
        assert typed("-C", by_hand.root, "ingest", "specz", skies.made() / "specz" / name)[0] == 0
    for survey in FILES:
        assert landed(catalog, survey) == landed(by_hand, survey) != []
    told = {entry["survey"]: entry["fetched"] for entry in catalog.landings("specz")}
    assert told["vvds"]["tables"] == list(load_surveys()["vvds"].vizier.tables) and told["vvds"]["unchecked"]
    assert told["sdss"]["where"] == {"zsp": "> -1"} and told["sdss"]["rows_counted"] == len(landed(catalog, "sdss"))
    assert [path.name for path in (catalog.root / "fetch" / "specz").iterdir()] == [".lock"]
    assert not list(cache.rglob("*.pickle"))


def test_boxes_give_the_same_spectra_and_a_second_fetch_asks_nothing(catalog, typed, serve, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    (cache / "astropy").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    server = serve()
    land_places(catalog, typed, tmp_path, sky_places())
    assert typed("-C", catalog.root, "fetch", "specz", "sdss", "--all")[0] == 0
    whole = landed(catalog, "sdss")
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "sdss", "--near", "--again")
    assert code == 0, err
    near = {row["spectrum_id"] for row in landed(catalog, "sdss")}
    truth = sky_places()
    expected = {
        row["spectrum_id"]
        for row in whole
        if min(abs(row["ra"] - ra) + abs(row["dec"] - dec) for ra, dec in truth) < 1e-3
    }
    assert expected <= near <= {row["spectrum_id"] for row in whole} and expected
    before = asked(server)
    code, out, _ = typed("-C", catalog.root, "fetch", "specz", "sdss", "--near")
    assert code == 0 and "already landed" in out and asked(server) == before
    assert not list(cache.rglob("*.pickle"))


def test_a_row_of_two_boxes_is_taken_once(serve, tmp_path):
    server, survey = serve(), load_surveys()["sdss"]
    whole = pa_csv.read_csv(skies.made() / "specz" / FILES["sdss"])
    ra, dec = sorted(whole["ra"].to_pylist()), sorted(whole["dec"].to_pylist())
    middle = ra[len(ra) // 2]
    halves = (Box(ra[0], middle, dec[0], dec[-1]), Box(middle, ra[-1], dec[0], dec[-1]))
    plan = Plan(survey, "sdss", server.url, halves)
    rows = fetch(Vizier(server.url, server.url), plan, tmp_path)
    told = assemble(plan, tmp_path, tmp_path / "all.parquet")
    made = pq.read_table(tmp_path / "all.parquet")
    # The source on the line is in both.
    assert rows == whole.num_rows + told["rows_repeated"] and told["rows_repeated"] >= 1
    assert sorted(made["specObjID"].to_pylist()) == sorted(whole["specObjID"].to_pylist())


def test_a_table_that_does_not_fit_is_kept_and_not_asked_for_again(catalog, typed, serve, tmp_path, monkeypatch):
    server = serve()
    text = (SURVEYS / "sdss.toml").read_text().replace('["zsp", "ucd:src.redshift"]', '["Z_OTHER"]')
    own = tmp_path / "ours.toml"
    own.write_text(text.replace('redshift = ["z", "zsp"]', 'redshift = "z"'))
    code, _, err = typed("-C", catalog.root, "fetch", "specz", own)
    assert code == 3 and "no column for redshift (z)" in err and "ours.toml" in err
    assert "zsp" in err and "src.redshift" in err
    (kept,) = (catalog.root / "fetch" / "specz").glob("*.parquet")
    assert str(kept) in err and pq.read_metadata(kept).num_rows and not catalog.landings("specz")
    before = asked(server)
    own.write_text(text.replace('["Z_OTHER"]', '"zsp"'))
    assert typed("-C", catalog.root, "fetch", "specz", own)[0] == 0
    assert asked(server) == before and len(landed(catalog, "ours")) > 0
    assert not kept.exists()


def test_a_table_with_a_flag_that_no_rule_knows_is_kept(catalog, typed, serve, tmp_path):
    serve()
    text = (SURVEYS / "zcosmos_bright.toml").read_text()
    head, *rules = text.split("[[flags]]")
    own = tmp_path / "ours.toml"
    own.write_text(head + "[[flags]]\nvalues = ['no such']\nsecure = true\nmeaning = 'none'\nconfirmed = ''\n")
    assert rules
    code, _, err = typed("-C", catalog.root, "fetch", "specz", own)
    assert code == 3 and "is not a quality flag" in err and "--rejects" in err
    assert (catalog.root / "fetch" / "specz" / "ours_vizier.parquet").is_file() and not catalog.landings("specz")


def test_more_rows_than_the_limit_are_counted_and_refused(catalog, typed, serve, monkeypatch):
    server = serve()
    monkeypatch.setattr(spectra, "MOST_ROWS", 2)
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "sdss")
    assert code == 2 and "more than 2 are not fetched unasked" in err and "--near" in err
    assert asked(server) == 0 and server.counts()["tap"]["requests"] == 1
    assert typed("-C", catalog.root, "fetch", "specz", "sdss", "--all")[0] == 0


def test_what_the_service_does_not_know_is_refused(catalog, typed, serve):
    serve()
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "wigglez")
    assert code == 9 and "could not be counted" in err and "J/MNRAS/474/4151/wigglez" in err
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "wigglez", "--all")
    assert code == 9 and "no table of J/MNRAS/474/4151/wigglez" in err and "vizier.tables" in err
    assert not catalog.landings("specz")


def test_surveys_on_sites_of_their_own_say_where(catalog, typed):
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "primus", "deep3", "udsz")
    assert code == 2
    for name in ("primus", "deep3", "udsz"):
        assert load_surveys()[name].url in err and f"--survey {name}" in err
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "vipres")
    assert code == 2 and "the nearest is 'vipers'" in err
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "vipers", "--url", "http://127.0.0.1:9")
    assert code == 2 and "over https alone" in err and "--tls" in err


def test_faults_of_the_service_cost_other_tries(catalog, typed, serve):
    server = serve(faults=["503:0.15", "drop:0.15", "length:0.15"], seed=3)
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "vvds", "vipers")
    assert code == 0, err
    met = server.counts()["faults"]
    assert sum(met.values()) > 2
    assert len(landed(catalog, "vvds")) == pa_csv.read_csv(skies.made() / "specz" / FILES["vvds"]).num_rows


def test_an_endless_reply_is_cut_off(catalog, typed, serve, monkeypatch):
    serve()
    monkeypatch.setattr(client, "_MOST_BYTES", 1000)
    code, _, err = typed("-C", catalog.root, "fetch", "specz", "sdss")
    assert code == 9 and "more than 1,000 bytes in one reply" in err and "--near" in err
    assert not list((catalog.root / "fetch" / "specz").glob("*.parquet"))


def start(catalog, *words) -> subprocess.Popen:
    command = [sys.executable, "-m", "galaxiesml", "-C", str(catalog.root), "fetch", "specz", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))


def wait_for(condition, process, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_killed_between_boxes_it_goes_on(catalog, typed, serve, tmp_path):
    server = serve()
    away = [(5.0 + 2.0 * place, -1.5) for place in range(60)]
    land_places(catalog, typed, tmp_path, [*sky_places(), *away])
    folder = catalog.root / "fetch" / "specz"
    process = start(catalog, "sdss", "--near")
    wait_for(lambda: len(list(folder.glob("*.parquet"))) >= 5, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = {path.name for path in folder.glob("*.parquet")}
    assert 5 <= len(kept) < 60 and not catalog.landings("specz")
    before = asked(server)
    code, out, err = typed("-C", catalog.root, "fetch", "specz", "sdss", "--near", "--json")
    assert code == 0, err
    (info,) = json.loads(out)
    boxes = len(info["fetched"]["boxes"])
    assert boxes >= 61 and asked(server) - before == boxes - len(kept)
    # What was in flight at the kill is all that was asked for twice.
    assert asked(server) <= boxes + 1
    assert not list(folder.glob("*.parquet")) and len(landed(catalog, "sdss")) == info["rows"] > 0


def test_ctrl_c_ends_in_two_seconds(catalog, serve):
    server = serve(faults=["slow:1"], slow_seconds=60.0)
    process = start(catalog, "sdss")
    wait_for(lambda: server.counts()["most_requests_at_once"] > 0, process)
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert time.monotonic() - began < 2.0 and process.returncode == 130
    assert "Traceback" not in err
