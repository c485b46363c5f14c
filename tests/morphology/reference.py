"""Source Extractor 2.25 itself, run on pictures: what our columns are held against."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from galaxiesml.morphology.detect import Scene, detect
from galaxiesml.morphology.neighbours import RADII_PX, counts
from galaxiesml.morphology.shapes import shapes
from galaxiesml.morphology.source_extractor import write_config, write_psf

PROGRAM = shutil.which("source-extractor") or shutil.which("sex")

needs_source_extractor = pytest.mark.skipif(
    PROGRAM is None, reason="Source Extractor is not installed (apt install source-extractor)"
)


@dataclass(frozen=True)
class Reference:
    """Source Extractor's answer for one picture.

    Attributes
    ----------
    table : ndarray (objects,) of records
        Its catalogue; positions count from 1.
    segmentation : ndarray (h, w) of int32
        NUMBER of the object that has a pixel, 0 none.
    seconds : float
        The time of the process, from its start to its end.
    """

    table: np.ndarray
    segmentation: np.ndarray
    seconds: float

    def target(self) -> int | None:
        """The row nearest to the middle of the picture; None for an empty catalogue."""
        if not len(self.table):
            return None
        height, width = self.segmentation.shape
        x, y = self.table["X_IMAGE"] - (width + 1) / 2, self.table["Y_IMAGE"] - (height + 1) / 2
        return int(np.argmin(np.hypot(x, y)))


def reference(
    images, psf: np.ndarray | None = None, options: tuple[str, ...] = (), psf_scale: float = 1.0
) -> list[Reference]:
    """Run Source Extractor on each picture by itself, with the corrected configuration.

    Parameters
    ----------
    images : sequence of ndarray (h, w)
        One process a picture: its answer for one picture then cannot depend on another.
    psf : ndarray (h, w), optional
        With it, Source Extractor's own Sersic fit of every object.
    options : tuple of str
        Added to the command line, e.g. ``("-CLEAN", "N")``.
    psf_scale : float
        Pixels of the picture in one of the PSF's.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_config(folder, printed=False, model=psf is not None)
        if psf is not None:
            write_psf(folder / "default.psf", psf, psf_scale)
        return [_run(folder, np.asarray(image), options) for image in images]


def _run(folder: Path, image: np.ndarray, options: tuple[str, ...]) -> Reference:
    fits.writeto(folder / "picture.fits", image.astype(np.float32), overwrite=True)
    for left in ("test.cat", "segmentation.fits"):
        (folder / left).unlink(missing_ok=True)
    # FITS, for every digit; the text catalogue rounds.
    command = [PROGRAM, "picture.fits", "-c", "default.sex", "-CATALOG_TYPE", "FITS_1.0", *options]
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    table = np.array(fits.getdata(folder / "test.cat", 1))
    table = table.astype(table.dtype.newbyteorder("="))
    segmentation = fits.getdata(folder / "segmentation.fits").astype(np.int32)
    return Reference(table, segmentation, seconds)


#: Columns that are compared, and how far apart two values may be to be equal: relative, degrees, magnitudes, counts.
COMPARED = {
    **{"A_IMAGE": "relative", "B_IMAGE": "relative", "THETA_IMAGE": "degrees", "ELLIPTICITY": "relative"},
    **{"ISOAREA_IMAGE": "relative", "ISOAREAF_IMAGE": "relative", "FLUX_RADIUS": "relative"},
    **{"PETRO_RADIUS": "relative", "KRON_RADIUS": "relative", "MU_MAX": "magnitudes", "MAG_AUTO": "magnitudes"},
    **{"FLUX_AUTO": "relative", "FLUXERR_AUTO": "relative", "ERRA_IMAGE": "relative", "ERRB_IMAGE": "relative"},
    **{"ERRTHETA_IMAGE": "degrees", "X_IMAGE": "pixels", "Y_IMAGE": "pixels", "FLAGS": "exact"},
}
RELATIVE, DEGREES, MAGNITUDES, PIXELS = 1e-3, 0.1, 1e-3, 1e-3


def equal(name: str, ours: float, theirs: float) -> bool:
    """Whether a column's two values are the same."""
    kind = COMPARED[name]
    if kind == "degrees":
        # An ellipse's angle is the same after half a turn.
        return abs((ours - theirs + 90) % 180 - 90) <= DEGREES
    if kind == "magnitudes":
        return abs(ours - theirs) <= MAGNITUDES
    if kind == "pixels":
        return abs(ours - theirs) <= PIXELS
    return bool(ours == theirs) if kind == "exact" else abs(ours - theirs) <= RELATIVE * abs(theirs)


@dataclass(frozen=True)
class Agreement:
    """How often ours and Source Extractor's values are equal.

    Attributes
    ----------
    columns : dict of str to ndarray (matched,) of bool
        For the object nearest to the middle, where both have found one.
    blended : ndarray (matched,) of bool
        Flagged by Source Extractor as split from another.
    pictures : dict of str to ndarray (N,) of bool
        ``objects``: as many are found; ``within_5px`` ...: as many are counted near the middle, target included.
    seconds, their_seconds : ndarray (N,)
        Of ours: background, detection, shape of one object, neighbours; of Source Extractor's process.
    """

    columns: dict[str, np.ndarray]
    blended: np.ndarray
    pictures: dict[str, np.ndarray]
    seconds: np.ndarray
    their_seconds: np.ndarray


def agreement(images, references: list[Reference]) -> Agreement:
    """Measure the pictures with our code and compare with Source Extractor's answers."""
    columns, blended = {name: [] for name in COMPARED}, []
    pictures: dict[str, list] = {"objects": []} | {f"within_{radius}px": [] for radius in RADII_PX}
    seconds = []
    for image, theirs in zip(images, references, strict=True):
        started = time.perf_counter()
        scene = detect(image)
        index = nearest(scene)
        ours = None if index is None else shapes(scene, index)
        near = counts(scene, index)
        seconds.append(time.perf_counter() - started)
        pictures["objects"].append(len(scene.objects) == len(theirs.table))
        for radius in RADII_PX:
            same = near[f"central_image_pop_{radius}px_rad"] == _met(theirs.segmentation, radius)
            pictures[f"within_{radius}px"].append(same)
        target = theirs.target()
        if ours is None or target is None:
            continue
        row = theirs.table[target]
        blended.append(bool(row["FLAGS"] & 2))
        for name in COMPARED:
            columns[name].append(equal(name, ours[name], row[name]))
    return Agreement(
        {name: np.array(same) for name, same in columns.items()},
        np.array(blended),
        {name: np.array(same) for name, same in pictures.items()},
        np.array(seconds),
        np.array([theirs.seconds for theirs in references]),
    )


def nearest(scene: Scene) -> int | None:
    """The object nearest to the middle of the picture."""
    if not len(scene.objects):
        return None
    height, width = scene.picture.shape
    return int(np.argmin(np.hypot(scene.objects["x"] - (width - 1) / 2, scene.objects["y"] - (height - 1) / 2)))


def _met(segmentation: np.ndarray, radius: int) -> int:
    """How many labels have a pixel within the radius of the middle."""
    height, width = segmentation.shape
    y, x = np.mgrid[:height, :width]
    inside = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2) <= radius
    return len(set(segmentation[inside].tolist()) - {0})


def real_pictures(shared_data: Path) -> list[np.ndarray]:
    """The 440 pictures of galaxies at Wide and at Deep/UltraDeep depth, (64, 64)."""
    files = [
        path for depth in ("wide", "dud") for path in sorted((shared_data / f"hsc_galaxies_{depth}").glob("*.fits"))
    ]
    return [np.ascontiguousarray(fits.getdata(path), np.float32) for path in files]
