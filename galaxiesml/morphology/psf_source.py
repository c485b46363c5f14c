"""Sources of the PSFs of a catalogue's pictures: landed PSFs, a Moffat profile, a file, or a folder of files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import InputError, UsageError
from galaxiesml.morphology.psf import moffat, pictures
from galaxiesml.morphology.sersic.psf import Moffat, Pictures
from galaxiesml.pixels.store import Shards

#: A picture with more pixels on a side is not a PSF.
_MOST = 512


@dataclass(frozen=True)
class Source:
    """One source of PSFs.

    Attributes
    ----------
    words : str
        'catalogue', 'moffat:FWHM:BETA', or the whole path of a file or a folder.
    identity : str
        The same with a hash of the files in place of where they are.
    files : tuple of (str, Path)
        Filter, or '' for all, and its file.
    """

    words: str
    identity: str
    files: tuple[tuple[str, Path], ...] = ()

    @property
    def of_catalog(self) -> bool:
        """Whether the PSFs are those that landed with the pictures."""
        return self.words == "catalogue"

    def known(self, rows: list[dict]) -> list[bool]:
        """Whether each picture has a PSF."""
        if self.of_catalog:
            return [row["psf_offset"] is not None for row in rows]
        bands = dict(self.files)
        return [not bands or "" in bands or row["band"] in bands for row in rows]

    def load(self, catalog: Catalog, rows: list[dict], scale: float) -> tuple[Moffat | Pictures | None, np.ndarray]:
        """PSFs of some pictures, and which is whose; -1: none."""
        if self.words.startswith("moffat:"):
            return moffat(self.words, scale), np.zeros(len(rows), int)
        if self.of_catalog:
            return _landed(catalog, rows)
        bands = dict(self.files)
        names = [row["band"] if row["band"] in bands else "" for row in rows]
        found = [name for name in bands if name in names]
        if not found:
            return None, np.full(len(rows), -1)
        psf, _, _ = pictures(np.stack([read_psf_file(bands[name]) for name in found]), len(found))
        return psf, np.array([found.index(name) if name in found else -1 for name in names])


def source_of(words: str, bands: list[str]) -> Source:
    """Parse ``--psf``.

    Parameters
    ----------
    bands : list of str
        The release's filters, whichever are measured: a folder's files are one source.

    Raises
    ------
    UsageError
        No Moffat profile is like that.
    InputError
        The text has none of these forms, or a file has no PSF.
    """
    if words == "catalogue":
        return Source(words, words)
    if words.startswith("moffat:"):
        try:
            known = moffat(words, 1.0)
        except InputError as error:
            raise UsageError(str(error), error.hint) from None
        words = f"moffat:{known.fwhm[0]:g}:{known.beta:g}"
        return Source(words, words)
    if not words:
        raise UsageError("--psf is empty.", "Type: --psf catalogue, --psf moffat:0.7, or a FITS file")
    path = Path(words).resolve()
    if path.is_dir():
        files = tuple((band, path / f"{band}.fits") for band in bands if (path / f"{band}.fits").is_file())
        if not files:
            raise InputError(f"{path} holds none of {', '.join(f'{band}.fits' for band in bands)}.")
    elif path.is_file():
        files = (("", path),)
    else:
        raise InputError(
            f"--psf {words!r} is neither a file nor a folder.",
            "Type: --psf catalogue, --psf moffat:0.7, or a FITS file",
        )
    digest = hashlib.sha256()
    shapes = {file.name: read_psf_file(file).shape for _, file in files}
    if len(set(shapes.values())) > 1:
        raise InputError(f"The PSFs of {path} differ in shape: {shapes}.", "Cut them to the same shape.")
    for band, file in files:
        digest.update(band.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return Source(str(path), f"files sha256:{digest.hexdigest()}", files)


def read_psf_file(path: Path) -> np.ndarray:
    """Read a PSF picture from a FITS file: its first image.

    Raises
    ------
    InputError
        The file cannot be read, or its picture is not a PSF: not finite, without light, or larger than 512 pixels.
    """
    from astropy.io import fits

    try:
        with fits.open(path.absolute(), memmap=False) as opened:
            found = next((layer.data for layer in opened if layer.data is not None and layer.is_image), None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is not a FITS file: {error}") from None
    if found is None or found.ndim != 2 or max(found.shape) > _MOST:
        raise InputError(f"{path} holds no picture of at most {_MOST} x {_MOST} pixels.")
    with np.errstate(over="ignore"):
        psf = np.asarray(found, np.float32)
    if not np.isfinite(psf).all() or not psf.sum(dtype=np.float64) > 0:
        raise InputError(f"{path} is not a PSF: its pixels are not finite, or their sum is not above 0.")
    return psf


def _landed(catalog: Catalog, rows: list[dict]) -> tuple[Pictures | None, np.ndarray]:
    """The catalogue's own PSFs, of one shape."""
    have = [at for at, row in enumerate(rows) if row["psf_offset"] is not None]
    if not have:
        return None, np.full(len(rows), -1)
    shards = Shards(catalog.raw / "psf")
    shape = rows[have[0]]["psf_height"], rows[have[0]]["psf_width"]
    stack = np.stack([shards.layer(rows[at]["psf_shard"], rows[at]["psf_offset"], shape, "psf") for at in have])
    psf, _, usable = pictures(stack, len(have))
    found = np.full(len(rows), -1)
    found[np.array(have)[usable]] = np.flatnonzero(usable)
    return psf, found
