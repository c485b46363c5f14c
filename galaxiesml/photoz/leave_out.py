"""Train a run's estimator again without one spectroscopic survey, and predict that survey's galaxies by both.

The galaxies that judge are the survey's in the testing split, which neither training has seen.  Each training is a run
folder, photoz/<run>/without/<survey>/: one that was stopped continues, one that is done is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.photoz import catalogued, photographed, stored
from galaxiesml.photoz.config import PICTURED
from galaxiesml.photoz.data import Data
from galaxiesml.photoz.run import FEWEST_TRAINING, FEWEST_VALIDATION, Run, load, parts, train

#: The fewest testing galaxies of a survey by which trainings are compared.
FEWEST = 50
#: What stands for galaxies whose survey the catalogue does not have.
UNKNOWN = "unknown"
WITH, WITHOUT = "with", "without"


@dataclass(frozen=True)
class Survey:
    """One spectroscopic survey among the galaxies of a run.

    Attributes
    ----------
    name : str
    training, validation, testing : int
        Its galaxies in each split; one of several surveys counts in each.
    reason : str
        Why it is not left out; '' if it can be.
    """

    name: str
    training: int
    validation: int
    testing: int
    reason: str = ""


@dataclass(frozen=True)
class Base:
    """A run of the catalogue, and the galaxies that it was trained on, with their surveys.

    Attributes
    ----------
    name : str
    run : Run
    home : Path
    source : Source
    data : Data
        Without weights.
    surveys : ndarray (n,) of str
        Names of surveys joined by commas, as the catalogue has them; '' where unknown.
    """

    name: str
    run: Run
    home: Path
    source: catalogued.Source
    data: Data
    surveys: np.ndarray

    def has(self, survey: str) -> np.ndarray:
        """Which galaxies a survey observed, alone or among others."""
        return np.char.find(np.char.add(np.char.add(",", self.surveys), ","), f",{survey},") >= 0

    @property
    def unknown(self) -> int:
        """Galaxies whose survey the catalogue does not have."""
        return int((self.surveys == "").sum())


def base(catalog: Catalog, run: str | None) -> Base:
    """The run that is judged; the only one of the catalogue where none is named.

    Raises
    ------
    UsageError
        No such run, several, or one that was not trained on a catalogue.
    """
    known = sorted(path.parent.name for path in (catalog.root / "photoz").glob("*/run.json"))
    if run is None and len(known) != 1:
        raise UsageError(
            f"--leave-out needs one run; {len(known) or 'none'} were trained here.",
            f"Name one of: {', '.join(known)}." if known else "Type: galaxiesml train table",
        )
    home = catalogued.home_of(catalog, run or known[0])
    loaded = load(home)
    told = loaded.info.get("provenance", {})
    if "build" not in told:
        raise UsageError(f"{home.name} was not trained on a catalogue: its surveys are not known.", "Name another run.")
    source = catalogued.source_of(catalog, told["version"], told["split_scheme"])
    data = catalogued.data_of(catalog, source)
    if loaded.config.estimator in PICTURED:
        data, _ = photographed.with_pictures(catalog, data, source.version)
    return Base(home.name, loaded, home, source, data, _surveys(catalog, source, data))


def _surveys(catalog: Catalog, source: catalogued.Source, data: Data) -> np.ndarray:
    with catalog.connect() as connection:
        table = connection.sql(f"""
            select object_id, coalesce(specz_surveys, '') as surveys from galaxies_{source.version} order by object_id
        """).to_arrow_table()
    place = np.searchsorted(table["object_id"].to_numpy(), data.object_id)
    return np.asarray(table["surveys"].to_pylist(), dtype=str)[place]


def surveys(base: Base, names: list[str] | None = None) -> list[Survey]:
    """Every survey of a run's galaxies, the largest first, or those named; each with why it cannot be left out.

    Raises
    ------
    UsageError
        A name is not a survey of these galaxies.
    """
    known = sorted({name for one in np.unique(base.surveys) for name in one.split(",") if name})
    if wrong := [name for name in names or () if name not in known]:
        raise UsageError(
            f"No galaxy of {base.name} is of the survey {wrong[0]!r}.", f"Surveys: {', '.join(known) or UNKNOWN}."
        )
    split = base.data.split.astype("U10")
    found = []
    for name in names or known:
        has = base.has(name)
        of = {part: int((has & (split == part)).sum()) for part in ("training", "validation", "testing")}
        left = {part: int((split == part).sum()) - of[part] for part in ("training", "validation")}
        reason = ""
        if of["testing"] < FEWEST:
            reason = f"fewer than {FEWEST} testing galaxies"
        elif left["training"] < FEWEST_TRAINING or left["validation"] < FEWEST_VALIDATION:
            reason = "too few galaxies are left without it"
        found.append(Survey(name, **of, reason=reason))
    return found if names else sorted(found, key=lambda one: (-one.testing, one.name))


def check(base: Base, weigh: Callable[[Data], Data]) -> None:
    """Refuse a run whose galaxies are no longer those of the build: the two trainings would differ in more.

    Raises
    ------
    CatalogError
    """
    now = parts(weigh(base.data), base.run.config)[:2]
    hashes = dict(zip(("training", "validation"), (part.digest() for part in now), strict=True))
    if hashes != base.run.info["data"]["sha256"]:
        raise CatalogError(
            f"The galaxies of the published build, or their weights, are not those that {base.name} was trained on.",
            f"Train it again: galaxiesml train {base.run.config.estimator}, with the same options.",
        )


def without(
    base: Base, survey: Survey, weigh: Callable[[Data], Data], tell: Callable | None = None
) -> tuple[Run, pa.Table]:
    """Train without a survey, and predict its testing galaxies by the run and by the new one.

    Parameters
    ----------
    weigh : callable
        Gives data the weights that the run was trained with, made anew.

    Returns
    -------
    run : Run
    predictions : pyarrow.Table
        Of both, photoz_run '<survey>/with' and '<survey>/without', with every column of the dictionary's list and
        redshift_of_file: the spectroscopic redshift.
    """
    stored.check_name(survey.name)
    has = base.has(survey.name)
    home = base.home / WITHOUT / survey.name
    told = base.run.info["provenance"] | {"without": survey.name}
    made = train(weigh(base.data.take(~has)), base.run.config, home, tell=tell, provenance=told)
    judged = base.data.take(has & (base.data.split.astype("U10") == "testing"))
    predictions = [_predicted(one, judged, f"{survey.name}/{how}") for one, how in ((base.run, WITH), (made, WITHOUT))]
    return made, pa.concat_tables(predictions)


def _predicted(run: Run, data: Data, name: str) -> pa.Table:
    from galaxiesml.catalog.measured import PREDICTIONS

    table = stored.whole_rows(run.predict(data), name, 0, run.edges, PREDICTIONS.schema())
    place = table.column_names.index("redshift_of_file")
    return table.set_column(place, "redshift_of_file", pa.array(data.redshift))


def runs_table(base: Base, names: list[str]) -> pa.Table:
    """Rows of the table of runs for the names that `without` gives."""
    edges = [float(edge) for edge in base.run.edges]
    return pa.table(
        {
            "photoz_run": [f"{name}/{how}" for name in names for how in (WITH, WITHOUT)],
            "pdf_edges": pa.array([edges] * (2 * len(names)), pa.list_(pa.float64())),
        }
    )
