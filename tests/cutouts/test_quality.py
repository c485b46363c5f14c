"""How much of the pictures is masked: the mart against numpy's reading of the masks that were sent."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.cli import main
from galaxiesml.curation.audit_pictures import audit_pictures
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.errors import CatalogError
from galaxiesml.instrument import MASK_PLANES
from galaxiesml.plots.quality import draw_quality

from ..curation.landed import land_rows, new_catalog
from ..made.builds import mixed
from ..made.galaxies import at, galaxy
from .service import cutout, name, write_list, write_tar

NUMBERS = range(1, 25)
#: In g: on an edge of two bins, just below it, and of few digits.
MAGNITUDES = {1: 20.0, 2: 19.999999, 3: 9.5}
NO_MASK, NOT_SENT, CUT_OFF = 5, 6, 7
OTHER_TRACT = dict.fromkeys((8, 9, 10), 9812)
#: Pixels with SAT set, of 118 x 118 or so: 10 pictures of 22 have none, so the median is the least that has some.
SATURATED = {number: 40 * (number - 12) for number in NUMBERS if number > 12}
BAD = {11: 1, 12: 3}
AT_ITS_CENTRE = 22


@cache
def sent(number: int) -> tuple[bytes, dict[str, np.ndarray]]:
    """A picture whose mask has as many pixels with each plane as the test wants."""
    made = cutout(*at(number), seed=number)[1]
    if number == CUT_OFF:
        made = {kind: layer[11:] for kind, layer in made.items()}
    mask = np.zeros_like(made["mask"])
    mask.ravel()[: SATURATED.get(number, 0)] |= 1 << MASK_PLANES.index("SAT")
    mask.ravel()[-BAD.get(number, 0) or mask.size :] |= 1 << MASK_PLANES.index("BAD")
    mask |= 1 << MASK_PLANES.index("DETECTED")
    if number == AT_ITS_CENTRE:
        mask[mask.shape[0] // 2, mask.shape[1] // 2] |= 1 << MASK_PLANES.index("BAD")
    pixels = {"i": made["image"], "m": mask, "v": made["variance"]}
    return cutout(*at(number), pixels=pixels, layers="iv" if number == NO_MASK else "imv")


def write_masked(root) -> Catalog:
    """Landed and built, with pictures in g alone."""
    catalog = new_catalog(root / "cat")
    rows = [galaxy(number, g_cmodel_mag=MAGNITUDES.get(number, 21.5)) for number in NUMBERS]
    land_rows(catalog, rows)
    members = {name(line, "G", OTHER_TRACT.get(n, 9813)): sent(n)[0] for line, n in enumerate(NUMBERS, 2)}
    del members[name(NUMBERS.index(NOT_SENT) + 2)]
    path = write_tar(root / "g.tar", members)
    write_list(root / "g.txt", [at(number) for number in NUMBERS], "G")
    assert [landed.state for landed in land_pictures(catalog, [path])] == ["landed"]
    build(catalog)
    return catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return write_masked(tmp_path_factory.mktemp("masked"))


@pytest.fixture(scope="module")
def rows(catalog):
    found = catalog.connect().sql("select * from picture_quality").to_arrow_table().to_pylist()
    return {(row["bin_by"], row["bin"], row["mask_plane"], row["band"]): row for row in found}


def fractions(numbers, plane: str) -> np.ndarray:
    """Of the pictures with a mask, as they were sent."""
    bit = 1 << MASK_PLANES.index(plane)
    masked = [n for n in numbers if n not in (NO_MASK, NOT_SENT)]
    return np.array([np.mean(sent(n)[1]["mask"] & bit != 0) for n in masked])


def bins() -> dict[tuple[str, str], list[int]]:
    """The galaxies of each bin, in g."""
    found: dict[tuple[str, str], list[int]] = {("all", "all"): list(NUMBERS)}
    for number in NUMBERS:
        step = int(np.floor(MAGNITUDES.get(number, 21.5)))
        found.setdefault(("cmodel_mag", f"{step} to {step + 1}"), []).append(number)
        found.setdefault(("tract", str(OTHER_TRACT.get(number, 9813))), []).append(number)
    return found


def test_every_bin_is_numpys(rows):
    wanted = bins()
    assert {key[:2] for key in rows if key[3] == "g"} == set(wanted)
    assert ("cmodel_mag", "20 to 21") in wanted and ("cmodel_mag", "9 to 10") in wanted
    for (bin_by, bin_name), numbers in wanted.items():
        for plane in MASK_PLANES:
            row = rows[bin_by, bin_name, plane.lower(), "g"]
            right = fractions(numbers, plane)
            assert row["pictures_wanted"] == len(numbers)
            assert row["pictures_shown"] == sum(n != NOT_SENT for n in numbers)
            assert row["pictures_with_mask"] == len(right)
            assert row["touched_share"] == np.mean(right > 0)
            assert row["masked_mean"] == pytest.approx(right.mean(), abs=1e-9)
            for column, part in (("masked_median", 50), ("masked_90", 90)):
                # The least value that so many do not exceed.
                least = np.percentile(right, part, method="inverted_cdf")
                assert row[column] == pytest.approx(least, abs=1e-9), (bin_name, plane, column)
            assert row["bin_low"] == (float(bin_name.split()[0]) if bin_by == "cmodel_mag" else None)


def test_shares_of_what_is_missing(rows):
    row = rows["all", "all", "sat", "g"]
    assert row["absent_share"] == 1 / 24 and row["truncated_share"] == 1 / 24 and row["refused_share"] == 0
    # Of the other filters no picture is asked for: there is nothing to be masked.
    other = rows["all", "all", "sat", "r"]
    assert other["pictures_with_mask"] == 0 and other["absent_share"] == 1
    assert other["masked_mean"] is None and other["masked_median"] is None and other["touched_share"] is None


def test_the_planes_that_are_defects(rows):
    defects = {key[2] for key, row in rows.items() if row["is_defect"]}
    assert {"bad", "sat", "no_data", "bright_object"} <= defects <= {plane.lower() for plane in MASK_PLANES}
    assert not {"detected", "not_deblended", "rejected", "inexact_psf"} & defects


def defect(number: int) -> float:
    """The largest fraction of its pixels in one defect, as it was sent; what is cut off against the largest."""
    mask = sent(number)[1].get("mask")
    largest = max(sent(one)[1]["image"].size for one in NUMBERS if one != NOT_SENT)
    cut = 1 - sent(CUT_OFF)[1]["image"].size / largest if number == CUT_OFF else 0
    found = [] if mask is None else [np.mean(mask & 1 << MASK_PLANES.index(name) != 0) for name in ("SAT", "BAD")]
    return max([*found, cut])


def test_the_worst_come_first_with_their_reasons(catalog):
    found = audit_pictures(catalog, limit=100)
    right = {number: defect(number) for number in NUMBERS if number != NOT_SENT}
    assert found["pictures"] == len(right)
    for row in found["distrusted"]:
        assert row["pictures"] == sum(value > row["above"] for value in right.values())
    assert sum(row["pictures"] for row in found["distrusted"]) > 0
    listed = [number for number, value in sorted(right.items(), key=lambda pair: (-pair[1], pair[0])) if value]
    assert [one["object_id"] for one in found["worst"]] == listed
    by_object = {one["object_id"]: one for one in found["worst"]}
    for number, one in by_object.items():
        assert one["defect"] == pytest.approx(right[number]) and one["band"] == "g"
    assert by_object[CUT_OFF]["reasons"] == [f"cut off {right[CUT_OFF]:.1%} in g"]
    assert by_object[11]["reasons"] == ["bad 0.0% in g"]
    assert by_object[AT_ITS_CENTRE]["centre"] == ["g bad"]
    assert not any(one["centre"] for number, one in by_object.items() if number != AT_ITS_CENTRE)
    assert audit_pictures(catalog, limit=2)["worst"] == found["worst"][:2]


def test_the_page_shows_what_was_found(catalog):
    found = audit_pictures(catalog)
    page = draw_quality(found, "title")
    axes = {one.get_label(): one for one in page.figure.axes if one.get_label()}
    grid = [text.get_text() for text in axes["planes"].texts]
    planes = [label.get_text() for label in axes["planes"].get_yticklabels()]
    share = fractions(NUMBERS, "SAT").mean()
    row = planes.index("sat")
    assert grid[5 * row : 5 * row + 5] == [f"{share:.2%}", *4 * ["no mask"]]
    # By magnitude: the mean of each bin, in the middle of it.
    line = next(one for one in axes["magnitudes"].lines if one.get_label() == "sat")
    brightest = fractions([n for n in NUMBERS if MAGNITUDES.get(n, 21.5) == 21.5], "SAT").mean()
    assert dict(zip(*line.get_data(), strict=True))[21.5] == pytest.approx(brightest)
    # Over the sky: 9812 has no saturated picture, so the other tract is the worse one.
    (discs,) = axes["sky"].collections
    assert len(discs.get_offsets()) == 2
    assert axes["sky"].texts[0].get_text().startswith("9813: sat")
    assert str(found["worst"][0]["object_id"]) in [text.get_text() for text in page.axes.texts]


def test_the_command(catalog, tmp_path, capsys):
    def typed(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in ("-C", catalog.root, "audit", "pictures", *words)])
        return left.value.code or 0, *capsys.readouterr()

    code, out, _ = typed("--limit", 3)
    assert code == 0 and out.count("sat ") >= 3 and "23 pictures of galaxies_v2" in out
    code, out, _ = typed("--json")
    assert code == 0 and json.loads(out)["worst"][0]["object_id"] == CUT_OFF
    pages = [tmp_path / f"{number}.png" for number in (1, 2)]
    for page in pages:
        assert typed("--graph", page)[:2] == (0, f"{page}\n")
    assert pages[0].read_bytes() == pages[1].read_bytes() != b""
    assert typed("--graph", tmp_path / "x.jpg")[0] == 2
    assert typed("--version", "v9")[0] == 2


def test_a_build_without_pictures_says_what_to_type(tmp_path):
    with pytest.raises(CatalogError, match="no pictures") as refusal:
        audit_pictures(mixed(tmp_path / "cat"))
    assert "galaxiesml ingest cutouts" in refusal.value.hint
