"""Every description is whole, every real sample lands by its columns alone, and counts are those of pandas."""

from collections import Counter

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.ingest.specz import folder_of, land_specz
from galaxiesml.surveys.description import load_surveys

from ..mock import skies

#: File to survey, its column of redshifts, and what pandas takes for the flag.
SAMPLES = {
    "2dfgrs_final_release_random_sample": ("2dfgrs", "z_helio", ["quality"]),
    "2dflens_final_release_random_sample": ("2dflens", "z", ["qual"]),
    "2mrs_v240_random_sample": ("2mrs", None, []),
    "3dhst_v4.1.5_random_sample": ("3dhst", "z_best", ["z_best_s", "use_zgrism"]),
    "6dfgs_dr3_random_sample": ("6dfgs", "Z_HELIO", ["QUALITY"]),
    "astrodeep-gs43_random_sample": ("astrodeep_gs43", "z_best", ["zspec_survey"]),
    "astrodeep_jwst_random_sample": ("astrodeep_jwst", "zspec", []),
    "desi_dr1_in_lsst_dp1_fields_random_sample": ("desi", "Z", ["ZWARN"]),
    "elaisfbmc": ("elais_fbmc", "zbest", ["zbest_type", "zbest_quality"]),
    "elaiss1oid": ("elais_s1", "zfinal", ["zfinal_type", "zfinal_quality"]),
    "jades_dr3_random_sample": ("jades", "z_Spec", ["z_Spec_flag"]),
    "mosdef_final_release_random_sample": ("mosdef", "Z_MOSFIRE", ["Z_QUAL"]),
    "ozdes_dr2_random_sample": ("ozdes", "z", ["qop"]),
    "primus_dr1_random_sample": ("primus", "Z", ["ZQUALITY"]),
    "vandels_dr4_random_sample": ("vandels", "zspec", ["zflg"]),
    "vlt_vimos_v2.0.1_random_sample": ("vimos_goods", "SPEC_Z", ["QF"]),
    "vuds_dr1_random_sample": ("vuds", "z_spec", ["zflags"]),
    "vvds_final_release_random_sample": ("vvds", "Z", ["ZFLAGS"]),
    "z_cat_CANDELS_clean_sitcomtn-154_random_sample": ("candels", "redshift", ["type"]),
    "z_cat_NED_clean_sitcomtn-154_random_sample": ("ned", "redshift", ["type"]),
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return Catalog.create(tmp_path_factory.mktemp("surveys") / "cat", "pdr2_wide")


def text(value) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value).strip()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_sample_lands_by_its_columns_and_is_counted_by_flag(catalog, shared_data, name):
    survey, redshift, flags = SAMPLES[name]
    path = shared_data / "specz_native" / f"{name}.parquet"
    landing = land_specz(catalog, path)
    theirs = pd.read_parquet(path)
    assert (landing.info["survey"], landing.info["rows"]) == (survey, len(theirs))
    found = pq.read_table(folder_of(catalog, landing.info) / "spectra.parquet").to_pandas()
    expected = Counter("/".join(text(value) for value in row) for row in theirs[flags].to_numpy(dtype=object))
    assert Counter(found["flag"]) == expected and landing.info["flags"] == dict(sorted(expected.items()))
    if redshift is not None:
        np.testing.assert_array_equal(found["redshift_given"], theirs[redshift].astype(float))
    assert found["spectrum_id"].notna().all() and landing.info["no_position"] == 0
    assert pq.read_metadata(folder_of(catalog, landing.info) / "own.parquet").num_rows == len(theirs)


def test_velocities_are_redshifts_of_the_optical_convention(catalog, shared_data):
    path = shared_data / "specz_native" / "2mrs_v240_random_sample.parquet"
    found = pq.read_table(folder_of(catalog, land_specz(catalog, path).info) / "spectra.parquet").to_pandas()
    theirs = pd.read_parquet(path)
    np.testing.assert_allclose(found["redshift_given"], theirs["redshift"], atol=1e-9)
    np.testing.assert_allclose(found["redshift_err_given"], theirs["redshift_err"], atol=1e-9)


def test_the_simulated_surveys_are_recognised(catalog):
    folder = skies.made() / "specz"
    told = {path.name: land_specz(catalog, path).info["survey"] for path in sorted(folder.iterdir())}
    assert told == {
        "deep2_dr4.fits": "deep2",
        "gama_dr3.fits": "gama",
        "primus_dr1.fits": "primus",
        "sdss_dr14.csv": "sdss",
        "vipers_w1_spectro_pdr2.csv": "vipers",
        "vvds_final.csv": "vvds",
        "zcosmos_bright_dr3.csv": "zcosmos_bright",
    }


#: Surveys without real rows at hand: columns as their tables are published, and flags by the usual rules, to secure.
PUBLISHED = {
    "c3r2": (
        ["ID", "RAdeg", "DEdeg", "z", "Qual", "Instr"],
        {"4": True, "3.5": True, "3": False, "2": False, "1": False},
    ),
    "deep3": (
        ["OBJNO", "RA", "DEC", "MAGBERR", "SFD_EBV", "M_B", "UB", "ZBEST", "ZERR", "ZQUALITY"],
        {"4": True, "3": False, "2": False, "1": False},
    ),
    "fmos_cosmos": (["FMOS", "RAJ2000", "DEJ2000", "z", "q_z", "FHa"], {"4": True, "3": True, "2": False, "1": False}),
    "udsz": (["DR1ID", "RA", "DEC", "redshift", "Flag"], {"5": True, "4": True, "3": False, "1": False}),
    "wigglez": (["ID", "RA", "DEC", "Redshift", "Qop"], {"5": True, "4": True, "3": False, "1": False}),
    "zcosmos_deep": (
        ["zCOSMOS-deepID", "ra", "dec", "zspec", "flag", "zphot"],
        {"4.5": True, "3.1": True, "2.5": True, "1.5": True, "9.3": True, "2.1": False, "1.1": False, "9.1": False},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_built_to_a_published_description_land(catalog, tmp_path, name):
    """Not real rows: its columns by name, and flags whose meaning is known."""
    columns, flags = PUBLISHED[name]
    survey = load_surveys()[name]
    assert survey.tested_on == "published description"
    frame = pd.DataFrame({column: np.linspace(0.5, 1.5, len(flags)) for column in columns})
    for ours, values in (("id", range(len(flags))), ("flag", [float(flag) for flag in flags])):
        told = survey.columns[ours]
        frame[next(column for column in ([told] if isinstance(told, str) else told) if column in columns)] = values
    frame.to_parquet(tmp_path / f"{name}.parquet")
    landing = land_specz(catalog, tmp_path / f"{name}.parquet")
    assert (landing.info["survey"], landing.info["rows"], landing.info["no_position"]) == (name, len(flags), 0)
    found = pq.read_table(folder_of(catalog, landing.info) / "spectra.parquet").to_pandas()
    secure = {flag: survey.rule_of(flag).secure and survey.rule_of(flag).has_redshift for flag in found["flag"]}
    assert secure == flags and found["redshift_given"].notna().all()


#: The other pipeline's names for the surveys, and ours.
THEIRS = {
    **{"2DFGRS": "2dfgrs", "2DFLENS": "2dflens", "6DFGS": "6dfgs", "OZDES": "ozdes", "DESI": "desi", "2MRS": "2mrs"},
    **{"MOSDEF": "mosdef", "VANDELS": "vandels", "VUDS": "vuds", "VVDS": "vvds", "PRIMUS": "primus", "NED": "ned"},
    **{"VIMOS": "vimos_goods", "JADES": "jades", "CANDELS": "candels", "3D-HST": "3dhst"},
    **{"ASTRODEEP": "astrodeep_gs43", "ASTRODEEP-JWST": "astrodeep_jwst"},
}
#: Grades that it gives to letters.
LETTERS = {"VIMOS": {0: "X", 1: "C", 3: "B", 4: "A"}, "JADES": {0: "E", 1: "D", 2: "C", 3: "B", 4: "A"}}
#: Rows that it takes and we do not: VANDELS' 9 is from one line; the others are photometric, and one is a star.
APART = {"VANDELS": 4, "CANDELS": 52, "3D-HST": 42, "ASTRODEEP": 52, "ASTRODEEP-JWST": 48}


def flag_of(label: str, row) -> str:
    """The survey's flag, from what the other pipeline kept of it."""
    if label == "3D-HST":
        return f"{text(row.z_best_s)}/{text(row.use_zgrism)}"
    if label == "ASTRODEEP":
        return text(row.zspec_survey) or "-"
    if label in ("CANDELS", "NED"):
        return row.instrument_type_homogenized
    if label in LETTERS:
        return LETTERS[label][int(row.z_flag)]
    return "" if label in ("2MRS", "ASTRODEEP-JWST") else text(row.z_flag)


@pytest.mark.parametrize("label", THEIRS)
def test_another_pipeline_calls_the_same_flags_secure(shared_data, label):
    """Its grades of 3 and more are its secure ones; each difference is one of `APART`, and none is ours alone."""
    theirs = pd.read_parquet(shared_data / "specz_native" / "pipeline_generated_sample.parquet")
    survey, rows = load_surveys()[THEIRS[label]], theirs[theirs["survey"] == label]
    alone, ours = 0, 0
    for row in rows.itertuples():
        rule = survey.rule_of(flag_of(label, row))
        secure = rule.secure and rule.has_redshift and not (label == "ASTRODEEP-JWST" and row.zspec == -99)
        alone += row.z_flag_homogenized >= 3 and not secure
        ours += secure and row.z_flag_homogenized < 3
    assert (alone, ours) == (APART.get(label, 0), 0) and len(rows) >= 35


def test_what_is_not_confirmed_says_so():
    surveys = load_surveys().values()
    assert len(surveys) >= 25
    for survey in surveys:
        assert (
            survey.reference
            and survey.url.startswith("http")
            and survey.tested_on in ("sample", "published description")
        )
        assert survey.error["kind"] != "assigned" or survey.error["source"]
