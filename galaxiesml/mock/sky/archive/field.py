"""Objects without a spectrum for the archive's tables: the galaxies and stars of the field that the pictures hold.

Nobody measured them as the pipeline does: they have their true magnitudes, a point source's noise, and no flag but
that of a saturated star.  A few of them would be one detection with a neighbour.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.sky.archive.catalogue import archive_tables
from galaxiesml.mock.sky.archive.measure import FLAGS, Measured
from galaxiesml.mock.sky.instrument import BANDS, GAIN, SEEING_ARCSEC, SIGMA, counts
from galaxiesml.mock.sky.scene import Entry
from galaxiesml.mock.sky.survey.tracts import home, object_id, patch_of

#: Numbers in a patch that no target of a sky has.
_FIRST_SERIAL = 1 << 31
#: Of the field's objects, in i: the many that are fainter would only make the server's start slow.
FAINTEST_MAG = 24.0
#: The faintest star that is saturated in median seeing.
SATURATED_MAG = 17.8
#: Pixels whose noise a point source has: 4 pi sigma^2 of a Gaussian.
_PIXELS = 4.0 * np.pi * (SEEING_ARCSEC / 2.3548 / PIXEL_SCALE_ARCSEC) ** 2


def with_field(tables: dict[str, pa.Table], sources: pa.Table, coverage: pa.Table) -> dict[str, pa.Table]:
    """The archive's tables with the field's objects after the sky's own; its spectra are the same.

    Parameters
    ----------
    tables : dict of str to pyarrow.Table
        forced, forced2 and specz.
    sources, coverage : pyarrow.Table
        Of the truth.  Sources fainter than `FAINTEST_MAG`, and those in patches that are not served in all bands, are
        left out.
    """
    whole = {
        (row["tract"], (row["patch_x"], row["patch_y"])) for row in coverage.to_pylist() if row["bands_served"] == BANDS
    }
    entries, measured = [], {}
    # The sky's own sources have a number: their objects are in the tables.
    is_field = pc.and_(pc.less(sources["source"], 0), pc.less(sources["i_mag"], FAINTEST_MAG))
    for row in sources.filter(is_field).to_pylist():
        where = home(row["ra"], row["dec"])
        patch = patch_of(*where.pixels(row["ra"], row["dec"]))
        if (where.number, patch) not in whole:
            continue
        number = object_id(where.number, patch, _FIRST_SERIAL + len(entries))
        entries.append(Entry(number, row["ra"], row["dec"], where.number, patch, ()))
        measured[number] = [_measured(row[f"{band}_mag"], at, row["is_star"]) for at, band in enumerate(BANDS)]
    if not entries:
        return tables
    field = archive_tables(entries, measured, [])
    return tables | {name: pa.concat_tables([tables[name], field[name]]) for name in ("forced", "forced2")}


def _measured(mag: float, band: int, is_star: bool) -> Measured:
    flux = float(counts(mag))
    error = float(np.sqrt(SIGMA[band] ** 2 * _PIXELS[band] + flux / GAIN[band]))
    is_saturated = is_star and mag < SATURATED_MAG
    flags = {flag: is_saturated and flag.endswith(("saturatedcenter", "interpolatedcenter")) for flag in FLAGS}
    return Measured(flux, error, flags, 0.0)
