"""Which columns are recognised, under which names the others land, and what is refused."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from tests.ingest.conftest import columns


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("object_id,ra,dec", "objects"),
        ("object_id,g_cmodel_mag", "objects"),
        ("object_id,specz_redshift", "specz"),
        ("object_id,specz_name,d_pos,specz_flag_vvds", "specz"),
        ("object_id,specz_flag_vvds", "specz"),
        ("object_id,ra,specz_name", "joined"),
        ("OBJECT_ID,Ra,SPECZ_REDSHIFT", "joined"),
    ],
)
def test_a_table_is_recognised_by_its_columns(catalog, land_text, header, kind):
    cells = ["1" if "_flag_" in name else "7" for name in header.split(",")]
    land_text(header + "\n" + ",".join(cells) + "\n")
    (info,) = catalog.landings()
    assert info["kind"] == kind
    assert [path.name for path in (catalog.raw / "hsc").glob("0001-*/*.parquet")] == [f"{kind}.parquet"]


def test_a_table_without_object_id_is_refused(land_text):
    with pytest.raises(
        InputError, match=r"no column object_id \(pdr2_wide\); the likeliest: id; its columns: id, ra"
    ) as caught:
        land_text("id,ra\n1,1\n")
    assert "--release my_release.toml" in caught.value.hint and "s16a_wide" in caught.value.hint


def test_a_table_of_another_release_is_refused_and_told_so(land_text):
    with pytest.raises(InputError, match=r"looked for ra, dec, .* its columns: object_id, gcmodel_mag") as caught:
        land_text("object_id,gcmodel_mag\n1,1\n")
    assert "--release" in caught.value.hint


def test_a_column_of_the_wrong_type_is_refused(catalog, tmp_path):
    table = pa.table({"object_id": [1], "ra": pa.array([[1.0]])})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"column ra \(ra\): its type is list<.*>; double is expected"):
        land_hsc(catalog, tmp_path / "t.parquet")


HOSTILE = [
    'x"; drop table hsc_objects; --',
    "x' or '1'='1",
    "select",
    "*",
    "",
    "a b\tc",
    "é",
    "Landing",
    "source_row",
    "SPECZ_NAME_SOURCE",
    "x\x00y",
]


def test_hostile_names_are_only_names(s16a, tmp_path):
    """specz_name is ours but not this release's word for it."""
    names = ["object_id", "ra", "specz_name", *HOSTILE]
    table = pa.Table.from_arrays([pa.array([1])] * len(names), names=names)
    pq.write_table(table, tmp_path / "t.parquet")
    info = land_hsc(s16a, tmp_path / "t.parquet").info
    assert info["extra_columns"] == [
        "specz_name_source",
        'x"; drop table hsc_objects; --',
        "x' or '1'='1",
        "select",
        "*",
        "column_8",
        "a b_c",
        "é",
        "Landing_source",
        "source_row_source",
        "SPECZ_NAME_SOURCE_source",
        "x_y",
    ]
    found = s16a.connect().execute("select * from hsc_objects").fetchall()
    assert len(found) == 1 and len(found[0]) == 4 + 2 + 12


def test_a_name_that_stands_twice_is_taken_once_and_said(catalog, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("object_id,ra,object_id,X,x\n1,2,3,4,5\n")
    landing = land_hsc(catalog, path)
    found = columns(catalog, landing.info)
    assert (found["object_id"], found["object_id_source"], found["X"], found["x_source"]) == (
        [1],
        ["3"],
        ["4"],
        ["5"],
    )
    assert "column object_id occurs more than once; the first one is used" in landing.notes


def test_other_columns_of_many_files_can_be_read_as_one_table(catalog, tmp_path):
    """DuckDB cannot unite a number and a list: the second such column lands under another name."""
    values = [pa.array([1.5]), pa.array([[1.5]]), pa.array(["a"]), pa.array([True]), pa.array([b"\xff"])]
    for number, value in enumerate(values):
        path = tmp_path / f"{number}.parquet"
        pq.write_table(pa.table({"object_id": [number], "ra": [1.0], "x": value}), path)
        land_hsc(catalog, path)
    assert [info["extra_columns"] for info in catalog.landings()] == [
        ["x"],
        ["x_source"],
        ["x"],
        ["x"],
        ["x_source_source"],
    ]
    assert len(catalog.connect().execute("select * from hsc_objects").fetchall()) == 5


def test_surveys_and_the_worst_kind_of_error(land_text):
    found = land_text(
        "object_id,specz_redshift,specz_flag_sdss_dr14,specz_flag_wigglez_dr1,specz_flag_vvds\n"
        "1,0.1,true,false,true\n2,0.1,false,true,true\n3,0.1,false,,false\n"
    )
    assert found["specz_surveys"] == ["sdss_dr14,vvds", "vvds,wigglez_dr1", None]
    assert found["specz_error_kind"] == ["measured", "arbitrary", None]
    assert found["specz_flag_vvds"] == ["true", "true", "false"]


def test_without_survey_flags_nothing_is_said_of_surveys(catalog, land_text):
    assert "specz_surveys" not in land_text("object_id,specz_redshift\n1,0.1\n")
    assert "specz_surveys" not in catalog.landings()[0]["columns"]
