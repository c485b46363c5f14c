"""`export verify` passes what is right, and finds and names what is not."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.cli import main
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.errors import CatalogError
from galaxiesml.morphology.psf_source import source_of
from galaxiesml.morphology.run import plan
from galaxiesml.morphology.settings import Settings
from galaxiesml.release.hdf5 import Wanted, export_hdf5
from galaxiesml.release.twins import export_twins
from galaxiesml.samples.selection import Selection
from galaxiesml.verify.verify import verify_files

from ..cutouts.service import cutout, name, write_tar
from ..made.galaxies import at
from .sample import SHOWN, write_sample
from .spoils import SPOILS, spoil_pixel

SPLITS = ("training", "validation", "testing")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A catalogue and the six files of its export."""
    root = tmp_path_factory.mktemp("verify")
    catalog = write_sample(root)
    export_hdf5(catalog, Wanted(Selection("v2", "release", "leave-out")), root / "out")
    return catalog, root / "out"


def names(size: int = 127) -> list[str]:
    return [f"5x{size}x{size}_{split}_with_morphology.hdf5" for split in SPLITS]


def copied(sample, tmp_path, size=127, split="training"):
    """A copy of one file, under its own name."""
    file_name = f"5x{size}x{size}_{split}_with_morphology.hdf5"
    return shutil.copy(sample[1] / file_name, tmp_path / file_name)


def difference(sample, path):
    (one,) = verify_files(sample[0].root, [path])
    assert one.difference is not None, "it passed"
    return one.difference


def test_what_was_exported_is_right(sample):
    catalog, out = sample
    paths = [out / file_name for size in (127, 64) for file_name in names(size)]
    found = verify_files(catalog.root, paths)
    assert [str(one.difference) for one in found] == ["None"] * 6
    lacking = sum(tract is None for tract in SHOWN.values())
    assert sum(one.galaxies for one in found[:3]) == 24 - lacking
    assert sum(one.from_fits for one in found) == 2 * 5 * (24 - lacking)
    assert all(one.from_store == one.empty == 0 and not one.notes for one in found)
    wrong = {int(one.told["image_size"]): 0 for one in found}
    for one in found:
        wrong[one.told["image_size"]] += one.not_finite
    # Of 11 a whole half is no number: all of it within 127 pixels, a part of it within 64.
    assert wrong[127] == 5 * (3 + 119 * 60) and 0 < wrong[64] < wrong[127]


@pytest.mark.parametrize("scheme", ["paper", "leak-free"])
def test_other_ways_to_export(sample, tmp_path, scheme):
    catalog, _ = sample
    for missing in ("leave-out", "zero"):
        wanted = Wanted(Selection("v1", scheme, missing), (64,), float("nan"), leftovers=True, extra=True)
        folder = tmp_path / missing
        made = export_hdf5(catalog, wanted, folder)
        found = verify_files(catalog.root, [folder / file_name for file_name in names(64)])
        assert [str(one.difference) for one in found] == ["None"] * 3
        assert sum(one.galaxies for one in found) == sum(file["galaxies"] for file in made["files"])
        empty = sum(one.empty for one in found)
        # 5 lacks a filter; 6 is shown in the tract that has three.  Of leak-free either may be a buffer.
        assert empty == (3 if scheme == "paper" else empty) * (missing == "zero")


def test_a_filter_without_a_picture_is_zeros(sample, tmp_path):
    export_hdf5(sample[0], Wanted(Selection("v2", "release", "zero"), (64,)), tmp_path)
    spoiled = 0
    for path in (tmp_path / file_name for file_name in names(64)):
        with h5py.File(path, "r+") as file:
            rows = np.flatnonzero(file["object_id"][:] == 5)
            for row in rows:
                assert not file["image"][row, 3].any() and file["image"][row, 4].any()
                file["image"][row, 3, 63, 0] = 1
        if len(rows):
            found = difference(sample, path)
            assert (found.object_id, found.pixel) == (5, (3, 63, 0)) and "no picture, so zeros" in str(found)
            spoiled += 1
    assert spoiled == 1


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_what_was_spoiled_is_found_and_named(sample, tmp_path, spoil):
    path = copied(sample, tmp_path)
    with h5py.File(path, "r+") as file:
        object_id, key, pixel = spoil(file)
    found = difference(sample, path)
    assert (found.object_id, found.key) == (object_id, key)
    assert f"object {object_id}" in str(found) and key in str(found)
    if pixel is not None:
        assert found.pixel[: len(pixel)] == pixel
        assert f"image[{pixel[0]} (" in str(found)


@pytest.mark.parametrize("bands", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0)])
def test_the_first_of_several_is_named(sample, tmp_path, bands):
    """Tars are read in an order of their own; each filter is once in the first row and once in the last."""
    path = copied(sample, tmp_path, 64)
    with h5py.File(path, "r+") as file:
        for row, band in enumerate(bands, 2):
            file["image"][row, band, 10, 11:13] = 77
        object_id = file["object_id"][2]
    (one,) = verify_files(sample[0].root, [path])
    assert (one.difference.object_id, one.difference.pixel, one.differing) == (object_id, (bands[0], 10, 11), 5)


def rewritten(target, sources, order=None, without=None):
    """A file with rows of several, as h5py writes it."""
    with h5py.File(target, "w") as out:
        files = [h5py.File(source) for source in sources]
        ids = np.concatenate([file["object_id"][:] for file in files])
        rows = np.argsort(ids)
        rows = rows[ids[rows] != without] if order is None else order
        out.attrs.update(files[0].attrs)
        for key in files[0]:
            parts = [file[key][:] for file in files]
            out[key] = np.concatenate(parts)[rows]
            out[key].attrs.update(files[0][key].attrs)
        for file in files:
            file.close()
    return target


def test_a_row_that_lacks_is_named(sample, tmp_path):
    whole = copied(sample, tmp_path)
    with h5py.File(whole) as file:
        object_id = file["object_id"][4]
    assert verify_files(sample[0].root, [rewritten(tmp_path / "same.hdf5", [whole])])[0].difference is None
    found = difference(sample, rewritten(tmp_path / "less.hdf5", [whole], without=object_id))
    assert (found.object_id, found.key) == (object_id, "object_id")
    assert "is not in the file" in str(found)


def test_a_row_of_another_split_is_named(sample, tmp_path):
    training, testing = (sample[1] / f"5x64x64_{split}_with_morphology.hdf5" for split in ("training", "testing"))
    with h5py.File(testing) as file:
        object_id = file["object_id"][0]
    found = difference(sample, rewritten(tmp_path / "both.hdf5", [training, testing]))
    assert found.object_id == object_id
    assert "its split in the scheme release is testing" in str(found)


def test_whole_rows_in_another_order_are_found(sample, tmp_path):
    path = copied(sample, tmp_path, 64)
    with h5py.File(path) as file:
        ids = file["object_id"][:]
    order = [0, 2, 1, *range(3, len(ids))]
    found = difference(sample, rewritten(tmp_path / "order.hdf5", [path], order))
    assert found.object_id == ids[1] and "does not ascend" in str(found)


@pytest.mark.parametrize(
    "name, value",
    [
        *(("split_seed", 7), ("cuts", "edge"), ("missing_cuts", "bad"), ("not_finite_pixels", 1)),
        *(("bands", "r, g, i, z, y"), ("split", "testing"), ("split_scheme", "mine"), ("version", "v9")),
        *(("image_size", 64), ("morphology", "sep"), ("spectra_from", "matched, rule hsc")),
    ],
)
def test_an_attribute_that_is_not_so(sample, tmp_path, name, value):
    path = copied(sample, tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs[name] = value
    found = difference(sample, path)
    assert name in str(found) or (name, value) in (("image_size", 64), ("split", "testing"))
    with h5py.File(path, "r+") as file:
        del file.attrs[name]
    assert str(difference(sample, path)) == f"the file has no attribute {name}"


def test_keys_shapes_and_types(sample, tmp_path):
    def changed(key, make):
        path = copied(sample, tmp_path, 64)
        with h5py.File(path, "r+") as file:
            make(file, key)
        found = difference(sample, path)
        assert found.key == key
        return str(found)

    def remake(change):
        def make(file, key):
            values, attributes = file[key][:], dict(file[key].attrs)
            del file[key]
            file[key] = change(values)
            file[key].attrs.update(attributes)

        return make

    assert "no key ra" in changed("ra", lambda file, key: file.pop(key))
    assert "no key y_pos_angle" in changed("y_pos_angle", lambda file, key: file.pop(key))
    assert "which the release does not have" in changed("zz", lambda file, key: file.create_dataset(key, data=[1]))
    assert "although it has related keys" in changed("g_total_galaxies", remake_leftover)
    assert "float32, not float64" in changed("dec", remake(lambda values: values.astype(np.float32)))
    assert "int32, not int64" in changed("skymap_id", remake(lambda values: values.astype(np.int32)))
    assert "float64, not float32" in changed("image", remake(lambda values: values.astype(np.float64)))
    assert "has the shape" in changed("coord", remake(lambda values: values[:, 0]))
    assert "has the shape" in changed("specz_ra", remake(lambda values: values[1:]))
    assert "no attribute unit" in changed("ra", lambda file, key: file[key].attrs.pop("unit"))


def remake_leftover(file, key):
    for band in "rizy":
        file[f"{band}_total_galaxies"] = np.zeros(len(file["ra"]))
    for band in "grizy":
        file[f"{band}_detected"] = np.zeros(len(file["ra"]), bool)


def test_what_is_no_file_of_ours(sample, tmp_path):
    path = tmp_path / "text.hdf5"
    path.write_text("no HDF5")
    assert "not an HDF5 file" in str(difference(sample, path))
    other = copied(sample, tmp_path)
    with h5py.File(other, "r+") as file:
        file.attrs["build"] = "../../elsewhere"
    with pytest.raises(CatalogError, match="has no build"):
        verify_files(sample[0].root, [other])


@pytest.fixture
def moved(sample, tmp_path):
    """A copy of the catalogue whose tars are copies as well."""
    root = shutil.copytree(sample[0].root, tmp_path / "cat")
    tars = shutil.copytree(sample[0].root.parent / "tars", tmp_path / "tars")
    for path in (root / "raw" / "cutouts").glob("*/landing.json"):
        info = json.loads(path.read_text())
        info["source_path"] = str(tars / info["source_file"])
        path.write_text(json.dumps(info))
    return root, tars


#: Opens a file for writing and holds it until its standard input ends.
HOLDER = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def held(sample, tmp_path):
    """A right file that another process has open for writing."""
    path = copied(sample, tmp_path)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    yield path
    holder.communicate("")
    assert verify_files(sample[0].root, [path])[0].difference is None


def test_a_file_that_another_process_writes_is_not_called_damaged(sample, held, tmp_path, typed):
    verify = ("-q", "-C", sample[0].root, "export", "verify", held)
    code, out, err = typed(*verify)
    assert (code, out) == (5, "")
    assert err == (
        f"Error: {held}: another process has it open for writing, so it was not compared.\n"
        "Close it in the other process, or wait until its export ends; then verify again.\n"
    )
    # It hides no other file: the right one is told to be right, the wrong one to be wrong.
    right, wrong = sample[1] / names()[1], copied(sample, tmp_path, split="testing")
    with h5py.File(wrong, "r+") as file:
        file["ra"][0] += 1
    code, out, err = typed(*verify, right, wrong)
    assert code == 3 and f"{right}: OK; " in out and "ra is " in err and "another process has it open" in err
    code, out, _ = typed(*verify, right, "--json")
    assert code == 5 and [entry["is_right"] for entry in json.loads(out)] == [None, True]


def test_without_the_tars_the_store_is_read_and_it_says_so(sample, moved):
    root, tars = moved
    path = sample[1] / names(64)[0]
    (before,) = verify_files(root, [path])
    (tars / "G.tar").unlink()
    data = bytearray((tars / "R.tar").read_bytes())
    data[5000] ^= 1
    (tars / "R.tar").write_bytes(data)
    (after,) = verify_files(root, [path])
    assert before.difference is None and after.difference is None
    assert before.from_fits == after.from_fits + after.from_store and after.from_store > 0
    assert sorted(note.split(";")[0] for note in after.notes) == [
        f"{tars / 'G.tar'} is no longer there",
        f"{tars / 'R.tar'} is not what was landed",
    ]
    for path_ in (root / "raw" / "cutouts").glob("*/pixels.bin"):
        data = bytearray(path_.read_bytes())
        data[100::119] = bytes(len(data[100::119]))
        path_.write_bytes(data)
    assert "are not those that were landed" in str(verify_files(root, [path])[0].difference)


def test_many_missing_tars_are_one_warning(sample, moved, typed):
    """With their number and the first three names; the same for two files is said once."""
    root, tars = moved
    paths = [sample[1] / file for file in names() + names(64) if "testing" in file]
    for path in tars.glob("*.tar"):
        path.unlink()
    code, out, err = typed("-C", root, "export", "verify", *paths)
    assert code == 0 and out.count(": OK; ") == len(paths) == 2
    (warning,) = (line for line in err.splitlines() if "no longer there" in line)
    number, more = map(int, re.search(r"(\d+) sources are no longer there \(.* and (\d+) more\)", warning).groups())
    assert number - more == 3 == warning.count(".tar") and all(path.name in warning for path in paths)
    assert "not what was landed" not in err


def test_a_manifest_that_shows_another_tract_is_found(sample, moved):
    root, _ = moved
    path = next((root / "builds").glob("0*/pictures.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    (landed,) = (
        row
        for shard in (root / "raw" / "cutouts").glob("*/pictures.parquet")
        for row in pq.read_table(shard).to_pylist()
        if (row["band"], row["tract"], row["line"]) == ("r", 9570, 4)
    )
    shown = next(row for row in rows if (row["object_id"], row["band"]) == (3, "r"))
    shown |= {key: landed[key] for key in ("shard", "member", "image_offset", "height", "width")}
    shown["picture_tract"] = 9570
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    found = [one.difference for one in verify_files(root, [sample[1] / file_name for file_name in names(64)])]
    (wrong,) = (difference for difference in found if difference)
    assert wrong.object_id == 3 and "tract 9570" in str(wrong) and "tract 9813" in str(wrong)


def test_a_picture_that_is_taken_for_another_filter_is_found(sample, moved):
    """The tables agree with each other, and the member's own name with neither."""
    root, _ = moved
    paths = [
        next((root / "builds").glob("0*/pictures.parquet")),
        *(root / "raw" / "cutouts").glob("*/pictures.parquet"),
    ]
    other = {"g": "r", "r": "g"}
    line = {name(9, band) for band in "GR"}
    for path in paths:
        table = pq.read_table(path)
        rows = table.to_pylist()
        for row in rows:
            if row["member"] in line:
                row["band"] = other[row["band"]]
        pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    found = [one.difference for one in verify_files(root, [sample[1] / file_name for file_name in names(64)])]
    (wrong,) = (difference for difference in found if difference)
    assert (wrong.object_id, wrong.key) == (8, "image") and "is shown as its" in str(wrong)


def test_what_landed_after_the_build_changes_nothing(sample, moved, tmp_path):
    root, _ = moved
    time.sleep(1.1)
    late = {name(2, band, 9000): cutout(*at(4), band=band)[0] for band in "GRIZY"}
    late |= {name(3, "Z"): cutout(*at(5), band="Z")[0]}
    list(land_pictures(Catalog.open(root), [write_tar(tmp_path / "late.tar", late)]))
    found = verify_files(root, [sample[1] / file_name for file_name in names(64)])
    assert [str(one.difference) for one in found] == ["None"] * 3


def test_moved_into_an_odd_folder_it_exports_the_same_and_verify_reads_it(sample, tmp_path):
    odd = tmp_path / "tract=9813" / "object_id=7" / "hsc[1]" / "back\\slash" / "a*b?" / "it's"
    catalog, out = Catalog.open(shutil.copytree(sample[0].root, odd / "cat")), odd / "out"
    export_hdf5(catalog, Wanted(Selection("v2", "release", "leave-out")), out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in sample[1].iterdir()
    }
    export_twins(catalog, Selection("v2", "release", "leave-out"), odd / "there")
    export_twins(sample[0], Selection("v2", "release", "leave-out"), tmp_path / "here")
    twins = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert twins and all(
        (odd / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes() for name in twins
    )
    checked = verify_files(catalog.root, [out / file_name for file_name in names(64)])
    assert [one.difference for one in checked] == 3 * [None] and sum(one.from_fits for one in checked) > 0
    measured = [
        plan(one, Settings(), source_of("catalogue", list("grizy")), list("grizy")) for one in (catalog, sample[0])
    ]
    assert len(measured[0].todo) > 50 and measured[0].todo.equals(measured[1].todo)


def test_the_command(sample, tmp_path, capsys):
    catalog, out = sample
    bad = copied(sample, tmp_path)
    with h5py.File(bad, "r+") as file:
        object_id, *_ = spoil_pixel(file)

    def typed(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in ("-C", catalog.root, "export", "verify", *words)])
        return left.value.code or 0, *capsys.readouterr()

    code, text, _ = typed(out / names()[0], out / names(64)[2])
    assert code == 0 and text.count(": OK; ") == 2
    code, text, err = typed(bad, out / names()[1])
    assert code == 3 and text.count(": OK; ") == 1
    assert f"object {object_id}" in err and "image[3 (z), 40, 50]" in err
    code, text, _ = typed(bad, "--json")
    (found,) = json.loads(text)
    assert code == 3 and not found["is_right"]
    assert found["difference"]["pixel"] == [3, 40, 50] and found["difference"]["object_id"] == object_id
    assert typed(tmp_path / "none.hdf5")[0] == 3
