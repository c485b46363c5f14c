"""No pixel of the sky is in the cutouts of two splits: over dense fields, and where the rule is broken it shows."""

import shutil

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from galaxiesml import dictionary, instrument
from galaxiesml.curation.macros import Macros

from .sky import BANDS, cells_of, patch, pixel_positions, run, splits, strays, tract

#: 30,000 objects a square degree, as HSC has, unless a fifth number says otherwise; centre, width and height in deg.
FIELDS = {
    "equator": (150.0, 0.0, 1.0, 1.0),
    "RA 0": (0.0, -5.0, 0.5, 2.0),
    "high declination": (37.0, 71.3, 1.0, 1.0),
    "north pole": (0.0, 90.0, 360.0, 1.2),
    "south pole": (0.0, -90.0, 360.0, 1.2),
    # So many that a few hundred cutouts hold the pole itself.
    "over a pole": (0.0, 90.0, 360.0, 0.02, 5_000_000),
}


@pytest.mark.parametrize("name", FIELDS)
def test_no_two_splits_share_a_pixel(name):
    ra, dec = patch(*FIELDS[name])
    assert len(ra) > 1_500
    connection = run(range(len(ra)), ra, dec)
    assert strays(connection, ra, dec) == 0
    found = splits(connection)
    split = np.array([found[number] for number in range(len(ra))])
    assert {"training", "buffer"} < set(split)
    # Nearer than a diagonal two cutouts overlap, however they are turned; no pair across splits is.
    inside = np.flatnonzero(split != "buffer")
    places = SkyCoord(ra[inside], dec[inside], unit="deg")
    first, second, _, _ = places.search_around_sky(places, 127 * np.sqrt(2) * 0.168 * units.arcsec)
    assert len(first) > len(inside)
    assert (split[inside][first] == split[inside][second]).all()


@pytest.mark.parametrize("name", ["equator", "high declination"])
def test_one_grid_of_pixels_for_all(name):
    """A survey's cutouts lie on whole pixels of one grid, half a pixel off the object at most."""
    ra, dec = patch(*FIELDS[name])
    found = splits(run(range(len(ra)), ra, dec))
    split = np.array([found[number] for number in range(len(ra))])
    column, row = np.rint(tract(*FIELDS[name][:2]).wcs_world2pix(ra, dec, 0)).astype(np.int64)
    # Two cutouts share pixels where both their rows and their columns are nearer than 127.
    order = np.argsort(row)
    pairs = across = 0
    for step in range(1, len(order)):
        near = row[order[step:]] - row[order[:-step]] < 127
        if not near.any():
            break
        a, b = order[:-step][near], order[step:][near]
        shared = np.abs(column[a] - column[b]) < 127
        files = (split[a] != "buffer") & (split[b] != "buffer")
        pairs += int((shared & files).sum())
        across += int((shared & files & (split[a] != split[b])).sum())
    assert pairs > 50_000 and across == 0


def test_what_is_lost_over_the_sky():
    draw = np.random.default_rng(5)
    ra, dec = draw.uniform(0, 360, 300_000), np.degrees(np.arcsin(draw.uniform(-1, 1, 300_000)))
    found = np.array(list(splits(run(range(300_000), ra, dec)).values()))
    lost = np.mean(found == "buffer")
    # A border strip of 15.1 arcsec on four sides of 900, of which 22 in 49 part two splits.
    assert lost == pytest.approx(4 * 15.1 / 900 * 22 / 49, abs=0.0015)
    assert 0.025 < lost < 0.035


MUTATIONS = {
    "radius of 0": ("sql/macros/cutout_radius.sql", "var('cutout_radius_arcsec')", "0", "equator"),
    "half the radius": ("sql/macros/cutout_radius.sql", "var('cutout_radius_arcsec')", "7.5", "equator"),
    "no band above or below": (
        *("models/intermediate/int_touched_cells.sql", "where objects.band + steps.step between"),
        *("where steps.step = 0 and objects.band between", "equator"),
    ),
    "no neighbour in RA": (
        *("models/intermediate/int_touched_cells.sql", "+ steps.step + 1 <= ranges.last_column"),
        *("+ steps.step + 1 = ranges.first_column", "equator"),
    ),
    "no wrap at RA 0": (
        *("sql/macros/split_cell.sql", "mod(mod({{ column }}, {{ cells }}) + {{ cells }}, {{ cells }})"),
        *("{{ column }}", "RA 0"),
    ),
    "RA not widened by declination": (
        *("sql/macros/split_cell_reach.sql", "/ cos(radians({{ dec }})))))"),
        *(")))", "high declination"),
    ),
    "the pole forgotten": (
        *("sql/macros/split_cell_reach.sql", ">= 90 then cast(180", ">= 90 then cast(0", "over a pole"),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_broken_rule_is_seen(name, tmp_path):
    file, old, new, field = MUTATIONS[name]
    for part in ("sql/macros", "models"):
        shutil.copytree(dictionary.PROJECT / part, tmp_path / part)
    text = (tmp_path / file).read_text()
    assert text.count(old) == 1
    (tmp_path / file).write_text(text.replace(old, new))
    ra, dec = patch(*FIELDS[field])
    assert strays(run(range(len(ra)), ra, dec, project=tmp_path), ra, dec) > 0


def test_the_proof_sees_a_single_stray_pixel():
    ra, dec = patch(*FIELDS["equator"], density=3_000)
    connection = run(range(len(ra)), ra, dec)
    assert strays(connection, ra, dec) == 0
    connection.execute("update splits set split_leak_free = 'testing' where object_id = 0")
    connection.execute("update splits set split_leak_free = 'training' where object_id = 1")
    assert strays(connection, ra, dec) > 0


def test_the_circle_holds_the_cutout():
    assert float(Macros(BANDS).call("cutout_radius").split("(")[1].split(" ")[0]) * 3600 == pytest.approx(
        instrument.CUTOUT_RADIUS_ARCSEC, abs=1e-9
    )
    half_diagonal = 127 * instrument.PIXEL_SCALE_ARCSEC / np.sqrt(2)
    assert half_diagonal < instrument.CUTOUT_RADIUS_ARCSEC < half_diagonal + 0.1
    ra, dec = pixel_positions(np.array([10.0]), np.array([60.0]))
    farthest = SkyCoord(ra[0], dec[0], unit="deg").separation(SkyCoord(10.0, 60.0, unit="deg")).arcsec.max()
    assert farthest == pytest.approx(half_diagonal, abs=1e-3)
    assert len(np.unique(cells_of(ra, dec))) >= 1
