"""Released files: what lands of them, what is refused, and that nothing but object_id is read."""

import gzip
import hashlib
import json
import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest import release_hdf5
from galaxiesml.ingest.release_files import land_release, remove_release, split_of_name

NAME = "5x64x64_{}_with_morphology.hdf5"
IDS = 40040262113712987 + 2 * np.arange(50, dtype=np.int64)


def released(folder, split="training", ids=IDS, column=False, **options):
    """A file in the released layout: keys in alphabetical order, ids ascending."""
    path = folder / NAME.format(split)
    with h5py.File(path, "w") as file:
        count = len(ids)
        file["coord"] = np.full((count, 1), b"(0.1, 0.2, 0.3)", "S40")
        file["i_cmodel_mag"] = np.linspace(18, 25, count)
        file["image"] = np.zeros((count, 5, 4, 4), np.float32)
        file.create_dataset("object_id", data=np.reshape(ids, (-1, 1)) if column else ids, **options)
        file["specz_name"] = np.full((count, 1), b"SDSS-1", "S20")
    return path


def written(path, build):
    """An HDF5 file that a function fills."""
    with h5py.File(path, "w") as file:
        build(file)
    return path


def landed(catalog):
    paths = sorted((catalog.raw / "release").glob("*/splits.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("column", [False, True], ids=["(N,)", "(N, 1)"])
def test_identifiers_split_row_and_hash_land(catalog, tmp_path, column):
    path = released(tmp_path, column=column)
    landing = land_release(catalog, path)
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    facts = {"split": "training", "source_file": path.name, "source_sha256": sha}
    assert landed(catalog) == [
        {"object_id": int(number), **facts, "source_row": row} for row, number in enumerate(IDS, 1)
    ]
    assert catalog.landings("release") == [landing.info]
    assert landing.info["rows"] == 50 and landing.info["format"] == "hdf5" and landing.is_new
    assert not land_release(catalog, path).is_new and len(landed(catalog)) == 50


@pytest.mark.parametrize("zipped", [False, True])
def test_a_csv_twin_lands_the_same_rows(catalog, tmp_path, zipped):
    text = "redshift,object_id,name\n" + "".join(f'0.5,{number},"a,b"\n' for number in IDS)
    path = tmp_path / ("5x127x127_testing_with_morphology.csv" + (".gz" if zipped else ""))
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert land_release(catalog, path).info["split"] == "testing"
    rows = landed(catalog)
    assert [(row["object_id"], row["source_row"]) for row in rows] == [(int(n), at) for at, n in enumerate(IDS, 1)]


def test_a_csv_twin_whose_last_line_has_no_end_is_warned_about(catalog, tmp_path, typed):
    path = tmp_path / "5x127x127_testing_with_morphology.csv"
    path.write_text(f"object_id,redshift\n{IDS[0]},0.5\n{IDS[1]},0.")
    code, _, err = typed("-C", catalog.root, "ingest", "release", path)
    assert code == 0 and f"{path.name}: its last line, 3, has no line end" in err


def test_blocks_are_joined_and_compressed_chunks_read(catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(release_hdf5, "BLOCK_ROWS", 7)
    path = released(tmp_path, chunks=(16,), compression="gzip", shuffle=True)
    land_release(catalog, path)
    rows = landed(catalog)
    assert [row["object_id"] for row in rows] == IDS.tolist()
    assert [row["source_row"] for row in rows] == list(range(1, 51))


@pytest.mark.parametrize(
    "name, split",
    [
        ("5x127x127_training_with_morphology.hdf5", "training"),
        ("5x64x64_VALIDATION_with_morphology.csv", "validation"),
        ("testing-testing.csv", "testing"),
        ("5x64x64_with_morphology.hdf5", None),
        ("training_or_testing.hdf5", None),
        ("retraining.hdf5", None),
    ],
)
def test_the_split_is_in_the_name(tmp_path, name, split):
    if split:
        assert split_of_name(tmp_path / name) == split
        return
    with pytest.raises(UsageError) as refusal:
        split_of_name(tmp_path / name)
    assert "--split training" in refusal.value.hint


def test_an_object_twice_is_refused_within_and_across_files(catalog, tmp_path):
    twice = IDS.copy()
    twice[40] = twice[3]
    with pytest.raises(InputError, match=f"{IDS[3]} is in row 4 and in row 41; nothing was landed"):
        land_release(catalog, released(tmp_path, ids=twice))
    assert landed(catalog) == []
    land_release(catalog, released(tmp_path))
    with pytest.raises(InputError) as refusal:
        land_release(catalog, released(tmp_path, "testing", ids=np.append(IDS[-2:], IDS[-1] + 2)))
    assert f"{IDS[-2]}, in row 1, is already in {NAME.format('training')}, row 49 (training)" in str(refusal.value)
    assert "2 objects are in both" in str(refusal.value) and "--remove" in refusal.value.hint
    assert len(landed(catalog)) == 50
    assert not list((catalog.raw).glob(".tmp*"))


def refuse(catalog, path, words):
    with pytest.raises(InputError, match=words):
        land_release(catalog, path, split="training")
    assert landed(catalog) == [] and not list((catalog.raw).glob(".tmp*"))


def _soft(file):
    file["object_id"] = IDS
    file["image"] = h5py.SoftLink("/object_id")


def _outside(file):
    file["object_id"] = h5py.ExternalLink("/etc/passwd", "/object_id")


def _raw_outside(file):
    file.create_dataset("object_id", (50,), "i8", external=[("/etc/hostname", 0, h5py.h5f.UNLIMITED)])


def _virtual(file):
    layout = h5py.VirtualLayout((50,), "i8")
    layout[:] = h5py.VirtualSource("elsewhere.hdf5", "object_id", (50,))
    file.create_virtual_dataset("object_id", layout)


def _floats(file):
    file["object_id"] = np.where(np.arange(50) == 3, np.nan, IDS.astype(float))


def _objects(file):
    file.create_dataset("object_id", (50,), h5py.string_dtype())


def _references(file):
    file.create_dataset("object_id", (50,), h5py.ref_dtype)


def _too_large(file):
    file["object_id"] = np.array([1, 2**63], np.uint64)


def _a_hole(file):
    file.create_dataset("object_id", (10**11,), "i8", chunks=(1 << 20,))


def _one_chunk(file):
    file.create_dataset("object_id", (10**9,), "i8", chunks=(10**8,), compression="gzip")


def _bomb(file):
    file.create_dataset("object_id", (10**9,), "i8", chunks=(1 << 16,), compression="gzip")
    file["object_id"][0] = 7


REFUSED = {
    "a soft link, even elsewhere": (_soft, "'image' is a link"),
    "an external link": (_outside, "'object_id' is a link"),
    "values in another file": (_raw_outside, "keeps its values in another file"),
    "a virtual dataset": (_virtual, "assembled from other datasets"),
    "floats and NaN": (_floats, "float64, which cannot hold 17 digits and may hold NaN"),
    "objects": (_objects, "holds objects"),
    "references": (_references, "holds objects"),
    "text": (lambda file: file.create_dataset("object_id", data=np.full(50, b"1")), "is of type"),
    "truths": (lambda file: file.create_dataset("object_id", data=np.ones(50, bool)), "is of type bool"),
    "two columns": (lambda file: file.create_dataset("object_id", data=np.ones((50, 2), "i8")), r"shape \(50, 2\)"),
    "a scalar": (lambda file: file.create_dataset("object_id", data=5), r"shape \(\)"),
    "no rows": (lambda file: file.create_dataset("object_id", (0,), "i8"), "has no rows"),
    "a group": (lambda file: file.create_group("object_id"), "is a group"),
    "another key": (lambda file: file.create_dataset("id", data=IDS), "no key object_id; its first keys: id"),
    "beyond 64 bits": (_too_large, "row 2: object_id 9223372036854775808 is beyond"),
    "rows that are not there": (_a_hole, "claims 100,000,000,000 rows and stores 0 bytes"),
    "a chunk too large": (_one_chunk, "too large to unpack"),
    "a bomb": (_bomb, "claims 1,000,000,000 rows and stores"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_hostile_hdf5_is_refused(catalog, tmp_path, name):
    build, words = REFUSED[name]
    refuse(catalog, written(tmp_path / "file.hdf5", build), words)


@pytest.mark.parametrize(
    "text, words",
    [
        ("object_id,ra\n1,2\nnan,3\n", "row 2: object_id 'nan' is not a whole number of 64 bits"),
        ("object_id,ra\n1,2\n,3\n", "row 2: object_id"),
        ("object_id,ra\n1,2\n4.2e16,3\n", "row 2: object_id '4.2e16'"),
        ("object_id,ra\n9223372036854775808,3\n", "row 1: object_id"),
        ("object_id,ra\n1,2,3\n", "line 2: the line has 3 fields and the header 2"),
        ("ra,dec\n1,2\n", "0 columns named object_id; its first columns: ra, dec"),
        ("object_id,object_id\n1,2\n", "2 columns named object_id"),
        ("object_id,ra\n", "has no rows"),
        ("", "is empty"),
        ("\x80\x04\x95pickle\x00", "a format that is not supported|is not UTF-8"),
    ],
)
def test_a_wrong_csv_is_refused(catalog, tmp_path, text, words):
    path = tmp_path / "5x127x127_training_with_morphology.csv"
    path.write_bytes(text.encode("latin1"))
    refuse(catalog, path, words)


def test_a_damaged_or_absent_file_is_refused(catalog, tmp_path):
    path = released(tmp_path, chunks=(16,), compression="gzip")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refuse(catalog, path, "cannot be read as HDF5")
    refuse(catalog, tmp_path / "absent_training.hdf5", "There is no file")
    refuse(catalog, tmp_path, "is not a file")


def test_the_pictures_are_never_read(catalog, tmp_path):
    """Their dataset is opened by nobody: its values stand in a pipe, which would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    path = released(tmp_path)
    with h5py.File(path, "a") as file:
        del file["image"]
        file.create_dataset("image", (50,), "f4", external=[(str(tmp_path / "pipe"), 0, h5py.h5f.UNLIMITED)])
    assert land_release(catalog, path).info["rows"] == 50


def test_memory_does_not_grow_with_the_file(tmp_path):
    """Twelve million identifiers are 96 MB as int64, and a gigabyte as Python's own."""
    ids = np.arange(12_000_000, dtype=np.int64) + 40_000_000_000_000_000
    path = released(tmp_path, ids=ids[:50])
    with h5py.File(path, "a") as file:
        del file["object_id"]
        file["object_id"] = ids
    code = (
        "import sys, h5py, numpy; from pathlib import Path\n"
        "from galaxiesml.ingest.release_hdf5 import id_blocks\n"
        "peak = lambda: int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])\n"
        "start = peak()\n"
        "assert sum(len(block) for block in id_blocks(Path(sys.argv[1]))) == 12_000_000\n"
        "print(peak() - start)"
    )
    run = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert 0 < int(run.stdout) < 60_000


def test_another_split_for_the_same_bytes_is_an_error(catalog, tmp_path):
    path = released(tmp_path)
    land_release(catalog, path)
    with pytest.raises(UsageError, match="already landed, as training"):
        land_release(catalog, path, split="testing")
    with pytest.raises(UsageError, match="No split 'train'"):
        land_release(catalog, path, split="train")


def test_removing_by_name_and_hash(catalog, tmp_path):
    info = land_release(catalog, released(tmp_path)).info
    with pytest.raises(UsageError, match="matches 0 landed released files"):
        remove_release(catalog, "other.hdf5")
    with pytest.raises(UsageError):
        remove_release(catalog, info["source_sha256"][:5])
    assert remove_release(catalog, info["source_sha256"][:12]) == info
    assert landed(catalog) == [] and catalog.landings("release") == []
    land_release(catalog, released(tmp_path))
    assert remove_release(catalog, info["source_file"])["rows"] == 50


def test_the_empty_table_is_there_from_the_start(tmp_path):
    catalog = Catalog.create(tmp_path / "new", "pdr2_wide")
    ensure_empty(catalog)
    table = pq.read_table(catalog.raw / "release" / "0000-empty" / "splits.parquet")
    assert table.num_rows == 0 and {"object_id", "split"} <= set(table.schema.names)
    assert catalog.landings("release") == []


def test_as_typed(catalog, tmp_path, finished):
    def galaxiesml(*words):
        return finished("-C", catalog.root, "ingest", "release", *words)

    first, second = released(tmp_path), released(tmp_path, "testing", IDS + 1)
    done = galaxiesml(first, second)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == f"{second.name} is landed: testing, 50 objects."
    assert json.loads(galaxiesml("--list", "--json").stdout) == catalog.landings("release")
    assert re.search(r"testing +5x64x64_testing", galaxiesml("--list").stdout)
    again = galaxiesml(first)
    assert "the same file is already landed" in again.stdout and again.returncode == 0
    assert galaxiesml("--remove", second.name).returncode == 0
    assert galaxiesml(second, "--split", "validation", "--json").returncode == 0
    assert [entry["split"] for entry in catalog.landings("release")] == ["training", "validation"]
    for words in ((), (first, "--list"), (first, second, "--split", "testing")):
        assert galaxiesml(*words).returncode == 2
