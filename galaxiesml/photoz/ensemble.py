"""The members of a run: networks, or a forest, and the mean of what they give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from galaxiesml.photoz import kinds
from galaxiesml.photoz.batches import resident
from galaxiesml.photoz.config import Config
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.training import Epoch, State, device_of, fit, folds_of, settled

#: Where the state of a training in progress is kept in the run's folder.
PROGRESS = "training.safetensors"


@dataclass(frozen=True)
class Outcome:
    """What an ensemble gives for n rows, before calibration: a PDF (n, bins), or a point, or both; float64."""

    pdf: np.ndarray | None = None
    point: np.ndarray | None = None
    epistemic: np.ndarray | None = None
    aleatoric: np.ndarray | None = None


@dataclass(frozen=True)
class Ensemble:
    """Trained members.

    Attributes
    ----------
    config : Config
    networks : list of torch.nn.Module
        Empty of a forest.
    forest : Forest, optional
    """

    config: Config
    networks: list
    forest: object = None

    @classmethod
    def trained(
        cls,
        training: Data,
        validation: Data,
        config: Config,
        edges: np.ndarray,
        place: Path | None,
        digest: str,
        tell: Callable[[Epoch], None] | None,
    ) -> tuple[Ensemble, Outcome, pa.Table]:
        """Train; give also what each validation row gets from weights that its fold did not choose, and the curve."""
        if config.estimator == "forest":
            from galaxiesml.photoz.forest import Forest

            made = cls(config, [], Forest.trained(training, config, edges))
            return made, made.predict(validation), curve_of([])
        make = kinds.networks(config, len(training.bands), edges)
        path = None if place is None else place / PROGRESS
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        state = fit(make, training, validation, config, path, digest, tell, kinds.scaled(config))
        made = cls(config, [_filled(make, number, member, -1) for number, member in enumerate(state.members)])
        return made, _outside(made, make, state, validation), curve_of(state.curve)

    def folds(self, rows: int) -> np.ndarray:
        """Which part of the validation rows each is in."""
        return folds_of(rows, self.config).numpy()

    @property
    def device(self) -> str:
        device = device_of(self.config)
        return torch.cuda.get_device_name() if device.type == "cuda" and not self.forest else "cpu"

    def predict(self, data: Data) -> Outcome:
        """The mean over the members of their PDFs, or points."""
        if self.forest is not None:
            return Outcome(pdf=self.forest.pdf(data.magnitudes))
        device, made = device_of(self.config), []
        with settled(self.config), torch.inference_mode():
            rows = resident(data, self.config, device, kinds.scaled(self.config))
            for number, network in enumerate(self.networks):
                network.to(device)
                parts = []
                for part in rows.parts():
                    # The same draws of weights for every row, whatever the chunks are.
                    generator = torch.Generator(device).manual_seed(self.config.seed + 1000 * number)
                    parts.append(network.predict(part, generator))
                made.append(
                    {name: torch.cat([part[name] for part in parts]).double().cpu().numpy() for name in parts[0]}
                )
        return _mean(made)


def torch_version() -> str:
    return str(torch.__version__)


def curve_of(lines: list[dict]) -> pa.Table:
    """The curve as a table, one row an epoch of a member."""
    whole = ("member", "epoch", "members", "epochs")
    names = list(Epoch.__dataclass_fields__)
    schema = pa.schema([(name, pa.int32() if name in whole else pa.float64()) for name in names])
    return pa.Table.from_pylist(lines, schema).drop_columns(["members", "epochs", "seconds_left"])


def _filled(make: Callable, number: int, member, choice: int) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        network = make(number)
    network.load_state_dict(member.weights[member.chosen[choice]])
    return network.eval()


def _outside(made: Ensemble, make: Callable, state: State, validation: Data) -> Outcome:
    """What validation rows get from weights whose epochs were chosen without their fold."""
    folds = made.folds(len(validation))
    parts: dict[str, np.ndarray] = {}
    for fold in np.unique(folds):
        rows = np.flatnonzero(folds == fold)
        members = [_filled(make, number, member, fold) for number, member in enumerate(state.members)]
        found = Ensemble(made.config, members).predict(validation.take(rows))
        for name in Outcome.__dataclass_fields__:
            values = getattr(found, name)
            if values is not None:
                whole = parts.setdefault(name, np.empty((len(validation), *values.shape[1:])))
                whole[rows] = values
    return Outcome(**parts)


def _mean(made: list[dict[str, np.ndarray]]) -> Outcome:
    """The mean of PDFs and points; of several members, their means' scatter is epistemic too."""
    means = {name: np.mean([found[name] for found in made], axis=0) for name in made[0]}
    if "epistemic" in means:
        squares = {name: np.mean([found[name] ** 2 for found in made], axis=0) for name in ("epistemic", "aleatoric")}
        apart = np.var([found["point"] for found in made], axis=0)
        means["epistemic"] = np.sqrt(squares["epistemic"] + apart)
        means["aleatoric"] = np.sqrt(squares["aleatoric"])
    return Outcome(**means)
