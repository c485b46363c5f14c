"""Measure galaxies in arrays of pictures, without a catalogue."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from galaxiesml.catalog.measured import MORPHOLOGY
from galaxiesml.errors import InputError
from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG
from galaxiesml.morphology import psf as psfs
from galaxiesml.morphology.flags import Flag, reasons
from galaxiesml.morphology.sersic.psf import Moffat, Pictures
from galaxiesml.morphology.settings import Settings
from galaxiesml.morphology.target import Target, look

#: Pixels beyond this do not count, as those that are not finite: their squares would leave single precision.
LARGEST = 1e15
#: Columns of a measurement; an angle on the sky needs the picture's WCS, which a run adds.
MEASURED = tuple(column.name for column in MORPHOLOGY.columns if not column.name.endswith("pos_angle_sky_deg"))


@dataclass(frozen=True)
class Block:
    """Pictures of one shape, with their masks, variances and PSFs.

    Attributes
    ----------
    images : ndarray (N, height, width)
    kept : ndarray (N, height, width) of bool
        Pixels that count in Sersic fits.
    detection_mask : ndarray (N, height, width) of bool or None
        Pixels that the detection leaves out; None: only those that are not finite.
    variance : ndarray (N, height, width) or None
        Of every pixel, whole.
    psf : Moffat, Pictures or None
    rows : ndarray (N,) of int
        Which PSF is whose; -1: none is known.
    zero_point_mag : ndarray (N,)
    pixel_scale_arcsec : float
    """

    images: np.ndarray
    kept: np.ndarray
    detection_mask: np.ndarray | None
    variance: np.ndarray | None
    psf: Moffat | Pictures | None
    rows: np.ndarray
    zero_point_mag: np.ndarray
    pixel_scale_arcsec: float


def measure(
    images: np.ndarray,
    psf: np.ndarray | Moffat | str | None = None,
    variance: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    *,
    gain: float = 0.0,
    zero_point_mag: float = ZERO_POINT_MAG,
    pixel_scale_arcsec: float = PIXEL_SCALE_ARCSEC,
    settings: Settings | None = None,
    device: str = "cpu",
) -> pa.Table:
    """Morphology of the object nearest the middle of every picture.

    Parameters
    ----------
    images : ndarray (N, height, width), or (height, width) of one
        Rows grow along the second axis, columns along the last.  Pixels that are not finite do not count,
        nor any beyond 1e15, nor those that a masked array masks.
    psf : ndarray, Moffat, str or None
        Pictures (height, width) or (N, height, width), the peak at the middle pixel, the pixel's response in them;
        or 'moffat:FWHM_ARCSEC[:BETA]'.  None: the Sersic columns are NULL, with the reason no_psf.
    variance : ndarray (N, height, width) or None
        Of every pixel.  None: the sky's noise is measured in each picture, and `gain` gives the galaxies'.
    mask : ndarray (N, height, width) of bool or None
        True: the pixel counts neither in the detection nor in the fit.
    gain : float
        Electrons a unit of flux; 0: no Poisson noise.  Not used where there is a variance.
    zero_point_mag : float
        AB magnitude of one unit of flux; default: HSC's.
    pixel_scale_arcsec : float
        Default: HSC's.
    settings : Settings, optional
        Source Extractor's settings, neighbours that are fitted with the target, stamp; `gain` is put in.
    device : str
        'cpu' or 'cuda', of the Sersic fits.

    Returns
    -------
    pyarrow.Table, N rows
        Columns as in the release without the filter (major_axis ... sersic_index), then additions whose names end in
        their units; a value that could not be had is NULL, never 0 and never NaN, and ``morphology_flags`` and
        ``morphology_reasons`` say why.  Positions count from 0 at the first pixel's centre.

    Raises
    ------
    InputError
        The arrays' shapes do not fit together.  A bad picture is never an error: it has a flag.

    Examples
    --------
    >>> import numpy as np
    >>> from galaxiesml.morphology import measure
    >>> y, x = np.mgrid[-31:32, -31:32]
    >>> noise = np.random.default_rng(1).normal(0, 0.08, (63, 63))
    >>> measure(20 * np.exp(-np.hypot(x, y) / 4) + noise, psf="moffat:0.7").column("detected").to_pylist()
    [True]
    """
    images = np.ma.filled(images.astype(np.float32), np.nan) if np.ma.isMaskedArray(images) else np.asarray(images)
    images = images[None] if images.ndim == 2 else images
    if images.ndim != 3 or not psfs.is_real(images):
        raise InputError(f"images must be numbers of shape (N, height, width), not {images.shape} of {images.dtype}.")
    with np.errstate(over="ignore"):
        images = np.asarray(images, np.float32)
    for name, value, least in (("gain", gain, 0.0), ("pixel_scale_arcsec", pixel_scale_arcsec, np.finfo(float).tiny)):
        if not least <= value < np.inf:
            raise InputError(f"{name} must be {'0 or more' if least == 0 else 'above 0'}, not {value}.")
    variance, mask = (_like(images, name, array) for name, array in (("variance", variance), ("mask", mask)))
    kept = np.isfinite(images) if mask is None else np.isfinite(images) & ~mask.astype(bool)
    if variance is not None:
        kept &= np.isfinite(variance) & (variance > 0)
    known, rows, usable = _psf(psf, len(images), pixel_scale_arcsec)
    settings = Settings(**{**vars(settings or Settings()), "gain": gain or (settings.gain if settings else 0.0)})
    block = Block(
        images,
        kept,
        None if mask is None else mask.astype(bool),
        variance,
        known,
        np.where(usable, rows, -1),
        np.full(len(images), float(zero_point_mag)),
        float(pixel_scale_arcsec),
    )
    return measure_block(block, settings, device)


def _like(images: np.ndarray, name: str, array: np.ndarray | None) -> np.ndarray | None:
    if array is None:
        return None
    array = np.asarray(array)
    if array.shape not in (images.shape, images.shape[1:] if len(images) == 1 else None):
        raise InputError(f"{name} has the shape {array.shape}, but the pictures have {images.shape}.")
    if array.dtype != bool and not psfs.is_real(array):
        raise InputError(f"{name} must be numbers, not {array.dtype}.")
    return array.reshape(images.shape)


def _psf(psf, many: int, scale: float) -> tuple[Moffat | Pictures | None, np.ndarray, np.ndarray]:
    if psf is None:
        return None, np.zeros(many, int), np.zeros(many, bool)
    if isinstance(psf, str):
        psf = psfs.moffat(psf, scale)
    if isinstance(psf, Moffat):
        fwhm = np.atleast_1d(np.asarray(psf.fwhm, float))
        if len(fwhm) not in (1, many):
            raise InputError(f"{len(fwhm)} FWHMs of a Moffat for {many} pictures.")
        if not 1 < psf.beta < np.inf:
            raise InputError(f"A Moffat's beta must be above 1, where its flux is finite, not {psf.beta}.")
        rows = np.arange(many) if len(fwhm) == many else np.zeros(many, int)
        return psf, rows, (np.isfinite(fwhm) & (fwhm > 0))[rows]
    return psfs.pictures(psf, many)


def measure_block(block: Block, settings: Settings, device: str = "cpu") -> pa.Table:
    """Measure a block that `measure` has made of its arguments."""
    targets = []
    for at, image in enumerate(block.images):
        usable = np.abs(image) < LARGEST
        mask = ~usable if block.detection_mask is None else block.detection_mask[at] | ~usable
        picture = np.ascontiguousarray(np.where(usable, image, np.float32(0)))
        known = block.rows[at] >= 0
        targets.append(look(picture, block.kept[at] & usable, settings, mask if mask.any() else None, known))
    fitted = _fit(targets, block, settings, device)
    return _table(targets, fitted, block)


def _fit(targets: list[Target], block: Block, settings: Settings, device: str) -> dict[int, dict]:
    """Sersic columns by row of the block."""
    groups = defaultdict(list)
    for at, target in enumerate(targets):
        if block.rows[at] < 0:
            target.flags |= Flag.NO_PSF
        elif target.stamp is not None:
            groups[target.stamp.data.shape[0], len(target.guesses)].append(at)
    fitted: dict[int, dict] = {}
    if groups:
        # Here, so that what asks for no fit needs no torch.
        from galaxiesml.morphology.profiles import fit_group

        for rows in groups.values():
            fitted |= fit_group(targets, rows, block, settings, device)
    return fitted


def _table(targets: list[Target], fitted: dict[int, dict], block: Block) -> pa.Table:
    scale = block.pixel_scale_arcsec
    rows = []
    for at, target in enumerate(targets):
        row = target.row | fitted.get(at, {})
        row |= _on_the_sky(row, scale, block.zero_point_mag[at])
        rows.append(row | {"morphology_flags": int(target.flags), "morphology_reasons": reasons(target.flags)})
    names = MORPHOLOGY.schema(MEASURED)
    arrays = [pa.array([_finite(row.get(field.name)) for row in rows], field.type) for field in names]
    return pa.table(arrays, schema=names)


def _finite(value):
    """None for what is not a number."""
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value


def _on_the_sky(row: dict, scale: float, zero_point: float) -> dict:
    """Convert pixels and counts to arcseconds and magnitudes."""
    made = {}
    for name in ("major_axis", "minor_axis", "half_light_radius"):
        if name in row:
            made[f"{name}_arcsec"] = row[name] * scale
    for name in ("petro_rad", "sersic_r_e", "sersic_r_e_error"):
        if f"{name}_px" in row:
            made[f"{name}_arcsec"] = row[f"{name}_px"] * scale
    if "isophotal_area" in row:
        made["isophotal_area_arcsec2"] = row["isophotal_area"] * scale**2
    if "auto_mag" in row:
        made["auto_mag"] = row["auto_mag"] + zero_point
    if "peak_surface_brightness" in row:
        # MU_MAX is of a pixel of 0.17 arcsec at zero point 0.
        pixel = 5 * np.log10(scale / 0.17)
        made["peak_surface_brightness_mag_arcsec2"] = row["peak_surface_brightness"] + zero_point + pixel
    if "sersic_mag" in row:
        made["sersic_mag"] = row["sersic_mag"] + zero_point
    return made
