"""Values that astropy masks stay masked, whatever format carries the mask, in every ingest."""

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, QTable, Table
from astropy.utils.masked import Masked

from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.release_files import land_release
from galaxiesml.ingest.specz import folder_of, land_specz
from tests.ingest.conftest import columns
from tests.ingest.written import IDS

#: What must land, whatever lies under the masks: the second of each is masked.
RIGHT = {
    "object_id": IDS[:3],
    "ra": [1.5, None, 3.5],
    "tract": [9001, None, 9003],
    "specz_name": ["SDSS-1", None, "SDSS-3"],
    "i_cmodel_flag": [True, None, False],
    "specz_redshift": [0.1, None, 0.3],
}


def masked() -> Table:
    hidden = [False, True, False]
    return Table(
        {
            "object_id": np.array(IDS[:3]),
            "ra": MaskedColumn([1.5, 2.5, 3.5], mask=hidden),
            "tract": MaskedColumn([9001, 9002, 9003], mask=hidden),
            "specz_name": MaskedColumn(["SDSS-1", "SDSS-2", "SDSS-3"], mask=hidden),
            "i_cmodel_flag": MaskedColumn([True, True, False], mask=hidden),
            "specz_redshift": MaskedColumn([0.1, 0.2, 0.3], mask=hidden),
        }
    )


def through_hdf5(table: Table, path):
    """What h5py and pandas read of astropy's HDF5, as a person may pass it on: both columns, no masks."""
    table.write(path.with_suffix(".h5"), path="t", serialize_meta=True)
    with h5py.File(path.with_suffix(".h5")) as file:
        frame = pd.DataFrame(file["t"][:])
    for name in frame.select_dtypes("object"):
        frame[name] = frame[name].str.decode("ascii")
    assert "specz_name.mask" in set(frame.columns)
    return Table.from_pandas(frame)


WRITERS = {
    "parquet": lambda table, path: table.write(path, format="parquet"),
    "ecsv": lambda table, path: table.write(path, format="ascii.ecsv", serialize_method="data_mask"),
    "ecsv with gaps": lambda table, path: table.write(path, format="ascii.ecsv"),
    "hdf5, then FITS": lambda table, path: through_hdf5(table, path).write(path, format="fits"),
    "hdf5, then CSV": lambda table, path: through_hdf5(table, path).write(path, format="ascii.csv"),
    "hdf5, then VOTable": lambda table, path: through_hdf5(table, path).write(path, format="votable"),
    "hdf5, then tabs": lambda table, path: through_hdf5(table, path).write(path, format="ascii.tab"),
}


@pytest.mark.parametrize("kind", [kind for kind in WRITERS if "VOTable" not in kind])
def test_masked_values_of_an_export_land_as_null(catalog, tmp_path, kind):
    WRITERS[kind](masked(), tmp_path / "t")
    info = land_hsc(catalog, tmp_path / "t").info
    assert {name: columns(catalog, info)[name] for name in RIGHT} == RIGHT
    assert info["kind"] == "joined" and info["extra_columns"] == [] and info["with_spectrum"] == 2


@pytest.mark.parametrize("kind", WRITERS)
def test_masked_redshifts_of_a_survey_are_none(catalog, tmp_path, kind):
    hidden = [True, True, False]
    table = Table(
        {
            "specObjID": np.array(IDS[:3]),
            "ra": [150.0, 150.1, 150.2],
            "dec": [2.0, 2.1, 2.2],
            "class": ["GALAXY"] * 3,
            "z": MaskedColumn([0.1, 0.2, 0.3], mask=hidden),
            "zErr": MaskedColumn([1e-4, 2e-4, 3e-4], mask=hidden),
            "zWarning": MaskedColumn([0, 0, 0], mask=[False, True, False]),
            "specz_name": MaskedColumn(["a", "b", "c"], mask=hidden),
        }
    )
    WRITERS[kind](table, tmp_path / "t")
    info = land_specz(catalog, tmp_path / "t").info
    found = pq.read_table(folder_of(catalog, info) / "spectra.parquet").to_pydict()
    assert found["redshift_given"] == [None, None, 0.3] and found["redshift_err_given"] == [None, None, 3e-4]
    assert found["flag"] == ["0", "", "0"] and info["no_redshift"] == 2
    own = pq.read_table(folder_of(catalog, info) / "own.parquet")
    assert "z.mask" not in own.column_names and [text or None for text in own["specz_name"].to_pylist()] == [
        None,
        None,
        "c",
    ]


def test_an_isnull_column_of_a_survey_is_obeyed_too(catalog, tmp_path):
    text = "CATAID,RA,DEC,Z,NQ,PROB,Z_isnull\n1,150,2,0.1,4,0.9,true\n2,150,2,0.2,4,0.9,false\n"
    (tmp_path / "t.csv").write_text(text)
    info = land_specz(catalog, tmp_path / "t.csv").info
    found = pq.read_table(folder_of(catalog, info) / "spectra.parquet")
    assert found["redshift_given"].to_pylist() == [None, 0.2]


def test_masked_quantities_and_vectors_land_as_null(catalog, tmp_path):
    import astropy.units as u

    table = QTable({"object_id": IDS[:2], "ra": Masked([1.0, 2.0] * u.deg, mask=[True, False])})
    table["v"] = MaskedColumn([[1.0, 2.0], [3.0, 4.0]], mask=[[False, True], [False, False]])
    table.write(tmp_path / "t.parquet", format="parquet")
    found = columns(catalog, land_hsc(catalog, tmp_path / "t.parquet").info)
    assert found["ra"] == [None, 2.0] and found["v"] == [[1.0, None], [3.0, 4.0]]


def test_of_names_that_differ_in_case_a_mask_is_of_the_one_spelt_alike(catalog, tmp_path):
    names = ["object_id", "ra", "x", "X", "X.mask", "RA.MASK", "other.mask"]
    values = [pa.array(cells) for cells in ([1], [2.0], [3], [4], [True], [True], [True])]
    pq.write_table(pa.Table.from_arrays(values, names=names), tmp_path / "t.parquet")
    info = land_hsc(catalog, tmp_path / "t.parquet").info
    found = columns(catalog, info)
    assert (found["ra"], found["x"], found["X_source"]) == ([None], [3], [None])
    # A mask of no column is a column.
    assert found["other.mask"] == [True] and info["extra_columns"] == ["x", "X_source", "other.mask"]


def test_a_mask_that_is_no_boolean_is_refused_by_row(catalog, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("object_id,ra,ra.mask\n1,2,False\n3,4,maybe\n5,6,True\n")
    with pytest.raises(InputError, match=r"line 3, column ra\.mask: 'maybe' is neither true nor false"):
        land_hsc(catalog, path)
    info = land_hsc(catalog, path, rejects=tmp_path / "bad.csv").info
    assert columns(catalog, info)["ra"] == [2.0, None] and info["rejected"] == 1
    assert pd.read_csv(tmp_path / "bad.csv")["text"].tolist() == ["3,4,maybe"]
    table = pa.table({"object_id": [1], "ra": [1.0], "ra.mask": pa.array([[True]])})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"column ra\.mask: its type is list<.*>; a boolean is expected"):
        land_hsc(catalog, tmp_path / "t.parquet")


def test_a_released_file_with_masked_identifiers_is_refused(catalog, tmp_path):
    path = tmp_path / "x_training.hdf5"
    with h5py.File(path, "w") as file:
        file["object_id"] = np.array(IDS[:3])
        file["object_id.mask"] = np.array([False, True, False])
    with pytest.raises(InputError, match=r"row 2: object_id\.mask says that there is no object_id"):
        land_release(catalog, path)
    (tmp_path / "x_testing.csv").write_text(f"object_id,object_id.mask\n{IDS[0]},False\n{IDS[1]},True\n")
    with pytest.raises(InputError, match="row 2: object_id None is not a whole number"):
        land_release(catalog, tmp_path / "x_testing.csv")
    assert catalog.landings("release") == []
    with h5py.File(path, "a") as file:
        file["object_id.mask"][1] = False
    assert land_release(catalog, path).info["rows"] == 3
