"""Write the truth about a simulated sky to files that are never landed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.mock.sky.coadd.pictures import SEMI_WIDTH_ARCSEC
from galaxiesml.mock.sky.galaxies.sources import Sources, cells_near, joined, of_cell
from galaxiesml.mock.sky.instrument import BANDS, counts
from galaxiesml.mock.sky.scene import Scene
from galaxiesml.mock.sky.survey.faults import FAULTS
from galaxiesml.mock.sky.survey.tracts import holding
from galaxiesml.mock.sky.truth.judged import VERSIONS, kept
from galaxiesml.system.atomic import write_atomic, write_table

COUNTS = "counts.json"
_REACH_DEG = (SEMI_WIDTH_ARCSEC + 6.0) / 3600.0
_PICTURES = pa.schema(
    [
        ("list", pa.string()),
        ("line", pa.int64()),
        ("object_id", pa.int64()),
        ("band", pa.string()),
        ("tract", pa.int64()),
        ("own_tract", pa.bool_()),
        ("member", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("fault", pa.string()),
        ("layers", pa.string()),
        ("rows", pa.int64()),
        ("columns", pa.int64()),
        ("x0", pa.int64()),
        ("y0", pa.int64()),
        ("nan_pixels", pa.int64()),
        ("no_data_pixels", pa.int64()),
        ("bytes", pa.int64()),
    ]
)


def write_truth(folder: Path, scene: Scene, measured: dict, pictures: list[dict], matches: list, exports: dict) -> None:
    """Write every table of the truth.

    ``galaxies``: an object a row, with its true light.  ``pictures``: a row a line of a cutout list and tract that
    holds its position.  ``faults``: object and fault.  ``sources``: all that was drawn, field and all.
    ``coverage``: patches, and the bands in which they are served.  ``kept``: what each version keeps of each export.
    """
    keeps = {name: kept(rows) for name, rows in exports.items()}
    write_table(folder / "galaxies.parquet", pa.Table.from_pylist(_galaxies(scene, measured)))
    write_table(folder / "pictures.parquet", pa.Table.from_pylist(pictures, _PICTURES))
    write_table(folder / "faults.parquet", pa.Table.from_pylist(_faults(scene)))
    write_table(folder / "sources.parquet", _sources(scene))
    numbers = sorted({one.number for group in scene.groups for one in holding(group.ra, group.dec)})
    write_table(folder / "coverage.parquet", pa.Table.from_pylist(scene.coverage.rows(numbers)))
    write_table(folder / "spectra.parquet", pa.Table.from_pylist(_spectra(matches)))
    rows = [
        {"export": name, "version": f"v{version}", "object_id": number}
        for name, versions in keeps.items()
        for version in VERSIONS
        for number in versions[version]
    ]
    write_table(folder / "kept.parquet", pa.Table.from_pylist(rows))
    write_atomic(folder / COUNTS, json.dumps(_counts(scene, pictures, exports, keeps), indent=1) + "\n")


def _galaxies(scene: Scene, measured: dict) -> list[dict]:
    found = []
    for group in scene.groups:
        for entry in group.entries:
            members = scene.sources.at(np.array(entry.members))
            # A parent has its children's light; its shape is that of the first.
            total = 27.0 - 2.5 * np.log10(counts(members.mag).sum(axis=0))
            row = {
                "object_id": entry.object_id,
                "group": group.number,
                "source": entry.members[0],
                "sources": len(entry.members),
                "ra": float(members.ra[0]),
                "dec": float(members.dec[0]),
                "catalogue_ra": entry.ra,
                "catalogue_dec": entry.dec,
                "tract": entry.tract,
                "patch": f"{entry.patch[0]},{entry.patch[1]}",
                "redshift": group.redshift,
                "is_star": bool(members.is_star[0]),
            }
            row |= _light(members, total, measured[entry.object_id])
            found.append(row | {"faults": ",".join(group.faults)})
    return found


def _light(members: Sources, total: np.ndarray, measured: list) -> dict:
    row = {f"{band}_mag": float(total[at]) for at, band in enumerate(BANDS)}
    for name in ("bulge_fraction", "point_fraction"):
        row |= {f"{band}_{name}": float(getattr(members, name)[0, at]) for at, band in enumerate(BANDS)}
    for name in (
        "bulge_radius_arcsec",
        "disc_radius_arcsec",
        "bulge_axis_ratio",
        "disc_axis_ratio",
        "position_angle_deg",
    ):
        row[name] = float(getattr(members, name)[0])
    for band, one in zip(BANDS, measured, strict=True):
        row |= {
            f"{band}_flux": one.flux,
            f"{band}_flux_error": one.flux_error,
            f"{band}_footprint_pixels": one.footprint_pixels,
        }
    return row


def _faults(scene: Scene) -> list[dict]:
    about = {fault.name: fault for fault in FAULTS}
    return [
        {"object_id": entry.object_id, "fault": name, "bands": about[name].bands, "about": about[name].about}
        for group in scene.groups
        for name in group.faults
        for entry in group.entries
    ]


def _sources(scene: Scene) -> pa.Table:
    """What was drawn: the scene's own sources, then those of every cell that a picture touches."""
    cells = sorted({cell for group in scene.groups for cell in cells_near(group.ra, group.dec, _REACH_DEG)})
    parts = [scene.sources, *(of_cell(scene.seed, *cell) for cell in cells)]
    every = joined(parts)
    columns = {"source": np.where(np.arange(len(every)) < len(scene.sources), np.arange(len(every)), -1)}
    for name, values in vars(every).items():
        if values.ndim == 2:
            columns |= {f"{band}_{name}": values[:, at] for at, band in enumerate(BANDS)}
        else:
            columns[name] = values
    return pa.table(columns)


def _spectra(matches: list) -> list[dict]:
    return [
        {
            "specz_name": match.name,
            "group": match.group.number,
            "redshift": match.group.redshift,
            "specz_redshift": match.redshift,
            "specz_redshift_err": match.error,
            "surveys": ",".join(one.survey.name for one in match.spectra),
            "faults": ",".join(match.group.faults),
        }
        for match in matches
    ]


def _counts(scene: Scene, pictures: list[dict], exports: dict, keeps: dict) -> dict:
    states = [row["state"] for row in pictures]
    return {
        "objects": sum(len(group.entries) for group in scene.groups),
        "targets": len(scene.groups),
        "rows": {name: rows.num_rows for name, rows in exports.items()},
        "versions": {name: {f"v{v}": len(versions[v]) for v in VERSIONS} for name, versions in keeps.items()},
        "pictures": {state: states.count(state) for state in sorted(set(states))},
    }
