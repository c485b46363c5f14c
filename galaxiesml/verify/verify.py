"""Compare released files with the catalogue and with the FITS files of their pictures.

Files are read with h5py.  No code and no constant is shared with the export: names, types, the frame, and the choice
of galaxies and pictures are implemented a second time, from the description of the release.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import h5py
import numpy as np

from galaxiesml.errors import InputError
from galaxiesml.verify.attributes import check_attributes, check_facts, text_of
from galaxiesml.verify.expected import load_expected, load_uses, plainly_named, read_build, why_not
from galaxiesml.verify.found import Difference, Unread
from galaxiesml.verify.pictures import Source, framed
from galaxiesml.verify.survey import read_survey
from galaxiesml.verify.values import check_layout, check_values

#: Memory for DuckDB; the rest takes little.
_MEMORY = "400MB"
_USES = (
    "file bigint, object_id bigint, file_row bigint, band_at bigint, band text, shard text, member text, "
    "image_offset bigint, height bigint, width bigint, image_crc bigint"
)


@dataclass
class Checked:
    """The result of checking one file.

    Attributes
    ----------
    difference : Difference or None
        The first; None while there is none.
    unread : Unread or None
        Why the file could not be opened; it was not compared then.
    galaxies, from_fits, from_store, empty : int
        Rows; pictures compared with FITS files, with the store's bytes, and with zeros for none.
    not_finite : int
        Pixels that are not finite in the pictures and 0 in the file.
    differing : int
        Pictures that differ.
    notes : list of str
        Why the store's bytes were taken.
    """

    path: Path
    told: dict = field(default_factory=dict)
    difference: Difference | None = None
    unread: Unread | None = None
    galaxies: int = 0
    from_fits: int = 0
    from_store: int = 0
    empty: int = 0
    not_finite: int = 0
    differing: int = 0
    notes: list[str] = field(default_factory=list)
    image: h5py.Dataset | None = None
    first: tuple = ()

    def facts(self) -> dict:
        """As JSON holds it."""
        counts = ("galaxies", "from_fits", "from_store", "empty", "not_finite", "differing")
        named = {key: self.told.get(key) for key in ("build", "version", "split_scheme", "split", "image_size")}
        return {
            "file": str(self.path),
            "is_right": None if self.unread else self.difference is None,
            **named,
            **{key: getattr(self, key) for key in counts},
            "notes": self.notes,
            "unread": None if self.unread is None else str(self.unread),
            "difference": None if self.difference is None else self.difference.facts(),
        }


def verify_files(root: Path, paths: list[Path], progress=None) -> list[Checked]:
    """Compare released files with a catalogue, every row and every pixel.

    Each landed tar is read once, whatever the number of files; memory does not grow with the galaxies but for their
    identifiers.

    Parameters
    ----------
    root : Path
        The catalogue's folder.
    progress : object, optional
        Its ``update(total=)`` and ``advance(n)`` hear pictures.

    Returns
    -------
    list of Checked
        As `paths`; a file that differs, or that cannot be opened now, stops no other.

    Raises
    ------
    CatalogError
        A file's build, or a tar's place in the store, is gone.
    """
    checked = [Checked(Path(path)) for path in paths]
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(plainly_named(root))
        # A folder outside of the catalogue: `gc` would delete it, because verify holds no lock.
        spill = stack.enter_context(tempfile.TemporaryDirectory(prefix="verify-"))
        config = {"temp_directory": spill, "memory_limit": _MEMORY}
        connection = stack.enter_context(duckdb.connect(config=config))
        connection.execute(f"create temp table uses ({_USES})")
        for number, one in enumerate(checked):
            with _noting(one):
                _check_table(connection, root, plain, one, number, stack)
        if progress is not None:
            progress.update(total=sum(one.galaxies * one.image.shape[1] for one in checked if one.image))
        _check_pictures(connection, root, checked, progress)
        for one in checked:
            with _noting(one):
                _conclude(one)
    return checked


@contextlib.contextmanager
def _noting(*checked: Checked):
    try:
        yield
    except Difference as difference:
        for one in checked:
            one.difference = one.difference or difference
            one.image = None
    except Unread as unread:
        for one in checked:
            one.unread = unread


def _check_table(connection, root: Path, plain: Path, one: Checked, number: int, stack: contextlib.ExitStack) -> None:
    """All but the pixels; ``plain`` is the catalogue's folder as DuckDB is told of it."""
    file = stack.enter_context(_open(one.path))
    one.told = {name: text_of(file.attrs[name]) for name in file.attrs}
    check_attributes(one.told, one.path)
    build = replace(read_build(root, str(one.told["build"])), root=plain)
    check_facts(one.told, build)
    rows = check_layout(file, int(one.told["image_size"]), build.bands)
    expected = load_expected(connection, build, one.told, number)
    _check_ids(connection, file["object_id"][:], expected, one.told, number)
    measured = build.mart("morphology") if build.info.get("morphology") else None
    check_values(connection, file, build.mart(f"galaxies_{one.told['version']}"), measured, number, one.told)
    load_uses(connection, build, number)
    share = build.info.get("morphology_share") or {"measured": 0, "pictures": 0}
    if build.info.get("morphology") and share["measured"] < share["pictures"]:
        one.notes.append(
            f"morphology is measured in {share['measured']:,} of {share['pictures']:,} pictures of its build"
        )
    one.galaxies, one.image = rows, file["image"]


def _open(path: Path) -> h5py.File:
    if not path.is_file():
        raise InputError(f"{path} does not exist.", "Type: galaxiesml export hdf5")
    try:
        return h5py.File(path, "r")
    except BlockingIOError:
        raise Unread("another process has it open for writing, so it was not compared") from None
    except PermissionError:
        raise InputError(f"{path} cannot be read: permission denied.", f"Type: chmod u+r {path}") from None
    except OSError as error:
        raise Difference(f"it is not an HDF5 file, or it is damaged: {error}") from None


def _check_ids(connection, found: np.ndarray, expected: np.ndarray, told: dict, number: int) -> None:
    """The right galaxies, each once, in order."""
    falls = np.flatnonzero(found[1:] <= found[:-1])
    if len(falls):
        row = int(falls[0]) + 1
        words = f"object {found[row]} is in row {row} after {found[row - 1]}: object_id does not ascend"
        raise Difference(words, found[row], "object_id")
    extra = np.setdiff1d(found, expected, assume_unique=True)
    lacking = np.setdiff1d(expected, found, assume_unique=True)
    if len(lacking) and not (len(extra) and extra[0] < lacking[0]):
        raise Difference(
            f"object {lacking[0]} is not in the file, but belongs to {told['split']} of {told['version']} "
            f"({len(lacking):,} missing)",
            lacking[0],
            "object_id",
        )
    if len(extra):
        why = why_not(connection, number, told, extra[0])
        raise Difference(
            f"object {extra[0]} does not belong in the file: {why} ({len(extra):,} of these)", extra[0], "object_id"
        )


def _check_pictures(connection, root: Path, checked: list[Checked], progress) -> None:
    """Go through the tars once, and compare each picture with its place in every file."""
    for number, one in enumerate(checked):
        if one.image:
            _check_empty(connection, number, one, progress)
    survey = read_survey(root / "release.toml")
    fallbacks: dict[tuple[int, str], list[Path]] = {}
    shards = connection.execute("select distinct shard from uses where shard is not null order by shard").fetchall()
    for (shard,) in shards:
        uses: dict[str, list[tuple]] = {}
        rows = connection.execute(
            "select member, file, file_row, band_at, band, object_id, image_offset, height, width, image_crc "
            "from uses where shard = ? order by image_offset, file, file_row, band_at",
            [shard],
        ).fetchall()
        for member, *use in rows:
            uses.setdefault(member, []).append(use)
        files = {use[0] for of_member in uses.values() for use in of_member}
        with _noting(*(checked[file] for file in files)):
            source = Source(root, shard, survey)
            if source.fallback:
                for file in files:
                    fallbacks.setdefault((file, source.fallback), []).append(source.path)
            for member, picture in source.pictures({member: tuple(of[0][5:]) for member, of in uses.items()}):
                named = survey.band_of_file(member)
                _compare(checked, member, named, picture, uses[member], bool(source.fallback), progress)
    for (file, why), paths in fallbacks.items():
        checked[file].notes.append(_fallback_note(why, sorted(paths)))


def _fallback_note(why: str, paths: list[Path]) -> str:
    """One sentence for all the sources that could not be read, with the first three of them."""
    if len(paths) == 1:
        return f"{paths[0]} is {why}; its pictures were compared with the store's bytes"
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    named = ", ".join(map(str, paths[:3]))
    return f"{len(paths):,} sources are {why} ({named}{more}); their pictures were compared with the store's bytes"


def _check_empty(connection, number: int, one: Checked, progress) -> None:
    """Where a filter has no picture, the file holds zeros."""
    rows = connection.execute(
        "select file_row, band_at, band, object_id from uses where file = ? and shard is null order by all", [number]
    )
    while some := rows.fetchmany(4096):
        for row, at, band, object_id in some:
            found = one.image[row, at]
            _note(one, found, np.zeros_like(found), (row, at), band, object_id, "no picture, so zeros")
            one.empty += 1
        if progress is not None:
            progress.advance(len(some))


def _compare(
    checked: list[Checked], member: str, named: str | None, picture: np.ndarray, uses: list, is_store: bool, progress
) -> None:
    """A picture against its every place; ``named`` is the filter that its name says."""
    frames: dict[int, tuple[np.ndarray, int]] = {}
    for file, row, at, band, object_id, *_ in uses:
        one = checked[file]
        if one.image is None:
            continue
        if named and named != band:
            words = f"object {object_id} (row {row}): {member} is shown as its {band}"
            _keep(one, (row, at), Difference(words, object_id, "image"))
        size = one.image.shape[-1]
        if size not in frames:
            frames[size] = framed(picture, size)
        right, not_finite = frames[size]
        _note(one, one.image[row, at], right, (row, at), band, object_id, member)
        one.not_finite += not_finite
        one.from_store += is_store
        one.from_fits += not is_store
        if progress is not None:
            progress.advance(1)


def _note(one: Checked, found: np.ndarray, right: np.ndarray, place, band: str, object_id: int, what: str) -> None:
    """Keep a difference if it is the first in the file's order; bits are compared, so -0 is not 0."""
    differs = found.view(np.uint32) != right.view(np.uint32)
    if not differs.any():
        return
    one.differing += 1
    y, x = (int(axis) for axis in np.unravel_index(np.argmax(differs), differs.shape))
    words = (
        f"object {object_id} (row {place[0]}): image[{place[1]} ({band}), {y}, {x}] is {float(found[y, x])!r} and "
        f"should be {float(right[y, x])!r} ({what}); {differs.sum():,} of its {differs.size:,} pixels differ"
    )
    _keep(one, place, Difference(words, object_id, "image", (place[1], y, x)))


def _keep(one: Checked, place: tuple[int, int], difference: Difference) -> None:
    if not one.first or place < one.first[0]:
        one.first = (place, difference)


def _conclude(one: Checked) -> None:
    if one.image is None:
        return
    if one.first:
        raise one.first[1]
    pictures = one.galaxies * one.image.shape[1]
    if one.from_fits + one.from_store + one.empty != pictures:
        raise Difference(f"{pictures - one.from_fits - one.from_store - one.empty:,} pictures were not compared")
    if one.told["not_finite_pixels"] != one.not_finite:
        raise Difference(
            f"attribute not_finite_pixels is {one.told['not_finite_pixels']!r}; the pictures have {one.not_finite:,}",
            key="not_finite_pixels",
        )
