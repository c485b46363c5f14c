"""What a run's folder holds: run.json, weights.safetensors, curve.parquet.  Nothing in it can run when it is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from galaxiesml.errors import GalaxiesmlError, InputError, UsageError
from galaxiesml.photoz.config import POINTED, Columns, Config
from galaxiesml.system import atomic

if TYPE_CHECKING:
    from galaxiesml.photoz.run import Run

#: Of the folder's layout, and of what equal settings give.
FORMAT = 1
INFO, WEIGHTS, CURVE = "run.json", "weights.safetensors", "curve.parquet"
_AGAIN = "Fetch the run again, or train it again."


def digest(config: Config, hashes: dict[str, str]) -> str:
    """A hash of all that decides what a training gives."""
    decisive = {"format": FORMAT, "config": config.digest(), "data": hashes}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def is_finished(place: Path, wanted: str) -> bool:
    """Whether the folder holds the finished run of this digest; a finished run of another is refused."""
    if not (place / INFO).exists():
        return False
    if _json(place / INFO).get("digest") != wanted:
        raise UsageError(f"{place} holds a run of other settings or other data.", "Give the name of another folder.")
    return True


def write(place: Path, run: Run) -> None:
    """Write a finished run; run.json comes last, so that a folder with one is whole."""
    from galaxiesml.photoz.ensemble import PROGRESS
    from galaxiesml.photoz.weights import write_tensors

    place.mkdir(parents=True, exist_ok=True)
    write_tensors(place / WEIGHTS, _tensors(run))
    atomic.write_table(place / CURVE, run.curve)
    told = {
        "format": FORMAT,
        "estimator": run.config.estimator,
        **run.info,
        "config": run.config.as_dict(),
        "bands": list(run.bands),
        "columns": vars(run.columns),
        "grid_edges": [float(edge) for edge in run.edges],
        "calibration": {"temperature": run.calibration.temperature, "central": list(run.calibration.central)},
        "domain": {"farthest": run.domain.farthest},
    }
    atomic.write_atomic(place / INFO, json.dumps(told, indent=1, allow_nan=False) + "\n")
    (place / PROGRESS).unlink(missing_ok=True)


def read(place: Path) -> Run:
    """The run of a folder; see `galaxiesml.photoz.run.load`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from galaxiesml.photoz.weights import read_tensors

    told = _json(place / INFO)
    tensors, _ = read_tensors(place / WEIGHTS)
    try:
        run = _run(told, tensors)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError, GalaxiesmlError) as error:
        words = str(error).strip().splitlines()[-1].strip() if str(error).strip() else repr(error)
        where = place / (WEIGHTS if isinstance(error, RuntimeError | InputError) else INFO)
        kind = "" if not isinstance(error, KeyError) else "missing key "
        raise InputError(f"{where} does not hold a run: {kind}{words[:200]}.", _AGAIN) from None
    try:
        curve = pq.read_table(place / CURVE, partitioning=None)
    except FileNotFoundError:
        raise InputError(f"{place / CURVE} does not exist.", _AGAIN) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{place / CURVE} cannot be read as Parquet: {str(error)[:200]}.", _AGAIN) from None
    object.__setattr__(run, "curve", curve)
    return run


def _json(path: Path) -> dict:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} holds no finished run: there is no {INFO}.", "Type the training again: it goes on."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.", _AGAIN) from None
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise InputError(f"{path} is not of format {FORMAT} of runs.", _AGAIN)
    return told


def _tensors(run: Run) -> dict:
    import torch

    tensors = {}
    for number, network in enumerate(run.ensemble.networks):
        tensors |= {f"member/{number}/{name}": value for name, value in network.state_dict().items()}
    if run.ensemble.forest is not None:
        tensors |= {f"forest/{name}": torch.from_numpy(value) for name, value in run.ensemble.forest.arrays().items()}
    if run.calibration.residuals is not None:
        tensors["calibration/residuals"] = torch.from_numpy(run.calibration.residuals)
    domain = run.domain
    # A band that training never saw has no range: none is outside it.
    low, high = np.nan_to_num(domain.low, posinf=-1e9), np.nan_to_num(domain.high, neginf=1e9)
    for name, value in {"low": low, "high": high, "colours": domain.colours, "scale": domain.scale}.items():
        tensors[f"domain/{name}"] = torch.from_numpy(np.ascontiguousarray(value))
    return tensors


def _run(told: dict, tensors: dict) -> Run:
    from galaxiesml.photoz import grid
    from galaxiesml.photoz.run import Run

    config = Config.from_json(told["config"])
    bands, edges = tuple(map(str, told["bands"])), np.array(told["grid_edges"], np.float64)
    if not bands or edges.shape != (config.z_bins + 1,) or not np.allclose(edges, grid.edges_of(config)):
        raise ValueError("the grid's edges are not those of its settings")
    return Run(
        config=config,
        bands=bands,
        edges=edges,
        ensemble=_ensemble(config, bands, edges, tensors),
        calibration=_calibration(told["calibration"], tensors, config),
        domain=_domain(tensors, float(told["domain"]["farthest"]), len(bands)),
        columns=Columns(**told["columns"]),
        info=told,
    )


def _ensemble(config: Config, bands: tuple[str, ...], edges: np.ndarray, tensors: dict):
    import torch

    from galaxiesml.photoz import kinds
    from galaxiesml.photoz.ensemble import Ensemble

    if config.estimator == "forest":
        from galaxiesml.photoz.forest import Forest

        return Ensemble(config, [], Forest.from_arrays(_under(tensors, "forest/"), len(bands), config, edges))
    make, networks = kinds.networks(config, len(bands), edges), []
    for number in range(config.seeds):
        with torch.random.fork_rng(devices=[]):
            network = make(number)
        network.load_state_dict(_under(tensors, f"member/{number}/", as_arrays=False))
        networks.append(network.eval())
    return Ensemble(config, networks)


def _calibration(told: dict, tensors: dict, config: Config):
    from galaxiesml.photoz.calibrate import RESIDUALS, Calibration

    temperature, central = float(told["temperature"]), tuple(float(value) for value in told["central"])
    if not 0.01 < temperature < 100 or len(central) != 2 or not all(0 < value <= 1 for value in central):
        raise ValueError("the calibration is not a temperature and two probabilities")
    residuals = _under(tensors, "calibration/").get("residuals")
    if config.estimator in POINTED and (residuals is None or residuals.shape != (RESIDUALS,)):
        raise RuntimeError(f"calibration/residuals must be {RESIDUALS} numbers")
    return Calibration(temperature, central, residuals)


def _domain(tensors: dict, farthest: float, bands: int):
    from galaxiesml.photoz.estimates import Domain

    found = _under(tensors, "domain/")
    shapes = {"low": (bands,), "high": (bands,), "scale": (bands - 1,)}
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape:
            raise RuntimeError(f"domain/{name} must have the shape {shape}")
    if found.get("colours", np.empty(0)).shape[1:] != (bands - 1,):
        raise RuntimeError(f"domain/colours must have {bands - 1} columns")
    return Domain(found["low"], found["high"], found["colours"], found["scale"], farthest)


def _under(tensors: dict, prefix: str, as_arrays: bool = True) -> dict:
    found = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    return {name: value.numpy() for name, value in found.items()} if as_arrays else found
