"""Exported tables, read by astropy, TOPCAT, pandas, Polars and DuckDB; docs/files.md says what each sees."""

import json
import math
import struct
import subprocess
import warnings
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import parse
from astropy.units import Unit

from galaxiesml.dictionary import Column
from galaxiesml.errors import UsageError
from galaxiesml.ingest.astropy_tables import open_table
from galaxiesml.query.formats import WRITERS
from galaxiesml.query.tables import Export

from .readers import LOSSES, READERS, Reader, Seen, astropy_table, has_stilts, stilts_csv

SUFFIXES = {"csv": "csv", "ecsv": "ecsv", "fits": "fits", "votable": "vot"}
TYPES = {
    "bigint": pa.int64(),
    "integer": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
}
NAN = float("nan")
WRONG = object()


class Near(float):
    """A number that is read back but for its last digits."""


#: A column of each type, without NULL and with.
VALUES = {
    "object_id": [2**53 + 1, 2**63 - 1, -7, 40042063608219011, 40042063608219012],
    "count": [2**53 + 1, None, -(2**63) + 1, 0, 7],
    "small": [1, None, -(2**31) + 1, 2**31 - 1, 0],
    "ra": [0.1 + 0.2, 359.99999999999994, 1e-7, 5e-324, 1.7976931348623157e308],
    "mag": [21.5, None, NAN, 1 / 3, -0.0],
    "is_primary": [True, False, False, True, True],
    "is_blended": [True, None, False, True, None],
    "band": ["g", "r ", " i", "z # y", "HSC-Y"],
    "name": ['with, comma & "quote" <b>', None, "", "Ångström ∑ 星", "# no comment"],
}
KINDS = dict(
    zip(VALUES, ("bigint", "bigint", "integer", "double", "double", "boolean", "boolean", "text", "text"), strict=True)
)
UNITS = {"ra": "deg", "mag": "mag.arcsec**-2", "small": "pixel**2"}
FACTS = {
    "build": "0007-0a1b2c",
    "galaxiesml": "0.1.0",
    "release": "pdr2_wide",
    "table": "galaxies_mine",
    "rows": 5,
    "landed": ["a.csv sha256:" + "ab" * 32, "b.csv sha256:" + "cd" * 32],
    "version": "mine",
    "default": False,
    "title": 'bright & "near" <ones>, Å',
    "cuts": ["edge", "bright"],
    "incomplete": ["crcenter", "bad"],
    "rule": "ef" * 32,
    "conditions": {"bright": "i_cmodel_mag < 22.5"},
    "where": "specz_redshift < 1.5 (applied after all cuts)",
}
#: What every format must tell, wherever it does.
TOLD = (
    *("0007-0a1b2c", "pdr2_wide", "mine", "edge", "bright", "crcenter", "i_cmodel_mag < 22.5"),
    *("specz_redshift < 1.5", "ef" * 32, "sha256:" + "ab" * 32),
)
CASES = [(form, reader) for form, readers in READERS.items() for reader in readers]
BOTH = pytest.mark.parametrize("form, reader", CASES, ids=[f"{form}: {reader.call}" for form, reader in CASES])


def column(name: str) -> Column:
    described = f"What {name} is, in words that are longer than a card of a FITS header has room for: 5 < 6 & so on."
    ucd = "meta.id;meta.main" if name == "object_id" else "meta.code"
    return Column(name, KINDS[name], described, UNITS.get(name, ""), ucd)


def export_of(folder: Path, values: dict[str, list] = VALUES) -> Export:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "mart.parquet"
    pq.write_table(pa.table({name: pa.array(rows, TYPES[KINDS[name]]) for name, rows in values.items()}), path)
    return Export(path, [column(name) for name in values], FACTS)


def written(export: Export, form: str) -> Path:
    folder = export.source.parent / form.replace(" ", "-")
    folder.mkdir(exist_ok=True)
    path = folder / f"g.{SUFFIXES.get(form, 'parquet')}"
    WRITERS[form](export, path)
    return path


def read(reader: Reader, path: Path) -> Seen:
    if reader.is_stilts and not has_stilts():
        pytest.skip("stilts (apt install stilts) is not here")
    return reader.read(path)


def expected(reader: Reader, values: dict[str, list]) -> dict[str, list]:
    """What is read back: what was written, less what this reader is documented to lose."""
    return {name: [_kept(reader.loses, name, value, None in rows) for value in rows] for name, rows in values.items()}


def _kept(loses: tuple[str, ...], name: str, value, has_null: bool):
    kind = KINDS[name]
    if kind == "text":
        if not value:
            return None if "empty" in loses or (value is None and "no text" not in loses) else ""
        value = value.strip(" ") if "ends" in loses else value.rstrip(" ") if "tail" in loses else value
        return value if "Latin-1" not in loses or value.isascii() else WRONG
    if value is None or (value != value and "NaN" in loses):
        return None
    if kind == "boolean":
        return int(value) if has_null and "flags" in loses else value
    is_float = ("integers" in loses and has_null) or ("quantities" in loses and name in UNITS)
    return Near(value) if kind == "double" and "digits" in loses else float(value) if is_float else value


def alike(value, wanted) -> bool:
    """Equal bit by bit, and of one type; NaN is NaN."""
    if wanted is WRONG:
        return isinstance(value, str) and not value.isascii()
    if isinstance(wanted, Near):
        return isinstance(value, float) and math.isclose(value, wanted, rel_tol=1e-15)
    if isinstance(value, float) and isinstance(wanted, float):
        return (math.isnan(value) and math.isnan(wanted)) or struct.pack("d", value) == struct.pack("d", wanted)
    return type(value) is type(wanted) and value == wanted


def assert_alike(seen: Seen, wanted: dict[str, list]) -> None:
    assert list(seen.values) == list(wanted)
    for name, rows in wanted.items():
        assert len(seen.values[name]) == len(rows), name
        assert all(map(alike, seen.values[name], rows)), (name, seen.values[name], rows)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The export of all values, and what a reader makes of it, which is asked once: a reader can be a JVM's start."""
    export = export_of(tmp_path_factory.mktemp("whole"))
    return export, cache(lambda form, reader: read(reader, written(export, form)))


@BOTH
def test_every_value_is_read_back_but_for_what_the_docs_say(whole, form, reader):
    _, seen_by = whole
    assert_alike(seen_by(form, reader), expected(reader, VALUES))


@BOTH
def test_units_ucds_descriptions_and_provenance(whole, form, reader):
    export, seen_by = whole
    seen = seen_by(form, reader)
    for name, (attribute, found) in {
        "units": ("unit", seen.units),
        "UCDs": ("ucd", seen.ucds),
        "descriptions": ("description", seen.descriptions),
    }.items():
        told = [alike_unit(found.get(column.name, ""), getattr(column, attribute)) for column in export.columns]
        assert all(told) if name in reader.sees else not any(found.values()), (name, found)
    told = [word for word in TOLD if word in seen.told.replace('\\"', '"')]
    wanted = {"provenance": list(TOLD), "provenance without conditions": [word for word in TOLD if " < 22" not in word]}
    assert told == next((wanted[name] for name in reader.sees if name in wanted), []), seen.told


def alike_unit(found: str, wanted: str) -> bool:
    return found == wanted or (bool(wanted) and found != "" and Unit(found) == Unit(wanted))


@BOTH
@pytest.mark.parametrize("rows", [0, 1], ids=["empty", "one row"])
def test_tables_of_no_row_and_of_one(tmp_path, form, reader, rows):
    if rows == 0 and reader.read is stilts_csv:
        pytest.skip("TOPCAT opens no CSV without rows")
    if rows == 0 and form == "csv":
        # Without a row nothing tells a type: only the names are there.
        wanted = {name: [] for name in VALUES}
    else:
        wanted = expected(reader, {name: values[:rows] for name, values in VALUES.items()})
    seen = read(reader, written(export_of(tmp_path, {name: values[:rows] for name, values in VALUES.items()}), form))
    assert_alike(seen, wanted)


@BOTH
def test_texts_of_one_letter(tmp_path, form, reader):
    values = {"object_id": [1, 2, 3], "band": ["g", None, ""], "name": ["g", "r", "i"]}
    assert_alike(read(reader, written(export_of(tmp_path, values), form)), expected(reader, values))


@BOTH
def test_columns_of_null_alone(tmp_path, form, reader):
    values = {"object_id": [1, 2**53 + 1]} | {name: [None, None] for name in ("count", "mag", "is_blended", "name")}
    seen = read(reader, written(export_of(tmp_path, values), form))
    assert seen.values["object_id"] == values["object_id"]
    for name in ("count", "mag", "is_blended", "name"):
        is_empty = name == "name" and "no text" in reader.loses
        assert seen.values[name] == (["", ""] if is_empty else [None, None]), name


def test_the_page_says_what_each_reader_sees(repo):
    """The lines of docs/files.md between its two marks are made here; an assertion that fails prints them."""
    page = (repo / "docs" / "files.md").read_text()
    assert page.split("<!-- readers -->\n")[1] == lines_of_the_page()


def lines_of_the_page() -> str:
    lines = ["| file | opened by | not kept | also sees |", "|---|---|---|---|"]
    for form, readers in READERS.items():
        command = "`export parquet --for astropy`" if form == "parquet for astropy" else f"`export {form}`"
        for reader in readers:
            lost = "; ".join(LOSSES[name] for name in reader.loses) or "nothing is lost"
            lines.append(f"| {command} | {reader.call} | {lost} | {', '.join(reader.sees) or 'no units'} |")
            command = ""
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("form", WRITERS)
def test_equal_builds_give_equal_files_and_nothing_besides(tmp_path, form):
    files = []
    for name in ("a", "b"):
        path = written(export_of(tmp_path / name), form)
        beside = {f"{path.name}.json"} if form == "csv" else set()
        assert {other.name for other in path.parent.iterdir()} == {path.name, *beside}
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_appears_whole_or_not_at_all(tmp_path, form):
    export = export_of(tmp_path)
    path = written(export, form)
    path.write_text("old")
    export.source.write_bytes(export.source.read_bytes()[:-400])
    with pytest.raises(Exception, match=r"(?i)parquet|thrift|magic|metadata|footer|invalid"):
        WRITERS[form](export, path)
    assert path.read_text() == "old" and not list(path.parent.glob(".*"))


@pytest.mark.parametrize("name, least", [("count", -(2**63)), ("small", -(2**31))])
def test_fits_refuses_a_value_that_would_read_as_null(tmp_path, name, least):
    values = {"object_id": [1, 2], name: [least, 5]}
    seen = astropy_table(written(export_of(tmp_path, values), "fits"))
    assert seen.values[name] == [least, 5]
    with pytest.raises(UsageError, match=rf"galaxies_mine\.{name} has NULL and the value {least}"):
        written(export_of(tmp_path, values | {name: [least, None]}), "fits")


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    for text, forms in (("a\0b", ("fits", "votable")), ("a\x07b", ("votable",))):
        export = export_of(tmp_path, {"object_id": [1, 2], "name": ["fine", text]})
        for form in forms:
            with pytest.raises(UsageError, match=r"galaxies_mine\.name has a (NUL|control) character"):
                written(export, form)
        assert read(READERS["parquet"][3], written(export, "parquet")).values["name"] == ["fine", text]
    wide = {f"c{number}": [1] for number in range(1000)}
    table = pa.table(wide)
    pq.write_table(table, tmp_path / "wide.parquet")
    export = Export(tmp_path / "wide.parquet", [Column(name, "bigint", "") for name in wide], FACTS)
    with pytest.raises(UsageError, match="1,000 columns; a FITS table has at most 999"):
        WRITERS["fits"](export, tmp_path / "wide.fits")


def test_letters_beyond_ascii_are_warned_of(tmp_path):
    (note,) = WRITERS["fits"](export_of(tmp_path), tmp_path / "g.fits")
    assert "Texts in name are not ASCII" in note
    assert WRITERS["fits"](export_of(tmp_path / "plain", {"object_id": [1]}), tmp_path / "g.fits") == []


def test_lists_are_kept(tmp_path):
    """The PDFs of predictions, and the edges of their bins."""
    pdfs, edges = [[1, 65535], None, [], [7]], [[0.1, 0.2], None, [], [1 / 3, 5.0, 6.0]]
    table = pa.table(
        {
            "object_id": pa.array([1, 2, 3, 4]),
            "pdf": pa.array(pdfs, pa.list_(pa.int32())),
            "edges": pa.array(edges, pa.list_(pa.float64())),
        }
    )
    pq.write_table(table, tmp_path / "mart.parquet")
    kinds = {"object_id": "bigint", "pdf": "integer[]", "edges": "double[]"}
    export = Export(tmp_path / "mart.parquet", [Column(name, kind, "A list.") for name, kind in kinds.items()], FACTS)
    for form in ("fits", "votable", "parquet for astropy", "ecsv"):
        seen = astropy_table(written(export, form))
        for name, rows in (("pdf", pdfs), ("edges", edges)):
            assert [list(row or []) for row in seen.values[name]] == [row or [] for row in rows], (form, name)
    plain = read(READERS["csv"][3], written(export, "csv"))
    assert [json.loads(row) if row else row for row in plain.values["edges"]] == edges
    assert read(READERS["parquet"][3], written(export, "parquet")).values["pdf"] == pdfs


def test_astropy_and_the_standards_find_no_fault(tmp_path):
    export = export_of(tmp_path)
    with fits.open(written(export, "fits")) as file, warnings.catch_warnings():
        warnings.simplefilter("error")
        file.verify("exception")
        cards = file[1].header
        assert max(len(line) for line in cards["HISTORY"]) <= 72 and cards["TCOMM1"] == export.columns[0].description
        assert (cards["TNULL2"], cards["TNULL3"], cards["TFORM7"], cards["TNULL7"]) == (
            -(2**63),
            -(2**31),
            "I",
            -(2**15),
        )
        assert "an empty text may have been NULL" in str(cards["HISTORY"])
    path = written(export, "votable")
    table = parse(path, verify="exception").get_first_table()
    assert "an empty text may have been NULL" in " ".join(table.description.split()) and table.nrows == 5
    if has_stilts():
        run = subprocess.run(["stilts", "votlint", f"votable={path}"], capture_output=True, text=True, check=True)
        assert run.stdout + run.stderr == ""


@pytest.mark.parametrize("form", ["parquet", "parquet for astropy", "fits", "votable", "ecsv", "csv"])
def test_our_own_ingest_reads_them(tmp_path, form):
    source = open_table(written(export_of(tmp_path), form))
    assert source.names == list(VALUES)
    (block,) = source.blocks({0: pa.int64(), 1: pa.int64()}, ("",))
    if form in ("csv", "ecsv"):
        assert [cell.as_py() for cell in block.columns[0]] == VALUES["object_id"]
        return
    found = {name: array.to_pylist() for name, array in zip(source.names, block.columns, strict=True)}
    assert found["object_id"] == VALUES["object_id"] and found["count"] == VALUES["count"]
    assert found["is_blended"] == ([1, None, 0, 1, None] if form == "fits" else VALUES["is_blended"])
