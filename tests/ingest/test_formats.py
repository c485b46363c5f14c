"""One table through five formats, and what each format has of its own."""

import contextlib
import gzip
import random
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from tests.ingest.conftest import columns
from tests.ingest.written import IDS, LANDED, TABLE, write

FORMATS = ["csv", "csv.gz", "fits", "parquet", "sqlite"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_lands_alike_from_every_format(catalog, tmp_path, kind):
    info = land_hsc(catalog, write(tmp_path / f"t.{kind}", kind)).info
    found = columns(catalog, info)
    assert (info["format"], info["kind"], info["rows"], info["with_spectrum"]) == (kind, "joined", 4, 3)
    assert {name: found[name] for name in LANDED} == LANDED
    assert info["extra_columns"] == ["specz_flag_gama_dr2", "specz_flag_sdss_dr14"]


@pytest.mark.parametrize("kind", FORMATS)
def test_the_name_of_a_file_says_nothing(catalog, tmp_path, kind):
    path = tmp_path / "table.csv.gz" if kind == "csv.gz" else tmp_path / "x"
    write(path, kind)
    assert land_hsc(catalog, path.rename(tmp_path / "export.dat")).info["format"] == kind


@pytest.mark.parametrize(
    "head",
    [
        "object_id,ra\n",
        "# object_id,ra\n",
        '"# object_id","ra"\n',
        "\ufeff# object_id,ra\n",
        "# select 1\n#\n#   from t, u\n# OBJECT_ID,RA\n",
        "# %ECSV 1.0\n# meta: object_id\nobject_id,ra\n",
        "\n# object_id,ra\n",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_headers_as_archives_write_them(land_text, head, end):
    found = land_text((head + f"{IDS[0]},1.5\n{IDS[1]},2.5").replace("\n", end))
    assert found["object_id"] == IDS[:2]
    assert found["ra"] == [1.5, 2.5]


def test_a_header_behind_an_index_column(land_text):
    found = land_text(f',# object_id,ra\n0,{IDS[0]},1.5\n1,{IDS[1]},""\n')
    assert (found["object_id"], found["ra"], found["column_1"]) == (IDS[:2], [1.5, None], ["0", "1"])


def test_a_file_of_a_header_alone_lands_with_no_rows(land_text):
    assert land_text("# object_id,ra\n")["object_id"] == []


def test_rows_over_many_blocks_keep_their_order_and_numbers(land_text, monkeypatch):
    monkeypatch.setattr("galaxiesml.ingest.text.BLOCK_BYTES", 100)
    lines = [f"{IDS[0] + i},{i / 8}" + ("\n" if i % 50 == 7 else "") for i in range(300)]
    found = land_text("# object_id,ra\n" + "\n".join(lines))
    assert found["object_id"] == [IDS[0] + i for i in range(300)]
    assert found["ra"] == [i / 8 for i in range(300)]
    assert found["source_row"] == list(range(1, 301))


# -- FITS ----------------------------------------------------------------------------------------------------


def land_fits(catalog, tmp_path, *found):
    path = tmp_path / "t.fits"
    fits.BinTableHDU.from_columns([fits.Column("object_id", "K", array=np.array(IDS[:2])), *found]).writeto(path)
    landing = land_hsc(catalog, path)
    return columns(catalog, landing.info), landing


def test_fits_integers_with_tnull_and_unsigned_ones_are_exact(catalog, tmp_path):
    big = np.array([2**63 + 12345678901234567, 7], np.uint64)
    found, _ = land_fits(
        catalog,
        tmp_path,
        fits.Column("tract", "J", null=-99, array=np.array([9348, -99])),
        fits.Column("u64", "K", bzero=2**63, array=big),
        fits.Column("u16", "I", bzero=2**15, array=np.array([0, 65535], np.uint16)),
        fits.Column("i8", "B", bzero=-128, array=np.array([-128, 127], np.int8)),
    )
    assert found["tract"] == [9348, None]
    assert found["u64"] == [int(n) for n in big]
    assert (found["u16"], found["i8"]) == ([0, 65535], [-128, 127])


def test_scaled_fits_integers_are_floats_and_so_no_identifiers(catalog, tmp_path):
    path = tmp_path / "t.fits"
    found = [fits.Column(name, "J", array=np.array([1, 4])) for name in ("object_id", "scaled")]
    fits.BinTableHDU.from_columns(found).writeto(path)
    fits.setval(path, "TSCAL2", value=0.5, ext=1)
    fits.setval(path, "TZERO2", value=10, ext=1)
    fits.setval(path, "TTYPE2", value="ra", ext=1)
    assert columns(catalog, land_hsc(catalog, path).info)["ra"] == [10.5, 12.0]
    fits.setval(path, "TSCAL1", value=0.5, ext=1)
    with pytest.raises(InputError, match=r"column object_id .* its type is double"):
        land_hsc(catalog, path)


def test_fits_logicals_vectors_and_columns_that_cannot_land(catalog, tmp_path):
    ragged = np.empty(2, object)
    ragged[:] = [np.array([1.0]), np.array([1.0, 2.0])]
    found, landing = land_fits(
        catalog,
        tmp_path,
        fits.Column("ra", "E", array=np.array([1.1, np.nan], np.float32)),
        fits.Column("v", "3E", array=np.array([[1, np.nan, 3], [4, 5, 6]])),
        fits.Column("ragged", "PD()", array=ragged),
        fits.Column("c", "C", array=np.array([1j, 2])),
        fits.Column("i_cmodel_flag", "L", array=np.array([True, False])),
    )
    assert found["v"] == [[1, None, 3], [4, 5, 6]]
    assert found["ra"] == [float(np.float32(1.1)), None]
    assert found["i_cmodel_flag"] == [True, False]
    assert "column ragged is left out: of variable length" in landing.notes
    assert "column c is left out: complex" in landing.notes


def test_a_zero_byte_in_a_logical_is_null(catalog, tmp_path):
    path = tmp_path / "t.fits"
    table = [
        fits.Column("object_id", "K", array=np.array(IDS[:2])),
        fits.Column("isprimary", "L", array=[True, True]),
    ]
    fits.BinTableHDU.from_columns(table).writeto(path)
    data = bytearray(path.read_bytes())
    data[fits.open(path)[1].fileinfo()["datLoc"] + 8] = 0
    path.write_bytes(data)
    assert columns(catalog, land_hsc(catalog, path).info)["isprimary"] == [None, True]


# -- Parquet and SQLite --------------------------------------------------------------------------------------


def test_parquet_floats_keep_their_width_and_lose_their_nan(catalog, tmp_path):
    path = tmp_path / "t.parquet"
    kinds = {"ra": pa.float64(), "dec": pa.float32(), "other": pa.float32()}
    table = {name: pa.array([1.1, float("nan"), float("inf")], kind) for name, kind in kinds.items()}
    nested = pa.array([[1.0, float("nan")], None, []], pa.list_(pa.float64()))
    flags = pa.array(["a", None, "a"]).dictionary_encode()
    pq.write_table(pa.table({"object_id": IDS[:3], **table, "v": nested, "coord": flags}), path)
    info = land_hsc(catalog, path).info
    landed = pq.read_table(next((catalog.raw / "hsc").glob("0001-*/objects.parquet")))
    assert {name: landed.schema.field(name).type for name in kinds} == kinds
    assert columns(catalog, info)["dec"] == [float(np.float32(1.1)), None, float("inf")]
    assert columns(catalog, info)["v"] == [[1.0, None], None, []]
    assert columns(catalog, info)["coord"] == ["a", None, "a"]


def test_row_groups_are_duckdbs_size(catalog, tmp_path):
    path = tmp_path / "t.parquet"
    count = 250_001
    pq.write_table(pa.table({"object_id": np.arange(count), "tract": np.arange(count)}), path)
    land_hsc(catalog, path)
    landed = pq.ParquetFile(next((catalog.raw / "hsc").glob("0001-*/objects.parquet")))
    groups = [landed.metadata.row_group(i).num_rows for i in range(landed.num_row_groups)]
    assert groups == [122_880, 122_880, 4_241]
    assert landed.metadata.row_group(0).column(0).compression == "ZSTD"
    assert landed.read()["source_row"].to_numpy().tolist() == list(range(1, count + 1))


def test_sqlite_tables_are_chosen_by_object_id(catalog, tmp_path):
    path = write(tmp_path / "t.db", "sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("create table notes (text)")
    connection.close()
    assert land_hsc(catalog, path).info["rows"] == 4
    with sqlite3.connect(path) as connection:
        connection.execute("create table u as select * from t")
    connection.close()
    with pytest.raises(InputError, match="several tables with object_id: t, u"):
        land_hsc(catalog, path)


def test_sqlite_values_that_break_their_declared_type_are_named(catalog, tmp_path):
    path = tmp_path / "t.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (object_id integer, ra real)")
        connection.executemany("insert into t values (?, ?)", [(IDS[0], 1.5), (IDS[1], "north"), (0.5, 1.0)])
    connection.close()
    with pytest.raises(InputError, match=r"row 2, column ra: 'north' is not double"):
        land_hsc(catalog, path)
    info = land_hsc(catalog, path, rejects=tmp_path / "bad.csv").info
    assert (info["rows"], info["rejected"]) == (1, 2)
    assert columns(catalog, info)["object_id"] == IDS[:1]


# -- cut short, damaged, something else ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("csv.gz", "cut short: its gzip stream has no end"),
        ("fits", "cut short: .* bytes where its header says"),
        ("parquet", "cut short or damaged"),
    ],
)
def test_a_file_cut_short_is_refused_whole(catalog, tmp_path, kind, message):
    path = tmp_path / f"t.{kind}"
    if kind == "fits":
        table = [
            fits.Column("object_id", "K", array=np.arange(5000)),
            fits.Column("ra", "D", array=np.arange(5000.0)),
        ]
        fits.BinTableHDU.from_columns(table).writeto(path)
    else:
        write(path, kind)
    path.write_bytes(path.read_bytes()[:-5000] if kind == "fits" else path.read_bytes()[:-9])
    with pytest.raises(InputError, match=message):
        land_hsc(catalog, path, rejects=tmp_path / "bad.csv")
    assert catalog.landings() == []
    assert not (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize("kept", [-1, -9, -4096, 4096, 100])
def test_a_cut_sqlite_file_is_refused(catalog, tmp_path, kept):
    """SQLite reads zeros where the last page is cut: the first row of that page would land as something else."""
    path = tmp_path / "t.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (object_id bigint, ra double)")
        connection.executemany("insert into t values (?, ?)", [(number, number / 7) for number in range(5000)])
    connection.close()
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"t\.sqlite is cut short: it has .* bytes"):
        land_hsc(catalog, path)
    assert catalog.landings() == []


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize(
    ("text", "line"), [("# object_id,ra\n1,2.5\n2,3.", 3), ("# object_id,ra", 1), ("object_id,ra", 1)]
)
def test_a_last_line_without_an_end_lands_with_a_warning(catalog, tmp_path, typed, text, line, zipped):
    path = tmp_path / "export.csv"
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    code, _, err = typed("-C", catalog.root, "ingest", "hsc", path)
    assert code == 0 and f"export.csv: its last line, {line}, has no line end: the file may be cut short there" in err
    path.write_bytes(gzip.compress(f"{text}\n".encode()) if zipped else f"{text}\n".encode())
    code, _, err = typed("-C", catalog.root, "ingest", "hsc", path)
    assert code == 0 and "line end" not in err


def test_a_damaged_gzip_stream_is_refused(catalog, tmp_path):
    path = tmp_path / "t.csv.gz"
    data = bytearray(gzip.compress(b"# object_id,ra\n" + b"".join(b"%d,%d\n" % (i, i * i) for i in range(5000))))
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        land_hsc(catalog, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04xxxx", "a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"<!DOCTYPE html><p>log in", "a web page"),
        (b"<?xml version='1.0'?><VOTABLE/>", "VOTable"),
        (b"\x00\x01\x02\x03", "a format that is not supported"),
        (gzip.compress(b"SIMPLE  =  T", mtime=0), "a compressed file, but not CSV"),
        (b"# caf\xe9\n# object_id,ra\n1,2\n", r"line 1: byte 0xe9 is not UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_by_name(catalog, tmp_path, content, message):
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        land_hsc(catalog, path)


def test_parquet_text_that_is_no_utf8_is_refused(catalog, tmp_path):
    """pyarrow reads it without a word; DuckDB then refuses the table that it lands in."""
    bad = pa.array([b"caf\xe9"]).view(pa.string())
    pq.write_table(pa.table({"object_id": [1], "ra": [1.0], "note": bad}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"t\.parquet, after row 0: Invalid UTF8"):
        land_hsc(catalog, tmp_path / "t.parquet")


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_bytes_are_refused_or_land_readable(catalog, tmp_path, kind):
    """Whatever byte is changed: a message of ours, or a table that can be read; never a fault."""
    dice = random.Random(kind)
    whole = write(tmp_path / f"t.{kind}", kind).read_bytes()
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(dice.choice([1, 3, 20])):
            data[dice.randrange(len(data))] = dice.choice([0, 255, 57, 45, 32, dice.randrange(256)])
        (tmp_path / "t").write_bytes(data)
        with contextlib.suppress(InputError):
            land_hsc(catalog, tmp_path / "t")
    for info in catalog.landings():
        assert catalog.connect().execute(f"select * from hsc_{info['kind']}").fetchall()


def test_absent_files_and_folders_are_refused(catalog, tmp_path):
    with pytest.raises(InputError, match=r"There is no file .*nowhere\.csv"):
        land_hsc(catalog, tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="is not a file"):
        land_hsc(catalog, tmp_path)


def test_the_table_of_these_tests_holds_what_a_float_would_lose():
    assert all(int(float(number)) != number for number in TABLE["object_id"][1])
