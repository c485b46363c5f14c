"""Cells of the sky and the circle that touches them, against exact fractions and circles drawn by astropy."""

import math
from fractions import Fraction

import numpy as np
import pytest
from astropy.coordinates import offset_by
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .sky import RADIUS, cells_of, hashed, run, splits


def count_of(band: int) -> int:
    return max(1, round(1440 * math.cos(math.radians((band + 0.5) / 4 - 90))))


def exact_cells(ra: float, dec: float) -> set[int]:
    """Cells of a position by exact fractions; both where it is nearer to a border than doubles can tell."""
    band = min(719, math.floor((Fraction(dec) + 90) * 4))
    count = count_of(band)
    place = Fraction(ra) / 360 * count
    blur = Fraction(4, 2**52) * max(1, abs(place))
    return {band * 1440 + math.floor(place + shift) % count for shift in (-blur, 0, blur)}


def circle_cells(ra: float, dec: float, radius: float) -> set[int]:
    """Cells under 2,500 points of a circle (deg) around a position, and under its middle."""
    angles = np.linspace(0, 2 * np.pi, 2_500, endpoint=False)
    east, north = offset_by(np.radians(ra), np.radians(dec), angles, np.radians(radius))
    found = set(cells_of(np.degrees(east), np.degrees(north)).tolist()) | set(cells_of([ra], [dec]).tolist())
    if abs(dec) + radius >= 90:
        # A circle around the pole meets every cell there, whether a point of it shows that or not.
        band = 719 if dec > 0 else 0
        found |= {band * 1440 + place for place in range(count_of(band))}
    return found


def steps(value: float) -> st.SearchStrategy[float]:
    """A border, one double beside it, the circle's radius off it and a bit more or less, or anywhere near."""
    near = [0.0, RADIUS, -RADIUS, RADIUS * 0.99, -RADIUS * 0.99, RADIUS * 1.01, -RADIUS * 1.01]
    exact = [value, math.nextafter(value, -400), math.nextafter(value, 400), *(value + step for step in near)]
    return st.one_of(st.sampled_from(exact), st.floats(value - 3 * RADIUS, value + 3 * RADIUS))


@st.composite
def positions(draw):
    """Positions on and near the borders of cells, at the poles and at RA 0 more often than elsewhere."""
    edge = draw(st.one_of(st.integers(-360, 360), st.sampled_from([-360, -359, -1, 0, 1, 359, 360])))
    dec = min(90.0, max(-90.0, draw(steps(edge / 4))))
    count = count_of(min(719, math.floor((dec + 90) * 4)))
    column = draw(st.one_of(st.integers(0, count), st.sampled_from([0, count])))
    ra = draw(st.one_of(steps(360 * column / count), st.sampled_from([0.0, 360.0, 359.99999, 1e-12, -0.0])))
    return min(360.0, max(-360.0, ra)), dec


@settings(max_examples=50, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(positions(), min_size=1, max_size=8))
def test_cells_and_circles_equal_an_independent_reading(places):
    ra, dec = zip(*places, strict=True)
    connection = run(range(len(ra)), ra, dec)
    own = dict(connection.execute("select object_id, sky_cell from int_object_cells").fetchall())
    touched = {number: {cell} for number, cell in own.items()}
    for number, cell in connection.execute("select object_id, sky_cell from int_touched_cells").fetchall():
        touched[number].add(cell)
    found = splits(connection)
    for number, place in enumerate(places):
        assert own[number] in exact_cells(*place)
        # 2,500 points of a circle show what it meets by 0.03 arcsec or more, not a border's exact touch.
        inner, outer = (circle_cells(*place, RADIUS + step / 3600) for step in (-0.03, 0.03))
        assert inner - exact_cells(*place) <= touched[number]
        assert touched[number] - exact_cells(*place) <= outer
        kinds = {hashed(1, "leak_free", cell) for cell in touched[number]}
        assert found[number] == (kinds.pop() if len(kinds) == 1 else "buffer")


def test_ra_0_and_360_are_one_meridian():
    ra = [0.0, 360.0, -0.0, 359.99999, math.nextafter(360.0, 0), 1e-9, -1e-9, 5e-324]
    connection = run(range(len(ra)), ra, [0.1] * len(ra))
    band = 360
    cells = [
        row[0] for row in connection.execute("select sky_cell from int_object_cells order by object_id").fetchall()
    ]
    first, last = band * 1440, band * 1440 + 1439
    assert cells[:4] == [first, first, first, last]
    # So near the meridian every object's circle touches both cells, whichever it is in.
    rows = connection.execute("select object_id, list(sky_cell order by sky_cell) from int_touched_cells group by 1")
    assert {number: set(cells) for number, cells in rows.fetchall()} == {n: {first, last} for n in range(len(ra))}


def test_the_poles_have_a_handful_of_cells_and_a_circle_over_a_pole_touches_all():
    dec = [90.0, 90 - RADIUS * 0.9, 90 - RADIUS * 1.1, -90.0, 89.8]
    connection = run(range(5), [10.0, 200.0, 10.0, 77.0, 60.0], dec)
    rows = connection.execute("select object_id, list(sky_cell order by sky_cell) from int_touched_cells group by 1")
    touched = dict(rows.fetchall())
    polar = [719 * 1440 + place for place in range(count_of(719))]
    assert touched[0] == touched[1] == polar and len(polar) == 3
    assert touched[3] == [0, 1, 2]
    assert len(touched[2]) == 2 and 4 not in touched


def test_cells_are_about_a_quarter_degree_wide_and_cover_the_sky_once():
    counts = np.array([count_of(band) for band in range(720)])
    assert counts.max() < 1440 + 1 and (counts == counts[::-1]).all()
    # No band's count is so near a half that one engine's cosine could round it another way.
    places = 1440 * np.cos(np.radians((np.arange(720) + 0.5) / 4 - 90))
    assert np.abs(places % 1 - 0.5).min() > 1e-6
    widths = 360 / counts * np.cos(np.radians((np.arange(720) + 0.5) / 4 - 90))
    assert np.abs(widths[8:-8] - 0.25).max() < 0.01
    cells = run([1, 2], [12.3, 200.0], [45.6, -89.95]).execute("select * from split_cells").fetchall()
    for cell, split, west, east, south, north in cells:
        assert cells_of([(west + east) / 2], [(south + north) / 2]) == [cell]
        assert split == hashed(1, "leak_free", cell) and north - south == 0.25


@pytest.mark.parametrize(
    "place", [(None, 1.0), (1.0, None), (math.inf, 1.0), (1.0, 91.0), (400.0, 1.0), (1.0, -90.00001)]
)
def test_an_object_that_is_nowhere_has_no_leak_free_split(place):
    connection = run([1, 2], [place[0], 5.1], [place[1], 5.1])
    assert splits(connection)[1] is None and splits(connection)[2] is not None
    assert splits(connection, "release")[1] == hashed(1, "release", 1)
