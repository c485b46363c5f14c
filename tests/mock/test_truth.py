"""What truth.json says of an export, against readings of the export that share nothing with the planting."""

import numpy as np
import pytest

from galaxiesml.curation.rules import published
from tests.curation.reading import VERSIONS
from tests.curation.replay import joined_table, kept, replay

from .exported import reasons, row_failures

WINDOWS = {
    "agreement",
    "unique_spectrum",
    "unique_object",
    "sole_object",
    "best_of_spectrum",
    "best_of_object",
}


def with_spectrum(frame):
    return frame[frame["specz_name"].notna() | frame["specz_redshift"].notna()]


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_independent_reading_keeps_the_rows_that_the_truth_keeps(frame, planted, version):
    pairs = with_spectrum(frame)
    expected = sorted(set(pairs.index) - set(reasons(planted, version)))
    assert sorted(VERSIONS[version](pairs)) == expected
    assert len(expected) == planted["versions"][f"v{version}"]["rows"]


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_every_row_fails_the_row_cuts_that_the_truth_names_and_no_other(frame, planted, version):
    pairs = with_spectrum(frame)
    made = {cut["name"] for cut in published().of_version(f"v{version}")}
    failures = {cut: failed for cut, failed in row_failures(pairs).items() if cut in made}
    found = {row: set() for row in pairs.index}
    for cut, failed in failures.items():
        for row in pairs.index[failed]:
            found[row].add(cut)
    told = {row: set(cuts) - WINDOWS for row, cuts in reasons(planted, version).items()}
    assert {row: cuts for row, cuts in found.items() if cuts} == {row: cuts for row, cuts in told.items() if cuts}


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_the_models_remove_every_row_for_the_reasons_that_the_truth_names(frame, planted, version):
    connection = _models(frame)
    told = reasons(planted, version)
    failed = connection.execute(
        f"""select source_row - 1, failed_cuts from int_judged_v{version} judged
            inner join int_pairs pairs on pairs.pair_id = judged.pair_id where not kept"""
    ).fetchall()
    assert {row: tuple(cuts.split(", ")) for row, cuts in failed} == told
    assert len(kept(connection, version)) == planted["versions"][f"v{version}"]["rows"]


_CONNECTIONS = {}


def _models(frame):
    """The project's SQL on the export, once for all tests."""
    if "one" not in _CONNECTIONS:
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        _CONNECTIONS["one"] = replay(joined_table(rows))
    return _CONNECTIONS["one"]


def test_every_cut_of_every_version_is_the_sole_reason_of_some_row(planted):
    told = {(version, cuts[0]) for version in VERSIONS for cuts in reasons(planted, version).values() if len(cuts) == 1}
    assert {(f"v{version}", cut) for version, cut in told} == {
        (version, cut["name"]) for cut in published().cuts for version in cut["versions"]
    }


def test_every_filter_is_the_sole_reason_of_each_flag_cut(frame, planted):
    flags = {
        "cmodel_flag": "cmodel_flag",
        "edge": "pixelflags_edge",
        "interpolated": "pixelflags_interpolatedcenter",
        "saturated": "pixelflags_saturatedcenter",
        "crcenter": "pixelflags_crcenter",
        "bad": "pixelflags_bad",
        "centroid": "sdsscentroid_flag",
    }
    for fault in planted["faults"]:
        if fault["fault"] in flags:
            rows = [row - 1 for (row,) in fault["groups"]]
            for band in "grizy":
                assert (frame.loc[rows, f"{band}_{flags[fault['fault']]}"] == True).any()  # noqa: E712


def test_counts_of_the_truth_are_those_of_its_lists(planted):
    for version in VERSIONS:
        told = reasons(planted, version)
        of = planted["versions"][f"v{version}"]
        single = [cuts[0] for cuts in told.values() if len(cuts) == 1]
        assert {cut: single.count(cut) for cut in single} == of["removed_by_one_cut"]
        assert len(told) - len(single) == of["removed_by_several"]
        assert planted["spectra"] - len(told) == of["rows"]
    rows = [row for fault in planted["faults"] for group in fault["groups"] for row in group]
    assert len(rows) == len(set(rows)) == sum(fault["rows"] for fault in planted["faults"])


def test_shared_names_and_shared_objects_are_the_planted_ones(frame, planted):
    pairs = with_spectrum(frame)
    sizes = pairs["specz_name"].value_counts()
    assert set(sizes) == {1, 2, 3, 4, 5}
    groups = {tuple(group) for fault in planted["faults"] if len(fault["reasons"]) > 1 for group in fault["groups"]}
    shared = pairs["specz_name"].duplicated(keep=False) & pairs["specz_name"].notna()
    same = pairs["object_id"].duplicated(keep=False)
    assert set(pairs.index[shared | same] + 1) == {row for group in groups for row in group}
    offsets = pairs[shared].groupby("specz_name")["i_cmodel_mag"].agg(np.ptp)
    assert (offsets > 0).all()


def test_null_and_not_a_number_are_both_there(export):
    lines = [line.split(",") for line in (export / "export.csv").read_text().splitlines()[1:]]
    assert any("NaN" in line for line in lines)
    assert any("" in line and line[-1] in ("true", "false") for line in lines)
