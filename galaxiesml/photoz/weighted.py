"""Training weights of a run: a column of its galaxies, or the colours of a target sample; and what a run keeps of them.

In a run's folder, weighed.parquet holds what was trained and validated on with its weights, target.parquet the
magnitudes of the sample that the weights follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz import colour_weights
from galaxiesml.photoz.data import Data
from galaxiesml.system.atomic import write_table

if TYPE_CHECKING:
    from galaxiesml.photoz.catalogued import Source
    from galaxiesml.photoz.config import Config

#: What --weights names beside columns.
COLOUR = "colour"
WEIGHED, TARGET = "weighed.parquet", "target.parquet"
#: Rows of a target sample that are enough to tell its density.
MOST = 200_000


@dataclass(frozen=True)
class Target:
    """A sample that weights follow.

    Attributes
    ----------
    magnitudes : ndarray (m, bands)
    named : str
        In words, for run.json.
    whole : int
        Galaxies of the sample, of which `magnitudes` may be some.
    """

    magnitudes: np.ndarray
    named: str
    whole: int


def target_of(path: Path, like: Data) -> Target:
    """The sample in a file whose columns are named as those of the training table."""
    from galaxiesml.photoz import tables

    columns = replace(like.columns, object_id="", split="", errors="", weights="")
    magnitudes = tables.read(path, columns, like.bands, has_truth=False).magnitudes
    if not len(magnitudes):
        raise InputError(f"{path} has no rows.", "Name a table of the sample that the training must resemble.")
    whole = len(magnitudes)
    if whole > MOST:
        magnitudes = magnitudes[np.sort(np.random.default_rng(1).permutation(whole)[:MOST])]
    return Target(magnitudes, path.name, whole)


def of_column(catalog: Catalog, source: Source, data: Data, column: str) -> Data:
    """The galaxies of a catalogue with weights from a column of their version."""
    table = f"galaxies_{source.version}"
    with catalog.connect() as connection:
        known = {row[0]: row[1] for row in connection.execute(f"describe {table}").fetchall()}
        if column not in known or known[column] not in ("DOUBLE", "FLOAT", "BIGINT", "INTEGER", "UBIGINT", "UINTEGER"):
            kind = "is not a column of numbers" if column in known else "is not a column"
            raise UsageError(
                f"--weights {column} {kind} of {table}.",
                f"Type: galaxiesml sql 'describe {table}', or give --weights {COLOUR}.",
            )
        found = connection.sql(f'select object_id, "{column}" as weight from {table} order by object_id')
        found = found.fetchnumpy()
    weights = np.ma.filled(found["weight"].astype(np.float64), np.nan)
    return replace(data, weights=weights[np.searchsorted(found["object_id"], data.object_id)])


def by_colour(data: Data, target: Target, config: Config) -> tuple[Data, dict]:
    """Weights by which training and validation resemble a sample in magnitudes and colours.

    Returns
    -------
    data : Data
    told : dict
        by, target, target_rows, target_whole, neighbours, uncovered (share of the target), match (a row a quantity,
        with the weights as they train).
    """
    from galaxiesml.photoz.run import parts

    used = np.ones(len(data), bool) if data.split is None else data.split.astype("U10") != "testing"
    weights = np.ones(len(data))
    ratio = colour_weights.density_ratio(data.magnitudes[used], target.magnitudes)
    if not ratio.weights.sum() > 0:
        raise InputError(
            f"No galaxy of {target.named} looks like a training galaxy.",
            "Compare the magnitudes of both: their zero points or filters may differ.",
        )
    weights[used] = ratio.weights
    made = replace(data, weights=weights)
    training = parts(made, config)[0]
    return made, {
        "by": COLOUR,
        "target": target.named,
        "target_rows": len(target.magnitudes),
        "target_whole": target.whole,
        "neighbours": colour_weights.NEIGHBOURS,
        "uncovered": ratio.uncovered,
        "match": colour_weights.match(training.magnitudes, training.weights, target.magnitudes, data.bands),
    }


def keep(home: Path, data: Data, config: Config, target: Target | None) -> None:
    """Write what `galaxiesml plot weights` shows of a run, into its folder."""
    from galaxiesml.photoz.run import parts

    rows = dict(zip(("training", "validation"), parts(data, config)[:2], strict=True))
    columns = {"photoz_split": pa.array([split for split, part in rows.items() for _ in range(len(part))], pa.string())}
    magnitudes = np.concatenate([part.magnitudes for part in rows.values()])
    columns |= _columns(magnitudes, data.bands)
    columns["weight"] = pa.array(np.concatenate([part.weights for part in rows.values()]))
    write_table(home / WEIGHED, pa.table(columns))
    if target is not None:
        write_table(home / TARGET, pa.table(_columns(target.magnitudes, data.bands)))


def _columns(magnitudes: np.ndarray, bands: tuple[str, ...]) -> dict[str, pa.Array]:
    return {band: pa.array(magnitudes[:, place].astype(np.float32)) for place, band in enumerate(bands)}
