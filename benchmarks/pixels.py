"""From tars to HDF5: objects a second, beside a loop over FITS files with astropy.

    python benchmarks/pixels.py                       # 600 objects, five filters, three layers
    python benchmarks/pixels.py --objects 200 --runs 1 --work /tmp/pixels

The peer is what the release's authors describe: each object, each filter, its file opened with astropy, its layers
read and padded with zeros, and the arrays written with h5py; its files are unpacked beforehand and that is not
counted.  Ours reads the tars, checks every member, stores all layers and their row, and writes both sizes; what dbt
needs to match pictures and objects is reported apart.  The arrays are compared before any ratio is printed.  The disk
limit is the time to read the tars' bytes and to write the bytes that ours writes, in the same run.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
from astropy.io import fits

BANDS = "GRIZY"
SIDE = 119
#: At least this many times the loop.
LEAST = 2.0


def place(number: int) -> tuple[float, float]:
    return 150.0 + 0.01 * (number % 100), 2.0 + 0.01 * (number // 100)


# -- the archive's answer ------------------------------------------------------------------------------------


def make_inputs(work: Path, objects: int) -> None:
    """An export, five tars with three layers, and the same files unpacked."""
    work.mkdir(parents=True, exist_ok=True)
    rows = [_row(number) for number in range(objects)]
    with gzip.open(work / "export.csv.gz", "wt") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (work / "fits").mkdir()
    for band in BANDS:
        with tarfile.open(work / f"{band}.tar", "w") as tar:
            for number in range(objects):
                name = f"{number + 2}-cutout-HSC-{band}-9813-pdr2_wide.fits"
                data = cutout(number, band)
                info = tarfile.TarInfo(f"arch/{name}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
                (work / "fits" / name).write_bytes(data)


def _row(number: int) -> dict:
    ra, dec = place(number)
    row = {"# object_id": 43_000_000_000_000_000 + number, "ra": ra, "dec": dec, "coord": f"({ra}, {dec})"}
    row |= {"skymap_id": 98130504, "specz_name": f"S-{number}", "specz_ra": ra, "specz_dec": dec}
    row |= {"specz_redshift": 0.5, "specz_redshift_err": 1e-4, "specz_flag_homogeneous": True, "specz_mag_i": 20.0}
    for band in "grizy":
        row |= {f"{band}_cmodel_mag": 20.0, f"{band}_cmodel_magsigma": 0.01}
    return row


def cutout(number: int, band: str) -> bytes:
    random = np.random.default_rng([number, ord(band)])
    shape = (SIDE + number % 2, SIDE)
    ra, dec = place(number)
    header = fits.Header()
    header["CTYPE1"], header["CTYPE2"], header["CRVAL1"], header["CRVAL2"] = "RA---TAN", "DEC--TAN", ra, dec
    header["CRPIX1"], header["CRPIX2"] = (shape[1] + 1) / 2, (shape[0] + 1) / 2
    header["CD1_1"], header["CD2_2"] = -0.168 / 3600, 0.168 / 3600
    primary = fits.PrimaryHDU()
    primary.header["FILTER"], primary.header["FLUXMAG0"] = f"HSC-{band}", 63095734448.0194
    mask = fits.ImageHDU((random.random(shape) < 0.1).astype(np.int32) << 5, header)
    mask.header["HIERARCH MP_DETECTED"] = 5
    layers = [fits.ImageHDU(random.normal(0, 0.1, shape).astype(np.float32), header), mask]
    layers.append(fits.ImageHDU(random.random(shape).astype(np.float32), header))
    out = io.BytesIO()
    fits.HDUList([primary, *layers]).writeto(out)
    return out.getvalue()


# -- the loop ------------------------------------------------------------------------------------------------


def loop(work: Path, objects: int, out: Path) -> None:
    """One file at a time, with astropy: three layers padded to 127 pixels, the image also cut to 64."""
    with h5py.File(out, "w") as file:
        shape = (objects, 5, 127, 127)
        sets = {name: file.create_dataset(name, shape, np.float32) for name in ("image", "variance")}
        sets["mask"] = file.create_dataset("mask", shape, np.int32)
        small = file.create_dataset("small", (objects, 5, 64, 64), np.float32)
        for number in range(objects):
            for at, band in enumerate(BANDS):
                with fits.open(work / "fits" / f"{number + 2}-cutout-HSC-{band}-9813-pdr2_wide.fits") as hdus:
                    for name, hdu in zip(("image", "mask", "variance"), hdus[1:], strict=True):
                        rows, columns = hdu.data.shape
                        above, left = (127 - rows) // 2, (127 - columns) // 2
                        padded = np.pad(hdu.data, ((above, 127 - rows - above), (left, 127 - columns - left)))
                        sets[name][number, at] = padded
                        if name == "image":
                            small[number, at] = padded[31:95, 31:95]


# -- measuring -----------------------------------------------------------------------------------------------


def timed(command: list[str]) -> tuple[float, int]:
    """Seconds of a process and its peak memory in bytes; of a process that starts others, the largest of them."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            err.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{err.read().decode()}")
    return time.perf_counter() - start, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def disk_limit(work: Path, written: list[Path]) -> float:
    """Seconds to read the tars' bytes and to write as many as ours writes."""
    start = time.perf_counter()
    for band in BANDS:
        with open(work / f"{band}.tar", "rb", buffering=0) as file:
            while file.read(1 << 22):
                pass
    block = bytes(1 << 22)
    for number, path in enumerate(written):
        left = path.stat().st_size
        with open(work / f"limit{number}", "wb", buffering=0) as file:
            while left > 0:
                left -= file.write(block[:left])
            os.fsync(file.fileno())
    seconds = time.perf_counter() - start
    for number in range(len(written)):
        (work / f"limit{number}").unlink()
    return seconds


def one_round(work: Path, objects: int, jobs: int) -> dict[str, float]:
    ours = [sys.executable, "-m", "galaxiesml", "-q"]
    cat = work / "cat"
    shutil.rmtree(cat, ignore_errors=True)
    subprocess.run([*ours, "init", str(cat), "--release", "pdr2_wide"], check=True, stdout=subprocess.DEVNULL)
    ours += ["-C", str(cat)]
    export = [*ours, "ingest", "hsc", str(work / "export.csv.gz"), "--archive-query", "paper"]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    tars = [str(work / f"{band}.tar") for band in BANDS]
    land, land_peak = timed([*ours, "ingest", "cutouts", "-j", str(jobs), *tars])
    build, _ = timed([*ours, "build", "--accept-missing", "all"])
    export, export_peak = timed([*ours, "export", "hdf5"])
    peer, peer_peak = timed([sys.executable, __file__, "--loop", "--work", str(work), "--objects", str(objects)])
    written = [*cat.glob("raw/cutouts/*/pixels.bin"), *cat.glob("exports/*.hdf5")]
    return {
        "land": land, "build": build, "export": export, "loop": peer, "disk limit": disk_limit(work, written),
        "peak land": land_peak, "peak export": export_peak, "peak loop": peer_peak,
    }  # fmt: skip


def compare(work: Path) -> None:
    """Every image of every file, and every mask and variance of the store, against the loop's arrays."""
    import pyarrow.parquet as pq

    with h5py.File(work / "loop.hdf5") as theirs:
        seen = 0
        for path in sorted((work / "cat" / "exports").glob("*.hdf5")):
            with h5py.File(path) as file:
                name = "small" if file["image"].shape[-1] == 64 else "image"
                for row, number in enumerate(file["object_id"][...] - 43_000_000_000_000_000):
                    if not np.array_equal(file["image"][row], theirs[name][number]):
                        sys.exit(f"{path.name}, row {row}: other pixels than the loop's; no ratio means anything.")
                    seen += 1
        if seen != 2 * len(theirs["image"]):
            sys.exit(f"{seen} pictures in the files, {2 * len(theirs['image'])} in the loop's.")
        for shard in (work / "cat" / "raw" / "cutouts").glob("*/landing.json"):
            pixels = np.memmap(shard.parent / "pixels.bin", np.uint8, "r")
            for row in pq.read_table(shard.parent / "pictures.parquet").to_pylist():
                shape = row["height"], row["width"]
                above, left = (127 - shape[0]) // 2, (127 - shape[1]) // 2
                for name, dtype in (("mask", "<i4"), ("variance", "<f4")):
                    at = row[f"{name}_offset"]
                    stored = pixels[at : at + 4 * shape[0] * shape[1]].view(dtype).reshape(shape)
                    other = theirs[name][row["line"] - 2, "grizy".index(row["band"])]
                    if not np.array_equal(stored, other[above : above + shape[0], left : left + shape[1]]):
                        sys.exit(f"{row['member']}: another {name} than the loop's; no ratio means anything.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=600)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--loop", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="pixels-"))
    if options.loop:
        loop(work, options.objects, work / "loop.hdf5")
        return 0
    shutil.rmtree(work, ignore_errors=True)
    make_inputs(work, options.objects)
    rounds = [one_round(work, options.objects, options.jobs) for _ in range(options.runs)]
    compare(work)
    middle = {name: statistics.median(of[name] for of in rounds) for name in rounds[0]}
    ratio = statistics.median(of["loop"] / (of["land"] + of["export"]) for of in rounds)
    found = {"objects": options.objects, "runs": options.runs, "jobs": options.jobs, **middle, "times the loop": ratio}
    show(found) if not options.json else print(json.dumps(found, indent=1))
    shutil.rmtree(work)
    return 0 if ratio >= LEAST else 1


def show(found: dict) -> None:
    print(
        f"{found['objects']} objects, five filters, three layers; medians of {found['runs']}, {found['jobs']} processes"
    )
    found = found | {"land and export": found["land"] + found["export"]}
    for name in ("land", "export", "land and export", "loop", "disk limit"):
        print(f"{name:18}{found[name]:9.2f} s {found['objects'] / found[name]:9.0f} objects/s")
    print(f"{'build, apart':18}{found['build']:9.2f} s")
    for name in ("peak land", "peak export", "peak loop"):
        print(f"{name:18}{found[name] / 1e9:9.2f} GB")
    words = "holds" if found["times the loop"] >= LEAST else "FAILS"
    print(f"{words}  {found['times the loop']:.1f} times the loop, at least {LEAST:g}")


if __name__ == "__main__":
    sys.exit(main())
