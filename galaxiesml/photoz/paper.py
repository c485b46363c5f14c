"""`paper-nn`: the paper's network on photometry, as its authors' code has it.

Four layers of 200 (ReLU), the input joined to their output again, one number out; magnitudes scaled to 0 to 1 by the
least and largest of training; the loss of Eq. 1, printed with (1 + z_phot).  It gives a point; its PDF is the
distribution of its residuals on validation.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.metrics import GAMMA

_LAYERS = 4


class MinMax(nn.Module):
    """Magnitudes scaled to 0 to 1 by the range of the training rows; a missing one becomes their median."""

    def __init__(self, bands: int):
        super().__init__()
        self.register_buffer("low", torch.zeros(bands))
        self.register_buffer("range", torch.ones(bands))
        self.register_buffer("middle", torch.zeros(bands))

    def fit(self, data: Data) -> None:
        for band, column in enumerate(data.magnitudes.T):
            known = column[np.isfinite(column)]
            if known.size:
                self.low[band], self.middle[band] = float(known.min()), float(np.median(known))
                self.range[band] = max(float(np.ptp(known)), 1e-3)

    def forward(self, magnitudes: Tensor) -> Tensor:
        return (torch.where(torch.isfinite(magnitudes), magnitudes, self.middle) - self.low) / self.range


class PaperNetwork(nn.Module):
    """122,006 parameters of five bands: four layers of 200, and 206 of the last."""

    schedule, betas, clip = "constant", (0.9, 0.999), None
    augments, is_random = False, False

    def __init__(self, config: Config, bands: int):
        super().__init__()
        self.inputs = MinMax(bands)
        sizes = [bands, *[config.width] * _LAYERS]
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in pairwise(sizes))
        self.last = nn.Linear(config.width + bands, 1)
        for layer in (*self.layers, self.last):
            # As Keras begins.
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def begin(self, data: Data) -> None:
        self.inputs.fit(data)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """The redshift, (n,)."""
        scaled = self.inputs(magnitudes)
        made = scaled
        for layer in self.layers:
            made = torch.relu(layer(made))
        return self.last(torch.cat([made, scaled], dim=1))[:, 0]

    def loss(self, batch: Batch, generator) -> Tensor:
        return loss(self(batch.magnitudes), batch.redshift)

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        point = self(batch.magnitudes)
        return loss(point, batch.redshift), point

    def predict(self, batch: Batch, generator) -> dict[str, Tensor]:
        return {"point": self(batch.magnitudes)}


def loss(point: Tensor, redshift: Tensor, width: Tensor | float | None = None) -> Tensor:
    """Eq. 1 of each row, with (1 + z_phot) where `width` is not given."""
    width = 1 + point if width is None else width
    return 1 - 1 / (1 + ((point - redshift) / (GAMMA * width)) ** 2)
