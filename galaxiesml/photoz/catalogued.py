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
from galaxiesml.catalog.measured import PREDICTIONS
from galaxiesml.catalog.stores import SCHEMES, SPLITS
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.photoz import kinds, photographed, stored
from galaxiesml.system.atomic import write_table

if TYPE_CHECKING:
    from galaxiesml.photoz.data import Data
    from galaxiesml.photoz.photographed import Photographed
    from galaxiesml.photoz.run import Run

#: Galaxies that are predicted at a time.
ROWS = 65_536
#: In a run's folder: the galaxies that it was trained and validated on.
SEEN = "seen.parquet"


@dataclass(frozen=True)
class Source:
    """Which galaxies of the published build a run is of.

    Attributes
    ----------
    build : str
    version : str
        Of galaxies, as v2.
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
    name = catalog.built_version(version)
    if (found := scheme.replace("-", "_")) not in SCHEMES:
        raise UsageError(f"No split scheme {scheme!r}.", f"Schemes: {', '.join(SCHEMES).replace('_', '-')}.")
    if "splits" not in catalog.tables():
        raise CatalogError(f"Build {catalog.current_id()} has no splits.", "Type: galaxiesml build")
    return Source(catalog.current_id(), name, found)


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


def home_of(catalog: Catalog, run: str) -> Path:
    """The folder of a run's weights, by its name or the only beginning of one.

    Raises
    ------
    UsageError
        No run of that name is trained in this catalogue.
    """
    home = catalog.root / "photoz"
    known = sorted(path.parent.name for path in home.glob("*/run.json"))
    found = [name for name in known if name == run] or [name for name in known if name.startswith(run)]
    if len(found) != 1:
        raise UsageError(
            f"{run!r} means {len(found) or 'no'} runs that were trained here.",
            f"Runs: {', '.join(known)}." if known else "Type: galaxiesml train table",
        )
    return home / found[0]


def remember(catalog: Catalog, name: str, data: Data) -> None:
    """Keep which galaxies a run was trained and validated on: their predictions never count as a test."""
    seen = data.take(np.isin(data.split.astype("U10"), SPLITS[:2]))
    table = pa.table({"object_id": seen.object_id, "photoz_split": pa.array(seen.split.tolist(), pa.string())})
    write_table(catalog.root / "photoz" / name / SEEN, table)


def _seen(home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Identifiers in order, and the part that each was in; none for a run of other data."""
    import pyarrow.parquet as pq

    path = home / SEEN
    if not path.is_file():
        return np.array([], np.int64), np.array([], object)
    table = pq.read_table(path, partitioning=None).sort_by("object_id")
    return table["object_id"].to_numpy(), np.array(table["photoz_split"].to_pylist(), object)


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
    home = home_of(catalog, name)
    is_of_catalog = "build" in told
    if is_of_catalog and not (home / SEEN).is_file():
        raise CatalogError(
            f"{home} does not say which galaxies it was trained on.", "Type the same train command again."
        )
    rows = run.info["data"]["rows"]
    row = {
        "photoz_run": name,
        "estimator": run.config.estimator,
        "z_phot_is": run.config.z_phot.removeprefix("z_"),
        "trained_on": _trained_on(told),
        "data_build": told.get("build"),
        "data_version": told.get("version"),
        "split_scheme": source.scheme,
        "n_training": rows["training"],
        "n_validation": rows["validation"],
        "photoz_settings_json": json.dumps(_settings(run) | {"predicted_of": _photometry_of(catalog)}, sort_keys=True),
    }
    pictures = None
    if kinds.sees_pictures(run.config):
        pictures = photographed.Photographed.of(catalog, run.bands, source.version)
    with catalog.connect() as connection:
        galaxies = _galaxies(connection, run.bands, source, which)
        put = stored.put(catalog, row, _predicted(run, galaxies, _seen(home), progress, pictures), run.edges)
    return put | ({} if pictures is None else {"without_pictures": pictures.without})


def _trained_on(provenance: dict) -> str:
    if "build" in provenance:
        return f"build {provenance['build']}, {provenance['version']}, {provenance['split_scheme']}"
    return ", ".join(Path(one).name for one in provenance.get("table", ())) or "unknown"


def _photometry_of(catalog: Catalog) -> list[str]:
    """Hashes of the exports that the published build is made of: the photometry that is predicted from."""
    return [row["source_sha256"] for row in catalog.build_info()["landings"]]


def _settings(run: Run) -> dict:
    """What the table of runs keeps of run.json; nothing that differs between two equal trainings."""
    return {
        "config": run.config.as_dict(),
        "bands": list(run.bands),
        "digest": run.info["digest"],
        "version": run.info["version"],
        "data": run.info["data"],
        "provenance": run.info.get("provenance", {}),
    }


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


def _predicted(
    run: Run, galaxies: Iterator, seen: tuple[np.ndarray, np.ndarray], progress, pictures: Photographed | None
) -> Iterator[pa.Table]:
    from galaxiesml.photoz.data import Data

    ids, splits = seen
    for object_id, magnitudes, errors in galaxies:
        data = Data(magnitudes, run.bands, object_id=object_id, errors=errors)
        if pictures is not None:
            data = pictures.join(data)
            object_id = data.object_id
        table = run.predict(data)
        place = np.minimum(np.searchsorted(ids, object_id), max(len(ids) - 1, 0))
        known = ids[place] == object_id if len(ids) else np.zeros(len(object_id), bool)
        parts = [splits[at] if here else None for at, here in zip(place, known, strict=True)]
        yield table.append_column("photoz_split", pa.array(parts, pa.string()))
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
            "trained_on": _trained_on(told.get("provenance", {})),
            "training": told["data"]["rows"]["training"],
            "validation": told["data"]["rows"]["validation"],
            "nmad": told["validation"].get("nmad"),
            "seconds": told["time"].get("wall_s"),
        }
    for name, row in taken.items():
        known = {"run": name, "estimator": row["estimator"], "trained_on": row["trained_on"]}
        known |= {"training": row["n_training"], "validation": row["n_validation"], "nmad": None, "seconds": None}
        found.setdefault(name, known)
    for name, row in found.items():
        row["predictions"] = taken[name]["n_predictions"] if name in taken else 0
        row["taken"] = name in taken and built.get(name) == taken[name]["predictions_sha256"]
    return [found[name] for name in sorted(found)]
