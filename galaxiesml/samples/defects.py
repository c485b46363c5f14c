"""Pictures that do not show the sky as it was: what is wrong with each, and how much of it."""

from __future__ import annotations

import duckdb


def defect_planes(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Planes of the mask that the published build calls defects, in lower case; none before it has pictures."""
    rows = connection.execute(
        "select distinct mask_plane from picture_quality where is_defect order by mask_plane"
    ).fetchall()
    return [plane for (plane,) in rows]


def defects(pictures: str, planes: list[str]) -> str:
    """SQL with a row for each picture and thing that is wrong with it: object_id, band, what, defect.

    A defect is a fraction of the picture's pixels, above 0: those with a plane set (``what`` is the plane), those
    without a finite value ('not finite'), or those that the largest picture of the same tar has more ('cut off').

    Parameters
    ----------
    pictures : str
        In SQL, a table with the columns of the mart pictures.
    planes : list of str
        As `defect_planes` gives them.
    """
    # The largest picture of a tar is what was asked for.
    shown = (
        "(select *, max(height * width) over (partition by shard) as largest "
        f"from {pictures} where image_offset is not null)"
    )
    wrong = [
        f"select object_id, band, '{plane}' as what, masked_{plane} as defect from {shown} where masked_{plane} > 0"
        for plane in planes
    ]
    wrong += [
        f"select object_id, band, 'not finite' as what, not_finite / (height * width)::double as defect from {shown} "
        "where not_finite > 0",
        f"select object_id, band, 'cut off', 1 - height * width / largest::double from {shown} "
        "where picture_reason_class = 'smaller_than_asked' and height * width < largest",
    ]
    return "\n union all ".join(wrong)
