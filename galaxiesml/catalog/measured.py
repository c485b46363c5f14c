"""What Python measures and SQL reads: tables under a catalogue's derived/, in parts.

::

    derived/morphology/settings.parquet          one row: the settings that builds take, and in words
    derived/morphology/<settings>/run.json       PSF and settings of the runs that wrote the parts beside it
    derived/morphology/<settings>/<part>.parquet rows of one run's block; a part never changes once it stands

Columns' types, units and descriptions are the dictionary's.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog.folder import Catalog
from galaxiesml.system.atomic import write_atomic, write_table
from galaxiesml.dictionary import columns

EMPTY = "0000-empty"
#: What a run leaves in its folder before it measures.
RUN = "run.json"
#: Source Extractor's columns under their released names, without the filter.
RELEASED = (
    *("central_image_pop_5px_rad", "central_image_pop_10px_rad", "central_image_pop_15px_rad", "ellipticity"),
    *("half_light_radius", "isophotal_area", "major_axis", "minor_axis", "peak_surface_brightness", "petro_rad"),
    *("pos_angle", "sersic_index", "total_galaxies"),
)
#: What is added: of the detection, then of the Sersic fit.
_ADDED = (
    *("detected", "x_px", "y_px", "x_error_px", "y_error_px", "center_distance_px", "major_axis_arcsec"),
    *("minor_axis_arcsec", "isophotal_area_arcsec2", "footprint_area_px2", "half_light_radius_arcsec"),
    *("petro_rad_px", "petro_rad_arcsec", "kron_radius_px", "peak_surface_brightness_mag_arcsec2", "auto_mag"),
    *("auto_error_mag", "background_adu", "background_rms_adu", "central_image_others_5px_rad"),
    *("central_image_others_10px_rad", "central_image_others_15px_rad", "detection_flags"),
)
_SERSIC = (
    *("sersic_index_error", "sersic_r_e_px", "sersic_r_e_error_px", "sersic_r_e_arcsec", "sersic_r_e_error_arcsec"),
    *("sersic_axis_ratio", "sersic_axis_ratio_error", "sersic_pos_angle_deg", "sersic_pos_angle_error_deg"),
    *("sersic_mag", "sersic_error_mag", "sersic_x_px", "sersic_y_px", "sersic_x_error_px", "sersic_y_error_px"),
    *("sersic_sky_adu", "sersic_sky_error_adu", "sersic_chi2_per_px", "sersic_iterations", "sersic_stamp_px"),
    *("sersic_counted_px", "sersic_spots_px"),
)
#: A measurement's columns, in their order.
MEASURED = (*RELEASED, *_ADDED, *_SERSIC, "morphology_flags", "morphology_reasons")
#: Which picture, PSF and settings a row is of; and what needs the picture's place on the sky.
KEYS = ("object_id", "band", "shard", "image_offset", "psf_key", "morphology_settings")
ON_THE_SKY = ("pos_angle_sky_deg", "sersic_pos_angle_sky_deg")
SETTINGS = ("morphology_settings", "psf_source", "settings_json")
ARROW = {"double": pa.float64(), "bigint": pa.int64(), "boolean": pa.bool_(), "text": pa.string()}


@cache
def schema(names: tuple[str, ...] = MEASURED) -> pa.Schema:
    """Arrow fields of some columns, unit and description in their metadata."""
    known = columns({})
    return pa.schema(
        pa.field(
            name,
            ARROW[known[name].type],
            metadata={"unit": known[name].unit, "description": known[name].description},
        )
        for name in names
    )


#: Columns of a part.
PART = (*KEYS, *MEASURED, *ON_THE_SKY)


def folder(catalog: Catalog) -> Path:
    """Where morphology is kept."""
    return catalog.root / "derived" / "morphology"


def ensure_empty(catalog: Catalog) -> None:
    """Write the tables of no measurements, so that every model builds before anything is measured."""
    for path, names in (
        (folder(catalog) / EMPTY / "part.parquet", PART),
        (folder(catalog) / "settings.parquet", SETTINGS),
    ):
        if not path.is_file() or pq.read_schema(path) != schema(names):
            write_table(path, schema(names).empty_table())


def choose(catalog: Catalog, settings: str, psf_source: str, text: str) -> None:
    """Make some settings those that builds take."""
    rows = [dict(zip(SETTINGS, (settings, psf_source, text), strict=True))]
    write_table(folder(catalog) / "settings.parquet", pa.Table.from_pylist(rows, schema(SETTINGS)))


def chosen(catalog: Catalog) -> dict | None:
    """The settings that builds take; None before any measurement."""
    path = folder(catalog) / "settings.parquet"
    rows = pq.read_table(path, partitioning=None).to_pylist() if path.is_file() else []
    return rows[0] if rows else None


def note_run(catalog: Catalog, settings: str, psf_source: str, text: str) -> None:
    """Keep what a run is made by, before it measures; that it ended, or what it measured, is not in the note."""
    note = dict(zip(SETTINGS[1:], (psf_source, text), strict=True))
    write_atomic(folder(catalog) / settings / RUN, json.dumps(note, indent=1) + "\n")


def runs(catalog: Catalog) -> dict[str, dict]:
    """psf_source and settings_json of every run that left a note, by the hash of its settings; the chosen one too."""
    found = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder(catalog).glob(f"*/{RUN}"))
    }
    if row := chosen(catalog):
        found.setdefault(row["morphology_settings"], {key: row[key] for key in SETTINGS[1:]})
    return found


def write_part(catalog: Catalog, settings: str, table: pa.Table) -> Path:
    """Write rows of one run; the name is of what they are, so that the same rows are one part."""
    names = [f"{row['object_id']} {row['band']}" for row in table.select(["object_id", "band"]).to_pylist()]
    keys = [str(row) for row in table.select(["shard", "image_offset", "psf_key"]).to_pylist()]
    digest = hashlib.sha256("\n".join([*names, *keys]).encode()).hexdigest()[:16]
    path = folder(catalog) / settings / f"{digest}.parquet"
    write_table(path, table.select(PART).cast(schema(PART)))
    return path


def parts(catalog: Catalog, settings: str) -> list[str]:
    """Names of the parts of some settings."""
    return sorted(path.name for path in (folder(catalog) / settings).glob("*.parquet"))
