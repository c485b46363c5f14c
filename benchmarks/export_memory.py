"""Does the memory of `export hdf5` grow with the galaxies?

    python benchmarks/export_memory.py                    # 5,000, then 50,000 galaxies
    python benchmarks/export_memory.py --galaxies 100000  # the larger number; 8 GB of HDF5

One picture serves every object within 1 arcsec, so few pictures make a large manifest: the galaxies stand at 200
places, and each has five filters in it.  The files are those of 64 pixels.  Landing, building and exporting are
what a user types; peak memory is of the export's process, pages of mapped files among it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pixels

PLACES = 200
#: Whatever the number of galaxies.
LIMIT_BYTES = 1_000_000_000


def measure(work: Path, galaxies: int) -> tuple[float, int]:
    """Seconds and peak memory of an export."""
    pixels.make_inputs(work, PLACES)
    with gzip.open(work / "export.csv.gz", "rt") as file:
        first = list(csv.DictReader(file))
    with gzip.open(work / "export.csv.gz", "wt", compresslevel=1) as file:
        writer = csv.DictWriter(file, first[0])
        writer.writeheader()
        for number in range(galaxies):
            row = first[number % PLACES] | {"# object_id": 43_000_000_000_000_000 + number}
            writer.writerow(row | {"specz_name": f"S-{number}"})
    cat, ours = work / "cat", [sys.executable, "-m", "galaxiesml", "-q"]
    tars = [str(work / f"{band}.tar") for band in pixels.BANDS]
    for words in (
        ["init", str(cat), "--release", "pdr2_wide"],
        ["-C", str(cat), "ingest", "hsc", str(work / "export.csv.gz"), "--archive-query", "paper"],
        ["-C", str(cat), "ingest", "cutouts", *tars],
        ["-C", str(cat), "build", "--accept-missing", "all"],
    ):
        subprocess.run([*ours, *words], check=True, stdout=subprocess.DEVNULL)
    return pixels.timed([*ours, "-C", str(cat), "export", "hdf5", "--size", "64"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--galaxies", type=int, default=50_000)
    options = parser.parse_args()
    worst = 0
    for galaxies in (options.galaxies // 10, options.galaxies):
        work = Path(tempfile.mkdtemp(prefix="export-memory-"))
        seconds, peak = measure(work, galaxies)
        shutil.rmtree(work)
        print(f"{galaxies:9,} galaxies {seconds:8.1f} s {galaxies / seconds:8,.0f} galaxies/s {peak / 1e9:6.2f} GB")
        worst = max(worst, peak)
    print(f"{'holds' if worst <= LIMIT_BYTES else 'FAILS'}  peak memory <= {LIMIT_BYTES / 1e9:g} GB")
    return 0 if worst <= LIMIT_BYTES else 1


if __name__ == "__main__":
    sys.exit(main())
