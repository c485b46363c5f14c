"""Land released files: which objects are in the published training, validation and testing files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import now
from galaxiesml.catalog.landing import find, making, recover, show, take_out, write_note
from galaxiesml.catalog.parquet import parquet, plain
from galaxiesml.catalog.stores import BY_NAME, SPLITS
from galaxiesml.errors import InputError, UsageError
from galaxiesml.ingest.arrival import check_unchanged, name_of, sha256_of
from galaxiesml.ingest.convert import REASONS, Nulls, convert
from galaxiesml.ingest.formats import open_source
from galaxiesml.ingest.release_hdf5 import KEY, id_blocks, is_hdf5
from galaxiesml.ingest.source import Block

TEXTS = ("csv", "tsv", "ecsv")


@dataclass(frozen=True)
class ReleaseLanding:
    """A landed released file: its landing.json, whether it is new, and messages for the user."""

    info: dict
    is_new: bool = True
    notes: list[str] = field(default_factory=list)


def land_release(
    catalog: Catalog, path: str | Path, *, split: str | None = None, fetched: dict | None = None, progress=None
) -> ReleaseLanding:
    """Land one released HDF5 file, or its CSV twin: the identifiers of its objects, and the split.

    The caller holds ``catalog.lock``.  The pictures in the file are not read.

    Parameters
    ----------
    path : path
        HDF5 or CSV (plain or gzip), recognised by its content; object_id must be a key or a column of it.
    split : str, optional
        'training', 'validation' or 'testing'; else the one that the file's name holds.
    fetched : dict, optional
        Where the file was fetched from, for landing.json.
    progress : object, optional
        Its ``update(description=, total=)`` and ``advance(n)`` receive the bytes read.

    Raises
    ------
    InputError
        The file's content is not as expected, or an object occurs twice; nothing is changed.
    UsageError
        No split is named, or the same file is already landed as another split.
    """
    path = Path(path)
    _check_file(path)
    split = check_split(split) if split else split_of_name(path)
    before = path.stat()
    if progress is not None:
        progress.update(description=f"reading {path.name}", total=before.st_size)
    sha = sha256_of(path, progress)
    if (same := next((old for old in catalog.landings("release") if old["source_sha256"] == sha), None)) is not None:
        return _landed_before(path, same, split)
    notes: list[str] = []
    recover(catalog)
    with making(catalog) as folder:
        info = _write(folder, path, split, sha, notes) | ({"fetched": fetched} if fetched else {})
        _refuse_repeats(catalog, folder, path)
        check_unchanged(path, before)
        write_note(folder, info)
        show(catalog, "release", folder, sha[:12])
    return ReleaseLanding(info, notes=notes)


def check_split(name: str) -> str:
    """Check a split's name: one of SPLITS."""
    if name not in SPLITS:
        raise UsageError(f"No split {name!r}.", f"Splits: {', '.join(SPLITS)}.")
    return name


def split_of_name(path: Path) -> str:
    """The split in a released file's name, such as 5x127x127_training_with_morphology.hdf5.

    Raises
    ------
    UsageError
        The name holds none, or more than one.
    """
    found = [word for word in re.split(r"[^a-z]+", path.name.lower()) if word in SPLITS]
    if len(set(found)) != 1:
        held = " and ".join(sorted(set(found))) or "no split"
        raise UsageError(
            f"The name {path.name} holds {held}.", f"Type: galaxiesml ingest release {path} --split training"
        )
    return found[0]


def remove_release(catalog: Catalog, reference: str) -> dict:
    """Remove a landed released file by its name or the beginning of its SHA-256; the caller holds the lock.

    Raises
    ------
    UsageError
        No landed file is meant, or more than one.
    """
    hint = "Give a file's name or the beginning of its sha256; galaxiesml ingest release --list shows both."
    found = find(catalog, "release", reference, "landed released files", hint)
    take_out(catalog, "release", found["source_sha256"][:12])
    return found


# -- the file ------------------------------------------------------------------------------------------------


def _check_file(path: Path) -> None:
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if not path.is_file():
        raise InputError(f"{path} is not a file.", "Give the files one by one.")
    if not path.stat().st_size:
        raise InputError(f"{path} is empty.", "Download the file again, then land it.")


def _landed_before(path: Path, same: dict, split: str) -> ReleaseLanding:
    if same["split"] != split:
        raise UsageError(
            f"{path} is already landed, as {same['split']}: nothing was changed.",
            f"Type: galaxiesml ingest release --remove {same['source_sha256'][:12]}; then land it again.",
        )
    return ReleaseLanding(same, is_new=False)


def _write(folder: Path, path: Path, split: str, sha: str, notes: list[str]) -> dict:
    """splits.parquet, a block at a time; returns landing.json, and adds to the notes."""
    is_binary = is_hdf5(path)
    name = name_of(path)
    facts = {"split": split, "source_file": name, "source_sha256": sha}
    target, rows, schema = folder / "splits.parquet", 0, BY_NAME["release_splits"].schema()
    with pq.ParquetWriter(target, schema, compression="zstd", use_dictionary=list(facts)) as writer:
        for ids, numbers in _numbered(id_blocks(path)) if is_binary else _csv_blocks(path, notes):
            columns = {name: pa.repeat(value, len(ids)) for name, value in facts.items()}
            columns |= {"object_id": ids, "source_row": numbers}
            writer.write_table(pa.table(columns).select(schema.names).cast(schema))
            rows += len(ids)
    if not rows:
        raise InputError(f"{path} has no rows.", "Land the file as it was published.")
    with open(target, "rb") as file:
        os.fsync(file.fileno())
    return {
        **facts,
        "bytes": path.stat().st_size,
        "format": "hdf5" if is_binary else "csv",
        "rows": rows,
        "landed_at": now(),
    }


def _numbered(blocks: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    start = 1
    for ids in blocks:
        yield ids, np.arange(start, start + len(ids), dtype=np.int64)
        start += len(ids)


def _csv_blocks(path: Path, notes: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    source = open_source(path)
    if source.format.removesuffix(".gz") not in TEXTS:
        raise InputError(f"{path} is {source.format}; released files are HDF5 and CSV.")
    places = [place for place, name in enumerate(source.names) if name.lower() == KEY]
    if len(places) != 1:
        raise InputError(
            f"{path} has {len(places)} columns named {KEY}; its first columns: {', '.join(source.names[:8])}.",
            "Land a file in the released layout.",
        )
    for block in source.blocks({places[0]: pa.int64()}, ()):
        yield _ids_of(path, block, places[0]), block.rows
    notes += source.notes


def _ids_of(path: Path, block: Block, place: int) -> np.ndarray:
    if block.bad:
        raise InputError(f"{path}, line {block.bad[0].line}: {block.bad[0].reason}; nothing was landed.")
    column = block.columns[place]
    ids, bad = convert(column, "bigint", Nulls(()), is_id=True)
    wrong = np.flatnonzero(bad) if bad is not None else np.flatnonzero(ids.is_null().to_numpy(zero_copy_only=False))
    if wrong.size:
        at = int(wrong[0])
        raise InputError(
            f"{path}, row {block.rows[at]}: {KEY} {column[at].as_py()!r} {REASONS['bigint']}; nothing was landed.",
            "Correct the file, or download it again.",
        )
    return ids.to_numpy()


# -- no object in two places ---------------------------------------------------------------------------------


def _refuse_repeats(catalog: Catalog, folder: Path, path: Path) -> None:
    import duckdb

    new = parquet(folder / "splits.parquet")
    landed = parquet(catalog.raw / "release", "*/splits.parquet")
    settings = {"memory_limit": "1GB", "temp_directory": str(plain(folder) / "spill")}
    with duckdb.connect(config=settings) as connection:
        within = connection.execute(
            f"select {KEY}, min(source_row), max(source_row) from {new} group by {KEY} having count(*) > 1 "
            f"order by {KEY} limit 1"
        ).fetchone()
        if within:
            raise InputError(
                f"{path}: {KEY} {within[0]} is in row {within[1]} and in row {within[2]}; nothing was landed.",
                "A released file has each object once: download it again.",
            )
        if not any((catalog.raw / "release").glob("*/splits.parquet")):
            return
        across = connection.execute(
            f"select new.{KEY}, new.source_row, old.source_file, old.source_row, old.split, count(*) over () "
            f"from {new} as new inner join {landed} as old using ({KEY}) order by new.{KEY} limit 1"
        ).fetchone()
    if across:
        found, row, other, other_row, other_split, count = across
        raise InputError(
            f"{path}: {KEY} {found}, in row {row}, is already in {other}, row {other_row} ({other_split}); "
            f"{count:,} objects are in both; nothing was landed.",
            f"An HDF5 file and its CSV twin hold the same objects: land one.  To remove the other: "
            f"galaxiesml ingest release --remove {other}",
        )
