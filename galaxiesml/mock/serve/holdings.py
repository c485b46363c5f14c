"""What a folder of `mock sky` holds for an archive: tables, and where in its tars each picture is."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from galaxiesml.errors import InputError
from galaxiesml.mock.sky.archive.field import with_field

TABLES = ("forced", "forced2", "specz")
_FIELD = ("sources", "coverage")
#: A position that a client has written with six decimals is still that of the object; no two objects are so near.
SAME_ARCSEC = 0.05
_CUTOUT = re.compile(r"(?P<line>\d+)(?P<rest>-cutout-HSC-(?P<band>[A-Z0-9]+)-(?P<tract>\d+)-\w+\.fits)")
_PSF = re.compile(
    r"(?P<line>\d+)(?P<rest>-psf-calexp-\w+-HSC-(?P<band>[A-Z0-9]+)-(?P<tract>\d+)-(?P<patch>\d+,\d+)-.+\.fits)"
)


@dataclass(frozen=True)
class Member:
    """A file within one of the sky's tars.

    Attributes
    ----------
    path, offset, size : Path, int, int
        Where its bytes are.
    rest : str
        Its name behind the line's number.
    tract : int
    patch : str, optional
        Of PSF pictures, as 2,7.
    layers : frozenset of str
        What the file holds of image, mask and variance.
    """

    path: Path
    offset: int
    size: int
    rest: str
    tract: int
    patch: str | None
    layers: frozenset[str]


@dataclass(frozen=True)
class Place:
    """A line of the sky's own lists: a position in a band, and what the service has of it."""

    ra: float
    dec: float
    members: tuple[Member, ...]


class Pictures:
    """The pictures of one service, found by band and position.

    Parameters
    ----------
    folder : Path
        ``cutouts`` or ``psf`` of a sky.

    Raises
    ------
    InputError
        A tar has no list beside it, or holds names that no service gives.
    """

    def __init__(self, folder: Path):
        places: dict[str, list[Place]] = {}
        for path in sorted(folder.glob("*.tar")):
            for band, place in _of_tar(path):
                places.setdefault(band, []).append(place)
        self._places = places
        self._trees = {band: _tree(found) for band, found in places.items()}

    def at(self, band: str, ra: float, dec: float) -> Place | None:
        """The line of the sky's lists at a position (degrees); None where it has none."""
        if band not in self._trees:
            return None
        apart, at = self._trees[band].query(_vector(ra, dec))
        return self._places[band][at] if np.degrees(apart) * 3600.0 <= SAME_ARCSEC else None


def load_tables(folder: Path) -> dict:
    """The archive's tables of a sky, as Arrow tables: its own objects, and those of the field, without a spectrum.

    Raises
    ------
    InputError
        The folder is not a sky, or an older version wrote it.
    """
    import pyarrow.parquet as pq

    if not (folder / "mock.json").is_file():
        raise InputError(
            f"{folder} is not a simulated sky: it has no mock.json.", f"Type: galaxiesml mock sky --out {folder}"
        )
    for name in (*TABLES, *_FIELD):
        if not (folder / "truth" / f"{name}.parquet").is_file():
            raise InputError(
                f"{folder / 'truth'} has no {name}.parquet: an older version of mock sky wrote this folder.",
                f"Write it again: galaxiesml mock sky --force --out {folder}, with its other options.",
            )
    read = {name: pq.read_table(folder / "truth" / f"{name}.parquet", partitioning=None) for name in (*TABLES, *_FIELD)}
    return with_field({name: read[name] for name in TABLES}, *(read[name] for name in _FIELD))


def _of_tar(path: Path) -> Iterator[tuple[str, Place]]:
    """Band and place of each line of a list."""
    beside = path.with_suffix(".txt")
    if not beside.is_file():
        raise InputError(
            f"{path}: its upload list {beside.name} is missing.", "Write the sky again with mock sky --force."
        )
    lines = read_lines(beside.read_text(encoding="utf-8"))
    members: dict[int, list[Member]] = {}
    with tarfile.open(path) as tar:
        for found in tar:
            name = found.name.rpartition("/")[2]
            told = _CUTOUT.fullmatch(name) or _PSF.fullmatch(name)
            if told is None or int(told["line"]) - 2 >= len(lines):
                raise InputError(f"{path}: member {found.name} is none of its list's.", "Write the sky again.")
            line = lines[int(told["line"]) - 2]
            layers = frozenset(one for one in ("image", "mask", "variance") if line.get(one, "true") == "true")
            member = Member(
                path,
                found.offset_data,
                found.size,
                told["rest"],
                int(told["tract"]),
                told.groupdict().get("patch"),
                layers,
            )
            members.setdefault(int(told["line"]), []).append(member)
    for number, line in enumerate(lines, start=2):
        yield line["filter"], Place(float(line["ra"]), float(line["dec"]), tuple(members.get(number, ())))


def read_lines(text: str) -> list[dict[str, str]]:
    """The lines of an upload list, by the names of its header."""
    header, *rows = text.splitlines()
    names = header.removeprefix("#?").split()
    return [dict(zip(names, row.split(), strict=True)) for row in rows]


def _tree(places: list[Place]):
    from scipy.spatial import cKDTree

    return cKDTree([_vector(place.ra, place.dec) for place in places])


def _vector(ra: float, dec: float) -> tuple[float, float, float]:
    a, d = np.radians([ra, dec])
    return float(np.cos(d) * np.cos(a)), float(np.cos(d) * np.sin(a)), float(np.sin(d))
