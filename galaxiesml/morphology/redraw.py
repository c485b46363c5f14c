"""Reproduce the measurement of one galaxy for a figure: picture, footprints, and Sersic model through the PSF."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass

import numpy as np
import torch

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.measured import MORPHOLOGY
from galaxiesml.errors import CatalogError, InputError
from galaxiesml.morphology.detect import detect
from galaxiesml.morphology.measuring import LARGEST
from galaxiesml.morphology.psf_source import Source, source_of
from galaxiesml.morphology.run import pixel_scale
from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.psf import Moffat, Pictures
from galaxiesml.morphology.sersic.table import table
from galaxiesml.morphology.sersic.waves import waves
from galaxiesml.pixels.store import Shards
from galaxiesml.samples.pictures import with_pixels


@dataclass(frozen=True)
class Redrawn:
    """One galaxy in one filter.

    Attributes
    ----------
    band : str
    row : dict
        Its row of the mart ``morphology``.
    picture : ndarray (height, width) of float32
        Less the background.
    labels : ndarray (height, width) of int
        Footprints at 3 sigma, above 0.
    rms : float
        Noise of a pixel.
    model : ndarray (height, width) or None
        The Sersic profile through the PSF; None where none was fitted, or its PSF has been removed.
    """

    band: str
    row: dict
    picture: np.ndarray
    labels: np.ndarray
    rms: float
    model: np.ndarray | None


def redraw(catalog: Catalog, object_id: int, bands: list[str]) -> list[Redrawn]:
    """The galaxy in each filter that shows it.

    Raises
    ------
    CatalogError
        The build has no measurement of that object, or its settings or PSF have changed since.
    """
    built, settings = catalog.build_info().get("morphology"), next(iter(MORPHOLOGY.chosen(catalog)), None)
    if not built or "morphology" not in catalog.tables():
        raise CatalogError("The published build has no morphology.", "Type: galaxiesml morphology; galaxiesml build")
    if settings is None or settings["morphology_settings"] != built["settings"]:
        raise CatalogError("Galaxies were measured with other settings after the build.", "Type: galaxiesml build")
    with catalog.connect() as connection:
        found = (
            connection.sql(
                f"""
                select shown.*, morphology.*
                from morphology inner join ({with_pixels(connection)}) as shown using (object_id, band)
                where object_id = ?
                """,
                params=[object_id],
            )
            .to_arrow_table()
            .to_pylist()
        )
    rows = {row["band"]: row for row in found}
    if not rows:
        raise CatalogError(
            f"Object {object_id} has no measured picture in this build.",
            'Type: galaxiesml sql "select object_id from morphology where detected limit 10"',
        )
    source = _source(settings, list(catalog.profile.bands))
    return [_one(catalog, rows[band], source) for band in bands if band in rows]


def _source(settings: dict, bands: list[str]) -> Source:
    """The PSFs that the galaxies were measured with."""
    words = settings["psf_source"]
    with contextlib.suppress(InputError):
        source = source_of(words, bands)
        if source.identity == json.loads(settings["settings_json"])["psf"]:
            return source
    raise CatalogError(
        f"{words} no longer holds the PSFs that the galaxies were measured with.",
        f"Put them back, or type: galaxiesml morphology --psf {words}; galaxiesml build",
    )


def _one(catalog: Catalog, row: dict, source: Source) -> Redrawn:
    shards = Shards(catalog.raw / "cutouts")
    image = shards.layer(row["shard"], row["image_offset"], (row["height"], row["width"]), "image")
    usable = np.abs(image) < LARGEST
    scene = detect(np.where(usable, image, np.float32(0)), None, None if usable.all() else ~usable)
    drawn = None
    if row["sersic_index"] is not None:
        psf, rows = source.load(catalog, [row], pixel_scale(row))
        drawn = None if psf is None else model_picture(row, psf, rows, image.shape)
    rms = scene.rms if np.isfinite(scene.rms) else 1.0
    return Redrawn(row["band"], row, scene.picture, scene.segmentation, rms, drawn)


def model_picture(row: dict, psf: Moffat | Pictures, psf_rows: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The Sersic profile of a row through its PSF.

    Parameters
    ----------
    row : dict
        Columns of a measurement: sersic_x_px, sersic_y_px, sersic_mag and zero_point_mag, sersic_r_e_px,
        sersic_axis_ratio, sersic_pos_angle_deg, sersic_index.
    shape : (int, int)
        Rows, columns.

    Returns
    -------
    ndarray of float32
    """
    size = max(shape) + (max(shape) + 1) % 2
    eta, angle = -np.log(row["sersic_axis_ratio"]), np.deg2rad(2 * row["sersic_pos_angle_deg"])
    flux = 0.4 * np.log(10) * (row["zero_point_mag"] - row["sersic_mag"])
    params = torch.tensor(
        [
            [
                *(row["sersic_x_px"] - (size - 1) / 2, row["sersic_y_px"] - (size - 1) / 2, flux),
                *(np.log(row["sersic_r_e_px"]) - eta / 2, eta * np.cos(angle), eta * np.sin(angle)),
                np.log(row["sersic_index"]),
            ]
        ],
        dtype=torch.float32,
    )
    period = int(np.ceil(size * 1.5 / 2)) * 2
    lattice = waves(size, period, period // 2 + 1, torch.device("cpu"))
    otf = psf.transforms(lattice, psf_rows)
    images = model.light(lattice, table(torch.device("cpu")), otf, params)
    return lattice.to_pictures(images)[0].numpy()[: shape[0], : shape[1]]
