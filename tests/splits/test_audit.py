"""The audit of the splits on counts made by hand, and the pairs against astropy's own search."""

from fractions import Fraction

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from galaxiesml.curation.macros import Macros
from galaxiesml.errors import CatalogError
from galaxiesml.plots.splits import draw_splits
from galaxiesml.splits.audit import audit_splits, cells, kolmogorov_smirnov, load_objects, redshifts, sigmas_off
from galaxiesml.splits.pairs import close_pairs

from .sky import BANDS, patch, run, splits

#: Twice the radius of a cutout of HSC.
NEAR = 30.2
SHARES = Macros(BANDS).call("split_schemes")


def with_galaxies(connection, count, magnitude=None):
    """Give the models' connection a table of galaxies with redshifts that fall with the number."""
    draw = np.random.default_rng(2)
    connection.register(
        "extra",
        pa.table(
            {
                "object_id": pa.array(range(count), pa.int64()),
                "specz_redshift": pa.array(draw.gamma(2, 0.3, count)),
                "i_cmodel_mag": pa.array(draw.normal(21, 1, count) if magnitude is None else magnitude),
            }
        ),
    )
    connection.execute("create table galaxies_v2 as select * from given inner join extra using (object_id)")
    return connection


@pytest.fixture(scope="module")
def field():
    ra, dec = patch(0.0, 1.0, 1.0, 1.0, density=8_000)
    return ra, dec, with_galaxies(run(range(len(ra)), ra, dec), len(ra))


def test_the_audit_counts_what_is_there(field):
    ra, dec, connection = field
    places = SkyCoord(ra, dec, unit="deg")
    first, second, _, _ = places.search_around_sky(places, 30.2 * units.arcsec)
    for found in audit_splits(connection, "v2", "i", SHARES, ("release", "paper", "leak_free"), near_arcsec=NEAR):
        of_object = splits(connection, found["scheme"])
        split = np.array([of_object[number] for number in range(len(ra))])
        assert found["rows"] == len(ra) and found["no_split"] == 0
        for row in found["splits"]:
            assert row["rows"] == int((split == row["split"]).sum())
        assert found["buffer"] == int((split == "buffer").sum()) == len(ra) - found["in_files"]
        differ = (split[first] != split[second]) & (split[first] != "buffer") & (split[second] != "buffer")
        assert found["close_pairs"] == int((differ & (first < second)).sum())
        near = (split[first] == "testing") & (split[second] == "training")
        assert found["testing_near_training"] == len(set(first[near]))
    assert found["scheme"] == "leak_free" and found["close_pairs"] == 0 and found["buffer"] > 0
    hashed = sum(row["hashed"] for row in found["splits"] if row["split"] != "buffer")
    assert hashed == len(ra)


def test_release_leaks_and_is_seen(field):
    ra, _, connection = field
    release = audit_splits(connection, "v2", "i", SHARES, ("release",), near_arcsec=NEAR)[0]
    # 8,000 a square degree: 1.77 neighbours within 30.2 arcsec, and 22 in 49 pairs part.
    expected = len(ra) * 8_000 * np.pi * (30.2 / 3600) ** 2 / 2 * 22 / 49
    assert release["close_pairs"] == pytest.approx(expected, rel=0.1)
    assert release["testing_near_training"] > len(ra) / 7 / 2


def test_pairs_at_the_poles_and_at_ra_0():
    rows = [
        *[(1, 0.001, 0.0, "training"), (2, 359.999, 0.0, "testing")],
        *[(3, 0.0, 89.998, "testing"), (4, 180.0, 89.998, "training")],
        *[(5, 10.0, 20.0, "buffer"), (6, 10.0, 20.0001, "training"), (7, 10.0, 20.0002, None)],
        *[(8, 50.0, 0.0, "validation"), (9, 50.0 + 30.3 / 3600, 0.0, "training")],
        *[(10, 60.0, 0.0, "validation"), (11, 60.0 + 30.1 / 3600, 0.0, "training"), (12, None, 1.0, "testing")],
    ]
    names = ("object_id", "ra", "dec", "split_release")
    table = pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})
    with duckdb.connect() as connection:
        connection.register("split_objects", table)
        found = close_pairs(connection, ["release"], NEAR)
    assert found == {"release": {"pairs": 3, "testing_near_training": 2}}


def test_kolmogorov_smirnov_by_hand():
    assert kolmogorov_smirnov(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 4])) == 0
    assert kolmogorov_smirnov(np.array([1.0, 2]), np.array([3.0, 4, np.nan])) == 1
    assert kolmogorov_smirnov(np.array([1.0, 2, 3, 4]), np.array([2.5, 3.5])) == pytest.approx(0.5)
    assert kolmogorov_smirnov(np.array([]), np.array([1.0])) is None
    assert kolmogorov_smirnov(np.array([np.nan]), np.array([1.0])) is None


def test_sigmas_are_binomial_for_objects_and_wider_for_cells():
    ones = np.ones(700)
    assert sigmas_off(500, Fraction(5, 7), ones) == pytest.approx(0)
    assert sigmas_off(530, Fraction(5, 7), ones) == pytest.approx(30 / np.sqrt(700 * 10 / 49))
    assert sigmas_off(530, Fraction(5, 7), np.full(7, 100)) == pytest.approx(30 / np.sqrt(70_000 * 10 / 49))
    assert sigmas_off(0, Fraction(1, 7), np.array([])) is None


def test_a_skewed_split_has_a_large_distance():
    ra, dec = patch(150.0, 0.0, 1.0, 1.0, density=3_000)
    connection = run(range(len(ra)), ra, dec)
    number = splits(connection, "release")
    bright = [18.0 if number[at] == "testing" else 24.0 for at in range(len(ra))]
    with_galaxies(connection, len(ra), bright)
    rows = {
        row["split"]: row
        for row in audit_splits(connection, "v2", "i", SHARES, ("release",), near_arcsec=NEAR)[0]["splits"]
    }
    assert rows["testing"]["ks_magnitude"] == 1 and rows["validation"]["ks_magnitude"] == 0
    assert rows["testing"]["ks_redshift"] < 0.2 and rows["training"]["ks_redshift"] is None


def test_official_splits_are_absent_until_a_file_lands(field):
    connection = field[2]
    found = audit_splits(connection, "v2", "i", SHARES, ("official",), near_arcsec=NEAR)[0]
    assert (found["in_files"], found["no_split"], found["buffer_fraction"]) == (0, found["rows"], 0)
    assert all(row["rows"] == 0 and row["share"] is None and row["sigmas"] is None for row in found["splits"])


def test_a_build_without_splits_is_told():
    with duckdb.connect() as connection, pytest.raises(CatalogError) as refusal:
        load_objects(connection, "v2", "i")
    assert "galaxiesml build --version v2" in refusal.value.hint


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_the_picture_shows_every_split_and_is_the_same_each_time(field, tmp_path, kind):
    connection = field[2]
    load_objects(connection, "v2", "i")
    drawn = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}.{kind}"
        draw_splits(cells(connection), redshifts(connection, "leak_free"), path, "galaxies_v2")
        drawn.append(path.read_bytes())
    assert drawn[0] == drawn[1] and len(drawn[0]) > 10_000
    shown = cells(connection)
    assert set(shown["split"]) <= {"training", "validation", "testing"} and len(shown["split"]) > 9
    found = audit_splits(connection, "v2", "i", SHARES, ("leak_free",), near_arcsec=NEAR)[0]
    sizes = {row["split"]: row["rows"] for row in found["splits"]}
    assert {name: len(values) for name, values in redshifts(connection, "leak_free").items()} == {
        name: sizes[name] for name in ("training", "validation", "testing")
    }
