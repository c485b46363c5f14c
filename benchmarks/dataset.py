"""How fast does the package's PyTorch data set read rows?

    python benchmarks/dataset.py                  # 3,000 galaxies of 5 x 64 x 64 pixels, 0.25 GB, made here
    python benchmarks/dataset.py FILE.hdf5        # of a file that galaxiesml export hdf5 wrote

GalaxiesDataset, with and without normalising, is held against h5py whose datasets are looked up once, against h5py that
looks them up for every row, and against NumPy on the bytes of a contiguous dataset, which is as fast as reading can
be.  Rows in random order, one process, the file in the page cache; the best of five rounds in turn.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import torch

from galaxiesml.loader import GalaxiesDataset

ROWS, ROUNDS = 3_000, 5


class Plain:
    """Opens the file and each dataset once, and reads rows with h5py."""

    def __init__(self, path: Path):
        file = h5py.File(path)
        self.image, self.redshift = file["image"], file["specz_redshift"]

    def __getitem__(self, row: int):
        return torch.from_numpy(self.image[row]), torch.tensor(self.redshift[row], dtype=torch.float32)


class Packaged:
    """The package's, as the others give a row."""

    normalise: object = False

    def __init__(self, path: Path):
        self.data = GalaxiesDataset(path, normalise=self.normalise)

    def __getitem__(self, row: int):
        found = self.data[row]
        return found["image"], found["specz_redshift"]


class Normalised(Packaged):
    normalise = ([0.0] * 5, [1.0] * 5)


class LooksUp:
    """Opens the file once, and each dataset for every row."""

    def __init__(self, path: Path):
        self.file = h5py.File(path)

    def __getitem__(self, row: int):
        image = torch.from_numpy(self.file["image"][row])
        return image, torch.tensor(self.file["specz_redshift"][row], dtype=torch.float32)


class Bytes:
    """Maps the file's bytes."""

    def __init__(self, path: Path):
        with h5py.File(path) as file:
            self.image, self.redshift = (
                np.memmap(path, of.dtype, "r", of.id.get_offset(), of.shape)
                for of in (file["image"], file["specz_redshift"])
            )

    def __getitem__(self, row: int):
        return torch.from_numpy(self.image[row].copy()), torch.tensor(self.redshift[row], dtype=torch.float32)


def make(path: Path) -> Path:
    draw = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        file["image"] = draw.normal(size=(ROWS, 5, 64, 64)).astype(np.float32)
        file["specz_redshift"] = draw.uniform(0, 2, ROWS)
        file["object_id"] = np.arange(ROWS)
        # As many keys as a released file has: a name is looked up among them.
        for number in range(80):
            file[f"key_{number:02d}"] = np.zeros(ROWS)
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, nargs="?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dataset-") as folder:
        path = options.file or make(Path(folder) / "made.hdf5")
        readers = {"h5py": Plain, "h5py, looked up a row": LooksUp, "GalaxiesDataset": Packaged}
        readers |= {"GalaxiesDataset, normalising": Normalised, "mapped bytes": Bytes}
        opened = {name: reader(path) for name, reader in readers.items()}
        with h5py.File(path) as file:
            rows = np.random.default_rng(2).permutation(len(file["image"]))[:ROWS].tolist()
        best = dict.fromkeys(opened, float("inf"))
        for _ in range(ROUNDS):
            for name, reader in opened.items():
                start = time.perf_counter()
                total = sum(float(reader[row][1]) for row in rows)
                best[name] = min(best[name], time.perf_counter() - start)
                assert np.isfinite(total)
        for row in rows[:50]:
            pictures = [reader[row][0] for reader in opened.values()]
            assert all(torch.equal(pictures[0], picture) for picture in pictures)
    for name, seconds in best.items():
        ratio = seconds / best["h5py"]
        print(f"{name:30} {1e6 * seconds / len(rows):8.0f} us a row {ratio:6.2f} x the time of h5py")
    return 0


if __name__ == "__main__":
    sys.exit(main())
