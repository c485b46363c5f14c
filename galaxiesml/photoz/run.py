"""Train an estimator, load it again, predict with it."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml import __version__
from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz import calibrate, estimates, folder, grid, kinds, metrics, tables
from galaxiesml.photoz.calibrate import Calibration
from galaxiesml.photoz.config import Columns, Config
from galaxiesml.photoz.data import SPLITS, Data
from galaxiesml.photoz.ensemble import Ensemble, Outcome, torch_version
from galaxiesml.photoz.pictures import Pictures

#: The fewest rows to train on and to validate on.
FEWEST_TRAINING, FEWEST_VALIDATION = 100, 50
#: The columns of predictions that are plain float64, in order.
NUMBERS = (
    *("z_phot", "z_risk", "z_median", "z_mode", "z_sigma", "z_low_68", "z_high_68", "z_low_95", "z_high_95", "odds"),
    *("z_sigma_epistemic", "z_sigma_aleatoric"),
)
SCHEMA = pa.schema(
    [pa.field("object_id", pa.int64())]
    + [pa.field(name, pa.float64()) for name in NUMBERS]
    + [pa.field("photoz_flags", pa.int32()), pa.field("pdf", pa.list_(pa.uint16()))]
)


@dataclass(frozen=True)
class Run:
    """A trained estimator.

    Attributes
    ----------
    config : Config
    bands : tuple of str
    edges : ndarray (bins + 1,)
        Of the grid of every PDF, in redshift.
    ensemble : Ensemble
        What gives PDFs or points.
    calibration : Calibration
    domain : Domain
        What training covered.
    columns : Columns
        How the training table named what was read.
    info : dict
        All of run.json: versions, data with counts and hashes, provenance, validation metrics, time.
    curve : pyarrow.Table
        One row an epoch of each member; empty of a forest.
    """

    config: Config
    bands: tuple[str, ...]
    edges: np.ndarray
    ensemble: Ensemble
    calibration: Calibration
    domain: estimates.Domain
    columns: Columns
    info: dict = field(default_factory=dict)
    curve: pa.Table | None = None

    def predict(self, given: Data | pa.Table, images: np.ndarray | Pictures | None = None) -> pa.Table:
        """Redshifts of every row, in the order given.

        Parameters
        ----------
        given : Data or pyarrow.Table
            A table's columns have the names of the training table (`columns`); a redshift in it is not looked at.
        images : ndarray (n, bands, rows, columns) or Pictures, optional
            Counts, for estimators that take pictures; those of `Data` need not be given again.

        Returns
        -------
        pyarrow.Table
            The columns of `SCHEMA`.  ``pdf`` holds the probabilities of the grid's bins in units of 1 / 65,535.
        """
        if images is not None:
            if not kinds.sees_pictures(self.config):
                raise UsageError(f"The estimator {self.config.estimator} takes no images.")
            pictures = images if isinstance(images, Pictures) else Pictures.of(images)
            given = replace(self._data(given), pictures=pictures)
        return pa.Table.from_batches(self.predict_batches(given), SCHEMA)

    def predict_batches(self, given: Data | pa.Table) -> Iterator[pa.RecordBatch]:
        """The same in batches of ``config.chunk`` rows, for what memory does not hold at once."""
        data = self._data(given)
        if kinds.sees_pictures(self.config) and data.pictures is None and len(data):
            raise UsageError(
                f"The estimator {self.config.estimator} was trained on pictures, and there are none.",
                "Give files with pictures: --files 5x64x64_testing.hdf5",
            )
        for at in range(0, len(data), self.config.chunk):
            yield self._batch(data.take(np.arange(at, min(at + self.config.chunk, len(data)))))

    def _data(self, given: Data | pa.Table) -> Data:
        data = given if isinstance(given, Data) else tables.from_arrow(given, self.columns, self.bands, has_truth=False)
        if data.bands != self.bands:
            raise UsageError(
                f"The data has the bands {','.join(data.bands)}, and the run was trained on {','.join(self.bands)}.",
                "A band that is not there can be given as NaN.",
            )
        return data

    def pdfs(self, data: Data) -> tuple[np.ndarray, Outcome]:
        """Calibrated PDFs (n, bins), float64, and what the ensemble itself gave."""
        outcome = self.ensemble.predict(data)
        return _calibrated(outcome, self.calibration, self.edges), outcome

    def _batch(self, data: Data) -> pa.RecordBatch:
        pdf, outcome = self.pdfs(data)
        units = grid.pack(pdf)
        # Estimates are those of the PDF as it is stored.
        pdf = grid.unpack(units)
        central, config = self.calibration.central, self.config
        made = estimates.estimates(pdf, self.edges, central, config.odds_width, config.z_phot, outcome.point)
        made |= {"z_sigma_epistemic": outcome.epistemic, "z_sigma_aleatoric": outcome.aleatoric}
        rows = len(data)
        ids = pa.nulls(rows, pa.int64()) if data.object_id is None else pa.array(data.object_id, pa.int64())
        numbers = [pa.nulls(rows, pa.float64()) if made[name] is None else pa.array(made[name]) for name in NUMBERS]
        flags = pa.array(self.domain.flags(data.magnitudes, pdf), pa.int32())
        starts = pa.array(np.arange(rows + 1, dtype=np.int32) * units.shape[1])
        lists = pa.ListArray.from_arrays(starts, pa.array(units.ravel()))
        return pa.record_batch([ids, *numbers, flags, lists], schema=SCHEMA)


def train(
    data: Data,
    config: Config | None = None,
    out: Path | str | None = None,
    *,
    tell: Callable | None = None,
    say: Callable[[str], None] | None = None,
    provenance: dict | None = None,
) -> Run:
    """Train an estimator.

    Parameters
    ----------
    data : Data
        With redshifts; weights say how much rows count, in the loss and in all that validation decides and measures.
        Rows of the split 'training' train, those of 'validation' choose epochs and calibrate, those of 'testing' are
        not looked at.  Without a split, one row in six, chosen by the seed, validates.
    config : Config, optional
        The defaults of `table` where it is left out.
    out : path, optional
        The run's folder.  A training that was killed goes on from its last epoch; a finished run of equal settings
        and data is loaded.
    tell : callable, optional
        Called with a `training.Epoch` after each epoch.
    say : callable, optional
        Called with what should be known before training begins, a sentence at a time.
    provenance : dict, optional
        Kept in run.json as it stands: the build that the data is from, for example.

    Raises
    ------
    UsageError
        There is no redshift, too few rows, or the folder holds a run of other settings or data.
    ResourceError
        The pictures do not fit into memory; says before training what fits.
    BuildError
        The loss became NaN; says in which epoch and batch.
    """
    config = kinds.resolved(config or Config(), data)
    data = data.splitted(config.seed)
    training, validation, told = parts(data, config)
    hashes = {"training": training.digest(), "validation": validation.digest()}
    digest = folder.digest(config, hashes)
    place = None if out is None else Path(out)
    if place is not None and folder.is_finished(place, digest):
        return load(place)
    notes = kinds.prepared(training, validation, config)
    for note in notes:
        (say or (lambda words: None))(note)
    wall, cpu = time.perf_counter(), time.process_time()
    run, outside = _trained(training, validation, config, place, digest, tell)
    rows = {name: len(data.of(name)) for name in SPLITS} | {"training": len(training), "validation": len(validation)}
    run.info.update(
        digest=digest,
        version=__version__,
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seeds=[config.seed + 1000 * number for number in range(config.seeds)],
        data={"rows": rows, "sha256": hashes},
        provenance=provenance or {},
        notes=notes,
        weights=told,
        validation=_judged(run, outside, validation),
        time={"torch": torch_version(), "device": run.ensemble.device},
    )
    run.info["time"] |= {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    if place is not None:
        folder.write(place, run)
    return run


def _trained(training: Data, validation: Data, config: Config, place: Path | None, digest: str, tell):
    """The run, and what validation rows get from weights that their fold did not choose."""
    edges = grid.edges_of(config)
    ensemble, outside, curve = Ensemble.trained(training, validation, config, edges, place, digest, tell)
    inside = ensemble.predict(validation)
    calibration = calibrate.calibrate(
        *(part.pdf if part.pdf is not None else part.point for part in (outside, inside)),
        edges,
        validation.redshift,
        ensemble.folds(len(validation)),
        inside.pdf is None,
        validation.weights,
    )
    run = Run(
        config=config,
        bands=training.bands,
        edges=edges,
        ensemble=ensemble,
        calibration=calibration,
        domain=estimates.Domain.of(training, config.seed),
        columns=training.columns,
        curve=curve,
    )
    return run, outside


def load(out: Path | str) -> Run:
    """A finished run from its folder.

    Raises
    ------
    InputError
        A file of the folder is absent, is not what it should be, or does not fit the others; it is named.
    """
    return folder.read(Path(out))


def parts(data: Data, config: Config) -> tuple[Data, Data, dict | None]:
    """What is trained and validated on, as `train` weighs it, and what run.json tells of the weights."""
    return weighed(*_parts(kinds.seen(data, config).splitted(config.seed), config), config)


def _parts(data: Data, config: Config) -> tuple[Data, Data]:
    if data.redshift is None:
        raise UsageError("There is no redshift to train on.", "Name its column: --redshift specz_redshift")
    if config.use_errors and data.errors is None:
        raise UsageError("use_errors=true: the table has no errors.", "Name their columns: --errors '{band}_err'")
    training, validation = data.of("training"), data.of("validation")
    if not len(validation) and len(training) >= FEWEST_TRAINING:
        data = replace(training, split=None).splitted(config.seed)
        training, validation = data.of("training"), data.of("validation")
    for name, part, fewest in (("train", training, FEWEST_TRAINING), ("validate", validation, FEWEST_VALIDATION)):
        if len(part) < fewest:
            raise UsageError(f"{len(part):,} rows are too few to {name}: at least {fewest} are needed.")
    return training, validation


def _calibrated(outcome: Outcome, calibration: Calibration, edges: np.ndarray) -> np.ndarray:
    if outcome.pdf is None:
        pdf = calibrate.around(outcome.point, calibration.residuals, edges)
        return pdf / pdf.sum(axis=1, keepdims=True)
    return calibrate.tempered(outcome.pdf, calibration.temperature)


def weighed(training: Data, validation: Data, config: Config) -> tuple[Data, Data, dict | None]:
    """The parts with weights of mean 1, none above the clip, and what run.json tells of them; None without weights.

    Returns
    -------
    training, validation : Data
    told : dict, optional
        clip, and for each part: clipped (rows), largest (after the clip), effective (the sample size (sum w)^2 / sum
        w^2 whose mean is as certain; Kish 1965).
    """
    if training.weights is None:
        return training, validation, None
    made, told = [], {"clip": config.weight_clip}
    for name, part in (("training", training), ("validation", validation)):
        if not part.weights.sum() > 0:
            raise InputError(f"The weights of {name} are all 0.", "Give weights above 0 to some of its rows.")
        mean_one = part.weights / part.weights.mean()
        clipped = np.minimum(mean_one, config.weight_clip)
        clipped = clipped / clipped.mean()
        made.append(replace(part, weights=clipped))
        told[name] = {
            "clipped": int((mean_one > config.weight_clip).sum()),
            "largest": float(clipped.max()),
            "effective": float(clipped.sum() ** 2 / (clipped**2).sum()),
        }
    return *made, told


def _judged(run: Run, outside: Outcome, validation: Data) -> dict[str, float | None]:
    """Metrics of validation rows, weighed as they are, by networks that their fold did not choose."""
    truth, weights = validation.redshift, validation.weights
    pdf, config = _calibrated(outside, run.calibration, run.edges), run.config
    made = estimates.estimates(pdf, run.edges, run.calibration.central, config.odds_width, config.z_phot, outside.point)
    judged = metrics.points(made["z_phot"], truth, weights) | metrics.pdfs(pdf, run.edges, truth, weights)
    return {name: value if math.isfinite(value) else None for name, value in judged.items()}
