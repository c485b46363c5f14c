"""Write a version of galaxies as a HATS catalogue, a folder of Parquet files by place on the sky, with hats-import."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.settings import check_space
from galaxiesml.dictionary import Column
from galaxiesml.errors import CatalogError, InputError, ResourceError, UsageError
from galaxiesml.query.tables import Export, batches, export_of
from galaxiesml.system import interrupts, workers
from galaxiesml.system.atomic import appearing_folder, sync

#: The file by which readers know a HATS catalogue, and the key in it by which we know ours.
PROPERTIES, KEY = "hats.properties", "galaxiesml"
#: Rows of a file at most, and those that are read at a time: they set what the importer holds in memory.
FILE_ROWS, ROWS = 250_000, 122_880
#: What the importer adds: an index of the place on the sky.
INDEX = Column("_healpix_29", "bigint", "HEALPix pixel of order 29 (nested) that has the position.", ucd="pos.healpix")
TEXT = Column(
    "object_id_text",
    "text",
    "object_id as a text, for programs that make a floating-point number of an integer.",
    ucd="meta.id",
)
_NEEDED = ("hats_import", "hats", "dask")


def check_installed() -> None:
    """Refuse where hats-import is not installed; it is not imported, which takes many seconds.

    Raises
    ------
    UsageError
    """
    for name in _NEEDED:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise UsageError(
                "export hats needs hats-import, which is not installed.", "Type: pip install 'galaxiesml[hats]'"
            )


def export_hats(
    catalog: Catalog, folder: Path, version: str | None = None, where: str | None = None, force: bool = False
) -> Export:
    """Write the folder, whole or not at all.

    The columns are the version's, in its order, with ``object_id_text`` after ``object_id`` and ``_healpix_29`` before
    all.  Units, UCDs, descriptions and provenance are in every Parquet file; `dataset/_common_metadata` has a VOTable
    header too, and hats.properties the provenance under the key galaxiesml, as JSON.  Streamed: memory does not grow
    with the rows.  Equal for equal builds.

    Parameters
    ----------
    folder : Path
        Made beside its place under a hidden name, and renamed.
    version : str, optional
        Of the galaxies; default: the build's.
    where : str, optional
        A condition on the version's rows, as it was typed.
    force : bool
        Replace a HATS catalogue that this function wrote, and write even if there seems to be too little disk space.

    Raises
    ------
    CatalogError
        There is no build, it lacks the version, there is no row, or one lacks a position.
    UsageError
        hats-import is not installed, the condition is none, or the folder has files.
    ResourceError
        The disk or the memory is too full.
    """
    check_installed()
    folder = folder.absolute()
    check_place(folder, force)
    made = export_of(catalog, version, where)
    _check_rows(made)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The rows once more for the importer, its parts of them, and the files.
    check_space(folder.parent, 8 * made.source.stat().st_size, force)
    with appearing_folder(folder, lambda: check_place(folder, force)) as making, _linked(making) as link:
        _write_rows(made, making / "rows.parquet")
        # In a process of its own, which is killed by Ctrl-C: the importer's threads would go on.
        with workers.pool(1) as pool:
            pool.submit(_import, str(link), made, _described(made)).result()
        _settle(making, made)
    return made


def check_place(folder: Path, force: bool) -> None:
    """Refuse a folder with files in it, unless it is an exported HATS catalogue that may be replaced.

    Raises
    ------
    UsageError
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise UsageError(f"{folder} is not a folder.", "Give the name of a new folder.")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    with contextlib.suppress(OSError):
        if f"\n{KEY}=".encode() in (folder / PROPERTIES).read_bytes():
            if force:
                return
            raise UsageError(f"{folder} has a HATS catalogue.", "Give another folder, or --force to replace it.")
    raise UsageError(f"{folder} has files that no export hats wrote.", "Give the name of a new folder.")


def _check_rows(made: Export) -> None:
    """HATS files rows by their place on the sky: there must be some, and each must have one."""
    version = made.facts["version"]
    if not made.facts["rows"]:
        raise CatalogError(f"No row of {version} is left to write.", "Choose another version, or another condition.")
    with duckdb.connect() as connection:
        # A NaN is greater than any number.
        (lacking,) = connection.execute(f"""
            select count(*) from ({made.rows})
            where not coalesce(ra between -360 and 360 and "dec" between -90 and 90, false)
        """).fetchone()
    if lacking:
        raise CatalogError(
            f"{lacking:,} rows of {version} have no position on the sky, by which HATS files them.",
            'Leave them out: --where "ra between 0 and 360 and dec between -90 and 90"',
        )


@contextlib.contextmanager
def _linked(folder: Path) -> Iterator[Path]:
    """A link to the folder with a plain path.

    pyarrow and fsspec, by which the importer reads, see patterns, keys, protocols or hidden files in some names.
    """
    with tempfile.TemporaryDirectory(prefix="galaxiesml-hats-") as place:
        link = Path(place) / "hats"
        link.symlink_to(folder)
        yield link


def _columns(made: Export) -> list[Column]:
    found = []
    for column in made.columns:
        found += [column, TEXT] if column.name == "object_id" else [column]
    return found


def _described(made: Export) -> dict[str, dict[str, str]]:
    """Units, UCDs and descriptions by column, as the importer's package takes them."""
    known = [INDEX, *_columns(made)]
    return {
        "field_units": {column.name: column.unit for column in known if column.unit},
        "field_ucds": {column.name: column.ucd for column in known if column.ucd},
        "field_descriptions": {column.name: column.description for column in known},
    }


def _write_rows(made: Export, path: Path) -> None:
    """The rows for the importer, which keeps the schema: names, units, UCDs, descriptions and provenance."""
    plain = pq.read_schema(made.source)
    schema = pa.schema(
        [
            pa.field(column.name, pa.string() if column is TEXT else plain.field(column.name).type).with_metadata(
                {"unit": column.unit, "ucd": column.ucd, "description": column.description}
            )
            for column in _columns(made)
        ],
        metadata={KEY: json.dumps(made.facts)},
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches(made, ROWS):
            interrupts.check()
            arrays = []
            for name, array in zip(plain.names, batch.columns, strict=True):
                arrays += [array, pc.cast(array, pa.string())] if name == "object_id" else [array]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _import(link: str, made: Export, described: dict[str, dict[str, str]]) -> None:
    """Run the importer; in a process of its own."""
    said = io.StringIO()
    # It and dask print what failed, and raise no more than that something did.
    with contextlib.redirect_stdout(said):
        try:
            import dask
            from dask.distributed import Client
            from hats.catalog import TableProperties
            from hats.io.parquet_metadata import write_voparquet_in_common_metadata
            from hats_import.pipeline import pipeline_with_client
            from tqdm import tqdm

            # Its bars are off; their lock between processes would outlive this one where it is killed.
            tqdm.set_lock(threading.RLock())
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            place = Path(link) / "out" / made.facts["table"]
            # One thread of this process, no port, no page of the web.
            one = {"processes": False, "n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
            with dask.config.set(temporary_directory=f"{link}/dask"), Client(**one) as client:
                pipeline_with_client(_arguments(Path(link), made), client)
            write_voparquet_in_common_metadata(place, **described)
            _tell(TableProperties.read_from_dir(place), place, made)
        except Exception as error:
            _refuse(error, said.getvalue())


def _arguments(link: Path, made: Export):
    from hats_import.catalog.arguments import ImportArguments
    from hats_import.catalog.file_readers.parquet import ParquetPyarrowReader

    return ImportArguments(
        output_path=link / "out",
        output_artifact_name=made.facts["table"],
        input_file_list=[link / "rows.parquet"],
        file_reader=ParquetPyarrowReader(chunksize=ROWS),
        use_schema_file=link / "rows.parquet",
        ra_column="ra",
        dec_column="dec",
        sort_columns="object_id",
        pixel_threshold=FILE_ROWS,
        expected_total_rows=made.facts["rows"],
        tmp_dir=link / "tmp",
        resume=False,
        progress_bar=False,
    )


def _tell(properties, place: Path, made: Export) -> None:
    """Write the provenance, and take out the time: equal builds have equal files."""
    told = properties.model_dump(by_alias=True, exclude_none=True)
    for name in ("hats_creation_date", "hats_estsize"):
        told.pop(name, None)
    # Readers take a backslash for the begin of an escape, and their writer does not write it twice.
    told[KEY] = json.dumps(made.facts).replace("\\", "\\\\")
    type(properties)(**told).to_properties_file(place)


def _refuse(error: Exception, said: str) -> None:
    text = f"{said}\n{error}"
    if any(words in text for words in ("No space left on device", "Disk quota exceeded", "File too large")):
        raise ResourceError("hats-import could not write: the disk is full.", "Make room, and type it again.") from None
    if isinstance(error, MemoryError) or "MemoryError" in text or "malloc of size" in text:
        raise ResourceError("There is not enough memory for hats-import.", "Choose fewer rows with --where.") from None
    lines = [line.strip() for line in said.splitlines() if line.strip()] or [f"{type(error).__name__}: {error}"]
    raise InputError(
        f"hats-import failed: {' '.join(lines[-3:])}", "Tested with 0.10.4: pip install hats-import==0.10.4"
    )


def _settle(making: Path, made: Export) -> None:
    """Leave nothing in the folder but the catalogue, all of it on the disk."""
    place = making / "out" / made.facts["table"]
    (making / "rows.parquet").unlink()
    for name in ("tmp", "dask"):
        shutil.rmtree(making / name, ignore_errors=True)
    for path in sorted(place.iterdir()):
        os.rename(path, making / path.name)
    shutil.rmtree(making / "out")
    for path in making.rglob("*"):
        sync(path)
