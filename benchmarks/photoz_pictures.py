"""What pictures bring to `best`, and what its training takes: pictures a second, and what a step spends on getting
them.

    python benchmarks/photoz_pictures.py FOLDER                  # best, best without pictures, table
    python benchmarks/photoz_pictures.py FOLDER --only best,blind,table,paper-cnn --set epochs=30 --set threads=2
    python benchmarks/photoz_pictures.py FOLDER --rows 4000,1000,5000       # to train, validate and test, by a seed
    python benchmarks/photoz_pictures.py --speed                 # no data: a step of each trunk, by its parts

FOLDER holds 5x64x64_training.hdf5, _validation and _testing.  The interval of a difference is of 1,000 bootstrap
replicates of the testing galaxies, drawn alike for both.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from galaxiesml.photoz import Config, Data, grid, kinds, metrics, released, train
from galaxiesml.photoz.augment import augmented
from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.data import SPLITS

#: What each line trains.
LINES = {
    "best": ("best", []),
    "blind": ("best", ["pictures=false"]),
    "table": ("table", []),
    "paper-cnn": ("paper-cnn", []),
}
COLUMNS = ("nmad", "outliers", "loss", "crps", "coverage_68", "train_s", "rows_per_s", "predicted_per_s")


def figures(data: Data, config: Config) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Metrics of the testing galaxies, and the loss and CRPS of each."""
    began = time.perf_counter()
    run = train(data, config, say=lambda words: sys.stderr.write(f"{words}\n"))
    seconds, test, began = time.perf_counter() - began, data.of("testing"), time.perf_counter()
    made = run.predict(test)
    predicting, truth = time.perf_counter() - began, test.redshift
    pdf = grid.unpack(np.stack(made["pdf"].to_numpy()))
    is_point = config.z_phot == "z_point"
    point, risk = (made["z_phot" if is_point else name].to_numpy() for name in ("z_median", "z_risk"))
    found = metrics.points(point, truth) | metrics.pdfs(pdf, run.edges, truth)
    each = {
        "loss": 1 - 1 / (1 + ((risk - truth) / (metrics.GAMMA * (1 + truth))) ** 2),
        "crps": np.array([metrics.pdfs(pdf[row : row + 1], run.edges, truth[row : row + 1])["crps"]
                          for row in range(len(truth))]),
    }  # fmt: skip
    found |= {"loss": each["loss"].mean(), "train_s": seconds, "predicted_per_s": len(test) / predicting}
    return found | {"rows_per_s": float(np.median(run.curve["rows_per_second"].to_numpy()))}, each


def difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
    """The mean of first - second, and its 95 % interval."""
    apart, rng = first - second, np.random.default_rng(1)
    drawn = [apart[rng.integers(0, len(apart), len(apart))].mean() for _ in range(1000)]
    return float(apart.mean()), *map(float, np.quantile(drawn, [0.025, 0.975]))


def speed(threads: int, batch: int = 128, steps: int = 6) -> None:
    """Print pictures a second of one step, and the shares of gathering and of augmenting."""
    torch.set_num_threads(threads)
    rng = torch.Generator().manual_seed(1)
    pictures = torch.randn((1000, 5, 64, 64), generator=rng).half()
    rows = Batch(22 + torch.randn((1000, 5), generator=rng), None, torch.rand(1000, generator=rng), pictures)
    print("trunk       images/s   gathered   augmented")
    for trunk, count in (("small", batch), ("resnet18", 32)):
        config = Config.of("best", size=64, trunk=trunk, channels={"small": 24, "resnet18": 64}[trunk])
        network, spent = kinds.networks(config, 5, grid.edges_of(config))(0), np.zeros(3)
        for step in range(steps + 1):
            marks = [time.perf_counter()]
            part = rows[torch.randint(0, 1000, (count,), generator=rng)]
            marks.append(time.perf_counter())
            seen = augmented(part.pictures, config, rng)
            marks.append(time.perf_counter())
            network.zero_grad()
            network.loss(Batch(part.magnitudes, None, part.redshift, seen), None).mean().backward()
            marks.append(time.perf_counter())
            spent += np.diff(marks) * (step > 0)
        share = spent / spent.sum()
        print(f"{trunk:10s} {count * steps / spent.sum():9.0f} {share[0]:9.1%} {share[1]:11.1%}")


def chosen(data: Data, rows: list[int]) -> Data:
    """So many galaxies of all to train, validate and test, drawn by a fixed seed."""
    if sum(rows) > len(data):
        raise SystemExit(f"--rows asks for {sum(rows):,} galaxies, and there are {len(data):,}.")
    order = np.random.default_rng(1).permutation(len(data))[: sum(rows)]
    split = np.repeat(np.array(SPLITS, dtype=object), rows)
    back = np.argsort(order)
    return replace(data.take(order[back]), split=split[back])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", default="best,blind,table", help=f"of {', '.join(LINES)}")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--rows", help="for example 4000,1000,5000")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if asked.speed or asked.folder is None:
        speed(asked.threads)
        return
    data = released.read(sorted(asked.folder.glob("*.hdf5")), has_pictures=True)
    if asked.rows:
        data = chosen(data, [int(word) for word in asked.rows.split(",")])
    print("          ", *(f"{name:>11}" for name in COLUMNS))
    kept = {}
    for name in asked.only.split(","):
        estimator, settings = LINES[name]
        words = [f"threads={asked.threads}", *settings, *asked.set]
        found, kept[name] = figures(data, Config.typed(estimator, words))
        print(f"{name:10s}", *(f"{found[column]:11.4g}" for column in COLUMNS), flush=True)
    if {"best", "blind"} <= set(kept):
        for metric in ("loss", "crps"):
            mean, low, high = difference(kept["blind"][metric], kept["best"][metric])
            print(f"{metric}: the pictures take away {mean:.4f} ({low:.4f} to {high:.4f})")


if __name__ == "__main__":
    main()
