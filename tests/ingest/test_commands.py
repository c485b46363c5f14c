"""galaxiesml ingest, as typed."""

import csv
import json

import pytest

from galaxiesml.catalog import Catalog
from tests.ingest.written import write


@pytest.fixture
def galaxiesml(catalog, tmp_path, finished, monkeypatch):
    """Type a command on the catalogue."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: finished("-C", catalog.root, *words)


def test_landing_listing_replacing_removing(galaxiesml, catalog, tmp_path):
    first = write(tmp_path / "t.csv", "csv")
    done = galaxiesml("ingest", "hsc", first, write(tmp_path / "t.fits", "fits"))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "t.csv is landed as 1: joined (csv), 4 rows, 3 with a spectrum and 1 without."
    assert "{grizy}_cmodel_flag: i only" in lines[2]
    assert (catalog.plan / "cut_states.parquet").is_file()
    again = galaxiesml("ingest", "hsc", first)
    assert again.stdout == "t.csv: the same file is already landed, as 1; nothing changed.\n"
    listed = json.loads(galaxiesml("ingest", "list", "--json").stdout)
    assert listed == catalog.landings() and len(listed) == 2
    replaced = galaxiesml("ingest", "replace", "t.csv", write(tmp_path / "t.parquet", "parquet"), "--json")
    (info,) = json.loads(replaced.stdout)
    assert (info["landing"], info["source_file"], info["is_new"]) == (1, "t.parquet", True)
    assert galaxiesml("ingest", "remove", "2").stdout == "Landing 2 (t.fits) is removed.\n"
    table = galaxiesml("ingest", "list").stdout
    assert "t.parquet" in table and "t.fits" not in table


def test_an_archive_query_is_declared_and_what_contradicts_it_is_told(galaxiesml, catalog, tmp_path):
    query = tmp_path / "mine.sql"
    query.write_text("select object_id from pdr2_wide.forced where i_cmodel_mag < 20 and not i_cmodel_flag")
    done = galaxiesml("ingest", "hsc", write(tmp_path / "t.csv", "csv"), "--archive-query", query)
    assert done.returncode == 0, done.stderr
    (info,) = catalog.landings()
    assert info["archive"]["query"] == "mine" and len(info["archive"]["where"]) == 2
    # Independently: magnitudes 18.4, none, 25, 17.2; flags false, true, false, none.
    assert [entry["rows"] for entry in info["contradictions"]] == [2, 2]
    assert "2 of 4 rows contradict the declared query mine" in done.stderr


def test_a_refusal_names_the_place_and_the_next_command(galaxiesml, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("# object_id,ra\n1,2\n2,x\n")
    refused = galaxiesml("ingest", "hsc", path)
    assert refused.returncode == 3
    assert refused.stdout == ""
    assert "line 3, column ra: 'x' is not a number" in refused.stderr
    assert "--rejects FILE" in refused.stderr and "Traceback" not in refused.stderr
    done = galaxiesml("ingest", "hsc", path, "--rejects", "aside.csv")
    assert done.returncode == 0 and "1 rows, 1 rejected" in done.stdout
    with open(tmp_path / "aside.csv", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == ["2,x"]
    both = galaxiesml("ingest", "hsc", path, path, "--rejects", "aside.csv")
    assert both.returncode == 2


def test_another_writer_is_named(galaxiesml, catalog, tmp_path):
    path = write(tmp_path / "t.csv", "csv")
    with Catalog.open(catalog.root).lock("a long build"):
        refused = galaxiesml("ingest", "hsc", path)
    assert refused.returncode == 5 and "a long build" in refused.stderr
    assert catalog.landings() == []


def test_every_command_shows_an_example(galaxiesml):
    for name in ("hsc", "list", "remove", "replace"):
        assert f"galaxiesml ingest {name}" in galaxiesml("ingest", name, "--help").stdout
