"""Read pictures independently: from the service's FITS files with astropy, framed by the rule as published."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from galaxiesml.errors import CatalogError
from galaxiesml.verify.found import Difference
from galaxiesml.verify.survey import Survey

#: Why the store's bytes are compared instead, as a sentence goes on that begins with one file or several.
GONE, OTHER = "no longer there", "not what was landed"


def framed(picture: np.ndarray, size: int) -> tuple[np.ndarray, int]:
    """A picture as a file of a size holds it.

    On each axis floor((127 - n) / 2) zeros go before and the rest after; n > 127 is cropped from
    floor((n - 127) / 2).  Of that, 64 pixels are 31 to 94, from 0, and other smaller sizes the middle likewise; a
    larger size takes the place of the 127.

    Parameters
    ----------
    picture : ndarray of float32, shape (rows, columns)
    size : int

    Returns
    -------
    ndarray of float32, shape (size, size)
        Zeros where the picture is not finite.
    int
        Pixels in it that are not finite.
    """
    side = 127 if size < 127 else size
    for axis in (0, 1):
        n = picture.shape[axis]
        if n > side:
            picture = np.take(picture, np.arange((n - side) // 2, (n - side) // 2 + side), axis)
        before = (side - picture.shape[axis]) // 2
        widths = [(0, 0), (0, 0)]
        widths[axis] = (before, side - picture.shape[axis] - before)
        picture = np.pad(picture, widths)
    first = 31 if size == 64 else (side - size) // 2
    inside = picture[first : first + size, first : first + size].astype(np.float32)
    finite = np.isfinite(inside)
    return np.where(finite, inside, np.float32(0)), int((~finite).sum())


class Source:
    """Where the pictures of a shard come from: the tar or folder that landed, else the store's bytes.

    Attributes
    ----------
    fallback : str
        Why the tar is not read, one of `GONE` and `OTHER`; empty where it is.
    """

    def __init__(self, root: Path, shard: str, survey: Survey):
        self.survey = survey
        self.folder = root / "raw" / "cutouts" / shard
        try:
            info = json.loads((self.folder / "landing.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CatalogError(
                f"{self.folder} is gone: pictures of the build were in it.",
                "Land the tar again and build, or export again.",
            ) from None
        self.path, self.sha256 = Path(info["source_path"]), info["source_sha256"]
        self.fallback = self._why_not()

    def _why_not(self) -> str:
        if not self.path.exists():
            return GONE
        if _sha256(self.path) != self.sha256:
            return OTHER
        return ""

    def pictures(self, wanted: dict[str, tuple[int, int, int, int]]) -> Iterator[tuple[str, np.ndarray]]:
        """The images of members.

        Parameters
        ----------
        wanted : dict of str to (offset, rows, columns, crc)
            Members, and where the store has their images.

        Yields
        ------
        str, ndarray of float32
        """
        if self.fallback:
            yield from self._from_store(wanted)
            return
        left = set(wanted)
        if _is_fits(self.path):
            found = _folder(self.path.parent, left)
        else:
            found = _folder(self.path, left) if self.path.is_dir() else _tar(self.path, left)
        for member, data in found:
            left.discard(member)
            yield member, _image(f"{member} of {self.path}", member, data, self.survey)
        if left:
            raise Difference(f"{self.path} has no {min(left)}, which the build shows")

    def _from_store(self, wanted) -> Iterator[tuple[str, np.ndarray]]:
        with open(self.folder / "pixels.bin", "rb") as file:
            for member, (offset, rows, columns, crc) in wanted.items():
                file.seek(offset)
                data = file.read(4 * rows * columns)
                if len(data) < 4 * rows * columns or zlib.crc32(data) != crc:
                    raise Difference(f"{file.name}: the bytes of {member} are not those that were landed")
                yield member, np.frombuffer(data, "<f4").reshape(rows, columns)


def _sha256(path: Path) -> str:
    """Of a tar; of a folder, or of one FITS file, over names and sha256s of FITS files."""
    if path.is_dir() or _is_fits(path):
        whole = hashlib.sha256()
        for file in sorted(path.glob("*.fits")) if path.is_dir() else [path]:
            if file.is_file() and not file.is_symlink():
                whole.update(file.name.encode() + hashlib.sha256(file.read_bytes()).digest())
        return whole.hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_fits(path: Path) -> bool:
    """Whether it is one FITS file, by its name or its first bytes."""
    if path.is_dir():
        return False
    with open(path, "rb") as file:
        return path.suffix == ".fits" or file.read(9) == b"SIMPLE  ="


def _tar(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Members in the tar's order, until none is wanted; of two with one name the first, as landing takes them."""
    seen = set()
    with tarfile.open(path, "r:") as tar:
        for info in tar:
            if info.name in wanted and info.name not in seen and info.isreg():
                seen.add(info.name)
                yield info.name, tar.extractfile(info).read()
            # A tar that was landed although it is cut short cannot be read to its end.
            if not wanted:
                return


def _folder(path: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    for name in sorted(wanted):
        if (path / name).is_file():
            yield name, (path / name).read_bytes()


def _image(what: str, member: str, data: bytes, survey: Survey) -> np.ndarray:
    """The image of a cutout."""
    from astropy.io import fits

    try:
        with fits.open(io.BytesIO(data), memmap=False) as hdus:
            pixels = np.asarray(hdus[survey.image_hdu].data, np.float32)
            band = str(hdus[0].header.get(survey.filter_card, "")) if survey.filter_card else ""
    except Exception as error:
        raise Difference(f"{what} cannot be read: {error}") from None
    if pixels.ndim != 2:
        raise Difference(f"{what} has an image of {pixels.ndim} axes")
    named = survey.band_of_file(member)
    if band and named and survey.band(band) != named:
        raise Difference(f"{what} has filter {band} in its header")
    return pixels
