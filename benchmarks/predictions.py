"""What predictions add to a build: seconds and peak memory, for one run with PDFs.

    python benchmarks/predictions.py                          # 40,914 galaxies, the paper's test sample
    python benchmarks/predictions.py --rows 1000000 --memory-limit 2GB

The predictions are random numbers with their own redshifts; the catalogue below them is empty.  The same build is made
without them, with them, and again with nothing changed: the last takes the metrics over from the one before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.photoz.external import lists
from galaxiesml.photoz.grid import pack
from galaxiesml.photoz.stored import put

BLOCK = 50_000
EDGES = np.expm1(np.linspace(0, np.log(5), 301))


def predictions(rows: int) -> Iterator[pa.Table]:
    """Random redshifts and estimates about them, with normal PDFs in ln(1 + z)."""
    random = np.random.default_rng(1)
    middle = np.log1p(EDGES[:-1]) + np.diff(np.log1p(EDGES)) / 2
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        z = np.clip(random.gamma(2, 0.4, count), 0.01, 3.9)
        point = np.clip(np.log1p(z) + 0.02 * random.standard_t(3, count), 0.001, 1.6)
        mass = np.exp(-0.5 * ((middle - point[:, None]) / 0.03) ** 2)
        z_phot = np.expm1(point)
        yield pa.table(
            {
                "z_phot": z_phot,
                "z_low_68": z_phot - 0.03 * (1 + z_phot),
                "z_high_68": z_phot + 0.03 * (1 + z_phot),
                "redshift_of_file": z,
                "pdf": lists(pack(mass)),
            }
        )


def build(root: Path, memory_limit: str) -> tuple[float, float]:
    """Seconds and peak memory (GB) of one build in a process of its own."""
    began = time.perf_counter()
    code = (
        "import resource, sys; from galaxiesml.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stdout)"
    )
    words = ["-C", str(root), "build", "--memory-limit", memory_limit]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr)
    return seconds, int(done.stdout.split()[-1]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=40_914)
    parser.add_argument("--memory-limit", default="4GB")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog.create(Path(folder) / "cat", "pdr2_wide")
        print(f"{'build':<36} {'seconds':>8} {'peak GB':>8}")
        for words in ("without predictions", f"with {asked.rows:,} predictions", "again, nothing changed"):
            if words.startswith("with "):
                with catalog.lock("benchmark"):
                    run = {
                        "photoz_run": "random",
                        "estimator": "external",
                        "z_phot_is": "point",
                        "trained_on": "nothing",
                    }
                    put(catalog, run, predictions(asked.rows), EDGES)
            seconds, peak = build(catalog.root, asked.memory_limit)
            print(f"{words:<36} {seconds:>8.1f} {peak:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
