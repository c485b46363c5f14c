"""Draw n(z) of each survey's secure spectra, and the redshifts of sources that were observed twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError
from galaxiesml.plots.canvas import GREY, INK
from galaxiesml.plots.page import Page

WIDTH, HEIGHT = 9.0, 9.0
#: Surveys drawn on their own; the smaller ones together.
MOST = 8
#: Colours that colour-blind people tell apart (Okabe & Ito 2008), and one for the others.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#000000", GREY)


@dataclass(frozen=True)
class Drawn:
    """What the figure shows.

    Attributes
    ----------
    redshifts : dict of str to ndarray
        Of secure spectra, by survey, the largest first.
    first, second : ndarray
        Redshifts of two secure spectra of one object.
    """

    redshifts: dict[str, np.ndarray]
    first: np.ndarray
    second: np.ndarray


def read_specz(catalog: Catalog) -> Drawn:
    """Secure redshifts of the published build.

    Raises
    ------
    CatalogError
        There are none.
    """
    catalog.current_build()
    with catalog.connect() as connection:
        found = connection.execute("""
            select survey, specz_redshift as z from spectra where specz_flag_homogeneous order by survey, spectrum
        """).fetchnumpy()
        pairs = connection.execute("""
            select one.specz_redshift as first, other.specz_redshift as second
            from spectrum_matches as a
            inner join spectrum_matches as b on a.object_id = b.object_id and a.spectrum < b.spectrum
            inner join spectra as one on a.spectrum = one.spectrum and one.specz_flag_homogeneous
            inner join spectra as other on b.spectrum = other.spectrum and other.specz_flag_homogeneous
            order by a.object_id, a.spectrum, b.spectrum
        """).fetchnumpy()
    names = np.asarray(found["survey"], str)
    if not len(names):
        raise CatalogError("The build has no secure spectra.", catalog.next_for("specz"))
    surveys, counts = np.unique(names, return_counts=True)
    order = surveys[np.argsort(-counts, kind="stable")]
    redshifts = np.asarray(found["z"], float)
    shown = {str(survey): redshifts[names == survey] for survey in order[:MOST]}
    if len(order) > MOST:
        shown[f"{len(order) - MOST} others"] = redshifts[np.isin(names, order[MOST:])]
    return Drawn(shown, np.asarray(pairs["first"], float), np.asarray(pairs["second"], float))


def draw_specz(found: Drawn) -> Page:
    """Draw counts in bins of redshift by survey, over pairs of redshifts of one source."""
    page = Page(WIDTH, HEIGHT)
    page.text(0.75, 0.25, "secure spectra by survey", 12)
    upper = page.figure.add_axes((0.085, 0.6, 0.895, 0.35), label="counts")
    lower = page.figure.add_axes((0.085, 0.07, 0.895, 0.46), label="pairs")
    whole = np.concatenate(list(found.redshifts.values()))
    edges = np.linspace(0, np.log10(1 + max(0.1, np.quantile(whole, 0.995))), 41)
    for (label, values), colour in zip(found.redshifts.items(), COLOURS, strict=False):
        counts, _ = np.histogram(np.log10(1 + values.clip(0)), edges)
        upper.stairs(counts, 10**edges - 1, color=colour, linewidth=1.4, label=f"{label}: {len(values):,}")
    upper.set(xlim=(0, 10 ** edges[-1] - 1), ylim=(0, None))
    upper.set_xlabel("spectroscopic redshift", fontsize=10, color=INK)
    upper.set_ylabel("spectra in a bin", fontsize=10, color=INK)
    upper.legend(frameon=False, fontsize=9)
    _draw_pairs(lower, found)
    for axes in (upper, lower):
        axes.tick_params(colors=INK, labelsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    return page


def _draw_pairs(axes, found: Drawn) -> None:
    """One redshift against the other; beyond 0.005 (1 + z) in another colour."""
    low = np.minimum(found.first, found.second)
    apart = np.abs(found.first - found.second) > 0.005 * (1 + low)
    for some, colour, words in ((~apart, COLOURS[0], "agree"), (apart, COLOURS[5], "beyond 0.005 (1 + z)")):
        axes.plot(
            found.first[some], found.second[some], "o", color=colour, markersize=3, label=f"{words}: {some.sum():,}"
        )
    axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8)
    axes.set_xlabel("one spectrum's redshift", fontsize=10, color=INK)
    axes.set_ylabel("another's of the same object", fontsize=10, color=INK)
    axes.legend(frameon=False, fontsize=9)
