"""Release profiles and survey descriptions of one's own: checked key by key, and taken where the hints say so."""

import re
import shlex

import pandas as pd
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.rules import published
from galaxiesml.dictionary import cut_names
from galaxiesml.releases.check import KEYS, profile_problems
from galaxiesml.releases.profile import RELEASES, known_releases, parse_profile
from galaxiesml.surveys.description import KEYS as SURVEY_KEYS
from galaxiesml.surveys.description import SURVEYS
from galaxiesml.toml_keys import key_problems

PROFILE = (RELEASES / "pdr2_wide.toml").read_text().replace('name = "pdr2_wide"', 'name = "mine"')
SURVEY = (SURVEYS / "vvds.toml").read_text()
#: What is changed of a profile, and what is said of it.
WRONG = {
    "a misspelt key": ('nulls = [""', 'nuls = [""', "there is no key 'nuls'; the nearest is 'nulls'"),
    "a misspelt key of a column": (
        'source = "specz_redshift", nulls',
        'source = "specz_redshift", null',
        "[columns.specz_redshift] has no key 'null'; the nearest is 'nulls'",
    ),
    "an unknown column": (
        '"{band}_cmodel_mag" =',
        '"{band}_cmodel_magnitude" =',
        "galaxiesml has no column '{band}_cmodel_magnitude'; the nearest is '{band}_cmodel_mag'",
    ),
    "a misspelt word": (
        'error = "arbitrary"',
        'error = "arbitary"',
        "surveys.gama_dr2.error: 'arbitary' is not one of",
    ),
    "a UCD that is none": ('g = "em.opt.B"', 'g = "em.opt.Blue"', "bands.g = 'em.opt.Blue' is not a word of the UCD"),
    "a unit that does not convert": (
        '\nra = "ra"',
        '\nra = {source = "ra", unit = "kg"}',
        "columns.ra.unit = 'kg' does not convert to deg",
    ),
    "a unit that is none": (
        '\nra = "ra"',
        '\nra = {source = "ra", unit = "dge"}',
        "columns.ra.unit = 'dge' is not a known unit; deg is expected",
    ),
    "filters of a column that has none": (
        '\nra = "ra"',
        '\nra = {source = "ra", bands = ["i"]}',
        "columns.ra.bands: bands has no effect on a column without {band}",
    ),
    "no object_id": ('object_id = "object_id"\n', "", "[columns] has no object_id"),
    "a cut that is none": ('["match_distance"]', '["match_distanse"]', "no cut 'match_distanse'; the nearest is"),
    "one column for all filters": ('= "a_{band}"', '= "a_i"', "columns.a_{band}: both names, or none of them, must"),
    "a column read twice": ('\ndec = "dec"', '\ndec = "ra"', "columns.ra and columns.dec both read 'ra'"),
    "a column of one filter read twice": (
        '\ndec = "dec"',
        '\ndec = "a_i"',
        "columns.dec and columns.a_{band} both read 'a_i'",
    ),
    "a kind that is another": ('title = "HSC', 'title = 2 #"', "title = 2; expected: text"),
    "a missing key": ("reference =", "#", "reference is missing"),
    "no TOML": ("[bands]", "[bands", "TOMLDecodeError"),
}


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_a_profile_is_told_before_anything_is_made(wrong, tmp_path, typed):
    old, new, said = WRONG[wrong]
    path = tmp_path / "mine.toml"
    path.write_text(changed(PROFILE, old, new))
    code, out, err = typed("init", tmp_path / "cat", "--release", path)
    assert (code, out) == (3, "") and f"{path} is not a release profile" in err and said in err, err
    assert "Traceback" not in err and not (tmp_path / "cat").exists()
    code, _, err = typed("mock", "export", "--release", path, "--rows", 200, "--out", tmp_path / "mock")
    assert code == 3 and said in err and not (tmp_path / "mock").exists()


def test_all_that_is_wrong_is_told_at_once(tmp_path, typed):
    path = tmp_path / "mine.toml"
    path.write_text(PROFILE.replace('error = "arbitrary"', 'error = "arbitary"').replace("em.opt.B", "em.opt.Blue"))
    err = typed("init", tmp_path / "cat", "--release", path)[2]
    # Values are looked at once the keys are right.
    assert err.count("arbitary") == 2 and "the nearest is 'arbitrary'" in err and "docs/profiles.md" in err
    path.write_text(PROFILE.replace("em.opt.B", "em.opt.Blue").replace('\nra = "ra"', '\nrra = "ra"'))
    err = typed("init", tmp_path / "cat", "--release", path)[2]
    assert "em.opt.Blue" in err and "no column 'rra'; the nearest is 'ra'" in err


def test_an_existing_catalogue_s_profile_is_checked_by_what_lands_and_builds(tmp_path, typed):
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    (tmp_path / "t.csv").write_text("object_id,ra,dec\n1,2,3\n")
    landing, building = ["ingest", "hsc", tmp_path / "t.csv"], ["build"]
    for words in (landing, building):
        assert "release.toml" not in typed("-C", catalog.root, *words)[2]
    profile = catalog.root / "release.toml"
    profile.write_text(PROFILE.replace('error = "arbitrary"', 'error = "arbitary"') + "\n[extras]\n")
    for words in (landing, ["ingest", "replace", "1", tmp_path / "t.csv"], building):
        err = typed("-C", catalog.root, *words)[2]
        assert f"Warning: {profile}: there is no key 'extras'" in err and "'arbitary' is not one of" in err
    # What only asks does not wait for the vocabularies.
    for words in (["status"], ["ingest", "list"], ["tables"], ["config", "show"]):
        code, _, err = typed("-C", catalog.root, *words)
        assert code == 0 and "Warning" not in err
    profile.write_text(PROFILE.replace('object_id = "object_id"\n', ""))
    (tmp_path / "t.csv").write_text("object_id,ra,dec\n2,2,3\n")
    code, _, err = typed("-C", catalog.root, *landing)
    assert code == 3 and "The release profile mine names no column for object_id." in err


#: What a profile says of some columns, and where these are read then.
READ = {
    "the pattern first": (
        '"{band}_cmodel_mag" = "{band}_mag"\ni_cmodel_mag = "imag_best"\n',
        {"i_cmodel_mag": "imag_best", "g_cmodel_mag": "g_mag"},
    ),
    "the pattern last": (
        'i_cmodel_mag = "imag_best"\n"{band}_cmodel_mag" = "{band}_mag"\n',
        {"i_cmodel_mag": "imag_best", "g_cmodel_mag": "g_mag"},
    ),
    "what the pattern would read is free for another": (
        'i_cmodel_mag = "imag_best"\n"{band}_cmodel_mag" = "{band}mag"\nd_pos = "imag"\n',
        {"i_cmodel_mag": "imag_best", "g_cmodel_mag": "gmag", "d_pos": "imag"},
    ),
    "a filter that a pattern is not for is free for another": (
        '"{band}_pixelflags_bad" = {source = "{band}mag", bands = ["g"]}\nd_pos = "imag"\n',
        {"g_pixelflags_bad": "gmag", "d_pos": "imag", "i_pixelflags_bad": None},
    ),
}


@pytest.mark.parametrize("kind", READ)
def test_a_column_is_read_where_its_own_line_says(kind):
    lines, read = READ[kind]
    text = 'name = "m"\ntitle = "t"\nreference = "r"\nnulls = [""]\n[bands]\ng = "em.opt.B"\ni = "em.opt.I"\n'
    text += f'[columns]\nobject_id = "id"\n{lines}'
    assert profile_problems(text) == []
    columns = parse_profile(text, "m.toml").columns
    assert {name: columns[name].source if name in columns else None for name in read} == read


def test_lists_that_may_be_empty_are_taken(tmp_path, typed):
    text = changed(PROFILE, 'archive_cuts = ["match_distance"]', "archive_cuts = []")
    text = re.sub(r"(?m)^nulls = .*$", "nulls = []", text)
    (tmp_path / "mine.toml").write_text(text)
    assert typed("init", tmp_path / "cat", "--release", tmp_path / "mine.toml")[0] == 0
    (tmp_path / "mine.toml").write_text(
        text.replace('\n"a_{band}" = "a_{band}"', '\n"a_{band}" = {source = "a_{band}", bands = []}')
    )
    code, _, err = typed("init", tmp_path / "other", "--release", tmp_path / "mine.toml")
    assert code == 3 and "columns.a_{band}.bands is empty; at least one is expected" in err


def test_packaged_files_have_only_permitted_keys():
    for release in known_releases():
        # Under another text, so that it is looked at as a file of the user's own is.
        assert profile_problems((RELEASES / f"{release}.toml").read_text() + "\n") == []
    assert cut_names() == tuple(cut["name"] for cut in published().cuts)
    for keys in (KEYS, SURVEY_KEYS):
        assert len({key.path for key in keys}) == len(keys) and key_problems({"no_such": 1}, keys)


def test_the_next_command_of_a_simulated_export_takes_the_profile_that_was_given(tmp_path, typed, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "it's mine.toml").write_text(PROFILE)
    code, _, err = typed("mock", "export", "--release", "it's mine.toml", "--rows", 2000, "--format", "csv")
    assert code == 0
    (line,) = [line for line in err.splitlines() if line.startswith("Next: ")]
    for command in line.removeprefix("Next: ").split(" && "):
        program, *words = shlex.split(command)
        assert program == "galaxiesml" and typed(*words)[0] == 0
    assert Catalog.open(tmp_path / "cat").profile.name == "mine"


def test_an_export_without_object_id_shows_the_likeliest_columns_and_that_a_profile_can_be_written(tmp_path, typed):
    root = Catalog.create(tmp_path / "cat", "pdr2_wide").root
    (tmp_path / "t.csv").write_text("width,coord_ra,coord_dec,a,b,c,d,e,f,objectId\n1,2,3,4,5,6,7,8,9,10\n")
    code, _, err = typed("-C", root, "ingest", "hsc", tmp_path / "t.csv")
    assert code == 3 and "the likeliest: objectId;" in err and "--release my_release.toml" in err
    text = changed(PROFILE, '\nobject_id = "object_id"', '\nobject_id = "objectId"')
    text = changed(text, '\nra = "ra"\ndec = "dec"', '\nra = "coord_ra"\ndec = "coord_dec"')
    (tmp_path / "my_release.toml").write_text(text)
    assert typed("init", tmp_path / "mine", "--release", tmp_path / "my_release.toml")[0] == 0
    assert typed("-C", tmp_path / "mine", "ingest", "hsc", tmp_path / "t.csv")[0] == 0


# -- descriptions of surveys ---------------------------------------------------------------------------------

OURS = SURVEY.replace('"NUM"', '"OUR_ID"').replace('label = "VVDS"', 'label = "Ours"')
RECOGNISED, FLAGS = (
    next(line for line in OURS.splitlines() if line.startswith(key)) for key in ("columns = ", "values = ")
)


@pytest.fixture
def spectra(tmp_path):
    table = {"OUR_ID": [1, 2], "ALPHA": [150.0, 151.0], "DELTA": [2.0, 3.0], "Z": [0.1, 0.2], "ZFLAGS": [4, 2]}
    pd.DataFrame(table).to_csv(tmp_path / "ours.csv", index=False)
    pd.DataFrame(table | {"OUR_ID": [3, 4]}).to_csv(tmp_path / "more.csv", index=False)
    return tmp_path / "ours.csv"


def test_a_survey_of_one_s_own_lands_by_its_description(tmp_path, typed, spectra):
    root = Catalog.create(tmp_path / "cat", "pdr2_wide").root
    code, _, err = typed("-C", root, "ingest", "specz", spectra)
    assert code == 3 and "--survey my_survey.toml (docs/profiles.md has its keys)" in err
    description = tmp_path / "our_survey.toml"
    description.write_text(OURS)
    code, out, err = typed("-C", root, "ingest", "specz", spectra, "--survey", description)
    assert (code, out) == (0, "ours.csv is landed: Ours, 2 rows.\n"), err
    # It is known from then on: by its columns, and by its name.
    assert typed("-C", root, "ingest", "specz", tmp_path / "more.csv")[1] == "more.csv is landed: Ours, 2 rows.\n"
    assert "very secure" in typed("-C", root, "surveys", "our_survey")[1]
    assert [line.split()[-1] for line in typed("-C", root, "surveys")[1].splitlines() if "our_survey" in line] == ["4"]
    assert typed("-C", root, "ingest", "specz", spectra, "--survey", "our_survey")[0] == 0
    description.write_text(OURS.replace("[9.9999]", "[9.9999, -1]"))
    code, _, err = typed("-C", root, "ingest", "specz", spectra, "--survey", description)
    assert code == 2 and "Tables of our_survey were landed with a description other than" in err
    for name in ("ours.csv", "more.csv"):
        assert typed("-C", root, "ingest", "remove", "--kind", "specz", name)[0] == 0
    assert typed("-C", root, "ingest", "specz", spectra, "--survey", description)[0] == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[redshift]\nsentinels", "[redshift]\nsentinel", "[redshift] has no key 'sentinel'; the nearest is"),
        ('redshift = "Z"', 'redshfit = "Z"', "[columns] has no key 'redshfit'; the nearest is 'redshift'"),
        ('unit = "deg"', 'unit = "degree"', "position.unit: 'degree' is not one of deg, hour, sexagesimal"),
        ('kind = "assigned"', 'kind = "assinged"', "error.kind: 'assinged' is not one of"),
        ('class = "qso"', 'class = "qsr"', "'qsr' is not one of galaxy, qso, star; the nearest is 'qso'"),
        ("secure = true", "secure = 1", "flags[1].secure = 1; expected: true or false"),
        ("value = 0.00092\n", "", "an assigned error needs a value above 0 and its source"),
        (RECOGNISED, "columns = []", "recognise.columns is empty; at least one is expected"),
        ('flag = "ZFLAGS"', "flag = []", "columns.flag is empty; at least one is expected"),
        ('id = "OUR_ID"', "id = {join = []}", "columns.id.join is empty; at least one is expected"),
        (FLAGS, "values = []", "flags[1].values is empty; at least one is expected"),
        ("[9.9999]", "[nan]", "redshift.sentinels = [nan]; expected: finite numbers"),
        ("[9.9999]", "[9.9999, -inf]", "redshift.sentinels = [9.9999, -inf]; expected: finite numbers"),
        ("value = 0.00092", f"value = 1{'0' * 400}", "expected: finite number"),
    ],
)
def test_what_is_wrong_with_a_description_is_told_and_nothing_lands(tmp_path, typed, spectra, old, new, said):
    root = Catalog.create(tmp_path / "cat", "pdr2_wide").root
    (tmp_path / "ours.toml").write_text(changed(OURS, old, new))
    code, out, err = typed("-C", root, "ingest", "specz", spectra, "--survey", tmp_path / "ours.toml")
    assert (code, out) == (3, "") and "ours.toml is not a survey description" in err and said in err, err
    assert not Catalog.open(root).landings("specz")


def test_a_survey_s_name_is_that_of_its_file_and_no_packaged_one(tmp_path, typed, spectra):
    root = Catalog.create(tmp_path / "cat", "pdr2_wide").root
    for name, code, said in (
        ("vvds.toml", 3, "a packaged survey already has the name vvds"),
        ("my survey.toml", 3, "characters other than A-Z"),
        ("no_such.toml", 2, "There is no file"),
        ("vvd", 2, "There is no survey 'vvd'; the nearest is 'vvds'"),
    ):
        if name.endswith("s.toml") or " " in name:
            (tmp_path / name).write_text(OURS)
        told = typed("-C", root, "ingest", "specz", spectra, "--survey", tmp_path / name if "." in name else name)
        assert told[0] == code and said in told[2], told
