"""The one loop in which every network is trained.

Each epoch draws its random numbers from its own seed, and the state after it is one file that appears at once: a run
that was killed and is typed again goes on from there, and ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from galaxiesml.errors import BuildError, InputError, UsageError
from galaxiesml.photoz import metrics
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.weights import read_tensors, write_tensors
from galaxiesml.system import interrupts

#: One-cycle: the share of the steps in which the rate rises, and how many times lower it starts.
_RISE, _START = 0.2, 20.0
#: Of a row that loses bands, the chance of each band to be lost.
_LOST = 0.4


@dataclass(frozen=True)
class Epoch:
    """One line of the curve, and what a progress bar shows."""

    member: int
    epoch: int
    members: int
    epochs: int
    training_loss: float
    validation_loss: float
    nmad: float
    learning_rate: float
    rows_per_second: float
    seconds: float
    seconds_left: float


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


def fit(
    make: Callable[[int], torch.nn.Module],
    training: Data,
    validation: Data,
    config: Config,
    path: Path | None = None,
    digest: str = "",
    tell: Callable[[Epoch], None] | None = None,
) -> State:
    """Train the members of an ensemble, one after another.

    Parameters
    ----------
    make : callable
        Gives the network of a member, by its number; its random numbers are torch's, seeded here.
    training, validation : Data
        With redshifts; weights, where there are some, of mean 1.
    path : Path, optional
        Where the state is kept after each epoch, and taken from where there is one.
    digest : str
        Of the settings and data: a state of others is refused.
    tell : callable, optional
        Called after each epoch.
    """
    device = device_of(config)
    job = Job(
        config=config,
        device=device,
        begin=lambda number: _begun(make, number, config.seed + 1000 * number, training).to(device),
        rows=_on(device, training),
        judged=_on(device, validation),
        weights=_weights_on(device, training),
        judged_weights=_weights_on(device, validation),
        folds=folds_of(len(validation), config).to(device),
        keep=lambda state: None if path is None else _write(path, state, digest),
        tell=tell or (lambda epoch: None),
    )
    state = _resumed(path, digest)
    with settled(config):
        for number in range(len(state.members), config.seeds):
            _fit_member(job, number, state)
    return state


@dataclass(frozen=True)
class Job:
    """What does not change while an ensemble trains; the data is resident on the device."""

    config: Config
    device: torch.device
    begin: Callable[[int], torch.nn.Module]
    rows: tuple[Tensor, Tensor | None, Tensor]
    judged: tuple[Tensor, Tensor | None, Tensor]
    weights: Tensor | None
    judged_weights: Tensor | None
    folds: Tensor
    keep: Callable[[State], None]
    tell: Callable[[Epoch], None]

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.rows[0]) // self.config.batch)


def _fit_member(job: Job, number: int, state: State) -> None:
    """Train one network, from its beginning or from where `state` has it, until its epochs are done."""
    config, network = job.config, job.begin(number)
    optimizer = _optimizer(network, config)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    member = _restore(state, network, optimizer, average) if state.scores else Member()
    for epoch in range(len(state.scores), config.epochs):
        began = time.perf_counter()
        losses = _train_epoch(job, number, epoch, network, optimizer, average)
        _refuse_nan(losses, number, epoch)
        validation_losses, estimates = _judge(network, average, job.judged)
        if job.judged_weights is not None:
            validation_losses = validation_losses * job.judged_weights
        folds = [validation_losses[job.folds == fold].double().sum() for fold in range(config.folds)]
        state.scores.append([float(total) for total in folds])
        _choose(member, state.scores, epoch, average)
        seconds = time.perf_counter() - began
        line = Epoch(
            member=number,
            epoch=epoch,
            members=config.seeds,
            epochs=config.epochs,
            training_loss=float(losses.mean()),
            validation_loss=sum(state.scores[-1]) / len(job.folds),
            nmad=nmad(estimates, job.judged[2], job.judged_weights),
            learning_rate=optimizer.param_groups[0]["lr"],
            rows_per_second=len(job.rows[0]) / seconds,
            seconds=seconds,
            seconds_left=seconds * ((config.seeds - number) * config.epochs - epoch - 1),
        )
        state.curve.append(asdict(line))
        is_last = epoch == config.epochs - 1 or _is_stuck(member, epoch, config)
        if is_last:
            state.members.append(member)
            state.scores, state.tensors = [], {}
        else:
            state.tensors = _kept(member, network, optimizer, average)
        job.keep(state)
        job.tell(line)
        interrupts.check()
        if is_last:
            return


def _train_epoch(job: Job, number: int, epoch: int, network, optimizer, average: dict[str, Tensor]) -> Tensor:
    """One pass over the training rows in an order of its own; the loss of each batch."""
    config, losses = job.config, []
    seed = (config.seed + 1000 * number) * 1_000_003 + epoch
    generator = torch.Generator(job.device).manual_seed(seed % 2**63)
    order = torch.randperm(len(job.rows[0]), generator=generator, device=job.device)
    for step in range(epoch * job.steps, (epoch + 1) * job.steps):
        at = (step - epoch * job.steps) * config.batch
        batch = order[at : at + config.batch]
        magnitudes, errors, redshift = (None if part is None else part[batch] for part in job.rows)
        if config.band_dropout:
            magnitudes = _hidden(magnitudes, config.band_dropout, generator)
        rows = network.loss(magnitudes, errors, redshift, generator)
        # Weights have the mean 1 over all rows, so that a batch counts as its rows do.
        loss = (rows if job.weights is None else rows * job.weights[batch]).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if network.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), network.clip, foreach=True)
        for group in optimizer.param_groups:
            group["lr"] = _rate(network.schedule, step / (config.epochs * job.steps), config)
        optimizer.step()
        # Young, the average forgets faster: it follows about the last tenth of the steps.
        _follow(average, network, min(config.average, (step + 1) / (step + 10)))
        losses.append(loss.detach())
    return torch.stack(losses)


def nmad(estimates: Tensor, redshift: Tensor, weights: Tensor | None = None) -> float:
    """1.4826 times the median absolute deviation of (estimate - redshift) / (1 + redshift)."""
    off = (estimates.double() - redshift) / (1 + redshift.double())
    if weights is not None:
        return 1.4826 * metrics.mad(off.cpu().numpy(), weights.cpu().numpy())
    return float(1.4826 * (off - off.median()).abs().median())


def folds_of(rows: int, config: Config) -> Tensor:
    """Which part of the validation rows each is in."""
    order = np.random.default_rng(config.seed).permutation(rows)
    return torch.from_numpy(order % config.folds)


def device_of(config: Config) -> torch.device:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("device=cuda: torch finds no CUDA device.", "Choose device=cpu")
    is_cuda = config.device == "cuda" or (config.device == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if is_cuda else "cpu")


@contextlib.contextmanager
def settled(config: Config) -> Iterator[None]:
    """The threads of the configuration, and no denormals; what stood before comes back."""
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


def _on(device: torch.device, data: Data) -> tuple[Tensor, Tensor | None, Tensor]:
    """Magnitudes, errors and redshifts, resident on the device."""
    errors = None if data.errors is None else torch.from_numpy(data.errors).to(device)
    redshift = torch.from_numpy(data.redshift.astype(np.float32)).to(device)
    return torch.from_numpy(data.magnitudes).to(device), errors, redshift


def _weights_on(device: torch.device, data: Data) -> Tensor | None:
    return None if data.weights is None else torch.from_numpy(data.weights.astype(np.float32)).to(device)


def _begun(make, number: int, seed: int, training: Data) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make(number)
    network.begin(training)
    return network


def _optimizer(network: torch.nn.Module, config: Config) -> torch.optim.Optimizer:
    matrices = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=network.betas, eps=1e-7, foreach=True)


def _rate(schedule: str, done: float, config: Config) -> float:
    """The learning rate when a share of all steps is done: one cycle up and down, or constant."""
    if schedule == "constant":
        return config.learning_rate
    if done < _RISE:
        return config.learning_rate * (1 / _START + (1 - 1 / _START) * done / _RISE)
    return config.learning_rate * 0.5 * (1 + np.cos(np.pi * (done - _RISE) / (1 - _RISE)))


def _hidden(magnitudes: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Some rows without some of their bands; no row loses all."""
    drawn = torch.rand((2, *magnitudes.shape), generator=generator, device=magnitudes.device)
    lost = (drawn[0] < _LOST) & (drawn[1, :, :1] < share)
    left = torch.isfinite(magnitudes) & ~lost
    return torch.where(lost & left.any(dim=1, keepdim=True), torch.nan, magnitudes)


@torch.no_grad()
def _follow(average: dict[str, Tensor], network: torch.nn.Module, decay: float) -> None:
    now = network.state_dict()
    names = [name for name, value in average.items() if value.is_floating_point()]
    torch._foreach_lerp_([average[name] for name in names], [now[name] for name in names], 1 - decay)


def _refuse_nan(losses: Tensor, number: int, epoch: int) -> None:
    wrong = ~torch.isfinite(losses)
    if wrong.any():
        batch = int(torch.nonzero(wrong)[0]) + 1
        raise BuildError(
            f"The loss of network {number + 1} is not a number in epoch {epoch + 1}, batch {batch}.",
            "Train with a lower rate, for example: --set learning_rate=5e-4",
        )


@torch.no_grad()
def _judge(network, average: dict[str, Tensor], judged) -> tuple[Tensor, Tensor]:
    """The validation losses and estimates of the averaged weights, as they would be used."""
    shadow = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    made = [network.judge(*(None if part is None else part[at : at + 8192] for part in judged))
            for at in range(0, len(judged[0]), 8192)]  # fmt: skip
    network.load_state_dict(shadow)
    return torch.cat([losses for losses, _ in made]), torch.cat([estimates for _, estimates in made])


def _choose(member: Member, scores: list[list[float]], epoch: int, average: dict[str, Tensor]) -> None:
    """The best epoch by all folds, and without each; only weights that are the best of one are kept."""
    member.chosen = _best(scores)
    if epoch in member.chosen:
        member.weights[epoch] = {name: value.detach().cpu().clone() for name, value in average.items()}
    member.weights = {epoch: kept for epoch, kept in member.weights.items() if epoch in member.chosen}


def _best(scores: list[list[float]]) -> list[int]:
    """The epoch of the least loss without each fold, and (last) of all."""
    table = np.array(scores)
    without = np.column_stack([table.sum(axis=1, keepdims=True) - table, table.sum(axis=1)])
    return [int(best) for best in without.argmin(axis=0)]


def _is_stuck(member: Member, epoch: int, config: Config) -> bool:
    return bool(config.patience) and epoch - member.chosen[-1] >= config.patience


def _kept(member: Member, network, optimizer, average: dict[str, Tensor]) -> dict[str, Tensor]:
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.items()}
    for place, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{place}/{name}": value for name, value in moments.items()}
    for epoch, weights in member.weights.items():
        tensors |= {f"best/{epoch}/{name}": value for name, value in weights.items()}
    return tensors


def _restore(state: State, network, optimizer, average: dict[str, Tensor]) -> Member:
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
    member = Member()
    for name, value in parts["best"].items():
        epoch, _, key = name.partition("/")
        member.weights.setdefault(int(epoch), {})[key] = value
    member.chosen = _best(state.scores)
    return member


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


def _resumed(path: Path | None, digest: str) -> State:
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
