"""A simulated export, in a release's own column names, written a chunk at a time."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from galaxiesml.errors import UsageError
from galaxiesml.mock import faults, population
from galaxiesml.survey import Profile

#: A changed row is a new version.
MOCK_VERSION = 1
#: Rows made at a time; a chunk's rows depend on the seed and its number alone.
CHUNK = 100 * faults.BLOCK
FORMATS = ("csv.gz", "csv", "parquet")
_FLAGS = (
    "cmodel_flag",
    "pixelflags_edge",
    "pixelflags_interpolatedcenter",
    "pixelflags_saturatedcenter",
    "pixelflags_crcenter",
    "pixelflags_bad",
    "sdsscentroid_flag",
)
#: What --lean leaves out: no cut reads it.
_IDLE = ("coord", "skymap_id", "tract", "patch", "parent_id", "nchild", "a_")


def write_export(
    folder: Path,
    profile: Profile,
    *,
    rows: int,
    spectra: int | None = None,
    seed: int = 1,
    format: str = "csv.gz",
    split: bool = False,
    lean: bool = False,
    force: bool = False,
    progress: Callable[[int], None] | None = None,
) -> dict:
    """Write a simulated export and, beside it, what is true of it.

    Parameters
    ----------
    folder : Path
        Gets ``export.<format>``, or ``objects`` and ``specz`` with ``split``, and ``truth.json``.
    rows : int
        Object rows; a multiple of 1,000, in each of which every fault stands once.
    spectra : int, optional
        Rows of which a spectrum may exist; a multiple of 1,000; default: all.
    lean : bool
        Only the columns that cuts read.
    force : bool
        Write into a folder that holds something.
    progress : callable, optional
        Called with the number of rows just written.

    Returns
    -------
    dict
        truth.json.
    """
    spectra = rows if spectra is None else spectra
    for name, count in (("--rows", rows), ("--spectra", spectra)):
        if count < faults.BLOCK or count % faults.BLOCK:
            raise UsageError(f"{name} {count} is no multiple of {faults.BLOCK}.", "Every thousand holds every fault.")
    if format not in FORMATS:
        raise UsageError(f"No format {format!r}.", f"There are {', '.join(FORMATS)}.")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise UsageError(f"{folder} holds files already.", "Give another --out, or --force to write over them.")
    folder.mkdir(parents=True, exist_ok=True)
    names = ["objects", "specz"] if split else ["export"]
    paths = [folder / f"{name}.{format}" for name in names]
    with contextlib.ExitStack() as stack:
        writers = [stack.enter_context(_Writer(path, format)) for path in paths]
        for chunk in _chunks(rows, spectra, seed, profile):
            for writer, table in zip(writers, _tables(chunk, profile, split, lean), strict=True):
                writer.write(table)
            if progress:
                progress(len(chunk["object_id"]))
    truth = _truth(rows, spectra, seed, profile, paths)
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n")
    return truth


def _truth(rows: int, spectra: int, seed: int, profile: Profile, paths: list[Path]) -> dict:
    digests = {}
    for path in paths:
        with path.open("rb") as handle:
            digests[path.name] = hashlib.file_digest(handle, "sha256").hexdigest()
    head = {"mock_version": MOCK_VERSION, "release": profile.name, "seed": seed, "rows": rows, "sha256": digests}
    return head | faults.expected(spectra // faults.BLOCK)


def _chunks(rows: int, spectra: int, seed: int, profile: Profile) -> Iterator[dict]:
    """Our columns by name, one dict of arrays a chunk; None in an object array is NULL."""
    plan = faults.plan_block()
    for number, start in enumerate(range(0, rows, CHUNK)):
        count = min(CHUNK, rows - start)
        # One stream a chunk: the rows do not depend on how they are divided over files.
        draw = np.random.Generator(np.random.Philox(key=[seed, number]))
        places = {name: np.tile(values, count // faults.BLOCK) for name, values in plan.items()}
        index = np.arange(start, start + count)
        places["spectrum"] &= index < spectra
        yield _rows(draw, index, places, profile)


def _rows(draw: np.random.Generator, index: np.ndarray, places: dict, profile: Profile) -> dict:
    count = len(index)
    z = population.redshifts(draw, count)
    z[(places["fault"] >= 0) | (places["group"] >= 0)] = 0.5
    mags = population.magnitudes(draw, z)
    ra, dec = population.positions(draw, count)
    tract = 8000 + (ra * 10).astype(np.int64) % 2000
    patch = 100 * draw.integers(0, 9, count) + draw.integers(0, 9, count)
    names = list(dict.fromkeys(survey.name for survey in profile.surveys if survey.error == "measured"))
    survey = np.array(names, object)[draw.integers(0, len(names), count)]
    columns = {
        "object_id": population.object_ids(index),
        "ra": ra,
        "dec": dec,
        "skymap_id": tract * 10_000 + patch,
        "tract": tract,
        "patch": patch,
        "parent_id": np.zeros(count, np.int64),
        "nchild": np.zeros(count, np.int64),
        "isprimary": np.ones(count, bool),
        "d_pos": draw.uniform(0.01, 0.3, count),
        "d_mag": draw.normal(0, 0.05, count),
        "specz_ra": ra,
        "specz_dec": dec,
        "specz_redshift": z,
        "specz_redshift_err": draw.uniform(2e-5, 4e-4, count),
        "specz_flag_homogeneous": np.ones(count, bool),
        "specz_mag_i": np.clip(mags["i"] + draw.normal(0, 0.05, count), 13, 27),
        "specz_class": np.full(count, "GALAXY", object),
        "specz_survey": survey,
    }
    for band, error in population.magnitude_errors(mags).items():
        columns[f"{band}_cmodel_mag"] = mags[band]
        columns[f"{band}_cmodel_magsigma"] = error
        columns[f"a_{band}"] = np.full(count, 0.1)
        columns |= {f"{band}_{flag}": np.zeros(count, bool) for flag in _FLAGS}
    _plant_faults(columns, places)
    columns["specz_name"] = _spectrum_names(columns["specz_survey"], index)
    _plant_groups(columns, places)
    return columns | {"_spectrum": places["spectrum"], "_repeat": _is_repeat(places)}


def _spectrum_names(surveys: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Names as the archive writes them, SURVEY-number, the merged ones joined by a comma."""
    words = pa.array([str(name).upper() for name in surveys])
    numbers = pa.array(index).cast(pa.string())
    names = np.array(pa.compute.binary_join_element_wise(words, numbers, "-").to_pylist(), object)
    merged = index % 97 == 5
    names[merged] = [f"{name},VVDS-{row}" for name, row in zip(names[merged], index[merged], strict=True)]
    return names


def _plant_faults(columns: dict, places: dict) -> None:
    for number, fault in enumerate(faults.FAULTS):
        where = places["fault"] == number
        if fault.value is None:
            columns[fault.column] = columns[fault.column].astype(object)
        columns[fault.column][where] = fault.value


def _plant_groups(columns: dict, places: dict) -> None:
    """Later members of a group take the first one's spectrum or object; the first is the nearest."""
    rank, position = places["rank"], np.arange(len(places["rank"]))
    member = places["group"] >= 0
    first = position - rank
    for number, group in enumerate(faults.GROUPS):
        where = places["group"] == number
        columns[group.shares][where] = columns[group.shares][first[where]]
        columns["specz_redshift"][where] += group.offset_z * rank[where]
    columns["d_pos"][member] = 0.05 + 0.04 * rank[member]
    for name in ("ra", "dec", "specz_ra", "specz_dec"):
        columns[name][member] = columns[name][first[member]]
    # A second measurement of one source differs a little; an object's own does not.
    again = member & (rank > 0)
    shared = again & np.isin(places["group"], [n for n, g in enumerate(faults.GROUPS) if g.shares == "object_id"])
    for band in population.DEPTH_MAG:
        columns[f"{band}_cmodel_mag"][again] = columns[f"{band}_cmodel_mag"][first[again]] + 0.02 * rank[again]
        columns[f"{band}_cmodel_mag"][shared] = columns[f"{band}_cmodel_mag"][first[shared]]


def _is_repeat(places: dict) -> np.ndarray:
    """Rows that are an object's second spectrum, and so no object of their own."""
    of_object = [number for number, group in enumerate(faults.GROUPS) if group.shares == "object_id"]
    return np.isin(places["group"], of_object) & (places["rank"] > 0)


def _tables(chunk: dict, profile: Profile, split: bool, lean: bool) -> list[pa.Table]:
    """The chunk under the release's names: one joined table, or objects and spectra apart."""
    columns = _named(chunk, profile, lean)
    spectrum = [name for name in columns if name.startswith(("specz", "d_"))]
    photometric = [name for name in columns if name not in spectrum]
    has_spectrum = pa.array(chunk["_spectrum"])
    if split:
        whole = pa.table(columns)
        identifier = profile.columns["object_id"].source
        objects = whole.select(photometric).filter(pa.array(~chunk["_repeat"]))
        return [objects, whole.select([identifier, *spectrum]).filter(has_spectrum)]
    for name in spectrum:
        columns[name] = pa.compute.if_else(has_spectrum, columns[name], pa.scalar(None, columns[name].type))
    return [pa.table(columns)]


def _named(chunk: dict, profile: Profile, lean: bool) -> dict[str, pa.Array]:
    columns = {}
    for name, column in profile.columns.items():
        if name in chunk and not (lean and name.startswith(_IDLE)):
            values = chunk[name]
            # Only planted NULLs make a column of numbers an object array.
            kind = pa.float64() if values.dtype == object and "mag" in name else None
            columns[column.source] = pa.array(values, type=kind)
    for survey in profile.surveys:
        columns[survey.column] = pa.array(chunk["specz_survey"] == survey.name)
    return columns


class _Writer:
    """One file of the export, written a table at a time; it appears whole or not at all."""

    def __init__(self, path: Path, format: str):
        self._path, self._format = path, format
        self._beside = path.with_name(f".{path.name}.{os.getpid()}")
        self._out = None
        self._parquet = None
        self._started = False

    def __enter__(self) -> _Writer:
        self._raw = open(self._beside, "wb")  # noqa: SIM115 - closed in __exit__, which every path reaches
        if self._format == "csv.gz":
            # No time in the header: equal rows are equal files.
            self._out = gzip.GzipFile(fileobj=self._raw, mode="wb", compresslevel=1, mtime=0, filename="")
        else:
            self._out = self._raw
        return self

    def write(self, table: pa.Table) -> None:
        if self._format == "parquet":
            if self._parquet is None:
                self._parquet = pq.ParquetWriter(self._out, table.schema, compression="zstd")
            self._parquet.write_table(table)
            return
        if not self._started:
            # As the archive writes it: one commented line of names.
            self._out.write(f"# {','.join(table.column_names)}\n".encode())
            self._started = True
        options = pa.csv.WriteOptions(include_header=False, quoting_style="needed")
        pa.csv.write_csv(table, pa.PythonFile(self._out, mode="w"), options)

    def __exit__(self, kind, *_) -> None:
        if self._parquet is not None:
            self._parquet.close()
        if self._out is not self._raw:
            self._out.close()
        self._raw.close()
        if kind is None:
            os.replace(self._beside, self._path)
        else:
            self._beside.unlink(missing_ok=True)
