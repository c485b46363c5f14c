"""Time and quality of morphology beside Source Extractor and statmorph, on the same crowded pictures.

    python benchmarks/morphology.py                # 512 pictures, two processes: a block of the command in each
    python benchmarks/morphology.py --pictures 60 --json morphology.json
    python benchmarks/morphology.py --device cuda  # fits a second on a GPU, beside the memory-traffic floor

Every way runs in two processes, one core each; a time is of one picture on one core, the median of three after a
warm-up (of one where a run takes a minute).  A fit's quality is the scatter
of ln n and ln r_e (1.4826 MAD) of targets brighter than 22.  statmorph takes part where it is installed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from pathlib import Path

import galsim
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.morphology import measure
from galaxiesml.morphology.detect import detect
from galaxiesml.morphology.neighbours import counts
from galaxiesml.morphology.sersic.batch import Stamps, fit_stamps
from galaxiesml.morphology.sersic.psf import Moffat
from galaxiesml.morphology.sersic.table import table
from galaxiesml.morphology.settings import Settings
from galaxiesml.morphology.shapes import shapes
from galaxiesml.morphology.source_extractor import write_config, write_psf
from tests.morphology.injected import BETA, GAIN, Injected, injected, psf_picture
from tests.morphology.injections import _fits, _targets, scatter
from tests.morphology.reference import PROGRAM, _run, nearest

PROCESSES = 2
#: How often a way is timed, after a few pictures that are not; the median counts.
_TIMES = {"extractor_model": 1, "statmorph": 1}
#: Bytes that a fit of 63 x 63 moves, and what an H200 moves in a second: the floor is their ratio.
TRAFFIC, BANDWIDTH = 15e6, 4.8e12


def sep_path(drawn: Injected) -> dict:
    """Background, detection, shape of the central object, neighbours."""
    for image in drawn.images:
        scene = detect(image)
        index = nearest(scene)
        if index is not None:
            shapes(scene, index)
        counts(scene, index)
    return {}


def sersic_63(drawn: Injected) -> dict:
    """Sersic fits alone, stamps of 63 pixels, everything before them made beforehand."""
    settings = Settings(gain=GAIN, stamp=63)
    targets = _targets(drawn, settings)
    started = time.perf_counter()
    found = _fits(targets, drawn, settings)
    return {"seconds": time.perf_counter() - started, **_values(drawn, found, "sersic_index", "sersic_r_e_arcsec")}


def whole(drawn: Injected) -> dict:
    """`measure` with a PSF: everything, stamps by the galaxy's size."""
    made = measure(drawn.images, Moffat(drawn.seeing / PIXEL_SCALE_ARCSEC), gain=GAIN)
    found = dict(enumerate(made.to_pylist()))
    return _values(drawn, found, "sersic_index", "sersic_r_e_arcsec")


def _values(drawn: Injected, found: dict, index: str, radius: str) -> dict:
    def column(name: str) -> list:
        return [found[at].get(name) if at in found else None for at in range(len(drawn.images))]

    index_values, radii = (np.array(column(name), float) for name in (index, radius))
    if radius == "sersic_r_e_arcsec" and np.isnan(radii).all():
        radii = np.array(column("sersic_r_e_px"), float) * PIXEL_SCALE_ARCSEC
    return {"n": index_values.tolist(), "r": radii.tolist()}


def extractor(drawn: Injected, model: bool = False) -> dict:
    """source-extractor, a process a picture; with its model of all objects where asked for."""
    import tempfile

    found, objects = {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_config(folder, printed=False, model=model)
        psfs = [_fine_psf(fwhm) for fwhm in drawn.seeing] if model else []
        started = time.perf_counter()
        for at, image in enumerate(drawn.images):
            if model:
                write_psf(folder / "default.psf", psfs[at], 0.5)
            made = _run(folder, image, ("-GAIN", str(GAIN)))
            objects += len(made.table)
            target = made.target()
            if model and target is not None:
                row = made.table[target]
                found[at] = {"n": row["SPHEROID_SERSICN"], "r": row["SPHEROID_REFF_IMAGE"] * PIXEL_SCALE_ARCSEC}
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "objects": objects, **(_values(drawn, found, "n", "r") if model else {})}


def _fine_psf(fwhm: float) -> np.ndarray:
    """The PSF with the pixel's response, sampled at half a pixel."""
    seen = galsim.Convolve(galsim.Moffat(BETA, fwhm=fwhm), galsim.Pixel(PIXEL_SCALE_ARCSEC))
    return seen.drawImage(nx=75, ny=75, scale=PIXEL_SCALE_ARCSEC / 2, method="no_pixel").array


def extractor_model(drawn: Injected) -> dict:
    return extractor(drawn, model=True)


def statmorph(drawn: Injected) -> dict:
    """statmorph's Sersic fit of the central object in 63 x 63 pixels, with the PSF; a few pictures."""
    import warnings

    from statmorph import SourceMorphology

    few = min(len(drawn.images), 20)
    settings = Settings(gain=GAIN, stamp=63)
    targets = _targets(Injected(drawn.images[:few], drawn.seeing[:few], drawn.truth), settings)
    found = {}
    started = time.perf_counter()
    for at, target in enumerate(targets):
        stamp = target.stamp.data - target.sky.level
        label = np.zeros(stamp.shape, int)
        y, x = np.mgrid[-31:32, -31:32]
        label[np.hypot(x, y) < max(3 * target.row["half_light_radius"], 6)] = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                made = SourceMorphology(
                    stamp, label, 1, mask=~target.stamp.counts, gain=GAIN, psf=psf_picture(drawn.seeing[at], 43)
                )
                found[at] = {"n": made.sersic_n, "r": made.sersic_rhalf * PIXEL_SCALE_ARCSEC}
            except Exception:
                continue
    seconds = time.perf_counter() - started
    return {"seconds": seconds * len(drawn.images) / few, **_values(drawn, found, "n", "r")}


def _timed(way: str, drawn: Injected, queue) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    table(torch.device("cpu"))
    few = Injected(drawn.images[:4], drawn.seeing[:4], {key: values[:4] for key, values in drawn.truth.items()})
    globals()[way](few)
    seconds = []
    for _ in range(_TIMES.get(way, 3)):
        started = time.perf_counter()
        told = globals()[way](drawn)
        seconds.append(told.get("seconds", time.perf_counter() - started))
    told["seconds"] = float(np.median(seconds))
    queue.put(told | {"rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024})


def run(way: str, drawn: Injected) -> dict:
    """One way in two processes at once; milliseconds a picture and core, and the scatters."""
    context = multiprocessing.get_context("spawn")
    parts = [
        Injected(drawn.images[at::PROCESSES], drawn.seeing[at::PROCESSES], _part(drawn.truth, at))
        for at in range(PROCESSES)
    ]
    jobs = []
    for part in parts:
        queue = context.SimpleQueue()
        jobs.append((part, queue, context.Process(target=_timed, args=(way, part, queue))))
        jobs[-1][2].start()
    told = [(part, queue.get()) for part, queue, _ in jobs]
    for _, _, process in jobs:
        process.join()
    made = {"ms": sum(one["seconds"] for _, one in told) / len(drawn.images) * 1e3}
    made["peak_gb"] = max(one["rss"] for _, one in told) / 1e9
    if "objects" in told[0][1]:
        made["objects"] = sum(one["objects"] for _, one in told) / len(drawn.images)
    if "n" in told[0][1]:
        errors = [_errors(part.truth, one) for part, one in told]
        made |= {
            name: scatter(np.concatenate([error[name] for error in errors])) for name in ("scatter_n", "scatter_r")
        }
    return made


def _part(truth: dict, at: int) -> dict:
    return {key: values[at::PROCESSES] for key, values in truth.items()}


def _errors(truth: dict, told: dict) -> dict[str, np.ndarray]:
    bright = truth["mag"] < 22
    with np.errstate(invalid="ignore", divide="ignore"):
        n = np.log(np.array(told["n"], float) / truth["n"])[bright]
        r = np.log(np.array(told["r"], float) / truth["r_e_arcsec"])[bright]
    return {"scatter_n": n, "scatter_r": r}


def memory(drawn: Injected) -> list[tuple[int, float]]:
    """Peak memory of `measure` over more and more pictures, GB, each in a process of its own, block by block."""
    context, found = multiprocessing.get_context("spawn"), []
    for many in (256, 1024, 4096):
        queue = context.SimpleQueue()
        process = context.Process(target=_blocks, args=(drawn, many, queue))
        process.start()
        found.append((many, queue.get() / 1e9))
        process.join()
    return found


def _blocks(drawn: Injected, many: int, queue) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    some = Injected(drawn.images[:64], drawn.seeing[:64], drawn.truth)
    for _ in range(0, many, 64):
        whole(some)
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def on_gpu(drawn: Injected, many: int = 65_536) -> dict:
    """Fits a second at 63 x 63 on the GPU, and how far its values are from the CPU's."""
    settings = Settings(gain=GAIN, stamp=63)
    targets = [target for target in _targets(drawn, settings) if target.stamp is not None]
    from galaxiesml.morphology.measuring import Block
    from galaxiesml.morphology.profiles import _stamps

    rows = np.arange(len(targets))
    scale = PIXEL_SCALE_ARCSEC
    block = Block(drawn.images, None, None, None, Moffat(drawn.seeing / scale), rows, None, scale)
    noise = np.array([target.sky.noise for target in targets])
    stamps = _stamps(targets, list(rows), block, settings, rows, drawn.seeing / scale * 0.6, noise)
    cpu, gpu = fit_stamps(stamps, "cpu"), fit_stamps(stamps, "cuda")
    both = cpu.converged & gpu.converged
    apart = np.abs(gpu.values - cpu.values)[both][:, :7].max(1)
    repeats = -(-many // len(targets))
    large = Stamps(
        *(
            np.concatenate([value] * repeats) if isinstance(value, np.ndarray) and name != "psf" else value
            for name, value in vars(stamps).items()
        )
    )
    fit_stamps(large, "cuda")
    torch.cuda.synchronize()
    started = time.perf_counter()
    fit_stamps(large, "cuda")
    torch.cuda.synchronize()
    seconds = (time.perf_counter() - started) / len(large.data)
    floor = TRAFFIC / BANDWIDTH
    return {
        "fits_a_second": 1 / seconds,
        "times_floor": seconds / floor,
        "median_apart": float(np.median(apart)),
        "within_1e-4": float((apart < 1e-4).mean()),
        "device": torch.cuda.get_device_name(),
    }


WAYS = {
    "sep_path": "ours without a PSF: every column but Sersic's",
    "extractor": "source-extractor without model",
    "sersic_63": "ours: the Sersic fit alone, 63 x 63",
    "whole": "ours: everything, stamps by size",
    "extractor_model": "source-extractor with model of all objects",
    "statmorph": "statmorph, 63 x 63",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # For the processes that are spawned.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    drawn = injected(options.pictures, options.seed, neighbours=9)
    if options.device == "cuda":
        told = {"gpu": on_gpu(drawn)}
        print(json.dumps(told, indent=1))
    else:
        told = {way: run(way, drawn) for way in WAYS if _is_here(way)}
        _print(told)
        told["memory"] = memory(drawn)
        print("\npeak memory: " + ", ".join(f"{gb:.2f} GB at {many:,} pictures" for many, gb in told["memory"]))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


def _is_here(way: str) -> bool:
    import importlib.util

    if way.startswith("extractor") and PROGRAM is None:
        print("source-extractor is not installed: left out", file=sys.stderr)
        return False
    if way == "statmorph" and importlib.util.find_spec("statmorph") is None:
        print("statmorph is not installed: left out", file=sys.stderr)
        return False
    return True


def _print(told: dict) -> None:
    print("| way | ms a picture and core | scatter of ln n | of ln r_e |\n|---|---|---|---|")
    for way, one in told.items():
        quality = f"{one['scatter_n']:.3f} | {one['scatter_r']:.3f}" if "scatter_n" in one else " | "
        print(f"| {WAYS[way]} | {one['ms']:.1f} | {quality} |")
    if "extractor_model" in told:
        model, ours = told["extractor_model"], told["whole"]
        print(f"\nsource-extractor with model / ours: {model['ms'] / ours['ms']:.1f} a picture")
        each = model["ms"] / model["objects"]
        print(f"the same by object ({model['objects']:.1f} in a picture, {each:.0f} ms each): {each / ours['ms']:.1f}")
        print(f"source-extractor without model / ours: {told['extractor']['ms'] / told['sep_path']['ms']:.1f}")


if __name__ == "__main__":
    main()
