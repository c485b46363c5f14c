"""What a build costs: four versions with every row accounted for, beside one version made by hand.

    python benchmarks/curation.py                                   # 10 million objects, 500,000 spectra
    python benchmarks/curation.py --rows 100000 --spectra 5000      # a look
    python benchmarks/curation.py --work /tmp/work --peers duckdb   # the files stay, and are used again

A simulated export lands in a catalogue; `galaxiesml build` then runs as a user runs it, with and without
dbt's parse of an earlier run, there and on a catalogue of 10,000 rows, whose time is what a build costs
whatever the rows.  The peers make version 2 of galaxies (the authors' rules) from the same landed Parquet:
the bare DuckDB query, Polars streaming, pandas.  Each run is a process of its own, so that its peak memory is
its own.  The objects that they keep are compared with the build's before any ratio is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
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
#: What leaves 49 columns of objects: id, position, isprimary, ten of magnitudes, 35 flags.
LEFT_OUT = ("coord", "skymap_id", "tract", "patch", "parent_id", "nchild", "a_{band}")
#: What landing adds and no peer writes; the row in its file is needed, for what 'the first' is.
BOOKKEEPING = ("landing", "source_file", "source_sha256")
SMALL_ROWS, SMALL_SPECTRA = 10_000, 1_000
#: The limits that the project sets itself: s, s, times the bare query, bytes.
COLD_S, WARM_S, RATIO, PEAK_BYTES = 25.0, 20.0, 2.5, 4_000_000_000


# -- the peers: each is run in a process of its own ----------------------------------------------------------


def duckdb_v2(objects: str, specz: str, out: str, threads: int) -> None:
    import duckdb

    flags = " and ".join(f"not {band}_{flag}" for flag in FLAGS for band in BANDS)
    magnitudes = " and ".join(f"{band}_cmodel_mag > 0 and {band}_cmodel_mag < 50" for band in BANDS)
    bookkeeping = ", ".join(BOOKKEEPING)
    connection = duckdb.connect(config={"threads": threads})
    connection.execute(f"""
        copy (
            with pairs as (
                select objects.* exclude ({bookkeeping}), specz.source_row as specz_source_row,
                    specz.* exclude (object_id, source_row, {bookkeeping})
                from read_parquet('{objects}') objects
                inner join read_parquet('{specz}') specz on objects.object_id = specz.object_id
                where {flags} and {magnitudes}
                    and specz_redshift > 0.01 and specz_redshift < 4
                    and specz_redshift_err > 0 and specz_redshift_err < 1
                    and specz_redshift_err < 0.005 * (1 + specz_redshift)
                    and specz_flag_homogeneous and specz_mag_i > 0 and specz_mag_i < 28
            ),
            first_of_spectrum as (
                select * from pairs
                qualify specz_name is null
                    or row_number() over (partition by specz_name order by source_row, specz_source_row) = 1
            )
            select * from first_of_spectrum
            qualify count(*) over (partition by object_id) = 1
            order by object_id
        ) to '{out}' (format parquet, compression snappy)""")


def polars_v2(objects: str, specz: str, out: str, threads: int) -> None:
    import polars as pl

    one = pl.col
    good = pl.all_horizontal(~one(f"{band}_{flag}") for flag in FLAGS for band in BANDS)
    for band in BANDS:
        good &= (one(f"{band}_cmodel_mag") > 0) & (one(f"{band}_cmodel_mag") < 50)
    z, err = one("specz_redshift"), one("specz_redshift_err")
    measured = (z > 0.01) & (z < 4) & (err > 0) & (err < 1) & (err < 0.005 * (1 + z)) & one("specz_flag_homogeneous")
    spectra = (
        pl.scan_parquet(specz)
        .filter(measured & (one("specz_mag_i") > 0) & (one("specz_mag_i") < 28))
        .drop(BOOKKEEPING)
        .rename({"source_row": "specz_source_row"})
    )
    pairs = (
        pl.scan_parquet(objects)
        .drop(BOOKKEEPING)
        .filter(good)
        .join(spectra, on="object_id")
        .sort("source_row", "specz_source_row")
        .filter(one("specz_name").is_null() | one("specz_name").is_first_distinct())
    )
    pairs.filter(pl.len().over("object_id") == 1).sort("object_id").sink_parquet(out, compression="snappy")


def pandas_v2(objects: str, specz: str, out: str, threads: int) -> None:
    import pandas as pd
    import pyarrow.parquet as pq

    columns = [name for name in pq.read_schema(objects).names if name not in BOOKKEEPING]
    left = pd.read_parquet(objects, columns=columns)
    right = pd.read_parquet(specz).drop(columns=[*BOOKKEEPING])
    z, err, mag = right["specz_redshift"], right["specz_redshift_err"], right["specz_mag_i"]
    good = (z > 0.01) & (z < 4) & (err > 0) & (err < 1) & (err < 0.005 * (1 + z)) & (mag > 0) & (mag < 28)
    right = right[good & (right["specz_flag_homogeneous"] == True)]  # noqa: E712
    # Met first: to take rows out of the wide table costs more than all the rest.
    pairs = left.merge(right.rename(columns={"source_row": "specz_source_row"}), on="object_id")
    for band in BANDS:
        for flag in FLAGS:
            pairs = pairs[pairs[f"{band}_{flag}"] == False]  # noqa: E712
        pairs = pairs[(pairs[f"{band}_cmodel_mag"] > 0) & (pairs[f"{band}_cmodel_mag"] < 50)]
    pairs = pairs.sort_values(["source_row", "specz_source_row"])
    pairs = pairs[pairs["specz_name"].isna() | ~pairs["specz_name"].duplicated(keep="first")]
    pairs = pairs[~pairs["object_id"].duplicated(keep=False)].sort_values("object_id")
    pairs.to_parquet(out, compression="snappy", index=False)


PEERS = {"duckdb": duckdb_v2, "polars": polars_v2, "pandas": pandas_v2}


# -- running and measuring -----------------------------------------------------------------------------------


@dataclass
class Measured:
    """Runs of one command: whole seconds of the process, seconds of the query in it, peak bytes."""

    name: str
    seconds: list[float] = field(default_factory=list)
    query_seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def query(self) -> float:
        return statistics.median(self.query_seconds)


def run(into: Measured, command: list[str], environment: dict | None = None) -> str:
    """Run a process to its end, take its time and its own peak memory; returns its standard output."""
    # What the run before has written is not this one's to wait for.
    os.sync()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | (environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        into.seconds.append(time.perf_counter() - start)
        # Linux counts in kibibytes, macOS in bytes.
        into.peak_bytes = max(into.peak_bytes, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        out.seek(0)
        err.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{err.read().decode()}")
        return out.read().decode()


def galaxiesml(*words: object) -> list[str]:
    return [sys.executable, "-m", "galaxiesml", "-q", *map(str, words)]


def run_peer(into: Measured, landed: dict[str, Path], out: Path, threads: int) -> None:
    command = [sys.executable, __file__, "--peer", into.name, "--threads", str(threads)]
    command += [str(landed["objects"]), str(landed["specz"]), str(out)]
    told = run(into, command, {"POLARS_MAX_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)})
    into.query_seconds.append(float(told))


def peer_main(name: str, files: list[str], threads: int) -> None:
    """A peer's process: seconds of the query alone, imports aside, on standard output."""
    __import__(name)
    if name == "pandas":
        import pyarrow

        pyarrow.set_cpu_count(threads)
    start = time.perf_counter()
    PEERS[name](*files, threads)
    print(time.perf_counter() - start)


# -- the catalogue -------------------------------------------------------------------------------------------


def prepare(work: Path, rows: int, spectra: int, steps: dict[str, Measured]) -> tuple[Path, dict]:
    """A catalogue with a simulated export landed; what stands there already is used again."""
    made, cat = work / f"mock-{rows}-{spectra}", work / f"cat-{rows}-{spectra}"
    if not (made / "truth.json").is_file():
        left_out = [word for name in LEFT_OUT for word in ("--leave-out", name)]
        asked = [
            "--rows",
            rows,
            "--spectra",
            spectra,
            "--split",
            "--format",
            "parquet",
            "--out",
            made,
            *left_out,
        ]
        run(
            steps.setdefault(f"mock export, {rows:,} rows", Measured("mock")),
            galaxiesml("mock", "export", *asked, "--force"),
        )
    if not any(cat.glob("raw/hsc/*/landing.json")):
        shutil.rmtree(cat, ignore_errors=True)
        run(Measured("init"), galaxiesml("init", cat, "--release", "pdr2_wide"))
        step = steps.setdefault(f"ingest, {rows:,} rows", Measured("ingest"))
        run(step, galaxiesml("-C", cat, "ingest", "hsc", made / "objects.parquet", made / "specz.parquet"))
    return cat, json.loads((made / "truth.json").read_text())


def landed_files(cat: Path) -> dict[str, Path]:
    """objects.parquet and specz.parquet as landed, past the empty ones that stand beside them."""
    landed = [path.parent for path in cat.glob("raw/hsc/*/landing.json")]
    return {path.stem: path for folder in landed for path in folder.glob("*.parquet")}


def build(cat: Path, cold: Measured, warm: Measured, options: list[str]) -> None:
    command = galaxiesml("-C", cat, "build", "--accept-missing", "all", *options)
    # As after an installation: nothing of dbt's is kept.
    shutil.rmtree(cat / "dbt", ignore_errors=True)
    run(cold, command)
    run(warm, command)


def kept_by_build(cat: Path) -> list[int]:
    import pyarrow.parquet as pq

    current = (cat / "current").read_text().strip()
    return pq.read_table(cat / "builds" / current / "galaxies_v2.parquet", columns=["object_id"])[
        "object_id"
    ].to_pylist()


def kept_by_peer(path: Path) -> list[int]:
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=["object_id"])["object_id"].to_pylist()


# -- the command ---------------------------------------------------------------------------------------------


def measure(arguments: argparse.Namespace, work: Path) -> dict:
    steps: dict[str, Measured] = {}
    cat, truth = prepare(work, arguments.rows, arguments.spectra, steps)
    small, _ = prepare(work, SMALL_ROWS, SMALL_SPECTRA, steps)
    options = ["--threads", str(arguments.threads)]
    options += ["--memory-limit", arguments.memory_limit] if arguments.memory_limit else []
    builds = {name: Measured(name) for name in ("build cold", "build warm", "small cold", "small warm")}
    peers = {name: Measured(name) for name in arguments.peers}
    # Round by round, so that a slow minute of the machine is in both sides of a ratio.
    for _ in range(arguments.runs):
        build(small, builds["small cold"], builds["small warm"], options)
        build(cat, builds["build cold"], builds["build warm"], options)
        for name, peer in peers.items():
            run_peer(peer, landed_files(cat), work / f"{name}.parquet", arguments.threads)
    expected = kept_by_build(cat)
    for name in peers:
        if kept_by_peer(work / f"{name}.parquet") != expected:
            sys.exit(f"{name} keeps other objects than the build does: no ratio means anything.")
    if len(expected) != truth["versions"]["v2"]["rows"]:
        sys.exit(f"The build keeps {len(expected):,} rows, the truth {truth['versions']['v2']['rows']:,}.")
    return summary(arguments, steps, builds, peers, len(expected))


def summary(arguments, steps: dict, builds: dict, peers: dict, kept: int) -> dict:
    def line(measured: Measured) -> dict:
        query = {"query_s": round(measured.query, 2)} if measured.query_seconds else {}
        return {"seconds": round(measured.median, 2)} | query | {"peak_gb": round(measured.peak_bytes / 1e9, 2)}

    pairs = zip(builds["build warm"].seconds, builds["small warm"].seconds, strict=True)
    rounds = [large - small for large, small in pairs]
    net = statistics.median(rounds)
    ratios = {
        name: statistics.median(of / query for of, query in zip(rounds, peer.query_seconds, strict=True))
        for name, peer in peers.items()
    }
    found = {
        "rows": arguments.rows,
        "spectra": arguments.spectra,
        "rows_kept_in_v2": kept,
        "threads": arguments.threads,
        "runs": arguments.runs,
        "machine": machine(),
        "apart": {name: line(step) for name, step in steps.items()},
        "builds": {name: line(step) for name, step in builds.items()},
        "peers": {name: line(peer) for name, peer in peers.items()},
        "net_build_s": round(net, 2),
        "ratios": {name: round(ratio, 2) for name, ratio in ratios.items()},
    }
    peak = max(builds["build cold"].peak_bytes, builds["build warm"].peak_bytes)
    found["limits"] = {
        f"build cold <= {COLD_S:g} s": builds["build cold"].median <= COLD_S,
        f"build warm <= {WARM_S:g} s": builds["build warm"].median <= WARM_S,
        f"peak memory <= {PEAK_BYTES / 1e9:g} GB": peak <= PEAK_BYTES,
    }
    if "duckdb" in peers:
        found["limits"][f"net build <= {RATIO:g} x bare DuckDB"] = ratios["duckdb"] <= RATIO
    return found


def machine() -> str:
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return f"{system}, Python {platform.python_version()}"


def show(found: dict) -> None:
    print(f"{found['rows']:,} objects, {found['spectra']:,} spectra; {found['machine']}")
    print(f"medians of {found['runs']} rounds; v2 keeps {found['rows_kept_in_v2']:,} rows, the same ones everywhere\n")
    print(f"{'':34}{'process s':>10}{'query s':>9}{'peak GB':>9}{'net build / query':>19}")
    for part in ("apart", "builds", "peers"):
        for name, of in found[part].items():
            query = f"{of['query_s']:.2f}" if "query_s" in of else ""
            ratio = f"{found['ratios'][name]:.2f}" if part == "peers" else ""
            print(f"{name:34}{of['seconds']:>10.2f}{query:>9}{of['peak_gb']:>9.2f}{ratio:>19}")
    print(f"{'net build (warm, less small warm)':34}{found['net_build_s']:>10.2f}\n")
    for limit, holds in found["limits"].items():
        print(f"{'holds' if holds else 'FAILS':6} {limit}")


def arguments_of(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="objects")
    parser.add_argument("--spectra", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder that is kept, and what stands in it used again")
    parser.add_argument("--peers", default="duckdb,polars,pandas", type=lambda text: text.split(",") if text else [])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--memory-limit", help="of the build's queries, as 3GB")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    if unknown := set(arguments.peers) - set(PEERS):
        parser.error(f"no peer {', '.join(unknown)}: there are {', '.join(PEERS)}")
    return arguments


def main() -> None:
    arguments = arguments_of()
    if arguments.peer:
        peer_main(arguments.peer, arguments.files, arguments.threads)
        return
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
        found = measure(arguments, arguments.work.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="galaxiesml-benchmark-") as work:
            found = measure(arguments, Path(work))
    if arguments.json:
        print(json.dumps(found, indent=1))
    else:
        show(found)


if __name__ == "__main__":
    main()
