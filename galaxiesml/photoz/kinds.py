"""What each estimator is made of: the networks of its members, what they see of pictures, and settings that depend on
data and machine; in one place.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

import numpy as np

from galaxiesml.errors import UsageError
from galaxiesml.photoz.config import PICTURED, SMALLEST, Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.pictures import FRAME

#: Channels of a trunk's first layer.
_CHANNELS = {"small": 24, "resnet18": 64}
#: Pixels on a side that `best` takes at most, unless it is told.
_SIDE = 64


def sees_pictures(config: Config) -> bool:
    return config.estimator in PICTURED and config.pictures


def resolved(config: Config, data: Data) -> Config:
    """The settings with every 'auto' decided by the data and the machine, once: a run remembers what was decided.

    Raises
    ------
    UsageError
        The estimator is trained on pictures and there are none, or they are too small.
    """
    if config.estimator not in PICTURED:
        return config
    from galaxiesml.photoz.training import device_of

    is_cuda, is_best = device_of(config).type == "cuda", config.estimator == "best"
    trunk = ("resnet18" if is_cuda else "small") if config.trunk == "auto" else config.trunk
    made = replace(
        config,
        batch=config.batch or _batch(data),
        trunk=trunk,
        channels=config.channels or _CHANNELS[trunk],
        precision=("bf16" if is_cuda else "float32") if config.precision == "auto" else config.precision,
        compile=("yes" if is_cuda and is_best and _can_compile() else "no")
        if config.compile == "auto"
        else config.compile,
    )
    if not config.pictures:
        return made
    if data.pictures is None:
        raise UsageError(
            f"{config.estimator} is trained on pictures, and a table has none.",
            "Give files with pictures: --files 5x64x64_training.hdf5 5x64x64_validation.hdf5"
            + ("; or leave them out: --set pictures=false" if is_best else ""),
        )
    side = data.pictures.side or FRAME
    size = config.size or (min(side, _SIDE) if is_best else side)
    if size > side or size < SMALLEST:
        raise UsageError(
            f"The pictures have {side} pixels on a side, and {size} are asked for.",
            f"Type: --set size={side}" if side >= SMALLEST else f"At least {SMALLEST} are needed.",
        )
    return replace(made, size=size)


def _batch(data: Data) -> int:
    """A power of two, so that an epoch has 64 steps or more: large batches of a few thousand galaxies are few steps."""
    rows = len(data) if data.split is None else int((data.split == "training").sum())
    return 1 << min(max(int(rows / 64).bit_length() - 1, 6), 10)


def _can_compile() -> bool:
    """Whether what torch compiles for a GPU with is there: Triton, and a C compiler for what it writes."""
    return find_spec("triton") is not None and any(map(shutil.which, ("cc", "gcc", "clang")))


def scaled(config: Config) -> Callable | None:
    """What the networks see of counts and sky sigmas; None for those that see no pictures."""
    if not sees_pictures(config):
        return None
    if config.estimator == "best":
        from galaxiesml.photoz.best import scaled

        return scaled
    from galaxiesml.photoz.paper_cnn import scaled

    return scaled


def seen(data: Data, config: Config) -> Data:
    """The data without what the estimator does not look at: no pixel is read for one that sees no pictures."""
    return replace(
        data,
        pictures=data.pictures if sees_pictures(config) else None,
        conditions=data.conditions if config.estimator == "best" else None,
    )


def prepared(training: Data, validation: Data, config: Config) -> list[str]:
    """What should be known before a training on pictures begins; it is refused where memory does not hold them.

    Raises
    ------
    ResourceError
        Says how much is needed and free, and what to type.
    """
    if not sees_pictures(config):
        return []
    from galaxiesml.photoz import batches
    from galaxiesml.photoz.training import device_of

    device, rows, bands = device_of(config), len(training) + len(validation), len(training.bands)
    batches.check_memory(rows, bands, config, batches.free_bytes(device), "the GPU" if device.type == "cuda" else "CPU")
    needed = batches.needed_bytes(rows, bands, config)
    told = [
        f"{rows:,} galaxies x {bands} pictures of {config.size} x {config.size} pixels take {needed / 1e9:.2f} GB of "
        f"memory as {config.stored}."
    ]
    if config.estimator == "best":
        if config.trunk == "small":
            told.append(
                "trunk=small, for CPUs: a ResNet-18 trains about 20 pictures a second there (--set trunk=resnet18)."
            )
        unknown = sum(_unknown(part) for part in (training, validation))
        if unknown:
            told.append(f"The sky's sigma is measured in {unknown:,} pictures: the data does not give it.")
    elif config.choose == "training":
        told.append("The epoch is chosen by the training loss, as the authors' code does (--set choose=validation).")
    return told


def _unknown(data: Data) -> int:
    """Pictures whose sky is not known."""
    sigma = data.pictures.sky_sigma
    if sigma is None:
        return len(data) * len(data.bands)
    return int((~(np.isfinite(sigma) & (sigma > 0))).sum())


def networks(config: Config, bands: int, edges: np.ndarray) -> Callable:
    """The function that gives the network of a member, by its number.

    A network has `schedule` ('one-cycle' or 'constant'), `betas` of Adam, `clip` (the largest norm of a gradient, or
    None), `augments` (whether pictures are flipped, shifted and disturbed in training), `is_random` (whether its loss
    draws random numbers), and the methods

    - ``begin(data)``: fit to the training rows what is not trained;
    - ``loss(batch, generator)``: the loss of each row of a batch;
    - ``judge(batch)``: a loss and an estimate for each row, by which an epoch is chosen;
    - ``predict(batch, generator)``: ``pdf`` or ``point``, and for bnn the two sigmas, for each row.
    """
    with_bins = round(config.bins_share * config.seeds)
    if config.estimator == "best":
        from galaxiesml.photoz.best import BestNetwork

        return lambda number: BestNetwork(config, bands, edges, number < with_bins)
    if config.estimator == "paper-cnn":
        from galaxiesml.photoz.paper_cnn import PaperPictures

        return lambda number: PaperPictures(config, bands)
    if config.estimator == "table":
        from galaxiesml.photoz.network import TableNetwork

        return lambda number: TableNetwork(config, bands, edges, number < with_bins)
    if config.estimator == "paper-nn":
        from galaxiesml.photoz.paper import PaperNetwork

        return lambda number: PaperNetwork(config, bands)
    from galaxiesml.photoz.bayesian import BayesianNetwork

    return lambda number: BayesianNetwork(config, bands, edges)
