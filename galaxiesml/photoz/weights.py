"""Tensors and what is told of them, in safetensors files: nothing in one can run."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from galaxiesml.errors import InputError
from galaxiesml.system import atomic


def write_tensors(path: Path, tensors: dict[str, Tensor], told: dict | None = None) -> None:
    """Write a file at once; equal content gives equal bytes."""
    from safetensors.torch import save

    # Metadata of one key: safetensors writes several in no fixed order.
    ready = {name: value.detach().cpu().contiguous().clone() for name, value in sorted(tensors.items())}
    atomic.write_atomic(path, save(ready, metadata={"json": json.dumps(told or {}, sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict]:
    """The tensors of a file and what is told of them; every number must be finite.

    Raises
    ------
    InputError
        The file is absent, is no safetensors file (a pickle under its name, for example), or holds NaN.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {}).get("json", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.") from None
    except (SafetensorError, ValueError, OSError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as safetensors: {str(error)[:200]}.", "Fetch the run again, or train it again."
        ) from None
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(f"{path}: {name} holds values that are not finite.", "Fetch the run again.")
    if not isinstance(told, dict):
        raise InputError(f"{path}: its metadata is not an object.", "Fetch the run again.")
    return tensors, told
