"""Cuts and versions of a catalogue's own, on the models: the rows, the ledger, and the order of the steps."""

import pytest

from galaxiesml.curation.own_cuts import OwnCut
from galaxiesml.curation.own_versions import OwnVersion, merged
from galaxiesml.curation.rules import published
from galaxiesml.errors import InputError

from ..made.pairs import good_pair
from .own import UCD, drawn_pairs, own_cut, read_in_pandas, story_rules
from .replay import joined_table, kept, replay

PAIRS = drawn_pairs(9000)


@pytest.fixture(scope="module")
def judged():
    return replay(joined_table(PAIRS), story_rules())


def version(*cuts: OwnCut, base: str = "v2", **changes):
    named = OwnVersion("mine", "mine", base, tuple(cut.name for cut in cuts), **changes)
    return merged([named], {cut.name: cut for cut in cuts})


def test_rows_are_those_of_pandas(judged):
    expected = read_in_pandas(PAIRS)
    assert len(expected) > 300
    assert kept(judged, "mine") == expected


def test_the_ledger_names_each_pair_once_and_the_cut_that_decides(judged):
    rows = judged.execute("""
        select source_row - 1 as place, first_cut, first_verdict, failed_cuts from rejections where version = 'mine'
    """).fetchall()
    assert sorted([place for place, *_ in rows] + kept(judged, "mine")) == list(range(len(PAIRS)))
    order = [cut["name"] for cut in story_rules().of_version("mine")]
    for place, first, verdict, failed in rows:
        names = failed.split(", ")
        assert names[0] == first and names == sorted(names, key=order.index), place
        if first == "bright":
            assert (verdict == "null") == (PAIRS[place]["i_cmodel_mag"] is None)
    assert {first for _, first, *_ in rows} >= {"bright", "low_z", "precise", "near", "best_of_spectrum"}


def test_published_versions_do_not_change(judged):
    before = replay(joined_table(PAIRS))
    for name in (1, 2, 3, 4):
        assert kept(judged, name) == kept(before, name)


def test_own_cuts_stand_between_the_rows_and_the_duplicates():
    names = [cut["name"] for cut in story_rules().of_version("mine")]
    own = [names.index(name) for name in ("bright", "low_z", "near", "precise")]
    assert max(own) < names.index("best_of_spectrum") and min(own) > names.index("magnitudes")
    assert "specz_mag" not in names and "sole_object" not in names


def test_a_condition_in_or_is_bracketed_in_each_filter():
    """Joined by `and` without brackets, the row would be kept for its last filter's sake."""
    rules = version(own_cut("deep", "{band}_cmodel_mag < 21 or {band}_cmodel_mag > 30"))
    changes = [{}, {"g_cmodel_mag": 25.0}, {"y_cmodel_mag": 25.0}, {"i_cmodel_mag": 31.0}]
    pairs = [good_pair(place, **change) for place, change in enumerate(changes)]
    assert kept(replay(joined_table(pairs), rules), "mine") == [0, 3]


def test_a_cut_before_the_duplicates_is_not_a_condition_on_what_is_left():
    """An object with spectra at 1.2 and 1.8: v2 drops both, a cut at 1.5 leaves one, and one is no duplicate."""
    pairs = [good_pair(0, object_id=7, specz_redshift=1.2), good_pair(1, object_id=7, specz_redshift=1.8), good_pair(2)]
    found = replay(joined_table(pairs), version(own_cut("low_z", "specz_redshift < 1.5")))
    assert (kept(found, 2), kept(found, "mine")) == ([2], [0, 2])
    after = found.execute("select source_row - 1 from galaxies_v2 where specz_redshift < 1.5").fetchall()
    assert after == [(2,)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"added": ("nosuch",)}, "no cut 'nosuch'"),
        ({"removed": ("primary",)}, "no cut 'primary'"),
        ({"added": ("sole_object",)}, "rule of duplicates"),
        ({"removed": ("unique_spectrum",)}, "rule of duplicates"),
        ({"base": "v9"}, "'v9', which is no published version"),
    ],
)
def test_what_a_version_cannot_be(changes, words):
    with pytest.raises(InputError, match=words):
        merged([OwnVersion("mine", "mine", **({"base": "v2"} | changes))], {})


@pytest.mark.parametrize(("rule", "like"), [("first", "v1"), ("sole", "v2"), ("best", "v3")])
def test_rules_of_duplicates_are_the_published_ones(rule, like):
    def windows(rules, name):
        return [cut["name"] for cut in rules.of_version(name) if "duplicates_by" in cut]

    rules = merged([OwnVersion("mine", "mine", "v4", duplicates=rule)], {})
    assert windows(rules, "mine") == windows(published(), like)


def test_boundary_rows_that_contradict_the_condition_are_refused():
    cut = own_cut("bright", "i_cmodel_mag < 22.5")
    right = cut.proposed_rows()
    assert {row["verdict"] for row in right} == {"kept", "removed", "null"}
    wrong = [{"given": {"i_cmodel_mag": "22.5"}, "verdict": "kept"}]
    bad = OwnCut("bright", "i_cmodel_mag < 22.5", "why", "a test", tuple(wrong), {}, tuple(UCD.items()))
    with pytest.raises(InputError, match="is removed, not kept"):
        version(bad)


def test_a_rule_that_changes_has_another_hash():
    one, other = (version(own_cut("bright", f"i_cmodel_mag < {limit}")) for limit in ("22.5", "22.6"))
    assert one.rule_hash("mine") != other.rule_hash("mine")
    assert one.rule_hash("v2") == other.rule_hash("v2") == published().rule_hash("v2")
    reworded = version(OwnCut("bright", "i_cmodel_mag  <  22.5", "another reason", "s", (), {}, tuple(UCD.items())))
    assert one.rule_hash("mine") == reworded.rule_hash("mine")
