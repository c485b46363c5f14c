"""The files for RAIL, read again by h5py, by tables_io, and by the program's own reader of tables."""

import json
import math
import resource
import subprocess
import sys
from pathlib import Path

import duckdb
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.query import photometry
from galaxiesml.query.photometry import export_photometry
from tests.made import builds

BANDS = "grizy"
#: More than a float64 holds, the largest there is, 17 digits; not in their order.
IDS = [40042063608219011, 2**53 + 1, 2**63 - 1, 36411452835245184, 36411452835245185, 7]
REDSHIFTS = [0.1 + 0.2, 5e-324, None, 1.75, 1 / 3, 0.6]
G_MAGS = [21.5, None, 19.000000000000004, 28.25, None, 20.0]
SPLITS = ["training", "validation", "training", "training", "validation", "training"]
#: In this scheme one split is empty, a galaxy is in a buffer and one has no split.
LEAK_FREE = ["training", "testing", "testing", "buffer", None, "training"]
CONDITION = "g_cmodel_mag < 30 (é)"
#: Reads a file as RAIL does; the result is a file.  What tables_io prints is not looked at.
READER = """
import sys
import numpy as np
import tables_io
from tables_io.io_utils.iterator import get_input_data_length
path, out = sys.argv[1:]
whole = tables_io.read(path)
group = whole["photometry"]
rows = get_input_data_length(path, groupname="photometry")
found = {f"whole/{name}": np.asarray(values) for name, values in group.items()}
if rows:
    # It reads every part into the same memory.
    chunks = tables_io.iterator(path, "numpyDict", groupname="photometry", chunk_size=3)
    parts = [{name: np.array(values) for name, values in part.items()} for _, _, part in chunks]
    found |= {f"parts/{name}": np.concatenate([part[name] for part in parts]) for name in group}
np.savez(out, groups=np.array(list(whole)), rows=rows, **found)
"""


def write(root: Path, name: str = "0001-abc") -> None:
    """A build by hand: a version, its splits, and no picture."""
    folder = root / "builds" / name
    folder.mkdir(parents=True)
    galaxies = {
        "object_id": pa.array(IDS, pa.int64()),
        "specz_redshift": pa.array(REDSHIFTS, pa.float64()),
        "ra": pa.array([150.0 + number for number in range(6)]),
        "dec": pa.array([2.0] * 6),
        "specz_name": pa.array([f"é {number}" for number in range(6)]),
    }
    for band in BANDS:
        mags = G_MAGS if band == "g" else [20.0 + number / 3 for number in range(6)]
        galaxies[f"{band}_cmodel_mag"] = pa.array(mags, pa.float64())
        galaxies[f"{band}_cmodel_magsigma"] = pa.array([None, *[0.01 * ord(band)] * 5], pa.float64())
    pq.write_table(pa.table(galaxies), folder / "galaxies_v2.parquet")
    splits = {"split_release": pa.array(SPLITS), "split_leak_free": pa.array(LEAK_FREE)}
    splits["split_paper"] = pa.array([None] * 6, pa.string())
    pq.write_table(pa.table({"object_id": pa.array(IDS, pa.int64())} | splits), folder / "splits.parquet")
    empty = {"object_id": pa.array([], pa.int64()), "image_offset": pa.array([], pa.int64())}
    pq.write_table(pa.table(empty), folder / "pictures.parquet")
    version = {"title": "the code", "rows": 6, "cuts": ["edge", "bad"], "missing_cuts": ["bad"]}
    version |= {"rule": "ab" * 32, "conditions": {"edge": CONDITION}}
    info = {"id": name, "galaxiesml": "0.1", "release": "pdr2_wide", "default_version": "v2", "split_seed": 3}
    landed = [{"landing": 1, "source_file": "a, b.csv", "source_sha256": "ab" * 32}]
    (folder / "build.json").write_text(json.dumps(info | {"landings": landed, "versions": {"v2": version}}))
    (root / "current").write_text(name + "\n")


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    made = Catalog.create(tmp_path / "cat", "pdr2_wide")
    write(made.root)
    return made


def read(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        assert list(file) == ["photometry"]
        return {name: dataset[()] for name, dataset in file["photometry"].items()}


def expected(split: str, of: list = SPLITS) -> dict[str, list]:
    """What a split's file holds, in the order of object_id."""
    rows = sorted((row for row in range(6) if of[row] == split), key=lambda row: IDS[row])
    found = {"object_id": [IDS[row] for row in rows], "redshift": [REDSHIFTS[row] for row in rows]}
    for band in BANDS:
        found[f"mag_{band}"] = [G_MAGS[row] if band == "g" else 20.0 + row / 3 for row in rows]
        found[f"mag_err_{band}"] = [0.01 * ord(band) if row else None for row in rows]
    return found


def same(values: np.ndarray, wanted: list) -> bool:
    """Equal to the last bit; a None is NaN."""
    pairs = zip(values.tolist(), wanted, strict=True)
    return all(math.isnan(value) if right is None else value == right for value, right in pairs)


@pytest.mark.parametrize("rows", [65_536, 2])
def test_every_value_is_read_back_equal(catalog, tmp_path, monkeypatch, rows):
    monkeypatch.setattr(photometry, "ROWS", rows)
    made = export_photometry(catalog, tmp_path / "out")
    assert [Path(entry["path"]).name for entry in made.files] == [
        f"photoz_v2_{split}.hdf5" for split in ("training", "validation", "testing")
    ]
    assert [(entry["galaxies"], entry["incomplete"]) for entry in made.files] == [(4, 0), (2, 2), (0, 0)]
    assert made.left_out == 0
    for entry in made.files:
        found, wanted = read(entry["path"]), expected(entry["split"])
        assert found.keys() == wanted.keys()
        for name, values in found.items():
            assert values.dtype == (np.int64 if name == "object_id" else np.float64)
            assert values.shape == (entry["galaxies"],) and same(values, wanted[name]), name
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        Path(entry["path"]).name for entry in made.files
    )


def test_a_file_says_where_it_is_from(catalog, tmp_path):
    made = export_photometry(catalog, tmp_path, where="specz_redshift < 1.5")
    with h5py.File(made.files[0]["path"]) as file:
        told = dict(file.attrs)
        assert json.loads(told.pop("landed")) == ["a, b.csv sha256:" + "ab" * 32]
        assert json.loads(told.pop("conditions")) == {"edge": CONDITION}
        assert told.pop("where") == "specz_redshift < 1.5 (applied after all cuts, duplicates included)"
        assert told == {
            "build": "0001-abc",
            "galaxiesml": "0.1",
            "release": "pdr2_wide",
            "spectra_from": "export",
            "version": "v2",
            "title": "the code",
            "cuts": "edge, bad",
            "missing_cuts": "bad",
            "incomplete": True,
            "rule": "ab" * 32,
            "split": "training",
            "split_scheme": "release",
            "split_seed": 3,
            "bands": "g, r, i, z, y",
            "null_value": "NaN",
        }
        told = dict(file["photometry/mag_err_i"].attrs)
        assert (told["column"], told["unit"], told["nulls"]) == ("i_cmodel_magsigma", "mag", 1)
        assert told["ucd"].startswith("stat.error;phot.mag;em.") and "i filter" in told["description"]
    # A redshift that is NULL does not meet the condition; nor does 1.75.
    assert [entry["galaxies"] for entry in made.files] == [2, 2, 0]
    assert read(made.files[0]["path"])["object_id"].tolist() == [7, IDS[0]]


def test_tables_io_reads_what_was_written(catalog, tmp_path):
    made = export_photometry(catalog, tmp_path)
    for entry in made.files:
        out = tmp_path / f"{entry['split']}.npz"
        run = subprocess.run([sys.executable, "-c", READER, entry["path"], out], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        found, wanted = np.load(out), expected(entry["split"])
        assert found["groups"].tolist() == ["photometry"] and found["rows"] == entry["galaxies"]
        for kind in ("whole", "parts") if entry["galaxies"] else ("whole",):
            assert {name for name in found.files if name.startswith(kind)} == {f"{kind}/{name}" for name in wanted}
            for name, values in wanted.items():
                assert same(found[f"{kind}/{name}"], values), (kind, name)
            assert found[f"{kind}/object_id"].dtype == np.int64


def test_the_trainings_own_reader_reads_it(catalog, tmp_path):
    from galaxiesml.photoz.config import Columns
    from galaxiesml.photoz.tables import read as read_table

    made = export_photometry(catalog, tmp_path)
    columns = Columns(magnitudes="mag_{band}", errors="mag_err_{band}", redshift="redshift", group="photometry")
    found, wanted = read_table(made.files[1]["path"], columns, tuple(BANDS)), expected("validation")
    assert found.object_id.tolist() == wanted["object_id"] and found.redshift.tolist() == wanted["redshift"]
    for at, band in enumerate(BANDS):
        # It computes in float32.
        right = np.array(wanted[f"mag_{band}"], float).astype(np.float32)
        np.testing.assert_array_equal(found.magnitudes[:, at], right)
    assert np.isnan(found.magnitudes[:, 0]).all() and np.isfinite(found.errors).all()


def test_buffers_and_galaxies_without_a_split_are_counted(catalog, tmp_path, typed):
    code, out, err = typed(
        "-C", catalog.root, "export", "photoz", "--split-scheme", "leak-free", "--out", tmp_path / "o o", "--json"
    )
    found = json.loads(out)
    assert code == 0 and "2 galaxies are not in any file" in err and found["left_out"] == 2
    assert "INCOMPLETE: bad not applied in full" in err and "1 galaxies lack the magnitude" in err
    assert {entry["split"]: entry["galaxies"] for entry in found["files"]} == {
        "training": 2,
        "validation": 0,
        "testing": 2,
    }
    for entry in found["files"]:
        for name, values in read(entry["path"]).items():
            assert same(values, expected(entry["split"], LEAK_FREE)[name])


def test_equal_builds_give_equal_bytes(catalog, tmp_path, monkeypatch):
    first = export_photometry(catalog, tmp_path / "a")
    monkeypatch.setattr(photometry, "ROWS", 3)
    again = export_photometry(catalog, tmp_path / "b")
    for one, other in zip(first.files, again.files, strict=True):
        assert Path(one["path"]).read_bytes() == Path(other["path"]).read_bytes()


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, 65_536))


def test_a_refused_disk_leaves_the_earlier_files(catalog, tmp_path):
    """The limit on the size of files is the system's own, so that the room is truly refused."""
    words = [sys.executable, "-m", "galaxiesml", "-C", catalog.root, "export", "photoz", "--out", tmp_path / "out"]
    (tmp_path / "out").mkdir()
    earlier = tmp_path / "out" / "photoz_v2_training.hdf5"
    earlier.write_text("earlier")
    run = subprocess.run(words, capture_output=True, text=True, preexec_fn=_small_files)
    assert run.returncode == 8 and f"{earlier} cannot be written: it is larger" in run.stderr, run.stderr
    assert [path.name for path in earlier.parent.iterdir()] == [earlier.name] and earlier.read_text() == "earlier"


def test_what_cannot_be_written_is_said_and_writes_nothing(catalog, tmp_path, typed):
    with pytest.raises(CatalogError, match="No galaxy of v2 is in a split of paper"):
        export_photometry(catalog, tmp_path / "out", scheme="paper")
    with pytest.raises(CatalogError, match="No galaxy of v2 where specz_redshift > 9 is in a split"):
        export_photometry(catalog, tmp_path / "out", where="specz_redshift > 9")
    with pytest.raises(UsageError, match="No split scheme 'release, split'"):
        export_photometry(catalog, tmp_path / "out", scheme="release, split")
    assert not (tmp_path / "out").exists()
    code, _, err = typed("-C", catalog.root, "export", "photoz", "--out", tmp_path / "out.hdf5")
    assert code == 2 and "export photoz writes into a folder" in err


def test_a_real_build_as_duckdb_reads_its_marts(tmp_path, typed):
    catalog = builds.mixed(tmp_path / "cat")
    code, out, err = typed("-C", catalog.root, "export", "photoz", "--version", "v1", "--out", tmp_path / "out")
    assert code == 0 and "photoz_v1_testing.hdf5" in out, err
    build, total = catalog.current_build(), 0
    for split in ("training", "validation", "testing"):
        wanted = duckdb.sql(f"""
            select object_id, specz_redshift, z_cmodel_mag
            from read_parquet('{build}/galaxies_v1.parquet')
            where object_id in (
                select object_id from read_parquet('{build}/splits.parquet') where split_release = '{split}'
            ) order by object_id
        """).fetchall()
        found = read(tmp_path / "out" / f"photoz_v1_{split}.hdf5")
        for at, name in enumerate(("object_id", "redshift", "mag_z")):
            assert same(found[name], [row[at] for row in wanted])
        total += len(wanted)
    assert total == pq.read_metadata(build / "galaxies_v1.parquet").num_rows > 50
