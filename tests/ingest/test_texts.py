"""Text tables of other kinds than plain CSV: read, or refused with what they are and what to type."""

import contextlib
import gzip
import os
import shlex

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import fits
from astropy.table import Table

from galaxiesml.errors import InputError
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.release_files import land_release
from galaxiesml.ingest.specz import folder_of, land_specz
from tests.ingest.conftest import columns
from tests.ingest.written import IDS

ECSV = """# %%ECSV 1.0
# ---
# datatype:
# - {name: object_id, datatype: int64}
# - {name: ra, datatype: float64}
# - {name: note, datatype: string}
# schema: astropy-2.0
"""
ROWS = {"object_id": [IDS[0], IDS[1]], "ra": [1.5, None], "note": ["a b, c; d", None]}
READ = {
    "tabs": ("object_id\tra\tnote\n%d\t1.5\ta b, c; d\n%d\t\t\n", "tsv"),
    "tabs, commented": ("# made by me\n# object_id\tra\tnote\n%d\t1.5\ta b, c; d\n%d\t\t\n", "tsv"),
    "semicolons": ('object_id;ra;note\n%d;1.5;"a b, c; d"\n%d;;\n', "csv"),
    "ECSV": (ECSV + 'object_id ra note\n%d 1.5 "a b, c; d"\n%d "" ""\n', "ecsv"),
    "ECSV, spaced": (ECSV + 'object_id  ra note\n%d   1.5 "a b, c; d"\n%d ""  ""\n', "ecsv"),
    "ECSV, commas": (
        ECSV.replace("---", "---\n# delimiter: ','") + 'object_id,ra,note\n%d,1.5,"a b, c; d"\n%d,,\n',
        "ecsv",
    ),
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("kind", READ)
def test_tabs_semicolons_and_ecsv_land_as_commas_do(catalog, tmp_path, kind, zipped):
    text, format_ = READ[kind]
    data = (text % tuple(IDS[:2])).encode()
    (tmp_path / "t").write_bytes(gzip.compress(data) if zipped else data)
    info = land_hsc(catalog, tmp_path / "t").info
    assert {name: columns(catalog, info)[name] for name in ROWS} == ROWS
    assert info["format"] == format_ + (".gz" if zipped else "")


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_a_survey_and_a_released_file_may_be_separated_otherwise(catalog, tmp_path, separator):
    path = tmp_path / "t.txt"
    lines = ["# Downloaded on a Monday, at noon", "CATAID,RA,DEC,Z,NQ,PROB", "1,150,2,0.1,4,0.9"]
    path.write_text("\n".join([lines[0], *(line.replace(",", separator) for line in lines[1:])]) + "\n")
    info = land_specz(catalog, path).info
    assert (info["survey"], info["rows"], info["flags"]) == ("gama", 1, {"4": 1})
    (tmp_path / "x_training.csv").write_text(f"ra{separator}object_id\n1.5{separator}{IDS[0]}\n")
    assert land_release(catalog, tmp_path / "x_training.csv").info["rows"] == 1


def test_columns_of_ecsv_that_are_no_plain_columns_are_left_out(catalog, tmp_path):
    table = Table({"object_id": IDS[:2], "ra": [1.0, 2.0], "v": [[1, 2], [3, 4]]})
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    landing = land_hsc(catalog, tmp_path / "t.ecsv")
    assert landing.notes == ["column v is left out: it is not a plain column"]
    assert columns(catalog, landing.info)["object_id"] == IDS[:2] and "v" not in columns(catalog, landing.info)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"object_id,ra\r1,2\r3,4\r", r"t, line 1: a carriage return \(CR\) is in the line"),
        (b"# object_id,ra\n1,2\r3,4\n", r"t, line 2: a carriage return \(CR\) is in the line"),
        (b"object_id,ra\n1,2\n5,6\r3,4\n", r"t, line 3: the line is not CSV \(it has a carriage return \(CR\)"),
        (b"# %ECSV 1.0\n# ---\n# datatype: [\nobject_id ra\n1 2\n", "t is ECSV, and its header cannot be read"),
        (b"# %ECSV 1.0\n# ---\n# delimiter: '|'\n# datatype:\n# - {name: a}\na|b\n", "is ECSV with the delimiter"),
    ],
)
def test_lines_that_do_not_end_or_split_are_named(catalog, tmp_path, content, message):
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(InputError, match=message):
        land_hsc(catalog, tmp_path / "t")


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("blank", ["", "\n"])
def test_a_cell_of_any_length_lands(catalog, tmp_path, quote, blank):
    """The blank line sends the block line by line."""
    cell = "x" * 200_000
    path = tmp_path / "t.csv"
    path.write_text(f"# object_id,ra,note\n1,2,{quote}{cell}{quote}\n{blank}2,3,b\n")
    assert columns(catalog, land_hsc(catalog, path).info)["note"] == [cell, "b"]
    path.write_text(f"object_id,ra,{cell}\n1,2,3\n")
    assert columns(catalog, land_hsc(catalog, path).info)[cell] == ["3"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("zipped", [False, True])
def test_wide_text_is_named_with_the_command_that_mends_it(catalog, tmp_path, encoding, zipped):
    data = "object_id,ra\n1,2\n".encode(encoding)
    (tmp_path / "t").write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(InputError, match=r"text in UTF-(16|32)") as refused:
        land_hsc(catalog, tmp_path / "t")
    with contextlib.chdir(tmp_path):
        assert os.system(refused.value.hint.removeprefix("Type: ").partition("; then land")[0]) == 0
    assert columns(catalog, land_hsc(catalog, tmp_path / "utf8.csv").info)["ra"] == [2.0]


def ascii_table(path):
    found = [fits.Column("object_id", "I20", array=np.array(IDS[:2])), fits.Column("ra", "D25.17", array=[1.5, 2.5])]
    fits.TableHDU.from_columns(found).writeto(path)


def text(content: str):
    return lambda path: path.write_text(content % tuple(IDS[:2]))


VIZIER = "#RESOURCE=yCat\n#Column\tobject_id\t(I20)\tx\n\nobject_id\tra\n \tdeg\n--------\t------\n"
VIZIER += "%d\t+1.5\n%d\t 2.5\n\n#END\n"
REFUSED = {
    "spaces": (text("object_id ra\n%d 1.5\n%d   2.5\n"), "are separated by spaces"),
    "spaces, commented": (text("# mine\n# object_id ra\n%d 1.5\n%d 2.5\n"), "are separated by spaces"),
    "bars": (text("object_id|ra\n%d|1.5\n%d|2.5\n"), r"are separated by '\|'"),
    "VizieR": (text(VIZIER), "is a table as VizieR writes it"),
    "FITS ASCII": (ascii_table, "HDU 1, is an ASCII table"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_lands_after_the_command_that_is_told(catalog, tmp_path, kind):
    write, message = REFUSED[kind]
    path = tmp_path / "it's a [table].txt"
    write(path)
    with pytest.raises(InputError, match=message) as refused:
        land_hsc(catalog, path)
    command, _, target = refused.value.hint.partition("python -c ")[2].partition("; then land ")
    with contextlib.chdir(tmp_path):
        exec(shlex.split(command)[0], {})
    found = columns(catalog, land_hsc(catalog, tmp_path / target.removesuffix(".")).info)
    assert (found["object_id"], found["ra"]) == (IDS[:2], [1.5, 2.5])


@pytest.mark.parametrize(
    ("content", "dashes"),
    [
        ("object_id,{names}\n%d,1,x\n--,--,--\n", "--"),
        ("object_id\t{names}\n%d\t1\tx\n-\t-\t-\n", "-"),
        ("object_id;{names}\n%d;1;x\n-;--;-\n", "-"),
    ],
    ids=["CSV", "tabs", "semicolons"],
)
def test_a_row_of_dashes_is_no_rule_of_vizier(catalog, tmp_path, content, dashes):
    separator = content[len("object_id")]
    (tmp_path / "t.txt").write_text(content.format(names=f"ra{separator}note") % IDS[0])
    landing = land_hsc(catalog, tmp_path / "t.txt", rejects=tmp_path / "bad.csv")
    assert (landing.info["rows"], landing.info["rejected"]) == (1, 1) and columns(catalog, landing.info)["ra"] == [1.0]
    assert dashes in (tmp_path / "bad.csv").read_text()


def test_a_table_that_fpack_compressed_is_named(catalog, tmp_path):
    """As fpack lays it out: columns of bytes, and ZTABLE."""
    packed = np.empty(1, object)
    packed[0] = np.array([1, 2], np.uint8)
    table = fits.BinTableHDU.from_columns([fits.Column("object_id", "PB()", array=packed)])
    table.header["ZTABLE"] = True
    table.writeto(tmp_path / "t.fits.fz")
    with pytest.raises(InputError, match=r"t\.fits\.fz, HDU 1, is a table that fpack compressed") as refused:
        land_hsc(catalog, tmp_path / "t.fits.fz")
    assert refused.value.hint.startswith("Type: funpack -O t.fits ")
    with pytest.raises(InputError, match="fpack compressed"):
        land_specz(catalog, tmp_path / "t.fits.fz", survey="sdss")


def test_ecsv_of_a_survey_is_read_block_by_block(catalog, tmp_path):
    count = 200
    table = Table({"CATAID": np.arange(count), "RA": np.linspace(130, 140, count), "DEC": np.zeros(count)})
    table["Z"], table["NQ"], table["PROB"] = np.linspace(0.01, 0.4, count), 4, 0.9
    table.write(tmp_path / "t.ecsv", format="ascii.ecsv")
    info = land_specz(catalog, tmp_path / "t.ecsv").info
    found = pa.parquet.read_table(folder_of(catalog, info) / "spectra.parquet")
    assert info["format"] == "ecsv" and found["redshift_given"].to_pylist() == table["Z"].tolist()
    bad = (tmp_path / "t.ecsv").read_text().replace(" 4 ", " four ", 1)
    (tmp_path / "bad.ecsv").write_text(bad)
    with pytest.raises(InputError, match="line 12, column NQ: 'four' is not a quality flag"):
        land_specz(catalog, tmp_path / "bad.ecsv")
