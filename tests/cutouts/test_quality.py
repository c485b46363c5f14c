"""How much of the pictures is masked: the mart against numpy's reading of the masks that were sent."""

from __future__ import annotations

import numpy as np
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.instrument import MASK_PLANES

from ..curation.landed import land_rows, new_catalog
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


def sent(number: int) -> tuple[bytes, dict[str, np.ndarray]]:
    """A picture whose mask has as many pixels with each plane as the test wants."""
    made = cutout(*at(number), seed=number)[1]
    if number == CUT_OFF:
        made = {kind: layer[11:] for kind, layer in made.items()}
    mask = np.zeros_like(made["mask"])
    mask.ravel()[: SATURATED.get(number, 0)] |= 1 << MASK_PLANES.index("SAT")
    mask.ravel()[-BAD.get(number, 0) or mask.size :] |= 1 << MASK_PLANES.index("BAD")
    mask |= 1 << MASK_PLANES.index("DETECTED")
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
