"""Convolutional networks that turn pictures into a vector: ResNet-18 with a strided stem, and a far smaller one.

Both are residual networks that normalise before they convolve (He et al. 2016b), by groups of channels of one picture:
a batch's other pictures do not matter, so nothing differs between training and use, and averaged weights are whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Blocks of each stage, and its channels in units of the first layer's.
STAGES = {"small": ((1, 1), (1, 2), (1, 3)), "resnet18": ((2, 1), (2, 2), (2, 4), (2, 8))}
#: asinh(counts / sigma) of bright pixels is about 8: divided by this, about 3.
_SCALE = 3.0
_PER_GROUP = 8


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside the way straight on."""

    def __init__(self, given: int, channels: int, stride: int):
        super().__init__()
        self.before = nn.GroupNorm(given // _PER_GROUP, given)
        self.first = nn.Conv2d(given, channels, 3, stride, 1, bias=False)
        self.between = nn.GroupNorm(channels // _PER_GROUP, channels)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.straight = nn.Conv2d(given, channels, 1, bias=False) if stride > 1 or given != channels else None
        self.stride = stride
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        # Each block begins as the way straight on.
        nn.init.zeros_(self.second.weight)

    def forward(self, values: Tensor) -> Tensor:
        made = self.first(functional.silu(self.before(values)))
        made = self.second(functional.silu(self.between(made)))
        if self.straight is None:
            return values + made
        if self.stride > 1:
            values = functional.avg_pool2d(values, self.stride)
        return self.straight(values) + made


class Trunk(nn.Module):
    """A 4 x 4 stem of stride 2 and residual stages, pooled over the picture and over its central quarter.

    Parameters
    ----------
    name : str
        'small' or 'resnet18'.
    bands, channels : int
        Of the pictures, and of the stem: a multiple of 8.
    """

    def __init__(self, name: str, bands: int, channels: int):
        super().__init__()
        self.stem = nn.Conv2d(bands, channels, 4, 2, 1)
        given, blocks = channels, []
        # The small one halves at once: most of the work is in the first stage.
        for place, (count, times) in enumerate(STAGES[name]):
            for number in range(count):
                stride = 2 if number == 0 and (place > 0 or name == "small") else 1
                blocks.append(Residual(given, channels * times, stride))
                given = channels * times
        self.blocks = nn.ModuleList(blocks)
        self.features = 2 * given

    def forward(self, pictures: Tensor) -> Tensor:
        """A vector of each picture, (n, features)."""
        values = (pictures / _SCALE).contiguous(memory_format=torch.channels_last)
        values = functional.silu(self.stem(values))
        for block in self.blocks:
            values = block(values)
        values = functional.silu(values)
        side = values.shape[2]
        middle = slice(side // 4, side - side // 4)
        return torch.cat([values.mean(dim=(2, 3)), values[:, :, middle, middle].mean(dim=(2, 3))], dim=1)
