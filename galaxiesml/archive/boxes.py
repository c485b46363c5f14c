"""Boxes of the sky that hold the landed objects: where a large catalogue is asked for its spectra."""

from __future__ import annotations

import math
from dataclasses import dataclass

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError

#: Side of a box at most, degrees: what a service answers at once, and its reply stands in memory.
SIDE_DEG = 1.0
#: Added on each side, degrees: ten times the radius of a match.
MARGIN_DEG = 5.0 / 3600.0


@dataclass(frozen=True, order=True)
class Box:
    """A box of right ascension and declination, ICRS degrees; it does not cross RA 0."""

    ra_low: float
    ra_high: float
    dec_low: float
    dec_high: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.ra_low + self.ra_high) / 2.0, (self.dec_low + self.dec_high) / 2.0

    @property
    def size(self) -> tuple[float, float]:
        """Width on the sky and height, degrees, with a margin.

        The width is that at the edge nearest to the equator, the widest: a service may measure along the parallel of
        the centre or of each source, and either way the whole box is inside.
        """
        nearest = 0.0 if self.dec_low <= 0.0 <= self.dec_high else min(abs(self.dec_low), abs(self.dec_high))
        width = (self.ra_high - self.ra_low) * math.cos(math.radians(nearest))
        return width + 2.0 * MARGIN_DEG, self.dec_high - self.dec_low + 2.0 * MARGIN_DEG


def boxes_near(catalog: Catalog) -> list[Box]:
    """Boxes of at most `SIDE_DEG` that hold every landed object, from south to north, then by right ascension.

    Strips of declination are cut in cells that are about square on the sky; a box is what the objects of a cell span.

    Raises
    ------
    CatalogError
        No object is landed.
    """
    with catalog.connect() as connection:
        tables = [name for name in ("hsc_objects", "hsc_joined") if name in catalog.tables()]
        rows = " union all ".join(f"select ra, dec from {name}" for name in tables)
        found = (
            connection.execute(
                f"""
                with places as ({rows}),
                strips as (
                    select ra, dec, floor(dec / {SIDE_DEG}) as strip from places
                    where ra between 0 and 360 and dec between -90 and 90
                ),
                cells as (
                    select *, floor(ra / greatest({SIDE_DEG}, {SIDE_DEG} / greatest(
                        cos(radians(least(abs(strip), abs(strip + 1)) * {SIDE_DEG})), 0.01))) as cell
                    from strips
                )
                select min(ra), max(ra), min(dec), max(dec) from cells group by strip, cell order by strip, cell
                """
            ).fetchall()
            if tables
            else []
        )
    if not found:
        raise CatalogError(
            "No object is landed, so there is nothing to fetch spectra near to.",
            "Land an export first: galaxiesml fetch hsc --query wide, or galaxiesml ingest hsc FILE",
        )
    # What identifies a box must not hang on the last bit of a position.
    return [Box(*(round(value, 6) for value in row)) for row in found]
