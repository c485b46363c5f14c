"""How much pictures can show on the simulated sky: a random forest that is told the true shapes.

    galaxiesml mock population --galaxies 50000 --seed 3 --out population
    python benchmarks/oracle.py population --photometry photometry.parquet [--sizes 4000,30000]
    python benchmarks/oracle.py population --photometry photometry.parquet --network 28000

The magnitudes are measured on drawn pictures, which are not kept; photometry.parquet has them afterwards, and is read
the next time.  The forest sees magnitudes; magnitudes and errors; and both with the true radii, axis ratios, bulge and
nucleus, as noisy as a picture of the galaxy's brightness tells them.  The test galaxies, the last 15,000 of the
population, are the same for all.  Intervals are of 200 bootstrap replicates of them.  --network trains the estimator
`table` on magnitudes alone instead: what photometry gives here, beside what it gives for the real sample.  --real
compares the scatter of magnitudes' errors with that of a real table (columns icmodel_mag, icmodel_mag_err, z_best).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

TESTED, VALIDATED = 15_000, 1_000
#: Noise of the true shapes: of ln(radius) and of shares at a ratio of signal to noise of 1, and what is left at any.
SHAPE_NOISE, SHAPE_FLOOR = 2.0, 0.03
REPLICATES = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("population", type=Path)
    parser.add_argument("--photometry", type=Path, required=True)
    parser.add_argument("--sizes", default="4000,30000")
    parser.add_argument("--network", type=int, help="train `table` on so many galaxies' magnitudes")
    parser.add_argument("--real", type=Path, help="a FITS table of real galaxies")
    parser.add_argument("--trees", type=int, default=100)
    asked = parser.parse_args()
    if not asked.photometry.is_file():
        measure(asked.population, asked.photometry)
    galaxies, measured = (read(path) for path in (asked.population / "galaxies.parquet", asked.photometry))
    truth = galaxies["specz_redshift"].astype(float)
    if asked.real:
        print_errors(measured, truth, asked.real)
        return
    inputs = of(galaxies, measured)
    if asked.network:
        print_network(inputs["magnitudes"], truth, asked.network)
        return
    print(f"{'galaxies':>9} {'inputs':28} {'NMAD':>7} {'outliers':>9} {'CRPS':>7} {'loss':>7}")
    for size in (int(word) for word in asked.sizes.split(",")):
        scores = {name: score(values, truth, size, asked.trees) for name, values in inputs.items()}
        for name, found in scores.items():
            print(f"{size:9,} {name:28} {found['nmad']:7.4f} {100 * found['outliers']:8.2f}% "
                  f"{found['crps'].mean():7.4f} {found['loss'].mean():7.4f}", flush=True)  # fmt: skip
        for before in list(inputs)[:2]:
            for metric in ("crps", "loss"):
                print(
                    f"{size:9,} {before} less the oracle's: {metric} {difference(scores, before, metric)}", flush=True
                )


def measure(population: Path, out: Path) -> None:
    """Draw every galaxy, measure it, keep the photometry."""
    import torch

    from galaxiesml.mock.pictures import magnitudes, render
    from galaxiesml.mock.pictures.catalogue import Population
    from galaxiesml.system.atomic import write_table

    torch.set_num_threads(1)
    known = Population(population)
    camera = render.Camera(tuple(known.info["gain"]), tuple(known.info["saturated"]))

    def one(batch) -> pa.Table:
        drawn = render.draw(batch.lit, camera, 1, batch.number)
        columns = {"object_id": batch.columns["object_id"]}
        for ending, values in zip(("mag", "magsigma"), magnitudes.measured(batch, drawn, camera), strict=True):
            columns |= {f"{band}_cmodel_{ending}": values[:, at] for at, band in enumerate(known.bands)}
        return pa.table(columns)

    threads = len(os.sched_getaffinity(0))
    parts, began, done, waiting = [], time.perf_counter(), 0, deque()
    with ThreadPoolExecutor(threads) as executor:
        for batch in chain(known.batches(render.BATCH), [None] * threads):
            if batch is not None:
                waiting.append(executor.submit(one, batch))
            if waiting and (batch is None or len(waiting) > threads):
                parts.append(waiting.popleft().result())
                done += len(parts[-1])
                sys.stderr.write(f"\r{done:,} of {len(known):,}, {done / (time.perf_counter() - began):.0f} a second")
    sys.stderr.write("\n")
    write_table(out, pa.concat_tables(parts))


def read(path: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(path, partitioning=None)
    return {name: table[name].to_numpy() for name in table.column_names}


def of(galaxies: dict, measured: dict) -> dict[str, np.ndarray]:
    """The three sets of inputs, shape (n, inputs)."""
    bands = "grizy"
    if not np.array_equal(galaxies["object_id"], measured["object_id"]):
        raise SystemExit("The photometry is of another population: name another file.")
    magnitude = np.column_stack([measured[f"{band}_cmodel_mag"] for band in bands])
    error = np.log(np.column_stack([measured[f"{band}_cmodel_magsigma"] for band in bands]))
    rng = np.random.default_rng(1)
    noise = np.hypot(SHAPE_NOISE * measured["i_cmodel_magsigma"] * np.log(10.0) / 2.5, SHAPE_FLOOR)
    noise = np.where(np.isfinite(noise), noise, 10.0)
    radii = [np.log(galaxies[name]) for name in ("bulge_radius_arcsec", "disc_radius_arcsec")]
    shares = [galaxies[f"{band}_{name}"] for name in ("bulge_fraction", "point_fraction") for band in "gi"]
    ratios = [galaxies[name] for name in ("bulge_axis_ratio", "disc_axis_ratio")]
    shapes = np.column_stack([value + noise * rng.normal(size=len(noise)) for value in (*radii, *shares, *ratios)])
    return {
        "magnitudes": magnitude,
        "magnitudes, errors": np.hstack([magnitude, error]),
        "magnitudes, errors, shapes": np.hstack([magnitude, error, shapes]),
    }


def data_of(values: np.ndarray, truth: np.ndarray, size: int):
    """So many galaxies to train, the next to validate, the last ones to test."""
    from galaxiesml import photoz

    if size + VALIDATED + TESTED > len(truth):
        raise SystemExit(f"{size:,} galaxies to train need a population of {size + VALIDATED + TESTED:,}.")
    names = tuple(f"x{number}" for number in range(values.shape[1]))
    split = np.full(len(truth), "none", dtype=object)
    split[:size], split[size : size + VALIDATED], split[-TESTED:] = "training", "validation", "testing"
    used = split != "none"
    return photoz.Data(values[used].astype(np.float32), names, redshift=truth[used], split=split[used])


def score(values: np.ndarray, truth: np.ndarray, size: int, trees: int) -> dict:
    """Metrics of the test galaxies by a forest of so many training galaxies, with CRPS and loss of each."""
    from galaxiesml import photoz
    from galaxiesml.photoz import metrics

    data = data_of(values, truth, size)
    run = photoz.train(data, photoz.Config.of("forest", z_max=5.0, trees=trees))
    testing = data.of("testing")
    table, (pdf, _) = run.predict(testing), run.pdfs(testing)
    found = metrics.points(table["z_median"].to_numpy(), testing.redshift)
    off = (table["z_risk"].to_numpy() - testing.redshift) / (1.0 + testing.redshift)
    return {
        "nmad": found["nmad"],
        "outliers": found["outliers"],
        "crps": metrics.crps(pdf, run.edges, testing.redshift),
        "loss": 1.0 - 1.0 / (1.0 + (off / metrics.GAMMA) ** 2),
    }


def print_network(magnitudes: np.ndarray, truth: np.ndarray, size: int) -> None:
    """Print what `table` gives of magnitudes alone, with intervals, and what was published of the real sample."""
    from galaxiesml import photoz
    from galaxiesml.photoz import metrics

    data = data_of(magnitudes, truth, size)
    run = photoz.train(data, photoz.Config.of("table", z_max=5.0))
    testing = data.of("testing")
    found, (pdf, _) = run.predict(testing)["z_median"].to_numpy(), run.pdfs(testing)
    crps, rng = metrics.crps(pdf, run.edges, testing.redshift), np.random.default_rng(1)

    def read(rows) -> list[float]:
        points = metrics.points(found[rows], testing.redshift[rows])
        return [points["nmad"], 100.0 * points["outliers"], crps[rows].mean()]

    drawn = np.array([read(rng.integers(len(found), size=len(found))) for _ in range(REPLICATES)])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    for at, (name, real) in enumerate((("NMAD", 0.0239), ("outliers, %", 6.45), ("CRPS", 0.0625))):
        value = read(np.arange(len(found)))[at]
        print(f"{name}: {value:.4f} ({low[at]:.4f} to {high[at]:.4f}); of real galaxies, an LSTM-MDN: {real}")


def print_errors(measured: dict, truth: np.ndarray, real: Path) -> None:
    """Print how errors in i scatter about their mean at a magnitude, in the logarithm."""
    from astropy.table import Table

    table = Table.read(real, unit_parse_strict="silent")
    theirs = (np.ma.filled(np.ma.asarray(table[name], float), np.nan)
              for name in ("icmodel_mag", "icmodel_mag_err", "z_best"))  # fmt: skip
    ours = measured["i_cmodel_mag"], measured["i_cmodel_magsigma"], truth
    for name, (magnitude, error, z) in (("simulated", ours), ("real", theirs)):
        used = (magnitude > 17.0) & (magnitude < 20.0) & (z > 0.1) & (z < 0.35) & (error > 0.0)
        off = np.log(error[used])
        off = off - np.polyval(np.polyfit(magnitude[used], off, 2), magnitude[used])
        print(f"{name}: {used.sum():,} galaxies, scatter {1.4826 * np.median(np.abs(off - np.median(off))):.3f}")


def difference(scores: dict, before: str, metric: str) -> str:
    """The mean gain of the oracle, and its interval of 95 per cent."""
    gain = scores[before][metric] - scores["magnitudes, errors, shapes"][metric]
    rng = np.random.default_rng(1)
    means = [gain[rng.integers(len(gain), size=len(gain))].mean() for _ in range(REPLICATES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{gain.mean():.4f} ({low:.4f} to {high:.4f}), {100 * gain.mean() / scores[before][metric].mean():.0f} %"


if __name__ == "__main__":
    main()
