"""An exported data set: read by Hugging Face's datasets and mlcroissant, written whole or not at all."""

from __future__ import annotations

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
import pyarrow.parquet as pq
import pytest
import yaml

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.release.dataset import About, export_dataset
from galaxiesml.release.hdf5 import Wanted
from galaxiesml.samples.selection import check_selection
from galaxiesml.verify.verify import verify_files

from .sample import write_sample

SPLITS = {"train": "training", "validation": "validation", "test": "testing"}
ABOUT = About("Mine {{ x }} | `y`", "CC-BY-4.0", "The authors", "https://example.org/mine")
#: Names of folders that query engines, globs and shells read other things into.
HOSTILE = "it's, tract=1 é"


def wanted(catalog, **changes) -> Wanted:
    selection = check_selection(
        catalog, changes.pop("version", None), "release", "leave-out", changes.pop("where", None)
    )
    return Wanted(selection, **({"sizes": (64, 127)} | changes))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def folder(catalog, tmp_path_factory):
    """The data set, in a folder of a hostile name."""
    made = tmp_path_factory.mktemp("out") / HOSTILE
    export_dataset(catalog, wanted(catalog), made, ABOUT)
    return made


#: Reads a folder with a library of others in a process of its own; the rows are left in a file.
READ_DATASETS = """
import json, sys
import datasets

datasets.disable_progress_bars()
folder, out = sys.argv[1:]
found = {}
for size in datasets.get_dataset_config_names(folder):
    found[size] = {split: list(rows) for split, rows in datasets.load_dataset(folder, size).items()}
json.dump(found, open(out, "w"))
"""
READ_CROISSANT = """
import json, sys
import mlcroissant

folder, out = sys.argv[1:]
made = mlcroissant.Dataset(jsonld=folder + "/croissant.json")

def plain(value):
    value = value.item() if hasattr(value, "item") else value
    return value.decode() if isinstance(value, bytes) else value

found = {"report": made.metadata.ctx.issues.report(), "rows": {}}
for record_set in made.metadata.record_sets:
    name = record_set.uuid
    found["rows"][name] = [
        {key.removeprefix(name + "/"): plain(value) for key, value in row.items()} for row in made.records(name)
    ]
json.dump(found, open(out, "w"))
"""


def read_by(program: str, folder, tmp_path) -> dict:
    """What a program read of a folder; it reaches no network."""
    quiet = {"HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "CROISSANT_CACHE": str(tmp_path / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", program, str(folder), str(tmp_path / "read.json")],
        env=os.environ | quiet,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads((tmp_path / "read.json").read_text())


def catalogue_rows(catalog, split: str, names: list[str]) -> list[dict]:
    """The catalogue's own values of some columns; those of morphology are all NULL in it."""
    connection = catalog.connect()
    known = {*connection.table("galaxies_v2").columns}
    has = [name for name in names if name in known]
    rows = connection.execute(f"""
        select {", ".join(f'galaxies."{name}"' for name in has)} from galaxies_v2 as galaxies
        inner join splits on galaxies.object_id = splits.object_id where split_release = '{split}'
        and galaxies.object_id in (
            select object_id from pictures where image_offset is not null group by object_id having count(*) = 5
        ) order by galaxies.object_id
    """)
    return [dict.fromkeys(names) | dict(zip(has, row, strict=True)) for row in rows.fetchall()]


def test_hugging_faces_datasets_read_the_catalogues_rows(catalog, folder, tmp_path):
    pytest.importorskip("datasets")
    found = read_by(READ_DATASETS, folder, tmp_path)
    assert sorted(found) == ["127", "64"]
    for splits in found.values():
        assert list(splits) == list(SPLITS)
        for split, rows in splits.items():
            assert rows and rows == catalogue_rows(catalog, SPLITS[split], list(rows[0]))
    assert sum(map(len, found["64"].values())) == 22


def test_mlcroissant_reads_the_catalogues_rows_without_a_warning(catalog, folder, tmp_path):
    pytest.importorskip("mlcroissant")
    found = read_by(READ_CROISSANT, folder, tmp_path)
    assert found["report"] == ""
    assert sorted(found["rows"]) == sorted(f"{size}/{split}" for size in (64, 127) for split in SPLITS)
    for name, rows in found["rows"].items():
        assert rows and rows == catalogue_rows(catalog, SPLITS[name.split("/")[1]], list(rows[0]))


def test_the_images_can_be_in_the_parquet_files(catalog, tmp_path):
    pytest.importorskip("datasets")
    export_dataset(catalog, wanted(catalog, sizes=(8,)), tmp_path / "made", ABOUT, images=True)
    found = read_by(READ_DATASETS, tmp_path / "made", tmp_path)["8"]
    for split, rows in found.items():
        with h5py.File(tmp_path / "made" / "8" / f"5x8x8_{SPLITS[split]}_with_morphology.hdf5") as file:
            np.testing.assert_array_equal([row["image"] for row in rows], file["image"][:].astype(float))
            assert [row["object_id"] for row in rows] == file["object_id"][:].tolist()


def test_parquet_and_hdf5_have_the_same_galaxies_and_say_what_they_are(catalog, folder):
    for size in (64, 127):
        for split in SPLITS.values():
            read = pq.ParquetFile(folder / str(size) / f"{split}.parquet")
            path = folder / str(size) / f"5x{size}x{size}_{split}_with_morphology.hdf5"
            with h5py.File(path) as file:
                assert read.read()["object_id"].to_pylist() == file["object_id"][:].tolist()
                told = json.loads(read.metadata.metadata[b"galaxiesml"])
                for name in ("build", "version", "cuts", "missing_cuts", "conditions", "rule", "where", "split"):
                    assert told[name] == file.attrs[name]
            field = read.schema_arrow.field("ra")
            assert field.metadata[b"unit"] == b"deg" and field.metadata[b"description"]
    files = sorted(str(path) for path in folder.glob("*/*.hdf5"))
    assert len(files) == 6 and all(one.difference is None for one in verify_files(catalog.root, files))


def test_croissant_knows_every_file_and_what_the_data_were_made_of(catalog, folder):
    told = json.loads((folder / "croissant.json").read_text())
    assert "http://mlcommons.org/croissant/1.1" in told["conformsTo"]
    listed = {entry["contentUrl"]: entry for entry in told["distribution"]}
    assert set(listed) == {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "croissant.json"
    }
    for path, entry in listed.items():
        content = (folder / path).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest() and entry["contentSize"] == f"{len(content)} B"
    used = {field["source"]["fileObject"]["@id"] for one in told["recordSet"] for field in one["field"]}
    assert used == {f"{size}/{split}.parquet" for size in (64, 127) for split in SPLITS.values()}
    derived = {entry["@id"] for entry in told["prov:wasDerivedFrom"]}
    landings = [*catalog.landings("hsc"), *catalog.landings("cutouts")]
    assert derived == {f"urn:sha256:{landing['source_sha256']}" for landing in landings}
    info = catalog.build_info()
    assert info["id"] in told["prov:wasGeneratedBy"]["prov:label"]
    assert info["versions"]["v2"]["rule"] in told["prov:wasGeneratedBy"]["description"]
    assert told["license"] == "https://spdx.org/licenses/CC-BY-4.0" and told["rai:dataBiases"]


def test_the_card_names_its_configurations_and_no_text_is_markup(folder):
    text = (folder / "README.md").read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["license"] == "cc-by-4.0" and front["size_categories"] == ["n<1K"]
    assert [one["config_name"] for one in front["configs"]] == ["64", "127"]
    assert front["configs"][0]["data_files"][0] == {"split": "train", "path": "64/training.parquet"}
    assert front["pretty_name"] == ABOUT.name
    assert "# Mine \\{\\{ x \\}\\} \\| \\`y\\`\n" in text


def test_the_datasheets_figures_are_the_builds(catalog, tmp_path):
    """A version with a cut that removes rows, a condition, and left-out galaxies."""
    export_dataset(catalog, wanted(catalog, where="specz_redshift < 1.5", sizes=(64,)), tmp_path / "made", ABOUT)
    text = (tmp_path / "made" / "DATASHEET.md").read_text()
    connection = catalog.connect()
    (rows,) = connection.execute("select count(*) from galaxies_v2 where specz_redshift < 1.5").fetchone()
    files = {split: pq.read_table(tmp_path / "made" / "64" / f"{split}.parquet") for split in SPLITS.values()}
    for split, table in files.items():
        assert f"| {split} | {len(table):,} | {len(table) / sum(map(len, files.values())):.4g} |" in text
    left_out = rows - sum(map(len, files.values()))
    assert f"{left_out:,} galaxies of the version are in no file" in text
    flow = connection.execute("select cut, rows_in, rows_in - rows_out from cut_flow where version = 'v2'").fetchall()
    for cut, rows_in, removed in flow:
        assert re.search(rf"\| `{cut}` \|.*\| {rows_in:,} \| {removed:,} \|", text), cut
    for landing in (*catalog.landings("hsc"), *catalog.landings("cutouts")):
        assert landing["source_sha256"] in text
    assert "Condition on the finished rows: `specz_redshift < 1.5`" in text
    redshifts = np.concatenate([table["specz_redshift"].to_numpy() for table in files.values()])
    assert f"| 0.8 | 1.2 | {np.sum((redshifts > 0.8) & (redshifts <= 1.2))} |" in text
    median = np.median(connection.execute("select specz_redshift from galaxies_v2").fetchnumpy()["specz_redshift"])
    assert f"median redshift {median:.3g}" in text
    assert "applied after all cuts" in text.replace("\\", "")


def digests(folder) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_equal_builds_give_equal_folders(catalog, folder, tmp_path):
    export_dataset(catalog, wanted(catalog), tmp_path / "again", ABOUT)
    assert digests(tmp_path / "again") == digests(folder)


def test_a_folder_is_replaced_only_with_force_and_only_a_data_set(catalog, tmp_path, typed):
    words = ["-C", catalog.root, "export", "dataset", "--size", "8"]
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.tex").write_text("years")
    for force in ([], ["--force"]):
        code, out, err = typed(*words, tmp_path / "theirs", *force)
        assert (code, out) == (2, "") and "has files that no export dataset wrote" in err
    assert os.listdir(tmp_path / "theirs") == ["thesis.tex"]
    assert typed(*words, tmp_path / "new")[0] == 0
    (tmp_path / "new" / "more.txt").write_text("more")
    code, _, err = typed(*words, tmp_path / "new")
    assert code == 2 and "--force to replace it" in err and (tmp_path / "new" / "more.txt").exists()
    code, out, _ = typed(*words, tmp_path / "new", "--force")
    assert (code, out) == (0, f"{tmp_path / 'new'}\n") and not (tmp_path / "new" / "more.txt").exists()
    assert sorted(os.listdir(tmp_path)) == ["new", "theirs"]


def test_what_cannot_be_asked(catalog, tmp_path, typed):
    words = ["-C", catalog.root, "export", "dataset"]
    for more, told in (
        (["made.parquet"], "writes into a folder"),
        (["made", "--licence", "see {{ x }}"], "no identifier of SPDX"),
        (["made", "--url", "javascript:x"], "no address of the web"),
        (["made", "--size", "0"], "--size must be 1 to 4096"),
        (["made", "--layers", "image,colour"], "no layer 'colour'"),
        (["made", "--layers", "mask"], "--layers needs the image"),
    ):
        code, out, err = typed(*words, tmp_path / more[0], *more[1:])
        assert (code, out) == (2, "") and told in err, err
    assert os.listdir(tmp_path) == []
    with pytest.raises(UsageError, match="not a folder"):
        (tmp_path / "file").write_text("")
        export_dataset(catalog, wanted(catalog), tmp_path / "file", ABOUT)


def test_an_interrupted_or_failed_export_leaves_nothing(catalog, tmp_path, monkeypatch):
    from galaxiesml.release import dataset

    def full(*words):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset, "write_parquet_twin", full)
    with pytest.raises(OSError, match="No space"):
        export_dataset(catalog, wanted(catalog, sizes=(8,)), tmp_path / "made", ABOUT)
    assert os.listdir(tmp_path) == []
    command = [sys.executable, "-m", "galaxiesml", "-q", "-C", str(catalog.root), "export", "dataset"]
    process = subprocess.Popen([*command, str(tmp_path / "made")], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    waited = time.monotonic() + 60
    while not list(tmp_path.glob(".made.*/*.part")):
        assert process.poll() is None and time.monotonic() < waited, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130 and os.listdir(tmp_path) == []


def test_a_build_that_is_published_meanwhile_is_said(catalog, tmp_path):
    copy = Catalog.open(shutil.copytree(catalog.root, tmp_path / "cat"))
    before = copy.current_id()
    shutil.copytree(copy.builds / before, copy.builds / "9999-0123456789ab")

    class Publishing:
        def update(self, **words):
            (copy.root / "current").write_text("9999-0123456789ab\n")

        def advance(self, count):
            pass

    with pytest.raises(CatalogError, match=f"9999-0123456789ab was published while the data set was made of {before}"):
        export_dataset(copy, wanted(copy, sizes=(8,)), tmp_path / "made", ABOUT, progress=Publishing())
    assert os.listdir(tmp_path) == ["cat"]


def test_a_killed_exports_folder_goes_with_the_next(catalog, tmp_path):
    left = tmp_path / f".made.{re.sub('[^A-Za-z0-9_-]', '-', os.uname().nodename)[:32]}-999999999.making"
    (left / "64").mkdir(parents=True)
    (left / "64" / "half.hdf5").write_text("half")
    export_dataset(catalog, wanted(catalog, sizes=(8,)), tmp_path / "made", ABOUT)
    assert os.listdir(tmp_path) == ["made"]


def test_a_cut_that_is_missing_is_said_everywhere(catalog, tmp_path):
    copy = tmp_path / "cat"
    shutil.copytree(catalog.root, copy)
    path = copy / "builds" / catalog.current_id() / "build.json"
    info = json.loads(path.read_text())
    info["versions"]["v2"]["missing_cuts"] = ["crcenter"]
    path.write_text(json.dumps(info))
    opened = type(catalog).open(copy)
    export_dataset(opened, wanted(opened, sizes=(8,)), tmp_path / "made", ABOUT)
    for name in ("README.md", "DATASHEET.md", "croissant.json"):
        assert "INCOMPLETE: crcenter not applied in full" in (tmp_path / "made" / name).read_text()
