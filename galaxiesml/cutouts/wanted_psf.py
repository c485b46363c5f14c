"""Make upload lists for the PSF pictures that a version's pictures lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.cutouts.answered import Place
from galaxiesml.cutouts.wanted import Ask, UploadList, Wanted, rerun_of
from galaxiesml.errors import CatalogError
from galaxiesml.releases.instrument import facts_for


def wanted_psfs(
    catalog: Catalog, ask: Ask, folder: Path, *, rows: int | None = None, but: frozenset[Place] = frozenset()
) -> Wanted:
    """Make lists of the PSFs at the places, and in the tracts, of pictures that have none; they are not written.

    Parameters
    ----------
    ask : Ask
        Its version, bands and type.
    rows : int, optional
        Lines of a list, at most; default: the archive's limit.
    but : set of (band, ra, dec)
        Places, deg, that are in no list.

    Raises
    ------
    CatalogError
        The build has no pictures.
    InputError
        The profile does not say how the archive is asked.
    """
    instrument = facts_for(catalog.profile, "fetch psf", "filter", "psf_list_columns")
    if "pictures" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no table of pictures.", "Type: galaxiesml build")
    rerun, columns = rerun_of(catalog.profile), instrument.psf_list_columns
    found, lists, pictures = _query(catalog, ask), [], 0
    for band in ask.bands:
        lines: dict[str, int] = {}
        words = {"rerun": rerun, "type": ask.type, "filter": instrument.filter_name(band)}
        for at in np.flatnonzero(found["band"] == band):
            ra, dec = float(found["ra"][at]), float(found["dec"][at])
            if (band, ra, dec) not in but:
                place = {key: np.format_float_positional(value, trim="0") for key, value in (("ra", ra), ("dec", dec))}
                known = words | place | {"tract": str(found["tract"][at])}
                line = " ".join(known[column] for column in columns)
                lines[line] = lines.get(line, 0) + 1
        pictures += sum(lines.values())
        texts = list(lines)
        most = rows or instrument.list_rows or max(1, len(texts))
        for number, start in enumerate(range(0, len(texts), most), 1):
            part = texts[start : start + most]
            path = folder / f"psf-{words['filter']}-{number:04d}.txt"
            text = "\n".join([" ".join(["#?", *columns]), *part]) + "\n"
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
