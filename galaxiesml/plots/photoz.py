"""What runs predicted against spectroscopic redshifts: Figures 4 and 6 of Do et al. 2024, PITs, and PDFs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

COLOURS = ("#0072b2", "#d55e00")
#: Metrics of Figure 6: definition, metric, label.
_BINNED = (
    ("paper", "bias_mean", "bias"),
    ("code", "scatter", "scatter"),
    ("code", "outliers", "outlier fraction"),
    ("paper", "mse", "MSE"),
    ("code", "loss", "loss"),
)
#: PDFs that are drawn.
_PDFS = 12


@dataclass(frozen=True)
class Run:
    """Judged predictions of one run.

    Attributes
    ----------
    name : str
    redshift, z_phot, pit : numpy.ndarray, shape (n,)
        pit is NaN where there is no PDF.
    """

    name: str
    redshift: np.ndarray
    z_phot: np.ndarray
    pit: np.ndarray


def read_runs(catalog: Catalog, runs: list[str]) -> list[Run]:
    """Judged predictions of one run or two.

    Raises
    ------
    UsageError
        More than two runs, or one that the published build has no predictions of.
    """
    if len(runs) > 2:
        raise UsageError("A figure shows one run, or two.", "Name two at most.")
    if "photoz_scores" not in catalog.tables():
        raise CatalogError("The published build has no predictions.", "Type: galaxiesml build")
    found = []
    with catalog.connect() as connection:
        for name in runs:
            read = connection.execute(f"""
                select scores.specz_redshift, predictions.z_phot, coalesce(scores.pit, 'nan'::double) as pit
                from photoz_scores as scores
                inner join predictions
                    on scores.photoz_run = predictions.photoz_run and scores.photoz_row = predictions.photoz_row
                where scores.photoz_run = {quote(name)} order by scores.photoz_row
            """).fetchnumpy()
            if not len(read["z_phot"]):
                known = ", ".join(row[0] for row in connection.execute("select photoz_run from photoz_runs").fetchall())
                raise UsageError(f"No prediction of {name!r} is judged.", f"Runs of the build: {known or 'none'}.")
            found.append(Run(name, *(np.asarray(read[column]) for column in ("specz_redshift", "z_phot", "pit"))))
    return found


def draw_scatter(catalog: Catalog, runs: list[Run]) -> Page:
    """z_phot against the spectroscopic redshift, darker where there are more; dashed: an error of 0.15 (1 + z)."""
    page = Page(5.2 * len(runs) + 0.3, 5.6)
    largest = max(max(run.redshift.max(), np.quantile(run.z_phot, 0.999)) for run in runs)
    edges = np.linspace(0, np.ceil(largest * 2) / 2, 160)
    for place, run in enumerate(runs):
        axes = page.figure.add_axes(((place + 0.12) / len(runs), 0.11, 0.85 / len(runs), 0.78))
        counts, _, _ = np.histogram2d(run.redshift, run.z_phot, (edges, edges))
        axes.pcolormesh(edges, edges, np.log10(np.where(counts, counts, np.nan)).T, cmap="viridis", rasterized=True)
        line = edges[[0, -1]]
        axes.plot(line, line, color=INK, linewidth=0.8)
        for sign in (-1, 1):
            axes.plot(line, line + sign * 0.15 * (1 + line), color=GREY, linewidth=0.8, linestyle="--")
        error = (run.z_phot - run.redshift) / (1 + run.redshift)
        nmad = np.median(np.abs(error - np.median(error))) / 0.67449
        beyond = np.mean(np.abs(error) > 0.15)
        title = f"{run.name}: {len(error):,}, NMAD {nmad:.4f}, outliers {100 * beyond:.2f} %"
        axes.set_title(title.replace("$", r"\$"), fontsize=10, color=INK, loc="left")
        axes.set(xlim=line, ylim=line)
        _label(axes, "spectroscopic redshift", "photometric redshift" if place == 0 else "")
    return page


def draw_bins(catalog: Catalog, runs: list[Run]) -> Page:
    """Metrics in bins of redshift with their 95 % intervals, as Figure 6 of the paper."""
    page = Page(9.0, 10.5)
    names = ", ".join(quote(run.name) for run in runs)
    with catalog.connect() as connection:
        rows = (
            connection.sql(f"""
                select * from photoz_metrics
                where photoz_run in ({names}) and bin_by = 'specz_redshift' and bin_high - bin_low < 0.3
                    and value is not null
                order by photoz_run, bin_low
            """)
            .to_arrow_table()
            .to_pylist()
        )
    for place, (definition, metric, label) in enumerate(_BINNED):
        axes = page.figure.add_axes((0.11, 0.82 - 0.185 * place, 0.86, 0.155))
        for run, colour in zip(runs, COLOURS, strict=False):
            of = [
                row
                for row in rows
                if (row["photoz_run"], row["definition"], row["metric"]) == (run.name, definition, metric)
            ]
            middle = np.array([(row["bin_low"] + row["bin_high"]) / 2 for row in of])
            value = np.array([row["value"] for row in of])
            low, high = (np.array([row[name] for row in of]) for name in ("value_low", "value_high"))
            if len(of):
                axes.fill_between(middle, low, high, color=colour, alpha=0.2, linewidth=0)
                axes.plot(
                    middle, value, "o-", color=colour, markersize=3, linewidth=1, label=run.name.replace("$", r"\$")
                )
        if metric == "bias_mean":
            axes.axhline(0, color=GREY, linewidth=0.8)
        _label(axes, "spectroscopic redshift" if place == len(_BINNED) - 1 else "", label)
        if place == 0:
            axes.legend(frameon=False, fontsize=9)
    return page


def draw_pits(catalog: Catalog, runs: list[Run]) -> Page:
    """Histograms of the PITs: flat where the PDFs are right, a hill where too wide, a bowl where too narrow."""
    page = Page(7.0, 4.6)
    axes = page.figure.add_axes((0.11, 0.13, 0.86, 0.8))
    axes.axhline(1, color=GREY, linewidth=0.8)
    for run, colour in zip(runs, COLOURS, strict=False):
        pits = run.pit[np.isfinite(run.pit)]
        if not len(pits):
            raise UsageError(f"{run.name} has no PDFs.", "Draw --figure scatter.")
        counts, edges = np.histogram(pits, 50, (0, 1))
        axes.stairs(counts / len(pits) * 50, edges, color=colour, linewidth=1.4, label=f"{run.name}: {len(pits):,}")
    axes.set(xlim=(0, 1), ylim=(0, None))
    axes.legend(frameon=False, fontsize=9)
    _label(axes, "PIT", "density")
    return page


def draw_pdfs(catalog: Catalog, runs: list[Run]) -> Page:
    """PDFs of a dozen galaxies, spread over the redshifts, with the true ones."""
    page = Page(9.0, 8.0)
    with catalog.connect() as connection:
        for run, colour in zip(runs, COLOURS, strict=False):
            (edges,) = connection.execute(
                f"select pdf_edges from photoz_runs where photoz_run = {quote(run.name)}"
            ).fetchall()[0]
            if edges is None:
                raise UsageError(f"{run.name} has no PDFs.", "Draw --figure scatter.")
            rows = connection.execute(f"""
                with placed as (
                    select pdfs.pdf, pdfs.object_id, scores.specz_redshift,
                        row_number() over (order by scores.specz_redshift, pdfs.photoz_row) as place,
                        count(*) over () as total
                    from photoz_pdfs as pdfs inner join photoz_scores as scores
                        on pdfs.photoz_run = scores.photoz_run and pdfs.photoz_row = scores.photoz_row
                    where pdfs.photoz_run = {quote(run.name)}
                )
                select pdf, object_id, specz_redshift from placed
                where place % greatest(1, total // {_PDFS}) = 0 order by place limit {_PDFS}
            """).fetchall()
            _draw_pdfs(page, rows, np.array(edges), colour, run is runs[0])
    return page


def _draw_pdfs(page: Page, rows: list[tuple], edges: np.ndarray, colour: str, is_first: bool) -> None:
    for place, (units, object_id, redshift) in enumerate(rows):
        left, bottom = 0.06 + 0.32 * (place % 3), 0.78 - 0.235 * (place // 3)
        label = f"pdf {place}"
        found = next((axes for axes in page.figure.axes if axes.get_label() == label), None)
        axes = found or page.figure.add_axes((left, bottom, 0.28, 0.17), label=label)
        axes.stairs(np.array(units) / 65_535 / np.diff(edges), edges, color=colour, linewidth=1)
        if is_first:
            axes.axvline(redshift, color=INK, linewidth=0.8, linestyle="--")
            axes.set_title(f"{object_id or ''}  z = {redshift:.3f}", fontsize=8, color=INK, loc="left")
            _label(axes, "", "")


def _label(axes, across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=10, color=INK)
    axes.set_ylabel(up, fontsize=10, color=INK)
    axes.tick_params(colors=INK, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


FIGURES = {"scatter": draw_scatter, "bins": draw_bins, "pit": draw_pits, "pdf": draw_pdfs}
