"""The flow chart: its counts, what it says of cuts that were not judged, and equal bytes."""

import re

import pytest
from PIL import Image

from galaxiesml.curation.rules import published
from galaxiesml.errors import UsageError
from galaxiesml.plots.flow import draw_flow, stages_of

GROUPS = {cut["name"]: cut["group"] for cut in published().cuts}
#: (cut, section, state, removed): the independent reading of the real export.
REAL = [
    ("cmodel_flag", "3.1", "judged", 4),
    ("edge", "3.1", "judged", 182),
    ("interpolated", "3.1", "judged", 0),
    ("saturated", "3.1", "judged", 35),
    ("crcenter", "3.1", "not in this export", 0),
    ("bad", "3.1", "made at the archive", 0),
    ("centroid", "3.1", "judged in i; not in this export in g, r, z, y", 2),
    ("redshift", "3.1, 3.2", "judged", 0),
    ("error", "authors' code", "judged", 0),
    ("secure", "3.1", "judged", 5),
    ("magnitudes", "3.2, authors' code", "judged", 0),
    ("unique_spectrum", "3.2", "judged", 0),
    ("sole_object", "authors' code", "judged", 0),
]


def flow_rows(cuts=REAL, pairs: int = 916) -> list[dict]:
    rows = []
    for step, (cut, section, state, removed) in enumerate(cuts, start=1):
        row = {"version": "v2", "step": step, "cut": cut, "section": section, "state": state, "why": ""}
        row["cut_group"] = GROUPS[cut]
        row |= {"rows_in": pairs, "rows_out": pairs - removed, "fails": removed, "nulls": 0}
        rows.append(row | {"only_this": removed, "expected_rows": None})
        pairs -= removed
    return rows


HEAD = {
    "version": "v2", "title": "the published rows", "build_id": "0001-abc",
    "landings": ["hsc_s16a_wide_gama.fits"],
    "objects": 972, "objects_without_spectrum": 56, "pairs": 916, "photometric_objects": 730,
    "photometric_with_spectrum": 693, "rows_kept": 688, "missing_cuts": ["crcenter", "centroid"],
}  # fmt: skip


def words(path) -> list[str]:
    """The texts of an SVG, which stand in it as comments beside their outlines."""
    return [text.strip() for text in re.findall(r"<!--(.*?)-->", path.read_text(), re.S)]


@pytest.fixture
def chart(tmp_path):
    def draw(rows=None, **head):
        draw_flow(flow_rows() if rows is None else rows, HEAD | head, tmp_path / "flow.svg")
        return words(tmp_path / "flow.svg")

    return draw


def test_counts_of_the_real_export(chart):
    text = chart()
    for count in (
        "972 objects",
        "916 pairs of object and spectrum",
        "galaxies_v2: 688 rows",
        "−56",
        "−223",
        "−5",
    ):
        assert count in text
    assert "730 objects pass every flag that was applied, 693 of them have a spectrum" in text
    after = [text[text.index(cut) + 1 :] for cut, *_ in REAL]
    left = [next(word for word in words if word.isdigit() and int(word) > 300) for words in after]
    assert left == ["912", "730", "730", "695", "695", "695", "693", "693", "693", "688", "688", "688", "688"]
    assert [text.index(cut) for cut, *_ in REAL] == sorted(text.index(cut) for cut, *_ in REAL)


def test_cuts_that_were_not_judged_say_so(chart):
    text = chart()
    assert text[text.index("crcenter") + 1] == "sec. 3.1; not in this export"
    assert text[text.index("bad") + 1] == "sec. 3.1; made at the archive"
    assert text[text.index("centroid") + 1] == "sec. 3.1; not exported in g, r, z, y"
    assert text[text.index("edge") + 1 : text.index("edge") + 4] == ["sec. 3.1", "−182", "730"]


def test_an_incomplete_version_is_marked_and_a_complete_one_is_not(chart):
    assert "INCOMPLETE" in chart()
    assert "INCOMPLETE: not applied in full: crcenter, centroid" in chart()
    assert not [text for text in chart(missing_cuts=[]) if "INCOMPLETE" in text]


def test_published_counts_stand_beside_the_cut(chart):
    rows = flow_rows()
    rows[-1]["expected_rows"] = 286_401
    assert "authors' code; published: 286,401 left" in chart(rows)


def test_stages_keep_the_order_of_judging():
    strict = [
        "cmodel_flag",
        "redshift",
        "secure",
        "detected",
        "measured_error",
        "agreement",
        "best_of_object",
    ]
    stages = stages_of(flow_rows([(cut, "3.1", "judged", 0) for cut in strict]))
    assert [(stage.title, [row["cut"] for row in stage.rows]) for stage in stages] == [
        ("Photometric flags", ["cmodel_flag"]),
        ("Redshifts", ["redshift", "secure"]),
        ("Quality", ["detected", "measured_error"]),
        ("Duplicates", ["agreement", "best_of_object"]),
    ]


def test_nothing_landed_is_drawn(chart):
    text = chart(landings=[], objects=0, objects_without_spectrum=0, pairs=0, rows_kept=0)
    assert {"nothing is landed", "0 objects", "galaxies_v2: 0 rows"} <= set(text)


def test_a_file_name_is_drawn_as_it_is(chart):
    assert "a$b$_x^2.csv" in chart(landings=["a$b$_x^2.csv"])
    assert "and 6 more files" in chart(landings=[f"{number}.csv" for number in range(10)])


@pytest.mark.parametrize("landscape", [False, True], ids=["portrait", "landscape"])
@pytest.mark.parametrize("suffix", ["svg", "png", "pdf"])
def test_equal_counts_are_equal_bytes(tmp_path, suffix, landscape):
    for name in ("a", "b"):
        draw_flow(flow_rows(), HEAD, tmp_path / f"{name}.{suffix}", landscape=landscape)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{suffix}", f"b.{suffix}"]


def test_a_png_is_as_wide_as_a_slide(tmp_path):
    draw_flow(flow_rows(), HEAD, tmp_path / "flow.png")
    assert Image.open(tmp_path / "flow.png").width == 1600


def test_a_slide_has_the_same_words_in_the_shape_of_a_slide(chart, tmp_path):
    draw_flow(flow_rows(), HEAD, tmp_path / "slide.svg", landscape=True)
    assert words(tmp_path / "slide.svg") == chart()
    draw_flow(flow_rows(), HEAD, tmp_path / "slide.png", landscape=True)
    assert Image.open(tmp_path / "slide.png").size == (1600, 900)


def test_a_pdf_is_one(tmp_path):
    draw_flow(flow_rows(), HEAD, tmp_path / "flow.pdf")
    page = (tmp_path / "flow.pdf").read_bytes()
    assert page.startswith(b"%PDF-") and page.rstrip().endswith(b"%%EOF") and b"CreationDate" not in page


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(UsageError, match="jpg"):
        draw_flow(flow_rows(), HEAD, tmp_path / "flow.jpg")
    assert not list(tmp_path.iterdir())
