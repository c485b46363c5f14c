"""Estimators on a catalogue: its galaxies as training data, a run's predictions as its table.

A run's weights are in the catalogue's folder photoz/<run>/; its predictions, once there are some, in
derived/predictions/<run>/, where builds read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.folder import check_version
from galaxiesml.catalog.measured import PREDICTIONS
from galaxiesml.catalog.stores import SCHEMES, SPLITS
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.photoz import stored

if TYPE_CHECKING:
    from galaxiesml.photoz.data import Data
    from galaxiesml.photoz.run import Run

#: Galaxies that are predicted at a time.
ROWS = 65_536


@dataclass(frozen=True)
class Source:
    """Which galaxies of the published build a run is of.

    Attributes
    ----------
    build : str
    version : str
        v1 to v4.
    scheme : str
        Of splits, as the columns have it: release, paper, official or leak_free.
    """

    build: str
    version: str
    scheme: str


def source_of(catalog: Catalog, version: str | None, scheme: str) -> Source:
    """The galaxies that were asked for, if the published build has them.

    Raises
    ------
    UsageError
        No such scheme.
    CatalogError
        The build lacks the version, or has no splits.
    """
    info = catalog.build_info()
    name = f"v{check_version(version or info['default_version'])}"
    if name not in info["versions"]:
        raise CatalogError(
            f"Build {info['id']} holds no {name}.", f"Type: galaxiesml build --version {name} --accept-missing all"
        )
    if (found := scheme.replace("-", "_")) not in SCHEMES:
        raise UsageError(f"No split scheme {scheme!r}.", f"Schemes: {', '.join(SCHEMES).replace('_', '-')}.")
    if "splits" not in catalog.tables():
        raise CatalogError(f"Build {info['id']} has no splits.", "Type: galaxiesml build")
    return Source(info["id"], name, found)


def data_of(catalog: Catalog, source: Source) -> Data:
    """Magnitudes, errors, redshifts and splits of the galaxies of a version; NaN where a magnitude is missing.

    Raises
    ------
    CatalogError
        A split has no galaxy.
    """
    from galaxiesml.photoz.data import Data

    bands = tuple(catalog.profile.bands)
    with catalog.connect() as connection:
        table = connection.sql(f"""
            select {_photometry(bands)}, galaxies.specz_redshift, splits.split_{source.scheme} as split
            from galaxies_{source.version} as galaxies
            inner join splits on galaxies.object_id = splits.object_id
            where splits.split_{source.scheme} in ('training', 'validation', 'testing')
                and galaxies.specz_redshift is not null
            order by galaxies.object_id
        """).to_arrow_table()
    split = np.asarray(table["split"].to_pylist(), dtype="U10")
    if empty := [name for name in SPLITS[:2] if not (split == name).any()]:
        scheme = source.scheme.replace("_", "-")
        raise CatalogError(
            f"No galaxy of {source.version} is in {' or '.join(empty)} of the splits {scheme}.",
            "See which seed fills them: galaxiesml audit splits",
        )
    magnitudes, errors = _arrays(table, bands)
    return Data(
        bands=bands,
        magnitudes=magnitudes,
        errors=errors,
        redshift=table["specz_redshift"].to_numpy(),
        object_id=table["object_id"].to_numpy(),
        split=split,
    )


def _photometry(bands: tuple[str, ...]) -> str:
    columns = [f"galaxies.{band}_cmodel_mag" for band in bands] + [f"galaxies.{band}_cmodel_magsigma" for band in bands]
    return ", ".join(["galaxies.object_id", *columns])


def _arrays(table: pa.Table, bands: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes and errors, shape (n, bands); NULL is NaN."""
    found = []
    for ending in ("cmodel_mag", "cmodel_magsigma"):
        columns = [table[f"{band}_{ending}"].to_numpy(zero_copy_only=False) for band in bands]
        found.append(np.stack(columns, axis=1).astype(np.float32))
    return found[0], found[1]


def home(catalog: Catalog, run: str) -> Path:
    """The folder of a run's weights."""
    return catalog.root / "photoz" / run


def provenance(catalog: Catalog, source: Source) -> dict:
    """What a run that is trained on a catalogue says of its data."""
    info = catalog.build_info()
    return {
        "build": source.build,
        "version": source.version,
        "split_scheme": source.scheme,
        "split_seed": info.get("split_seed"),
        "spectra_from": info.get("spectra_from"),
        "cuts": info["versions"][source.version]["cuts"],
        "missing_cuts": info["versions"][source.version]["missing_cuts"],
        "landings": [f"{row['source_file']} sha256:{row['source_sha256']}" for row in info["landings"]],
    }


def predict(
    catalog: Catalog,
    run: Run,
    name: str,
    which: str,
    version: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict:
    """Predict galaxies of the published build; builds take the predictions from now on.

    The caller holds the catalogue's lock.

    Parameters
    ----------
    name : str
        Of the run, in the catalogue.
    which : str
        'testing', or 'all' splits.
    progress : callable, optional
        Called with the number of galaxies that are done.

    Returns
    -------
    dict
        The run's row in the table of runs.
    """
    told = run.info.get("provenance", {})
    source = source_of(catalog, version or told.get("version"), told.get("split_scheme") or "release")
    if missing := [band for band in run.bands if band not in catalog.profile.bands]:
        raise UsageError(
            f"Run {name} was trained on {', '.join(run.bands)}; the release has no filter {missing[0]}.",
            "Train on the release's filters.",
        )
    seen = {int(one): split for split, ids in run.seen().items() for one in ids} if told.get("build") else {}
    row = {
        "photoz_run": name,
        "estimator": run.info["estimator"],
        "z_phot_is": run.info["z_phot"],
        "trained_on": run.info["trained_on"],
        "data_build": told.get("build"),
        "data_version": told.get("version"),
        "split_scheme": source.scheme,
        "n_training": run.info["data"]["training"],
        "n_validation": run.info["data"]["validation"],
        "photoz_settings_json": json.dumps(run.info, sort_keys=True),
    }
    with catalog.connect() as connection:
        galaxies = _galaxies(connection, run.bands, source, which)
        return stored.put(catalog, row, _predicted(run, galaxies, seen, progress), run.edges)


def _galaxies(
    connection: duckdb.DuckDBPyConnection, bands: tuple[str, ...], source: Source, which: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """object_id, magnitudes and errors, a block at a time, by object_id."""
    where = "" if which == "all" else f"where splits.split_{source.scheme} = 'testing'"
    reader = connection.sql(f"""
        select {_photometry(bands)}
        from galaxies_{source.version} as galaxies
        left join splits on galaxies.object_id = splits.object_id
        {where}
        order by galaxies.object_id
    """).to_arrow_reader(ROWS)
    with reader:
        for batch in reader:
            table = pa.Table.from_batches([batch])
            yield table["object_id"].to_numpy(), *_arrays(table, bands)


def _predicted(run: Run, galaxies: Iterator, seen: dict[int, str], progress) -> Iterator[pa.Table]:
    from galaxiesml.photoz.data import Data

    for object_id, magnitudes, errors in galaxies:
        data = Data(bands=run.bands, magnitudes=magnitudes, errors=errors, object_id=object_id)
        table = run.predict(data)
        splits = pa.array([seen.get(int(one)) for one in object_id], pa.string())
        yield table.append_column("photoz_split", splits)
        if progress is not None:
            progress(len(object_id))


def runs(catalog: Catalog) -> list[dict]:
    """Every run: those trained in this catalogue, and those whose predictions builds take.

    Returns
    -------
    list of dict
        run, estimator, trained_on, training, validation (galaxies), nmad (of validation), seconds, predictions, taken
        (whether the published build has these predictions).
    """
    taken = {row[PREDICTIONS.run]: row for row in PREDICTIONS.chosen(catalog)}
    info = catalog.build_info() if catalog.current_id() else {}
    built = {row["run"]: row["sha256"] for row in info.get("predictions") or ()}
    found = {}
    for path in sorted((catalog.root / "photoz").glob("*/run.json")):
        told = json.loads(path.read_text(encoding="utf-8"))
        found[path.parent.name] = {
            "run": path.parent.name,
            "estimator": told["estimator"],
            "trained_on": told["trained_on"],
            "training": told["data"]["training"],
            "validation": told["data"]["validation"],
            "nmad": told["validation"].get("nmad"),
            "seconds": told["seconds"],
        }
    for name, row in taken.items():
        known = {"run": name, "estimator": row["estimator"], "trained_on": row["trained_on"]}
        known |= {"training": row["n_training"], "validation": row["n_validation"], "nmad": None, "seconds": None}
        found.setdefault(name, known)
    for name, row in found.items():
        row["predictions"] = taken[name]["n_predictions"] if name in taken else 0
        row["taken"] = name in taken and built.get(name) == taken[name]["predictions_sha256"]
    return [found[name] for name in sorted(found)]


def new_name(catalog_or_folder: Path, estimator: str) -> str:
    """The first of table-1, table-2 ... that no run has; a run that was stopped keeps its name by --name."""
    number = 1
    while (catalog_or_folder / f"{estimator}-{number}").exists():
        number += 1
    return f"{estimator}-{number}"
