"""The simulated archive's tables, and the unchanged queries of sql/archive run on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from galaxiesml import dictionary
from galaxiesml.mock.export.files import open_table
from galaxiesml.mock.sky.archive.measure import FLAGS, Measured
from galaxiesml.mock.sky.archive.spectra import MATCH_ARCSEC, Match
from galaxiesml.mock.sky.instrument import BANDS, EXTINCTION, REDDENING_MAG, REDDENING_RANGE_MAG
from galaxiesml.mock.sky.scene import Entry
from galaxiesml.mock.sky.survey.tracts import skymap_id
from galaxiesml.releases.profile import load_profile


def archive_tables(entries: list[Entry], measured: Mapping[int, list[Measured]], matches: list[Match]) -> dict:
    """The tables forced, forced2 and specz of the simulated release, as Arrow tables.

    Parameters
    ----------
    measured : mapping of int to list of Measured
        Object to what was measured of it, in band order.
    """
    rows = [_forced(entry, measured[entry.object_id]) for entry in entries]
    centroids = [
        {"object_id": entry.object_id}
        | {
            f"{b}_sdsscentroid_flag": m.flags["sdsscentroid_flag"]
            for b, m in zip(BANDS, measured[entry.object_id], strict=True)
        }
        for entry in entries
    ]
    of_i = {row["object_id"]: row["i_cmodel_mag"] for row in rows}
    pairs = [_match(match, entry, of_i[entry.object_id]) for match in matches for entry in match.group.entries]
    pairs = [pair for pair in pairs if pair["d_pos"] < MATCH_ARCSEC]
    return {
        "forced": pa.Table.from_pylist(rows),
        "forced2": pa.Table.from_pylist(centroids),
        "specz": pa.Table.from_pylist(pairs),
    }


def query(tables: dict, name: str) -> pa.Table:
    """Run ``sql/archive/<name>.sql`` on the simulated archive: its columns, its rows by object and spectrum."""
    import duckdb

    text = (dictionary.PROJECT / "sql" / "archive" / f"{name}.sql").read_text(encoding="utf-8")
    connection = duckdb.connect()
    try:
        connection.execute("create schema pdr2_wide")
        for table, rows in tables.items():
            connection.register(f"_{table}", rows)
            connection.execute(f"create table pdr2_wide.{table} as select * from _{table}")
        found = connection.sql(text).to_arrow_table()
    finally:
        connection.close()
    return found.sort_by([("object_id", "ascending"), ("specz_name", "ascending")])


def write_csv(path, rows: pa.Table) -> None:
    """Write a csv.gz as the archive sends it: its header begins with '# '."""
    with open_table(path, "csv.gz", rows.schema, rows.num_rows) as write:
        write(rows)


def _forced(entry: Entry, bands: list[Measured]) -> dict:
    ra, dec = np.radians([entry.ra, entry.dec])
    parts = (np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec))
    reddening = REDDENING_MAG + REDDENING_RANGE_MAG * np.sin(entry.ra * 4.0) * np.cos(entry.dec * 5.0)
    row = {
        "object_id": entry.object_id,
        "ra": entry.ra,
        "dec": entry.dec,
        "coord": "(" + ", ".join(f"{part:.9f}" for part in parts) + ")",
        "skymap_id": skymap_id(entry.tract, entry.patch),
        "tract": entry.tract,
        "patch": entry.patch[0] * 100 + entry.patch[1],
        "parent_id": entry.parent_id,
        "nchild": entry.nchild,
        "isprimary": entry.is_primary,
    }
    for number, (band, found) in enumerate(zip(BANDS, bands, strict=True)):
        row[f"a_{band}"] = round(EXTINCTION[number] * reddening, 5)
        row[f"{band}_cmodel_mag"] = round(found.magnitude, 4)
        row[f"{band}_cmodel_magsigma"] = round(found.magnitude_error, 5)
        row |= {f"{band}_{flag}": found.flags[flag] for flag in FLAGS if flag != "sdsscentroid_flag"}
    return row


def _match(match: Match, entry: Entry, i_mag: float) -> dict:
    first = match.spectra[0]
    east = (entry.ra - first.ra) * np.cos(np.radians(first.dec))
    row = {
        "object_id": entry.object_id,
        "d_pos": round(float(np.hypot(east, entry.dec - first.dec)) * 3600.0, 6),
        "d_mag": round(i_mag - first.mag_i, 4),
        "specz_name": match.name,
        "specz_ra": first.ra,
        "specz_dec": first.dec,
        "specz_redshift": match.redshift,
        "specz_redshift_err": match.error,
        "specz_original_flag": match.flag,
        "specz_flag_homogeneous": match.is_secure,
        "specz_mag_i": first.mag_i,
    }
    taken = {spectrum.survey.name for spectrum in match.spectra}
    return row | {survey.column: survey.name in taken for survey in load_profile("pdr2_wide").surveys}
