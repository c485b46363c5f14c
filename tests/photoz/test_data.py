"""What is read and what is refused."""

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from galaxiesml.errors import GalaxiesmlError, InputError, UsageError
from galaxiesml.photoz import Columns, Config, Data, released, tables

PLAIN = Columns(magnitudes="mag_{band}", errors="err_{band}", redshift="z")


def _table(rows: int = 6, **changed) -> pa.Table:
    rng = np.random.default_rng(0)
    made = {f"mag_{band}": rng.uniform(20, 25, rows) for band in "gr"} | {f"err_{band}": [0.1] * rows for band in "gr"}
    made |= {"z": rng.uniform(0, 2, rows), "object_id": np.arange(rows) + 41_000_000_000_000_001}
    return pa.table({**made, **changed})


def _write(table: pa.Table, path):
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        with h5py.File(path, "w") as file:
            for name in table.column_names:
                file[name] = table[name].to_numpy()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".hdf5"])
def test_every_format_gives_the_same_data(tmp_path, suffix):
    _write(_table(), tmp_path / f"t{suffix}")
    data = tables.read(tmp_path / f"t{suffix}", PLAIN, ("g", "r"))
    assert data.object_id[0] == 41_000_000_000_000_001
    assert data.digest() == tables.from_arrow(_table(), PLAIN, ("g", "r")).digest()


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".hdf5"])
def test_identifiers_held_as_floats_are_refused(tmp_path, suffix):
    _write(_table(object_id=np.arange(6) + 0.5), tmp_path / f"t{suffix}")
    with pytest.raises(InputError, match="object_id is double; it must be whole numbers"):
        tables.read(tmp_path / f"t{suffix}", PLAIN, ("g", "r"))


def test_a_non_detection_is_missing_or_a_limit():
    table = _table(mag_g=[99.0, 22, 23, 24, 99, 21])
    typed = {"magnitudes": "mag_{band}", "errors": "err_{band}", "redshift": "z", "non_detection": 99.0}
    missing = tables.from_arrow(table, Columns(**typed), ("g", "r"))
    assert np.isnan(missing.magnitudes[[0, 4], 0]).all() and np.isnan(missing.errors[0, 0])
    limited = tables.from_arrow(table, Columns(**typed, limits={"g": 27.5}), ("g", "r"))
    assert limited.magnitudes[0, 0] == np.float32(27.5) and limited.errors[0, 0] == 1
    assert limited.magnitudes[1, 0] == 22 and limited.errors[1, 0] == np.float32(0.1)


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"z": [0.1, np.nan, 1, 1, 1, 1]}, r"Row 2 \(object_id 41000000000000002\): z is nan"),
        ({"z": [0.1, 1, -1.0, 1, 1, 1]}, r"Row 3 .*: z is -1, and must be from -0.01 to 20 \(1 such rows\)"),
        ({"z": ["a"] * 6}, "z is string, and must be numbers"),
        ({"object_id": [1, 2, 3, 1, 5, 6]}, "object_id 1 occurs twice, in rows 1 and 4"),
        ({"object_id": pa.array([1, 2, None, 4, 5, 6])}, "row 3: object_id is NULL"),
        ({"split": ["training"] * 5 + ["tests"]}, "split is 'tests'"),
        ({"object_id": pa.array([2**63] * 6, pa.uint64())}, "does not fit into 64 bits"),
    ],
)
def test_a_hostile_table_is_refused_with_row_and_value(changed, words):
    with pytest.raises(InputError, match=words):
        tables.from_arrow(_table(**changed), PLAIN, ("g", "r"))


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="no column 'mag_i'; its first columns: mag_g"):
        tables.from_arrow(_table(), PLAIN, ("g", "i"))
    with pytest.raises(InputError, match="does not exist"):
        tables.read(tmp_path / "none.parquet", PLAIN, ("g",))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"broken\.parquet cannot be read"):
        tables.read(tmp_path / "broken.parquet", PLAIN, ("g",))


def _release(path, ids, bands="grizy"):
    rows = len(ids)
    with h5py.File(path, "w") as file:
        file["object_id"] = ids
        file["specz_redshift"] = np.linspace(0.1, 1, rows)
        for band in bands:
            file[f"{band}_cmodel_mag"] = np.full((rows, 1), 22.0)
            file[f"{band}_cmodel_magsigma"] = np.full(rows, 0.1)
        # A picture that cannot be read: nothing may touch it.
        file["image"] = h5py.ExternalLink("not there.hdf5", "image")


def test_released_files_give_their_split_and_no_pixel_is_read(tmp_path):
    for number, split in enumerate(("training", "validation", "testing")):
        _release(tmp_path / f"5x64x64_{split}.hdf5", np.arange(4) + 10 * number)
    data = released.read(sorted(tmp_path.glob("*.hdf5")))
    assert len(data) == 12 and data.bands == tuple("grizy")
    assert list(data.of("validation").object_id) == [10, 11, 12, 13]


def test_released_files_with_faults_are_refused(tmp_path):
    _release(tmp_path / "a_training.hdf5", np.arange(4) + 0.5)
    with pytest.raises(InputError, match="object_id is float64"):
        released.read([tmp_path / "a_training.hdf5"])
    with pytest.raises(UsageError, match="does not say which split"):
        released.read([tmp_path / "a.hdf5"])
    _release(tmp_path / "b_training.hdf5", np.arange(4), bands="gri")
    with pytest.raises(InputError, match="no key z_cmodel_mag"):
        released.read([tmp_path / "b_training.hdf5"])


@pytest.mark.parametrize(
    "words, message",
    [
        (["epochs"], "has no '='"),
        (["epoch=3"], "Unknown setting: epoch"),
        (["epochs=2.5"], "epochs must be a whole number"),
        (["epochs=0"], "epochs must be from 1"),
        (["colours=maybe"], "must be true or false"),
        (["z_min=5"], r"z_min \(5\) must be below z_max"),
        (["z_phot=z_best"], "Unknown value for z_phot"),
        (["z_phot=z_point"], "gives PDFs alone"),
        (["learning_rate=nan"], "learning_rate must be from"),
    ],
)
def test_wrong_settings_are_refused(words, message):
    with pytest.raises(UsageError, match=message):
        Config.typed("table", words)


def test_settings_go_through_json_and_back():
    config = Config.typed("paper-nn", ["epochs=3", "colours=no", "z_max=6"])
    assert Config.from_json(config.as_dict()) == config
    assert config.batch == 100 and config.z_phot == "z_point"


def test_data_is_copied_to_its_types_and_hashed_by_content():
    first = Data(np.array([[22.0, 99.0], [np.inf, 21]]), ("g", "r"), redshift=np.array([0.1, 0.2]))
    assert first.magnitudes.dtype == np.float32 and np.isnan(first.magnitudes[1, 0])
    assert first.digest() != first.take(np.array([1, 0])).digest()
    with pytest.raises(GalaxiesmlError, match="do not fit 3 bands"):
        Data(np.zeros((2, 2)), ("g", "r", "i"))
    with pytest.raises(InputError, match="object_id is float64"):
        Data(np.zeros((2, 2)), ("g", "r"), object_id=np.array([1.0, 2.0]))
