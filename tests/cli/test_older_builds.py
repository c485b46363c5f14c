"""Questions to a build of nothing, to one that keeps every pair, and to one that an earlier galaxiesml made."""

import json
import shutil

import pandas as pd
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build

from ..curation.landed import land_rows, new_catalog
from ..curation.replay import fields
from ..made import builds
from ..made.pairs import good_pair
from ..morphology.measured import mart_file, measured, work

OBJECT = good_pair(1)["object_id"]
#: Every question to a build, and whether it has an answer where nothing is landed.
QUESTIONS = {
    "audit cuts --version all": True,
    "audit cuts --without error": True,
    f"audit row {OBJECT}": False,
    "audit diff v1 v2": True,
    "audit diff v1 v2 --rows": True,
    "audit diff --specz export matched": True,
    "audit sql error": True,
    "audit lineage galaxies.specz_redshift": True,
    "audit splits": True,
    "audit specz": True,
    "audit pictures": False,
    "plot gallery": False,
    "plot thumbnails": False,
    "plot redshifts": False,
    "plot specz": False,
    "morphology": False,
    "export csv --splits": False,
    "export hdf5": False,
    "export dataset {folder}": False,
    "export photoz": False,
    "request cutouts": True,
    "status": True,
}


@pytest.fixture(scope="module")
def nothing(tmp_path_factory) -> Catalog:
    """A build of an empty catalogue."""
    return builds.nothing(tmp_path_factory.mktemp("nothing") / "cat")


@pytest.fixture(scope="module")
def all_kept(tmp_path_factory) -> Catalog:
    """A build that keeps all of its three pairs, of an export without isprimary."""
    catalog = new_catalog(tmp_path_factory.mktemp("kept") / "cat")
    columns = [name for name in fields("object", "spectrum") if name != "isprimary"]
    land_rows(catalog, [good_pair(number) for number in (1, 2, 3)], columns=columns)
    build(catalog)
    return catalog


@pytest.fixture
def older(all_kept, tmp_path) -> Catalog:
    """A copy, whose files a test takes away."""
    return Catalog.open(shutil.copytree(all_kept.root, tmp_path / "cat"))


def test_every_question_to_an_empty_build_has_a_sentence(nothing, typed, tmp_path):
    for words, answers in QUESTIONS.items():
        code, out, err = typed("-C", nothing.root, *words.format(folder=tmp_path / "made").split())
        assert code == (0 if answers else 4), (words, err)
        assert "bug in galaxiesml" not in err and (out or err), words


def test_the_cut_flow_of_an_empty_build_counts_nothing(nothing, typed):
    _, out, _ = typed("-C", nothing.root, "audit", "cuts")
    assert "X = 0 objects pass the photometric flags; Y = 0 of them have a spectrum" in out
    assert "\n0 kept rows are not primary detections\n" in out


def test_the_cut_flow_where_every_pair_is_kept_and_isprimary_is_not_exported(all_kept, typed):
    code, out, err = typed("-C", all_kept.root, "audit", "cuts")
    assert code == 0, err
    assert "\n3 galaxies" in out and "The primary flag is not available for 3 kept rows" in out
    assert "kept rows are not primary detections" not in out
    metrics = json.loads(typed("-C", all_kept.root, "audit", "cuts", "--json")[1])["duplicates"]
    assert (metrics["kept_not_primary"], metrics["kept_primary_unknown"]) == (0, 3)
    # The mart itself counts, so whoever reads it sees 0 and no NULL.
    counts = pq.read_table(all_kept.current_build() / "duplicate_metrics.parquet").to_pylist()
    assert {row["value"] for row in counts if row["metric"] == "kept_not_primary"} == {0.0}


def test_counts_that_an_earlier_galaxiesml_left_null_are_zero(older, typed):
    path = older.current_build() / "duplicate_metrics.parquet"
    table = pq.read_table(path)
    rows = [row | ({"value": None} if row["metric"] == "kept_not_primary" else {}) for row in table.to_pylist()]
    pq.write_table(table.from_pylist(rows, table.schema), path)
    code, out, err = typed("-C", older.root, "audit", "cuts", "--json")
    assert code == 0 and json.loads(out)["duplicates"]["kept_not_primary"] == 0, err


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("spectra", "audit specz"),
        ("spectra_agreement", "audit specz"),
        ("spectrum_matches", "audit specz"),
        ("spectra", "plot specz"),
        ("matched_redshifts", "audit diff --specz export matched"),
        ("duplicate_metrics", "audit cuts"),
        ("object_counts", "audit cuts --version all"),
        # Not the program's own function of that name.
        ("cut_flow", "audit cuts"),
        ("rejections", "audit cuts --without error"),
        ("rejections", "audit diff v1 v2"),
        ("duplicates", f"audit row {OBJECT}"),
        ("int_verdicts", f"audit row {OBJECT}"),
        ("versions", "status"),
        ("picture_quality", "audit pictures"),
    ],
)
def test_a_build_without_a_table_says_so_and_what_to_type(older, typed, table, words):
    (older.current_build() / f"{table}.parquet").unlink()
    code, _, err = typed("-C", older.root, *words.split())
    assert code == 4, err
    assert f"was made by an earlier galaxiesml: it has no {table}.\nType: galaxiesml build\n" in err


def test_a_build_without_a_column_says_so_and_what_to_type(older, typed):
    path = older.current_build() / "spectra.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["no_redshift"]), path)
    code, _, err = typed("-C", older.root, "audit", "specz")
    assert code == 4 and "was made by an earlier galaxiesml: it has no spectra.no_redshift.\n" in err


def test_files_of_pictures_are_written_from_a_build_without_classes_of_reasons(typed, tmp_path):
    root = work(measured()[0])
    path = mart_file(root, "pictures")
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["picture_reason_class"]), path)
    code, out, err = typed("-C", root, "export", "csv", "--splits", "--out", tmp_path)
    assert code == 0 and "training" in out, err
    code, _, err = typed("-C", root, "export", "hdf5", "--size", "64", "--out", tmp_path)
    assert code == 0, err
    reasons = pd.read_csv(next(tmp_path.glob("*left_out*.csv")))
    assert set(reasons["reason_class"]) >= {"unknown"}


def test_a_build_without_the_keys_of_psfs_is_built_again_before_more_is_measured(typed):
    root = work(measured()[0])
    path = mart_file(root, "pictures")
    pq.write_table(pq.read_table(path).drop_columns(["psf_key"]), path)
    code, _, err = typed("-C", root, "morphology")
    assert code == 4 and "key of their PSF" in err and "Type: galaxiesml build" in err


def test_a_fault_in_a_build_of_today_is_not_told_as_an_older_build(older, typed, monkeypatch):
    def broken(connection):
        return connection.sql("select * from nowhere")

    monkeypatch.setattr("galaxiesml.curation.audit_specz.by_survey", broken)
    code, _, err = typed("-C", older.root, "audit", "specz")
    assert code == 1 and "bug in galaxiesml" in err
