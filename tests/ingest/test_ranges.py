"""Units and ranges at landing: what is wrong of a whole column is refused, some rows are counted and told."""

import io
import json

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import ensure_empty
from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.ledger import folder_of
from galaxiesml.ingest.specz import folder_of as specz_folder
from galaxiesml.ingest.specz import land_specz
from galaxiesml.surveys.description import SURVEYS
from galaxiesml.units import means

COUNT = 60


def export(**changes) -> pd.DataFrame:
    """Objects with a spectrum each, 0.1 arcsec from it."""
    count = np.arange(COUNT)
    ra, dec = 150 + count * 0.1, 2 + count * 0.01
    table = {
        **{"object_id": 4 * 10**16 + count, "ra": ra, "dec": dec, "i_cmodel_mag": 18 + count * 0.1},
        **{"specz_name": [f"S{one}" for one in count], "specz_ra": ra, "specz_dec": dec + 0.1 / 3600},
        **{"specz_redshift": 0.1 + count * 0.01, "specz_redshift_err": 1e-4},
    }
    return pd.DataFrame(table | changes)


def with_rows(values, **rows):
    """Values with some rows changed: by row number as text, as ``r3=99.99``."""
    changed = np.array(values, float)
    for row, value in rows.items():
        changed[int(row[1:])] = value
    return changed


@pytest.fixture
def land(catalog, tmp_path):
    def landed(frame, name="export.parquet", units=None):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        for column, unit in (units or {}).items():
            place = table.column_names.index(column)
            field = table.schema.field(place).with_metadata({"unit": unit})
            table = table.set_column(place, field, table[column])
        pq.write_table(table, tmp_path / name)
        return land_hsc(catalog, tmp_path / name)

    return landed


def read(catalog, landing) -> pd.DataFrame:
    return pq.read_table(folder_of(catalog, landing.info) / f"{landing.info['kind']}.parquet").to_pandas()


def test_a_clean_export_lands_as_it_is_and_nothing_is_said(land, catalog):
    landing = land(export())
    assert (landing.notes, landing.info["out_of_range"], landing.info["wrapped"]) == ([], [], {})
    assert read(catalog, landing)["ra"].tolist() == export()["ra"].tolist()


def test_positions_in_radians_are_refused_by_the_distance_of_their_spectra(land, catalog):
    frame = export()
    with pytest.raises(InputError, match=r"60 of 60 spectra are farther than 60 arcsec.* up to .*ra, dec and") as told:
        land(frame.assign(ra=np.radians(frame["ra"]), dec=np.radians(frame["dec"])))
    assert "Degrees" in told.value.hint and not catalog.landings() and not list((catalog.raw / "hsc").glob("0001*"))
    landing = land(frame.assign(specz_dec=with_rows(frame["specz_dec"], r3=40, r7=-40)))
    assert landing.info["pairs_apart"] == 2 and "2 of 60 spectra are farther than 60 arcsec" in landing.notes[0]


@pytest.mark.parametrize("spectra_first", [True, False])
def test_radians_are_found_where_objects_and_spectra_are_two_files(land, catalog, spectra_first):
    frame = export()
    objects = frame[["object_id", "ra", "dec", "i_cmodel_mag"]]
    spectra = frame[["object_id", *(name for name in frame if name.startswith("specz_"))]]
    if spectra_first:
        land(spectra, "spectra.parquet")
        with pytest.raises(InputError, match="60 of 60 spectra are farther"):
            land(objects.assign(ra=np.radians(objects["ra"]), dec=np.radians(objects["dec"])), "objects.parquet")
    else:
        landing = land(objects.assign(ra=np.radians(objects["ra"]), dec=np.radians(objects["dec"])), "objects.parquet")
        assert "radians?" in landing.notes[0]
        with pytest.raises(InputError, match="60 of 60 spectra are farther"):
            land(spectra, "spectra.parquet")
    assert len(catalog.landings()) == 1
    if spectra_first:
        assert land(objects, "objects.parquet").info["pairs_apart"] == 0


def test_without_spectra_landed_no_pairs_are_looked_for(land, catalog, monkeypatch):
    """A new catalogue has empty tables of every kind."""
    frame, opened, connect = export(), [], duckdb.connect
    ensure_empty(catalog)
    monkeypatch.setattr(duckdb, "connect", lambda **options: [opened.append(options), connect(**options)][1])
    land(frame[["object_id", "ra", "dec"]], "objects.parquet")
    # The question for pairs has a limit of memory of its own.
    assert not any(opened)
    spectra = frame[["object_id", *(name for name in frame if name.startswith("specz_"))]]
    with pytest.raises(InputError, match="60 of 60 spectra are farther"):
        land(spectra.assign(specz_ra=10.0), "spectra.parquet")
    assert any(opened)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_right_ascensions_below_0_are_wrapped_and_told(land, catalog, kind):
    ra = np.full(COUNT, 10, kind)
    ra[:6] = [-180, -10.5, -1e-20, 360, 359.5, -99]
    frame = export(ra=ra).drop(columns=["specz_ra", "specz_dec"])
    landing = land(frame)
    assert read(catalog, landing)["ra"][:6].tolist() == [180, 349.5, 0, 0, 359.5, -99]
    assert landing.info["wrapped"] == {"ra": 3} and read(catalog, landing)["ra"].dtype == kind
    assert "3 of 60 values of ra, from -180 to 0, were shifted to 180 to 360" in landing.notes
    (outside,) = landing.info["out_of_range"]
    assert (outside["column"], outside["rows"], outside["most_often"]) == ("ra", 1, -99)


@pytest.mark.parametrize("zero_point", [31.4, 27, 23.9, 0])
def test_fluxes_for_magnitudes_are_refused_naming_column_and_range(land, catalog, zero_point):
    """In nanojansky, in counts of HSC, in microjansky, and in units of the AB zero."""
    flux = 10 ** (0.4 * (zero_point - export()["i_cmodel_mag"]))
    with pytest.raises(InputError, match=r"column i_cmodel_mag: .* outside 5 to 50 mag") as told:
        land(export(i_cmodel_mag=flux))
    assert "Magnitudes are expected" in told.value.hint and not catalog.landings()


def test_magnitudes_that_mean_none_are_counted_and_are_no_fluxes(land, typed, catalog):
    frame = export()
    landing = land(frame.assign(i_cmodel_mag=np.where(frame.index % 2, 99.99, frame["i_cmodel_mag"])))
    (told,) = landing.info["out_of_range"]
    assert (told["column"], told["rows"], told["of"], told["most_often"]) == ("i_cmodel_mag", 30, 60, 99.99)
    assert "30 of 60 values of i_cmodel_mag are outside 5 to 50 mag" in landing.notes[0]
    assert "99.99, the most common one, may mean 'no value'" in landing.notes[0]
    assert "i_cmodel_mag 30" in typed("-C", catalog.root, "ingest", "list")[1]
    assert "i_cmodel_mag 30" in typed("-C", catalog.root, "status")[1]
    (told,) = json.loads(typed("-C", catalog.root, "status", "--json")[1])["landings"]
    assert told["out_of_range"] == landing.info["out_of_range"] and told["pairs_apart"] == 0
    assert "out of range" not in told
    listed = json.loads(typed("-C", catalog.root, "ingest", "list", "--json")[1])
    assert listed[0]["out_of_range"] == landing.info["out_of_range"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dec": 95.0}, r"column dec: every value is outside -90 to 90 deg: 95 to 95"),
        ({"ra": 400.0}, r"column ra: every value is outside 0 to 360 deg"),
        ({"specz_redshift": 30_000.0}, r"column specz_redshift: every value is outside -0.1 to 20: 30000 to 30000"),
        ({"specz_redshift_err": 45.0}, r"column specz_redshift_err: every value is outside 0 to 10"),
        ({"i_cmodel_mag": 99.99}, r"column i_cmodel_mag: every value is outside 5 to 50 mag: 99.99 to 99.99"),
    ],
)
def test_a_column_of_which_every_value_is_impossible_is_refused(land, catalog, changes, said):
    with pytest.raises(InputError, match=said) as told:
        land(export(**changes))
    assert not catalog.landings()
    assert ("If 99.99 means 'no value'" in told.value.hint) == (changes.get("i_cmodel_mag") == 99.99)


@pytest.mark.parametrize("kind", ["fits", "parquet", "astropy.parquet", "vo.parquet"])
def test_the_unit_that_a_file_states_must_be_ours(catalog, tmp_path, kind):
    """Radians that a profile would call ra; the same unit in other words lands."""

    def written(name, **units):
        table, path = Table.from_pandas(export()), tmp_path / f"{name}.{kind}"
        for column, unit in units.items():
            table[column].unit = unit
        if kind == "parquet":
            plain = pa.Table.from_pandas(export(), preserve_index=False)
            fields = [field.with_metadata({"unit": units.get(field.name, "")}) for field in plain.schema]
            pq.write_table(plain.cast(pa.schema(fields)), path)
        elif kind == "vo.parquet":
            header = io.BytesIO()
            table[:0].write(header, format="votable")
            plain = pa.Table.from_pandas(export(), preserve_index=False)
            facts = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": header.getvalue()}
            pq.write_table(plain.replace_schema_metadata(facts), path)
        else:
            table.write(path, format=kind.removeprefix("astropy."))
        return path

    with pytest.raises(InputError, match=r"column ra: its unit in the file is 'rad'; deg is expected") as told:
        land_hsc(catalog, written("radians", ra="rad", dec="deg"))
    assert 'ra = {source = "coord_ra", unit = "rad"}' in told.value.hint and not catalog.landings()
    with pytest.raises(InputError, match=r"column i_cmodel_mag: .* 'nJy'; mag is expected"):
        land_hsc(catalog, written("fluxes", i_cmodel_mag="nJy"))
    assert land_hsc(catalog, written("right", ra="deg", dec="deg", i_cmodel_mag="mag")).notes == []


def test_a_unit_that_nobody_knows_is_told_and_lands(land):
    landing = land(export(), units={"i_cmodel_mag": "frobs", "ra": "degrees"})
    assert landing.notes == ["the unit of i_cmodel_mag in the file, 'frobs', is not known; mag is assumed"]


@pytest.mark.parametrize(
    ("stated", "expected", "told"),
    [
        *((text, "deg", True) for text in ("Deg", "DEG", "degrees")),
        *((text, "mag", True) for text in ("MAG", "Mag", "AB", "ab", "mag(AB)")),
        *((text, "km/s", True) for text in ("KM/S", "Km s-1", "km.s-1")),
        *((text, "", True) for text in ("[-]", "--", "-", "---", "[]", "none")),
        *((text, "mag", False) for text in ("[-]", "--", "DEG", "dex", "nJy")),
        *((text, "", False) for text in ("KM/S", "[deg]")),
        ("FROBS", "mag", None),
    ],
)
def test_a_unit_is_known_in_capitals_and_as_people_write_it(stated, expected, told):
    assert means(stated, expected) is told


# -- tables of surveys ---------------------------------------------------------------------------------------


def vvds(tmp_path, name="vvds.parquet", **changes):
    count = np.arange(COUNT)
    table = {"NUM": count, "ALPHA": 150 + count * 0.1, "DELTA": 2 + count * 0.01, "Z": 0.1 + count * 0.01}
    frame = pd.DataFrame(table | {"ZFLAGS": 4, "MAGI": 20.0} | changes)
    table = Table.from_pandas(frame)
    for column, unit in {"ALPHA": "deg", "DELTA": "deg", "MAGI": "mag"}.items():
        table[column].unit = unit
    return table, tmp_path / name


@pytest.mark.parametrize("kind", ["fits", "parquet", "votable", "ascii.ecsv"])
def test_a_survey_s_table_states_units_too(catalog, tmp_path, kind):
    table, path = vvds(tmp_path, f"table.{kind}")
    table["ALPHA"].unit = "rad"
    table.write(path, format=kind)
    with pytest.raises(InputError, match=r"column ALPHA \(ra\): its unit in the file is 'rad'; deg is expected"):
        land_specz(catalog, path)
    table["ALPHA"].unit = "deg"
    table.write(path, format=kind, overwrite=True)
    assert land_specz(catalog, path).notes == []


def test_velocities_for_redshifts_are_refused_and_some_are_counted(catalog, tmp_path):
    table, path = vvds(tmp_path)
    table["Z"] = table["Z"] * 299_792
    table.write(path)
    with pytest.raises(InputError, match=r"column Z \(redshift\): every value is outside -0.1 to 20") as told:
        land_specz(catalog, path)
    assert "--survey my_survey.toml" in told.value.hint and not catalog.landings("specz")
    table, path = vvds(tmp_path, "some.parquet", Z=with_rows(np.full(COUNT, 0.5), r1=9.9999, r2=-99, r3=-99))
    table.write(path)
    landing = land_specz(catalog, path)
    (outside,) = landing.info["out_of_range"]
    # 9.9999 is the survey's own word for none.
    assert (outside["column"], outside["rows"], outside["of"]) == ("redshift_given", 2, 59)
    assert "2 of 59 values of Z (redshift) are outside -0.1 to 20" in landing.notes[0]


def test_a_survey_s_positions_are_wrapped_counted_and_doubted(catalog, tmp_path, typed):
    alpha = with_rows(np.full(COUNT, 20.0), r0=-10, r1=-99, r2=400)
    table, path = vvds(tmp_path, ALPHA=alpha, DELTA=with_rows(np.full(COUNT, 30.0), r1=-99))
    table.write(path)
    landing = land_specz(catalog, path)
    assert (landing.info["wrapped"], landing.info["no_position"], landing.info["off_the_sky"]) == ({"ra": 1}, 2, 2)
    assert any("1 of 58 right ascensions, from -180 to 0" in note for note in landing.notes)
    found = pq.read_table(specz_folder(catalog, landing.info) / "spectra.parquet")["ra"].to_pylist()
    assert found[:4] == [350, None, None, 20]
    assert "off the sky 2" in typed("-C", catalog.root, "ingest", "list", "specz")[1]
    (told,) = json.loads(typed("-C", catalog.root, "status", "--json")[1])["spectra"]
    assert (told["out_of_range"], told["off_the_sky"]) == ([], 2)
    table, path = vvds(tmp_path, "radians.parquet", ALPHA=np.radians(100.0), DELTA=np.radians(20.0))
    table.write(path)
    assert any("radians?" in note for note in land_specz(catalog, path).notes)


#: Right ascensions as a survey gives them, in degrees and in hours, and as they land.
GIVEN = {
    "deg": ([-9, -99, -1, -9.5, -180, 360, -1e-20, -180.5], [None, None, None, 350.5, 180, 0, 0, None]),
    "hour": ([-9, -9.9, -1, -0.6, -12, 24, -1e-20, -12.5], [None, None, None, 351, 180, 0, 0, None]),
}


@pytest.mark.parametrize("unit", GIVEN)
def test_a_right_ascension_that_means_none_is_none_whatever_the_declination(catalog, tmp_path, unit):
    given, landed = GIVEN[unit]
    description = (SURVEYS / "vvds.toml").read_text().replace('unit = "deg"', f'unit = "{unit}"')
    (tmp_path / "ours.toml").write_text(description)
    table, path = vvds(tmp_path, ALPHA=np.array([*given, *[10] * (COUNT - len(given))], float), DELTA=30.0)
    table["ALPHA"].unit = {"deg": "deg", "hour": "hourangle"}[unit]
    table.write(path)
    landing = land_specz(catalog, path, survey=str(tmp_path / "ours.toml"))
    found = pq.read_table(specz_folder(catalog, landing.info) / "spectra.parquet")["ra"].to_pylist()
    assert found[: len(given)] == [one if one is None else pytest.approx(one, abs=1e-9) for one in landed]
    assert (landing.info["wrapped"], landing.info["off_the_sky"]) == ({"ra": 3}, 4)
    assert any("4 of them with a position off the sky, or with -9, -99" in note for note in landing.notes)


def test_the_real_export_has_nothing_to_be_told(shared_data, tmp_path):
    landing = land_hsc(Catalog.create(tmp_path / "real", "s16a_wide"), shared_data / "hsc_s16a_wide_gama.fits")
    assert (landing.info["out_of_range"], landing.info["wrapped"], landing.info["pairs_apart"]) == ([], {}, 0)
