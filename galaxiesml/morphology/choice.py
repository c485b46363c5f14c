"""Which settings builds take: those of a run that measured all it was asked for, and no fewer pictures than before.

What some settings cover is counted from the parts that were written, never from a note: a run that was killed
cannot count for more than it measured.
"""

from __future__ import annotations

from dataclasses import dataclass

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.measured import MORPHOLOGY
from galaxiesml.catalog.parquet import parquet, quote
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.samples.pictures import with_pixels


@dataclass(frozen=True)
class Choice:
    """What builds take after a run, or after `--use`.

    Attributes
    ----------
    settings : str
        The settings that builds take now.
    taken : bool
        Whether those are the settings that were asked for.
    measured, before : dict of str to int
        Filter to pictures of the published build that are measured: by the settings asked for, and by the settings
        that builds took until now.
    pictures : dict of str to int
        Filter to pictures of the published build.
    """

    settings: str
    taken: bool
    measured: dict[str, int]
    before: dict[str, int]
    pictures: dict[str, int]

    @property
    def share(self) -> str:
        """How much the settings asked for cover, in words."""
        return share(sum(self.measured.values()), sum(self.pictures.values()))


def share(measured: int, pictures: int) -> str:
    """'120 of 200 pictures (60 %)'; never 100 % where one is missing."""
    percent = int(100 * measured / pictures) if pictures else 100
    return f"{measured:,} of {pictures:,} pictures ({percent} %)"


def list_pictures(connection, of_catalog: bool) -> None:
    """Make the temporary table `standing`: the published build's pictures whose pixels are landed, with their psf_key.

    Parameters
    ----------
    of_catalog : bool
        Whether the PSFs are those landed with the pictures; a picture with another PSF is then another measurement.
    """
    if "psf_key" not in connection.table("pictures").columns:
        raise CatalogError(
            "The published build was made before its pictures had the key of their PSF.", "Type: galaxiesml build"
        )
    others = "" if of_catalog else "replace ('' as psf_key)"
    connection.execute(f"create or replace temp table standing as select * {others} from ({with_pixels(connection)})")


def measured_of(catalog: Catalog, settings: str) -> str:
    """A query of what is measured by some settings: their keys."""
    parts = parquet(MORPHOLOGY.folder(catalog), "*/*.parquet")
    return f"select {', '.join(MORPHOLOGY.keys)} from {parts} where morphology_settings = {quote(settings)}"


def run_of(settings: str, psf_source: str, text: str) -> dict:
    """A run as the table of settings has it."""
    return {"morphology_settings": settings, "psf_source": psf_source, "settings_json": text}


def settle(catalog: Catalog, settings: str, psf_source: str, text: str, *, use: bool = False) -> Choice:
    """Make settings those that builds take, unless they cover fewer pictures of some filter than those taken now.

    Parameters
    ----------
    use : bool
        Take them whatever they cover.
    """
    taken_now = next(iter(MORPHOLOGY.chosen(catalog)), None)
    with catalog.connect() as connection:
        pictures = _count(connection, catalog, None, psf_source)
        counted = _count(connection, catalog, settings, psf_source)
        before = {}
        if taken_now and taken_now["morphology_settings"] != settings:
            before = _count(connection, catalog, taken_now["morphology_settings"], taken_now["psf_source"])
    if not use and any(counted.get(band, 0) < count for band, count in before.items()):
        return Choice(taken_now["morphology_settings"], False, counted, before, pictures)
    MORPHOLOGY.choose(catalog, run_of(settings, psf_source, text))
    return Choice(settings, True, counted, before, pictures)


def use_settings(catalog: Catalog, named: str) -> Choice:
    """Make the settings of an earlier run those that builds take, whatever they cover.

    Parameters
    ----------
    named : str
        Their hash, or the beginning of it.

    Raises
    ------
    UsageError
        No run, or more than one, has settings of that name.
    """
    runs = MORPHOLOGY.runs(catalog)
    found = [settings for settings in runs if settings.startswith(named)] if named else []
    if len(found) != 1:
        known = ", ".join(runs) if runs else "none yet"
        raise UsageError(
            f"--use {named}: {len(found) or 'no'} settings begin so; runs are kept of: {known}.",
            "Type galaxiesml morphology with the options of that run: it measures what is missing.",
        )
    run = runs[found[0]]
    return settle(catalog, found[0], run["psf_source"], run["settings_json"], use=True)


def _count(connection, catalog: Catalog, settings: str | None, psf_source: str) -> dict[str, int]:
    """Pictures by filter: those measured by some settings, or all."""
    list_pictures(connection, psf_source == "catalogue")
    same = " and ".join(f"done.{key} = standing.{key}" for key in MORPHOLOGY.keys[:-1])
    joined = f"semi join ({measured_of(catalog, settings)}) as done on {same}" if settings else ""
    rows = connection.execute(f"select band, count(*) from standing {joined} group by band order by band").fetchall()
    return dict(rows)
