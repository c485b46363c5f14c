"""Rows on the device: magnitudes, errors, redshifts, and pictures as a network sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from galaxiesml.errors import ResourceError
from galaxiesml.photoz.config import SMALLEST, Config
from galaxiesml.photoz.data import Data
from galaxiesml.system import interrupts, memory

#: Of free memory, what pictures may take: the rest is the network's, and what computing it holds.
_SHARE = 0.75
#: Rows that are judged or predicted at a time.
_ROWS, _ROWS_OF_PICTURES = 8192, 512
_BYTES = {"float16": 2, "float32": 4}


@dataclass(frozen=True)
class Batch:
    """Rows, each tensor with the same first axis.

    Attributes
    ----------
    magnitudes : Tensor (n, bands)
        NaN where missing.
    errors, redshift, conditions, weights : Tensor, optional
        As `Data` has them, float32.
    pictures : Tensor (n, bands, size, size), optional
        Scaled as the network takes them, all finite; float16 or float32.
    """

    magnitudes: Tensor
    errors: Tensor | None = None
    redshift: Tensor | None = None
    pictures: Tensor | None = None
    conditions: Tensor | None = None
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.magnitudes)

    def __getitem__(self, rows) -> Batch:
        """Some rows, by a slice or a tensor of numbers."""
        parts = {found.name: getattr(self, found.name) for found in fields(self)}
        return Batch(**{name: None if part is None else part[rows] for name, part in parts.items()})

    @property
    def device(self) -> torch.device:
        return self.magnitudes.device

    def parts(self) -> Iterator[Batch]:
        """All rows, as many at a time as a network takes without gradients."""
        rows = _ROWS if self.pictures is None else _ROWS_OF_PICTURES
        for at in range(0, len(self), rows):
            yield self[at : at + rows]

    def without(self, lost: Tensor) -> Batch:
        """The same without some bands of some rows, (n, bands): no magnitude, and no picture."""
        pictures = self.pictures
        if pictures is not None:
            pictures = torch.where(lost[:, :, None, None], torch.zeros_like(pictures[:1, :1, :1, :1]), pictures)
        return replace(self, magnitudes=torch.where(lost, torch.nan, self.magnitudes), pictures=pictures)


def resident(data: Data, config: Config, device: torch.device, scaled: Callable | None = None) -> Batch:
    """Bring rows to the device, their pictures block by block.

    Parameters
    ----------
    scaled : callable, optional
        ``scaled(counts, sky_sigma)`` gives what a network sees of counts (n, bands, size, size), in float32.
    """
    return Batch(
        magnitudes=torch.from_numpy(data.magnitudes).to(device),
        errors=_floats(data.errors, device),
        redshift=_floats(data.redshift, device),
        pictures=None if data.pictures is None or scaled is None else _pictures(data, config, device, scaled),
        conditions=_floats(data.conditions, device),
        weights=_floats(data.weights, device),
    )


def _floats(values: np.ndarray | None, device: torch.device) -> Tensor | None:
    return None if values is None else torch.from_numpy(values.astype(np.float32)).to(device)


def _pictures(data: Data, config: Config, device: torch.device, scaled: Callable) -> Tensor:
    """Pictures in the type in which they are kept; what is not finite is 0."""
    shape = (len(data), len(data.bands), config.size, config.size)
    made = torch.empty(shape, dtype=getattr(torch, config.stored), device=device)
    for at, block in data.pictures.blocks(config.size):
        counts = torch.from_numpy(block).to(device)
        sigma = sky_sigma(counts, data.pictures.sky_sigma, at)
        # Scaled in float32: counts overflow float16.
        made[at : at + len(block)] = torch.nan_to_num(scaled(counts, sigma), nan=0.0, posinf=0.0, neginf=0.0)
        interrupts.check()
    return made


def sky_sigma(counts: Tensor, known: np.ndarray | None, at: int = 0) -> Tensor:
    """The sky's standard deviation in counts, (n, bands): as it is known, else as neighbouring pixels differ.

    Parameters
    ----------
    counts : Tensor (n, bands, size, size)
    known : ndarray (all, bands), optional
        NaN where unknown.
    at : int
        The row of `known` where `counts` begin.

    Returns
    -------
    Tensor
        Positive; 1 where nothing can be measured, as in a picture of zeros.
    """
    given = None
    if known is not None:
        given = torch.from_numpy(np.asarray(known[at : at + len(counts)], np.float32)).to(counts.device)
        if bool((torch.isfinite(given) & (given > 0)).all()):
            return given
    # Differences hardly see a galaxy away from its middle.  Zeros are what frames are filled with.
    apart = counts[..., 1:] - counts[..., :-1]
    apart = torch.where((counts[..., 1:] == 0) & (counts[..., :-1] == 0), torch.nan, apart)
    quarter = counts.shape[-1] // 4
    apart[..., quarter:-quarter, quarter:-quarter] = torch.nan
    measured = torch.nanmedian(apart.abs().flatten(2), dim=2).values * (1.4826 / 2**0.5)
    measured = torch.where(torch.isfinite(measured) & (measured > 0), measured, 1.0)
    return measured if given is None else torch.where(torch.isfinite(given) & (given > 0), given, measured)


def needed_bytes(rows: int, bands: int, config: Config) -> int:
    """What the pictures of some galaxies take while a network is trained."""
    return rows * bands * config.size**2 * _BYTES[config.stored]


def free_bytes(device: torch.device) -> int:
    """Memory of the device that pictures may take."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.available_bytes()


def check_memory(rows: int, bands: int, config: Config, free: int, where: str) -> None:
    """Refuse what does not fit, before anything is read.

    Raises
    ------
    ResourceError
        Says how much is needed and free, and the largest size that fits.
    """
    needed, room = needed_bytes(rows, bands, config), _SHARE * free
    if needed <= room:
        return
    fits = int((room / max(needed, 1)) ** 0.5 * config.size) // 8 * 8
    hints = []
    if config.stored == "float32" and needed / 2 <= room:
        hints.append("--set stored=float16")
    if fits >= SMALLEST:
        hints.append(f"--set size={fits}")
    raise ResourceError(
        f"{rows:,} galaxies x {bands} pictures of {config.size} x {config.size} {config.stored} need "
        f"{needed / 1e9:.3g} GB; {room / 1e9:.3g} GB can be used of {free / 1e9:.3g} GB free on {where}.",
        f"Type: {' or '.join(hints)}" if hints else "Train on fewer galaxies, or on a machine with more memory.",
    )
