"""`table`: a residual network on magnitudes and colours, with a head of bins or of a mixture of normals."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from galaxiesml.photoz.batches import Batch
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data

#: Scaled inputs are clipped softly towards this.
_CLIP = 3.0
#: The least width of a normal of a mixture, in ln(1 + z).
_NARROWEST = 0.003
_ROOT_2 = math.sqrt(2.0)


def fitted(values: np.ndarray, center: Tensor, scale: Tensor) -> None:
    """Fill in the medians of columns, (n, columns), and the distances of their quartiles; NaN is left out."""
    for column in range(values.shape[1]):
        known = values[np.isfinite(values[:, column]), column]
        low, middle, high = np.quantile(known, [0.25, 0.5, 0.75]) if known.size else (0.0, 0.0, 1.0)
        center[column] = float(middle)
        scale[column] = float(max((high - low) / 1.35, 1e-3))


def softly(values: Tensor, center: Tensor, scale: Tensor) -> Tensor:
    """Values in units of the scale, clipped softly."""
    scaled = (values - center) / scale
    return scaled * torch.rsqrt(1 + (scaled / _CLIP) ** 2)


class Inputs(nn.Module):
    """Magnitudes, colours of neighbouring bands and (if asked for) errors, scaled; what is missing is 0 and masked."""

    def __init__(self, bands: int, colours: bool, errors: bool):
        super().__init__()
        self.colours, self.errors = colours and bands > 1, errors
        self.count = bands + (bands - 1) * self.colours + bands * errors
        self.register_buffer("center", torch.zeros(self.count))
        self.register_buffer("scale", torch.ones(self.count))

    def fit(self, magnitudes: Tensor, errors: Tensor | None) -> None:
        """Centre on the medians of the training rows, and scale by the distance of their quartiles."""
        fitted(self._values(magnitudes, errors).cpu().double().numpy(), self.center, self.scale)

    def forward(self, magnitudes: Tensor, errors: Tensor | None) -> tuple[Tensor, Tensor]:
        values = self._values(magnitudes, errors)
        known = torch.isfinite(values)
        scaled = softly(torch.where(known, values, self.center), self.center, self.scale)
        return scaled, known.to(scaled.dtype)

    def _values(self, magnitudes: Tensor, errors: Tensor | None) -> Tensor:
        parts = [magnitudes]
        if self.colours:
            parts.append(magnitudes[:, :-1] - magnitudes[:, 1:])
        if self.errors:
            missing = torch.full_like(magnitudes, torch.nan)
            parts.append(missing if errors is None else torch.log(errors))
        return torch.cat(parts, dim=1)


class Embedding(nn.Module):
    """Each input as a few values: periodic functions of it, and itself, through a layer of its own."""

    def __init__(self, inputs: int, frequencies: int, size: int):
        super().__init__()
        self.frequency = nn.Parameter(torch.randn(inputs, frequencies) * 0.3)
        terms = 2 * frequencies + 1
        self.weight = nn.Parameter(torch.randn(inputs, terms, size) / math.sqrt(terms))
        self.bias = nn.Parameter(torch.zeros(inputs, size))

    def forward(self, values: Tensor, known: Tensor) -> Tensor:
        angle = 2 * math.pi * values[:, :, None] * self.frequency
        terms = torch.cat([values[:, :, None], torch.cos(angle), torch.sin(angle)], dim=2)
        made = torch.einsum("nft,fts->nfs", terms, self.weight) + self.bias
        return (functional.silu(made) * known[:, :, None]).flatten(1)


class Block(nn.Module):
    def __init__(self, width: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.first = nn.Linear(width, 2 * width)
        self.second = nn.Linear(2 * width, width)
        self.dropout = dropout
        nn.init.zeros_(self.second.weight)

    def forward(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        made = functional.silu(self.first(self.norm(values)))
        if self.dropout and generator is not None:
            kept = torch.rand(made.shape, generator=generator, device=made.device) >= self.dropout
            made = made * kept / (1 - self.dropout)
        return values + self.second(made)


class TableNetwork(nn.Module):
    """One network of the ensemble.

    Parameters
    ----------
    config : Config
    bands : int
    edges : ndarray
        Of the grid, in redshift.
    has_bins : bool
        Whether its head gives the grid's bins; else a mixture of normals in ln(1 + z).
    """

    schedule, betas, clip = "one-cycle", (0.9, 0.98), 10.0
    augments = False

    def __init__(self, config: Config, bands: int, edges: np.ndarray, has_bins: bool):
        super().__init__()
        self.is_random = config.dropout > 0
        self.has_bins, self.crps_weight, self.label_width = has_bins, config.crps_weight, config.label_width
        self.inputs = Inputs(bands, config.colours, config.use_errors)
        self.embedding = Embedding(self.inputs.count, config.frequencies, config.embedding)
        self.enter = nn.Linear(self.inputs.count * (config.embedding + 1), config.width)
        self.blocks = nn.ModuleList(Block(config.width, config.dropout) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.z_bins if has_bins else 3 * config.mixtures)
        self.register_buffer("edges", torch.as_tensor(np.log1p(edges), dtype=torch.float32))

    def begin(self, data: Data) -> None:
        """Fit what is not trained to the training rows: scales, and where the heads start."""
        errors = None if data.errors is None else torch.from_numpy(data.errors)
        self.inputs.fit(torch.from_numpy(data.magnitudes), errors)
        labels = np.log1p(data.redshift)
        with torch.no_grad():
            self.head.weight *= 0.1
            if self.has_bins:
                counts = np.histogram(labels, self.edges.numpy(), weights=data.weights)[0] + 0.5
                self.head.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
            else:
                count = self.head.out_features // 3
                self.head.bias[:count] = 0.0
                self.head.bias[count : 2 * count] = torch.from_numpy(
                    np.quantile(labels, (np.arange(count) + 0.5) / count)
                ).float()
                self.head.bias[2 * count :] = math.log(max(float(np.std(labels)), 0.01) / 2)

    def loss(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """Of each row, the cross entropy (of a mixture: minus the log-likelihood) and weighed CRPS."""
        made, label = self._head(batch, generator), torch.log1p(batch.redshift)
        if self.has_bins:
            log_pdf = functional.log_softmax(made, dim=1)
            log_likelihood = (self._smoothed(label) * log_pdf).sum(dim=1)
            return self.crps_weight * self._crps(log_pdf.exp(), label) - log_likelihood
        weights, mean, sigma = self._normals(made)
        squares = ((label[:, None] - mean) / sigma) ** 2
        log_likelihood = torch.logsumexp(torch.log_softmax(weights, 1) - torch.log(sigma) - squares / 2, dim=1)
        crps = _mixture_crps(torch.softmax(weights, 1), mean, sigma, label)
        return self.crps_weight * crps - log_likelihood

    def judge(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """For each validation row: the loss by which an epoch is chosen, on the grid, and the median redshift."""
        pdf, label = self.pdf(batch), torch.log1p(batch.redshift)
        place = torch.clamp(torch.searchsorted(self.edges, label) - 1, 0, pdf.shape[1] - 1)
        likelihood = pdf.gather(1, place[:, None])[:, 0].clamp_min(1e-7)
        middle = (pdf.cumsum(dim=1) < 0.5).sum(dim=1).clamp_max(pdf.shape[1] - 1)
        median = torch.expm1((self.edges[middle] + self.edges[middle + 1]) / 2)
        return self.crps_weight * self._crps(pdf, label) - torch.log(likelihood), median

    def pdf(self, batch: Batch) -> Tensor:
        """Probabilities of the grid's bins, (n, bins)."""
        made = self._head(batch, None)
        if self.has_bins:
            return torch.softmax(made, dim=1)
        weights, mean, sigma = self._normals(made)
        distance = (self.edges[None, :, None] - mean[:, None]) / (sigma[:, None] * _ROOT_2)
        cdf = (torch.softmax(weights, 1)[:, None] * (0.5 + 0.5 * torch.erf(distance))).sum(dim=2)
        return _normalised(cdf.diff(dim=1).clamp_min(0))

    def predict(self, batch: Batch, generator) -> dict[str, Tensor]:
        return {"pdf": self.pdf(batch)}

    def features(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        """What the head reads, (n, width)."""
        values, known = self.inputs(batch.magnitudes, batch.errors)
        made = self.enter(torch.cat([self.embedding(values, known), known], dim=1))
        for block in self.blocks:
            made = block(made, generator)
        return made

    def _head(self, batch: Batch, generator: torch.Generator | None) -> Tensor:
        return self.head(self.norm(self.features(batch, generator)))

    def _normals(self, made: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights, mean, width = made.chunk(3, dim=1)
        return weights, mean, torch.exp(width.clamp(-12, 3)) + _NARROWEST

    def _smoothed(self, label: Tensor) -> Tensor:
        """Labels as probabilities of the bins: a normal about the true redshift."""
        inside = label.clamp(self.edges[0], self.edges[-1])
        distance = (self.edges - inside[:, None]) / (self.label_width * _ROOT_2)
        return _normalised(torch.erf(distance).diff(dim=1))

    def _crps(self, pdf: Tensor, label: Tensor) -> Tensor:
        """The integral of (CDF - step)^2 over ln(1 + z), by the CDF in the middle of each bin."""
        widths = self.edges.diff()
        middle = pdf.cumsum(dim=1) - pdf / 2
        # The share of each bin that lies above the true redshift.
        above = ((self.edges[1:] - label[:, None]) / widths).clamp(0, 1)
        return (widths * (middle**2 - 2 * middle * above + above)).sum(dim=1)


def _normalised(pdf: Tensor) -> Tensor:
    pdf = pdf + 1e-9
    return pdf / pdf.sum(dim=1, keepdim=True)


def _mixture_crps(weights: Tensor, mean: Tensor, sigma: Tensor, label: Tensor) -> Tensor:
    """CRPS of a mixture of normals (Grimit et al. 2006, eq. 5)."""
    alone = (weights * _distance(label[:, None] - mean, sigma)).sum(dim=1)
    both = _distance(mean[:, :, None] - mean[:, None], torch.sqrt(sigma[:, :, None] ** 2 + sigma[:, None] ** 2))
    return alone - 0.5 * (weights[:, :, None] * weights[:, None] * both).sum(dim=(1, 2))


def _distance(mean: Tensor, sigma: Tensor) -> Tensor:
    """The mean of the absolute value of a normal variable."""
    scaled = mean / sigma
    density = torch.exp(-(scaled**2) / 2) / math.sqrt(2 * math.pi)
    return mean * torch.erf(scaled / _ROOT_2) + 2 * sigma * density
