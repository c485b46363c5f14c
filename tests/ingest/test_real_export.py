"""Real files of the archive against an independent reading by astropy or pandas."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.ledger import folder_of
from galaxiesml.ingest.report import describe

FLAGS = {"edge": "edge", "interpolatedcenter": "interpolated_center", "saturatedcenter": "saturated_center"}
RENAMED = {
    "object_id": "object_id",
    "ra": "ra",
    "dec": "dec",
    "specz_ra": "specz_ra",
    "specz_dec": "specz_dec",
    "specz_redshift": "z_hsc",
    "specz_redshift_err": "z_hsc_err",
    "i_sdsscentroid_flag": "icentroid_sdss_flags",
    **{f"a_{b}": f"a_{b}" for b in "grizy"},
    **{f"{b}_cmodel_mag": f"{b}cmodel_mag" for b in "grizy"},
    **{f"{b}_cmodel_magsigma": f"{b}cmodel_mag_err" for b in "grizy"},
    **{f"{b}_cmodel_flag": f"{b}cmodel_flux_flags" for b in "grizy"},
    **{f"{b}_pixelflags_{ours}": f"{b}flags_pixel_{theirs}" for b in "grizy" for ours, theirs in FLAGS.items()},
}


@pytest.fixture(scope="module")
def landed(tmp_path_factory, shared_data):
    path = shared_data / "hsc_s16a_wide_gama.fits"
    catalog = Catalog.create(tmp_path_factory.mktemp("real") / "cat", "s16a_wide")
    landing = land_hsc(catalog, path)
    table = pq.read_table(folder_of(catalog, landing.info) / "joined.parquet")
    return landing, table, Table.read(path, hdu=1, character_as_bytes=False)


def same(column, truth):
    """Equal in value, in type, and in where NaN or a masked value became NULL."""
    truth = np.ma.asarray(truth)
    missing = np.ma.getmaskarray(truth).copy()
    if truth.dtype.kind == "f":
        missing |= np.isnan(truth.filled(np.nan))
    if truth.dtype.kind in "US":
        missing |= np.char.strip(truth.filled("").astype(str)) == ""
    assert column.is_null().to_numpy().tolist() == missing.tolist()
    if truth.dtype.kind in "fib":
        assert pa.from_numpy_dtype(truth.dtype.newbyteorder("=")) == column.type
    found = [value for value in column.to_pylist() if value is not None]
    expected = truth.data[~missing].tolist()
    # Trailing blanks mean nothing in FITS.
    assert found == [value.rstrip() if isinstance(value, str) else value for value in expected]


def test_the_real_export_lands_whole(landed):
    landing, table, truth = landed
    assert (landing.info["kind"], landing.info["rows"], landing.info["rejected"]) == ("joined", 972, 0)
    assert landing.info["with_spectrum"] == 972 - 56 == int((truth["specz_id"] != -9999).sum())
    assert len(truth) == table.num_rows == 972
    assert table["source_row"].to_pylist() == list(range(1, 973))
    assert set(table["source_file"].to_pylist()) == {"hsc_s16a_wide_gama.fits"}


@pytest.mark.parametrize("ours", RENAMED)
def test_each_of_our_columns_equals_astropys_reading(landed, ours):
    landing, table, truth = landed
    assert landing.info["sources"][ours] == [RENAMED[ours]]
    same(table[ours], truth[RENAMED[ours]])


def test_every_other_column_equals_astropys_reading(landed):
    landing, table, truth = landed
    used = {*RENAMED.values(), "specz_id", "specz_flag"}
    others = [name for name in truth.colnames if name not in used]
    assert landing.info["extra_columns"] == others
    for name in others:
        same(table[name], truth[name])


def test_the_spectrum_s_number_becomes_its_name_and_the_flag_a_boolean(landed):
    _, table, truth = landed
    assert table["specz_name"].to_pylist() == [None if n == -9999 else str(n) for n in truth["specz_id"].tolist()]
    flag = np.ma.filled(truth["specz_flag"].astype(float), np.nan)
    assert table["specz_flag_homogeneous"].to_pylist() == [None if np.isnan(f) else f == 1 for f in flag]
    sdss, gama = (np.nan_to_num(np.ma.filled(truth[f"specz_{s}_flag"].astype(float), 0)) == 1 for s in ("sdss", "gama"))
    names = [
        ",".join(n for n, fires in (("sdss", s), ("gama", g)) if fires) or None for s, g in zip(sdss, gama, strict=True)
    ]
    assert table["specz_surveys"].to_pylist() == names
    kinds = ["arbitrary" if g else "measured" if s else None for s, g in zip(sdss, gama, strict=True)]
    assert table["specz_error_kind"].to_pylist() == kinds
    assert {"arbitrary", "measured"} <= set(kinds)


def test_no_nan_reaches_parquet(landed):
    _, table, _ = landed
    for name in table.column_names:
        if str(table[name].type) in ("float", "double"):
            assert not np.isnan(table[name].drop_null().to_numpy()).any(), name


def test_the_report_says_what_is_there_and_what_is_not(landed, s16a):
    text = "\n".join(describe(landed[0], s16a.profile))
    assert "972 rows, 916 with a spectrum and 56 without" in text
    assert "{grizy}_pixelflags_crcenter: none" in text
    assert "{grizy}_sdsscentroid_flag: i only" in text
    assert "{grizy}_pixelflags_edge" in text.split("lacks")[0]


@pytest.mark.parametrize(
    "name",
    ["star_cat_correct.csv", "star_cat_correct.astropy.csv", "star_cat_correct.fits", "star_cat_correct.pq"],
)
def test_the_stars_catalogue_lands_from_each_of_its_files(catalog, shared_data, name):
    folder = shared_data / "hsc_cutouts_stars"
    info = land_hsc(catalog, folder / name).info
    assert (info["kind"], info["rows"]) == ("objects", 10)
    table = pq.read_table(folder_of(catalog, info) / "objects.parquet")
    truth = pd.read_csv(folder / "star_cat_correct.astropy.csv", float_precision="round_trip")
    assert table["object_id"].to_pylist() == truth["# object_id"].tolist()
    assert table["tract"].to_pylist() == truth["tract"].tolist()
    assert table["psf_filename"].to_pylist() == truth["psf_filename"].tolist()
    assert np.array(table["ira"].to_pylist(), float).tolist() == truth["ira"].tolist()
