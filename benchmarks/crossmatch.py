"""Spectra to objects within 0.5 arcsec: the build's own model, beside astropy's match_coordinates_sky.

    python benchmarks/crossmatch.py                                   # 10 million objects, 500,000 spectra
    python benchmarks/crossmatch.py --objects 1000000 --spectra 50000 --runs 1

Objects lie at random over 1,400 square degrees, nine in ten of the spectra within 0.8 arcsec of one, the others at
random.  Both read the same Parquet; each run is a process of its own, so that its peak memory is its own.  astropy
gives each spectrum its nearest object; ours gives every pair within the radius, of which the nearest must be the
same ones before a ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RADIUS_ARCSEC = 0.5
#: The aims: times as fast, and the part of its memory.
FASTER, MEMORY = 3.0, 0.25


def make_inputs(work: Path, objects: int, spectra: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(1)
    ra, dec = random.uniform(0, 360, objects), np.degrees(np.arcsin(random.uniform(-0.034, 0.034, objects)))
    of = random.integers(0, objects, spectra)
    away, angle = 0.8 / 3600 * np.sqrt(random.random(spectra)), random.uniform(0, 2 * np.pi, spectra)
    near = random.random(spectra) < 0.9
    s_ra = np.where(
        near, (ra[of] + away * np.cos(angle) / np.cos(np.radians(dec[of]))) % 360, random.permutation(ra[of]) + 0.01
    )
    s_dec = np.where(near, dec[of] + away * np.sin(angle), dec[of] / 2)
    empty = {f"{band}_cmodel_mag": pa.nulls(objects, pa.float64()) for band in "grizy"}
    pq.write_table(pa.table({"object_id": np.arange(objects), "ra": ra, "dec": dec} | empty), work / "objects.parquet")
    pq.write_table(
        pa.table({"spectrum": np.arange(spectra), "specz_ra": s_ra % 360, "specz_dec": s_dec}), work / "spectra.parquet"
    )


def ours(work: Path, threads: int) -> float:
    """The model int_spectrum_objects as it is, on tables of those names."""
    import duckdb

    from galaxiesml import dictionary
    from galaxiesml.curation.macros import Macros

    path = dictionary.PROJECT / "models" / "intermediate" / "int_spectrum_objects.sql"
    sql = Macros(list("grizy")).render(path.read_text())
    connection = duckdb.connect(config={"threads": threads})
    connection.execute(f"create view stg_hsc__objects as select * from '{work}/objects.parquet'")
    connection.execute("create view stg_hsc__joined as select * from stg_hsc__objects where false")
    connection.execute(f"create view int_spectra as select * from '{work}/spectra.parquet'")
    start = time.perf_counter()
    connection.execute(f"create table met as {sql}")
    seconds = time.perf_counter() - start
    connection.execute(f"""
        copy (select spectrum, object_id from met
            qualify row_number() over (partition by spectrum order by match_distance_arcsec, object_id) = 1
            order by spectrum) to '{work}/ours.parquet'
    """)
    return seconds


def theirs(work: Path, threads: int) -> float:
    """astropy's nearest object of each spectrum, cut at the radius."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from astropy import units as u
    from astropy.coordinates import SkyCoord, match_coordinates_sky

    start = time.perf_counter()
    objects = pq.read_table(work / "objects.parquet", columns=["object_id", "ra", "dec"])
    spectra = pq.read_table(work / "spectra.parquet")
    catalogue = SkyCoord(objects["ra"].to_numpy(), objects["dec"].to_numpy(), unit="deg")
    asked = SkyCoord(spectra["specz_ra"].to_numpy(), spectra["specz_dec"].to_numpy(), unit="deg")
    index, separation, _ = match_coordinates_sky(asked, catalogue)
    within = separation <= RADIUS_ARCSEC * u.arcsec
    seconds = time.perf_counter() - start
    found = pa.table({"spectrum": np.flatnonzero(within), "object_id": objects["object_id"].to_numpy()[index[within]]})
    pq.write_table(found, work / "theirs.parquet")
    return seconds


def timed(work: Path, name: str, threads: int) -> tuple[float, int]:
    """Seconds of the match and peak memory of its process."""
    os.sync()
    command = [sys.executable, __file__, "--run", name, "--work", str(work), "--threads", str(threads)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    told = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{name} ended with {process.returncode}")
    return float(told), usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(work: Path, options: argparse.Namespace) -> dict:
    import pyarrow.parquet as pq

    # In a process of its own: a child's peak memory counts what its parent held when it was started.
    sizes = ["--objects", str(options.objects), "--spectra", str(options.spectra)]
    subprocess.run([sys.executable, __file__, "--run", "inputs", "--work", str(work), *sizes], check=True)
    rounds = [{name: timed(work, name, options.threads) for name in ("ours", "theirs")} for _ in range(options.runs)]
    found, expected = (pq.read_table(work / f"{name}.parquet").to_pydict() for name in ("ours", "theirs"))
    if found != expected:
        sys.exit("The nearest pairs differ: no ratio means anything.")
    return {
        "objects": options.objects,
        "spectra": options.spectra,
        "runs": options.runs,
        "pairs": pq.read_metadata(work / "ours.parquet").num_rows,
        "ours_s": statistics.median(of["ours"][0] for of in rounds),
        "astropy_s": statistics.median(of["theirs"][0] for of in rounds),
        "times_as_fast": statistics.median(of["theirs"][0] / of["ours"][0] for of in rounds),
        "ours_gb": max(of["ours"][1] for of in rounds) / 1e9,
        "astropy_gb": max(of["theirs"][1] for of in rounds) / 1e9,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--spectra", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--run", choices=("inputs", "ours", "theirs"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run == "inputs":
        make_inputs(options.work, options.objects, options.spectra)
        return 0
    if options.run:
        print({"ours": ours, "theirs": theirs}[options.run](options.work, options.threads))
        return 0
    work = Path(tempfile.mkdtemp(prefix="crossmatch-"))
    try:
        found = measure(work, options)
    finally:
        shutil.rmtree(work)
    part = found["ours_gb"] / found["astropy_gb"]
    print(json.dumps(found, indent=1)) if options.json else show(found, part)
    return 0 if found["times_as_fast"] >= FASTER and part <= MEMORY else 1


def show(found: dict, part: float) -> None:
    print(f"{found['objects']:,} objects, {found['spectra']:,} spectra, {found['pairs']:,} pairs of nearest")
    print(f"ours     {found['ours_s']:7.2f} s {found['ours_gb']:6.2f} GB")
    print(f"astropy  {found['astropy_s']:7.2f} s {found['astropy_gb']:6.2f} GB")
    faster = found["times_as_fast"]
    print(f"{'holds' if faster >= FASTER else 'FAILS'}  {faster:.1f} times as fast, at least {FASTER:g}")
    print(f"{'holds' if part <= MEMORY else 'FAILS'}  {part:.2f} of its memory, at most {MEMORY:g}")


if __name__ == "__main__":
    sys.exit(main())
