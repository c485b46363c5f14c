"""A survey's own table lands whole, in every format, or says which row is wrong; a planted survey has every fault."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import FK4, SkyCoord
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.specz import folder_of, land_specz, remove_specz
from galaxiesml.surveys import description

from .planted import ANGLES, PLANTED


@pytest.fixture
def catalog(tmp_path, monkeypatch):
    folder = tmp_path / "surveys"
    folder.mkdir()
    (folder / "planted.toml").write_text(PLANTED)
    (folder / "angles.toml").write_text(ANGLES)
    monkeypatch.setattr(description, "SURVEYS", folder)
    description.load_surveys.cache_clear()
    yield Catalog.create(tmp_path / "cat", "pdr2_wide")
    description.load_surveys.cache_clear()


def rows(number: int = 6, **changes) -> pd.DataFrame:
    count = np.arange(number)
    table = {
        "NAME": [f"P{one}" for one in count],
        "RA": 150 + count * 0.1,
        "DEC": 2 + count * 0.1,
        "ZBEST": 0.1 + count * 0.1,
        "EZ": 1e-4,
        "Q": 3 + count % 2,
        "CLASS": "GALAXY",
        "IMAG": 20.0,
    }
    frame = pd.DataFrame(table)
    for name, cells in changes.items():
        if isinstance(cells, dict):
            frame[name] = frame[name].astype(object)
            for row, value in cells.items():
                frame.loc[row, name] = value
        else:
            frame[name] = cells
    return frame


def csv(tmp_path, frame, name="planted.csv"):
    frame.to_csv(tmp_path / name, index=False)
    return tmp_path / name


def landed(catalog, info) -> pd.DataFrame:
    return pq.read_table(folder_of(catalog, info) / "spectra.parquet").to_pandas()


WRITERS = {
    "parquet": lambda table, path: table.to_pandas().to_parquet(path),
    "fits": lambda table, path: table.write(path, format="fits"),
    "csv": lambda table, path: table.write(path, format="ascii.csv"),
    "votable": lambda table, path: table.write(path, format="votable"),
    "ecsv": lambda table, path: table.write(path, format="ascii.ecsv"),
    "mrt": lambda table, path: table.write(path, format="ascii.mrt"),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_format_lands_the_same_rows(catalog, tmp_path, kind):
    frame = rows(4)
    path = tmp_path / f"table.{kind}"
    WRITERS[kind](Table.from_pandas(frame), path)
    landing = land_specz(catalog, path)
    assert (landing.info["survey"], landing.info["rows"], landing.info["format"]) == ("planted", 4, kind)
    found = landed(catalog, landing.info)
    assert found["spectrum_id"].tolist() == frame["NAME"].tolist() and found["flag"].tolist() == ["3", "4", "3", "4"]
    for ours, theirs in (("ra", "RA"), ("dec", "DEC"), ("redshift_given", "ZBEST"), ("redshift_err_given", "EZ")):
        np.testing.assert_allclose(found[ours], frame[theirs], rtol=1e-12)
    own = pq.read_table(folder_of(catalog, landing.info) / "own.parquet")
    assert set(frame.columns) < set(own.column_names) and own.num_rows == 4


def test_the_same_bytes_land_once_and_are_taken_out(catalog, tmp_path):
    path = csv(tmp_path, rows())
    assert land_specz(catalog, path).is_new and not land_specz(catalog, path).is_new
    assert remove_specz(catalog, "planted.csv")["rows"] == 6 and not catalog.landings("specz")
    with pytest.raises(UsageError, match="matches 0 landed tables"):
        remove_specz(catalog, "planted.csv")


def test_a_flag_that_no_rule_knows_names_survey_row_and_value(catalog, tmp_path):
    path = csv(tmp_path, rows(Q={4: 7}))
    with pytest.raises(InputError, match=r"line 6, column Q: '7' is not a quality flag that Planted defines"):
        land_specz(catalog, path)
    assert not catalog.landings("specz")
    landing = land_specz(catalog, path, rejects=tmp_path / "bad.csv")
    assert (landing.info["rows"], landing.info["rejected"]) == (5, 1)
    (bad,) = pd.read_csv(tmp_path / "bad.csv").to_dict("records")
    assert (bad["source_row"], bad["column"], str(bad["value"])) == (5, "Q", "7")


def test_flags_are_texts_whatever_they_were_written_as(catalog, tmp_path):
    landing = land_specz(catalog, csv(tmp_path, rows(Q=["3.0", "4.5", "", "4", "1?", "-2"])))
    # '?' is a letter of flags, not a pattern.
    assert landed(catalog, landing.info)["flag"].tolist() == ["3", "4.5", "", "4", "1?", "-2"]
    with pytest.raises(InputError, match="'14' is not a quality flag"):
        land_specz(catalog, csv(tmp_path, rows(Q=14), "other.csv"))


def test_cells_that_are_no_numbers_name_their_row(catalog, tmp_path):
    with pytest.raises(InputError, match=r"line 4, column ZBEST: '0.3x' is not a number"):
        land_specz(catalog, csv(tmp_path, rows(ZBEST={2: "0.3x"})))


def test_rows_without_a_place_stay_and_are_counted(catalog, tmp_path):
    landing = land_specz(catalog, csv(tmp_path, rows(RA={1: np.nan}, DEC={2: 95.0})))
    assert (landing.info["rows"], landing.info["no_position"]) == (6, 2)
    assert landed(catalog, landing.info)["ra"].isna().tolist() == [False, True, True, False, False, False]
    assert any("2 rows have no position on the sky" in note for note in landing.notes)


def test_swapped_columns_are_refused_where_no_row_is_on_the_sky(catalog, tmp_path):
    frame = rows().rename(columns={"RA": "DEC", "DEC": "RA"})
    with pytest.raises(InputError, match="are not right ascension and declination in that order"):
        land_specz(catalog, csv(tmp_path, frame))
    assert not catalog.landings("specz")


def test_hours_that_pass_for_degrees_are_warned_about(catalog, tmp_path):
    frame = rows(60)
    frame["RA"] = frame["RA"] / 15
    landing = land_specz(catalog, csv(tmp_path, frame))
    assert any("below 24" in note for note in landing.notes)


def test_a_last_line_without_an_end_is_warned_about(catalog, tmp_path):
    path = csv(tmp_path, rows())
    path.write_bytes(path.read_bytes()[:-1])
    assert any("its last line, 7, has no line end" in note for note in land_specz(catalog, path).notes)


def test_identifiers_that_come_twice_stay_and_are_counted(catalog, tmp_path):
    landing = land_specz(catalog, csv(tmp_path, rows(NAME={3: "P0"})))
    assert (landing.info["rows"], landing.info["repeated_ids"]) == (6, 1)


def test_control_characters_are_written_out(catalog, tmp_path):
    landing = land_specz(catalog, csv(tmp_path, rows(NAME={0: "a\x1b[2Jb"})))
    assert landed(catalog, landing.info)["spectrum_id"][0] == r"a\x1b[2Jb"


def test_sentinels_and_nan_land_as_they_are_but_for_nan(catalog, tmp_path):
    landing = land_specz(catalog, csv(tmp_path, rows(ZBEST={0: 9.9999, 1: -9, 2: np.nan, 3: np.inf})))
    found = landed(catalog, landing.info)["redshift_given"]
    assert found[:2].tolist() == [9.9999, -9.0] and found[2:4].isna().all()
    assert landing.info["no_redshift"] == 2


def test_sexagesimal_parts_of_1950_become_icrs(catalog, tmp_path):
    frame = pd.DataFrame(
        {"NUM": [1, 2], "RAh": [10, 0], "RAm": [1, 0], "RAs": [2.5, 1.5], "DE-": ["-", "+"], "DEd": [0, 2]}
        | {"DEm": [30, 15], "DEs": [6.0, 3.0], "cz": [29979.2458, 1000.0]}
    )
    found = landed(catalog, land_specz(catalog, csv(tmp_path, frame)).info)
    right = SkyCoord(["10h1m2.5s", "0h0m1.5s"], ["-0d30m6s", "2d15m3s"], frame=FK4(equinox="B1950")).icrs
    np.testing.assert_allclose(found["ra"], right.ra.deg, atol=1e-9)
    np.testing.assert_allclose(found["dec"], right.dec.deg, atol=1e-9)
    np.testing.assert_allclose(found["redshift_given"], [0.1, 1000 / 299792.458])


def test_what_is_doubtful_is_refused(catalog, tmp_path):
    with pytest.raises(InputError, match="matches no known survey; its columns: A, B"):
        land_specz(catalog, csv(tmp_path, pd.DataFrame({"A": [1], "B": [2]})))
    both = pd.concat([rows(1), pd.DataFrame({"NUM": [1], "RAh": [1], "DEd": [1], "cz": [1]})], axis=1)
    with pytest.raises(InputError, match="may be of angles or planted"):
        land_specz(catalog, csv(tmp_path, both, "both.csv"))
    assert land_specz(catalog, csv(tmp_path, both, "both.csv"), survey="planted").info["survey"] == "planted"
    with pytest.raises(UsageError, match="There is no survey 'other'"):
        land_specz(catalog, csv(tmp_path, rows()), survey="other")
    with pytest.raises(InputError, match=r"is not a table of Planted: it has no column for ra"):
        land_specz(catalog, csv(tmp_path, rows().drop(columns="RA"), "less.csv"), survey="planted")


def test_damaged_files_land_not_at_all(catalog, tmp_path):
    path = tmp_path / "table.xml"
    Table.from_pandas(rows()).write(path, format="votable")
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match="cannot be read as votable"):
        land_specz(catalog, path)
    assert not catalog.landings("specz") and not list((catalog.raw).glob(".tmp-*"))
