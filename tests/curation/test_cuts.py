"""Every cut against rules written down apart from it: at its limits, alone, and in hypothesis's hands."""

import math
from collections import Counter

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galaxiesml.curation.rules import published

from ..made.pairs import good_pair
from .reading import BANDS, FLAGS, VERSIONS
from .replay import joined_table, kept, replay

BOUNDARIES = [
    (cut["name"], band, position)
    for cut in published().cuts
    if "sql" in cut
    for band in (BANDS if "{band}" in cut["sql"] else "*")
    for position in range(len(cut["rows"]))
]


def test_boundary_rows():
    """Each cut's boundary rows, in every filter: one column's verdict, whatever the other cuts say."""
    cuts = {cut["name"]: cut for cut in published().cuts}
    pairs, expected = [], []
    for name, band, position in BOUNDARIES:
        changes, verdict = cuts[name]["rows"][position]
        first = cuts[name]["needs"][0]
        settings_ = {
            column.replace("{column}", first).replace("{band}", band): _python(value)
            for column, value in changes.items()
        }
        pairs.append(good_pair(len(pairs), **settings_))
        expected.append((name, band, verdict))
    verdicts = (
        replay(joined_table(pairs)).sql("select * from int_verdicts order by pair_id").to_arrow_table().to_pylist()
    )
    assert len(verdicts) == len(pairs)
    for row, pair, (name, band, verdict) in zip(verdicts, pairs, expected, strict=True):
        assert row[f"ok_{name}"] is verdict, f"{name} in {band}: {pair}"


def _python(value: str):
    words = {"true": True, "false": False, "null": None}
    if value in words:
        return words[value]
    return value.strip("'") if value.startswith("'") else float(value)


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_good_pair_is_kept(version):
    assert kept(replay(joined_table([good_pair(1)])), version) == [0]


GROUPS = {
    # Each: the pairs' changes, and the positions that each version keeps.
    "one spectrum, three objects": (
        [
            {"specz_name": "A", "d_pos": 0.3},
            {"specz_name": "A", "d_pos": 0.1},
            {"specz_name": "A", "d_pos": 0.2},
        ],
        {1: [0], 2: [0], 3: [1], 4: [0]},
    ),
    "one object, two agreeing spectra": (
        [{"object_id": 7, "d_pos": 0.2}, {"object_id": 7, "d_pos": 0.1}],
        {1: [0], 2: [], 3: [1], 4: []},
    ),
    "equal distances: the smaller error": (
        [{"object_id": 7, "specz_redshift_err": 2e-4}, {"object_id": 7, "specz_redshift_err": 1e-4}],
        {1: [0], 2: [], 3: [1], 4: []},
    ),
    "one spectrum, equal distances: the smaller error": (
        [{"specz_name": "A", "specz_redshift_err": 2e-4}, {"specz_name": "A", "specz_redshift_err": 1e-4}],
        {1: [0], 2: [0], 3: [1], 4: [0]},
    ),
    "equal in all: file order": (
        [{"object_id": 7}, {"object_id": 7}],
        {1: [0], 2: [], 3: [0], 4: []},
    ),
    "disagreeing spectra": (
        [{"object_id": 7, "specz_redshift": 0.5}, {"object_id": 7, "specz_redshift": 0.6}],
        {1: [0], 2: [], 3: [], 4: []},
    ),
    "agreement at its limit": (
        [{"object_id": 7, "specz_redshift": 1.0}, {"object_id": 7, "specz_redshift": 1.0 + 0.009765625}],
        {1: [0], 2: [], 3: [0], 4: []},
    ),
    "nameless spectra are no duplicates": (
        [{"specz_name": None}, {"specz_name": None}, {"specz_name": None}],
        {1: [0, 1, 2], 2: [0, 1, 2], 3: [0, 1, 2], 4: [0, 1, 2]},
    ),
    "a rejected pair is no one's duplicate": (
        [{"specz_name": "A", "i_pixelflags_edge": True}, {"specz_name": "A"}],
        {1: [1], 2: [1], 3: [1], 4: [1]},
    ),
    "a spectrum's loser does not count against its object": (
        [{"specz_name": "A"}, {"specz_name": "A", "object_id": 7}, {"specz_name": "B", "object_id": 7}],
        {1: [0, 2], 2: [0, 2], 3: [0, 2], 4: [0, 2]},
    ),
}


@pytest.mark.parametrize("name", GROUPS)
def test_duplicates(name):
    changes, expected = GROUPS[name]
    connection = replay(joined_table([good_pair(number, **change) for number, change in enumerate(changes)]))
    assert {version: kept(connection, version) for version in VERSIONS} == expected


def test_window_cuts_say_not_reached():
    pairs = [
        good_pair(0, specz_name="A", i_pixelflags_edge=True),
        good_pair(1, specz_name="A"),
        good_pair(2, specz_name="A"),
    ]
    connection = replay(joined_table(pairs))
    verdicts = connection.execute(
        "select ok_unique_spectrum, ok_sole_object from int_judged_v2 order by pair_id"
    ).fetchall()
    assert verdicts == [(None, None), (True, True), (False, None)]
    rejected = connection.execute(
        "select first_cut, failed_cuts from rejections where version = 'v2' order by pair_id"
    ).fetchall()
    assert rejected == [("edge", "edge"), ("unique_spectrum", "unique_spectrum")]
    groups = connection.execute(
        "select source_row, group_size, stays from duplicates where version = 'v2' order by pair_id"
    ).fetchall()
    assert groups == [(2, 2, True), (3, 2, False)]


def test_judging_order_is_row_cuts_then_windows():
    for version in VERSIONS:
        kinds = ["window" in cut for cut in published().of_version(f"v{version}")]
        assert kinds == sorted(kinds)


def beside(limit: float) -> list[float]:
    """The limit, the step below it and the step above."""
    return [math.nextafter(limit, -math.inf), limit, math.nextafter(limit, math.inf)]


#: What hypothesis may put on a good pair: every limit from both sides, NULLs, sentinels.
REDSHIFTS = [*beside(0.01), *beside(4.0), 9.9999, -9.0, 0.0, -0.5, 0.5, 1.0, 3.0, None]
ERRORS = [
    *beside(0.0),
    *beside(1.0),
    *beside(0.005 / 1.5),
    *beside(0.005 * 1.5),
    *beside(0.0025),
    *beside(0.01),
    None,
]
MAGNITUDES = [*beside(0.0), *beside(50.0), 20.0, -1.0, 99.0, None]
SPECZ_MAGNITUDES = [*beside(0.0), *beside(28.0), -1.0, None]
DISTANCES = [*beside(0.5), 0.0, 0.3, None]

FAULTS = st.one_of(
    st.tuples(st.sampled_from([f"{band}_{flag}" for band in BANDS for flag in FLAGS]), st.sampled_from([True, None])),
    st.tuples(st.sampled_from([f"{band}_cmodel_mag" for band in BANDS]), st.sampled_from(MAGNITUDES)),
    st.tuples(st.just("specz_redshift"), st.sampled_from(REDSHIFTS)),
    st.tuples(st.just("specz_redshift_err"), st.sampled_from(ERRORS)),
    st.tuples(st.just("specz_flag_homogeneous"), st.sampled_from([False, None])),
    st.tuples(st.just("specz_mag_i"), st.sampled_from(SPECZ_MAGNITUDES)),
    st.tuples(st.just("d_pos"), st.sampled_from(DISTANCES)),
    st.tuples(st.just("isprimary"), st.sampled_from([False, None])),
    st.tuples(st.just("specz_class"), st.sampled_from(["STAR", "QSO", None])),
    st.tuples(st.just("specz_error_kind"), st.sampled_from(["assigned", "arbitrary", None])),
    st.tuples(st.just("specz_name"), st.sampled_from(["A", "B", "A,B", None])),
    st.tuples(st.just("object_id"), st.sampled_from([1, 2])),
)
PAIRS = st.lists(st.dictionaries(st.integers(0, 2), FAULTS, max_size=2), min_size=20, max_size=40)

#: Pairs that share objects and spectra, and differ in what decides between them.
CROWDS = st.lists(
    st.fixed_dictionaries(
        {
            "object_id": st.integers(1, 4),
            "specz_name": st.sampled_from(["A", "B", "C", "D", "E", None]),
            "d_pos": st.sampled_from([0.1, 0.2]),
            "specz_redshift_err": st.sampled_from([1e-4, 2e-4]),
            "specz_redshift": st.sampled_from([0.5, 0.5 + 1e-6, math.nextafter(0.5075, 1), 0.5075, 0.6]),
        },
        optional={"i_pixelflags_edge": st.just(True), "specz_mag_i": st.just(None)},
    ),
    min_size=1,
    max_size=12,
)

#: How often each cut was a row's sole reason, over the whole hypothesis run.
SOLE = Counter()


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(PAIRS)
def test_every_version_keeps_the_rows_that_pandas_keeps(draws):
    check([good_pair(number, **dict(draw.values())) for number, draw in enumerate(draws)])


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(CROWDS)
def test_every_version_keeps_the_duplicates_that_pandas_keeps(draws):
    check([good_pair(number, **draw) for number, draw in enumerate(draws)])


def check(pairs: list[dict]) -> None:
    connection = replay(joined_table(pairs))
    frame = pd.DataFrame(pairs, dtype=object)
    spectra = frame["specz_name"].notna() | frame["specz_redshift"].notna()
    for version, reading in VERSIONS.items():
        assert kept(connection, version) == reading(frame[spectra]), f"v{version}"
    SOLE.update(cut for (cut,) in connection.execute("select first_cut from rejections where n_failed = 1").fetchall())


def test_every_cut_was_the_sole_reason_at_least_once(record_property):
    # Runs after the tests above, in this file's order.
    for cut in published().cuts:
        record_property(cut["name"], SOLE[cut["name"]])
    missing = [cut["name"] for cut in published().cuts if not SOLE[cut["name"]]]
    assert not missing, f"never a row's sole reason: {missing}; counts: {dict(SOLE)}"
