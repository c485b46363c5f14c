"""Each conversion of a release profile: what it makes of values, and what it refuses."""

import json
import math
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import EXPORT_KEYS, ensure_empty
from galaxiesml.curation.build import build
from galaxiesml.curation.macros import Macros
from galaxiesml.curation.project import conversions
from galaxiesml.dictionary import PROJECT, columns
from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.releases.check import profile_problems
from galaxiesml.releases.conversions import MADE_AT_LANDING
from galaxiesml.releases.profile import RELEASES, known_releases, load_profile, parse_profile
from galaxiesml.units import FACTORS, ZERO_POINTS, factor, parse, zero_point

HEAD = """\
name = "own"
title = "A survey of one's own"
reference = "https://example.org"
nulls = ["", "NULL", "-999"]
[bands]
g = "em.opt.B"
i = "em.opt.I"
[columns]
"""
ID = 'object_id = "id"\n'


def profile(*lines: str, head: str = HEAD):
    text = head + "\n".join(lines) + "\n"
    assert profile_problems(text) == []
    return parse_profile(text, "own.toml")


def made(line: str, **values) -> list:
    """What a line of [columns] makes of values of the release's columns."""
    one = profile(ID + line)
    (name,) = one.conversions
    conversion = one.conversions[name]
    table = pa.table(values)
    sql = conversion.written([read.source for read in conversion.reads])
    with duckdb.connect() as connection:
        connection.register("t", table)
        return [row[0] for row in connection.execute(f"select {sql} from t").fetchall()]


def test_units_are_those_of_astropy():
    from astropy import units

    for (theirs, ours), times in FACTORS.items():
        assert times == pytest.approx(parse(theirs).to(parse(ours)), rel=1e-15)
    for unit in set(ZERO_POINTS) - {"nanomaggy", "maggy"}:
        one = (1 * units.Unit(unit)).to_value(units.ABmag)
        assert ZERO_POINTS[unit] == pytest.approx(one, abs=1e-12)
    assert (zero_point("nanomaggies"), zero_point("erg / (s cm2 Hz)"), zero_point("adu")) == (22.5, -48.6, None)
    assert (factor("mas", "arcsec"), factor("nJy", "mag"), factor("no unit", "deg")) == (0.001, None, None)


def test_right_ascensions_of_another_unit_lie_from_0_to_360():
    found = made('ra = {source = "a", unit = "rad"}', a=[0.0, -math.pi / 2, 2 * math.pi, -1e-22, math.pi, None, -99.0])
    assert found == [0.0, 270.0, 0.0, 0.0, 180.0, None, pytest.approx(math.degrees(-99))]
    assert made('ra = {source = "a", unit = "hourangle"}', a=[23.5, -1.0]) == [352.5, 345.0]
    assert made('dec = {source = "a", unit = "arcsec"}', a=[3600.0, -1800.0]) == [1.0, -0.5]


def test_a_flux_of_0_or_below_has_no_magnitude_and_raises_nothing():
    line = '"i_cmodel_mag" = {source = "f", flux = "nanomaggy"}'
    assert made(line, f=[1.0, 100.0, 0.0, -1.0, None, 1e-320]) == [
        22.5,
        17.5,
        None,
        None,
        None,
        pytest.approx(822.5, abs=0.2),
    ]
    assert made('"i_cmodel_mag" = {source = "f", flux = "adu", zero_point = 27}', f=[100.0]) == [22.0]
    # A float of 32 bits is widened before the logarithm.
    single = np.float32(123.456)
    (found,) = made(line, f=pa.array([single]))
    assert found == pytest.approx(22.5 - 2.5 * math.log10(float(single)), rel=1e-15)


def test_an_error_of_a_magnitude_comes_of_the_flux_and_its_error_or_inverse_variance():
    err = made(
        '"i_cmodel_magsigma" = {source = "f", flux_err = "e"}', f=[10.0, 0.0, 10.0, 10.0], e=[1.0, 1.0, None, -1.0]
    )
    assert err == [pytest.approx(0.1 * 2.5 / math.log(10)), None, None, None]
    ivar = made('"i_cmodel_magsigma" = {source = "f", ivar = "v"}', f=[10.0, -1.0, 10.0, 10.0], v=[1.0, 1.0, 0.0, -4.0])
    assert ivar == [pytest.approx(0.1 * 2.5 / math.log(10)), None, None, None]


def test_flags_texts_and_quality():
    assert made('isprimary = {not = "dup"}', dup=[True, False, None]) == [False, True, None]
    line = '"{band}_pixelflags_bad" = {bit = ["{band}_mask", 0, 11], bands = ["i"]}'
    assert made(line, i_mask=[0, 1, 2, 2048, 2049, -1, None]) == [False, True, False, True, True, True, None]
    assert made('isprimary = {bit = ["m", 62]}', m=[1 << 62, 1]) == [True, False]
    assert made('specz_name = {source = "n", text = true}', n=[7, None]) == ["7", None]
    line = 'specz_flag_homogeneous = {source = "q", secure = [3, 4.5]}'
    assert made(line, q=[3.0, 4.5, 2.0, None]) == [True, True, False, None]
    assert made('specz_flag_homogeneous = {source = "q", secure = ["A", "B"]}', q=["A", "C"]) == [True, False]
    line = 'specz_error_kind = {source = "s", measured = ["SDSS"], arbitrary = ["GAMA"]}'
    assert made(line, s=["SDSS", "GAMA", "other"]) == ["measured", "arbitrary", None]


def test_parts_of_an_identifier_are_packed_and_none_is_mixed_up():
    line = 'object_id = {id = ["a", "b"], bits = [10, 53]}'
    found = profile(line).conversions["object_id"]
    with duckdb.connect() as connection:
        table = pa.table({"a": [0, 0, 1, 1023, 1024, -1, 5], "b": [0, 1, 0, 2**53 - 1, 0, 0, None]})
        connection.register("t", table)
        ids = [row[0] for row in connection.execute(f"select {found.written(['a', 'b'])} from t").fetchall()]
    assert ids == [0, 1, 2**53, 2**63 - 1, None, None, None]
    assert [read.most for read in profile('object_id = {id = ["a", "b", "c"]}').conversions["object_id"].reads] == [
        2**21 - 1
    ] * 3


#: A line of [columns], and what is said of it.
WRONG = {
    "a unit that is none": ('ra = {source = "x", unit = "rda"}', "columns.ra.unit = 'rda' is not a known unit"),
    "a unit of another thing": ('ra = {source = "x", unit = "kg"}', "columns.ra.unit = 'kg' does not convert to deg"),
    "a flux without zero point": ('i_cmodel_mag = {source = "x", flux = "adu"}', "give zero_point"),
    "a flux of a position": ('dec = {source = "x", flux = "nJy"}', "columns.dec.flux: flux is for magnitudes"),
    "two conversions": ('i_cmodel_mag = {source = "x", flux = "nJy", ivar = "v"}', "exclude each other"),
    "a unit beside a flux": ('i_cmodel_mag = {source = "x", flux = "nJy", unit = "mag"}', "unit has no effect"),
    "bits beyond the integer": ('isprimary = {bit = ["m", 63]}', "then bits from 0 to 62"),
    "no bit": ('isprimary = {bit = ["m"]}', "then bits from 0 to 62"),
    "a source beside": ('isprimary = {source = "x", not = "y"}', "not names the column; source has no effect"),
    "no source": ('i_cmodel_mag = {flux = "nJy"}', "columns.i_cmodel_mag.source is missing"),
    "too many bits": ('skymap_id = {id = ["a", "b"], bits = [40, 40]}', "at most 63; it is 80"),
    "bits of other columns": ('skymap_id = {id = ["a", "b"], bits = [40]}', "bits has 1 numbers for 2 columns"),
    "bits alone": ('skymap_id = {source = "x", bits = [40]}', "bits has no effect without id"),
    "a quote in a value": ('specz_flag_homogeneous = {source = "q", secure = ["it\'s"]}', "has a quote"),
    "a quote in a name": ("isprimary = {not = 'a\" or 1=1 --'}", "has a quote, a brace or a backslash"),
    "a template in a name": ('isprimary = {not = "{{ env_var(1) }}"}', "has a quote, a brace or a backslash"),
    "one column as two types": (
        'isprimary = {not = "x"}\nskymap_id = {id = ["x"]}',
        "'x' is read as boolean and as bigint",
    ),
    "a column for all filters": (
        '"{band}_pixelflags_bad" = {bit = ["mask", 1]}',
        "both names, or none of them, must have '{band}'",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_a_conversion_is_told_at_its_key(wrong):
    line, said = WRONG[wrong]
    problems = profile_problems(HEAD + ID + line + "\n")
    assert any(said in problem for problem in problems), problems


def land(tmp_path, table: pa.Table, one):
    (tmp_path / "own.toml").write_text(one.text)
    catalog = Catalog.create(tmp_path / "cat", tmp_path / "own.toml")
    ensure_empty(catalog)
    pq.write_table(table, tmp_path / "t.parquet")
    return catalog, land_hsc(catalog, tmp_path / "t.parquet")


def test_a_part_of_an_identifier_out_of_range_is_refused_with_file_and_row(tmp_path):
    one = profile('object_id = {id = ["brick", "obj"], bits = [8, 20]}', 'ra = "ra"', 'dec = "dec"')
    table = pa.table({"brick": [1, 2, 256], "obj": [1, 2, 3], "ra": [1.0, 2, 3], "dec": [0.0, 0, 0]})
    with pytest.raises(InputError) as told:
        land(tmp_path, table, one)
    said = str(told.value)
    assert "t.parquet" in said and "row 3" in said and "brick" in said and "not between 0 and 255, the 8 bits" in said
    catalog = Catalog.open(tmp_path / "cat")
    landing = land_hsc(catalog, tmp_path / "t.parquet", rejects=tmp_path / "bad.csv")
    assert (landing.info["rows"], landing.info["rejected"]) == (2, 1)
    assert "256" in (tmp_path / "bad.csv").read_text()
    ids = catalog.connect().execute("select object_id from hsc_objects order by 1").fetchall()
    assert ids == [((1 << 20) + 1,), ((2 << 20) + 2,)]


def test_ranges_are_those_of_the_converted_values(tmp_path):
    one = profile(ID, 'ra = {source = "ra", unit = "rad"}', 'dec = "dec"')
    rows = {"id": range(60), "dec": [0.0] * 60}
    with pytest.raises(InputError, match=r"column ra: every value is outside 0 to 360 deg"):
        land(tmp_path, pa.table(rows | {"ra": np.linspace(10, 359, 60)}), one)
    catalog = Catalog.open(tmp_path / "cat")
    pq.write_table(pa.table(rows | {"ra": np.linspace(0.1, 6.2, 60)}), tmp_path / "t.parquet")
    landing = land_hsc(catalog, tmp_path / "t.parquet")
    assert landing.info["out_of_range"] == [] and landing.info["inputs"] == {"ra_source": ["ra"]}
    (low, high) = catalog.connect().execute("select min(ra), max(ra) from hsc_objects").fetchone()
    assert (low, high) == (pytest.approx(math.degrees(0.1)), pytest.approx(math.degrees(6.2)))


def test_a_value_that_means_null_is_no_flux(tmp_path):
    one = profile(ID, 'i_cmodel_mag = {source = "f", flux = "nJy", nulls = ["-5"]}', 'ra = "ra"')
    _, landing = land(tmp_path, pa.table({"id": [1, 2, 3, 4], "f": [-5.0, -999, -1, 10], "ra": [1.0] * 4}), one)
    assert [(entry["rows"], entry["of"]) for entry in landing.info["not_positive"]] == [(1, 2)]
    assert "1 of 2 values of f (flux) are 0 or below: i_cmodel_mag has no value (NULL) there" in landing.notes


def test_the_unit_that_a_file_states_is_the_profile_s(tmp_path):
    one = profile(ID, 'ra = {source = "ra", unit = "rad"}', 'dec = "dec"')
    fields = [pa.field("id", pa.int64()), pa.field("ra", pa.float64(), metadata={"unit": "deg"})]
    with pytest.raises(InputError, match=r"column ra: its unit in the file is 'deg'; rad is expected"):
        land(tmp_path, pa.table({"id": [1], "ra": [1.0]}, schema=pa.schema(fields)), one)


def test_a_profile_that_changes_its_conversions_asks_for_its_files_again(tmp_path):
    one = profile(ID, 'i_cmodel_mag = {source = "f", flux = "nJy"}', 'ra = "ra"')
    catalog, _ = land(tmp_path, pa.table({"id": [1], "f": [10.0], "ra": [1.0]}), one)
    release = catalog.root / "release.toml"
    release.write_text(one.text.replace('"nJy"', '"uJy"'))
    changed = Catalog.open(catalog.root)
    with pytest.raises(
        InputError, match=r"i_cmodel_mag is made of other columns, or in another way, than when t\.parquet"
    ):
        build(changed, accept_missing=("all",))
    landing = land_hsc(changed, tmp_path / "t.parquet", replace=1)
    assert landing.is_new and conversions(changed)["i_cmodel_mag"]["sql"].startswith("case when {0} > 0 then 23.9e0")


def test_a_conversion_that_a_profile_learns_later_asks_for_its_files_again(tmp_path):
    one = profile(ID, 'ra = "ra"')
    catalog, landing = land(tmp_path, pa.table({"id": [1], "f": ["10.0"], "ra": [1.0]}), one)
    assert landing.info["extra_columns"] == ["f"]
    (catalog.root / "release.toml").write_text(one.text + 'i_cmodel_mag = {source = "f", flux = "nJy"}\n')
    assert Catalog.open(catalog.root).changed_conversions(landing.info) == ["i_cmodel_mag"]


def test_files_that_have_a_part_of_a_conversion_are_read_with_those_that_have_all(tmp_path):
    one = profile(ID, '"i_cmodel_magsigma" = {source = "f", flux_err = "e"}', 'ra = "ra"', 'dec = "dec"')
    places = {"ra": ["1", "2"], "dec": ["3", "4"]}
    catalog, first = land(tmp_path, pa.table({"id": [1, 2], "f": ["10.0", "20.0"]} | places), one)
    assert first.info["columns"] == ["object_id", "ra", "dec"] and first.info["extra_columns"] == []
    pq.write_table(pa.table({"id": [3, 4], "f": [10.0, 20.0], "e": [1.0, 1.0]} | places), tmp_path / "u.parquet")
    second = land_hsc(catalog, tmp_path / "u.parquet")
    assert "i_cmodel_magsigma" in second.info["columns"]
    build(catalog, accept_missing=("all",))
    rows = catalog.connect().execute("select object_id, i_cmodel_magsigma from hsc_objects order by 1").fetchall()
    assert [row[0] for row in rows] == [1, 2, 3, 4] and [row[1] is None for row in rows] == [True, True, False, False]


def test_a_release_that_is_converted_is_not_simulated(tmp_path, typed):
    code, _, err = typed("mock", "export", "--release", "rubin_dp1", "--rows", 200, "--out", tmp_path / "m")
    assert code == 2 and "cannot be simulated: u_cmodel_mag is converted" in err


def test_a_release_without_conversions_renders_the_sql_that_it_always_had():
    for name in known_releases():
        one = load_profile(name)
        if one.conversions:
            continue
        rendered = Macros(list(one.bands)).render((PROJECT / "models/staging/hsc/stg_hsc__objects.sql").read_text())
        lines = [line.strip().rstrip(",") for line in rendered.splitlines() if line.strip().startswith("cast(")]
        known = [column for column in columns(one.bands).values() if "object" in column.families]
        types = {"text": "string"}
        keys = ("landing", "bigint"), ("source_file", "string"), ("source_row", "bigint")
        wanted = [(column.name, types.get(column.type, column.type)) for column in known]
        assert lines == [f"cast({name} as {kind}) as {name}" for name, kind in (*wanted, *keys)]
    assert tuple(EXPORT_KEYS) == MADE_AT_LANDING


def test_the_expressions_are_read_by_spark_too():
    lines = [ID, 'ra = {source = "a", unit = "rad"}', 'i_cmodel_mag = {source = "f", flux = "nJy"}']
    lines += ['i_cmodel_magsigma = {source = "f", ivar = "v"}', 'isprimary = {bit = ["m", 3]}']
    lines += ['skymap_id = {id = ["p", "q"]}', 'specz_class = {source = "c", text = true}']
    for conversion in profile(*lines).conversions.values():
        sql = conversion.sql.format(*(f"`{read.source}`" for read in conversion.reads))
        spark = sqlglot.parse_one(f"select {sql} as x", dialect="spark")
        again = conversion.written([read.source for read in conversion.reads])
        # Read by either, it is written for Spark as it stands.
        assert sqlglot.transpile(f"select {again} as x", read="duckdb", write="spark") == [spark.sql("spark")]


def test_packaged_profiles_land_as_before(tmp_path):
    """No key of landing.json, and no column, is new where nothing is converted."""
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    (tmp_path / "t.csv").write_text("object_id,ra,dec,i_cmodel_mag,other\n1,2,3,20,x\n")
    landing = land_hsc(catalog, tmp_path / "t.csv")
    assert not {"conversions", "converted", "inputs", "not_positive"} & set(landing.info)
    (path,) = catalog.raw.glob("hsc/0001-*/objects.parquet")
    assert pq.read_schema(path).names == [*EXPORT_KEYS, "object_id", "ra", "dec", "i_cmodel_mag", "other"]
    assert "conversions" not in json.loads((path.parent / "landing.json").read_text())
    assert replace(catalog.profile, text="").conversions == {} and RELEASES.is_dir()
