"""Convert one tar, or one folder of FITS files, to a shard: a folder with pixels.bin and its tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog.folder import now
from galaxiesml.catalog.landing import write_note
from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.cutouts.lists import Request, read_list
from galaxiesml.cutouts.names import BadName, read_name
from galaxiesml.cutouts.picture import Picture, store_picture, to_table
from galaxiesml.cutouts.silence import Silence, silence_of
from galaxiesml.cutouts.source import bytes_of, fits_of, is_tar, sha_of
from galaxiesml.cutouts.tar import BadTar, CutTar, TarStream, folder_members
from galaxiesml.errors import InputError
from galaxiesml.instrument import Instrument
from galaxiesml.pixels.store import ShardWriter


@dataclass(frozen=True)
class Task:
    """The input of a shard.

    Attributes
    ----------
    source : Path
        A tar, a folder whose .fits files are taken, or a FITS file.
    list_file : Path or None
        The upload list that it answers.
    folder : Path
        Where the shard is made; it is moved into the store afterwards.
    instrument : Instrument
        Of the catalogue's release.
    psf : bool
    accept_cut : bool
        Of a tar that is cut short, land the members that came.
    fetched : dict or None
        Where the tar was fetched from, for landing.json.
    """

    source: Path
    list_file: Path | None
    folder: Path
    instrument: Instrument
    psf: bool
    accept_cut: bool = False
    fetched: dict | None = None


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
        The tar is damaged or cut short, the list is not valid, or all members are refused; some members that cannot be
        trusted are no error but rows.
    """
    requests = read_list(task.list_file, task.instrument) if task.list_file else []
    task.folder.mkdir(parents=True)
    shard = ShardWriter(task.folder)
    try:
        sha, pictures, silence = _read(task, shard, requests, progress)
    except CutTar as error:
        option = f"galaxiesml ingest {'psf' if task.psf else 'cutouts'} --accept-cut {task.source}"
        raise InputError(
            f"{task.source}: {error}. Nothing of it was landed.",
            f"Download the tar again and land it; or land what arrived, and request the rest again: {option}",
        ) from None
    except BadTar as error:
        raise InputError(
            f"{task.source}: {error}. Nothing of it was landed.", "Download the tar again and land it."
        ) from None
    finally:
        size = shard.close()
    _check_any_use(task, pictures)
    if not pictures and task.list_file is not None:
        sha = sha_of(task.source, task.list_file)
    keys = {"shard": sha[:12], "source_file": task.source.name, "source_sha256": sha}
    pq.write_table(to_table(pictures, keys, task.instrument.mask_planes or ()), task.folder / "pictures.parquet")
    info = (
        keys
        | {
            "source_path": str(task.source.resolve()),
            "source_bytes": bytes_of(task.source),
            "bytes": size,
            "pictures": sum(not picture.refused for picture in pictures),
            "bands": dict(Counter(picture.band for picture in pictures if not picture.refused)),
            "refused": [
                {"member": picture.member, "reason": picture.refused, "class": picture.refused_class}
                for picture in pictures
                if picture.refused
            ],
            "psf_flags": dict(sorted(Counter(picture.psf_flag for picture in pictures if picture.psf_flag).items())),
            "landed_at": now(),
        }
        | asdict(silence)
        | ({"fetched": task.fetched} if task.fetched else {})
    )
    info |= write_requests(task.folder, keys, task.list_file, requests, silence)
    write_note(task.folder, info)
    return info


def _read(task: Task, shard: ShardWriter, requests: list[Request], progress) -> tuple[str, list[Picture], Silence]:
    stream = None
    lines = frozenset(request.line for request in requests) if task.list_file else None
    if is_tar(task.source):
        members = stream = TarStream(task.source, progress, accept_cut=task.accept_cut)
    else:
        sha = sha_of(task.source)
        folder = task.source if task.source.is_dir() else task.source.parent
        members = folder_members(folder, fits_of(task.source), progress)
    seen: set[str] = set()
    pictures = []
    for member in members:
        if member.name in seen:
            member.refused, member.data = "the tar has a member of this name before it", None
            member.refused_class = "repeated"
            member.name = f"{member.name} (again, {len(pictures) + 1})"
        seen.add(member.name)
        pictures.append(store_picture(member, shard, task.instrument, task.psf, lines))
    return (sha if stream is None else stream.sha256), pictures, silence_of(task.source, stream, pictures)


def _check_any_use(task: Task, pictures: list[Picture]) -> None:
    """Refuse a source that has members but no usable picture."""
    if not pictures or not all(picture.refused for picture in pictures):
        return
    firsts = {picture.refused_class: picture for picture in reversed(pictures)}
    counts = Counter(picture.refused_class for picture in pictures)
    told = "\n".join(
        f"  {count:,} ({kind}), as {firsts[kind].member}: {firsts[kind].refused}"
        for kind, count in counts.most_common()
    )
    other = [picture for picture in pictures if _is_of(picture.member, task.instrument, not task.psf)]
    hint = f"Type: galaxiesml ingest {'cutouts' if task.psf else 'psf'} {task.source}" if other else None
    raise InputError(
        f"{task.source} has no usable picture; nothing of it was landed.  Refused:\n{told}",
        hint or "Give tars or FITS files as the service sent them, under the service's names.",
    )


def _is_of(member: str, instrument: Instrument, psf: bool) -> bool:
    if not (instrument.psf_name if psf else instrument.cutout_name):
        return False
    try:
        return bool(read_name(member, instrument, psf))
    except BadName:
        return False


def write_requests(folder: Path, keys: dict, list_file: Path | None, requests: list[Request], silence: Silence) -> dict:
    """Write requests.parquet; returns what landing.json says of the list."""
    keys = keys | {"list_file": list_file.name if list_file else None} | asdict(silence)
    schema = BY_NAME["cutout_requests"].schema()
    rows = pa.Table.from_pylist([keys | asdict(request) for request in requests], schema)
    pq.write_table(rows, folder / "requests.parquet")
    return {"list_file": keys["list_file"], "requested": len(requests)}
