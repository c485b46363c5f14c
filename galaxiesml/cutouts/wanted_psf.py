"""Make upload lists for the PSF pictures that a version's pictures lack."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.cutouts.answered import Place
from galaxiesml.cutouts.lists import MAX_ROWS
from galaxiesml.cutouts.wanted import Ask, UploadList, Wanted
from galaxiesml.errors import CatalogError, InputError

_HEADER = "#? rerun type filter tract ra dec"
_RERUN = re.compile(r"[\w.+-]+", re.ASCII)


def wanted_psfs(
    catalog: Catalog, ask: Ask, folder: Path, *, rows: int = MAX_ROWS, but: frozenset[Place] = frozenset()
) -> Wanted:
    """Make lists of the PSFs at the places, and in the tracts, of pictures that have none; they are not written.

    Parameters
    ----------
    ask : Ask
        Its version, bands and type.
    rows : int
        Lines of a list, at most.
    but : set of (band, ra, dec)
        Places, deg, that are in no list.

    Raises
    ------
    CatalogError
        The build has no pictures.
    """
    if "pictures" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no table of pictures.", "Type: galaxiesml build")
    rerun = catalog.profile.name
    if not _RERUN.fullmatch(rerun):
        raise InputError(f"release.toml: its name {rerun!r} cannot be a rerun of the PSF service.")
    found, lists, pictures = _query(catalog, ask), [], 0
    for band in ask.bands:
        lines: dict[str, int] = {}
        for at in np.flatnonzero(found["band"] == band):
            ra, dec = float(found["ra"][at]), float(found["dec"][at])
            if (band, ra, dec) not in but:
                place = " ".join(np.format_float_positional(value, trim="0") for value in (ra, dec))
                line = f"{rerun} {ask.type} HSC-{band.upper()} {found['tract'][at]} {place}"
                lines[line] = lines.get(line, 0) + 1
        pictures += sum(lines.values())
        texts = list(lines)
        for number, start in enumerate(range(0, len(texts), rows), 1):
            part = texts[start : start + rows]
            path = folder / f"psf-HSC-{band.upper()}-{number:04d}.txt"
            text = "\n".join([_HEADER, *part]) + "\n"
            lists.append(UploadList(path, band, len(part), sum(lines[line] for line in part), text))
    return Wanted(lists, pictures)


def _query(catalog: Catalog, ask: Ask) -> dict[str, np.ndarray]:
    """One row per galaxy and filter that has a picture and no PSF, by tract and place."""
    bands = ", ".join(quote(band) for band in ask.bands)
    with catalog.connect() as connection:
        table = connection.sql(f"""
            select galaxies.ra, galaxies.dec, pictures.band, pictures.picture_tract as tract
            from galaxies_{ask.version} as galaxies
            inner join pictures on galaxies.object_id = pictures.object_id
            where pictures.picture_state in ('present', 'truncated') and pictures.psf_shard is null
                and pictures.band in ({bands}) and pictures.picture_tract is not null
                and galaxies.ra between 0 and 360 and galaxies.dec between -90 and 90
            order by pictures.band, tract, galaxies.ra, galaxies.dec, galaxies.object_id
        """).to_arrow_table()
    return {name: table[name].to_numpy() for name in table.column_names}
