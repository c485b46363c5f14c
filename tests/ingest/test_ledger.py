"""Landing twice, removing, replacing, declared queries, being killed."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog, landing
from galaxiesml.catalog.landing import recover
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.errors import InputError, ResourceError, UsageError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.ledger import (
    find_landing,
    folder_of,
    next_number,
    remove_landing,
)
from tests.ingest.conftest import columns
from tests.ingest.written import write


@pytest.fixture
def files(tmp_path):
    """Three files of one row each."""
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for number, path in enumerate(paths, 1):
        path.write_text(f"object_id,ra\n{number},{number}.5\n")
    return paths


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_folder_and_its_json_are_as_agreed(catalog, files):
    info = land_hsc(catalog, files[0]).info
    sha = hashlib.sha256(files[0].read_bytes()).hexdigest()
    folder = catalog.raw / "hsc" / f"0001-{sha[:12]}"
    assert sorted(path.name for path in folder.iterdir()) == ["landing.json", "objects.parquet"]
    assert json.loads((folder / "landing.json").read_text()) == info
    assert {k: info[k] for k in ("landing", "source_file", "source_sha256", "bytes", "format", "rows")} == {
        "landing": 1,
        "source_file": "a.csv",
        "source_sha256": sha,
        "bytes": files[0].stat().st_size,
        "format": "csv",
        "rows": 1,
    }
    assert info["columns"] == ["object_id", "ra"]
    assert info["archive"] == {"query": None, "where": []}
    found = columns(catalog, info)
    assert (found["landing"], found["source_file"], found["source_sha256"]) == ([1], ["a.csv"], [sha])
    (row,) = pq.read_table(catalog.landings_file).to_pylist()
    assert (row["landing"], row["kind"], row["rows"], row["contradictions"]) == (1, "objects", 1, 0)


def test_the_same_bytes_land_once_whatever_their_name(catalog, files, tmp_path):
    land_hsc(catalog, files[0])
    before = tree(catalog.root)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(files[0].read_bytes())
    assert land_hsc(catalog, files[0]).is_new is False
    assert land_hsc(catalog, copy).is_new is False
    assert tree(catalog.root) == before


def test_the_same_bytes_with_another_query_are_not_silently_ignored(catalog, files):
    paper = ("paper", ["ra > 0"])
    land_hsc(catalog, files[0])
    with pytest.raises(UsageError, match="already landed, as 1, with no archive query") as caught:
        land_hsc(catalog, files[0], archive=paper)
    assert caught.value.hint == f"Type: galaxiesml ingest replace 1 {files[0]} --archive-query paper"
    landing = land_hsc(catalog, files[0], archive=paper, replace=1)
    assert landing.is_new and landing.info["landing"] == 1
    assert catalog.landings() == [landing.info]
    assert land_hsc(catalog, files[0], archive=paper).is_new is False


def test_rows_against_the_declared_query_are_counted(catalog, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("object_id,i_cmodel_mag,g_cmodel_flag,other\n1,20,f,1\n2,26,f,1\n3,,t,1\n4,21,,1\n")
    where = [
        "i_cmodel_mag < 25",
        "not g_cmodel_flag",
        "r_cmodel_mag < 30",
        "i_cmodel_mag > 0 or (select 1) = 1",
        "isnosuch(i_cmodel_mag)",
        "object_id > 0",
    ]
    info = land_hsc(catalog, path, archive=("paper", where)).info
    assert info["archive"] == {"query": "paper", "where": where}
    assert info["contradictions"] == [
        {"condition": "i_cmodel_mag < 25", "rows": 2},
        {"condition": "not g_cmodel_flag", "rows": 2},
    ]
    assert info["unchecked"] == where[2:5]
    assert pq.read_table(catalog.landings_file)["contradictions"].to_pylist() == [4]


def test_numbers_are_never_given_again(catalog, files):
    for path in files:
        land_hsc(catalog, path)
    remove_landing(catalog, 3)
    assert [info["landing"] for info in catalog.landings()] == [1, 2]
    assert land_hsc(catalog, files[2]).info["landing"] == 4
    remove_landing(catalog, "a.csv")
    remove_landing(catalog, hashlib.sha256(files[1].read_bytes()).hexdigest()[:8])
    assert pq.read_table(catalog.landings_file)["landing"].to_pylist() == [4]
    remove_landing(catalog, 4)
    assert pq.read_table(catalog.landings_file).num_rows == 0
    assert next_number(catalog) == 5


def test_a_landing_is_found_by_what_means_one_only(catalog, files, tmp_path):
    land_hsc(catalog, files[0])
    other = tmp_path / "sub" / "a.csv"
    other.parent.mkdir()
    other.write_text("object_id,ra\n9,9\n")
    land_hsc(catalog, other)
    with pytest.raises(UsageError, match=r"a\.csv matches the landings 1, 2"):
        find_landing(catalog, "a.csv")
    with pytest.raises(UsageError, match=r"No landed file matches b\.csv; landed: 1 \(a\.csv\), 2 \(a\.csv\)"):
        find_landing(catalog, "b.csv")
    assert find_landing(catalog, 2)["bytes"] == other.stat().st_size


def test_replacing_keeps_the_number_and_so_the_order(catalog, files):
    land_hsc(catalog, files[0])
    land_hsc(catalog, files[1])
    info = land_hsc(catalog, files[2], replace="a.csv").info
    assert info["landing"] == 1
    assert [entry["source_file"] for entry in catalog.landings()] == ["c.csv", "b.csv"]
    assert columns(catalog, info)["object_id"] == [3]
    with pytest.raises(UsageError, match="already landed, as 2"):
        land_hsc(catalog, files[1], replace=1)
    with pytest.raises(UsageError, match="No landed file matches 7"):
        land_hsc(catalog, files[0], replace=7)


def test_a_replacement_that_is_refused_leaves_the_old_file(catalog, files, tmp_path):
    land_hsc(catalog, files[0])
    before = tree(catalog.root)
    bad = tmp_path / "bad.csv"
    bad.write_text("object_id,ra\n1,x\n")
    with pytest.raises(InputError):
        land_hsc(catalog, bad, replace=1)
    assert tree(catalog.root) == before


def test_a_full_disk_is_told_before(catalog, files, monkeypatch):
    monkeypatch.setattr("galaxiesml.catalog.settings.shutil.disk_usage", lambda path: type("Usage", (), {"free": 3}))
    with pytest.raises(ResourceError, match=r"GB free, but about"):
        land_hsc(catalog, files[0])
    assert land_hsc(catalog, files[0], force=True).info["rows"] == 1


# -- the tables of no rows -----------------------------------------------------------------------------------


def test_every_landed_table_can_be_read_before_anything_is_landed(catalog):
    ensure_empty(catalog)
    connection = catalog.connect()
    for name in ("hsc_objects", "hsc_specz", "hsc_joined", "landings"):
        assert connection.execute(f"select count(*) from {name}").fetchone() == (0,)
    kinds = dict(connection.execute("select column_name, column_type from (describe hsc_joined)").fetchall())
    assert (kinds["object_id"], kinds["y_cmodel_mag"], kinds["specz_name"]) == ("BIGINT", "DOUBLE", "VARCHAR")
    assert (kinds["landing"], kinds["source_row"], kinds["g_cmodel_flag"]) == ("BIGINT", "BIGINT", "BOOLEAN")
    specz = {name for (name,) in connection.execute("select column_name from (describe hsc_specz)").fetchall()}
    assert "object_id" in specz and "ra" not in specz and "specz_class" in specz


def test_empty_tables_are_written_again_only_when_they_differ(catalog):
    ensure_empty(catalog)
    path = catalog.raw / "hsc" / "0000-empty" / "objects.parquet"
    before = path.stat().st_ino
    ensure_empty(catalog)
    assert path.stat().st_ino == before
    pq.write_table(pq.read_table(path).drop_columns(["dec"]), path)
    ensure_empty(catalog)
    assert "dec" in pq.read_schema(path).names


# -- killed --------------------------------------------------------------------------------------------------

LAND = """
import sys
from galaxiesml.catalog import Catalog
from galaxiesml.ingest.land import land_hsc
catalog = Catalog.open(sys.argv[1])
with catalog.lock("test"):
    print("go", flush=True)
    land_hsc(catalog, sys.argv[2])
"""


def test_killed_at_any_time_the_next_landing_just_works(catalog, tmp_path):
    kills(catalog, tmp_path, 3)


@pytest.mark.proof
def test_twenty_kills_of_a_landing(catalog, tmp_path):
    kills(catalog, tmp_path, 20)


def kills(catalog, tmp_path, many: int) -> None:
    path = tmp_path / "many.csv"
    count = 40_000
    path.write_text("object_id,ra,note\n" + "".join(f"{i},{i / 7},{'x' * 20}\n" for i in range(count)))
    dice = random.Random(20)
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", LAND, catalog.root, path], check=True, capture_output=True)
    longest = time.monotonic() - started
    remove_landing(catalog, 1)
    seen = set()
    for _ in range(many):
        process = subprocess.Popen([sys.executable, "-c", LAND, catalog.root, path], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "go\n"
        time.sleep(dice.uniform(0, 0.25 * longest))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        landed = catalog.landings()
        assert [info["rows"] for info in landed] in ([], [count])
        assert all(columns(catalog, info)["object_id"] == list(range(count)) for info in landed)
        visible = [folder.name for folder in (catalog.raw / "hsc").iterdir()]
        assert visible == [folder_of(catalog, info).name for info in landed]
        seen.add(len(landed))
        if landed:
            remove_landing(catalog, landed[0]["landing"])
    info = land_hsc(catalog, path).info
    assert columns(catalog, info)["object_id"] == list(range(count))
    assert not list(catalog.raw.glob(".*"))
    assert pq.read_table(catalog.landings_file)["landing"].to_pylist() == [info["landing"]]


def test_killed_between_the_two_renames_of_a_replacement_the_old_file_stands_again(catalog, files):
    info = land_hsc(catalog, files[0]).info
    folder = folder_of(catalog, info)
    os.rename(folder, catalog.raw / f".old-{folder.name}")
    assert catalog.landings() == []
    recover(catalog)
    assert catalog.landings() == [info]


def test_killed_after_the_two_renames_of_a_replacement_the_new_file_stands(catalog, files):
    old = folder_of(catalog, land_hsc(catalog, files[0]).info)
    kept = tree(old)
    info = land_hsc(catalog, files[1], replace=1).info
    aside = catalog.raw / f".old-{old.name}"
    aside.mkdir()
    for name, data in kept.items():
        (aside / name).write_bytes(data)
    recover(catalog)
    assert catalog.landings() == [info]
    assert not aside.exists()


@pytest.mark.parametrize("step, stays", [("rename", "old"), ("sync", "new")])
def test_a_replacement_that_stops_at_a_step_is_undone_or_finished(catalog, files, monkeypatch, step, stays):
    """Stopped at the second rename the old file is landed again; stopped after it the new one is."""
    old = land_hsc(catalog, files[0]).info
    steps = []

    def stopping(*words):
        steps.append(words)
        if step == "sync" or len(steps) == 2:
            raise KeyboardInterrupt
        os.replace(*words)

    with monkeypatch.context() as patch:
        patch.setattr(landing.os if step == "rename" else landing, step, stopping)
        with pytest.raises(KeyboardInterrupt):
            land_hsc(catalog, files[1], replace=1)
    assert len(list(catalog.raw.glob(".old-hsc--*"))) == 1
    recover(catalog)
    (info,) = catalog.landings()
    assert (info == old) == (stays == "old") and not list(catalog.raw.glob(".old-*"))


def test_a_file_that_changes_while_it_is_read_is_refused(catalog, tmp_path):
    path = write(tmp_path / "t.csv", "csv")

    class Growing:
        """Appends to the file while it is read, as a download that still runs does."""

        def update(self, **_):
            with open(path, "a") as file:
                file.write("9,1,,,,,,,\n")

        def advance(self, count):
            pass

    with pytest.raises(InputError, match="changed while it was read"):
        land_hsc(catalog, path, progress=Growing())
    assert catalog.landings() == []


def test_the_progress_adds_up_to_the_whole_file_twice(catalog, tmp_path):
    class Bar:
        total = done = 0

        def update(self, description=None, total=None):
            self.total = total or self.total

        def advance(self, count):
            self.done += count

    for kind in ("csv", "csv.gz", "parquet", "sqlite"):
        bar = Bar()
        path = write(tmp_path / f"t.{kind}", kind)
        land_hsc(catalog, path, progress=bar)
        assert bar.total == 2 * path.stat().st_size
        assert 0.5 * bar.total <= bar.done <= bar.total, kind


def test_a_catalogue_opened_elsewhere_sees_the_landing(catalog, files):
    land_hsc(catalog, Path(files[0]))
    assert Catalog.open(catalog.root).connect().execute("select ra from hsc_objects").fetchall() == [(1.5,)]
