"""Columns of VizieR by name and by UCD, boxes of the sky, counts, and what a reply tells of errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from galaxiesml.archive import spectra
from galaxiesml.archive.boxes import MARGIN_DEG, SIDE_DEG, Box, boxes_near
from galaxiesml.archive.columns import Misfit, check_columns, renamed
from galaxiesml.archive.spectra import Piece, Plan, check_count, check_rows
from galaxiesml.archive.vizier import Vizier, count_query, error_in
from galaxiesml.catalog import Catalog
from galaxiesml.errors import ArchiveError, CatalogError, InputError, UsageError
from galaxiesml.surveys.description import SURVEYS, load_surveys, parse_survey

ROOT = "https://localhost:1"


def schema(**ucds: str) -> pa.Schema:
    return pa.schema([pa.field(name, pa.float64(), metadata={"ucd": ucd}) for name, ucd in ucds.items()])


def test_names_come_before_ucds_and_ucds_must_be_certain():
    deep2, path = load_surveys()["deep2"], Path("t.parquet")
    places = {"RAJ2000": "pos.eq.ra;meta.main", "DEJ2000": "pos.eq.dec;meta.main"}
    known = {"ObjNo": "meta.id;meta.main", **places, "z": "src.redshift", "zBest": "src.redshift", "q_zBest": ""}
    assert renamed(schema(**known), deep2, path) == ["OBJNO", "RA", "DEC", "z", "ZBEST", "ZQUALITY"]
    by_ucd = {"Id": "meta.id;meta.main", **places, "zSpec": "SRC.redshift", "Q": "meta.code.qual;src.redshift"}
    assert renamed(schema(**by_ucd), deep2, path) == ["OBJNO", "RA", "DEC", "ZBEST", "ZQUALITY"]
    # Two columns with the UCD of a redshift: neither is certain.
    with pytest.raises(Misfit, match=r"no column for redshift \(ZBEST or zBest or z\)"):
        renamed(schema(**by_ucd, zOther="src.redshift"), deep2, path)


def test_a_column_that_has_the_name_of_a_mapped_one_gets_another():
    gama = load_surveys()["gama"]
    told = schema(CATAID="", RAJ2000="", DEJ2000="", z="", q_z="", ra="", NQ="")
    names = renamed(told, gama, Path("t.parquet"))
    assert names == ["CATAID", "RA", "DEC", "Z", "NQ", "ra_vizier", "NQ_vizier"]


@pytest.mark.parametrize("name", [name for name, survey in load_surveys().items() if survey.vizier])
def test_every_survey_at_vizier_is_told_to_be_unchecked_and_fits_its_own_names(name):
    survey = load_surveys()[name]
    check_columns(survey, name)
    assert survey.vizier.unchecked and survey.vizier.tables
    # A table with the first of VizieR's names of each column has all that a spectrum needs.
    told = schema(**{names[0]: "" for names in survey.vizier.columns.values()})
    assert set(renamed(told, survey, Path("t.parquet"))) == set(survey.vizier.columns)


WRONG = {
    "a table": ('tables = ["V/154/sdss16"]', 'tables = ["V/154 or 1"]', "is not the name of a table of VizieR"),
    "a condition": ('"> -1"', '"> -1 or 1 = 1"', "is not a comparison with a number"),
    "a key": ("[vizier.columns]", "[vizier.column]", "has no key 'column'; the nearest is 'columns'"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_description_is_refused(what):
    right, wrong, message = WRONG[what]
    text = (SURVEYS / "sdss.toml").read_text()
    assert text.count(right) >= 1
    head, mark, tail = text.partition("[vizier]")
    with pytest.raises(InputError) as raised:
        parse_survey("mine", head + mark + tail.replace(right, wrong, 1), "mine.toml")
    assert message in str(raised.value)


def test_a_column_that_the_survey_has_not_is_refused_before_anything_is_asked():
    text = (SURVEYS / "sdss.toml").read_text().replace("specObjID = [", "specObjId = [")
    with pytest.raises(InputError, match=r"mine\.toml: .*'specObjId'.*; the nearest is 'specObjID'"):
        check_columns(parse_survey("mine", text, "mine.toml"), "mine.toml")


def test_positions_in_hours_minutes_and_seconds_become_degrees(tmp_path):
    right = SkyCoord(["10h00m32.51s", "00h00m01.5s"], ["-00d30m06.2s", "+02d15m03s"])
    table = Table({"Name": ["a", "b"], "z": [0.1, 0.2], "q_z": [4, 3]})
    table["RAJ2000"], table["DEJ2000"] = ["10 00 32.51", "00 00 01.5"], ["-00 30 06.2", "+02 15 03"]
    table["RAJ2000"].unit = "'h:m:s'"
    plan = Plan(load_surveys()["wigglez"], "wigglez", ROOT, None)
    (piece,) = plan.pieces()
    spectra._keep(tmp_path / plan.name_of(piece), table, piece, Vizier(ROOT, ROOT))
    spectra.assemble(plan, tmp_path, tmp_path / "all.parquet")
    made = pq.read_table(tmp_path / "all.parquet")
    np.testing.assert_allclose(made["RA"].to_numpy(), right.ra.deg, atol=1e-9)
    np.testing.assert_allclose(made["DEC"].to_numpy(), right.dec.deg, atol=1e-9)
    assert made.schema.field("RA").metadata == {b"unit": b"deg"}


def test_masked_values_are_null_and_empty_boxes_are_kept(tmp_path):
    table = Table({"SpObjID": [1, 2], "RA_ICRS": [1.0, 2.0], "DE_ICRS": [0.0, 0.0], "spCl": ["STAR", ""]}, masked=True)
    table["zsp"], table["f_zsp"] = [0.1, 0.2], [0, 4]
    table["zsp"].mask = [False, True]
    boxes = (Box(1.0, 2.0, 0.0, 0.0), Box(50.0, 51.0, 0.0, 0.0))
    plan = Plan(load_surveys()["sdss"], "sdss", ROOT, boxes)
    first, second = plan.pieces()
    vizier = Vizier(ROOT, ROOT)
    spectra._keep(tmp_path / plan.name_of(first), table, first, vizier)
    spectra._keep(tmp_path / plan.name_of(second), None, second, vizier)
    # Everything is there: nothing is asked for, and there is no server.
    assert spectra.fetch(vizier, plan, tmp_path) == 2
    spectra.assemble(plan, tmp_path, tmp_path / "all.parquet")
    made = pq.read_table(tmp_path / "all.parquet").to_pydict()
    assert made["z"] == [0.1, None] and made["class"] == ["STAR", None] and made["zWarning"] == [0, 4]


def test_a_piece_is_named_for_all_that_was_asked():
    survey = load_surveys()["sdss"]
    one = Plan(survey, "sdss", ROOT, None)
    pieces = [Piece("V/154/sdss16", None), Piece("V/147/sdss12", None), Piece("V/154/sdss16", Box(0, 1, 2, 3))]
    other = Plan(survey, "sdss", "https://elsewhere", None)
    names = [one.name_of(piece) for piece in pieces] + [other.name_of(pieces[0])]
    assert len(set(names)) == 4 and all("/" not in name for name in names)
    assert one.key != other.key and one.key == Plan(survey, "typed otherwise", ROOT, None).key


# -- boxes ---------------------------------------------------------------------------------------------------


def test_boxes_hold_every_object_and_are_small(tmp_path):
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, 4000), np.degrees(np.arcsin(rng.uniform(-1, 1, 4000)))
    ra, dec = np.append(ra, [0.0, 359.99999, 180.0, 180.0]), np.append(dec, [0.5, -0.5, 90.0, -89.99])
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    with pytest.raises(CatalogError, match="No object is landed"):
        boxes_near(catalog)
    lines = [f"{n},{a:.9f},{d:.9f}" for n, (a, d) in enumerate(zip(ra, dec, strict=True), 1)]
    (tmp_path / "o.csv").write_text("object_id,ra,dec\n" + "\n".join(lines) + "\n")
    from galaxiesml.ingest.land import land_hsc

    with catalog.lock("test"):
        land_hsc(catalog, tmp_path / "o.csv")
    boxes = boxes_near(catalog)
    held = np.zeros(len(ra), bool)
    for box in boxes:
        slack = 1e-6
        inside = (ra >= box.ra_low - slack) & (ra <= box.ra_high + slack)
        inside &= (dec >= box.dec_low - slack) & (dec <= box.dec_high + slack)
        held |= inside
        # However a service measures the width, by the parallel of the centre or of the source, all are inside.
        centre, (width, height) = box.centre, box.size
        assert np.all(np.abs(dec[inside] - centre[1]) <= height / 2)
        for parallel in (np.full(inside.sum(), centre[1]), dec[inside]):
            east = (ra[inside] - centre[0]) * np.cos(np.radians(parallel))
            assert np.all(np.abs(east) <= width / 2 + slack)
        assert width <= 1.05 * SIDE_DEG + 2 * MARGIN_DEG and height <= SIDE_DEG + 2 * MARGIN_DEG + slack
    assert held.all() and boxes == boxes_near(catalog)


# -- counts and errors ---------------------------------------------------------------------------------------


def test_the_count_is_asked_for_with_the_conditions():
    assert count_query("V/154/sdss16", {"zsp": "> -1"}) == ('select count(*) as n from "V/154/sdss16" where "zsp" > -1')
    told = count_query("t", {}, [Box(1, 2, -1, 1)], ("RAJ2000", "DEJ2000"))
    assert '"RAJ2000" between 0.998611 and 2.001389 and "DEJ2000" between -1.001389 and 1.001389' in told


def test_counts_above_the_limit_need_all():
    survey = load_surveys()["sdss"]
    whole, near = (Plan(survey, "sdss", ROOT, boxes) for boxes in (None, (Box(0, 1, 0, 1),)))
    check_count(whole, 1_000_000, False)
    check_count(whole, 1_000_001, True)
    with pytest.raises(UsageError, match="1,000,001 rows of SDSS") as raised:
        check_count(whole, 1_000_001, False)
    assert "--near" in raised.value.hint
    with pytest.raises(UsageError) as raised:
        check_count(near, 1_000_001, False)
    assert raised.value.hint.endswith("galaxiesml fetch specz sdss --near --all")


def test_fewer_rows_than_counted_land_nothing():
    plan = Plan(load_surveys()["gama"], "gama", ROOT, None)
    check_rows(plan, 10, 10)
    with pytest.raises(ArchiveError, match="counts 10 rows of GAMA and sent 9"):
        check_rows(plan, 9, 10)
    with pytest.raises(ArchiveError, match="no row of GAMA in J/MNRAS"):
        check_rows(plan, 0, None)


def test_errors_of_a_reply_are_told_from_its_warnings():
    head = b'<?xml version="1.0"?><VOTABLE><INFO ID="Ref" name="-ref" value="VOTx1"/>%s<RESOURCE/></VOTABLE>'
    legend = b'<INFO ID="Errors" value="(**** indicates an Error, ++++ indicates a Warning)">\n%s\n</INFO>'
    assert error_in(head % b"") == ""
    assert error_in(head % (legend % b"++++Truncated names")) == ""
    assert "No catalogue was found" in error_in(head % (legend % b"****No catalogue was found"))
    assert error_in(head % b'<INFO name="Error" value="a\x1b[2J b"/>') == "a [2J b"
