"""What a training knows between two epochs, as one file that appears at once."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.weights import read_tensors, write_tensors

#: How many times longer than writing the state training lasts until it is written again.
_TIMES = 20


@dataclass
class Member:
    """One trained network: weights by epoch, and the epoch chosen on all validation rows (last) or without a fold."""

    weights: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    chosen: list[int] = field(default_factory=list)


@dataclass
class State:
    """All that the loop knows between two epochs."""

    members: list[Member] = field(default_factory=list)
    curve: list[dict] = field(default_factory=list)
    #: The member in progress: losses of the folds by epoch, weights, moving average, the optimizer's moments.
    scores: list[list[float]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)


def best(scores: list[list[float]]) -> list[int]:
    """The epoch of the least loss without each fold, and (last) of all."""
    table = np.array(scores)
    without = np.column_stack([table.sum(axis=1, keepdims=True) - table, table.sum(axis=1)])
    return [int(best) for best in without.argmin(axis=0)]


def kept(member: Member, network, optimizer, average: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.items()}
    for place, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{place}/{name}": value for name, value in moments.items()}
    for epoch, weights in member.weights.items():
        tensors |= {f"best/{epoch}/{name}": value for name, value in weights.items()}
    return tensors


def restore(state: State, network, optimizer, average: dict[str, Tensor]) -> Member:
    parts: dict[str, dict] = {"network": {}, "average": {}, "optimizer": {}, "best": {}}
    for name, value in state.tensors.items():
        kind, _, rest = name.partition("/")
        parts[kind][rest] = value
    network.load_state_dict(parts["network"])
    for name, value in average.items():
        value.copy_(parts["average"][name])
    moments: dict[int, dict] = {}
    for name, value in parts["optimizer"].items():
        place, _, key = name.partition("/")
        moments.setdefault(int(place), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    for values in (value for group in optimizer.param_groups for value in group["params"]):
        # In the order of the parameter in memory, as a fused step wants it; a file has one order.
        for name, moment in optimizer.state[values].items():
            if moment.shape == values.shape:
                optimizer.state[values][name] = torch.empty_like(values).copy_(moment)
    member = Member()
    for name, value in parts["best"].items():
        epoch, _, key = name.partition("/")
        member.weights.setdefault(int(epoch), {})[key] = value
    member.chosen = best(state.scores)
    return member


class Keeper:
    """Keep the state after epochs in one file; where that takes long, not after every one.

    Parameters
    ----------
    path : Path or None
        None: nothing is kept.
    digest : str
        Of the settings and data.
    """

    def __init__(self, path: Path | None, digest: str):
        self._path, self._digest = path, digest
        self._due = 0.0

    def __call__(self, state: State, must: bool) -> None:
        """Write the state, if it must be or if writing takes at most a twentieth of the time."""
        began = time.monotonic()
        if self._path is None or (began < self._due and not must):
            return
        _write(self._path, state, self._digest)
        ended = time.monotonic()
        self._due = ended + _TIMES * (ended - began)


def _write(path: Path, state: State, digest: str) -> None:
    tensors = {f"now/{name}": value for name, value in state.tensors.items()}
    for number, done in enumerate(state.members):
        for epoch, weights in done.weights.items():
            tensors |= {f"member/{number}/{epoch}/{name}": value for name, value in weights.items()}
    told = {
        "digest": digest,
        "chosen": [done.chosen for done in state.members],
        "scores": state.scores,
        "curve": state.curve,
    }
    write_tensors(path, tensors, told)


def resumed(path: Path | None, digest: str) -> State:
    """The state that a killed run left, or a new one."""
    if path is None or not path.exists():
        return State()
    tensors, told = read_tensors(path)
    if told.get("digest") != digest:
        raise UsageError(
            f"{path.parent} holds the training of other settings or other data.", "Give another --out, or delete it."
        )
    try:
        state = State(curve=told["curve"], scores=told["scores"])
        state.members = [Member(chosen=chosen) for chosen in told["chosen"]]
        for name, value in tensors.items():
            kind, _, rest = name.partition("/")
            if kind == "now":
                state.tensors[rest] = value
                continue
            number, epoch, key = rest.split("/", 2)
            state.members[int(number)].weights.setdefault(int(epoch), {})[key] = value
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path} is not the state of a training: {error!r}.", f"Type: rm {path}") from None
    return state
