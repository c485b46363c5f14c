"""n(z) of a sample from stacked PDFs, next to the redshifts of the same galaxies, with bootstrap intervals.

PDFs are whole units and a galaxy's weight in a replicate is the build's whole number, so that every sum is exact, in
any order.  Rows come in blocks: memory does not grow with the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.curation.evaluate import named, runs_of
from galaxiesml.curation.macros import VARS, Macros
from galaxiesml.errors import UsageError
from galaxiesml.system import interrupts

REPLICATES = 200
#: A bin of fewer galaxies has no value, as in the mart photoz_metrics.
FEWEST = 20
#: Rows that are joined at a time, about a row group of a mart, and rows of a block: its PDFs and weights are 40 MB.
JOINED, ROWS = 131_072, 8192
#: Redshifts are summed in whole units of this, and PDFs in 1/65,535.
_UNIT, _WHOLE = 1e-8, 65_535


@dataclass(frozen=True)
class Asked:
    """Which n(z).

    Attributes
    ----------
    of : str
        testing (galaxies that the run has not seen), validation, training or all.
    where : str
        An SQL condition over predictions and the columns of galaxies; '': every galaxy.
    bins : str, optional
        Of the n(z): a width, to the end of the run's grid, or edges with commas; None: 0.1.
    tomography : tuple of float
        Edges of bins by z_phot; empty: none.
    """

    of: str = "testing"
    where: str = ""
    bins: str | None = None
    tomography: tuple[float, ...] = ()


@dataclass(frozen=True)
class Stack:
    """n(z) of one run's sample.

    Attributes
    ----------
    run : str
    bins : list of dict
        tomography ('all' or '0.3 to 0.6'), low, high, nz, nz_low, nz_high (density of the stacked PDFs and its 95 %
        interval), spec, spec_low, spec_high (of spectroscopic redshifts; None without any).
    tomography : list of dict
        tomography, galaxies, with_spectrum; of the stack mean, mean_error, mean_low, mean_high; of the spectra
        mean_spec ...; bias (mean of the PDFs less mean redshift of the galaxies that have one),
        bias_error, bias_low, bias_high; None of fewer than 20 galaxies.
    """

    run: str
    bins: list[dict]
    tomography: list[dict]


def stack(
    catalog: Catalog, runs: list[str], asked: Asked, progress: Callable[[int], None] | None = None
) -> list[Stack]:
    """n(z) of runs of the published build.

    Parameters
    ----------
    runs : list of str
        Empty: every run that has PDFs.
    progress : callable, optional
        Called with the galaxies of each block.

    Raises
    ------
    UsageError
        A run has no PDFs, no galaxy is in the sample, or the condition is no SQL.
    """
    with catalog.connect() as connection:
        known = runs_of(catalog, connection)
        names = [named(run, known) for run in runs] or [name for name, row in known.items() if row["pdf_edges"]]
        for name in names:
            if not known[name]["pdf_edges"]:
                raise UsageError(f"{name} has no PDFs to stack.", "Name a run that has them: galaxiesml runs")
        if not names:
            raise UsageError("No run of the build has PDFs.", "Type: galaxiesml predict RUN, then galaxiesml build")
        macros = Macros(list(catalog.profile.bands))
        return [_stack(connection, known[name], asked, macros, progress) for name in names]


def _stack(connection: duckdb.DuckDBPyConnection, run: dict, asked: Asked, macros: Macros, progress) -> Stack:
    grid = np.array(run["pdf_edges"])
    edges = np.array(edges_of(asked.bins, grid[-1]))
    _choose(connection, run, asked)
    groups = len(asked.tomography) + 1
    # For each bin of z_phot (0 and the last are below and above them) and with a spectrum or not: by replicate, the
    # units of the grid's bins, the counts of the spectra's, and the sum of their redshifts.
    sums = np.zeros((groups, 2, REPLICATES + 1, len(grid) - 1 + len(edges)))
    counts = np.zeros((groups, 2), np.int64)
    for units, weights, redshift, place in _blocks(connection, run, asked, macros):
        has = np.isfinite(redshift)
        added = np.hstack([units, _counted(redshift, has, edges)])
        for group in np.unique(place):
            for known in (0, 1):
                rows = np.flatnonzero((place == group) & (has == bool(known)))
                if len(rows):
                    sums[group, known] += weights[rows].T @ added[rows]
                    counts[group, known] += len(rows)
        if progress is not None:
            progress(len(units))
        interrupts.check()
    if not counts.sum():
        raise UsageError(
            f"No galaxy of {run['photoz_run']} is in the sample: {asked.of}{asked.where and ' and '}{asked.where}.",
            "Give another --where or --of.",
        )
    parts = {"all": (sums.sum(axis=0), counts.sum(axis=0))}
    for place, (low, high) in enumerate(pairwise(asked.tomography), 1):
        parts[f"{low:g} to {high:g}"] = (sums[place], counts[place])
    enough = {name: one for name, (one, counted) in parts.items() if counted.sum() >= FEWEST}
    bins = [row for name, one in enough.items() for row in _density(name, one, grid, edges)]
    return Stack(run["photoz_run"], bins, [_means(name, *part, grid) for name, part in parts.items()])


def _choose(connection: duckdb.DuckDBPyConnection, run: dict, asked: Asked) -> None:
    """The temporary table stacked_sample: photoz_row, key (what weights follow from), z_phot, specz_redshift."""
    of = {
        "testing": "chosen_split = 'testing'",
        "training": "chosen_split = 'training'",
        "validation": "chosen_split = 'validation'",
        "all": "true",
    }[asked.of]
    scheme = run["split_scheme"] or "release"
    # What a run was trained on stays so, whatever its split is now.
    query = f"""
        create or replace temp table stacked_sample as
        select photoz_row, coalesce(object_id, photoz_row) as key, z_phot,
            case when object_id is null then redshift_of_file else specz_redshift end as specz_redshift
        from (
            select *, coalesce(photoz_split, now_split, 'testing') as chosen_split
            from predictions
            left join galaxies_{VARS["photoz_version"]} using (object_id)
            left join (select object_id, split_{scheme} as now_split from splits) as parted using (object_id)
            left join (
                select photoz_run, photoz_row, specz_redshift as redshift_of_file from photoz_scores
            ) as judged using (photoz_run, photoz_row)
            where photoz_run = {quote(run["photoz_run"])} and z_phot is not null
        ) as chosen
        where {of} and (\n{asked.where or "true"}\n)
    """
    try:
        if len(connection.extract_statements(query)) != 1:
            raise UsageError("--where must be one condition.", "For example: --where 'i_cmodel_mag < 23'")
        connection.execute(query)
    except duckdb.Error as error:
        raise UsageError(
            f"--where {asked.where}: {str(error).splitlines()[0]}",
            "It is an SQL condition over the columns of predictions and galaxies, e.g. 'i_cmodel_mag < 23'.",
        ) from None


def _blocks(connection: duckdb.DuckDBPyConnection, run: dict, asked: Asked, macros: Macros) -> Iterator[tuple]:
    """Units (n, bins), weights (n, replicates + 1; the first is 1), redshifts (NaN: none), bin of z_phot."""
    (last,) = connection.execute("select coalesce(max(photoz_row), 0) from stacked_sample").fetchall()[0]
    bins = len(run["pdf_edges"]) - 1
    weight = macros.call("poisson_weight", "hash")
    for low in range(0, last + 1, JOINED):
        within = f"photoz_row between {low} and {low + JOINED - 1}"
        reader = connection.sql(f"""
            select pdfs.pdf, sample.z_phot, sample.specz_redshift,
                list_transform(
                    list_transform(
                        range(1, {REPLICATES + 1}),
                        lambda number: md5(concat(cast(sample.key as varchar), ':', cast(number as varchar)))
                    ),
                    lambda hash: cast({weight} as tinyint)
                ) as weights
            from (
                select photoz_row, pdf from photoz_pdfs
                where photoz_run = {quote(run["photoz_run"])} and {within}
            ) as pdfs
            inner join (select * from stacked_sample where {within}) as sample on sample.photoz_row = pdfs.photoz_row
        """).to_arrow_reader(ROWS)
        with reader:
            for batch in reader:
                yield _arrays(batch, bins, asked.tomography)


def _arrays(batch: pa.RecordBatch, bins: int, tomography: tuple[float, ...]) -> tuple:
    units = batch["pdf"].flatten().to_numpy().reshape(-1, bins).astype(np.float64)
    drawn = batch["weights"].flatten().to_numpy().reshape(-1, REPLICATES).astype(np.float64)
    place = np.zeros(len(batch), np.int64)
    if tomography:
        place = np.searchsorted(tomography, batch["z_phot"].to_numpy(), side="right")
    redshift = batch["specz_redshift"].to_numpy(zero_copy_only=False).astype(np.float64)
    return units, np.hstack([np.ones((len(drawn), 1)), drawn]), redshift, place


def _counted(redshift: np.ndarray, has: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """A row a galaxy: 1 in the bin of its redshift, and the redshift in whole units."""
    made = np.zeros((len(redshift), len(edges)))
    place = np.searchsorted(edges, redshift, side="right") - 1
    inside = np.flatnonzero(has & (place >= 0) & (place < len(edges) - 1))
    made[inside, place[inside]] = 1
    made[has, -1] = np.rint(redshift[has] / _UNIT)
    return made


def _density(name: str, sums: np.ndarray, grid: np.ndarray, edges: np.ndarray) -> list[dict]:
    """A row a bin: the density of PDFs and of spectra, with intervals."""
    bins, width = len(grid) - 1, np.diff(edges)
    units = sums[..., :bins].sum(axis=0)
    # The share of each of the run's bins that lies in each of these.
    shared = np.minimum(grid[1:, None], edges[1:]) - np.maximum(grid[:-1, None], edges[:-1])
    shared = np.maximum(shared, 0) / np.diff(grid)[:, None]
    stacked = _over(units @ shared, units.sum(axis=1)[:, None]) / width
    counts = sums[1, :, bins:-1]
    spectra = _over(counts, (sums[1, :, :bins].sum(axis=1) / _WHOLE)[:, None]) / width
    rows = []
    for place in range(len(width)):
        row = {"tomography": name, "low": float(edges[place]), "high": float(edges[place + 1])}
        for head, values in (("nz", stacked[:, place]), ("spec", spectra[:, place])):
            row |= dict(zip((head, f"{head}_low", f"{head}_high"), _interval(values), strict=True))
        rows.append(row)
    return rows


def _means(name: str, sums: np.ndarray, counts: np.ndarray, grid: np.ndarray) -> dict:
    """Mean redshifts of a bin of z_phot."""
    bins, middle = len(grid) - 1, (grid[1:] + grid[:-1]) / 2
    units = sums[..., :bins]
    mean = _over(units.sum(axis=0) @ middle, units.sum(axis=(0, 2)))
    known = units[1].sum(axis=1)
    mean_spec = _over(sums[1, :, -1] * _UNIT, known / _WHOLE)
    bias = _over(units[1] @ middle, known) - mean_spec
    row = {"tomography": name, "galaxies": int(counts.sum()), "with_spectrum": int(counts[1])}
    for head, values in (("mean", mean), ("mean_spec", mean_spec), ("bias", bias)):
        if counts[0 if head == "mean" else 1 :].sum() < FEWEST:
            values = np.full_like(values, np.nan)
        row |= dict(zip((head, f"{head}_low", f"{head}_high"), _interval(values), strict=True))
        drawn = values[1:][np.isfinite(values[1:])]
        row[f"{head}_error"] = float(drawn.std(ddof=1)) if len(drawn) > 1 else None
    return row


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """A quotient; NaN where nothing is drawn."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _interval(values: np.ndarray) -> tuple[float | None, float | None, float | None]:
    """The sample's value (replicate 0) and the 95 % interval of the others; None without galaxies."""
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not len(drawn):
        return None, None, None
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(values[0]), float(low), float(high)


def edges_of(words: str | None, highest: float) -> tuple[float, ...]:
    """Edges of bins: from a width, '0.1', up to the end of the grid, or from edges themselves, '0,0.5,1'.

    Raises
    ------
    UsageError
    """
    given = numbers("--bins", words or "0.1")
    if len(given) > 1:
        return given
    if not 0.001 <= given[0] <= 100:
        raise UsageError(f"--bins {words}: the width of a bin must be from 0.001 to 100.", "For example: --bins 0.1")
    return tuple(round(given[0] * place, 10) for place in range(int(np.ceil(highest / given[0] - 1e-9)) + 1))


def numbers(option: str, words: str) -> tuple[float, ...]:
    """Increasing finite numbers, from words with commas."""
    try:
        found = tuple(float(word) for word in words.split(","))
    except ValueError:
        raise UsageError(f"{option} {words}: write numbers with commas, e.g. 0.3,0.6,0.9.") from None
    if not np.isfinite(found).all() or any(low >= high for low, high in pairwise(found)):
        raise UsageError(f"{option} {words}: the numbers must increase.", "For example: 0.3,0.6,0.9")
    return found
