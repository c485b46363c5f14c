"""Which pictures to distrust: masked fractions by plane and filter, what is missing, and the worst pictures."""

from __future__ import annotations

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.pixels.store import Shards
from galaxiesml.samples.defects import defect_planes, defects

#: Fractions of a picture that the number of distrusted pictures is counted at.
ABOVE = (0.01, 0.1, 0.5)
#: Reasons told of one object.
_TOLD = 3


def audit_pictures(catalog: Catalog, version: str | None = None, limit: int = 20) -> dict:
    """Summarise the pictures of the published build, and list those of a version with most pixels in a defect.

    A picture's *defect* is the largest fraction of its pixels with one plane set that `picture_quality` calls a defect,
    or without a finite value, or cut off: the counts of the planes do not say which pixels they share.

    Parameters
    ----------
    version : str, optional
        Of the galaxies whose pictures are counted and listed; None: the default one.
    limit : int
        Galaxies to list.

    Returns
    -------
    dict
        version; planes, magnitudes and tracts: rows of `picture_quality`; pictures: number of those shown; distrusted:
        for each limit the number with a larger defect; worst: list of dict with object_id, defect, band, reasons and
        centre, the defects at the pixel of the galaxy itself.

    Raises
    ------
    UsageError
        ``limit`` is negative.
    CatalogError
        There is no build, it does not have the version, or it has no pictures.
    """
    if limit < 0:
        raise UsageError(f"--limit {limit}: the number of galaxies listed cannot be negative.", "Give 0 or more.")
    name = catalog.built_version(version)
    with catalog.connect() as connection:
        rows = _rows(connection, "select * from picture_quality order by bin_low, bin, mask_plane, band")
        if not rows:
            if not catalog.profile.instrument.planes:
                raise CatalogError(f"{catalog.profile.title} has no masks: nothing is known of its pictures' defects.")
            raise CatalogError(f"Build {catalog.current_id()} has no pictures.", catalog.next_for("cutouts"))
        planes = defect_planes(connection)
        connection.execute(_defects(name, planes))
        limits = ", ".join(f"count(*) filter (defect > {limit})" for limit in ABOVE)
        ((shown, *counts),) = connection.execute(f"select count(*), {limits} from worst_of_picture").fetchall()
        worst = _worst(connection, limit)
        places = _places(connection, name)
    bits = {plane: 1 << bit for bit, plane in enumerate(catalog.profile.instrument.planes) if plane in planes}
    _add_centres(Shards(catalog.raw / "cutouts"), worst, bits)
    return {
        "version": name,
        "bands": list(catalog.profile.bands),
        "planes": [row for row in rows if row["bin_by"] == "all"],
        "magnitudes": [row for row in rows if row["bin_by"] == "cmodel_mag"],
        "tracts": [row | places.get(row["bin"], {}) for row in rows if row["bin_by"] == "tract"],
        "pictures": shown,
        "distrusted": [{"above": limit, "pictures": count} for limit, count in zip(ABOVE, counts, strict=True)],
        "worst": [_told(one) for one in worst],
    }


def _defects(version: str, planes: list[str]) -> str:
    """SQL that makes shown, the pictures of a version; defects; and worst_of_picture, the largest defect of each."""
    return f"""
        create temp view shown as
        select * from pictures
        where image_offset is not null and object_id in (select object_id from galaxies_{version});
        create temp view defects as {defects("shown", planes)};
        create temp table worst_of_picture as
        select shown.object_id, shown.band, coalesce(max(defects.defect), 0) as defect
        from shown left join defects on shown.object_id = defects.object_id and shown.band = defects.band
        group by all;
    """


def _worst(connection: duckdb.DuckDBPyConnection, limit: int) -> list[dict]:
    """The galaxies with the worst pictures: what is wrong with each, and where their masks are."""
    objects = _rows(
        connection,
        f"""
        select object_id, max(defect) as defect from worst_of_picture
        group by object_id having max(defect) > 0 order by defect desc, object_id limit {int(limit)}
        """,
    )
    chosen = ", ".join(str(one["object_id"]) for one in objects) or "null"
    wrong = _rows(
        connection,
        f"select * from defects where object_id in ({chosen}) order by object_id, defect desc, band, what",
    )
    masks = _rows(
        connection,
        f"""
        select object_id, band, shard, mask_offset, height, width, x_offset, y_offset
        from shown where mask_offset is not null and object_id in ({chosen}) order by object_id, band
        """,
    )
    for one in objects:
        one["wrong"] = [row for row in wrong if row["object_id"] == one["object_id"]]
        one["masks"] = [row for row in masks if row["object_id"] == one["object_id"]]
    return objects


def _places(connection: duckdb.DuckDBPyConnection, version: str) -> dict[str, dict]:
    """The middle of the galaxies of each tract, degrees."""
    rows = _rows(
        connection,
        f"""
        select tract, degrees(atan2(y, x)) as ra, degrees(atan2(z, sqrt(x * x + y * y))) as dec from (
            select
                shown.picture_tract::varchar as tract,
                sum(cos(radians(dec)) * cos(radians(ra))) as x,
                sum(cos(radians(dec)) * sin(radians(ra))) as y,
                sum(sin(radians(dec))) as z
            from (select distinct object_id, picture_tract from shown) as shown
            inner join galaxies_{version} as galaxies on shown.object_id = galaxies.object_id
            where abs(ra) <= 360 and abs(dec) <= 90
            group by all
        )
        """,
    )
    return {row["tract"]: {"ra": row["ra"] % 360, "dec": row["dec"]} for row in rows}


def _add_centres(shards: Shards, worst: list[dict], bits: dict[str, int]) -> None:
    """The defects that are set at the pixel of the galaxy itself, in any filter."""
    for one in worst:
        found = set()
        for row in one.pop("masks"):
            y = round((row["height"] - 1) / 2 + row["y_offset"])
            x = round((row["width"] - 1) / 2 + row["x_offset"])
            if 0 <= y < row["height"] and 0 <= x < row["width"]:
                shape = (row["height"], row["width"])
                mask = int(shards.layer(row["shard"], row["mask_offset"], shape, "mask")[y, x])
                found |= {f"{row['band']} {plane}" for plane, bit in bits.items() if mask & bit}
        one["centre"] = sorted(found)


def _told(one: dict) -> dict:
    """A reason a defect: its largest fraction, and the filters that have it, the worst first."""
    by_what: dict[str, list[dict]] = {}
    for row in one["wrong"]:
        by_what.setdefault(row["what"], []).append(row)
    reasons = [
        f"{what} {rows[0]['defect']:.1%} in {rows[0]['band']}"
        + (f" (also {''.join(row['band'] for row in rows[1:])})" if len(rows) > 1 else "")
        for what, rows in by_what.items()
    ]
    return {
        "object_id": one["object_id"],
        "defect": one["defect"],
        "band": one["wrong"][0]["band"],
        "reasons": reasons[:_TOLD] + ([f"{len(reasons) - _TOLD} more"] if len(reasons) > _TOLD else []),
        "centre": one["centre"],
    }


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict]:
    return connection.sql(query).to_arrow_table().to_pylist()
