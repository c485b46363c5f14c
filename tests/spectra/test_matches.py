"""Spectra meet objects on the sphere as astropy has it, and one redshift comes of several as the rules say."""

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord, search_around_sky

from .matched import run, spectrum


def points(number: int, random) -> tuple[np.ndarray, np.ndarray]:
    """Anywhere, within arcsec of the poles, on RA 0, and on the faces of cubes."""
    ra, dec = random.uniform(0, 360, number), np.degrees(np.arcsin(random.uniform(-1, 1, number)))
    part = number // 10
    dec[:part] = 90 - random.uniform(0, 20, part) / 3600
    dec[part : 2 * part] = -90 + random.uniform(0, 20, part) / 3600
    ra[2 * part : 3 * part] = random.normal(0, 1, part) / 3600 % 360
    dec[2 * part : 3 * part] = random.uniform(-1, 1, part) / 600
    return ra, dec


@pytest.fixture(scope="module")
def both():
    random = np.random.default_rng(7)
    ra, dec = points(100_000, random)
    of = random.integers(0, 100_000, 50_000)
    away, angle = 0.8 / 3600 * np.sqrt(random.random(50_000)), random.uniform(0, 2 * np.pi, 50_000)
    place = SkyCoord(ra[of], dec[of], unit="deg").directional_offset_by(angle * u.rad, away * u.deg)
    return (ra, dec), (place.ra.deg, place.dec.deg)


def test_pairs_are_those_of_astropy(both):
    (ra, dec), (s_ra, s_dec) = both
    connection = run(
        {"object_id": np.arange(len(ra)), "ra": ra, "dec": dec},
        {"spectrum": np.arange(len(s_ra)), "specz_ra": s_ra, "specz_dec": s_dec},
        "int_spectrum_objects",
    )
    found = connection.sql(
        "select spectrum, object_id, match_distance_arcsec from int_spectrum_objects order by 1, 2"
    ).fetchnumpy()
    objects, spectra = SkyCoord(ra, dec, unit="deg"), SkyCoord(s_ra, s_dec, unit="deg")
    one, other, apart, _ = search_around_sky(spectra, objects, 0.500001 * u.arcsec)
    # Separations are rounded to millionths of an arcsec before they meet the radius.
    near = np.round(1e6 * apart.arcsec) <= 500_000
    one, other, apart = one[near], other[near], apart[near]
    order = np.lexsort((other, one))
    np.testing.assert_array_equal(found["spectrum"], one[order])
    np.testing.assert_array_equal(found["object_id"], other[order])
    np.testing.assert_allclose(found["match_distance_arcsec"], apart[order].arcsec, rtol=0, atol=5.01e-7)
    # Round the poles many objects are near one spectrum.
    assert len(one) > 20_000 and len(np.unique(one)) < len(one)


def rules(*spectra: dict) -> dict[str, dict]:
    """What each rule makes of one object's spectra."""
    columns = {name: [row[name] for row in spectra] for name in spectra[0]}
    columns["specz_confidence"] = pa.nulls(len(spectra), pa.float64())
    columns["specz_redshift"] = pa.array(columns["specz_redshift"], pa.float64())
    connection = run(
        {"object_id": np.array([1]), "ra": np.array([150.0]), "dec": np.array([2.0])},
        columns,
        *("int_spectrum_objects", "int_spectrum_matches", "int_matched_redshifts"),
    )
    rows = connection.sql("select * from int_matched_redshifts").to_arrow_table().to_pylist()
    return {row["specz_rule"]: row for row in rows}


def test_one_secure_spectrum_is_the_redshift():
    found = rules(spectrum(1, 0.5), spectrum(2, 0.9, specz_flag_homogeneous=False))
    for rule in ("hsc", "best"):
        assert (found[rule]["specz_redshift"], found[rule]["specz_name"]) == (0.5, "One-1")
        assert (found[rule]["n_spectra"], found[rule]["n_secure"]) == (2, 1)
    assert (found["hsc"]["specz_state"], found["best"]["specz_state"]) == ("one", "best")


def test_several_secure_ones_are_averaged_and_their_names_joined():
    found = rules(spectrum(1, 0.5), spectrum(2, 0.502, specz_original_flag="3"))
    assert found["hsc"]["specz_redshift"] == pytest.approx(0.501)
    assert found["hsc"]["specz_redshift_err"] == pytest.approx(1e-4 / 2**0.5)
    assert (found["hsc"]["specz_name"], found["hsc"]["specz_original_flag"]) == ("One-1,One-2", "4,3")
    assert found["hsc"]["specz_state"] == "mean"


def test_none_secure_gives_no_redshift_by_the_teams_rule():
    insecure = {"specz_flag_homogeneous": False}
    found = rules(spectrum(1, 0.5, **insecure), spectrum(2, 0.6, **insecure))
    assert found["hsc"]["specz_redshift"] is None and found["hsc"]["specz_redshift_err"] is None
    assert found["hsc"]["specz_name"] == "One-1,One-2" and not found["hsc"]["specz_flag_homogeneous"]
    assert {row["specz_state"] for row in found.values()} == {"none secure"}


BETTER = [
    ({"specz_instrument": "grism"}, {"specz_instrument": "prism"}),
    ({}, {"specz_instrument": "grism"}),
    ({}, {"specz_error_kind": "assigned", "specz_redshift_err": 1e-5}),
    ({"specz_redshift_err": 5e-5}, {}),
    ({"release_year": 2020}, {}),
]


@pytest.mark.parametrize(("better", "worse"), BETTER)
def test_the_ranking_of_the_best(better, worse):
    # The worse one is the nearer one.
    found = rules(spectrum(1, 0.5, **worse), spectrum(2, 0.501, **better))["best"]
    assert (found["specz_name"], found["specz_state"]) == ("One-2", "best")


@pytest.mark.parametrize(
    ("other", "state"), [(0.5 + 0.005 * 1.5 * 0.99, "best"), (0.5 + 0.005 * 1.5 * 1.01, "conflict")]
)
def test_secure_ones_that_differ_are_in_conflict(other, state):
    assert rules(spectrum(1, 0.5), spectrum(2, other))["best"]["specz_state"] == state


def test_ranks_counts_and_magnitude_differences():
    columns = {"spectrum": [1, 2], "specz_ra": [150.0, 150.0 + 0.2 / 3600], "specz_dec": [2.0, 2.0]}
    columns |= {"survey": ["one"] * 2, "specz_name": ["a", "b"], "spectrum_mag": [19.5, 21.0]}
    columns["spectrum_mag_band"] = ["i", "B"]
    connection = run(
        {"object_id": np.array([7, 8]), "ra": np.array([150.0, 150.0 + 0.3 / 3600]), "dec": np.array([2.0, 2.0])},
        columns,
        *("int_spectrum_objects", "int_spectrum_matches"),
    )
    rows = (
        connection.sql("select * from int_spectrum_matches order by object_id, spectrum").to_arrow_table().to_pylist()
    )
    places = {(row["object_id"], row["spectrum"]): (row["spectrum_rank"], row["object_rank"]) for row in rows}
    assert places == {(7, 1): (1, 1), (7, 2): (2, 2), (8, 1): (2, 2), (8, 2): (1, 1)}
    assert {(row["spectra_of_object"], row["objects_of_spectrum"]) for row in rows} == {(2, 2)}
    assert [row["d_mag"] for row in rows] == [0.5, None, 0.5, None]


def test_agreement_counts_each_pair_once():
    apart = [spectrum(1, 0.5), spectrum(2, 0.5001, survey="two"), spectrum(3, 0.6, specz_original_flag="2")]
    columns = {name: [row[name] for row in apart] for name in apart[0]}
    columns["specz_confidence"] = pa.nulls(3, pa.float64())
    connection = run(
        {"object_id": np.array([1]), "ra": np.array([0.0]), "dec": np.array([0.0])}, columns, "spectra_agreement"
    )
    rows = connection.sql("select * from spectra_agreement").to_arrow_table().to_pylist()
    found = {
        (row["survey"], row["other_survey"], row["specz_original_flag"]): (row["n_pairs"], row["fraction_apart"])
        for row in rows
    }
    assert found == {("one", "one", "2"): (1, 1.0), ("one", "two", "4"): (1, 0.0), ("one", "two", "2"): (1, 1.0)}
    assert [row["fraction_apart_velocity"] for row in rows if row["fraction_apart"] == 0] == [0.0]


def test_flags_two_and_three_of_one_survey_are_one_row():
    """Whichever spectrum landed first; an unknown flag comes last.  The fraction is of all such pairs."""
    flags = ("2", "3", "3", "2", "2", None, None, "2", None, None)
    redshifts = (0.5, 0.5, 0.5, 0.6, 0.5, 0.5, 0.5, 0.6, 0.5, 0.5)
    # Five pairs, a degree apart from each other.
    places = [150.0 + at // 2 for at in range(len(flags))]
    rows = [
        spectrum(at + 1, redshift, specz_original_flag=flag, specz_ra=ra)
        for at, (flag, redshift, ra) in enumerate(zip(flags, redshifts, places, strict=True))
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["specz_confidence"] = pa.nulls(len(rows), pa.float64())
    connection = run(
        {"object_id": np.array([1]), "ra": np.array([0.0]), "dec": np.array([0.0])}, columns, "spectra_agreement"
    )
    found = connection.sql("select * from spectra_agreement").to_arrow_table().to_pylist()
    assert {
        (row["specz_original_flag"], row["other_flag"]): (row["n_pairs"], row["fraction_apart"]) for row in found
    } == {("2", "3"): (2, 0.5), ("2", None): (2, 0.5), (None, None): (1, 0.0)}
    assert len(found) == 3
