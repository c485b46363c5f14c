"""Tables and runs as a command line names them: which columns are meant, which folder is free."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from galaxiesml.errors import InputError, UsageError
from galaxiesml.photoz.config import Columns
from galaxiesml.photoz.data import Data
from galaxiesml.system.atomic import appearing

#: How surveys name magnitudes and their errors; the first pattern that fits every filter counts.
PATTERNS = (
    ("{band}_cmodel_mag", "{band}_cmodel_magsigma"),
    ("mag_{band}_lsst", "mag_err_{band}_lsst"),
    ("mag_{band}", "mag_err_{band}"),
    ("{band}_mag", "{band}_magerr"),
    ("{band}mag", "{band}magerr"),
    ("{band}", "{band}_err"),
)
_IDS = ("object_id", "id", "objectId")


def table(
    path: Path, bands: str | None, given: dict, non_detection: float | None = None, limits: str | None = None
) -> Data:
    """A table to train on.

    Parameters
    ----------
    bands : str, optional
        u,g,r,i,z,y; None: g,r,i,z,y.
    given : dict
        redshift, magnitudes, errors, object_id, group, weights as typed; None: found among the table's names, or none.
    limits : str, optional
        u=27.79,g=29.04: what a non-detection counts as.
    """
    from galaxiesml.photoz import tables

    filters = tuple(band.strip() for band in (bands or "g,r,i,z,y").split(",") if band.strip())
    found = names(path, given["group"])
    columns = Columns(
        **_patterns(path, found, filters, given),
        redshift=given["redshift"],
        object_id=_id(found, given["object_id"]),
        split="split" if "split" in found else "",
        group=given["group"],
        non_detection=non_detection,
        limits=_limits(limits, filters),
        weights=given.get("weights") or "",
    )
    return tables.read(path, columns, filters)


def files(paths: list[Path], bands: str | None, has_pictures: bool = False) -> Data:
    """GalaxiesML HDF5 files to train on; their pictures are read later, if they are wanted at all."""
    from galaxiesml.photoz import released

    filters = tuple(bands.split(",")) if bands else ("g", "r", "i", "z", "y")
    return released.read(paths, filters, has_pictures=has_pictures)


def names(path: Path, group: str = "") -> list[str]:
    """Names of a table's columns."""
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    if not path.is_file():
        raise InputError(f"{path} does not exist.")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pq.read_schema(path).names
        if path.suffix.lower() in (".hdf5", ".h5", ".hdf"):
            import h5py

            with h5py.File(path, "r") as file:
                return list(file[group] if group else file)
        with path.open("rb") as file, csv.open_csv(file) as reader:
            return reader.schema.names
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise InputError(f"{path} cannot be read: {str(error).splitlines()[0][:200]}.") from None


def _patterns(path: Path, found: list[str], bands: tuple[str, ...], given: dict) -> dict[str, str]:
    if given["magnitudes"]:
        return {"magnitudes": given["magnitudes"], "errors": given["errors"] or ""}

    def fits(pattern: str) -> bool:
        return all(pattern.replace("{band}", band) in found for band in bands)

    for magnitudes, errors in PATTERNS:
        if fits(magnitudes):
            return {"magnitudes": magnitudes, "errors": given["errors"] or (errors if fits(errors) else "")}
    raise InputError(
        f"{path} has no columns of magnitudes in {', '.join(bands)} under a known name.",
        f"Name them: --magnitudes 'mag_{{band}}'.  Its columns: {', '.join(found[:30])}",
    )


def _id(found: list[str], given: str | None) -> str:
    return given or next((name for name in _IDS if name in found), "")


def _limits(words: str | None, bands: tuple[str, ...]) -> dict[str, float]:
    limits = {}
    for word in (words or "").split(","):
        band, equals, text = word.partition("=")
        if not word.strip():
            continue
        try:
            if not equals or band.strip() not in bands:
                raise ValueError
            limits[band.strip()] = float(text)
        except ValueError:
            raise UsageError(f"--limits {word}: write FILTER=MAGNITUDE, e.g. u=27.79.") from None
    return limits


def free(home: Path, estimator: str) -> str:
    """A name for a run: that of the last training that was stopped, else the first of table-1, table-2 ... unused."""
    number = 1
    while (home / f"{estimator}-{number}" / "run.json").is_file():
        number += 1
    return f"{estimator}-{number}"


def predict_table(run, path: Path, out: Path) -> int:
    """Predict the rows of a table, in its order, to Parquet.

    Returns
    -------
    int
        Rows.
    """
    from galaxiesml.photoz import tables

    return _predict(run, tables.read(path, run.columns, run.bands, has_truth=False), out)


def predict_files(run, paths: list[Path], out: Path) -> int:
    """Predict the galaxies of GalaxiesML HDF5 files, with their pictures if the run takes them, to Parquet.

    Returns
    -------
    int
        Galaxies.
    """
    from galaxiesml.photoz import kinds, released

    return _predict(run, released.read(paths, run.bands, False, kinds.sees_pictures(run.config)), out)


def _predict(run, data: Data, out: Path) -> int:
    import pyarrow.parquet as pq

    from galaxiesml.photoz.run import SCHEMA

    if not len(data):
        raise InputError("There are no rows to predict.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with appearing(out) as making, pq.ParquetWriter(making, SCHEMA, compression="zstd") as writer:
        for batch in run.predict_batches(data):
            writer.write_batch(batch)
    return len(data)
