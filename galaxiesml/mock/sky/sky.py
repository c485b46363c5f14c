"""Write a simulated sky to disk: the archive's answers, and the truth about them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from galaxiesml.errors import InputError, UsageError
from galaxiesml.mock.sky import SKY_VERSION
from galaxiesml.mock.sky.archive import published
from galaxiesml.mock.sky.archive.answers import Answer, Answerer
from galaxiesml.mock.sky.archive.catalogue import archive_tables, query, write_csv
from galaxiesml.mock.sky.archive.requests import make_requests
from galaxiesml.mock.sky.archive.service import cutout_list, psf_list
from galaxiesml.mock.sky.archive.spectra import take_spectra
from galaxiesml.mock.sky.archive.tars import Tars
from galaxiesml.mock.sky.scene import Scene, make_scene
from galaxiesml.mock.sky.truth import truth
from galaxiesml.system.atomic import write_atomic, write_table
from galaxiesml.system.workers import pool

SUMMARY = "mock.json"
#: Fewer galaxies are too few for every fault.
FEWEST = 20
_answerer: Answerer | None = None


@dataclass(frozen=True)
class Request:
    """The export or sky to simulate.

    Attributes
    ----------
    galaxies : int
        Number of clean galaxies; faulty ones are added.
    seed : int
    correlated_noise : bool
    jobs : int
        Processes; what is made does not depend on it.
    """

    galaxies: int
    seed: int = 1
    correlated_noise: bool = False
    jobs: int = 1


def write_sky(request: Request, folder: Path, progress: Callable[[int, int], None] | None = None) -> dict:
    """Write a sky to a folder.

    Parameters
    ----------
    request : Request
    folder : Path
        It exists; files of the same names are replaced.
    progress : callable, optional
        Called with the number of targets that are done, and of all.

    Returns
    -------
    dict
        What mock.json holds.

    Raises
    ------
    UsageError
        Too few galaxies, a seed out of range, or no process to work.
    """
    _check(request)
    scene = make_scene(request.galaxies, request.seed, request.correlated_noise)
    requests = make_requests(scene.groups)
    _write_lists(folder, requests)
    measured: dict = {}
    pictures: list[dict] = []
    cutouts, psfs = Tars(folder / "cutouts", list(requests.cutouts)), Tars(folder / "psf", list(requests.psfs))
    with cutouts.written(), psfs.written():
        for done, answer in enumerate(_answers(scene, requests, request.jobs), start=1):
            for tars, members in ((cutouts, answer.cutouts), (psfs, answer.psfs)):
                for member in members:
                    tars.add(*member)
            measured |= answer.measured
            pictures += answer.pictures
            if progress:
                progress(done, len(scene.groups))
    _write_tables(folder, scene, measured, pictures)
    return _summarise(request, folder)


def _check(request: Request) -> None:
    if request.galaxies < FEWEST:
        raise UsageError(
            f"{request.galaxies} galaxies are too few for every fault.", f"Ask for --galaxies {FEWEST} or more."
        )
    if not 0 <= request.seed < 1 << 63:
        raise UsageError(f"--seed {request.seed} is out of range.", "Give 0 or more.")
    if request.jobs < 1:
        raise UsageError(f"--jobs {request.jobs} is out of range.", "Give 1 or more.")


# -- the pictures, by several processes ----------------------------------------------------------------------


def _answers(scene: Scene, requests, jobs: int) -> Iterator[Answer]:
    """The answers in the order of the groups, whoever makes them."""
    asks = requests.of_groups(scene.groups)
    if jobs == 1:
        one = Answerer(scene, asks)
        yield from (one.answer(group) for group in scene.groups)
        return
    with pool(jobs, _start, (scene, asks)) as processes:
        yield from processes.map(_answer, range(len(scene.groups)), chunksize=4)


def _start(scene: Scene, asks: dict) -> None:
    # A process a core: libraries that start threads of their own would only get in each other's way.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    global _answerer
    _answerer = Answerer(scene, asks)


def _answer(at: int) -> Answer:
    return _answerer.answer(_answerer.scene.groups[at])


# -- files ---------------------------------------------------------------------------------------------------


def _write_lists(folder: Path, requests) -> None:
    for stem, asks in requests.cutouts.items():
        write_atomic(folder / "cutouts" / f"{stem}.txt", cutout_list([ask.line for ask in asks]))
    for stem, asks in requests.psfs.items():
        lines = [(a.line.band, a.entry.tract, a.entry.patch, a.line.ra, a.line.dec) for a in asks]
        write_atomic(folder / "psf" / f"{stem}.txt", psf_list(lines))


def _write_tables(folder: Path, scene: Scene, measured: dict, pictures: list[dict]) -> None:
    entries = [entry for group in scene.groups for entry in group.entries]
    matches = take_spectra(scene)
    tables = archive_tables(entries, measured, matches)
    exports = {"export": query(tables, "paper"), "wide": query(tables, "wide")}
    for name, rows in exports.items():
        write_csv(folder / f"{name}.csv.gz", rows)
    published.publish(folder / "specz", scene, matches)
    truth.write_truth(folder / "truth", scene, measured, pictures, matches, exports)
    # What no export holds in full: `mock serve` answers queries from them.
    for name, rows in tables.items():
        write_table(folder / "truth" / f"{name}.parquet", rows)


def files_of(folder: Path) -> list[Path]:
    """The files of the sky that a folder holds, as its mock.json names them."""
    path = folder / SUMMARY
    if not path.is_file():
        return []
    try:
        names = json.loads(path.read_text(encoding="utf-8"))["files"]
        inside = [folder / name for name in names]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the summary of a simulated sky: {error}.", "Name another folder with --out."
        ) from error
    root = folder.resolve()
    return [path for path in inside if path.resolve().is_relative_to(root) and path.is_file()]


def _summarise(request: Request, folder: Path) -> dict:
    """Write mock.json: versions, arguments, the hash of every file and of them all."""
    made = sorted(
        path.relative_to(folder).as_posix()
        for part in ("", "specz", "cutouts", "psf", "truth")
        for path in (folder / part).glob("*")
        if path.is_file() and path.name != SUMMARY and not path.name.startswith(".")
    )
    hashes = {name: _sha256(folder / name) for name in made}
    whole = hashlib.sha256("\n".join(f"{name} {value}" for name, value in hashes.items()).encode()).hexdigest()
    arguments = {name: value for name, value in asdict(request).items() if name != "jobs"}
    summary = {"sky_version": SKY_VERSION, "content_sha256": whole, **arguments}
    summary |= json.loads((folder / "truth" / truth.COUNTS).read_text(encoding="utf-8")) | {"files": hashes}
    write_atomic(folder / SUMMARY, json.dumps(summary, indent=1) + "\n")
    return summary


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
