"""The picture of a column's lineage: what stands in it, what it says of absent columns, and equal bytes."""

import re

import pytest

from galaxiesml.errors import UsageError
from galaxiesml.plots.lineage import draw, fold

BANDS = ["g", "r", "i"]
FILE = {"landing": 1, "source_file": "wide$1.fits", "source_sha256": "c5b6" * 16, "kind": "joined"}


def node(table: str, column: str, depth: int, role: str, origin: list[str] | None = None) -> dict:
    kind = "model" if depth else "source"
    state = "exported" if origin else "not in this export"
    origins = [] if depth or origin is None else [FILE | {"state": state, "columns": origin}]
    found = {"id": f"{table}.{column}", "table": table, "column": column, "kind": kind, "depth": depth}
    return found | {"file": None, "type": "double", "role": role, "origins": origins}


def edge(start: str, end: str, kind: str = "value") -> dict:
    return {"from": start, "to": end, "kind": kind}


def lineage() -> dict:
    flags = [node("hsc_joined", f"{band}_edge", 0, "filter", [f"{band}flags_edge"]) for band in BANDS]
    return {
        "column": "galaxies_v2.redshift",
        "asked": "galaxies.redshift",
        "bands": BANDS,
        "nodes": [
            *flags,
            node("hsc_joined", "redshift", 0, "both", ["z_hsc"]),
            node("hsc_joined", "specz_mag_i", 0, "filter", []),
            node("hsc_specz", "redshift", 0, "value"),
            node("int_pairs", "redshift", 1, "value"),
            node("galaxies_v2", "redshift", 2, "value"),
        ],
        "edges": [
            edge("hsc_joined.redshift", "int_pairs.redshift"),
            edge("hsc_specz.redshift", "int_pairs.redshift"),
            edge("int_pairs.redshift", "galaxies_v2.redshift"),
            edge("int_verdicts.kept", "galaxies_v2.*", "filter"),
        ],
        "cuts": [
            {"name": "edge", "model": "int_verdicts", "columns": [each["id"] for each in flags]},
            {"name": "bad", "model": "int_verdicts", "columns": []},
            {"name": "specz_mag", "model": "int_verdicts", "columns": ["hsc_joined.specz_mag_i"]},
        ],
        "conditions": [{"table": "galaxies_v2", "clause": "where", "columns": ["int_verdicts.kept"]}],
        "files": [FILE],
    }


def words(path) -> list[str]:
    """The texts of an SVG, which stand in it as comments beside their outlines."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", path.read_text(), re.S)]


def test_it_names_files_hashes_columns_and_cuts(tmp_path):
    draw(lineage(), tmp_path / "lineage.svg")
    text = words(tmp_path / "lineage.svg")
    assert text[0] == "Lineage of galaxies.redshift  (galaxies_v2.redshift)"
    assert {"file 1", "wide$1.fits", "z_hsc", "hsc_joined", "int_pairs", "galaxies_v2", "redshift"} <= set(text)
    assert f"file 1: wide$1.fits, sha256 {'c5b6' * 16}" in text
    assert {"file 1: {g,r,i}flags_edge", "{g,r,i}_edge", "edge"} <= set(text)
    assert {"galaxies_v2  where", "int_verdicts.kept"} <= set(text)


def test_what_is_absent_says_so(tmp_path):
    draw(lineage(), tmp_path / "lineage.svg")
    text = words(tmp_path / "lineage.svg")
    assert text[text.index("bad") + 1] == "not applied in this build: it reads no column"
    assert "file 1: (no specz_mag_i)" in text
    assert "(nothing landed)" in text


def test_filter_edges_are_dashed_and_value_edges_are_not(tmp_path):
    def edges(**changes) -> tuple[int, int]:
        draw(lineage() | changes, tmp_path / "lineage.svg")
        strokes = re.findall(r'<path [^>]*style="fill: none;[^"]*"', (tmp_path / "lineage.svg").read_text())
        dashed = sum("stroke-dasharray" in stroke for stroke in strokes)
        return len(strokes) - dashed, dashed

    solid, dashed = edges()
    fewer = [each for each in lineage()["edges"] if each["from"] != "int_pairs.redshift"]
    assert edges(edges=fewer) == (solid - 1, dashed)
    # A cut that is judged has three dashed edges: file to landed column, to the cut, to the rows.
    assert edges(cuts=lineage()["cuts"][1:]) == (solid, dashed - 3)


def test_a_column_without_cuts_or_files_is_drawn(tmp_path):
    plain = lineage() | {"cuts": [], "conditions": [], "files": []}
    plain["nodes"] = [node("seed", "redshift", 0, "value"), node("galaxies_v2", "redshift", 1, "value")]
    draw(plain, tmp_path / "lineage.svg")
    assert "filtered by no cut" in words(tmp_path / "lineage.svg")


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_equal_lineages_are_equal_bytes(tmp_path, suffix):
    for name in ("a", "b"):
        draw(lineage(), tmp_path / f"{name}.{suffix}")
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(UsageError, match="pdf"):
        draw(lineage(), tmp_path / "lineage.pdf")


def test_families_of_filters_are_one_word():
    assert fold(["id", "g_mag", "r_mag", "i_mag", "ra"], BANDS) == ["id", "{g,r,i}_mag", "ra"]
    assert fold(["t.a_g", "t.a_r", "t.gflag", "t.rflag"], BANDS) == ["t.a_{g,r}", "t.{g,r}flag"]
