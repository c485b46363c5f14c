"""Fetching cutouts from a simulated archive: several connections against one, bytes a second, memory.

    python benchmarks/fetch.py SKY                        # 2,000 objects in five bands; 6 minutes, 5 GB of disk
    python benchmarks/fetch.py SKY --objects 200 --jobs 4

SKY is a folder that `galaxiesml mock sky` made.  Its objects are repeated at places that differ by less than the
archive's tolerance, so that every line has a picture to fetch.  Server and client are processes of their own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import requests

COMMAND = [sys.executable, "-m", "galaxiesml", "-q"]
LAYERS = ("--layers", "image,mask,variance")
#: Degrees between two repetitions of an object: 80 of them stay within 0.05 arcsec.
APART = 1.5e-7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sky", type=Path)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--delay-row", type=float, default=20.0)
    parser.add_argument("--jobs", type=int, nargs="+", default=[4, 1])
    asked = parser.parse_args()
    os.environ |= {"HSC_SSP_CAS_USER": "simulated", "HSC_SSP_CAS_PASSWORD": "simulated"}
    with tempfile.TemporaryDirectory(prefix="fetch-") as name:
        folder = Path(name)
        catalog = wanting(asked.sky, asked.objects, folder)
        print("| server | client | lines | seconds | MB/s | peak memory, MB |\n|---|---|---|---|---|---|", flush=True)
        with served(asked.sky, 0.0) as url:
            show("at once", "throws all away, 4 connections", *thrown_away(catalog, url, folder))
            show("at once", "fetch cutouts --bands g", *fetched(catalog, url, 4, "--bands", "g"))
            show("at once", "fetch cutouts", *fetched(catalog, url, 4))
        with served(asked.sky, asked.delay_row) as url:
            for jobs in asked.jobs:
                words = f"fetch cutouts --jobs {jobs}"
                show(f"{asked.delay_row:g} ms a line", words, *fetched(catalog, url, jobs))


def show(server: str, client: str, lines: int, count: int, seconds: float, memory: float) -> None:
    print(
        f"| {server} | {client} | {lines:,} | {seconds:.1f} | {count / seconds / 1e6:.0f} | {memory:.0f} |", flush=True
    )


def wanting(sky: Path, objects: int, folder: Path) -> Path:
    """A catalogue, built, that lacks the pictures of so many objects."""
    rows = pd.read_csv(sky / "export.csv.gz", dtype=str).rename(columns={"# object_id": "object_id"})
    kept = pd.read_parquet(sky / "truth" / "kept.parquet").query("export == 'export' and version == 'v1'")
    rows = rows[rows["object_id"].isin(kept["object_id"].astype(str))].drop_duplicates("object_id")
    repeats = -(-objects // len(rows))
    parts = []
    for number in range(repeats):
        part = rows.assign(object_id=[f"{number + 1}{at:06d}" for at in range(len(rows))])
        shift = (number - repeats // 2) * APART
        part["dec"] = [f"{float(dec) + shift:.10f}" for dec in rows["dec"]]
        part["specz_dec"] = [f"{float(dec) + shift:.10f}" for dec in rows["specz_dec"]]
        part["specz_name"] = [f"{name}-{number}" for name in rows["specz_name"]]
        parts.append(part)
    export, catalog = folder / "export.csv", folder / "cat"
    pd.concat(parts).head(objects).to_csv(export, index=False)
    subprocess.run([*COMMAND, "init", catalog, "--release", "pdr2_wide"], check=True, stdout=subprocess.DEVNULL)
    for words in (("ingest", "hsc", export, "--archive-query", "paper"), ("build",)):
        subprocess.run([*COMMAND, "-C", catalog, *words], check=True, stdout=subprocess.DEVNULL)
    return catalog


@contextlib.contextmanager
def served(sky: Path, delay: float) -> Iterator[str]:
    command = [*COMMAND, "mock", "serve", sky, "--port", "0", "--delay-row", str(delay)]
    # Its last word is that it was interrupted.
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def fetched(catalog: Path, url: str, jobs: int, *more: str) -> tuple[int, int, float, float]:
    """Lines, bytes, seconds and the peak of resident memory (MB) of a fetch into a copy of the catalogue."""
    copy = catalog.with_name("copy")
    shutil.copytree(catalog, copy)
    words = ["-C", copy, "fetch", "cutouts", "--url", url, "--jobs", str(jobs), "--json", *LAYERS, *more]
    began = time.monotonic()
    client = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True)
    peaks = []
    watch = threading.Thread(target=_watch, args=(client, peaks))
    watch.start()
    out = client.communicate()[0]
    seconds = time.monotonic() - began
    watch.join()
    shutil.rmtree(copy)
    told = json.loads(out)
    return told["asked"], told["bytes"], seconds, max(peaks)


def _watch(client: subprocess.Popen, peaks: list[float]) -> None:
    while client.poll() is None:
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{client.pid}/status").read_text().splitlines()
            peaks.append(int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1000)
        time.sleep(0.1)


def thrown_away(catalog: Path, url: str, folder: Path) -> tuple[int, int, float, float]:
    """The same lists, sent by four threads that keep nothing."""
    words = ["-C", catalog, "request", "cutouts", *LAYERS, "--out", folder / "lists"]
    subprocess.run([*COMMAND, *words], check=True, stdout=subprocess.DEVNULL)
    lists = [path.read_text() for path in sorted((folder / "lists").glob("*.txt"))]

    def receive(text: str) -> int:
        answer = requests.post(
            f"{url}/das_cutout/pdr2/cgi-bin/cutout",
            files={"list": ("list.txt", text)},
            auth=("simulated", "simulated"),
            stream=True,
            timeout=300,
        )
        answer.raise_for_status()
        return sum(len(piece) for piece in answer.iter_content(1 << 18))

    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        count = sum(pool.map(receive, lists))
    lines = sum(len(text.splitlines()) - 1 for text in lists)
    return lines, count, time.monotonic() - began, float("nan")


if __name__ == "__main__":
    main()
