"""Cells: identifiers, numbers, truth values, what means NULL, and what is refused."""

import csv

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.land import land_hsc
from tests.ingest.conftest import columns
from tests.ingest.written import IDS

MAX = 2**63 - 1


def test_identifiers_are_exact_to_the_last_digit(land_text):
    ids = [*IDS, MAX, -MAX - 1, 0]
    found = land_text("object_id,skymap_id,parent_id\n" + "".join(f"{n},{n},\n" for n in ids))
    assert found["object_id"] == found["skymap_id"] == ids
    assert found["parent_id"] == [None] * len(ids)


@pytest.mark.parametrize("text", ["3.64e16", "123.0", "12a", "0x1A", str(MAX + 1), "1_000", "--1", "١٢", "null"])
def test_what_is_no_identifier_is_refused(land_text, text):
    reason = "is missing" if text == "null" else "is not a whole number of 64 bits"
    with pytest.raises(InputError, match=f"line 3, column object_id: .* {reason}"):
        land_text(f"# object_id,ra\n{IDS[0]},1\n{text},1\n")


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.bool_()])
def test_a_column_of_floats_is_no_identifier(catalog, tmp_path, kind):
    pq.write_table(pa.table({"object_id": pa.array([1, 0]).cast(kind), "ra": [1.0, 2.0]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"column object_id .*a float cannot hold an identifier of 17 digits"):
        land_hsc(catalog, tmp_path / "t.parquet")


def test_whole_numbers_that_pandas_made_floats_are_taken_where_they_are_no_identifier(catalog, tmp_path):
    table = pa.table({"object_id": IDS, "tract": [9348.0, None, 9349.0, 9350.0]})
    pq.write_table(table, tmp_path / "t.parquet")
    assert columns(catalog, land_hsc(catalog, tmp_path / "t.parquet").info)["tract"] == [
        9348,
        None,
        9349,
        9350,
    ]
    pq.write_table(table.set_column(1, "tract", pa.array([9348.5, None, 1e300, 1.0])), tmp_path / "u.parquet")
    with pytest.raises(InputError, match=r"row 1, column tract: '9348\.5' is not a whole number"):
        land_hsc(catalog, tmp_path / "u.parquet")


def test_a_patch_of_two_numbers_is_a_bad_value(land_text):
    with pytest.raises(InputError, match=r"line 2, column patch: '4,5' is not a whole number"):
        land_text(f'# object_id,patch\n{IDS[0]},"4,5"\n')


def test_truth_values_in_every_spelling(land_text):
    true, false = (
        ["true", "True", "TRUE", "t", "T", "1", "1.0", "tRuE", " t "],
        ["false", "F", "f", "0", "0.0", "0.00"],
    )
    cells = [*true, *false, "", "NULL"]
    found = land_text("object_id,isprimary\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(cells)))
    assert found["isprimary"] == [True] * len(true) + [False] * len(false) + [None, None]


@pytest.mark.parametrize("text", ["2", "yes", "-1", "0.5", "tru"])
def test_what_is_no_truth_value_is_refused(land_text, text):
    with pytest.raises(InputError, match=r"column isprimary: .* is neither true nor false"):
        land_text(f"object_id,isprimary\n1,{text}\n")


def test_numbers_in_text_are_read_to_the_last_bit(land_text):
    texts = [
        "0.1",
        "1e-300",
        "-0.0",
        "+1.5",
        "3.9999999999999996",
        "5e-324",
        "1.",
        ".5",
        "inf",
        "-Infinity",
        " 7 ",
    ]
    found = land_text("object_id,ra\n" + "".join(f"{i},{text}\n" for i, text in enumerate(texts)))
    assert [value.hex() for value in found["ra"]] == [float(text).hex() for text in texts]


@pytest.mark.parametrize("text", ["1d5", "1_000", "0x10", "1,5", "abc", "١"])
def test_what_is_no_number_is_refused(land_text, text):
    with pytest.raises(InputError, match=r"line 2, column ra: .* is not a number"):
        land_text(f'object_id,ra\n1,"{text}"\n')


def test_nan_and_what_the_release_says_are_null(land_text):
    found = land_text(
        "object_id,ra,specz_redshift,specz_redshift_err,specz_name,coord,other\n"
        "1,nan,-9,-9.0,,nan,NaN\n"
        "2,NULL,-9.0,-9e0,null,x,\n"
        "3,-NaN,-9.00000001,0,-9,-9,-9\n"
        "4,-9,9.9999,-0,a,b,c\n"
    )
    assert found["ra"] == [None, None, None, -9.0]
    assert found["specz_redshift"] == [None, None, -9.00000001, 9.9999]
    assert found["specz_redshift_err"] == [None, None, 0.0, 0.0]
    assert found["specz_name"] == [None, None, "-9", "a"]
    assert found["coord"] == [None, "x", "-9", "b"]
    assert found["other"] == [None, None, "-9", "c"]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int32(), pa.string()])
def test_sentinels_are_null_in_every_type(s16a, tmp_path, kind):
    values = pa.array([-9999, 12, 3]).cast(kind)
    table = pa.table({"object_id": IDS[:3], "specz_id": values, "z_hsc": values, "other": values})
    pq.write_table(table, tmp_path / "t.parquet")
    found = columns(s16a, land_hsc(s16a, tmp_path / "t.parquet").info)
    assert found["specz_name"] == [None, "12", "3"]
    assert found["specz_redshift"] == [None, 12.0, 3.0]
    assert found["other"] == values.to_pylist()


def test_a_spectrum_s_number_that_a_float_cannot_hold_is_refused(s16a, tmp_path):
    table = pa.table({"object_id": IDS[:2], "specz_id": [12.0, float(2**60)]})
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"row 2, column specz_id: .* a float cannot hold exactly"):
        land_hsc(s16a, tmp_path / "t.parquet")


# -- rows that do not parse ----------------------------------------------------------------------------------

BAD = "\n".join(
    [
        "# a comment",
        "# object_id,ra,i_cmodel_flag,note",
        "1,1.5,true,a",
        "2,north,true,b",
        "",
        "3,1.5",
        "4,1.5,true,caf\udce9",
        '5,1.5,maybe,"x, y"',
        '6,1.5,true,"open',
        "7,2.5,false,z",
    ]
).encode("utf-8", "surrogateescape")


def test_a_file_with_a_bad_cell_is_refused_whole(catalog, land_text):
    with pytest.raises(InputError, match=r"export\.csv, line 4, column ra: 'north' is not a number") as caught:
        land_text(BAD)
    assert "--rejects FILE" in caught.value.hint
    assert catalog.landings() == []
    assert list(catalog.raw.iterdir()) == [catalog.raw / "hsc"]


def test_rejects_are_written_aside_and_counted(catalog, land_text, tmp_path):
    found = land_text(BAD, rejects=tmp_path / "bad.csv")
    assert (found["object_id"], found["source_row"], found["ra"]) == ([1, 7], [1, 7], [1.5, 2.5])
    (info,) = catalog.landings()
    assert (info["rows"], info["rejected"]) == (2, 5)
    with open(tmp_path / "bad.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source_row"], row["line"], row["column"], row["value"]) for row in rows] == [
        ("2", "4", "ra", "north"),
        ("3", "6", "", ""),
        ("4", "7", "", ""),
        ("5", "8", "i_cmodel_flag", "maybe"),
        ("6", "9", "", ""),
    ]
    assert [row["reason"] for row in rows] == [
        "is not a number",
        "the line has 2 fields and the header 4",
        "byte 0xe9 is not UTF-8",
        "is neither true nor false",
        "the line is not CSV (unexpected end of data)",
    ]
    assert [row["text"] for row in rows] == [
        "2,north,true,b",
        "3,1.5",
        "4,1.5,true,caf\\xe9",
        '5,1.5,maybe,"x, y"',
        '6,1.5,true,"open',
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "cat", "export.csv"]


def test_a_line_end_inside_quotes_is_a_bad_row_and_not_two_rows_in_one(land_text, tmp_path):
    text = 'object_id,ra,note\n1,1.5,"a\nb"\n2,2.5,c\n'
    with pytest.raises(InputError, match="line 2: the line is not CSV"):
        land_text(text)
    assert land_text(text, rejects=tmp_path / "bad.csv")["object_id"] == [2]


def test_the_line_of_a_bad_cell_in_a_later_block_is_right(land_text, monkeypatch):
    monkeypatch.setattr("galaxiesml.ingest.text.BLOCK_BYTES", 64)
    lines = ["object_id,ra", *(f"{i},{i}" for i in range(100)), "", "77,x", "78,1"]
    with pytest.raises(InputError, match="line 103, column ra: 'x'"):
        land_text("\n".join(lines))


def test_a_bad_row_of_a_typed_file_is_named_by_its_row(catalog, tmp_path):
    pq.write_table(pa.table({"object_id": [1, None, 3], "isprimary": [1, 0, 2]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet, row 2, column object_id: '' is missing \(1 more near it\)"):
        land_hsc(catalog, tmp_path / "t.parquet")
    found = columns(catalog, land_hsc(catalog, tmp_path / "t.parquet", rejects=tmp_path / "bad.csv").info)
    assert (found["object_id"], found["source_row"]) == ([1], [1])
    assert (tmp_path / "bad.csv").read_text().splitlines()[1:] == [
        '2,,object_id,,is missing,",0"',
        '3,,isprimary,2,is neither true nor false,"3,2"',
    ]


def test_a_file_of_bad_rows_alone_is_refused_even_with_rejects(catalog, land_text, tmp_path):
    with pytest.raises(InputError, match=r"No row of .* can be parsed; the first error: line 2"):
        land_text("object_id,ra\nx,1\n", rejects=tmp_path / "bad.csv")
    assert catalog.landings() == []


def test_rejects_never_overwrite_the_file_itself(land_text, tmp_path):
    with pytest.raises(UsageError, match="is the file itself"):
        land_text("object_id,ra\n1,1\n", rejects=tmp_path / "export.csv")
    with pytest.raises(UsageError, match="there is no folder"):
        land_text("object_id,ra\n1,1\n", rejects=tmp_path / "no" / "bad.csv")
