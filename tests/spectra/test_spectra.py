"""What SQL makes of landed rows: redshift or the reason, error, secure, class; none dropped."""

import io

import duckdb
import pandas as pd
import pytest

from galaxiesml import dictionary
from galaxiesml.curation.macros import Macros
from galaxiesml.curation.survey_seeds import SURVEY_VALUES, SURVEYS, like_pattern, survey_seeds
from galaxiesml.errors import InputError
from galaxiesml.surveys import description

from ..ingest.planted import ANGLES, HEAD, PLANTED

MIXED = (
    HEAD.replace("spectroscopic", "mixed")
    + """
[recognise]
columns = ["X"]
[columns]
id = "X"
ra = "R"
dec = "D"
redshift = "Z"
instrument = "HOW"
[error]
kind = "assigned"
value = 0.001
per_1pz = true
source = "the paper"
[[flags]]
values = ["2/*"]
secure = true
meaning = "grism"
instrument = "grism"
class = "qso"
confidence = 0.9
confirmed = "Nobody et al., section 2"
[[flags]]
values = ["*"]
secure = false
meaning = "no"
[[instruments]]
values = ["p"]
instrument = "prism"
"""
)


def row(number: int, **changes) -> dict:
    base = {"survey": "planted", "spectrum_id": f"P{number}", "ra": 150.0, "dec": 2.0, "redshift_given": 0.5}
    base |= {"redshift_err_given": 1e-4, "flag": "3", "class_given": None, "instrument_given": None}
    base |= {"spectrum_mag": None, "spectrum_mag_band": None, "source_file": "t.csv", "source_sha256": "0" * 64}
    return base | {"source_row": number} | changes


@pytest.fixture
def spectra(tmp_path, monkeypatch):
    """Rows of the mart `spectra`, by row number of the file."""
    folder = tmp_path / "surveys"
    folder.mkdir()
    (folder / "planted.toml").write_text(PLANTED)
    (folder / "mixed.toml").write_text(MIXED)
    (folder / "angles.toml").write_text(ANGLES)
    monkeypatch.setattr(description, "SURVEYS", folder)
    description.load_surveys.cache_clear()
    seeds = survey_seeds()
    description.load_surveys.cache_clear()

    def made(*rows: dict) -> dict[int, dict]:
        connection = duckdb.connect()
        types = {"surveys": SURVEYS, "survey_values": SURVEY_VALUES}
        for name, columns in types.items():
            frame = pd.read_csv(io.StringIO(seeds[f"sql/seeds/{name}.csv"]), dtype=str, keep_default_na=False)
            connection.register("seed", frame)
            cells = ", ".join(
                f"""cast(nullif("{column}", '') as {kind}) as "{column}" """ for column, kind in columns.items()
            )
            # dbt reads an empty text of a seed as NULL.
            connection.execute(f"create table {name} as select {cells} from seed")
        landed = pd.DataFrame(rows).astype({"class_given": "string", "instrument_given": "string"})
        landed = landed.astype({"spectrum_mag": "float64", "spectrum_mag_band": "string"})
        connection.register("stg_specz__spectra", landed)
        sql = Macros(list("grizy")).render((dictionary.PROJECT / "models/intermediate/int_spectra.sql").read_text())
        found = connection.sql(sql).to_arrow_table().to_pylist()
        assert len(found) == len(rows)
        return {row["source_row"]: row for row in found}

    return made


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"redshift_given": None}, "none is given"),
        ({"redshift_given": 9.9999}, "a sentinel: 9.9999"),
        ({"redshift_given": 9.999899864196777}, "a sentinel: 9.9999"),
        ({"redshift_given": -9.0}, "a sentinel: -9.0"),
        ({"redshift_given": -0.02}, "below -0.01, and no known sentinel"),
        ({"flag": "-7"}, "photometric redshift"),
    ],
)
def test_a_row_without_a_redshift_stays_and_says_why(spectra, changes, reason):
    found = spectra(row(1, **changes))[1]
    assert (found["specz_redshift"], found["no_redshift"]) == (None, reason)
    assert not found["specz_flag_homogeneous"] and found["specz_redshift_err"] is None
    assert found["specz_error_kind"] == "none" and found["specz_name"] == "Planted-P1"


@pytest.mark.parametrize("redshift", [-0.009, 0.0, 9.99, 13.35])
def test_other_redshifts_are_redshifts(spectra, redshift):
    assert spectra(row(1, redshift_given=redshift))[1]["specz_redshift"] == redshift


def test_flags_are_judged_by_the_first_rule_that_knows_them(spectra):
    flags = {1: ("3", True), 2: ("4.5", True), 3: ("2", False), 4: ("1?", True), 5: ("1", False)}
    found = spectra(*(row(number, flag=flag) for number, (flag, _) in flags.items()))
    assert {number: one["specz_flag_homogeneous"] for number, one in found.items()} == {
        number: secure for number, (_, secure) in flags.items()
    }


def test_a_flag_of_no_text_is_a_flag(spectra):
    found = spectra(row(1, flag=""))[1]
    assert (found["specz_original_flag"], found["specz_flag_homogeneous"], found["no_redshift"]) == ("", False, None)


def test_a_survey_without_flags_has_one_rule_for_all(spectra):
    assert spectra(row(1, survey="angles", flag=""))[1]["specz_flag_homogeneous"]


def test_errors_are_measured_or_none(spectra):
    found = spectra(
        row(1), row(2, redshift_err_given=-1.0), row(3, redshift_err_given=0.0), row(4, redshift_err_given=None)
    )
    assert [(one["specz_redshift_err"], one["specz_error_kind"]) for one in found.values()] == [
        (1e-4, "measured"),
        *[(None, "none")] * 3,
    ]


def test_errors_that_are_assigned_grow_with_redshift(spectra):
    found = spectra(row(1, survey="mixed", redshift_err_given=None))[1]
    assert (found["specz_redshift_err"], found["specz_error_kind"]) == (pytest.approx(0.0015), "assigned")


def test_classes_and_instruments_come_from_the_flag_else_from_the_survey(spectra):
    found = spectra(
        row(1, class_given="STAR"),
        row(2, survey="mixed", flag="2/1", instrument_given="p"),
        row(3, survey="mixed", flag="1/1", instrument_given="p"),
        row(4, survey="mixed", flag="1/1"),
    )
    told = {number: (one["specz_class"], one["specz_instrument"]) for number, one in found.items()}
    assert told == {1: ("star", "spectroscopic"), 2: ("qso", "grism"), 3: (None, "prism"), 4: (None, "unknown")}
    assert found[2]["specz_confidence"] == 0.9


def test_patterns_of_flags_are_like_patterns():
    assert like_pattern("2/*") == "2/%" and like_pattern("5%_!") == "5!%!_!!"


def test_the_seeds_are_those_of_the_descriptions(repo):
    description.load_surveys.cache_clear()
    for path, text in survey_seeds().items():
        assert (repo / path).read_text() == text, f"{path}: type make yml"


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ('kind = "measured"', 'kind = "guessed"', "'guessed' is not one of measured"),
        ('ra = "RA"\n', "", "columns.ra"),
        ("secure = true", "", "secure"),
        ('class = "star"', 'class = "comet"', "'comet' is not one of galaxy"),
        ('reason = "photometric redshift"\n', "", "flags[3].reason is missing"),
        ("year = 2020", "year =", "TOMLDecodeError"),
    ],
)
def test_a_description_that_lacks_something_says_what(old, new, wrong):
    assert old in PLANTED
    with pytest.raises(InputError, match=r"planted\.toml is not a survey description") as error:
        description.parse_survey("planted", PLANTED.replace(old, new), "planted.toml")
    assert wrong in str(error.value)
