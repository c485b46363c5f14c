"""The section [instrument] of a release profile: checked, read, and asked for where pictures need it."""

import tomllib
from dataclasses import replace

import pytest

from galaxiesml.errors import InputError
from galaxiesml.instrument import FRAME, HSC, Instrument
from galaxiesml.pixels import frame
from galaxiesml.releases.check import profile_problems
from galaxiesml.releases.instrument import as_toml, facts_for
from galaxiesml.releases.profile import RELEASES, known_releases, load_profile, parse_profile
from galaxiesml.toml_keys import key_lines, line_of

PDR2 = (RELEASES / "pdr2_wide.toml").read_text()
NO_FACTS = PDR2.replace('name = "pdr2_wide"', 'name = "mine"').replace('instrument = "hsc"\n', "")
OWN = NO_FACTS + "\n" + as_toml(HSC)


OF_HSC = ("pdr2_wide", "pdr3_wide", "s16a_wide")


@pytest.mark.parametrize("release", OF_HSC)
def test_the_packaged_releases_are_of_hsc_and_so_are_their_older_copies(release):
    assert load_profile(release).instrument == HSC
    older = (RELEASES / f"{release}.toml").read_text().replace('instrument = "hsc"\n', "")
    assert "hsc" not in tomllib.loads(older) and parse_profile(older, "release.toml").instrument == HSC


@pytest.mark.parametrize("release", sorted(set(known_releases()) - set(OF_HSC)))
def test_ready_profiles_of_other_surveys_assume_nothing_of_hsc(release):
    profile = load_profile(release)
    assert profile.instrument == Instrument(bands=tuple(profile.bands))


def test_another_release_without_the_section_has_no_facts_of_hsc():
    profile = parse_profile(NO_FACTS, "mine.toml")
    assert profile.instrument == Instrument(bands=tuple("grizy"))
    assert profile_problems(NO_FACTS) == []
    with pytest.raises(InputError) as told:
        facts_for(profile, "ingest cutouts", "filter", "sky_map", "mask_planes")
    assert "ingest cutouts needs instrument.filter and instrument.sky_map and instrument.mask_planes" in str(told.value)
    assert "release.toml" in told.value.hint


def test_a_section_says_all_that_is_known_of_hsc():
    assert profile_problems(OWN) == []
    assert parse_profile(OWN, "mine.toml").instrument == replace(HSC, name="")


def test_a_list_without_items_is_a_fact():
    text = NO_FACTS + "\n[instrument]\nmask_planes = []\n"
    profile = parse_profile(text, "mine.toml")
    assert facts_for(profile, "ingest cutouts", "mask_planes").planes == ()


def test_the_radius_is_half_the_diagonal_of_the_released_frame():
    assert FRAME == frame.FRAME
    assert replace(HSC, pixel_scale_arcsec=0.2).cutout_radius_arcsec == 18.0
    assert Instrument().cutout_radius_arcsec == 0.0


WRONG = {
    "a misspelt key": (
        "pixel_scale_arcsec",
        "pixel_scale",
        "no key 'pixel_scale'; the nearest is 'pixel_scale_arcsec'",
    ),
    "a scale that is none": ("= 0.168", "= 0", "instrument.pixel_scale_arcsec = 0; expected: above 0"),
    "a plane that no column can be named for": ('"BAD"', '"a; drop"', "mask_planes: 'a; drop' cannot be part"),
    "a plane twice": ('"SUSPECT"', '"bad"', "mask_planes has a plane twice"),
    "an unknown plane": ('unusable_planes = ["BAD"', 'unusable_planes = ["BED"', "'BED' is not one of"),
    "a plane of no data that is none": ('plane = "NO_DATA"', 'plane = "NODATA"', "the nearest is 'NO_DATA'"),
    "a map that is none": ('"tract, patch"', '"tracts"', "instrument.sky_map: 'tracts' is not one of"),
    "one name for all filters": ('"HSC-{BAND}"', '"HSC"', "must have {band} or {BAND} once"),
    "a filter that leads out of the folder": ('"HSC-{BAND}"', '"../{BAND}"', "the filter's name '../G' has"),
    "a filter of another release": ('"HSC-R2" = "r"', '"HSC-R2" = "u"', "other_filters.HSC-R2 = 'u' is not a filter"),
    "a name without a filter": ("cutout-{filter}-", "cutout-", "has no {filter}"),
    "a name without a tract": ("{filter}-{tract}-{rerun}.fits", "{filter}-{rerun}.fits", "cutout_name has no {tract}"),
    "an unknown part": ("cutout-{filter}", "{objekt}-{filter}", "there is no {objekt}"),
    "two parts that touch": ("{line}-cutout-", "{line}{any}-", "two parts with nothing between them"),
    "a folder": ("{line}-cutout", "a/{line}-cutout", "one of the characters { } / \\"),
    "no FITS file": ("{rerun}.fits", "{rerun}.jpg", "does not end in .fits"),
    "a PSF without a place": (
        "{line}-psf-{type}-{rerun}-{filter}-{tract}-{patch}-{ra}-{dec}",
        "{filter}-{tract}",
        "place cannot be",
    ),
    "a column that no list has": ('["rerun", "type", "filter", "ra"', '["rerun", "type", "filter", "x"', "'x' is not"),
    "no image": ('["none", "image", "mask", "variance"]', '["none", "mask"]', "hdus must have 'image' once"),
    "a layer that is none": ('["none", "image"', '["primary", "image"', "instrument.hdus: 'primary' is not one of"),
    "a card that is none": ('"FLUXMAG0"', '"flux of zero"', "is not the name of a FITS card"),
    "an archive that is none": ('"hsc-ssp"', '"rubin"', "instrument.archive: 'rubin' is not one of hsc-ssp"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_a_section_is_told_before_anything_is_made(wrong, tmp_path, typed):
    old, new, said = WRONG[wrong]
    assert old in OWN
    path = tmp_path / "mine.toml"
    path.write_text(OWN.replace(old, new, 1))
    code, _, err = typed("init", tmp_path / "cat", "--release", path)
    assert code == 3 and f"{path} is not a release profile" in err and said in err, err
    assert not (tmp_path / "cat").exists()
    lines = key_lines(path.read_text())
    changed = {number for number, line in enumerate(path.read_text().splitlines(), 1) if new in line}
    assert changed & {line_of(problem, lines) for problem in profile_problems(path.read_text())}
    # A catalogue's own copy is edited by hand: no command takes it.
    with pytest.raises(InputError, match="is not a release profile"):
        parse_profile(path.read_text(), str(path))


def test_an_unknown_instrument_is_refused(tmp_path, typed):
    (tmp_path / "mine.toml").write_text(PDR2.replace('"pdr2_wide"', '"mine"').replace('"hsc"', '"hcs"'))
    code, _, err = typed("init", tmp_path / "cat", "--release", tmp_path / "mine.toml")
    assert code == 3 and "instrument: 'hcs' is not one of hsc; the nearest is 'hsc'" in err
