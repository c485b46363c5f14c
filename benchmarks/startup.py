"""What the command line costs before a command begins: `galaxiesml --help`, beside a bare typer program.

    python benchmarks/startup.py             # medians of 9 runs each, in turn

Each run is a process of its own.  The peer is a typer program of one command, which is the least that such a command
line can cost.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

_PEER = "import typer; app = typer.Typer(); app.command()(lambda: None); app(['--help'])"
#: What is timed: a name, and the words of a Python process.
PROGRAMS = {
    "typer alone": ["-c", _PEER],
    "galaxiesml --help": ["-m", "galaxiesml", "--help"],
    "galaxiesml audit --help": ["-m", "galaxiesml", "audit", "--help"],
    "galaxiesml cuts new --help": ["-m", "galaxiesml", "cuts", "new", "--help"],
}


def seconds(words: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    options = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(options.runs):
        for name, words in PROGRAMS.items():
            taken[name].append(seconds(words))
    peer = statistics.median(taken["typer alone"])
    for name, runs in taken.items():
        middle = statistics.median(runs)
        spread = f"{min(runs):.3f} to {max(runs):.3f}"
        print(f"{name:28} {middle:6.3f} s  {middle / peer:5.2f} x  ({len(runs)} runs: {spread})")


if __name__ == "__main__":
    main()
