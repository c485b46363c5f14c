"""`make proof`: the long form of every proof, and a dated table of what came out, docs/proof.md."""

from __future__ import annotations

import argparse
import datetime
import platform
import re
import subprocess
import sys
import time
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent
_LONG = [sys.executable, "-m", "pytest", "-o", "addopts=", "-m", "proof"]
_FITS = ["-s", "tests/morphology/test_injections.py", "-k"]
#: The tests of `make test`, as it runs them.
_SHORT = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
#: The heading of what benchmarks/gpu.py writes.
_OF_GPU = "## On a GPU"
#: Long tests that have a row of their own.
_NAMED = (
    *("kills", "signals", "million", "in_full", "campaign", "test_hats", "test_spark", "test_sail_at_size"),
    *("test_tables_at_size", "test_forms"),
)
#: What is shown, and the command that shows it.
PROOFS = (
    ("20 kills spread over a build", [*_LONG, "tests/curation", "-k", "kills"]),
    ("20 kills spread over the landing of tars", [*_LONG, "tests/cutouts", "-k", "kills"]),
    ("20 kills spread over the landing of an export", [*_LONG, "tests/ingest", "-k", "kills"]),
    ("20 kills spread over an export of HDF5", [*_LONG, "tests/release", "-k", "kills"]),
    (
        "fetching under every fault, alone and mixed, and 20 kills of the client: each picture once",
        [*_LONG, "-s", "tests/archive", "-k", "campaign"],
    ),
    (
        "SIGINT, SIGTERM and SIGHUP at five points of every long command, in a pseudo-terminal",
        [*_LONG, "-s", "tests/cli/test_interrupts.py", "-k", "signals"],
    ),
    ("byte-identical marts, 1, 2 and 4 threads, a million rows", [*_LONG, "tests/curation", "-k", "million"]),
    (
        "a million rows in each format of tables: read back equal by others, written in constant memory",
        [*_LONG, "-s", "tests/release/test_tables_at_size.py"],
    ),
    ("every condition of every cut deleted and inverted", [sys.executable, "tests/mutations.py"]),
    ("22,000 isolated galaxies injected: scatter at most 1.1 x the bound", [*_LONG, *_FITS, "isolated"]),
    ("11,000 in crowded pictures: at most 1.5 x the bound", [*_LONG, *_FITS, "crowded"]),
    ("4,400 fits from moved starts: 99.5 % end within 0.1 sigma", [*_LONG, *_FITS, "starts"]),
    ("branch coverage of make test's tests", [*_SHORT, "--cov", "--cov-report", "term:skip-covered"]),
    (
        "HATS catalogues read by LSDB, cone search and crossmatch as DuckDB's; RAIL reads the photometry",
        [*_LONG, "tests/release/test_hats.py"],
    ),
    ("LaTeX tables of every command, and every letter, set by pdflatex", [*_LONG, "tests/cli/test_forms.py"]),
    (
        "local Spark, every table of 50,000 objects equal to DuckDB's; two workers, one killed in a build of 20,000: "
        "equal; killed drivers, full disks, Ctrl-C, two catalogues on one server",
        [*_LONG, "-s", "tests/curation/engines/test_spark.py"],
    ),
    (
        "Sail, every table of 2,000,000 objects equal to DuckDB's",
        [*_LONG, "tests/curation/engines/test_sail_at_size.py"],
    ),
    ("other long tests", [*_LONG, "-k", " and ".join(f"not {name}" for name in _NAMED)]),
)


def run(command: list[str]) -> tuple[bool, str, float]:
    """Whether it passed, its last line with what it says it measured, and its seconds."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    sys.stdout.write(done.stdout)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    measured = re.findall(r"measured: (.*)", done.stdout)
    measured += [f"{covered} of lines and branches" for covered in re.findall(r"(?m)^TOTAL .* (\d+%)$", done.stdout)]
    last = re.sub(r"\x1b\[[0-9;]*m", "", lines[-1] if lines else "").strip("= ")
    # 5: no long test of this kind is left over.
    return done.returncode in (0, 5), "; ".join([*measured, last]), time.monotonic() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="run the proofs whose words hold this, and leave the other rows of the table")
    options = parser.parse_args()
    table = REPO / "docs" / "proof.md"
    before = table.read_text() if table.is_file() else ""
    rows = _rows(before)
    # What `make proof-gpu` measured on another machine stays.
    of_gpu = before[before.find(_OF_GPU) :] if _OF_GPU in before else ""
    failed = 0
    for what, command in PROOFS:
        if options.only and options.only not in what:
            continue
        print(f"== {what}", flush=True)
        passed, last, seconds = run(command)
        failed += not passed
        shown = " ".join(word if word != sys.executable else "python" for word in command)
        outcome = "passed" if passed else "FAILED"
        rows[what] = f"| {what} | `{shown}` | {datetime.date.today()} | {outcome} | {last} | {seconds:.0f} |"
    machine = f"Python {platform.python_version()}, {platform.machine()}, {len(_cores())} cores"
    text = (
        f"# Proofs, long form\n\n`make proof` writes this table ({machine}).\n\n"
        "| what | command | date | outcome | last line | seconds |\n|---|---|---|---|---|---:|\n"
        + "\n".join(rows[what] for what, _ in PROOFS if what in rows)
        + "\n"
        + (f"\n{of_gpu}" if of_gpu else "")
    )
    table.write_text(text)
    print(text)
    return 1 if failed else 0


def _rows(text: str) -> dict[str, str]:
    """The rows of an earlier table, by what they show."""
    return {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ") and "`" in line}


def _cores() -> set[int]:
    import os

    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


if __name__ == "__main__":
    sys.exit(main())
