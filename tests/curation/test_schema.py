"""The dictionary, and the yml that is generated from it."""

import tomllib
from collections import Counter
from dataclasses import replace

import duckdb
import pytest
import yaml
from astropy import units
from astropy.io.votable.ucd import check_ucd

from galaxiesml import dictionary
from galaxiesml.curation import without_spectrum
from galaxiesml.curation.key_docs import documents
from galaxiesml.curation.macros import Macros, picture_variables
from galaxiesml.curation.project import project_files
from galaxiesml.curation.rules import published
from galaxiesml.curation.schema import load_models, render
from galaxiesml.instrument import HSC
from galaxiesml.releases.profile import RELEASES, known_releases, load_profile, parse_profile

from .replay import BANDS, KEYS

COLUMNS = dictionary.columns(BANDS, published().words, HSC.mask_planes)


@pytest.mark.parametrize("name", sorted(render(BANDS, published())))
def test_committed_rendering_has_not_drifted(name):
    committed = (dictionary.PROJECT / name).read_text()
    assert committed == render(BANDS, published())[name], "type: make yml"


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_page_of_permitted_keys_has_not_drifted(name, repo):
    assert (repo / name).read_text() == documents()[name], "type: make yml"


def test_units_parse_as_vounit():
    for column in COLUMNS.values():
        if column.unit:
            units.Unit(column.unit, format="vounit", parse_strict="raise")


def test_ucds_are_of_the_controlled_vocabulary():
    wrong = [
        f"{column.name}: {column.ucd}"
        for column in COLUMNS.values()
        if not check_ucd(column.ucd, check_controlled_vocabulary=True, has_colon=False)
    ]
    assert not wrong


def test_no_two_descriptions_are_alike():
    counts = Counter(column.description for column in COLUMNS.values())
    assert not [text for text, count in counts.items() if count > 1]


def test_every_entry_is_used_and_every_column_described():
    models = load_models(BANDS, published())
    used = {name for model in models for name in model.columns} | {*without_spectrum.columns(published(), BANDS)}
    made_per_cut = {f"{stem}_{cut['name']}" for cut in published().cuts for stem in ("ok", "size")}
    known = set(COLUMNS)
    assert used - known == {"ok_{window}", "size_{window}"}
    listed = {column.name for column in COLUMNS.values() if column.families}
    assert known - used - made_per_cut - listed == {"source"}


def test_sql_and_dictionary_name_the_same_columns_and_types():
    macros = Macros(BANDS)
    words = {"text": "string"}
    for side in ("object", "spectrum"):
        in_sql = {column["name"]: column["type"] for column in macros.call("landed_columns", side)}
        in_dictionary = {c.name: words.get(c.type, c.type) for c in COLUMNS.values() if c.of == side}
        assert in_sql == in_dictionary


@pytest.mark.parametrize("release", known_releases())
def test_release_profiles_name_known_columns(release):
    profile = load_profile(release)
    landed = {name for name, column in dictionary.columns(profile.bands).items() if column.of}
    assert set(profile.columns) <= landed
    assert set(profile.archive_cuts) <= {cut["name"] for cut in published().cuts}
    assert {survey.error for survey in profile.surveys} <= {"measured", "assigned", "arbitrary"}
    # No two of our columns read one of theirs, but for what is converted.
    assert len(profile.ours) == len(profile.columns) - len(profile.conversions)


def test_cut_list_is_whole():
    keys = {"name", "scope", "required", "versions", "needs", "section", "why", "rows"}
    names = set(published().names)
    for cut in published().cuts:
        assert keys <= set(cut), cut["name"]
        assert ("sql" in cut) != ("window" in cut)
        assert set(cut["versions"]) <= names
        assert set(cut["needs"]) <= {pattern for pattern in _patterns() if pattern}, cut["name"]
        if "sql" in cut:
            verdicts = {verdict for _, verdict in cut["rows"]}
            assert {True, False} <= verdicts, f"{cut['name']} has no boundary row on both sides"


def _patterns() -> set[str]:
    return set(tomllib.loads((dictionary.PROJECT / "sql" / "columns.toml").read_text()))


def test_six_bands_change_yml_and_no_sql():
    six = {"u": "em.opt.U", **BANDS}
    five_files, six_files = project_files(BANDS), project_files(six)
    changed = {name for name in five_files if five_files[name] != six_files[name]}
    assert {name for name in changed if not name.startswith("models/")} == {
        "dbt_project.yml",
        "sql/seeds/column_dictionary.csv",
    }
    models = {name.removeprefix("models/") for name in changed if name.startswith("models/")}
    assert models >= {"staging/hsc/stg_hsc__objects.yml", "intermediate/int_pairs.yml", "marts/galaxies.yml"}
    assert all(name.endswith(".yml") for name in models) and "marts/cut_flow.yml" not in models
    assert set(KEYS) >= {"landing", "source_row"}


def test_hsc_has_the_same_project_as_before_its_profiles_named_it():
    """Planes, radius and plane of no data as they stood in the macros; a catalogue's older profile gives them too."""
    older = (RELEASES / "pdr2_wide.toml").read_text().replace('instrument = "hsc"\n', "")
    instrument = parse_profile(older, "release.toml").instrument
    assert project_files(BANDS, instrument=instrument) == project_files(BANDS)
    known = yaml.safe_load((dictionary.PROJECT / "dbt_project.yml").read_text())["vars"]
    assert picture_variables(HSC) == {name: known[name] for name in picture_variables(HSC)}
    macros = Macros(BANDS)
    assert macros.call("cutout_radius") == "cast(0.004194444444444 as double)"
    assert macros.call("mask_planes")[:3] == ["bad", "sat", "intrp"] and len(macros.call("mask_planes")) == 17
    shown = (dictionary.PROJECT / "models/intermediate/int_shown_pictures.sql").read_text()
    assert "when not_finite > 0 or masked_no_data > 0 then 'pixels_without_data'" in macros.render(shown)


def test_another_instrument_changes_yml_and_no_model():
    other = replace(HSC, name="", mask_planes=("HOT", "COLD"), no_data_plane="", pixel_scale_arcsec=0.2)
    ours, theirs = project_files(BANDS), project_files(BANDS, instrument=other)
    changed = {name for name in ours if ours[name] != theirs[name]}
    assert not [name for name in changed if name.startswith("models/") and not name.endswith(".yml")]
    assert {name for name in changed if name.startswith("sql/")} == {
        "sql/macros/family.sql",
        "sql/seeds/column_dictionary.csv",
    }
    pictures = theirs["models/marts/pictures.yml"]
    assert "masked_cold" in pictures and "masked_bad" not in pictures
    macros = Macros(BANDS, variables=picture_variables(other))
    shown = (dictionary.PROJECT / "models/intermediate/int_shown_pictures.sql").read_text()
    assert "when not_finite > 0 then 'pixels_without_data'" in macros.render(shown)


def test_a_survey_without_masks_has_no_quality_and_no_error():
    macros = Macros(BANDS, variables=picture_variables(replace(HSC, mask_planes=(), defect_planes=())))
    with duckdb.connect() as connection:
        connection.execute("create table int_shown_pictures as select 1 as object_id, 'g' as band")
        connection.execute("create table pictures as select 1 as object_id, 'g' as band, 'present' as picture_state")
        connection.execute("alter table pictures add column image_offset bigint default 0")
        connection.execute("alter table pictures add column mask_offset bigint")
        connection.execute("""
            create table int_picture_bins as select 1 as object_id, 'g' as band, 'all' as bin_by, 'all' as bin,
                null::double as bin_low, null::double as bin_high
        """)
        masks = (dictionary.PROJECT / "models/intermediate/int_picture_masks.sql").read_text()
        connection.execute(f"create view int_picture_masks as {macros.render(masks)}")
        quality = macros.render((dictionary.PROJECT / "models/marts/picture_quality.sql").read_text())
        assert connection.execute(quality).fetchall() == []
