"""Land pictures: each tar or folder becomes a shard of the pixel store, completely or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.landing import find, making, making_folder, recover, show, take_out, write_note
from galaxiesml.catalog.settings import check_space
from galaxiesml.cutouts.lists import read_list
from galaxiesml.cutouts.shard import Task, make_shard, write_requests
from galaxiesml.cutouts.silence import Silence, silence_of
from galaxiesml.cutouts.source import bytes_of, fits_of, is_empty_answer, is_tar, sha_of
from galaxiesml.cutouts.tar import BadTar, TarStream
from galaxiesml.errors import GalaxiesmlError, InputError, UsageError
from galaxiesml.releases.instrument import facts_for
from galaxiesml.system.refusals import refusal
from galaxiesml.system.workers import pool

KIND = {False: "cutouts", True: "psf"}
#: Facts of the release profile that landing needs.
NEEDS = {
    "cutouts": ("cutout_name", "hdus", "filter", "sky_map", "pixel_scale_arcsec", "zero_point_mag", "mask_planes"),
    "psf": ("psf_name", "filter", "sky_map"),
}


@dataclass(frozen=True)
class Landed:
    """One source and the result of landing it.

    Attributes
    ----------
    source : Path
    info : dict
        landing.json; empty where it failed.
    state : str
        'landed', 'known' (its shard existed), 'list added' (its list was new) or 'failed'.
    error : GalaxiesmlError or None
    """

    source: Path
    info: dict
    state: str
    error: GalaxiesmlError | None = None


def store_of(catalog: Catalog, psf: bool = False) -> Path:
    """The folder of the shards."""
    return catalog.raw / KIND[psf]


def land_pictures(
    catalog: Catalog,
    sources: list[Path],
    *,
    psf: bool = False,
    list_file: Path | None = None,
    jobs: int = 1,
    force: bool = False,
    accept_cut: bool = False,
    fetched: dict | None = None,
    progress=None,
) -> Iterator[Landed]:
    """Land tars, folders and single files of cutouts.  The caller holds ``catalog.lock``.

    Parameters
    ----------
    sources : list of Path
        Tars; FITS files; folders of FITS files; folders of tars, each of which is taken.
    psf : bool
        They hold PSF pictures.
    list_file : Path, optional
        The upload list of the one source; by default a list next to the source is used.
    jobs : int
        Processes, a tar to each.
    force : bool
        Do not look whether the disk has room.
    accept_cut : bool
        Of a tar without its end, land the members that came; lines without one are marked 'cut short', not
        'outside the coverage'.
    fetched : dict, optional
        Where the sources were fetched from, for landing.json.
    progress : object, optional
        Its ``update(total=)`` and ``advance(n)`` receive bytes of the sources.

    Yields
    ------
    Landed
        As they end; one that failed stops no other.

    Raises
    ------
    UsageError, InputError, ResourceError
        Before anything is read: no such source, one list for several, too little room.
    """
    instrument = facts_for(catalog.profile, f"ingest {KIND[psf]}", *NEEDS[KIND[psf]])
    sources = [found for source in sources for found in _expand(Path(source))]
    if list_file is not None and len(sources) != 1:
        raise UsageError(
            "--list takes the list of a single tar.", "Land the tars one by one, or put X.txt next to X.tar."
        )
    store = store_of(catalog, psf)
    recover(catalog)
    store.mkdir(parents=True, exist_ok=True)
    total = sum(bytes_of(source) for source in sources)
    check_space(catalog.root, total, force)
    if progress is not None:
        progress.update(total=total)
    known = {info["source_sha256"]: info for info in catalog.landings(KIND[psf])}
    sizes = {info.get("source_bytes") for info in known.values()}
    tasks = []
    for number, source in enumerate(sources):
        beside = list_file or list_beside(source)
        # Only a file of a size that was seen before can be one that is landed: the others are read once.
        if bytes_of(source) in sizes and (same := _same(source, beside, known)) is not None:
            yield _known(catalog, store, source, same, beside)
            if progress is not None:
                progress.advance(bytes_of(source))
            continue
        folder = making_folder(catalog, str(number))
        tasks.append(Task(source, beside, folder, instrument, psf, accept_cut, fetched))
    try:
        with contextlib.closing(_made(tasks, jobs, progress)) as made:
            for task, info, error in made:
                yield _publish(catalog, task, info, error)
    finally:
        for task in tasks:
            shutil.rmtree(task.folder, ignore_errors=True)


def _same(source: Path, list_file: Path | None, known: dict[str, dict]) -> dict | None:
    """The landing of the same answer, or None: two empty ones are the same where they answer the same list."""
    info = known.get(sha_of(source))
    if list_file is None or not is_empty_answer(source):
        return info
    is_same = info is not None and info["list_file"] in (None, list_file.name)
    return known.get(sha_of(source, list_file)) or (info if is_same else None)


def _made(tasks: list[Task], jobs: int, progress) -> Iterator[tuple[Task, dict, Exception | None]]:
    """Make shards, in other processes if there is enough work."""
    if min(jobs, len(tasks)) < 2:
        for task in tasks:
            try:
                yield task, make_shard(task, progress.advance if progress is not None else None), None
            except (GalaxiesmlError, OSError) as error:
                yield task, {}, error
        return
    with pool(min(jobs, len(tasks))) as processes:
        # The largest first, so that no process ends long after the others.
        futures = {
            processes.submit(make_shard, task): task for task in sorted(tasks, key=lambda t: -bytes_of(t.source))
        }
        for future in as_completed(futures):
            task, error = futures[future], future.exception()
            if progress is not None:
                progress.advance(bytes_of(task.source))
            if error is not None and not isinstance(error, GalaxiesmlError | OSError):
                raise error
            yield task, {} if error else future.result(), error


def _publish(catalog: Catalog, task: Task, info: dict, error: Exception | None) -> Landed:
    if error is not None:
        shutil.rmtree(task.folder, ignore_errors=True)
        if isinstance(error, OSError):
            # A system error stops the command, unless it concerns only this source.
            known = refusal(error)
            if known is not None and not isinstance(known, InputError):
                raise type(known)(f"{known} {task.source} is not landed.", known.hint) from None
            error = InputError(f"{task.source} cannot be read: {error.strerror or error}.")
        return Landed(task.source, {}, "failed", error)
    store = store_of(catalog, task.psf)
    if (target := store / info["shard"]).exists():
        # The same bytes under another name, in the same command.
        shutil.rmtree(task.folder)
        info = json.loads((target / "landing.json").read_text(encoding="utf-8"))
        return _known(catalog, store, task.source, info, task.list_file)
    show(catalog, store.name, task.folder, info["shard"])
    return Landed(task.source, info, "landed")


def _known(catalog: Catalog, store: Path, source: Path, info: dict, list_file: Path | None) -> Landed:
    """A source that is already landed; only an upload list can be added to it."""
    if "silence" not in info and is_tar(source):
        # Landed before the end of tars was looked at.
        if (wrong := _not_whole(source)) is not None:
            remove = f"galaxiesml ingest remove --kind {store.name} {info['source_file']}"
            hint = f"Type: {remove}; then download the tar again and land it."
            told = InputError(f"{source} was landed as a complete tar, but {wrong}.", hint)
            return Landed(source, info, "failed", told)
        info = info | asdict(Silence())
        write_note(store / info["shard"], info)
    if list_file is None or info["list_file"] is not None:
        return Landed(source, info, "known")
    try:
        requests = read_list(list_file, catalog.profile.instrument)
    except InputError as error:
        return Landed(source, info, "failed", error)
    folder = store / info["shard"]
    keys = {key: info[key] for key in ("shard", "source_file", "source_sha256")}
    silence = Silence(info.get("silence"), info.get("silence_reason"))
    with making(catalog, "list") as aside:
        info = info | write_requests(aside, keys, list_file, requests, silence)
        os.replace(aside / "requests.parquet", folder / "requests.parquet")
    write_note(folder, info)
    return Landed(source, info, "list added")


def _not_whole(tar: Path) -> str | None:
    """Why a tar is not complete; None if it is."""
    stream = TarStream(tar)
    try:
        for _ in stream:
            pass
    except BadTar as error:
        return str(error)
    return silence_of(tar, stream, []).silence_reason


def remove_shard(catalog: Catalog, reference: str, psf: bool = False) -> dict:
    """Remove a shard from the store.  Existing builds keep its rows, but their pixels are gone."""
    hint = "Give a name or the beginning of a sha256 of one of them."
    found = find(catalog, KIND[psf], reference, "landed tars", hint)
    take_out(catalog, KIND[psf], found["shard"])
    return found


def list_beside(source: Path) -> Path | None:
    """The upload list X.txt next to X.tar, X.fits or the folder X; None if there is none."""
    path = source.with_name(source.name.removesuffix(".tar").removesuffix(".fits") + ".txt")
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        return path if file.read(2) == b"#?" else None


def _expand(source: Path) -> list[Path]:
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source} does not exist.", "Give tars, FITS files, or folders of them.")
    tars = sorted(path for path in source.iterdir() if path.suffix == ".tar" and path.is_file())
    found = tars + ([source] if fits_of(source) else [])
    if not found:
        raise InputError(f"{source} contains neither .tar nor .fits files.")
    return found
