"""One redshift of several is the same to the last bit, in whatever order the spectra arrive."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest

from .matched import run, spectrum

MODELS = ("int_spectrum_objects", "int_spectrum_matches", "int_matched_redshifts")
#: Sums of these in doubles differ by their order.
REDSHIFTS = (0.1, 0.7000000000000002, 0.30004)
ERRORS = (1.1e-4, 3.3e-5, 7.7e-6)


def mean(rows: list[dict], threads: int = 2) -> dict:
    """The mean, by the team's rule, of one object's spectra in the order in which they are given."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["specz_confidence"] = pa.nulls(len(rows), pa.float64())
    for name in ("specz_redshift", "specz_redshift_err"):
        columns[name] = pa.array(columns[name], pa.float64())
    place = {"object_id": np.array([1]), "ra": np.array([150.0]), "dec": np.array([2.0])}
    connection = run(place, columns, *MODELS)
    query = "select * from int_matched_redshifts where specz_rule = 'hsc'"
    return connection.sql(query).to_arrow_table().to_pylist()[0]


def test_three_spectra_in_every_order():
    """Of arrival, and of distance from the object, by which windows sort them before they are added up."""
    values = tuple(zip(REDSHIFTS, ERRORS, strict=True))
    # In doubles they would not do: the order matters.
    assert len({(one + two) + three for one, two, three in permutations(REDSHIFTS)}) > 1
    assert len({(one**2 + two**2) + three**2 for one, two, three in permutations(ERRORS)}) > 1
    found = []
    for given in permutations(values):
        rows = [spectrum(at, redshift, specz_redshift_err=error) for at, (redshift, error) in enumerate(given, start=1)]
        found += [mean([rows[at] for at in order]) for order in permutations(range(3))]
    assert len(found) == 36 and all(row == found[0] for row in found)
    # To the sum's unit, and to the square root's.
    assert found[0]["specz_redshift"] == pytest.approx(float(sum(map(Fraction, REDSHIFTS)) / 3), abs=1e-12, rel=0)
    assert found[0]["specz_redshift_err"] == pytest.approx(sum(error**2 for error in ERRORS) ** 0.5 / 3, rel=1e-14)
    assert found[0]["specz_name"] == "One-1,One-2,One-3"


@pytest.mark.parametrize("redshift", [0.12345000356435776, 1 / 3, 1e-5 / 3, 5000.1, float("inf")])
@pytest.mark.parametrize("count", [1, 3])
def test_one_redshift_or_several_alike_stay_as_they_landed(redshift, count):
    found = mean([spectrum(at + 1, redshift, specz_redshift_err=1e-5 / 3) for at in range(count)])
    assert found["specz_redshift"] == redshift
    if count == 1:
        assert found["specz_redshift_err"] == 1e-5 / 3


@pytest.mark.parametrize(
    ("redshifts", "errors", "wanted"),
    [
        ((0.5, 0.502), (1e-4, 1e-4), (0.501, 1e-4 / 2**0.5)),
        # Ordinary at any size: the squares are of the largest.
        ((0.5, 0.502), (1e-300, 1e-300), (0.501, 1e-300 / 2**0.5)),
        ((0.5, 0.502), (1e200, 1e-4), (0.501, 5e199)),
        ((0.5, 0.502), (0.0, 0.0), (0.501, 0.0)),
        # No mean, and no error, of what is infinite or is no redshift.
        ((0.5, float("inf")), (1e-4, 1e-4), (None, 1e-4 / 2**0.5)),
        ((0.5, 1000.0), (1e-4, 1e-4), (None, 1e-4 / 2**0.5)),
        ((0.5, 0.502), (float("inf"), 1e-4), (0.501, None)),
        ((0.5, 0.502), (None, 1e-4), (0.501, None)),
    ],
)
def test_the_mean_of_two_is_defined(redshifts, errors, wanted):
    both = zip(redshifts, errors, strict=True)
    found = mean([spectrum(at, one, specz_redshift_err=error) for at, (one, error) in enumerate(both, start=1)])
    for value, given in zip((found["specz_redshift"], found["specz_redshift_err"]), wanted, strict=True):
        assert value is None if given is None else value == pytest.approx(given, rel=1e-15, abs=0)


@pytest.mark.parametrize(
    ("classes", "wanted"),
    [(("GALAXY", "GALAXY"), "GALAXY"), (("GALAXY", "QSO"), None), ((None, "QSO"), "QSO"), ((None, None), None)],
)
def test_a_class_is_of_the_spectra_that_have_one(classes, wanted):
    found = mean([spectrum(at, 0.5, specz_class=one) for at, one in enumerate(classes, start=1)])
    assert found["specz_class"] == wanted
