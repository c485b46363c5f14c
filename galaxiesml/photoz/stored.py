"""A run's predictions as the catalogue keeps them: one file under derived/predictions/, replaced whole.

A prediction is a row: point estimates, intervals, flags, and the probabilities of the bins of the run's grid as whole
numbers that sum to 65,535.  No spectroscopic redshift is here but one that came with a file without identifiers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.measured import PREDICTIONS
from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.grid import WHOLE
from galaxiesml.system.atomic import appearing

_FILE = "predictions.parquet"


def path_of(catalog: Catalog, run: str) -> Path:
    """Where a run's predictions are."""
    return PREDICTIONS.folder(catalog) / run / _FILE


def put(catalog: Catalog, run: dict, batches: Iterable[pa.Table], edges: np.ndarray | None) -> dict:
    """Keep the predictions of a run, in place of those that it had; builds take them from now on.

    The caller holds the catalogue's lock.

    Parameters
    ----------
    run : dict
        Columns of the table of runs that say how the predictions were made; missing ones are NULL.
    batches : iterable of pyarrow.Table
        Columns of the dictionary's list ``predictions``, any of them but z_phot absent; pdf is a list of whole numbers
        that sum to 65,535.
    edges : numpy.ndarray, shape (n + 1,), or None
        Redshifts between which the probabilities are; None: there are only points.

    Returns
    -------
    dict
        The run's row in the table of runs.

    Raises
    ------
    InputError
        An object is predicted twice, or a row holds what no prediction can be.
    """
    name = run[PREDICTIONS.run]
    check_name(name)
    path = path_of(catalog, name)
    schema = PREDICTIONS.schema()
    PREDICTIONS.note_run(catalog, dict.fromkeys(PREDICTIONS.settings) | run)
    rows, seen = 0, []
    with appearing(path) as making:
        # PDFs compress to a third; a row group is what SQL reads at a time.
        with _writer(making, schema) as writer:
            for batch in batches:
                whole = whole_rows(batch, name, rows, edges, schema)
                seen.append(whole["object_id"].combine_chunks().drop_null().to_numpy())
                writer.write_table(whole)
                rows += len(whole)
        _check_once(np.concatenate(seen) if seen else np.array([], np.int64), name)
        digest = hashlib.file_digest(making.open("rb"), "sha256").hexdigest()
    row = (
        dict.fromkeys(PREDICTIONS.settings)
        | run
        | {
            "n_predictions": rows,
            "predictions_sha256": digest,
            "pdf_edges": None if edges is None else [float(edge) for edge in edges],
        }
    )
    PREDICTIONS.choose(catalog, row)
    return row


def remove(catalog: Catalog, run: str) -> dict:
    """Take a run's predictions out of the catalogue; builds that have them stay as they are."""
    import shutil

    rows = {row[PREDICTIONS.run]: row for row in PREDICTIONS.chosen(catalog)}
    if run not in rows:
        known = ", ".join(rows) or "none"
        raise UsageError(f"No run {run!r} has predictions; those that have: {known}.", "Type: galaxiesml runs")
    # A run that builds do not take is nobody's: what a kill leaves here is removed by the same command.
    shutil.rmtree(PREDICTIONS.folder(catalog) / run, ignore_errors=True)
    PREDICTIONS.drop(catalog, run)
    return rows[run]


def check_name(name: str) -> None:
    """A run's name is a folder's: letters, digits, '.', '-' and '_', and no dot first."""
    import re

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(
            f"{name!r} cannot be the name of a run.",
            "Use up to 64 letters, digits, '.', '-' and '_', a letter or digit first.",
        )


def _writer(path: Path, schema: pa.Schema):
    import pyarrow.parquet as pq

    return pq.ParquetWriter(path, schema, compression="zstd")


def whole_rows(batch: pa.Table, run: str, before: int, edges: np.ndarray | None, schema: pa.Schema) -> pa.Table:
    """A batch with every column of the table: what it lacks is NULL, what follows from the PDF is computed."""
    count = len(batch)
    columns = {name: batch[name] for name in batch.column_names if name in schema.names}
    columns["photoz_row"] = pa.array(np.arange(before + 1, before + count + 1))
    columns[PREDICTIONS.run] = pa.array([run] * count, pa.string())
    if edges is not None:
        square, spread = of_pdfs(columns["pdf"], edges, run)
        columns |= {"pdf_square": square, "pdf_half_spread": spread}
    arrays = [
        columns[field.name].cast(field.type) if field.name in columns else pa.nulls(count, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def of_pdfs(pdf, edges: np.ndarray, run: str) -> tuple[pa.Array, pa.Array]:
    """What follows from probabilities alone.

    Parameters
    ----------
    pdf : pyarrow.Array of lists
        Whole numbers that sum to 65,535; NULL: none.
    edges : numpy.ndarray, shape (n + 1,)
        Increasing redshifts.

    Returns
    -------
    square : pyarrow.Array
        The integral of the squared density.
    half_spread : pyarrow.Array
        The integral of F (1 - F), which is half of the mean distance of two draws (Gneiting & Raftery 2007, eq. 21).
    """
    pdf = pdf.combine_chunks() if isinstance(pdf, pa.ChunkedArray) else pdf
    has = pdf.is_valid().to_numpy(zero_copy_only=False)
    lists = pdf.drop_null()
    units = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
    width = np.diff(edges)
    if len(units) != len(lists) * len(width):
        raise InputError(f"Run {run}: a PDF has another number of bins than its grid, {len(width)}.")
    units = units.reshape(len(lists), len(width))
    if (wrong := np.flatnonzero(units.sum(axis=1) != WHOLE)).size:
        raise InputError(
            f"Run {run}: the PDF of prediction {wrong[0] + 1} sums to {units[wrong[0]].sum()}, not {WHOLE}."
        )
    share = units / WHOLE
    square = (share**2 / width).sum(axis=1)
    high = np.cumsum(units, axis=1) / WHOLE
    low = high - share
    # F is straight within a bin, so that its integrals are those of a parabola.
    first = (low + high) / 2
    second = (low * low + low * high + high * high) / 3
    spread = ((first - second) * width).sum(axis=1)
    return _spread_out(square, has), _spread_out(spread, has)


def _spread_out(values: np.ndarray, has: np.ndarray) -> pa.Array:
    whole = np.full(len(has), np.nan)
    whole[has] = values
    return pa.array(whole, mask=~has)


def _check_once(object_ids: np.ndarray, run: str) -> None:
    ordered = np.sort(object_ids)
    if (twice := ordered[1:][ordered[1:] == ordered[:-1]]).size:
        raise InputError(f"Run {run} predicts object {twice[0]} more than once ({len(twice)} rows too many).")
