"""Pairs of objects whose cutouts may share a pixel though they stand in different splits."""

from __future__ import annotations

import math

import duckdb


def close_pairs(
    connection: duckdb.DuckDBPyConnection, schemes: list[str], near_arcsec: float
) -> dict[str, dict[str, int]]:
    """Count pairs across splits that are nearer than two cutouts' radii, at which their circles overlap.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With a table ``split_objects``: object_id, ra, dec (deg) and split_<scheme> for each scheme.
    schemes : list of str
        A buffer, and an object without a split, is in no file and in no pair.
    near_arcsec : float
        Twice the cutout's radius; 0 in a survey whose pictures have no known scale, and then no pair is near.

    Returns
    -------
    dict of str to dict
        By scheme: ``pairs``, and ``testing_near_training``, the testing objects that have a training object so near.
    """
    if not near_arcsec > 0:
        return {scheme: {"pairs": 0, "testing_near_training": 0} for scheme in schemes}
    # Cubes of unit vectors, as wide as the distance: near objects share a cube or stand in cubes that touch, at
    # the poles and at RA 0 as anywhere else.  Each pair of cubes is met once.
    side = math.radians(near_arcsec / 3600)
    chord = 2 * math.sin(side / 2)
    steps = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1) if (x, y, z) >= (0, 0, 0)]
    connection.execute(f"""
        create or replace temp table split_cubes as
        with vectors as (
            select *, cos(radians(dec)) * cos(radians(ra)) as x, cos(radians(dec)) * sin(radians(ra)) as y,
                sin(radians(dec)) as z
            from split_objects where ra is not null and dec is not null
        )
        select *, cast(floor(x / {side!r}) as integer) as cx, cast(floor(y / {side!r}) as integer) as cy,
            cast(floor(z / {side!r}) as integer) as cz
        from vectors
    """)
    counts = ", ".join(_counts(scheme) for scheme in schemes)
    row = connection.execute(f"""
        with steps(sx, sy, sz) as (values {", ".join(map(str, steps))}),
        moved as (select split_cubes.*, cx + sx as mx, cy + sy as my, cz + sz as mz, sx, sy, sz
            from split_cubes cross join steps)
        select {counts}
        from moved as a inner join split_cubes as b on a.mx = b.cx and a.my = b.cy and a.mz = b.cz
        where ((a.sx, a.sy, a.sz) <> (0, 0, 0) or a.object_id < b.object_id)
            and (a.x - b.x) ** 2 + (a.y - b.y) ** 2 + (a.z - b.z) ** 2 < {chord!r} ** 2
    """).fetchone()
    return {
        scheme: {"pairs": row[2 * at], "testing_near_training": row[2 * at + 1]} for at, scheme in enumerate(schemes)
    }


def _counts(scheme: str) -> str:
    a, b = f"a.split_{scheme}", f"b.split_{scheme}"
    return f"""
        count(case when {a} <> {b} and {a} <> 'buffer' and {b} <> 'buffer' then 1 end),
        count(distinct case when {a} = 'testing' and {b} = 'training' then a.object_id
            when {a} = 'training' and {b} = 'testing' then b.object_id end)"""
