"""`best`: the network of `table` joined with one that sees the pictures.

Pictures are asinh(counts / sky sigma).  The trunk's vector joins what the table gave; residual blocks read both, then
the heads of `table`.  Without pictures it is the same network on the same rows, so that the two can be compared.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from galaxiesml.photoz.augment import orientations
from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.network import Block, TableNetwork, fitted, softly
from galaxiesml.photoz.precision import convolving, exact
from galaxiesml.photoz.trunks import Trunk


def scaled(counts: Tensor, sky_sigma: Tensor) -> Tensor:
    """What the network sees of counts (n, bands, size, size) over a sky of sigma (n, bands)."""
    return torch.asinh(counts / sky_sigma[:, :, None, None])


class BestNetwork(TableNetwork):
    """One network of the ensemble.

    Parameters
    ----------
    config : Config
        Resolved: its trunk, size and precision are decided.
    bands, edges, has_bins
        As `TableNetwork` takes them.
    """

    augments = True

    def __init__(self, config: Config, bands: int, edges: np.ndarray, has_bins: bool):
        super().__init__(config, bands, edges, has_bins)
        self.precision, width = config.precision, config.width
        self.register_buffer("condition_center", torch.zeros(2 * bands))
        self.register_buffer("condition_scale", torch.ones(2 * bands))
        self.observed = nn.Linear(4 * bands, width)
        self.joined = nn.ModuleList(Block(width, config.dropout) for _ in range(config.blocks))
        self.sees = config.pictures
        # Last: without pictures the other layers begin with the same numbers.
        if self.sees:
            self.trunk = Trunk(config.trunk, bands, config.channels).to(memory_format=torch.channels_last)
            self.seen = nn.Sequential(nn.LayerNorm(self.trunk.features), nn.Linear(self.trunk.features, width))

    def begin(self, data: Data) -> None:
        super().begin(data)
        if data.conditions is not None:
            fitted(data.conditions, self.condition_center, self.condition_scale)

    def features(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        seen = None
        if self.sees:
            with convolving(batch.device, self.precision):
                seen = self.trunk(batch.pictures.float())
        with exact(batch.device):
            made = super().features(batch, generator) + self.observed(self._conditions(batch))
            if seen is not None:
                made = made + self.seen(seen.float())
            for block in self.joined:
                made = block(made, generator)
        return made

    def predict(self, batch: Batch, generator) -> dict[str, Tensor]:
        """The mean of the PDFs of the eight orientations of each picture."""
        if not self.sees:
            return super().predict(batch, generator)
        made = [self.pdf(replace(batch, pictures=turned)) for turned in orientations(batch.pictures)]
        return {"pdf": torch.stack(made).mean(dim=0)}

    def _conditions(self, batch: Batch) -> Tensor:
        """Widths of the PSF and extinctions, scaled, and which are known, (n, 4 * bands)."""
        if batch.conditions is None:
            return torch.zeros((len(batch), self.observed.in_features), device=batch.device)
        known = torch.isfinite(batch.conditions)
        values = softly(torch.where(known, batch.conditions, self.condition_center), self.condition_center,
                        self.condition_scale)  # fmt: skip
        return torch.cat([values, known.to(values.dtype)], dim=1)
