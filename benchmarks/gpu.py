"""What one GPU does: drawing the simulated sky, steps of training, and estimators on 200,000 galaxies.

    make proof-gpu PART=render FROM=population      # galaxiesml mock population --galaxies 200000 --out population
    make proof-gpu PART=speed
    make proof-gpu PART=accuracy                    # on the pictures that render drew
    python benchmarks/gpu.py speed --device cpu --galaxies 600 --batches 32 --networks best    # small, anywhere

It needs PyTorch, NumPy, h5py, pyarrow and safetensors alone.  Each part ends within ten minutes on one GPU of 80 GB.  A
line that is in OUT/results.json is not measured again, and a training that was stopped goes on; --again measures anew.
The table of all parts is written to docs/proof.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from galaxiesml.photoz import Config, Data, grid, kinds, metrics, released, train  # noqa: E402
from galaxiesml.photoz.batches import Batch  # noqa: E402
from galaxiesml.photoz.pictures import Pictures  # noqa: E402

HEADING = "## On a GPU"
BANDS = ("g", "r", "i", "z", "y")
#: Of the networks that are timed: the estimator, pixels on a side, precision, and batches.
TIMED = {
    "best": ("best", 64, ("bf16", "float32"), (256, 512, 1024, 2048)),
    "paper-cnn": ("paper-cnn", 127, ("float32", "bf16"), (256, 1024)),
}
#: Galaxies that are timed, and epochs; the first compiles.
GALAXIES, EPOCHS = 40_960, 3
#: The lines of the comparison: the estimator and its settings; --epochs is that of `best`.
COMPARED = {
    "best": ("best", ()),
    "best without pictures": ("best", ("pictures=false",)),
    "paper-cnn": ("paper-cnn", ("choose=validation", "epochs=40", "patience=8")),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("render", "speed", "accuracy"))
    parser.add_argument("--from", dest="source", type=Path, default=Path("population"))
    parser.add_argument("--out", type=Path, default=Path("gpu"), help="results.json, pictures and runs")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--galaxies", type=int, help="only so many")
    parser.add_argument("--batches", help="for example 256,1024")
    parser.add_argument("--networks", default=",".join(TIMED))
    parser.add_argument("--only", default=",".join(COMPARED), help="of the comparison")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--oracle", type=float, help="loss that the oracle takes away (benchmarks/oracle.py)")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--table", type=Path, default=REPO / "docs" / "proof.md")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        sys.stderr.write("PyTorch finds no CUDA device.  Small figures of a processor: --device cpu\n")
        return 2
    results = Results(asked)
    {"render": render, "speed": speed, "accuracy": accuracy}[asked.part](asked, results)
    results.write()
    return 0


class Results:
    """Lines that were measured, kept as soon as they are."""

    def __init__(self, asked: argparse.Namespace):
        self.asked, self.path = asked, asked.out / "results.json"
        asked.out.mkdir(parents=True, exist_ok=True)
        self.lines = json.loads(self.path.read_text()) if self.path.is_file() else {}

    def line(self, name: str, make) -> dict:
        """What `make()` gives, or what it gave on this device."""
        key = f"{self.asked.part}: {name}, {device_name(self.asked)}"
        if key not in self.lines or self.asked.again:
            told = make()
            self.lines[key] = told | {"date": str(datetime.date.today()), "torch": torch.__version__}
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps(self.lines, indent=1) + "\n")
            part.replace(self.path)
        print(key, json.dumps(self.lines[key]), flush=True)
        return self.lines[key]

    def write(self) -> None:
        """Put all lines into the file of proofs, below its heading."""
        text = self.asked.table.read_text() if self.asked.table.is_file() else "# Proofs, long form\n"
        before = text.partition(HEADING)[0].rstrip()
        rows = [
            f"| {key} | {line['date']} | {'; '.join(f'{k} {v}' for k, v in line.items() if k != 'date')} |"
            for key, line in sorted(self.lines.items())
        ]
        table = "\n".join(["| what | date | measured |", "|---|---|---|", *rows])
        self.asked.table.write_text(f"{before}\n\n{HEADING}\n\n`make proof-gpu` writes this table.\n\n{table}\n")


def device_name(asked: argparse.Namespace) -> str:
    return torch.cuda.get_device_name() if asked.device == "cuda" else "cpu"


def peak_gb(asked: argparse.Namespace) -> float:
    """Memory that was held at most since it was last asked, GB; of a processor, the process's."""
    if asked.device == "cuda":
        held = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return round(held / 1e9, 2)
    import resource

    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)


# -- parts ---------------------------------------------------------------------------------------------------


def render(asked: argparse.Namespace, results: Results) -> None:
    """Draw the population as pictures of 64 x 64."""
    from galaxiesml.mock.pictures.run import Request, draw_files

    def make() -> dict:
        began = time.perf_counter()
        request = Request(asked.source, asked.out / "pictures", asked.device, galaxies=asked.galaxies, dtype="float16")
        told = draw_files(request, progress)
        seconds = time.perf_counter() - began
        rate = round(told["galaxies"] / seconds)
        return {"galaxies": told["galaxies"], "s": round(seconds, 1), "galaxies/s": rate, "peak GB": peak_gb(asked)}

    done = 0

    def progress(more: int, of: int) -> None:
        nonlocal done
        done += more
        sys.stderr.write(f"\r{done:,} of {of:,}" + ("\n" if done == of else ""))

    results.line("5 x 64 x 64 float16 into files", make)


def speed(asked: argparse.Namespace, results: Results) -> None:
    """Time steps that train, as the estimators do them, by batch and precision."""
    peak = results.line("matrices", lambda: {"TFLOP/s": matrices(asked)})["TFLOP/s"]
    for name in asked.networks.split(","):
        estimator, size, precisions, batches = TIMED[name]
        if asked.batches:
            batches = [int(word) for word in asked.batches.split(",")]
        cost = results.line(f"{name} at {size} px", lambda e=estimator, s=size: flops(asked, e, s))["GFLOP an image"]
        data = noise(asked.galaxies or (GALAXIES if size == 64 else GALAXIES // 4), size)
        for precision in precisions:
            for batch in batches:
                words = [f"device={asked.device}", "seeds=1", f"epochs={EPOCHS}", f"batch={batch}", f"size={size}"]
                config = Config.typed(estimator, [*words, f"precision={precision}"])
                results.line(
                    f"{name} at {size} px, {precision}, batch {batch}",
                    lambda c=config, d=data, g=cost: timed(asked, d, c, g, peak),
                )


def accuracy(asked: argparse.Namespace, results: Results) -> None:
    """Train on the drawn galaxies and judge by the testing ones."""
    data = released.read(sorted((asked.out / "pictures").glob("*.hdf5")), has_pictures=True)
    if asked.galaxies:
        data = data.take(np.sort(np.random.default_rng(1).permutation(len(data))[: asked.galaxies]))
    found = {}
    for name in asked.only.split(","):
        estimator, settings = COMPARED[name]
        words = [f"device={asked.device}", f"seeds={asked.members}", "size=64", *settings]
        words += [f"epochs={asked.epochs}"] if estimator == "best" else []
        config = Config.typed(estimator, words)
        title = f"{name}, {len(data):,} galaxies, {config.epochs} epochs"
        found[name] = results.line(title, lambda n=name, c=config: judged(asked, data, n, c))
    if {"best", "best without pictures"} <= set(found):
        gain = found["best without pictures"]["loss"] - found["best"]["loss"]
        share = f"{100 * gain / asked.oracle:.0f} % of the oracle's" if asked.oracle else "the oracle's is not given"
        print(f"loss that pictures take away: {gain:.4f}, {share}")
        results.line(f"gain of pictures, {len(data):,} galaxies", lambda: {"loss": round(gain, 4), "share": share})
    if {"best", "paper-cnn"} <= set(found):
        better = 1.0 - found["best"]["NMAD"] / found["paper-cnn"]["NMAD"]
        results.line(
            f"best against paper-cnn, {len(data):,} galaxies", lambda: {"NMAD lower by": f"{100 * better:.0f} %"}
        )


# -- what is measured ----------------------------------------------------------------------------------------


def matrices(asked: argparse.Namespace) -> float:
    """TFLOP/s of large products of matrices: the bound of arithmetic."""
    side, dtype = (8192, torch.bfloat16) if asked.device == "cuda" else (1024, torch.float32)
    a, b = (torch.randn(side, side, device=asked.device, dtype=dtype) for _ in range(2))
    for _ in range(3):
        a @ b
    wait(asked)
    began = time.perf_counter()
    for _ in range(20):
        a @ b
    wait(asked)
    return round(20 * 2 * side**3 / (time.perf_counter() - began) / 1e12, 2)


def wait(asked: argparse.Namespace) -> None:
    if asked.device == "cuda":
        torch.cuda.synchronize()


def flops(asked: argparse.Namespace, estimator: str, size: int) -> dict:
    """GFLOP of one image, forward and backward, and the network's parameters."""
    from torch.utils.flop_counter import FlopCounterMode

    trunk = ["trunk=resnet18" if asked.device == "cuda" else "trunk=small"] if estimator == "best" else []
    words = ["device=cpu", f"size={size}", "seeds=1", "batch=4", "compile=no", *trunk]
    data = noise(64, size)
    config = kinds.resolved(Config.typed(estimator, words), data)
    network = kinds.networks(config, len(BANDS), grid.edges_of(config))(0)
    network.begin(data)
    rows = Batch(torch.from_numpy(data.magnitudes[:4]), None, torch.rand(4), torch.randn(4, len(BANDS), size, size))
    with FlopCounterMode(display=False) as counter:
        network.loss(rows, None).mean().backward()
    parameters = sum(value.numel() for value in network.parameters())
    return {"GFLOP an image": round(counter.get_total_flops() / 4e9, 3), "parameters": parameters}


def noise(galaxies: int, size: int) -> Data:
    """Galaxies of noise: what a step costs does not depend on what it sees."""
    rng = np.random.default_rng(1)
    counts = rng.standard_normal((galaxies, len(BANDS), size, size), dtype=np.float32)
    split = np.where(np.arange(galaxies) < max(60, galaxies // 20), "validation", "training").astype(object)
    magnitudes = rng.normal(22.0, 1.0, (galaxies, len(BANDS)))
    return Data(magnitudes, BANDS, redshift=rng.uniform(0.1, 1.0, galaxies), split=split, pictures=Pictures.of(counts))


def timed(asked: argparse.Namespace, data: Data, config: Config, gflop: float, peak: float) -> dict:
    """Train for a few epochs of noise; the last one's steps, and what came before and beside them."""
    peak_gb(asked)
    marks, began = [], time.perf_counter()
    run = train(data, config, tell=lambda epoch: marks.append((time.perf_counter(), epoch)))
    first, last = marks[0][1], marks[-1][1]
    rows = run.info["data"]["rows"]["training"]
    steps = rows / last.rows_per_second
    return {
        "images/s": round(last.rows_per_second),
        "of the bound": f"{100 * last.rows_per_second * gflop / 1e3 / peak:.0f} %",
        "load s": round(marks[0][0] - began - first.seconds, 1),
        "compile s": round(rows / first.rows_per_second - steps, 1),
        "validation s an epoch": round(last.seconds - steps, 2),
        "peak GB": peak_gb(asked),
    }


def judged(asked: argparse.Namespace, data: Data, name: str, config: Config) -> dict:
    """Train, predict the testing galaxies, and compare with their redshifts."""
    peak_gb(asked)
    began = time.perf_counter()
    place = asked.out / f"{name.replace(' ', '-')}-{len(data)}-{config.epochs}"

    def tell(epoch) -> None:
        words = (
            f"{name}: epoch {epoch.epoch + 1}, loss {epoch.validation_loss:.4f}, {epoch.rows_per_second:,.0f} rows/s"
        )
        sys.stderr.write(f"{words}, {epoch.seconds_left:.0f} s left\n")

    run = train(data, config, place, tell=tell)
    trained, test = time.perf_counter() - began, data.of("testing")
    made, truth = run.predict(test), test.redshift
    is_point = config.z_phot == "z_point"
    best, risk = (made["z_phot" if is_point else one].to_numpy() for one in ("z_median", "z_risk"))
    off = (risk - truth) / (1.0 + truth)
    found = metrics.points(best, truth)
    return {
        "NMAD": round(found["nmad"], 5),
        "outliers %": round(100.0 * found["outliers"], 2),
        "loss": round(float(np.mean(1.0 - 1.0 / (1.0 + (off / metrics.GAMMA) ** 2))), 5),
        "CRPS": round(float(metrics.crps(grid.unpack(np.stack(made["pdf"].to_numpy())), run.edges, truth).mean()), 5),
        "tested": len(test),
        "train s": round(trained),
        "rows/s": round(float(np.median(run.curve["rows_per_second"].to_numpy()))),
        "peak GB": peak_gb(asked),
    }


if __name__ == "__main__":
    sys.exit(main())
