"""Curation at scale: `galaxiesml build` beside bare DuckDB, Polars and pandas making one version.

    python benchmarks/curation.py --rows 10000000 --spectra 500000

Ten million objects of 49 columns and half a million spectra, landed once.  Every run is a process of its own, so
that its peak memory is its own.  Before any ratio is printed, the object_ids that all of them keep are asserted equal.
The build makes four versions with the whole ledger; the peers make v2 alone.  dbt's own cost, whatever the rows, is
the same build on 10,000 objects; the ratio is of what is left.
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

BANDS = "grizy"
FLAGS = (
    "cmodel_flag",
    "pixelflags_edge",
    "pixelflags_interpolatedcenter",
    "pixelflags_saturatedcenter",
    "pixelflags_crcenter",
    "pixelflags_bad",
    "sdsscentroid_flag",
)
ORDER = ["landing", "source_row", "specz_landing", "specz_source_row"]


def bare_duckdb(objects: str, specz: str, out: str) -> None:
    """Version 2 as one query, by hand."""
    import duckdb

    connection = duckdb.connect(config={"threads": os.cpu_count()})
    flags = " and ".join(f"not {band}_{flag}" for flag in FLAGS for band in BANDS)
    mags = " and ".join(f"{band}_cmodel_mag > 0 and {band}_cmodel_mag < 50" for band in BANDS)
    connection.execute(f"""
        copy (
            with pairs as (
                select o.*, s.* exclude (object_id, landing, source_file, source_sha256, source_row),
                    s.landing as specz_landing, s.source_row as specz_source_row
                from read_parquet('{objects}') as o join read_parquet('{specz}') as s using (object_id)
                where {flags} and {mags} and specz_redshift > 0.01 and specz_redshift < 4
                    and specz_redshift_err > 0 and specz_redshift_err < 1
                    and specz_redshift_err < 0.005 * (1 + specz_redshift)
                    and specz_flag_homogeneous and specz_mag_i > 0 and specz_mag_i < 28
            ),
            named as (
                select *, row_number() over (partition by specz_name order by {", ".join(ORDER)}) as place from pairs
            ),
            counted as (
                select *, count(*) over (partition by object_id) as spectra
                from named where specz_name is null or place = 1
            )
            select * from counted where spectra = 1 order by object_id
        ) to '{out}' (format parquet, compression zstd)
    """)


def polars(objects: str, specz: str, out: str) -> None:
    """Version 2 in Polars, streaming."""
    import polars as pl

    spectra = pl.scan_parquet(specz).rename({"landing": "specz_landing", "source_row": "specz_source_row"})
    pairs = pl.scan_parquet(objects).join(spectra.drop("source_file", "source_sha256"), on="object_id")
    z, err = pl.col("specz_redshift"), pl.col("specz_redshift_err")
    good = [~pl.col(f"{band}_{flag}") for flag in FLAGS for band in BANDS]
    good += [(pl.col(f"{band}_cmodel_mag") > 0) & (pl.col(f"{band}_cmodel_mag") < 50) for band in BANDS]
    good += [z > 0.01, z < 4, err > 0, err < 1, err < 0.005 * (1 + z), pl.col("specz_flag_homogeneous")]
    good += [pl.col("specz_mag_i") > 0, pl.col("specz_mag_i") < 28]
    first = pl.struct(ORDER).rank("ordinal").over("specz_name") == 1
    kept = pairs.filter(good).sort(ORDER).filter(pl.col("specz_name").is_null() | first)
    kept = kept.filter(pl.len().over("object_id") == 1).sort("object_id")
    kept.collect(engine="streaming").write_parquet(out, compression="zstd")


def pandas(objects: str, specz: str, out: str) -> None:
    """Version 2 in pandas, as the authors' script does it."""
    import pandas as pd

    spectra = pd.read_parquet(specz).rename(columns={"landing": "specz_landing", "source_row": "specz_source_row"})
    pairs = pd.read_parquet(objects).merge(spectra.drop(columns=["source_file", "source_sha256"]), on="object_id")
    z, err = pairs["specz_redshift"], pairs["specz_redshift_err"]
    good = (z > 0.01) & (z < 4) & (err > 0) & (err < 1) & (err < 0.005 * (1 + z))
    good &= pairs["specz_flag_homogeneous"].eq(True) & (pairs["specz_mag_i"] > 0) & (pairs["specz_mag_i"] < 28)
    for band in BANDS:
        good &= (pairs[f"{band}_cmodel_mag"] > 0) & (pairs[f"{band}_cmodel_mag"] < 50)
        for flag in FLAGS:
            good &= pairs[f"{band}_{flag}"].eq(False)
    kept = pairs[good].sort_values(ORDER)
    kept = kept[kept["specz_name"].isna() | ~kept["specz_name"].duplicated(keep="first")]
    kept = kept[~kept["object_id"].duplicated(keep=False)].sort_values("object_id")
    kept.to_parquet(out, compression="zstd")


PEERS = {"duckdb": bare_duckdb, "polars": polars, "pandas": pandas}


def run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory (GB) of one process."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} failed:\n{errors}")
    return time.monotonic() - start, usage.ru_maxrss * 1024 / 1e9


def galaxiesml(*words: str) -> list[str]:
    return [sys.executable, "-m", "galaxiesml", "-q", *words]


def landed_catalog(folder: Path, rows: int, spectra: int) -> dict:
    """A catalogue with a simulated export landed; the time of landing."""
    data, catalog = folder / f"data{rows}", folder / f"cat{rows}"
    if not catalog.exists():
        words = ["--rows", str(rows), "--spectra", str(spectra), "--split", "--lean", "--format", "parquet"]
        made = run(galaxiesml("mock", "export", *words, "--out", str(data), "--force"))
        run(galaxiesml("init", str(catalog), "--release", "pdr2_wide"))
        files = [str(data / "objects.parquet"), str(data / "specz.parquet")]
        landing = run(galaxiesml("-C", str(catalog), "ingest", "hsc", *files))
        (folder / f"landing{rows}.json").write_text(json.dumps({"mock": made, "landing": landing}))
    return json.loads((folder / f"landing{rows}.json").read_text()) | {"catalog": catalog}


def build_times(catalog: Path, runs: int, cold: bool) -> list[tuple[float, float]]:
    found = []
    for _ in range(runs):
        if cold:
            shutil.rmtree(catalog / "dbt" / "target", ignore_errors=True)
        found.append(run(galaxiesml("-C", str(catalog), "build")))
    return found


def kept_ids(path: Path) -> list[int]:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=["object_id"])["object_id"].to_pylist()


def published(catalog: Path) -> Path:
    return catalog / "builds" / (catalog / "current").read_text().strip() / "galaxies_v2.parquet"


def measure(folder: Path, options) -> dict:
    small = landed_catalog(folder, 10_000, 1_000)
    large = landed_catalog(folder, options.rows, options.spectra)
    figures = {"mock": [large["mock"]], "landing": [large["landing"]]}
    figures["build, cold"] = build_times(large["catalog"], 1, cold=True)
    build_times(small["catalog"], 1, cold=True)
    reference = kept_ids(published(large["catalog"]))
    # The catalogue and its peers take turns, so that a busy minute of the machine hits all of them.
    figures |= {"build": [], "build, 10,000 rows": [], **{name: [] for name in options.peers}}
    objects, specz = (str(large["catalog"] / "raw" / "hsc" / "0*" / f"{kind}.parquet") for kind in ("objects", "specz"))
    objects, specz = (str(next(Path(path).parents[1].glob(f"000[1-9]*/{Path(path).name}"))) for path in (objects, specz))
    for _ in range(options.runs):
        figures["build"] += build_times(large["catalog"], 1, cold=False)
        figures["build, 10,000 rows"] += build_times(small["catalog"], 1, cold=False)
        for name in options.peers:
            out = folder / f"{name}.parquet"
            figures[name].append(run([sys.executable, __file__, "--peer", name, objects, specz, str(out)]))
            assert kept_ids(out) == reference, f"{name} keeps other rows"
    return figures | {"rows kept": len(reference)}


def table(figures: dict, rows: int, spectra: int) -> dict:
    kept = figures.pop("rows kept")
    seconds = {name: statistics.median(time for time, _ in runs) for name, runs in figures.items()}
    memory = {name: max(peak for _, peak in runs) for name, runs in figures.items()}
    print(f"{rows:,} objects, {spectra:,} spectra, {os.cpu_count()} cores; {kept:,} rows in v2, equal in all\n")
    print(f"{'':24} {'median s':>9} {'min':>7} {'max':>7} {'peak GB':>8}")
    for name, runs in figures.items():
        times = [time for time, _ in runs]
        print(f"{name:24} {seconds[name]:9.2f} {min(times):7.2f} {max(times):7.2f} {memory[name]:8.2f}")
    net = seconds["build"] - seconds["build, 10,000 rows"]
    ratios = {name: net / seconds[name] for name in PEERS if name in seconds}
    print(f"\nbuild less the same build on 10,000 rows: {net:.2f} s")
    for name, ratio in ratios.items():
        print(f"  {ratio:.2f} x {name} making one version")
    return {"seconds": seconds, "peak_gb": memory, "net_seconds": net, "ratios": ratios, "rows_kept": kept}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--spectra", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", type=lambda text: text.split(","), default=list(PEERS))
    parser.add_argument("--work", type=Path, help="a folder to keep the data in; default: a temporary one")
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--peer", nargs=4, metavar=("NAME", "OBJECTS", "SPECZ", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        name, *paths = options.peer
        PEERS[name](*paths)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = table(measure(folder, options), options.rows, options.spectra)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
