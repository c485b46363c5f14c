"""How often our morphology and Source Extractor's are equal, column by column, on the same pictures.

    python benchmarks/agreement.py                       # 600 simulated pictures, and the real ones where they are
    python benchmarks/agreement.py --pictures 60 --seed 7 --json agreement.json

Source Extractor 2.25 runs on each picture by itself with the corrected configuration; ours is background, detection,
the central object's shape and the counts of neighbours.  Both take the object nearest to the middle.  'Equal': within
a relative 1e-3, an angle within 0.1 degree, a magnitude within 0.001, a position within 0.001 pixel; counts and flags
exactly.  Objects that Source Extractor flags as split from another (2) stand apart: it gives their faint pixels to one
or the other by chance.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.morphology.injected import injected
from tests.morphology.reference import (
    PROGRAM,
    Agreement,
    agreement,
    real_pictures,
    reference,
)

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def shares(made: Agreement) -> dict:
    """Fractions of equal values, and times of one picture in milliseconds (medians)."""
    return {
        "pictures": len(made.seconds),
        "matched": len(made.blended),
        "blended": int(made.blended.sum()),
        "counts": {name: float(same.mean()) for name, same in made.pictures.items()},
        "columns": {
            name: {
                "all": float(same.mean()),
                "alone": _mean(same[~made.blended]),
                "blended": _mean(same[made.blended]),
            }
            for name, same in made.columns.items()
        },
        "ms": {
            "ours": float(np.median(made.seconds) * 1e3),
            "ours_mean": float(np.mean(made.seconds) * 1e3),
            "source_extractor": float(np.median(made.their_seconds) * 1e3),
        },
    }


def _mean(same: np.ndarray) -> float | None:
    return float(same.mean()) if len(same) else None


def markdown(title: str, found: dict) -> str:
    """The tables for the documentation."""
    percent = lambda share: "" if share is None else f"{100 * share:.1f}"  # noqa: E731
    lines = [
        f"## {title}",
        "",
        f"{found['pictures']} pictures; both find an object in {found['matched']}, {found['blended']} of them blended.",
        "",
        "| count | equal, % |",
        "|---|---|",
        *(f"| {name} | {percent(share)} |" for name, share in found["counts"].items()),
        "",
        f"| column | all, % | not blended ({found['matched'] - found['blended']}) | blended ({found['blended']}) |",
        "|---|---|---|---|",
        *(
            f"| {name} | {percent(row['all'])} | {percent(row['alone'])} | {percent(row['blended'])} |"
            for name, row in found["columns"].items()
        ),
        "",
        f"Ours {found['ms']['ours']:.1f} ms a picture (mean {found['ms']['ours_mean']:.1f}), "
        f"source-extractor {found['ms']['source_extractor']:.1f} ms (its process, columns without model).",
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=600, help="simulated ones")
    parser.add_argument("--seed", type=int, default=600)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of the real pictures")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    typed = parser.parse_args()
    if PROGRAM is None:
        sys.exit("Source Extractor is not installed: apt install source-extractor")
    sets = {"Simulated, 127 x 127, crowded": injected_pictures(typed.pictures, typed.seed)}
    real = real_pictures(typed.shared) if typed.shared.is_dir() else []
    if real:
        sets["Real, 64 x 64, Wide and Deep/UltraDeep"] = real
    else:
        print(f"No real pictures in {typed.shared}: left out.", file=sys.stderr)
    made = {title: shares(agreement(images, reference(images))) for title, images in sets.items()}
    for title, found in made.items():
        print(markdown(title, found))
    if typed.json:
        typed.json.write_text(json.dumps(made, indent=1) + "\n")


def injected_pictures(many: int, seed: int) -> np.ndarray:
    """Targets of magnitude 18 to 25, so that some are not found; nine neighbours on average."""
    return injected(many, seed, magnitudes=(18.0, 25.0), neighbours=9).images


if __name__ == "__main__":
    main()
