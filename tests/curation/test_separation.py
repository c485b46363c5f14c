"""The match distance from two positions, against astropy: at the poles, at RA 0, at a few milliarcseconds."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest
import sqlglot
from astropy import units
from astropy.coordinates import SkyCoord

from galaxiesml.catalog.functions import definitions
from galaxiesml.curation.macros import Macros

from ..made import builds
from ..made.pairs import good_pair
from .replay import BANDS, fields, joined_table, kept, replay

#: Separations are whole millionths of an arcsec: half of one is lost by rounding, and a little by the sines.
ROUNDED_ARCSEC = 5.01e-7


def test_separation_equals_astropy():
    draw = np.random.default_rng(1)
    count = 20_000
    ra1 = np.concatenate([draw.uniform(0, 360, count), [0.0, 359.9999, 10.0, 10.0, 200.0]])
    dec1 = np.concatenate([np.degrees(np.arcsin(draw.uniform(-1, 1, count))), [0.0, 5.0, 90.0, -89.9999, 89.9999]])
    offset = 10 ** draw.uniform(-6, -2, len(ra1))
    ra2 = (ra1 + offset * draw.normal(size=len(ra1))) % 360
    dec2 = np.clip(dec1 + offset * draw.normal(size=len(ra1)), -90, 90)
    positions = pa.table({"ra1": ra1, "dec1": dec1, "ra2": ra2, "dec2": dec2})
    expression = Macros(BANDS).call("separation_arcsec", "ra1", "dec1", "ra2", "dec2")
    connection = duckdb.connect()
    connection.register("positions", positions)
    ours = np.array([row[0] for row in connection.execute(f"select {expression} from positions").fetchall()])
    theirs = SkyCoord(ra1, dec1, unit="deg").separation(SkyCoord(ra2, dec2, unit="deg")).arcsec
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=ROUNDED_ARCSEC)
    np.testing.assert_array_equal(ours, np.round(1e6 * ours) / 1e6)


POSITIONS = [
    # ra1, dec1, ra2, dec2, arcsec
    ("150", "2", "150", "2", 0.0),
    # The grid: half of a millionth and above is one.
    ("150", "0", "150", "1.3e-10", 0.0),
    ("150", "0", "150", "1.5e-10", 1e-6),
    ("0", "0", "180", "0", 648_000.0),
    ("0", "-90", "10", "90", 648_000.0),
    # Over the pole: the same place, by a declination that is none.
    ("0", "100", "180", "80", 0.0),
    *((*("null" if at == place else "1" for at in range(4)), None) for place in range(4)),
    *((*("cast('nan' as double)" if at == place else "1" for at in range(4)), None) for place in range(4)),
    *((*("cast('inf' as double)" if at == place else "1" for at in range(4)), None) for place in range(4)),
    ("cast('-inf' as double)", "1", "cast('inf' as double)", "1", None),
]


@pytest.mark.parametrize(("given", "arcsec"), [(row[:4], row[4]) for row in POSITIONS])
def test_a_separation_is_on_the_grid_or_unknown(given, arcsec):
    """Of NULL, NaN and infinity nothing is cast: one engine makes 0 of NaN, another an error."""
    expression = Macros(BANDS).call("separation_arcsec", *(f"cast({one} as double)" for one in given))
    found, kind = duckdb.connect().execute(f"select {expression}, typeof({expression})").fetchone()
    assert (found, kind) == (arcsec, "DOUBLE")


def test_the_distance_comes_from_coordinates_where_d_pos_is_absent():
    far = good_pair(1, specz_name="A", d_pos=None, specz_ra=30.001 + 3e-4, specz_dec=-5.0)
    near = good_pair(2, specz_name="A", d_pos=None, specz_ra=30.002 + 1e-5, specz_dec=-5.0)
    assert {"specz_ra", "specz_dec"} <= set(fields("spectrum"))
    connection = replay(joined_table([far, near]))
    distances = connection.execute("select match_distance_arcsec from int_pairs order by pair_id").fetchall()
    expected = [
        SkyCoord(pair["ra"], pair["dec"], unit="deg")
        .separation(SkyCoord(pair["specz_ra"], pair["specz_dec"], unit="deg"))
        .arcsec
        for pair in (far, near)
    ]
    np.testing.assert_allclose([row[0] for row in distances], expected, atol=ROUNDED_ARCSEC)
    # d_pos is a column of this export, so v3's cut on it is judged and NULL; the order among them is by coordinates.
    best = connection.execute(
        """
        select pair_id from (
            select pair_id, row_number() over (order by match_distance_arcsec nulls last, pair_id) as place
            from int_pairs
        ) where place = 1
        """
    ).fetchone()
    assert best == (2,)
    assert kept(connection, 3) == []


@pytest.fixture(scope="module")
def connection(tmp_path_factory) -> duckdb.DuckDBPyConnection:
    """As `galaxiesml sql` and notebooks have it."""
    return builds.nothing(tmp_path_factory.mktemp("nothing") / "cat").connect()


def positions(count: int = 5_000) -> tuple[np.ndarray, ...]:
    """Centres all over the sky, at the poles and at RA 0, and a position near each."""
    draw = np.random.default_rng(2)
    ra0 = np.concatenate([draw.uniform(0, 360, count), [0.0, 359.99999, 0.00001, 77.0, 200.0, 123.0]])
    dec0 = np.concatenate([np.degrees(np.arcsin(draw.uniform(-1, 1, count))), [0.0, 30.0, -30.0, 90.0, -90.0, 89.9999]])
    away = 10 ** draw.uniform(-6, -1, len(ra0))
    near = SkyCoord(ra0, dec0, unit="deg").directional_offset_by(
        draw.uniform(0, 360, len(ra0)) * units.deg, away * units.deg
    )
    return ra0, dec0, near.ra.deg, near.dec.deg


def test_the_functions_of_a_connection_equal_astropy(connection):
    ra0, dec0, ra, dec = positions()
    theirs = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(ra0, dec0, unit="deg")).arcsec
    # A radius a little smaller and a little larger than what lies between, by one part in a million and the rounding.
    table = pa.table({"ra0": ra0, "dec0": dec0, "ra": ra, "dec": dec, "apart": theirs})
    connection.register("near", table)
    rows = connection.sql("""
        select separation_arcsec(ra, dec, ra0, dec0) as ours,
            in_cone(ra, dec, ra0, dec0, apart * (1 + 1e-6) + 5.01e-7) as inside,
            in_cone(ra, dec, ra0, dec0, apart * (1 - 1e-6) - 5.01e-7) as outside,
            in_cone(ra, dec, ra0, dec0, separation_arcsec(ra, dec, ra0, dec0)) as at_the_edge
        from near
    """).fetchnumpy()
    np.testing.assert_allclose(rows["ours"], theirs, rtol=1e-12, atol=ROUNDED_ARCSEC)
    assert rows["inside"].all() and not rows["outside"].any() and rows["at_the_edge"].all()


def test_a_cone_and_a_separation_say_the_same(connection):
    """Straight north or south, where the band in declination is as near as the circle; any radius."""
    draw = np.random.default_rng(3)
    count = 20_000
    away = np.concatenate([10 ** draw.uniform(-11, -3, count), draw.uniform(0, 179.9, count)])
    dec0 = np.concatenate([draw.uniform(-89, 89, count), np.full(count, -90.0)])
    dec = dec0 + away * np.concatenate([draw.choice([-1.0, 1.0], count), np.ones(count)])
    near = pa.table({"dec0": dec0, "dec": dec, "ra": draw.uniform(0, 360, 2 * count)})
    connection.register("along", near)
    connection.execute("create temp table apart as select *, separation_arcsec(ra, dec, ra, dec0) as d from along")
    for radius in ("d", "d - 1e-6", "d + 1e-6", "0", "1e-7", "1e-6", "0.5", "648000"):
        unlike = connection.sql(f"""
            select count(*) from apart where in_cone(ra, dec, ra, dec0, {radius}) is distinct from (d <= {radius})
        """).fetchall()
        assert unlike == [(0,)], radius


def test_a_cone_crosses_ra_0_and_the_pole(connection):
    def inside(*given) -> bool | None:
        return connection.execute(f"select in_cone({', '.join(map(str, given))})").fetchone()[0]

    assert inside(359.9999, 0, 0.0001, 0, 1) and not inside(359.9999, 0, 0.0001, 0, 0.7)
    assert inside(10, 89.9999, 190, 89.9999, 0.73) and not inside(10, 89.9999, 190, 89.9999, 0.71)
    # Literals are decimals in SQL: theirs of many digits must not overflow.
    assert inside(150.123456789012345, 2.123456789012345678, 150.1234567890123, 2.1234567890123, 0.001)
    assert inside("null", 2, 150, 2, 1) is None and inside(150, 2, 150, 2, 0) and not inside(150, 2, 150, 2, -1)


def test_surveys_are_a_list(connection):
    assert connection.execute("select surveys_of('vvds,zcosmos'), surveys_of('gama'), surveys_of(null)").fetchall() == [
        (["vvds", "zcosmos"], ["gama"], None)
    ]
    query = (
        "select survey, count(*) from (select unnest(surveys_of(specz_surveys)) as survey from galaxies) group by all"
    )
    assert connection.execute(query).fetchall() == []


def test_the_functions_are_sql_that_spark_reads():
    for definition in definitions():
        body = definition.partition(" as ")[2]
        for dialect in ("duckdb", "spark"):
            assert len(sqlglot.parse(f"select {body}", dialect=dialect)) == 1


def test_a_distance_from_an_unknown_position_is_unknown():
    """Not 180 degrees."""
    nowhere = good_pair(1, specz_name="A", d_pos=None, specz_ra=None, specz_dec=-5.0)
    connection = replay(joined_table([nowhere]))
    assert connection.execute("select match_distance_arcsec from int_pairs").fetchall() == [(None,)]
