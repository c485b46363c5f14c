"""Every landed object is explained: with a spectrum or without one, alone or as one of many."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import sqlglot
from astropy.table import Table

from galaxiesml.catalog import Catalog
from galaxiesml.curation import without_spectrum
from galaxiesml.curation.build import build
from galaxiesml.curation.rules import published

from ..curation.landed import land_rows, new_catalog
from ..made import real as made
from ..made.pairs import good_pair


@pytest.fixture(scope="module")
def real(tmp_path_factory, shared_data) -> Path:
    """The real export, landed and built."""
    return made.real(shared_data, tmp_path_factory.mktemp("real"))


@pytest.fixture(scope="module")
def landed(shared_data) -> Table:
    return Table.read(shared_data / made.EXPORT)


@pytest.fixture(scope="module")
def lonely(landed) -> dict[int, bool]:
    """Objects without a spectrum, and whether they pass the flags on edges."""
    edges = np.any([np.asarray(landed[f"{band}flags_pixel_edge"]) for band in "grizy"], axis=0)
    without = np.asarray(landed["specz_id"]) == -9999
    return dict(zip(landed["object_id"][without].tolist(), (~edges[without]).tolist(), strict=True))


@pytest.fixture(scope="module")
def several(tmp_path_factory) -> Catalog:
    """A build of several files, some of which share an object, and a file that landed after it.

    Objects 1 and 2 have spectra; of 3, 4 and 5, object 3 is in two files and fails at the edge in the first alone.
    """
    catalog = new_catalog(tmp_path_factory.mktemp("several") / "cat")
    alone = {"specz_name": None, "specz_redshift": None}
    land_rows(catalog, [good_pair(1), good_pair(3, **alone, g_pixelflags_edge=True)])
    land_rows(catalog, [good_pair(2), good_pair(3), good_pair(4, g_pixelflags_bad=None)], kind="objects")
    land_rows(catalog, [good_pair(2), good_pair(99)], kind="specz")
    land_rows(catalog, [good_pair(5, i_cmodel_mag=60.0)], kind="objects")
    build(catalog)
    land_rows(catalog, [good_pair(6)], kind="objects")
    return catalog


def number(of: int) -> int:
    return good_pair(of)["object_id"]


def asked(catalog: Catalog, query: str) -> list[tuple]:
    return catalog.connect().execute(query).fetchall()


def test_the_view_has_the_objects_that_no_pair_has(real, lonely):
    rows = dict(asked(Catalog.open(real), "select object_id, ok_edge from objects_without_spectrum"))
    assert rows == lonely and len(lonely) == 56
    ((without, x, y),) = asked(
        Catalog.open(real),
        "select objects_without_spectrum, photometric_objects, photometric_with_spectrum from object_counts",
    )
    ((count, photometric),) = asked(
        Catalog.open(real), "select count(*), count(case when photometric then 1 end) from objects_without_spectrum"
    )
    assert count == without and photometric == x - y > 0


def test_one_row_an_object_of_the_builds_own_files(several):
    columns = "object_id, landing, source_row, ok_edge, ok_bad, ok_magnitudes, photometric"
    assert asked(several, f"select {columns} from objects_without_spectrum order by object_id") == [
        (number(3), 1, 2, False, True, True, False),
        (number(4), 2, 3, True, None, True, False),
        (number(5), 4, 1, True, True, False, True),
    ]
    assert asked(several, "select objects_without_spectrum from object_counts") == [(3,)]


def test_the_view_is_as_the_dictionary_has_it(several):
    build_of = several.current_build()
    text = (build_of / "objects_without_spectrum.sql").read_text()
    known = asked(several, "select name from columns where table_name = 'objects_without_spectrum'")
    found = [row[0] for row in asked(several, "describe objects_without_spectrum")]
    assert sorted(name for (name,) in known) == sorted(found) and len(found) > 50
    # What is to run on Spark too.
    for dialect in ("duckdb", "spark"):
        assert len(sqlglot.parse(text, dialect=dialect)) == 1
    assert '"' not in text


def test_a_changed_file_is_not_read_as_the_builds(several, tmp_path):
    copy = Catalog.open(shutil.copytree(several.root, tmp_path / "cat"))
    path = next((copy.raw / "hsc").glob("0004-*/objects.parquet"))
    table = pq.read_table(path)
    at = table.column_names.index("source_sha256")
    pq.write_table(table.set_column(at, "source_sha256", [["f" * 64]]), path)
    assert [row[0] for row in asked(copy, "select object_id from objects_without_spectrum order by 1")] == [
        number(3),
        number(4),
    ]


def test_a_landed_column_that_is_lost_keeps_nobody_from_the_tables(several, tmp_path, typed):
    copy = Catalog.open(shutil.copytree(several.root, tmp_path / "cat"))
    for path in [*(copy.raw / "hsc").glob("*/objects.parquet"), *(copy.raw / "hsc").glob("*/joined.parquet")]:
        pq.write_table(pq.read_table(path).drop_columns(["g_pixelflags_bad"]), path)
    assert asked(copy, "select count(*) from galaxies") == [(2,)]
    assert typed("-C", copy.root, "tables")[0] == 0
    code, out, err = typed("-C", copy.root, "audit", "row", number(3))
    assert (code, out) == (4, "") and "have lost a column" in err and "galaxiesml build" in err


def test_a_build_of_an_earlier_version_is_asked_the_same(several, tmp_path, typed):
    copy = Catalog.open(shutil.copytree(several.root, tmp_path / "cat"))
    now = typed("-C", copy.root, "audit", "row", number(3), "--json")
    (copy.current_build() / "objects_without_spectrum.sql").unlink()
    assert "objects_without_spectrum" not in copy.tables()
    assert typed("-C", copy.root, "audit", "row", number(3), "--json") == now


def test_every_landed_object_is_explained(real, landed, lonely, tmp_path, typed):
    """The promise of the README, for all 972."""
    path = tmp_path / "ids.txt"
    path.write_text("\n".join(map(str, landed["object_id"])))
    code, out, err = typed("-C", real, "audit", "row", "--file", path, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert [each["object_id"] for each in found] == list(dict.fromkeys(landed["object_id"].tolist()))
    verdicts = {
        each["object_id"]: {cut["cut"]: cut["verdict"] for cut in each["cuts"]} for each in found if not each["pairs"]
    }
    assert {of: cuts["edge"] == "pass" for of, cuts in verdicts.items()} == lonely
    # One of many is told as it is alone.
    for each in (found[0], next(each for each in found if not each["pairs"]), found[-1]):
        assert json.loads(typed("-C", real, "audit", "row", each["object_id"], "--json")[1]) == each
    kept = {row[0] for row in asked(Catalog.open(real), "select object_id from galaxies")}
    told = {each["object_id"] for each in found if any(pair["versions"]["v2"]["kept"] for pair in each["pairs"])}
    assert told == kept and len(kept) == 688


def test_many_objects_have_a_line_each(several, typed):
    words = [number(each) for each in (5, 1, 3, 1)]
    code, out, err = typed("-C", several.root, "audit", "row", *words, 123, 456)
    assert code == 0 and err == "Warning: No landed file of the build holds the objects 123, 456.\n"
    lines = out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == [str(word) for word in words[:3]]
    assert lines[0].count("no spectrum") == 4 and lines[1].split()[-4:] == ["in"] * 4
    code, out, err = typed("-C", several.root, "audit", "row", 123, 456)
    assert (code, out) == (4, "") and "objects 123, 456" in err and "ingest list" in err


def test_one_version_is_its_cuts_and_its_outcome(real, landed, typed):
    edge = int(landed["object_id"][np.asarray(landed["iflags_pixel_edge"])][0])
    found = json.loads(typed("-C", real, "audit", "row", edge, "--version", "V1", "--json")[1])
    names = {cut["name"] for cut in published().of_version("v1")}
    assert {cut["cut"] for pair in found["pairs"] for cut in pair["cuts"]} == names
    assert [list(pair["versions"]) for pair in found["pairs"]] == [["v1"]] * len(found["pairs"])
    assert "  v1: removed by edge" in typed("-C", real, "audit", "row", edge, "--version", "v1")[1]
    assert "  v2:" not in typed("-C", real, "audit", "row", edge, "--version", "v1")[1]
    code, _, err = typed("-C", real, "audit", "row", edge, "--version", "v9")
    assert code == 2 and "v9" in err


@pytest.mark.parametrize(
    "text",
    [
        "{0}\n{1}\n",
        "\ufeff# chosen by eye\n\n{0}  # the first\n{1}",
        "object_id,ra\n{0},30.0\n{1},31.0\n",
        "ra;object_id\r\n1,5;{0}\r\n2;{1}\r\n",
        '"name"\t"object_id"\na\t"{0}"\nb\t{1}\n',
    ],
)
def test_files_of_identifiers(several, tmp_path, typed, text):
    path = tmp_path / "ids"
    path.write_bytes(text.format(number(3), number(1)).encode())
    code, out, err = typed("-C", several.root, "audit", "row", "--file", path, "--json")
    assert code == 0, err
    assert [each["object_id"] for each in json.loads(out)] == [number(3), number(1)]


@pytest.mark.parametrize(
    "text, said",
    [
        ("{0}\nabc\n", "line 2: 'abc' is not an object_id"),
        ("# head\n4.2063608219011286e16\n", "line 2: '4.2063608219011286e16' is not an object_id"),
        ("object_id,ra\n{0},1\n,2\n", "line 3: '' is not an object_id"),
        ("9223372036854775808\n", "line 1: '9223372036854775808' is not"),
        ("-5\n", "line 1: '-5' is not"),
        ("ra,dec\n1,2\n", "line 1 has several columns, but none is named object_id"),
        ("# nothing\n", "has no identifier"),
        ("1\n" * 100_001, "has more than 100,000 identifiers"),
        ("x" * 1000, f"{'x' * 40}...' is not"),
    ],
)
def test_a_wrong_file_of_identifiers_is_named_with_its_line(several, tmp_path, typed, text, said):
    path = tmp_path / "ids.txt"
    path.write_text(text.format(number(3)))
    code, out, err = typed("-C", several.root, "audit", "row", "--file", path)
    assert (code, out) == (3, "") and f"{path} {said}" in err.replace(
        f"{path} line 1: '{'x' * 40}", f"{path} {'x' * 40}"
    )


def test_what_is_asked_must_be_said_once(several, tmp_path, typed):
    for words in ([], [number(1), "--file", tmp_path / "ids"], ["--file", tmp_path / "none"]):
        code, out, err = typed("-C", several.root, "audit", "row", *words)
        assert (code, out) == (2, "") and "Error:" in err
    (tmp_path / "ids").write_bytes(b"\xff\xfe1\x00")
    assert "is not text" in typed("-C", several.root, "audit", "row", "--file", tmp_path / "ids")[2]
    assert without_spectrum.NAME in several.tables()


def test_cuts_of_a_catalogue_judge_objects_without_a_spectrum(real, landed, tmp_path, typed):
    """A cut of one's own, on a landed column that the dictionary has not."""
    root = shutil.copytree(real, tmp_path / "cat")
    without = np.asarray(landed["specz_id"]) == -9999
    inputs = dict(zip(landed["object_id"][without].tolist(), landed["icountinputs"][without].tolist(), strict=True))
    limit = sorted(inputs.values())[len(inputs) // 2]
    column = "icountinputs:integer::Number of exposures behind the i image"
    words = ("--sql", f"icountinputs >= {limit}", "--why", "deep enough", "--column", column)
    assert typed("-C", root, "cuts", "new", "deep", *words)[0] == 0
    assert typed("-C", root, "versions", "new", "mine", "--from", "v1", "--with", "deep")[0] == 0
    code, _, err = typed("-C", root, "build", "--accept-missing", "all")
    assert code == 0, err

    rows = asked(Catalog.open(root), "select object_id, ok_deep, icountinputs from objects_without_spectrum")
    assert {of: (ok, count) for of, ok, count in rows} == {of: (count >= limit, count) for of, count in inputs.items()}
    assert {ok for _, ok, _ in rows} == {True, False}
    lowest = min(inputs, key=inputs.get)
    found = json.loads(typed("-C", root, "audit", "row", lowest, "--version", "mine", "--json")[1])
    cut = next(cut for cut in found["cuts"] if cut["cut"] == "deep")
    assert (cut["verdict"], cut["value"]) == ("fail", str(inputs[lowest]))
    assert cut["limit"] == f"icountinputs >= {limit}" and "primary" not in {each["cut"] for each in found["cuts"]}
