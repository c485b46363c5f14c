"""A survey's table whose quality flag was lost: refused, or decided by hand, and never insecure without a word."""

import json

import pytest

from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.specz import land_specz

SDSS = "specObjID,ra,dec,class,z,zErr\n1,150,2,GALAXY,0.1,0.001\n2,150.1,2,GALAXY,0.2,0.001\n"
GAMA = "CATAID,RA,DEC,Z,PROB\n1,150,2,0.1,0.9\n2,150.1,2,0.2,0.9\n"
LOST = {"sdss": (SDSS, "zWarning or f_zsp", "SDSS"), "gama": (GAMA, "NQ or nQ", "GAMA")}


@pytest.mark.parametrize("survey", LOST)
def test_a_table_without_its_flag_is_refused_and_says_what_the_flag_decides(catalog, tmp_path, survey):
    text, column, label = LOST[survey]
    path = tmp_path / f"{survey}.csv"
    path.write_text(text)
    message = f"has no column {column}: the quality flag of {label}, which decides which redshifts are secure"
    with pytest.raises(InputError, match=message) as refused:
        land_specz(catalog, path, survey=survey)
    assert "--no-flag secure" in refused.value.hint
    with pytest.raises(InputError, match=f"has all columns of {label} but its quality flag, {column}") as refused:
        land_specz(catalog, path)
    assert f"--survey {survey} --no-flag insecure" in refused.value.hint
    assert not catalog.landings("specz")


def test_of_a_flag_of_two_columns_the_one_that_is_missing_is_named(catalog, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("field,phot_id,ra,dec,z_best,use_zgrism\nGOODS,1,150,2,0.1,1\n")
    with pytest.raises(InputError, match="has no column z_best_s: the quality flag of 3D-HST"):
        land_specz(catalog, path, survey="3dhst")


@pytest.mark.parametrize("word", ["secure", "insecure"])
def test_a_person_decides_for_all_rows_and_it_is_recorded(catalog, typed, tmp_path, word):
    path = tmp_path / "sdss.csv"
    path.write_text(SDSS)
    code, _, err = typed("-C", catalog.root, "ingest", "specz", path, "--survey", "sdss", "--no-flag", word)
    assert code == 0 and f"all rows are {word} by hand" in err
    (landed,) = catalog.landings("specz")
    assert landed["no_flag"] == word and landed["flags"] == {f"by hand: {word}": 2}
    assert f"by hand: {word}" in typed("-C", catalog.root, "ingest", "list", "specz")[1]
    assert f"set by hand: sdss.csv (sdss): all {word}" in typed("-C", catalog.root, "status")[2]
    (told,) = json.loads(typed("-C", catalog.root, "status", "--json")[1])["spectra"]
    assert told["no_flag"] == word
    other = {"secure": "insecure", "insecure": "secure"}[word]
    with pytest.raises(UsageError, match=f"already landed, as sdss, all rows {word} by hand"):
        land_specz(catalog, path, survey="sdss", no_flag=other)


def test_no_flag_is_for_tables_without_one(catalog, typed, tmp_path):
    path = tmp_path / "gama.csv"
    path.write_text("CATAID,RA,DEC,Z,NQ,PROB\n1,150,2,0.1,4,0.9\n")
    code, _, err = typed("-C", catalog.root, "ingest", "specz", path, "--no-flag", "secure")
    assert code == 2 and "has its quality flag" in err
    assert typed("-C", catalog.root, "ingest", "specz", path, "--no-flag", "perhaps")[0] == 2
    # A file cannot decide for the person.
    path.write_text("specObjID,ra,dec,class,z,zErr,zWarning\n1,150,2,GALAXY,0.1,0.001,by hand: secure\n")
    with pytest.raises(InputError, match="'by hand: secure' is not a quality flag that SDSS defines"):
        land_specz(catalog, path)


def test_empty_flags_and_missing_columns_are_told(catalog, tmp_path):
    path = tmp_path / "sdss.csv"
    path.write_text("specObjID,ra,dec,z,zWarning\n1,150,2,0.1,0\n2,150,2,0.1,\n")
    notes = land_specz(catalog, path, survey="sdss").notes
    assert "the quality flag is empty in 1 of 2 rows, which count as insecure" in notes
    assert any(note.startswith("column zErr or Z_ERR or e_zsp is missing: no redshift has an error") for note in notes)
    assert any(note.startswith("column class or spCl is missing: stars") for note in notes)
