"""benchmarks/scale.py, small: what it generates, what a build of it keeps, and that nothing stays behind."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog

REPO = Path(__file__).resolve().parents[2]
SCRIPT = [sys.executable, "benchmarks/scale.py"]
OBJECTS, FILES = 40_000, 2


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scale")
    words = ["--child", "generate", "--arguments", json.dumps([str(folder), OBJECTS, FILES])]
    done = subprocess.run([*SCRIPT, *words], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder, json.loads(done.stdout)


def ids(catalog: Catalog, kind: str) -> list[list[int]]:
    files = sorted(catalog.raw.glob(f"hsc/0*/{kind}.parquet"))
    found = [pq.read_table(file, columns=["object_id"])["object_id"].to_pylist() for file in files]
    return [rows for rows in found if rows]


def test_the_landed_files_have_other_objects_each_of_identifiers_that_statistics_do_not_tell_apart(generated):
    catalog = Catalog.open(generated[0] / "cat")
    objects = ids(catalog, "objects")
    assert [len(rows) for rows in objects] == [OBJECTS // FILES] * FILES
    assert len({one for rows in objects for one in rows}) == OBJECTS
    for rows in objects:
        assert min(rows) < 0.01 * 2**62 and max(rows) > 0.99 * 2**62
    assert [landing["rows"] for landing in catalog.landings()] == [20_000, 20_000, 1_000, 1_000]
    found = {one for rows in ids(catalog, "specz") for one in rows}
    assert len(found & {one for rows in objects for one in rows}) > 0.9 * OBJECTS / 20


def test_the_other_catalogue_has_the_same_files_without_rows(generated):
    full, empty = (Catalog.open(generated[0] / name) for name in ("cat", "empty"))
    assert [one["source_sha256"] for one in empty.landings()] == [one["source_sha256"] for one in full.landings()]
    assert ids(empty, "objects") == [] and {one["rows"] for one in empty.landings()} == {0}


def test_the_smallest_size_is_built_measured_and_deleted(tmp_path, generated):
    words = ["--sizes", "4e4", "--files", str(FILES), "--work", str(tmp_path), "--json"]
    done = subprocess.run([*SCRIPT, *words], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    (size,) = json.loads(done.stdout)["sizes"]
    built = size["builds"]["duckdb"]
    assert built["versions"] == generated[1] and all(built["versions"].values())
    assert built["peak_bytes"] > 10**8 and built["read_bytes"] > size["landed_bytes"]
    assert 0 < built["identifier_cpu_s"] < built["cpu_s"]
    assert not list(tmp_path.iterdir())


def test_an_interrupt_leaves_nothing(tmp_path):
    running = subprocess.Popen([*SCRIPT, "--sizes", "2e5", "--work", tmp_path], cwd=REPO, stderr=subprocess.PIPE)
    until = time.monotonic() + 60
    while not list(tmp_path.glob("*/*")) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=30)
    assert running.returncode == 130 and b"deleted" in told
    assert not list(tmp_path.iterdir())


def test_a_size_that_the_disk_may_not_hold_is_refused_before_anything_is_made(tmp_path):
    done = subprocess.run([*SCRIPT, "--sizes", "1e9", "--work", tmp_path], cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 1 and "1,000,000,000 objects need about" in done.stderr
    assert not list(tmp_path.iterdir())
