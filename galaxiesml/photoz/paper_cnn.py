"""`paper-cnn`: the paper's network on pictures and photometry, as its authors' code has it, or as its text says.

The code: five blocks of a 3 x 3 convolution (tanh) and a pooling, two 3 x 3 convolutions of 512 (ReLU), dense layers of
512, 128 and 32 (tanh); magnitudes as they are through six dense layers of 200 (ReLU); both joined, one number out.
Pictures are counts / 255; the loss is Eq. 1 without (1 + z).

The text (Do et al. 2024, sec. 11) says 3 x 4 kernels, Eq. 1 with (1 + z_phot), and that the joined network goes through
three dense layers: those of 512, 128 and 32 here come after the photometry has joined, and one number follows.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.paper import loss
from galaxiesml.photoz.precision import convolving

_POOLED, _LAST = (32, 64, 128, 256, 256), (512, 512)
_DENSE, _MAGNITUDES = (512, 128, 32), 6


def scaled(counts: Tensor, sky_sigma: Tensor) -> Tensor:
    """What the network sees of counts (n, bands, size, size); the sky's level is not looked at."""
    return counts / 255


class PaperPictures(nn.Module):
    """7,151,073 parameters at 127 pixels and five bands, 5,840,353 at 64."""

    schedule, betas, clip = "constant", (0.9, 0.999), None
    augments, is_random = False, False

    def __init__(self, config: Config, bands: int):
        super().__init__()
        self.is_text, self.precision = config.variant == "text", config.precision
        # Pooling leaves out an odd last row, as Keras' 'valid' does.
        left = config.size >> len(_POOLED)
        flat = left * left * _LAST[-1]
        kernel = (3, 4) if self.is_text else (3, 3)
        self.convolutions = nn.ModuleList(nn.Conv2d(*pair, kernel) for pair in pairwise([bands, *_POOLED, *_LAST]))
        self.magnitudes = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([bands, *[config.width] * _MAGNITUDES]))
        joined = config.width if self.is_text else 0
        self.dense = nn.ModuleList(nn.Linear(*pair) for pair in pairwise([flat + joined, *_DENSE]))
        self.last = nn.Linear(_DENSE[-1] + config.width - joined, 1)
        self.register_buffer("middle", torch.zeros(bands))
        for layer in (*self.convolutions, *self.magnitudes, *self.dense, self.last):
            # As Keras begins.
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def begin(self, data: Data) -> None:
        """A missing magnitude becomes the median of training; the authors' data had none."""
        for band, column in enumerate(data.magnitudes.T):
            known = column[np.isfinite(column)]
            self.middle[band] = float(np.median(known)) if known.size else 0.0

    def forward(self, batch: Batch) -> Tensor:
        """The redshift, (n,)."""
        magnitudes = torch.where(torch.isfinite(batch.magnitudes), batch.magnitudes, self.middle)
        for layer in self.magnitudes:
            magnitudes = torch.relu(layer(magnitudes))
        seen = self._seen(batch.pictures)
        if self.is_text:
            seen = torch.cat([seen, magnitudes], dim=1)
        for layer in self.dense:
            seen = torch.tanh(layer(seen))
        return self.last(seen if self.is_text else torch.cat([seen, magnitudes], dim=1))[:, 0]

    def loss(self, batch: Batch, generator) -> Tensor:
        return self._losses(self(batch), batch.redshift)

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        point = self(batch)
        return self._losses(point, batch.redshift), point

    def predict(self, batch: Batch, generator) -> dict[str, Tensor]:
        return {"point": self(batch)}

    def _seen(self, pictures: Tensor) -> Tensor:
        """The pictures after the convolutions, (n, flat), float32."""
        made = pictures.float()
        with convolving(made.device, self.precision):
            for place, layer in enumerate(self.convolutions):
                # As 'same' pads in Keras: an even kernel has one more pixel after than before.
                made = layer(functional.pad(made, (1, 2, 1, 1) if self.is_text else (1, 1, 1, 1)))
                made = functional.max_pool2d(torch.tanh(made), 2) if place < len(_POOLED) else torch.relu(made)
        return made.float().flatten(1)

    def _losses(self, point: Tensor, redshift: Tensor) -> Tensor:
        return loss(point, redshift) if self.is_text else loss(point, redshift, 1.0)
