"""The gallery and n(z): what the figures hold, read back from their artists and pixels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from galaxiesml.catalog import Catalog
from galaxiesml.cli import main
from galaxiesml.errors import UsageError
from galaxiesml.plots.gallery import LEFT, TOP, Shown, choose_galaxies, draw_gallery, scaled
from galaxiesml.plots.redshifts import bin_edges, draw_redshifts, read_redshifts

from ..release.sample import NUMBERS, SHOWN, redshift, sent, write_sample


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("gallery"))


def in_frame(picture: np.ndarray) -> np.ndarray:
    """127 x 127, NaN around, cropped in the middle."""
    for axis in (0, 1):
        n = picture.shape[axis]
        first = max(0, (n - 127) // 2)
        picture = np.take(picture, range(first, first + min(n, 127)), axis)
        before = (127 - picture.shape[axis]) // 2
        width = (before, 127 - picture.shape[axis] - before)
        picture = np.pad(picture, [width if at == axis else (0, 0) for at in (0, 1)], constant_values=np.nan)
    return picture


def test_the_pictures_are_those_that_were_sent(catalog):
    shown = choose_galaxies(catalog, n=22)
    assert {galaxy.object_id for galaxy in shown} == {number for number in NUMBERS if SHOWN.get(number, 1)}
    for galaxy in shown:
        assert galaxy.redshift == redshift(galaxy.object_id)
        for picture, band in zip(galaxy.pictures, "GRIZY", strict=True):
            made = sent(galaxy.object_id, band, SHOWN.get(galaxy.object_id, 9813))[1]["image"]
            np.testing.assert_array_equal(picture, in_frame(made))


def test_one_from_each_part_of_the_redshifts(catalog):
    shown = choose_galaxies(catalog, n=5)
    found = [galaxy.redshift for galaxy in shown]
    assert found == sorted(found)
    whole = np.sort([redshift(number) for number in NUMBERS if SHOWN.get(number, 1)])
    parts = np.split(whole, [5, 10, 14, 18])
    assert all(value in part for value, part in zip(found, parts, strict=True))
    again = [galaxy.object_id for galaxy in choose_galaxies(catalog, n=5)]
    assert again == [galaxy.object_id for galaxy in shown]
    for seed in range(3):
        found = [galaxy.redshift for galaxy in choose_galaxies(catalog, n=5, seed=seed)]
        assert all(value in part for value, part in zip(found, parts, strict=True))
    others = {tuple(galaxy.object_id for galaxy in choose_galaxies(catalog, n=5, seed=seed)) for seed in range(6)}
    assert len(others) > 3
    for n in (0, 25):
        with pytest.raises(UsageError):
            choose_galaxies(catalog, n=n)


def changed(catalog: Catalog, folder: Path, table: str, column: str, values: dict) -> Catalog:
    """A copy of a build in which some objects have another value."""
    root = catalog.root if catalog.root.parent == folder else shutil.copytree(catalog.root, folder / "cat")
    path = Catalog.open(root).current_build() / f"{table}.parquet"
    found = pq.read_table(path)
    rows = [
        row | ({column: values[row["object_id"]]} if row["object_id"] in values else {}) for row in found.to_pylist()
    ]
    pq.write_table(pa.Table.from_pylist(rows, found.schema), path)
    return Catalog.open(root)


def test_what_shows_well_is_whole_and_large_and_bright(catalog, tmp_path):
    def best(**options) -> int:
        (galaxy,) = choose_galaxies(found, n=1, **options)
        return galaxy.object_id

    # The larger the number, the brighter.
    magnitudes = {number: 20 - number / 100 for number in NUMBERS}
    found = changed(catalog, tmp_path, "galaxies_v2", "i_cmodel_mag", magnitudes)
    assert best() == 24
    found = changed(found, tmp_path, "pictures", "masked_sat", {24: 0.02, 23: 0.009})
    assert best() == 23
    # 8 is cut off and half of 11 has no value; they are drawn where there is nothing else.
    assert best(where="object_id <= 8") == 7 and best(where="object_id = 8") == 8
    assert best(where="object_id between 9 and 11") == 10
    # Large enough is a third of the frame.
    path = found.current_build() / "morphology.parquet"
    assert pq.read_metadata(path).num_rows == 0
    areas = {3: 500, 13: 5400, 14: 9000, 15: 5300}
    rows = [{"object_id": number, "band": "i", "isophotal_area": area} for number, area in areas.items()]
    rows += [{"object_id": 16, "band": "i", "isophotal_area": 6000, "morphology_reasons": "off_center, blended"}]
    # Another filter does not count.
    rows += [{"object_id": 2, "band": "r", "isophotal_area": 9000}]
    pq.write_table(pa.Table.from_pylist(rows, pq.read_schema(path)), path)
    assert best() == 14 and best(where="object_id <> 14") == 13 and best(where="object_id < 13") == 3


def test_the_scales_have_one_white_and_order():
    random = np.random.default_rng(1)
    picture = random.normal(5, 0.1, (127, 127))
    picture[60:70, 60:70] = 105
    picture[20:40, 20:40] += 1
    picture[0, :4] = np.nan
    linear, logarithmic = scaled(picture)
    assert np.isnan(linear[0, :4]).all() and np.isnan(logarithmic[0, :4]).all()
    assert linear[61, 61] == logarithmic[61, 61] == 1
    assert np.median(linear[20:40, 20:40]) < 0.02
    # From a noise of 0.1 to 100 are three decades; 1 is one of them.
    noise = 1.4826 * np.nanmedian(abs(picture - np.nanmedian(picture)))
    middle = np.nanmedian(picture)
    assert logarithmic[30, 30] == pytest.approx(
        np.log((picture[30, 30] - middle) / noise) / np.log((105 - middle) / noise), rel=0.5
    )
    assert 0.2 < np.median(logarithmic[20:40, 20:40]) < 0.5
    assert scaled(np.zeros((9, 9)))[0].max() == 0
    assert np.isnan(scaled(np.full((9, 9), np.nan))[1]).all()


def test_linear_over_logarithmic_filters_as_rows(catalog):
    shown = choose_galaxies(catalog, n=3)
    page = draw_gallery(shown, list("grizy"), "title")
    axes = {one.get_label(): one for one in page.figure.axes if one.images}
    assert len(axes) == 2 * 5 * 3
    for column, galaxy in enumerate(shown):
        for row, band in enumerate("grizy"):
            for scale, grey in zip(("linear", "logarithmic"), scaled(galaxy.pictures[row]), strict=True):
                (image,) = axes[f"{scale} {band} {column}"].images
                np.testing.assert_array_equal(image.get_array().filled(np.nan), grey)
                assert image.get_clim() == (0, 1) and image.origin == "lower"

    def corner(label):
        return axes[label].get_position().x0, axes[label].get_position().y0

    columns = [corner(f"linear g {column}")[0] for column in range(3)]
    assert columns == sorted(columns)
    heights = [corner(f"{scale} {band} 1")[1] for scale in ("linear", "logarithmic") for band in "grizy"]
    assert heights == sorted(heights, reverse=True)
    words = [text.get_text() for text in page.axes.texts]
    assert [f"z = {galaxy.redshift:.2f}" for galaxy in shown] == [word for word in words if word.startswith("z = ")]


def test_the_pixels_of_the_file(tmp_path):
    """Two galaxies whose upper right quarter is bright, and upper left faint, as a PNG shows them."""
    picture = np.random.default_rng(2).normal(0, 0.05, (127, 127)).astype(np.float32)
    picture[64:, 64:] = 100
    picture[64:, :63] = 3
    galaxies = [Shown(number, 0.5, np.stack([picture * sign for sign in (1, 2)])) for number in (1, 2)]
    page = draw_gallery(galaxies, ["g", "r"], "two")
    page.save(tmp_path / "two.png")
    image = np.asarray(Image.open(tmp_path / "two.png").convert("L"), float)
    scale = image.shape[1] / page.width

    def quarters(top):
        side = 1.28 * scale
        y, x = round(top * scale), round(LEFT * scale)
        half = round(side / 2)
        cells = [image[y + at : y + at + half, x + on : x + on + half] for at in (0, half) for on in (0, half)]
        return [float(np.median(cell)) for cell in cells]

    upper_left, upper_right, lower_left, lower_right = quarters(TOP)
    assert upper_right > 250 and upper_left < 20 and max(lower_left, lower_right) < 10
    upper_left, upper_right, lower_left, lower_right = quarters(TOP + 2 * 1.3 + 0.3)
    assert upper_right > 250 and 80 < upper_left < 230 and max(lower_left, lower_right) < 60


@pytest.mark.parametrize("scheme", ["release", "leak-free"])
def test_redshifts_by_split(catalog, scheme):
    name, found = read_redshifts(catalog, None, scheme)
    assert name == "v2"
    path = next((catalog.root / "builds").glob("0*/splits.parquet"))
    splits = pq.read_table(path).to_pylist()
    right: dict[str, list[float]] = {}
    for row in splits:
        right.setdefault(row[f"split_{scheme.replace('-', '_')}"], []).append(redshift(row["object_id"]))
    assert {split: sorted(values) for split, values in found.items() if len(values)} == {
        split: sorted(values) for split, values in right.items()
    }
    page = draw_redshifts(found, "n(z)")
    counts, shares = (axes for axes in page.figure.axes if axes.get_label() in ("counts", "shares"))
    drawn = {patch.get_label().split(":")[0]: patch.get_data() for patch in counts.patches}
    edges = drawn["all"].edges
    np.testing.assert_array_equal(drawn["all"].values, np.histogram([redshift(number) for number in NUMBERS], edges)[0])
    assert drawn["all"].values.sum() == 24
    for split, values in right.items():
        np.testing.assert_array_equal(drawn[split].values, np.histogram(values, edges)[0])
    assert len(shares.containers) == sum(split != "buffer" for split in right)


def test_bins_hold_the_largest_and_widen_for_few():
    values = np.random.default_rng(3).uniform(0.01, 4.0, 100_000)
    edges = bin_edges(values)
    assert edges[1] == 0.05 and edges[0] == 0 and edges[-1] > values.max() >= edges[-2] - 0.05
    few = bin_edges(values[:50])
    assert few[1] == 0.4 and few[-1] > values[:50].max()
    assert bin_edges(np.array([0.4]))[-1] > 0.4


def test_the_commands(catalog, tmp_path, capsys):
    def typed(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in ("-C", catalog.root, "plot", *words)])
        return left.value.code or 0, *capsys.readouterr()

    for command, options in (("gallery", ["--n", 2]), ("redshifts", ["--split-scheme", "paper"])):
        for suffix, head in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
            paths = [tmp_path / f"{command}-{number}.{suffix}" for number in (1, 2)]
            for path in paths:
                assert typed(command, *options, "--out", path)[:2] == (0, f"{path}\n")
            first, second = (path.read_bytes() for path in paths)
            assert first == second and first.startswith(head)
        assert typed(command, "--out", tmp_path / "x.jpg")[0] == 2
        code, out, _ = typed(command, *options, "--json")
        assert code == 0 and (catalog.exports / f"{command}.png").samefile(json.loads(out)["path"])
    assert typed("redshifts", "--split-scheme", "mine")[0] == 2
    assert typed("gallery", "--version", "v9")[0] == 2
    told = [json.loads(typed("gallery", "--n", 3, *words, "--json")[1]) for words in (["--random"], ["--seed", 1], [])]
    assert told[0] == told[1] and told[0]["seed"] == 1 and told[2]["seed"] is None
    code, _, err = typed("gallery", "--n", 24)
    assert code == 0 and "Only 22 galaxies" in err
