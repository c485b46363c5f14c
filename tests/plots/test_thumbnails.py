"""Thumbnails: their colours against Lupton's formula over the pixels that were sent, and which galaxies are drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from galaxiesml.cli import main
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.plots import thumbnails as drawing
from galaxiesml.plots.thumbnails import choose, lupton, thumbnails, write_files, write_sheets

from ..release.sample import NUMBERS, SHOWN, redshift, sent, write_sample
from .test_gallery import in_frame

#: Tracts of those that no tract shows in all filters.
PARTS = {5: 9813, 6: 9812}
NO_PICTURE = {"irg": set(), "zig": {5, 6}}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("thumbnails"))


def counts(number: int, band: str) -> np.ndarray:
    """As it was sent, in the frame; 0 for what is no number."""
    tract = PARTS.get(number) or SHOWN.get(number, 9813)
    return np.nan_to_num(in_frame(sent(number, band.upper(), tract)[1]["image"]).astype(float), nan=0.0)


def by_the_paper(layers: list[np.ndarray], stretch: float, softening: float) -> np.ndarray:
    """Eq. 1 to 3 of Lupton et al.: the mean's asinh, the colours' ratios kept, and what exceeds white scaled back."""
    mean = np.clip(sum(layers) / 3, 0, None)
    shown = np.arcsinh(softening * mean / stretch) * 0.1 / np.arcsinh(0.1 * softening)
    ratio = np.divide(shown, mean, out=np.zeros_like(mean), where=mean > 0)
    colours = np.stack([np.clip(layer, 0, None) * ratio for layer in layers], axis=-1)
    return 255 * colours / np.maximum(colours.max(axis=-1, keepdims=True), 1)


def object_ids(catalog, **options) -> list[int]:
    return [one.object_id for one in thumbnails(catalog, choose(catalog, **options))]


def test_a_file_holds_the_colours_of_what_was_sent(catalog, tmp_path):
    chosen = choose(catalog, n=0, stretch=0.05, softening=6, where="specz_redshift < 2")
    paths = list(write_files(catalog, chosen, tmp_path / "out", None))
    assert {int(path.stem) for path in paths} == {n for n in NUMBERS if redshift(n) < 2}
    for path in paths:
        opened = Image.open(path)
        right = by_the_paper([counts(int(path.stem), band) for band in "irg"], 0.05, 6)
        # Rows go upwards on the sky and downwards in a file; whole numbers are cut, not rounded.
        assert np.abs(np.asarray(opened.convert("RGB"), float)[::-1] - right).max() <= 1
        assert opened.info["Title"] == f"Object {path.stem}" and opened.info["Version"] == "v2"
        assert opened.info["Build"] == catalog.current_id() and "red i, green r, blue g" in opened.info["Filters"]
        assert opened.info["Where"] == "specz_redshift < 2 (applied after all cuts, duplicates included)"
    assert np.ptp(np.asarray(Image.open(paths[0]).convert("RGB"))) > 50


def test_a_bright_pixel_keeps_its_colour():
    """Red stays red where it is brighter than white; grey is grey."""
    layers = [np.array([[1e6, 0.2, 0.0, -1.0]]), np.array([[1e3, 0.2, 0.0, -1.0]]), np.array([[1e3, 0.2, 0.0, -1.0]])]
    red, grey, black, negative = lupton(layers)[0]
    assert red[0] == 255 and max(red[1:]) <= 1
    assert len(set(grey)) == 1 and grey[0] > 10
    assert not black.any() and not negative.any()


def test_those_without_a_picture_in_a_filter_are_left_out(catalog):
    for rgb, without in NO_PICTURE.items():
        chosen = choose(catalog, rgb=rgb, n=0)
        drawn = [one.object_id for one in thumbnails(catalog, chosen)]
        assert drawn == sorted(set(NUMBERS) - without)
        assert (chosen.galaxies, chosen.left_out) == (len(drawn), len(without))
    assert object_ids(catalog, rgb="i,i,i", n=0) == list(NUMBERS)


def test_the_choice_is_by_seed_and_the_condition_comes_first(catalog):
    some = object_ids(catalog, n=5)
    assert len(some) == 5 and some == sorted(some) == object_ids(catalog, n=5)
    assert len({tuple(object_ids(catalog, n=5, seed=seed)) for seed in range(5)}) > 3
    near = object_ids(catalog, n=3, where="specz_redshift < 1")
    assert len(near) == 3 and all(redshift(number) < 1 for number in near)


def test_sheets_hold_every_galaxy_once_in_order(catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "COLUMNS", 4)
    monkeypatch.setattr(drawing, "ROWS", 3)
    pages = []
    monkeypatch.setattr(drawing.Page, "save", lambda page, path: pages.append((path, page)))
    ticks = []
    chosen = choose(catalog, n=17)
    written = write_sheets(catalog, chosen, tmp_path / "a.b.pdf", "title", ticks.append)
    assert written == [path for path, _ in pages] == [tmp_path / "a.b.pdf", tmp_path / "a.b-2.pdf"]
    axes = [one for _, page in pages for one in page.figure.axes if one.images]
    assert [int(one.get_label()) for one in axes] == object_ids(catalog, n=17) and ticks == [1] * 17
    for one in axes:
        right = lupton([counts(int(one.get_label()), band) for band in "irg"])
        np.testing.assert_array_equal(one.images[0].get_array(), right)
        assert one.images[0].origin == "lower"
    words = [text.get_text() for _, page in pages for text in page.axes.texts]
    assert "title, sheet 2 of 2" in words
    for one in axes:
        assert f"z = {redshift(int(one.get_label())):.3f}, i = " in " ".join(words)


def test_what_cannot_be_drawn_says_why(catalog, tmp_path):
    for rgb in ("ir", "irx", "i,r", "irgz", ""):
        with pytest.raises(UsageError, match="three of the release's filters"):
            choose(catalog, rgb=rgb)
    for options in ({"n": -1}, {"stretch": 0}, {"softening": float("nan")}):
        with pytest.raises(UsageError, match="must be"):
            choose(catalog, **options)
    with pytest.raises(CatalogError, match="No galaxy of v2"):
        choose(catalog, where="specz_redshift > 100")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="not a folder"):
        list(write_files(catalog, choose(catalog, n=1), tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_the_command_writes_equal_bytes(catalog, tmp_path, capsys):
    def typed(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in ("-C", catalog.root, "plot", "thumbnails", *words)])
        return left.value.code or 0, *capsys.readouterr()

    for suffix, head in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
        paths = [tmp_path / f"{number}.{suffix}" for number in (1, 2)]
        for path in paths:
            assert typed("--n", 3, "--sheet", path)[:2] == (0, f"{path}\n")
        first, second = (path.read_bytes() for path in paths)
        assert first == second and first.startswith(head)
    for folder in ("one", "two"):
        assert typed("--n", 3, "--out", tmp_path / folder)[:2] == (0, f"{tmp_path / folder}\n")
    files = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert len(files) == 3 and files == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    code, out, err = typed("--rgb", "zig", "--json")
    told = json.loads(out)
    assert code == 0 and told["galaxies"] == 22 and "2 galaxies have no picture" in err
    assert told["sheets"] == [str(catalog.exports / "thumbnails.png")]
    assert typed("--sheet", tmp_path / "x.jpg")[0] == typed("--rgb", "q")[0] == 2
    assert typed("--sheet", tmp_path / "x.png", "--out", tmp_path)[0] == 2
