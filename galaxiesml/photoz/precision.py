"""Where a network may compute in bf16: in convolutions alone.

bf16 has eight bits: it holds a magnitude of 22.4 to 0.125.  Tables, softmax and loss are computed in float32.
"""

from __future__ import annotations

import contextlib

import torch


def convolving(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """A context for convolutions: bf16 if that is the precision."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def exact(device: torch.device) -> contextlib.AbstractContextManager:
    """A context for all else: float32, whatever surrounds it."""
    return torch.autocast(device.type, enabled=False)
