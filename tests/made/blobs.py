"""Galaxies whose redshift only their pictures tell, and files of them in the released layout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

from galaxiesml.photoz import Data
from galaxiesml.photoz.pictures import Pictures

BANDS = tuple("grizy")
#: Counts of the sky.
SKY = 0.05


def blobs(count: int, size: int = 64, seed: int = 0) -> Data:
    """A round Gaussian in each picture, the narrower the farther; magnitudes tell its flux, and little of redshift.

    Its axis ratio and place are random.  The sky's sigma is known.
    """
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    width = 4.5 / (1 + redshift) ** 1.2
    magnitudes = 21 + redshift[:, None] * 0.3 + rng.normal(0, 0.4, (count, 1)) + rng.normal(0, 0.02, (count, 5))
    flux = 10 ** (-0.4 * (magnitudes - 27))
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2.0
    at = rng.uniform(-1.5, 1.5, (2, count, 1, 1))
    angle, ratio = rng.uniform(0, np.pi, count), rng.uniform(0.6, 1, count)[:, None, None]
    cos, sin = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    along = (columns - at[0]) * cos + (rows - at[1]) * sin
    across = (rows - at[1]) * cos - (columns - at[0]) * sin
    shape = np.exp(-0.5 * (along**2 * ratio + across**2 / ratio) / width[:, None, None] ** 2)
    shape /= 2 * np.pi * width[:, None, None] ** 2
    counts = flux[:, :, None, None] * shape[:, None] + rng.normal(0, SKY, (count, 5, size, size))
    split = rng.choice(["training", "validation", "testing"], count, p=[0.6, 0.2, 0.2]).astype(object)
    return Data(
        magnitudes,
        BANDS,
        41_000_000_000_000_001 + np.arange(count),
        np.full((count, 5), 0.02),
        redshift,
        split,
        pictures=Pictures.of(counts.astype(np.float32), np.full((count, 5), SKY, np.float32)),
    )


def shuffled(data: Data, seed: int = 1) -> Data:
    """The same galaxies, each with the picture of another."""
    order = np.random.default_rng(seed).permutation(len(data))
    return replace(data, pictures=data.pictures.take(order))


def write(data: Data, folder: Path, splits=("training", "validation", "testing"), **more: np.ndarray) -> list[Path]:
    """Files in the released layout, one a split; `more` are further columns of all rows."""
    paths = []
    for split in splits:
        rows = np.flatnonzero(data.split == split)
        part = data.take(rows)
        size = part.pictures.side
        path = folder / f"5x{size}x{size}_{split}.hdf5"
        with h5py.File(path, "w") as file:
            file["image"] = part.pictures.read(size)
            file["object_id"], file["specz_redshift"] = part.object_id, part.redshift
            for place, band in enumerate(part.bands):
                file[f"{band}_cmodel_mag"] = part.magnitudes[:, place].astype(np.float64)
                file[f"{band}_cmodel_magsigma"] = part.errors[:, place].astype(np.float64)
            for name, values in more.items():
                file[name] = values[rows]
        paths.append(path)
    return paths
