"""`bnn`: variational dense layers to a normal distribution (Jones et al. 2022, 2024).

Every weight is a normal variable; training weighs the likelihood of the redshifts against the distance of the weights
from a prior.  Draws of the weights tell what the network does not know (epistemic), the width of its normal what the
magnitudes do not say (aleatoric).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.paper import MinMax

_LAYERS = 4
#: The width of weights at the start (its logarithm), and the least width of the normal in redshift.
_START, _NARROWEST = -5.0, 0.002
#: Draws of the weights by which an epoch is judged.
_JUDGED = 8


class VariationalLinear(nn.Module):
    """A dense layer whose weights are independent normal variables; prior: a normal of variance 1 / inputs."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.mean = nn.Parameter(torch.empty(outputs, inputs))
        self.log_sigma = nn.Parameter(torch.full((outputs, inputs), _START))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.prior = math.sqrt(2 / inputs)
        nn.init.kaiming_normal_(self.mean, nonlinearity="relu")

    def forward(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """By the sum of the weights' noise at each output, drawn for each row (local reparametrisation)."""
        mean = functional.linear(values, self.mean, self.bias)
        variance = functional.linear(values**2, torch.exp(2 * self.log_sigma))
        noise = torch.randn(mean.shape, generator=generator, device=mean.device)
        return mean + torch.sqrt(variance + 1e-12) * noise

    def drawn(self, values: Tensor, generator: torch.Generator) -> Tensor:
        """By one draw of the weights for all rows."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return functional.linear(values, self.mean + torch.exp(self.log_sigma) * noise, self.bias)

    def divergence(self) -> Tensor:
        """Kullback-Leibler divergence of the weights from their prior."""
        ratio = torch.exp(2 * self.log_sigma) / self.prior**2
        return 0.5 * (ratio + (self.mean / self.prior) ** 2 - 1 - torch.log(ratio)).sum()


class BayesianNetwork(nn.Module):
    """Magnitudes -> four variational layers of 200 -> mean and scale of a normal in redshift."""

    schedule, betas, clip = "one-cycle", (0.9, 0.98), 10.0
    augments, is_random = False, True

    def __init__(self, config: Config, bands: int, edges: np.ndarray):
        super().__init__()
        self.samples, self.prior_weight = config.samples, config.prior_weight
        self.inputs = MinMax(bands)
        sizes = [2 * bands, *[config.width] * _LAYERS]
        self.layers = nn.ModuleList(VariationalLinear(*pair) for pair in pairwise(sizes))
        self.last = nn.Linear(config.width, 2)
        self.register_buffer("edges", torch.as_tensor(edges, dtype=torch.float32))
        self.register_buffer("rows", torch.ones(()))

    def begin(self, data: Data) -> None:
        self.inputs.fit(data)
        self.rows.fill_(len(data))
        with torch.no_grad():
            self.last.weight *= 0.1
            self.last.bias[0] = float(np.median(data.redshift))
            self.last.bias[1] = math.log(max(float(np.std(data.redshift)), 0.01))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Minus the evidence's lower bound, a row; below a weight of 1 the prior counts less (a cold posterior)."""
        mean, sigma = self._normal(batch.magnitudes, generator, VariationalLinear.forward)
        divergence = sum(layer.divergence() for layer in self.layers) / self.rows
        return _surprise(mean, sigma, batch.redshift) + self.prior_weight * divergence

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        generator = torch.Generator(batch.device).manual_seed(0)
        drawn = [self._normal(batch.magnitudes, generator, VariationalLinear.drawn) for _ in range(_JUDGED)]
        logs = torch.stack([-_surprise(mean, sigma, batch.redshift) for mean, sigma in drawn])
        return math.log(_JUDGED) - torch.logsumexp(logs, 0), torch.stack([mean for mean, _ in drawn]).mean(dim=0)

    def predict(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The mean of the normals over draws of the weights, and its two sigmas in redshift."""
        drawn = [self._normal(batch.magnitudes, generator, VariationalLinear.drawn) for _ in range(self.samples)]
        means = torch.stack([mean for mean, _ in drawn])
        variance = torch.stack([sigma**2 for _, sigma in drawn]).mean(dim=0)
        cdf = sum(torch.special.ndtr((self.edges - mean[:, None]) / sigma[:, None]) for mean, sigma in drawn)
        pdf = cdf.diff(dim=1).clamp_min(0) + 1e-9
        return {
            "pdf": pdf / pdf.sum(dim=1, keepdim=True),
            "point": means.mean(dim=0),
            "epistemic": means.std(dim=0, correction=0),
            "aleatoric": torch.sqrt(variance),
        }

    def _normal(self, magnitudes: Tensor, generator: torch.Generator, apply) -> tuple[Tensor, Tensor]:
        known = torch.isfinite(magnitudes).to(magnitudes.dtype)
        values = torch.cat([4 * self.inputs(magnitudes) - 2, known], dim=1)
        for layer in self.layers:
            values = torch.relu(apply(layer, values, generator))
        mean, width = self.last(values).unbind(dim=1)
        return mean, torch.exp(width.clamp(-10, 3)) + _NARROWEST


def _surprise(mean: Tensor, sigma: Tensor, redshift: Tensor) -> Tensor:
    return 0.5 * ((redshift - mean) / sigma) ** 2 + torch.log(sigma) + 0.5 * math.log(2 * math.pi)
