"""One tar, or one folder of FITS files, made into a shard: a folder with pixels.bin and its tables."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog import now
from galaxiesml.cutouts.lists import Request, read_list
from galaxiesml.cutouts.picture import Picture, store_picture, to_table
from galaxiesml.cutouts.tar import BadTar, TarStream, folder_members
from galaxiesml.errors import InputError
from galaxiesml.pixels import KEYS, PICTURES, REQUESTS, ShardWriter


@dataclass(frozen=True)
class Task:
    """What a shard is made of.

    Attributes
    ----------
    source : Path
        A tar, or a folder whose .fits files are taken.
    list_file : Path or None
        The upload list that it answers.
    folder : Path
        Where the shard is made; it is moved into the store afterwards.
    bands : tuple of str
    psf : bool
    """

    source: Path
    list_file: Path | None
    folder: Path
    bands: tuple[str, ...]
    psf: bool


def fits_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".fits")


def bytes_of(source: Path) -> int:
    """Bytes of a tar, or of a folder's FITS files."""
    if source.is_dir():
        return sum(path.stat().st_size for path in fits_of(source) if path.is_file())
    return source.stat().st_size


def make_shard(task: Task, progress=None) -> dict:
    """Read a source once, from front to back, and write its shard into ``task.folder``.

    Parameters
    ----------
    progress : callable, optional
        Called with the bytes read since the last call.

    Returns
    -------
    dict
        landing.json.

    Raises
    ------
    InputError
        The tar is damaged, or the list is none; members that cannot be trusted are no error but rows.
    """
    requests = read_list(task.list_file) if task.list_file else []
    task.folder.mkdir(parents=True)
    shard = ShardWriter(task.folder)
    try:
        sha, pictures = _read(task, shard, progress)
    except BadTar as error:
        raise InputError(
            f"{task.source}: {error}; nothing of it is landed.", "Fetch the tar again and land it then."
        ) from None
    finally:
        size = shard.close()
    keys = {"shard": sha[:12], "source_file": task.source.name, "source_sha256": sha}
    write_keyed(task.folder / "pictures.parquet", to_table(pictures), keys, PICTURES)
    info = keys | {
        "source_path": str(task.source.resolve()),
        "source_bytes": bytes_of(task.source),
        "bytes": size,
        "pictures": sum(not picture.refused for picture in pictures),
        "bands": dict(Counter(picture.band for picture in pictures if not picture.refused)),
        "refused": [{"member": picture.member, "reason": picture.refused} for picture in pictures if picture.refused],
        "landed_at": now(),
    }
    info |= write_requests(task.folder, keys, task.list_file, requests)
    (task.folder / "landing.json").write_text(json.dumps(info, indent=1) + "\n")
    return info


def _read(task: Task, shard: ShardWriter, progress) -> tuple[str, list[Picture]]:
    if task.source.is_dir():
        sha = sha_of_folder(task.source)
        members = folder_members(task.source, fits_of(task.source), progress)
    else:
        members = stream = TarStream(task.source, progress)
    seen: set[str] = set()
    pictures = []
    for member in members:
        if member.name in seen:
            member.refused, member.data = "a member of this name stands before it in the tar", None
            member.name = f"{member.name} (again, {len(pictures) + 1})"
        seen.add(member.name)
        pictures.append(store_picture(member, shard, task.bands, task.psf))
    return (sha if task.source.is_dir() else stream.sha256), pictures


def write_requests(folder: Path, keys: dict, list_file: Path | None, requests: list[Request]) -> dict:
    """Write requests.parquet; returns what landing.json says of the list."""
    rows = pa.Table.from_pylist([asdict(request) for request in requests], pa.schema(list(REQUESTS)[len(KEYS) + 1 :]))
    name = list_file.name if list_file else None
    write_keyed(folder / "requests.parquet", rows, keys | {"list_file": name}, REQUESTS)
    return {"list_file": name, "requested": len(requests)}


def write_keyed(path: Path, table: pa.Table, keys: dict, schema: pa.Schema) -> None:
    """Write a table with the same values before every row."""
    first = [pa.array([value] * len(table), pa.string()) for value in keys.values()]
    pq.write_table(pa.Table.from_arrays([*first, *table.columns], schema=schema), path)


def sha_of(source: Path) -> str:
    """The sha256 that is a source's key."""
    if source.is_dir():
        return sha_of_folder(source)
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha_of_folder(folder: Path) -> str:
    """Of a folder: of the names and sha256s of its FITS files."""
    whole = hashlib.sha256()
    for path in fits_of(folder):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                whole.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()
