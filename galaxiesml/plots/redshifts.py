"""Draw n(z): the spectroscopic redshifts of a version, and of each split."""

from __future__ import annotations

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.plots.canvas import GREY, INK, PALE
from galaxiesml.plots.page import Page
from galaxiesml.plots.splits import COLOURS
from galaxiesml.samples.where import read_where, rows_of

WIDTH, HEIGHT = 9.0, 6.4
#: Width of a bin; three galaxies are in one of them on average, or the bins are wider.
BIN, FEWEST = 0.05, 3
#: What no file holds.
OTHERS = {"buffer": "#cc79a7", "no split": GREY}


def read_redshifts(
    catalog: Catalog, version: str | None, scheme: str, where: str | None = None
) -> tuple[str, dict[str, np.ndarray]]:
    """Redshifts of a version by split.

    Parameters
    ----------
    scheme : str
        release, paper, official or leak-free.
    where : str, optional
        A condition on the version's rows, as it was typed.

    Returns
    -------
    version : str
        Its name.
    redshifts : dict of str to ndarray
        training, validation and testing; buffer and 'no split' where there are such.  No NaN.

    Raises
    ------
    UsageError
        No such scheme.
    CatalogError
        The build does not have the version, has no splits, or no galaxies.
    """
    name = catalog.built_version(version)
    if "splits" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no splits.", "Type: galaxiesml build")
    rows = rows_of(f"galaxies_{name}", read_where(catalog, f"galaxies_{name}", where))
    with catalog.connect() as connection:
        columns = [row[0] for row in connection.execute("describe splits").fetchall()]
        schemes = [column.removeprefix("split_") for column in columns if column.startswith("split_")]
        if scheme.replace("-", "_") not in schemes:
            known = ", ".join(known.replace("_", "-") for known in schemes)
            raise UsageError(f"No split scheme {scheme!r}.", f"Schemes: {known}.")
        found = connection.execute(f"""
            select coalesce(splits.split_{scheme.replace("-", "_")}, 'no split') as split, galaxies.specz_redshift as z
            from {rows} as galaxies left join splits on galaxies.object_id = splits.object_id
            where galaxies.specz_redshift is not null order by galaxies.object_id
        """).fetchnumpy()
    if not len(found["z"]):
        raise CatalogError(f"{name} has no galaxies.", "See why: galaxiesml audit cuts")
    names = np.asarray(found["split"], str)
    return name, {
        split: np.asarray(found["z"], float)[names == split]
        for split in (*COLOURS, *OTHERS)
        if split in COLOURS or (names == split).any()
    }


def bin_edges(redshifts: np.ndarray) -> np.ndarray:
    """Edges of the bins, from 0 to the first beyond the largest redshift."""
    largest = float(redshifts.max())
    doubled = max(0, int(np.ceil(np.log2(FEWEST * largest / BIN / len(redshifts) + 1e-9))))
    width = BIN * 2**doubled
    return width * np.arange(int(largest / width) + 2)


def draw_redshifts(redshifts: dict[str, np.ndarray], title: str) -> Page:
    """Draw counts in bins of redshift, and below each split's share of its bin over its share of all.

    Parameters
    ----------
    redshifts : dict of str to ndarray
        By split, as `read_redshifts` gives them.
    """
    page = Page(WIDTH, HEIGHT)
    page.text(0.75, 0.25, title, 12)
    whole = np.concatenate(list(redshifts.values()))
    edges = bin_edges(whole)
    upper = page.figure.add_axes((0.085, 0.37, 0.895, 0.56), label="counts")
    lower = page.figure.add_axes((0.085, 0.085, 0.895, 0.215), label="shares", sharex=upper)
    counts, _ = np.histogram(whole, edges)
    median = f"all: {len(whole):,}, median {np.median(whole):.3f}"
    upper.stairs(counts, edges, fill=True, facecolor=PALE, edgecolor=GREY, label=median)
    for split, values in redshifts.items():
        if len(values):
            part, _ = np.histogram(values, edges)
            colour = (COLOURS | OTHERS)[split]
            upper.stairs(part, edges, color=colour, linewidth=1.4, label=f"{split}: {len(values):,}")
            if split in COLOURS:
                _draw_shares(lower, edges, part, counts, colour, split)
    upper.set_ylabel(f"galaxies in a bin of {edges[1] - edges[0]:g}", fontsize=10, color=INK)
    lower.set_ylabel("share / whole", fontsize=10, color=INK)
    lower.set_xlabel("spectroscopic redshift", fontsize=10, color=INK)
    lower.axhline(1, color=GREY, linewidth=0.8)
    upper.set(xlim=(0, edges[-1]), ylim=(0, None))
    lower.set_ylim(0, 2)
    for axes in (upper, lower):
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    upper.legend(frameon=False, fontsize=9)
    return page


def _draw_shares(axes, edges: np.ndarray, part: np.ndarray, counts: np.ndarray, colour: str, split: str) -> None:
    """A split's share of each bin over its share of all, with the binomial error."""
    share = part.sum() / counts.sum()
    some = counts > 0
    ratio = part[some] / counts[some] / share
    error = np.sqrt(share * (1 - share) / counts[some]) / share
    middle = (edges[:-1] + edges[1:])[some] / 2
    shift = (list(COLOURS).index(split) - 1) * 0.15 * (edges[1] - edges[0])
    axes.errorbar(middle + shift, ratio, error, fmt="o", color=colour, markersize=2.5, linewidth=0.8, label=split)
