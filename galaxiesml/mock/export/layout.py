"""Lay out an export: stripes of a thousand spectra, their random numbers, the rows of each fault.

A stripe is made of its own random numbers, so that no row depends on how many stripes are made at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from galaxiesml.mock import MOCK_VERSION
from galaxiesml.mock.export import population, spectra
from galaxiesml.mock.export.faults import Fault

#: Spectra in a stripe; every whole stripe has every fault.
STRIPE = 1000
#: At most this many objects per spectrum; further objects are at the end, without spectra.
SPARSEST = 100
_BATCH_ROWS = 1 << 17


@dataclass(frozen=True)
class Stripe:
    """Rows and spectra, each from first to before last; only a whole one has faults."""

    number: int
    rows: tuple[int, int]
    spectra: tuple[int, int]

    @property
    def is_whole(self) -> bool:
        return self.spectra[1] - self.spectra[0] == STRIPE


@dataclass(frozen=True)
class Layout:
    """An export's rows (objects and spectra joined) and those of them that have a spectrum, spread evenly."""

    rows: int
    spectra: int
    seed: int

    @property
    def spread(self) -> int:
        """Rows before the last spectrum."""
        return min(self.rows, SPARSEST * self.spectra)

    def row_of(self, spectrum):
        """The row, from 0, of a spectrum's number; of an array of them too."""
        return -((spectrum + 1) * -self.spread // self.spectra) - 1

    def stripes(self) -> Iterator[Stripe]:
        number, start = 0, 0
        for first in range(0, self.spectra, STRIPE):
            last = min(first + STRIPE, self.spectra)
            stop = int(self.row_of(last - 1)) + 1
            yield Stripe(number, (start, stop), (first, last))
            number, start = number + 1, stop
        while start < self.rows:
            stop = min(start + SPARSEST * STRIPE, self.rows)
            yield Stripe(number, (start, stop), (self.spectra, self.spectra))
            number, start = number + 1, stop

    def batches(self) -> Iterator[list[Stripe]]:
        """Consecutive stripes, as many as are worth a batch."""
        batch: list[Stripe] = []
        for stripe in self.stripes():
            batch.append(stripe)
            if stripe.rows[1] - batch[0].rows[0] >= _BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch


@dataclass
class Random:
    """The random numbers of a batch.

    Attributes
    ----------
    objects : population.Draws
    normal, uniform : ndarray, shape (spectra.NORMALS or spectra.UNIFORMS + 1, n)
        For its spectra; the last uniform one is for the faults.
    slots : ndarray of int64, shape (whole stripes, STRIPE)
        Numbers of the spectra of each whole stripe, from the batch's first, in random order.
    """

    objects: population.Draws
    normal: np.ndarray
    uniform: np.ndarray
    slots: np.ndarray


def draw(layout: Layout, batch: list[Stripe], n_bands: int) -> Random:
    first = batch[0].spectra[0]
    parts: tuple[list, ...] = ([], [], [], [])
    slots = []
    for stripe in batch:
        generator = np.random.default_rng(np.random.SeedSequence([MOCK_VERSION, layout.seed, stripe.number]))
        n, m = stripe.rows[1] - stripe.rows[0], stripe.spectra[1] - stripe.spectra[0]
        parts[0].append(generator.standard_normal((population.NORMALS + n_bands, n)))
        parts[1].append(generator.random((population.UNIFORMS, n)))
        parts[2].append(generator.standard_normal((spectra.NORMALS, m)))
        parts[3].append(generator.random((spectra.UNIFORMS + 1, m)))
        if stripe.is_whole:
            slots.append(generator.permutation(STRIPE) + (stripe.spectra[0] - first))
    normal, uniform, spec_normal, spec_uniform = (np.concatenate(part, axis=1) for part in parts)
    slots = np.array(slots, np.int64).reshape(-1, STRIPE)
    return Random(population.Draws(normal, uniform), spec_normal, spec_uniform, slots)


def places(slots: np.ndarray, faults: tuple[Fault, ...]) -> Iterator[tuple[Fault, np.ndarray, np.ndarray]]:
    """Each fault, its spectra in file order, shape (rows of the fault, copies), and the copies' numbers."""
    start = 0
    for fault in faults:
        size = len(fault.rows)
        taken = slots[:, start : start + fault.copies * size].reshape(-1, size)
        start += fault.copies * size
        yield fault, np.sort(taken, axis=1).T, np.tile(np.arange(fault.copies), len(slots))
