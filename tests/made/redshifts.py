"""Galaxies with magnitudes that tell their redshifts, and the public tables that photo-z is measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from galaxiesml.photoz import Columns, Data, tables

#: RAIL's files, and the limits that stand for their non-detections.
DC2 = Columns(
    magnitudes="mag_{band}_lsst",
    errors="mag_err_{band}_lsst",
    redshift="redshift",
    object_id="id",
    split="",
    group="photometry",
    non_detection=99.0,
    limits={"u": 27.79, "g": 29.04, "r": 29.06, "i": 28.62, "z": 27.98, "y": 27.05},
)


def galaxies(count: int, bands: str = "grizy", seed: int = 0, noise: float = 0.02, missing: float = 0.0) -> Data:
    """A break that moves through the filters, one type of galaxy, and noise; identifiers of 17 digits."""
    rng = np.random.default_rng(seed)
    redshift = rng.gamma(3.0, 0.25, count)
    waves = np.linspace(0.48, 1.0, len(bands))
    past = (waves[None, :] / (1 + redshift[:, None]) - 0.4) / 0.04
    magnitudes = rng.normal(22, 1, (count, 1)) + 1.5 / (1 + np.exp(past)) - 0.8 * waves
    magnitudes += rng.normal(0, noise, magnitudes.shape)
    magnitudes[rng.random(magnitudes.shape) < missing] = np.nan
    split = rng.choice(["training", "validation", "testing"], count, p=[0.6, 0.2, 0.2]).astype(object)
    ids = 41_000_000_000_000_001 + rng.permutation(count).astype(np.int64)
    return Data(magnitudes, tuple(bands), ids, np.full_like(magnitudes, noise), redshift, split)


def dc2(folder: Path) -> tuple[Data, Data]:
    """The training file, 1,700 of whose rows validate, and the test file."""
    bands = tuple("ugrizy")
    training, test = (
        tables.read(folder / "dc2_photoz" / f"test_dc2_{name}_9816.hdf5", DC2, bands)
        for name in ("training", "validation")
    )
    split = np.full(len(training), "training", dtype=object)
    split[np.random.default_rng(3).permutation(len(training))[:1700]] = "validation"
    return replace(training, split=split), test


def hsc_colours(folder: Path) -> tuple[Data, Data]:
    """i and g - z of real galaxies at z from .01 to 4, as GalaxiesML has them; equal photometry is on one side.

    15,000 to train, of which 1,500 validate, and 40,000 to test.
    """
    import h5py

    with h5py.File(folder / "hsc_ratios_and_specz.hdf5") as file:
        i, colour, redshift = file["data/block0_values"][()].T
    known = np.isfinite(i) & np.isfinite(colour) & (redshift >= 0.01) & (redshift <= 4)
    photometry, redshift = np.column_stack([i, colour])[known].astype(np.float32), redshift[known]
    group = np.unique(photometry, axis=0, return_inverse=True)[1].ravel()
    rng = np.random.default_rng(3)
    # Rows in a random order of groups, so that each group is on one side.
    order = np.argsort(rng.permutation(group.max() + 1)[group], kind="stable")
    training, test = order[:15_000], order[15_000:]
    test = test[group[test] != group[training[-1]]][:40_000]
    split = np.full(15_000, "training", dtype=object)
    split[np.isin(group[training], group[training[-1500:]])] = "validation"
    bands = ("i", "g-z")
    return (
        Data(photometry[training], bands, redshift=redshift[training], split=split),
        Data(photometry[test], bands, redshift=redshift[test]),
    )
