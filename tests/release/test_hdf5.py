"""The released HDF5 files: layout, every pixel, what is left out, what a kill leaves."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.release import hdf5
from galaxiesml.release.hdf5 import Wanted, export_hdf5
from galaxiesml.release.twins import export_twins
from galaxiesml.samples import pictures
from galaxiesml.samples.selection import Selection, check_selection

from ..curation.landed import land_rows, new_catalog
from ..cutouts.service import cutout, name, write_list, write_tar
from ..made.frames import by_definition
from ..made.pairs import good_pair

BANDS = "grizy"
NUMBERS = range(1, 25)
SPLITS = ("training", "validation", "testing")


def at(number: int) -> tuple[float, float]:
    return 150.0 + 0.02 * number, 2.0


def picture(number: int, band: str):
    """A file and its image; one is truncated, one holds NaN and infinities."""
    clip = (slice(0, 90), slice(30, None)) if number == 3 else None
    data, made = cutout(*at(number), band=band.upper(), layers="i", seed=number, clip=clip, nan=4 * (number == 5))
    return data, made["image"]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    """24 galaxies; 7 lacks y, 8 lacks everything, 9 stands in two tracts."""
    folder = tmp_path_factory.mktemp("hdf5")
    made = new_catalog(folder / "cat")
    rows = [
        good_pair(number, object_id=43_000_000_000_000_000 + number, ra=at(number)[0], dec=at(number)[1])
        | {"skymap_id": 9813_0504 if number % 2 else None, "coord": f"({number}, ü)", "specz_ra": None}
        for number in NUMBERS
    ]
    land_rows(made, rows)
    for band in BANDS:
        members = {
            name(number + 1, band.upper()): picture(number, band)[0]
            for number in NUMBERS
            if number != 8 and (number, band) != (7, "y")
        }
        write_list(folder / f"{band}.txt", [at(number) for number in NUMBERS], band.upper())
        members[name(10, band.upper(), 9999)] = cutout(*at(9), band=band.upper(), seed=99, layers="i")[0]
        assert [landed.state for landed in land_pictures(made, [write_tar(folder / f"{band}.tar", members)])] == [
            "landed"
        ]
    build(made)
    return made


def wanted(**changes) -> Wanted:
    selection = {"version": "v2", "scheme": "release", "missing": "leave-out"}
    selection |= {key: changes.pop(key) for key in list(changes) if key in selection}
    return Wanted(Selection(**selection), **changes)


def read(folder, size: int = 127) -> dict[str, dict]:
    found = {}
    for split in SPLITS:
        with h5py.File(folder / f"5x{size}x{size}_{split}_with_morphology.hdf5") as file:
            found[split] = {key: file[key][...] for key in file}
    return found


def digests(folder) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_every_pixel_is_the_definitions(catalog, tmp_path):
    made = export_hdf5(catalog, wanted(), tmp_path)
    assert made["left_out"] == 2
    splits = dict(catalog.connect().execute("select object_id, split_release from splits").fetchall())
    for size in (127, 64):
        seen = []
        for split, data in read(tmp_path, size).items():
            assert data["image"].dtype == np.dtype("<f4") and data["image"].shape[1:] == (5, size, size)
            assert (np.diff(data["object_id"]) > 0).all()
            for row, number in enumerate(data["object_id"] - 43_000_000_000_000_000):
                assert splits[data["object_id"][row]] == split
                for band, frame in zip(BANDS, data["image"][row], strict=True):
                    expected = np.nan_to_num(by_definition(picture(number, band)[1], size), nan=0.0)
                    np.testing.assert_array_equal(frame, expected)
                seen.append(number)
        assert sorted(seen) == [number for number in NUMBERS if number not in (7, 8)]


def test_the_keys_are_the_releases(catalog, tmp_path):
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path)
    with h5py.File(tmp_path / "5x64x64_training_with_morphology.hdf5") as file:
        assert len(file) == 83 and list(file) == sorted(file)
        rows = len(file["object_id"])
        assert file["object_id"].dtype == np.int64 and not file["object_id"].attrs["dtype_assumed"]
        assert file["specz_name"].shape == (rows, 1) and file["specz_name"].dtype.kind == "S"
        assert file["coord"][0, 0].decode().endswith(", ü)")
        assert file["specz_flag_homogeneous"].dtype == bool and file["skymap_id"].dtype == np.int64
        assert file["skymap_id"].attrs["dtype_assumed"] and file["skymap_id"].attrs["null_value"] == -1
        numbers = file["object_id"][...] - 43_000_000_000_000_000
        np.testing.assert_array_equal(file["skymap_id"][...], np.where(numbers % 2, 9813_0504, -1))
        assert np.isnan(file["specz_ra"][...]).all()
        others = set(file) - {"image", "object_id", "specz_name", "coord", "specz_flag_homogeneous", "skymap_id"}
        assert {(file[key].shape, file[key].dtype) for key in others} == {((rows,), np.dtype("<f8"))}
        assert file["g_cmodel_mag"].attrs["unit"] == "mag" and file["ra"].attrs["unit"] == "deg"
        assert all(file[key].attrs["description"] for key in file)
        assert file.attrs["morphology"] == "absent" and (file["y_petro_rad"][...] == 0).all()
        assert file.attrs["build"] == catalog.current_id() and file.attrs["version"] == "v2"
        assert "sole_object" in file.attrs["cuts"] and not file.attrs["incomplete"]
        assert (file.attrs["split_scheme"], file.attrs["split"], file.attrs["image_size"]) == (
            "release",
            "training",
            64,
        )


def test_options_of_the_layout(catalog, tmp_path):
    export_hdf5(catalog, wanted(sizes=(64,), fill=float("nan"), leftovers=True, extra=True), tmp_path)
    with h5py.File(tmp_path / "5x64x64_training_with_morphology.hdf5") as file:
        assert len(file) == 89 + 10
        assert np.isnan(file["i_sersic_index"][...]).all()
        assert file["x_coord_y"].shape == (len(file["ra"]), 2)
        assert file["g_detected"].dtype == bool and not file["g_detected"][...].any()
        assert (file["z_total_galaxies"][...] == 0).all()


def test_who_is_left_out_is_listed_with_the_reason(catalog, tmp_path):
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path)
    with open(tmp_path / "5x64x64_left_out.csv") as file:
        rows = {int(row["object_id"]) - 43_000_000_000_000_000: row for row in csv.DictReader(file)}
    told = {number: row["reason"] for number, row in rows.items()}
    assert rows[7]["reason_class"] == "outside_coverage"
    assert told[7] == "no picture in y: outside the coverage: asked for in y.txt, line 8, and not sent"
    assert set(told) == {7, 8} and told[8].startswith("no picture in g: ")


def test_missing_pictures_as_zeros(catalog, tmp_path):
    made = export_hdf5(catalog, wanted(sizes=(64,), missing="zero"), tmp_path)
    assert made["left_out"] == 0
    rows = {}
    for data in read(tmp_path, 64).values():
        rows |= dict(zip(data["object_id"] - 43_000_000_000_000_000, data["image"], strict=True))
    assert set(rows) == set(NUMBERS)
    assert not rows[8].any() and not rows[7][4].any() and rows[7][:4].any((1, 2)).all()


def test_pixels_that_are_not_finite_are_counted(catalog, tmp_path):
    made = export_hdf5(catalog, wanted(), tmp_path)
    counted = {(entry["split"], entry["size"]): entry["not_finite_pixels"] for entry in made["files"]}
    # Object 5 has four in the corner of each filter: they stand in the large frame and not in the small one.
    assert sum(count for (_, size), count in counted.items() if size == 127) == 20
    assert sum(count for (_, size), count in counted.items() if size == 64) == 0
    for (split, size), count in counted.items():
        with h5py.File(tmp_path / f"5x{size}x{size}_{split}_with_morphology.hdf5") as file:
            assert file.attrs["not_finite_pixels"] == count


def test_equal_builds_give_equal_files(catalog, tmp_path):
    export_hdf5(catalog, wanted(), tmp_path / "one")
    # HDF5 writes times, where it writes any, in whole seconds.
    time.sleep(1.1)
    export_hdf5(catalog, wanted(), tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    # Six files, a table of statistics a size, the list of those left out.
    assert len(digests(tmp_path / "one")) == 9


class Stopped(Exception):
    """The test's own end of an export."""


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_stopped_export_goes_on_where_it_was(catalog, tmp_path, monkeypatch, after):
    export_hdf5(catalog, wanted(), tmp_path / "whole")
    monkeypatch.setattr(hdf5, "BLOCK", 2)
    monkeypatch.setattr(pictures, "BLOCK", 2)
    monkeypatch.setattr(hdf5, "NOTED", 4)
    real, calls = hdf5._write_at, []

    def stopping(file, block, offset):
        calls.append(offset)
        if len(calls) > 2 * after:
            raise Stopped
        real(file, block, offset)

    monkeypatch.setattr(hdf5, "_write_at", stopping)
    with pytest.raises(Stopped):
        export_hdf5(catalog, wanted(), tmp_path / "stopped")
    assert not list((tmp_path / "stopped").glob("*.hdf5"))
    stopped = len(calls)
    monkeypatch.setattr(hdf5, "_write_at", lambda *words: (calls.append(words[2]), real(*words)))
    export_hdf5(catalog, wanted(), tmp_path / "stopped")
    whole = 2 * sum(-(-rows // 2) for rows in (len(data["ra"]) for data in read(tmp_path / "whole").values()))
    # What was noted is not written again: blocks of two galaxies, noted every four.
    assert len(calls) - stopped == whole - 2 * (after // 2 * 2)
    # The statistics are of all images, those written before the stop among them.
    assert digests(tmp_path / "stopped") == digests(tmp_path / "whole")


def test_leftovers_of_another_build_are_not_used(catalog, tmp_path):
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path / "whole")
    folder = tmp_path / "other"
    folder.mkdir()
    part = folder / ".5x64x64_training_with_morphology.hdf5.part"
    shutil.copy(tmp_path / "whole" / "5x64x64_validation_with_morphology.hdf5", part)
    note = {"fingerprint": "0" * 64, "galaxies": 1, "not_finite": 0}
    (folder / ".5x64x64_training_with_morphology.hdf5.progress").write_text(json.dumps(note))
    (folder / ".5x64x64_testing_with_morphology.hdf5.progress").write_text("{half a no")
    export_hdf5(catalog, wanted(sizes=(64,)), folder)
    assert digests(folder) == digests(tmp_path / "whole")


#: An export that is killed while it brings the note of one count of galaxies to the disk.
KILLED = """
import os, signal, sys
from galaxiesml.system import atomic
from galaxiesml.cli import main

real, notes = atomic.sync, []

def sync(path):
    real(path)
    if ".progress." in path.name:
        notes.append(path)
        if len(notes) == int(sys.argv[1]):
            os.kill(os.getpid(), signal.SIGKILL)

atomic.sync = sync
main(sys.argv[2:])
"""


@pytest.mark.parametrize("note", [1, 2])
def test_what_an_export_killed_in_its_note_leaves_goes_with_the_next(catalog, tmp_path, note):
    words = ["-q", "-C", str(catalog.root), "export", "hdf5", "--size", "64", "--out", str(tmp_path / "killed")]
    run = subprocess.run([sys.executable, "-c", KILLED, str(note), *words], capture_output=True)
    assert run.returncode == -signal.SIGKILL
    assert [path for path in (tmp_path / "killed").iterdir() if path.name.startswith("..")]
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path / "killed")
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path / "whole")
    assert digests(tmp_path / "killed") == digests(tmp_path / "whole")


def kills(catalog, tmp_path, count: int, typed) -> None:
    command = [sys.executable, "-m", "galaxiesml", "-q", "-C", str(catalog.root), "export", "hdf5", "--out"]
    start = time.monotonic()
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    length = time.monotonic() - start
    for number in range(count):
        folder = tmp_path / f"killed{number}"
        process = subprocess.Popen([*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # The first half of a short export is Python starting.
        time.sleep(length * (0.4 + 0.6 * (number + 0.5) / count))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        assert typed(*command[3:], folder)[0] == 0
        assert digests(folder) == digests(tmp_path / "whole")


def test_three_kills(catalog, tmp_path, typed):
    kills(catalog, tmp_path, 3, typed)


@pytest.mark.proof
def test_twenty_kills_of_export(catalog, tmp_path, typed):
    kills(catalog, tmp_path, 20, typed)


def test_what_cannot_be_asked(catalog, tmp_path):
    with pytest.raises(UsageError, match="No split scheme 'mine'"):
        check_selection(catalog, None, "mine", "leave-out")
    with pytest.raises(UsageError, match="--missing: guess"):
        check_selection(catalog, None, "release", "guess")
    with pytest.raises(UsageError):
        check_selection(catalog, "v9", "release", "leave-out")
    assert check_selection(catalog, None, "leak-free", "zero") == Selection("v2", "leak-free", "zero")
    # No published file is landed, so the official scheme has no galaxy.
    with pytest.raises(CatalogError, match="No galaxy of v2"):
        export_hdf5(catalog, wanted(scheme="official"), tmp_path)


def test_the_csv_twins_hold_the_same(catalog, tmp_path):
    export_hdf5(catalog, wanted(sizes=(127,)), tmp_path)
    made = export_twins(catalog, wanted().selection, tmp_path)
    for entry, (split, data) in zip(made, read(tmp_path).items(), strict=True):
        with open(entry["path"]) as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        assert (entry["split"], len(rows)) == (split, len(data["ra"]))
        assert reader.fieldnames == sorted(set(data) - {"image"})
        for key in set(data) - {"image"}:
            for row, value in zip(rows, data[key].reshape(len(rows)), strict=True):
                text = row[key]
                if isinstance(value, bytes):
                    assert text.encode() == value
                elif isinstance(value, np.bool_):
                    assert text == str(bool(value)).lower()
                elif text == "":
                    assert np.isnan(value) or value == -1
                else:
                    assert float(text) == value if isinstance(value, float) else int(text) == value


def test_the_documentations_slices_read_them(catalog, tmp_path, monkeypatch, repo):
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(documented(repo)[0], names)
    rows = len(names["images"])
    assert names["images"].shape == (rows, 5, 64, 64) and names["redshifts"].tolist() == [0.5] * rows


def documented(repo) -> list[str]:
    """The Python of docs/pictures.md as it is there: slices, and a torch Dataset."""
    slices, dataset = re.findall(r"```python\n(.*?)```", (repo / "docs" / "pictures.md").read_text(), re.DOTALL)
    return [slices, dataset]


def test_the_documentations_dataset_as_a_program(catalog, tmp_path, repo):
    pytest.importorskip("torch")
    export_hdf5(catalog, wanted(sizes=(64,)), tmp_path)
    (tmp_path / "documented.py").write_text(documented(repo)[1])
    run = subprocess.run([sys.executable, "documented.py"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    with h5py.File(tmp_path / "5x64x64_training_with_morphology.hdf5") as file:
        rows = len(file["image"])
    assert run.stdout == f"torch.Size([{rows}, 5, 64, 64]) tensor(0.5000)\n"
