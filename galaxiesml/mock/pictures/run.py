"""Draw a population's pictures into training files."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from galaxiesml.errors import UsageError
from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.mock.pictures import files, magnitudes, render
from galaxiesml.mock.pictures.catalogue import Batch, Population

SIZES = (64, 127)
DTYPES = ("float32", "float16")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Request:
    """What to draw.

    Attributes
    ----------
    source, out : Path
        Folder of the population, and folder of the files.
    device : str
        auto is cuda where there is one.
    size : int
        Pixels on a side; 64 or 127.
    seed : int
        Of the noise.
    threads : int or None
        Batches that are drawn at a time on a processor; None is one per core.  The files do not depend on it.
    galaxies : int or None
        Only that many, from the first.
    dtype : str
        Of the images.
    """

    source: Path
    out: Path
    device: str = "auto"
    size: int = 64
    seed: int = 1
    threads: int | None = None
    galaxies: int | None = None
    dtype: str = "float32"


def draw_files(request: Request, progress: Callable[[int, int], None] | None = None) -> dict:
    """Draw pictures and write ``5x64x64_training.hdf5``, ``_validation`` and ``_testing``.

    Memory is the same for any number of galaxies.  The files appear at the end, together.  Equal populations, seeds,
    devices and versions of PyTorch give equal files.

    Parameters
    ----------
    progress : callable, optional
        Called with the galaxies drawn since it was last called, and with their number in all.

    Returns
    -------
    dict
        files (path, split, galaxies), galaxies, device.

    Raises
    ------
    UsageError
        A value is out of range, or there is no such device.
    InputError
        The folder holds no population.
    ResourceError
        The disk is too full.
    """
    device = _device(request)
    _check(request)
    population = Population(request.source)
    _check_against(request, population)
    limit = request.galaxies or len(population)
    rows = np.zeros(len(files.SPLITS), int)
    for ids in population.identifiers(limit):
        rows += np.bincount(files.split_of(ids), minlength=len(rows))
    layout = files.Layout(population.bands, request.size, request.dtype, _attributes(request, population, device))
    with files.Files(request.out, layout, rows) as out:
        for columns, image in _in_order(request, population, device, limit):
            out.write(files.split_of(columns["object_id"]), columns, image)
            if progress:
                progress(len(image), limit)
    made = [
        {"path": str(path), "split": split, "galaxies": int(number)}
        for path, split, number in zip(out.paths, files.SPLITS, rows, strict=True)
    ]
    return {"files": made, "galaxies": int(limit), "device": layout.attributes["device"]}


def _in_order(
    request: Request, population: Population, device: str, limit: int
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Columns and images of each batch.  While one is written, the next ones are drawn, each by a thread."""
    camera = render.Camera(tuple(population.info["gain"]), tuple(population.info["saturated"]))
    threads = 1 if device == "cuda" else request.threads or len(os.sched_getaffinity(0))
    before = torch.get_num_threads()
    # One thread a batch is faster than all threads on each, and gives the same bytes for any number.
    torch.set_num_threads(1)
    executor = ThreadPoolExecutor(threads)
    try:
        waiting = deque()
        for batch in population.batches(render.BATCH, limit):
            waiting.append(executor.submit(_drawn, batch, request, camera, population.bands, device))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        torch.set_num_threads(before)


def _drawn(batch: Batch, request: Request, camera: render.Camera, bands: tuple[str, ...], device: str) -> tuple:
    drawn = render.draw(batch.lit, camera, request.seed, batch.number, device, request.size)
    columns = {name: batch.columns[name] for name, *_ in files.named_columns(bands) if name in batch.columns}
    found = magnitudes.measured(batch, drawn, camera)
    for name, values in zip(("mag", "magsigma"), found, strict=True):
        columns |= {f"{band}_cmodel_{name}": values[:, at] for at, band in enumerate(bands)}
    return columns, drawn.cropped(request.size).to(getattr(torch, request.dtype)).cpu().numpy()


def _check(request: Request) -> None:
    if request.size not in SIZES:
        raise UsageError(f"Unknown value for --size: {request.size}.", "Give --size 64 or --size 127.")
    if request.dtype not in DTYPES:
        raise UsageError(f"Unknown value for --dtype: {request.dtype}.", "Give --dtype float32 or --dtype float16.")
    for name in ("galaxies", "threads"):
        value = getattr(request, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name} must be 1 or more.", f"Give --{name} 1 or leave it out.")


def _check_against(request: Request, population: Population) -> None:
    if (request.galaxies or 0) > len(population):
        raise UsageError(
            f"{request.source} has {len(population):,} galaxies, not {request.galaxies:,}.",
            "Give fewer with --galaxies, or leave it out.",
        )
    if request.size > population.info["size"]:
        raise UsageError(
            f"{request.source} has neighbours for pictures of {population.info['size']} pixels, not {request.size}.",
            f"Type: galaxiesml mock population --galaxies {len(population)} --seed {population.info['seed']} "
            f"--size {request.size} --out FOLDER",
        )


def _device(request: Request) -> str:
    if request.device not in DEVICES:
        raise UsageError(f"Unknown value for --device: {request.device}.", "Give --device auto, cpu or cuda.")
    has_cuda = torch.cuda.is_available()
    if request.device == "cuda" and not has_cuda:
        raise UsageError("PyTorch finds no CUDA device here.", "Give --device cpu")
    return "cuda" if has_cuda and request.device != "cpu" else "cpu"


def _attributes(request: Request, population: Population, device: str) -> dict:
    info = population.info
    return {
        "title": "Simulated galaxies in the GalaxiesML layout",
        "simulated": True,
        "sky_version": info["sky_version"],
        "population_seed": info["seed"],
        "population_sha256": info["files"]["galaxies.parquet"]["sha256"],
        "noise_seed": request.seed,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "torch": str(torch.__version__),
        "image_size": request.size,
        "pixel_scale_arcsec": PIXEL_SCALE_ARCSEC,
    }
