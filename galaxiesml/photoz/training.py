"""The one loop in which every network is trained.

Each epoch draws its random numbers from its own seed, and the state after it is one file that appears at once: a run
that was killed and is typed again goes on from there, and ends with the same bytes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from galaxiesml.errors import BuildError, UsageError
from galaxiesml.photoz import metrics
from galaxiesml.photoz.augment import augmented
from galaxiesml.photoz.batches import Batch, resident
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.state import Keeper, Member, State, best, kept, restore, resumed
from galaxiesml.system import interrupts

#: One-cycle: the share of the steps in which the rate rises, and how many times lower it starts.
_RISE, _START = 0.2, 20.0
#: Of a row that loses bands, the chance of each band to be lost.
_LOST = 0.4


@dataclass(frozen=True)
class Epoch:
    """One line of the curve, and what a progress bar shows; `rows_per_second` is of training, without validation."""

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


def fit(
    make: Callable[[int], torch.nn.Module],
    training: Data,
    validation: Data,
    config: Config,
    path: Path | None = None,
    digest: str = "",
    tell: Callable[[Epoch], None] | None = None,
    scaled: Callable | None = None,
) -> State:
    """Train the members of an ensemble, one after another.

    Parameters
    ----------
    make : callable
        Gives the network of a member, by its number; its random numbers are torch's, seeded here.
    training, validation : Data
        With redshifts; weights, where there are some, of mean 1.
    path : Path, optional
        Where the state is kept between epochs, and taken from where there is one.
    digest : str
        Of the settings and data: a state of others is refused.
    tell : callable, optional
        Called after each epoch.
    scaled : callable, optional
        What the networks see of pictures, as `batches.resident` takes it.
    """
    device = device_of(config)
    job = Job(
        config=config,
        device=device,
        begin=lambda number: _begun(make, number, config.seed + 1000 * number, training).to(device),
        rows=resident(training, config, device, scaled),
        judged=resident(validation, config, device, scaled),
        folds=folds_of(len(validation), config).to(device),
        compiled=_compiler(config),
        keep=Keeper(path, digest),
        tell=tell or (lambda epoch: None),
    )
    state = resumed(path, digest)
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
    rows: Batch
    judged: Batch
    folds: Tensor
    compiled: Callable[[torch.nn.Module], Callable]
    keep: Callable[[State, bool], None]
    tell: Callable[[Epoch], None]

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return -(-len(self.rows) // self.config.batch)


def _fit_member(job: Job, number: int, state: State) -> None:
    """Train one network, from its beginning or from where `state` has it, until its epochs are done."""
    config, network = job.config, job.begin(number)
    optimizer = _optimizer(network, config)
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    member = restore(state, network, optimizer, average) if state.scores else Member()
    for epoch in range(len(state.scores), config.epochs):
        began = time.perf_counter()
        losses = _train_epoch(job, number, epoch, network, optimizer, average)
        _refuse_nan(losses, number, epoch)
        # The steps alone: the losses that were just looked at waited for the device.
        rows_per_second = len(job.rows) / (time.perf_counter() - began)
        validation_losses, estimates = _judge(network, average, job.judged)
        if job.judged.weights is not None:
            validation_losses = validation_losses * job.judged.weights
        state.scores.append(_score(job, losses, validation_losses))
        _choose(member, state.scores, epoch, average)
        seconds = time.perf_counter() - began
        line = Epoch(
            member=number,
            epoch=epoch,
            members=config.seeds,
            epochs=config.epochs,
            training_loss=float(losses.mean()),
            validation_loss=float(validation_losses.double().mean()),
            nmad=nmad(estimates, job.judged.redshift, job.judged.weights),
            learning_rate=optimizer.param_groups[0]["lr"],
            rows_per_second=rows_per_second,
            seconds=seconds,
            seconds_left=seconds * ((config.seeds - number) * config.epochs - epoch - 1),
        )
        state.curve.append(asdict(line))
        is_last = epoch == config.epochs - 1 or _is_stuck(member, epoch, config)
        if is_last:
            state.members.append(member)
            state.scores, state.tensors = [], {}
        else:
            state.tensors = kept(member, network, optimizer, average)
        job.keep(state, is_last)
        job.tell(line)
        interrupts.check()
        if is_last:
            return


def _train_epoch(job: Job, number: int, epoch: int, network, optimizer, average: dict[str, Tensor]) -> Tensor:
    """One pass over the training rows; the loss of each batch, left on the device until the pass is over."""
    config, losses = job.config, []
    seed = ((config.seed + 1000 * number) * 1_000_003 + epoch) % 2**63
    # What pictures draw is drawn apart: without them, a network meets the same rows in the same order.
    generator, of_pictures = (torch.Generator(job.device).manual_seed(seed ^ apart) for apart in (0, 1 << 62))
    order = _order(job, generator)
    for step in range(epoch * job.steps, (epoch + 1) * job.steps):
        at = (step - epoch * job.steps) * config.batch
        rows = job.rows[order[at : at + config.batch]]
        if config.band_dropout:
            rows = rows.without(_lost(rows.magnitudes, config.band_dropout, generator))
        if network.augments and rows.pictures is not None:
            rows = replace(rows, pictures=augmented(rows.pictures, config, of_pictures))
        each = job.compiled(network)(rows, generator if network.is_random else None)
        # Weights have the mean 1 over all rows, so that a batch counts as its rows do.
        loss = (each if rows.weights is None else each * rows.weights).mean()
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


def _order(job: Job, generator: torch.Generator) -> Tensor:
    """The rows of an epoch; for a compiled network, some twice, so that every batch is whole and none compiles anew."""
    count = len(job.rows)
    if job.config.shuffle:
        order = torch.randperm(count, generator=generator, device=job.device)
    else:
        order = torch.arange(count, device=job.device)
    if job.config.compile != "yes":
        return order
    return order.repeat(-(-job.steps * job.config.batch // count))[: job.steps * job.config.batch]


def _score(job: Job, losses: Tensor, validation_losses: Tensor) -> list[float]:
    """What an epoch is chosen by, of each fold; the training loss knows no folds."""
    if job.config.choose == "training":
        return [float(losses.double().mean())] * job.config.folds
    return [float(validation_losses[job.folds == fold].double().sum()) for fold in range(job.config.folds)]


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


def _compiler(config: Config) -> Callable[[torch.nn.Module], Callable]:
    """What gives the loss of a network: its own method, or that compiled for one shape."""
    if config.compile != "yes":
        return lambda network: network.loss
    made: dict[int, Callable] = {}

    def compiled(network: torch.nn.Module) -> Callable:
        if id(network) not in made:
            made.clear()
            # Torch compiles a function for a few objects, and then gives up.
            torch._dynamo.reset()
            made[id(network)] = torch.compile(network.loss, dynamic=False)
        return made[id(network)]

    return compiled


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
    kind = "fused" if matrices[0].is_cuda else "foreach"
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=network.betas, eps=1e-7, **{kind: True})


def _rate(schedule: str, done: float, config: Config) -> float:
    """The learning rate when a share of all steps is done: one cycle up and down, or constant."""
    if schedule == "constant":
        return config.learning_rate
    if done < _RISE:
        return config.learning_rate * (1 / _START + (1 - 1 / _START) * done / _RISE)
    return config.learning_rate * 0.5 * (1 + np.cos(np.pi * (done - _RISE) / (1 - _RISE)))


def _lost(magnitudes: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Which bands some of the rows lose, (n, bands); no row loses all."""
    drawn = torch.rand((2, *magnitudes.shape), generator=generator, device=magnitudes.device)
    lost = (drawn[0] < _LOST) & (drawn[1, :, :1] < share)
    left = torch.isfinite(magnitudes) & ~lost
    return lost & left.any(dim=1, keepdim=True)


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
def _judge(network, average: dict[str, Tensor], judged: Batch) -> tuple[Tensor, Tensor]:
    """The validation losses and estimates of the averaged weights, as they would be used."""
    shadow = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(average)
    made = [network.judge(part) for part in judged.parts()]
    network.load_state_dict(shadow)
    return torch.cat([losses for losses, _ in made]), torch.cat([estimates for _, estimates in made])


def _choose(member: Member, scores: list[list[float]], epoch: int, average: dict[str, Tensor]) -> None:
    """The best epoch by all folds, and without each; only weights that are the best of one are kept."""
    member.chosen = best(scores)
    if epoch in member.chosen:
        member.weights[epoch] = {name: value.detach().cpu().clone() for name, value in average.items()}
    member.weights = {epoch: kept for epoch, kept in member.weights.items() if epoch in member.chosen}


def _is_stuck(member: Member, epoch: int, config: Config) -> bool:
    return bool(config.patience) and epoch - member.chosen[-1] >= config.patience
