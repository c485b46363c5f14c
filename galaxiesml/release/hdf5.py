"""Write the released HDF5 files as a stream, in constant memory for any number of galaxies.

A file is written under a temporary name, in two steps.  First the datasets are created at their full size, contiguous
and uncompressed, with every column of the catalogue.  Then the pixels are written directly to the bytes of ``image``,
and the progress is noted outside the file.  A killed export therefore continues where it stopped, and cannot leave a
broken HDF5 structure.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
import h5py
import numpy as np
import pyarrow as pa

from galaxiesml import __version__
from galaxiesml.catalog import Catalog
from galaxiesml.catalog.normalisation import keep_statistics
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.settings import check_space
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.errors import CatalogError
from galaxiesml.pixels.store import Shards
from galaxiesml.release.layout import NULLS, Key, empty_pixel, in_sql, keys
from galaxiesml.release.statistics import Statistics, attributes, prefixed, write_statistics
from galaxiesml.releases.instrument import facts_for
from galaxiesml.samples import morphology
from galaxiesml.samples.pictures import BLOCK, COLUMNS, blocks, fill, psf_side
from galaxiesml.samples.selection import Selection, counts, select
from galaxiesml.system import atomic, interrupts, refusals
from galaxiesml.system.atomic import sync as sync_folder
from galaxiesml.system.atomic import write_atomic

#: Rows of the catalogue written at a time.
ROWS = 65_536
#: Galaxies after which the disk is waited for and the progress noted.
NOTED = 4096
#: Galaxies after which pictures that were read no longer count as this process's memory.
FORGOTTEN = 128


@dataclass(frozen=True)
class Wanted:
    """The files to write.

    Attributes
    ----------
    selection : Selection
    sizes : tuple of int
        Pixels on a side.
    fill : float
        What morphology holds where nothing was detected: 0, as in the release, or NaN.
    leftovers, extra : bool
        As :func:`galaxiesml.release.layout.keys` takes them.
    layers : tuple of str
        Of image, variance, mask and psf, the image among them.
    """

    selection: Selection
    sizes: tuple[int, ...] = (127, 64)
    fill: float = 0.0
    leftovers: bool = False
    extra: bool = False
    layers: tuple[str, ...] = ("image",)


@dataclass
class Target:
    """One file in the making.

    Attributes
    ----------
    layout : list of Key
    empty : dict of str to int
        What a pixel of each layer holds where no picture covers it.
    start : int
        Galaxies whose pixels are written.
    offsets : dict of str to int
        Where each layer begins in the file, in bytes.
    not_finite : int
        Pixels of images that were not finite.
    statistics : Statistics, optional
        Of the images written; of the training split alone.
    """

    path: Path
    size: int
    rows: int
    layout: list[Key] = field(default_factory=list)
    empty: dict[str, int] = field(default_factory=dict)
    start: int = 0
    offsets: dict[str, int] = field(default_factory=dict)
    not_finite: int = 0
    statistics: Statistics | None = None
    fingerprint: str = ""

    @property
    def part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part")

    @property
    def note(self) -> Path:
        return self.path.with_name(f".{self.path.name}.progress")

    def facts(self, split: str) -> dict:
        """As `export_hdf5` tells it."""
        named = {"path": str(self.path), "split": split, "size": self.size, "galaxies": self.rows}
        return named | {"not_finite_pixels": self.not_finite}


def export_hdf5(catalog: Catalog, wanted: Wanted, folder: Path, *, force: bool = False, progress=None) -> dict:
    """Write the files of every split and size; existing files are replaced.

    Parameters
    ----------
    folder : Path
        Where the files go.
    progress : object, optional
        Its ``update(description=, total=)`` and ``advance(n)`` receive galaxies.

    Returns
    -------
    dict
        files (path, split, size, galaxies, not_finite_pixels), left_out, left_out_file, normalisation (paths),
        not_kept: why the statistics could not be kept for the mart normalisation; None if they were.

    Raises
    ------
    CatalogError
        No galaxy has pictures in all filters, or no picture has a layer.
    ResourceError
        The disk is too full.
    InputError
        The release profile does not give the pixel scale or the zero point, which the files state.
    """
    facts_for(catalog.profile, "export hdf5", "pixel_scale_arcsec", "zero_point_mag")
    connection = select(catalog, wanted.selection)
    rows = counts(catalog, connection, wanted.selection)
    # Of one build, even if another is published meanwhile.
    told = {split: attributes_of(catalog, wanted, split) for split in SPLITS}
    bands = len(catalog.profile.bands)
    layouts = _layouts(catalog, connection, wanted)
    needed = sum(rows.values()) * sum(map(_bytes_a_row, layouts.values()))
    folder.mkdir(parents=True, exist_ok=True)
    # The note of an export that was killed at its end is not written again.
    atomic.clear(folder)
    check_space(folder, needed, force)
    left_out = _write_left_out(connection, folder / _name(wanted.sizes[0], bands, "left_out", "csv"))
    if progress is not None:
        progress.update(total=sum(rows.values()))
    files, measured = [], {}
    empty = {layer: empty_pixel(catalog.profile, layer) for layer in wanted.layers}
    for split, number in rows.items():
        targets = [
            Target(folder / _name(size, bands, split, "hdf5"), size, number, layouts[size], empty)
            for size in wanted.sizes
        ]
        if progress is not None:
            progress.update(description=f"writing {split}")
        with _room_given_back(targets):
            _write_split(catalog, connection, wanted, told[split], targets, measured, progress)
        files += [target.facts(split) for target in targets]
    return {
        "files": files,
        "left_out": left_out,
        "left_out_file": str(folder / _name(wanted.sizes[0], bands, "left_out", "csv")),
        "normalisation": _write_tables(folder, bands, measured, told[SPLITS[0]]),
        "not_kept": _keep(catalog, connection, wanted.selection, told[SPLITS[0]]["build"], measured),
    }


def _write_tables(folder: Path, bands: int, measured: dict[int, list[dict]], told: dict) -> list[str]:
    """Write the statistics of each size beside the files; their paths."""
    tables = {size: folder / _name(size, bands, "normalisation", "parquet") for size in measured}
    for size, path in tables.items():
        write_statistics(measured[size], path, told | {"image_size": size})
    return [str(path) for path in tables.values()]


def _keep(
    catalog: Catalog, connection, selection: Selection, build: str, measured: dict[int, list[dict]]
) -> str | None:
    """Keep the statistics for the mart; the files stand without it, so a catalogue that refuses is no error."""
    ids = connection.sql(f"select object_id from chosen where split = '{SPLITS[0]}' order by object_id")
    hashed = hashlib.sha256()
    for batch in ids.to_arrow_reader(ROWS):
        hashed.update(batch.column(0).to_numpy().astype("<i8").tobytes())
    choice = {
        "statistics_build": build,
        "version": selection.version,
        "split_scheme": selection.scheme.replace("-", "_"),
        "missing_pictures": selection.missing,
        "sample_condition": selection.where.text if selection.where else "",
        "sample_sha256": hashed.hexdigest(),
    }
    try:
        for size, rows in measured.items():
            keep_statistics(catalog, choice | {"image_size": size}, prefixed(rows))
    except OSError as error:
        return f"{error.filename or catalog.root}: {error.strerror or error}"
    return None


def _bytes_a_row(layout: list[Key]) -> int:
    """What a galaxy takes in a file, about."""
    return 1000 + sum(4 * int(np.prod(key.tail)) for key in layout if key.source == "image")


def _layouts(catalog: Catalog, connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> dict[int, list[Key]]:
    """The keys of the files of each size."""
    for layer in wanted.layers:
        ((known,),) = connection.execute(f"""
            select count({COLUMNS[layer][1]}) from pictures where object_id in (select object_id from chosen)
        """).fetchall()
        if not known and layer != "image":
            kind = "psf" if layer == "psf" else "cutouts"
            raise CatalogError(
                f"No picture of {wanted.selection.version} has a landed {layer}.",
                f"Leave {layer} out of --layers; or land it.  {catalog.next_for(kind)}",
            )
    side = psf_side(connection) if "psf" in wanted.layers else 0
    options = {"leftovers": wanted.leftovers, "extra": wanted.extra, "layers": wanted.layers, "psf_side": side}
    return {size: keys(catalog.profile, size, **options) for size in wanted.sizes}


@contextlib.contextmanager
def _room_given_back(targets: list[Target]) -> Iterator[None]:
    """What a killed export left is gone on with; what filled the disk would only keep it full."""
    try:
        yield
    except Exception as error:
        if refusals.is_full(error):
            for target in targets:
                target.part.unlink(missing_ok=True)
                target.note.unlink(missing_ok=True)
        raise


def _name(size: int, bands: int, what: str, suffix: str) -> str:
    return f"{bands}x{size}x{size}_{what}{'_with_morphology' if what in SPLITS else ''}.{suffix}"


def _write_split(
    catalog, connection, wanted: Wanted, plan: dict, targets: list[Target], measured: dict[int, list[dict]], progress
) -> None:
    """The files of a split; ``measured`` gets the statistics of the training split, which is the first."""
    split = plan["split"]
    for target in targets:
        _begin(catalog, connection, wanted, split, target, plan)
        if split == SPLITS[0]:
            target.statistics = Statistics(list(catalog.profile.bands), target.size)
            _count_again(target)
    start = min(target.start for target in targets)
    if progress is not None:
        progress.advance(start)
    _write_pixels(catalog, connection, wanted.layers, split, targets, start, progress)
    for target in targets:
        if target.statistics is not None:
            measured[target.size] = target.statistics.rows()
        with h5py.File(target.part, "r+") as file:
            file.attrs["not_finite_pixels"] = np.int64(target.not_finite)
            for name, values in attributes(measured[target.size]).items():
                file["image"].attrs[name] = values
        atomic.sync(target.part)
        interrupts.check()
        os.replace(target.part, target.path)
        sync_folder(target.path.parent)
        target.note.unlink(missing_ok=True)


def _count_again(target: Target) -> None:
    """Count the images that a killed export has written: statistics are of all."""
    if not target.start:
        return
    shape = next(key.tail for key in target.layout if key.name == "image")
    written = np.memmap(target.part, "<f4", "r", target.offsets["image"], (target.start, *shape))
    for at in range(0, target.start, BLOCK):
        target.statistics.add(written[at : at + BLOCK])


def attributes_of(catalog: Catalog, wanted: Wanted, split: str) -> dict:
    """What a file of a split says of itself; equal for equal builds."""
    info = catalog.build_info()
    selection = wanted.selection
    version = info["versions"][selection.version]
    return {
        "title": f"GalaxiesML, {selection.version}: {version['title']}",
        "build": info["id"],
        "galaxiesml": __version__,
        "release": info["release"],
        "version": selection.version,
        "cuts": ", ".join(version["cuts"]),
        "missing_cuts": ", ".join(version["missing_cuts"]),
        "rule": version.get("rule", ""),
        "conditions": json.dumps(version.get("conditions", {})),
        "where": selection.where.text if selection.where else "",
        "incomplete": bool(version["missing_cuts"]),
        **not_applicable(version),
        "spectra_from": info.get("spectra_from", "export"),
        "split_scheme": selection.scheme,
        "split": split,
        "split_seed": int(info.get("split_seed", 0)),
        "bands": ", ".join(catalog.profile.bands),
        "missing": selection.missing,
        "morphology": morphology.told(info),
        "morphology_fill": float(wanted.fill),
        "pixel_scale_arcsec": catalog.profile.instrument.pixel_scale_arcsec,
    }


def not_applicable(version: dict) -> dict[str, str]:
    """The attribute that tells which cuts do not apply to the release, and why; none where all do."""
    told = version.get("not_applicable", {})
    return {"not_applicable": "; ".join(f"{cut}: {why}" for cut, why in told.items())} if told else {}


def _begin(catalog, connection, wanted: Wanted, split: str, target: Target, plan: dict) -> None:
    """Continue a file that a killed export has left, or create it anew."""
    text = json.dumps([plan, asdict(wanted), target.size, target.rows], default=str, sort_keys=True)
    fingerprint = hashlib.sha256(text.encode()).hexdigest()
    with contextlib.suppress(OSError, ValueError, KeyError):
        note = json.loads(target.note.read_text(encoding="utf-8"))
        if note["fingerprint"] == fingerprint:
            with h5py.File(target.part, "r") as file:
                target.offsets = {layer: file[layer].id.get_offset() or 0 for layer in wanted.layers}
            target.start, target.not_finite = note["galaxies"], note["not_finite"]
            target.fingerprint = fingerprint
            return
    target.note.unlink(missing_ok=True)
    target.fingerprint = fingerprint
    layout = target.layout
    texts = _longest(connection, wanted.selection.version, layout)
    room = _bytes(layout, target.rows, texts)
    # HDF5 ends the whole program where the disk is full: the room is taken before it opens the file, and again since
    # it empties what it opens.
    atomic.reserve(target.part, room)
    with h5py.File(target.part, "w", libver=("earliest", "v110")) as file:
        atomic.reserve(target.part, room)
        for name, value in (plan | {"image_size": target.size, "not_finite_pixels": np.int64(0)}).items():
            file.attrs[name] = value
        sets = {key.name: _create(file, key, target.rows, texts) for key in layout}
        for key in layout:
            if key.tail and key.source == "morphology":
                sets[key.name][...] = 0
        listed = [key for key in layout if key.source != "image" and not (key.tail and key.source == "morphology")]
        columns = [in_sql(key, wanted.fill, morphology.is_measured(catalog)) for key in listed]
        joined = morphology.join(morphology.is_measured(catalog))
        for at, batch in _catalogue(connection, wanted.selection.version, split, columns, joined):
            for key, column in zip(listed, batch.columns, strict=True):
                sets[key.name][at : at + len(batch)] = _values(key, column, sets[key.name].dtype)
        file.flush()
        target.offsets = {layer: sets[layer].id.get_offset() or 0 for layer in wanted.layers}
    _note(target)


def _bytes(layout: list[Key], rows: int, texts: dict[str, int]) -> int:
    """What a file takes on the disk at most; its end is cut to what it holds when it is closed."""
    values = sum(
        (texts[key.name] if key.dtype == "S" else np.dtype(key.dtype).itemsize) * rows * int(np.prod(key.tail))
        for key in layout
    )
    # A dataset's own words, and the file's.
    return values + 4096 * len(layout) + 65_536


def _create(file: h5py.File, key: Key, rows: int, texts: dict[str, int]) -> h5py.Dataset:
    """One dataset at its full size: contiguous, its place taken now, no time stamp."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.CONTIGUOUS)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)
    dtype = np.dtype(f"S{texts[key.name]}" if key.dtype == "S" else key.dtype)
    space = h5py.h5s.create_simple((rows, *key.tail))
    made = h5py.h5d.create(file.id, key.name.encode(), h5py.h5t.py_create(dtype, logical=True), space, properties)
    dataset = h5py.Dataset(made)
    dataset.attrs["unit"] = key.unit
    dataset.attrs["description"] = key.description
    dataset.attrs["dtype_assumed"] = key.is_assumed
    if key.dtype in NULLS and key.source == "catalogue":
        dataset.attrs["null_value"] = NULLS[key.dtype]
    return dataset


def _longest(connection: duckdb.DuckDBPyConnection, version: str, layout: list[Key]) -> dict[str, int]:
    """Bytes of the longest text of each text column: one type for the three splits."""
    names = [key.name for key in layout if key.dtype == "S"]
    measures = ", ".join(f'coalesce(max(strlen("{name}")), 0)' for name in names)
    lengths = connection.execute(f"select {measures} from galaxies_{version}").fetchall()[0]
    return {name: max(1, length) for name, length in zip(names, lengths, strict=True)}


def _catalogue(
    connection, version: str, split: str, columns: list[str], joined: str
) -> Iterator[tuple[int, pa.RecordBatch]]:
    """The tables' columns in the files' order, and the row where each batch begins."""
    relation = connection.sql(f"""
        select {", ".join(columns)} from galaxies_{version} as galaxies
        inner join chosen on galaxies.object_id = chosen.object_id
        {joined}
        where chosen.split = '{split}' order by galaxies.object_id
    """)
    at = 0
    for batch in relation.to_arrow_reader(ROWS):
        yield at, batch
        at += len(batch)


def _values(key: Key, column: pa.Array, dtype: np.dtype) -> np.ndarray:
    """A column as NumPy: a NULL number is NaN, other NULLs are what `NULLS` says."""
    if key.dtype == "<f8":
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    filled = column.fill_null(NULLS[key.dtype].decode() if key.dtype == "S" else NULLS[key.dtype])
    if key.dtype == "S":
        return np.array([text.encode() for text in filled.to_pylist()], dtype).reshape(-1, 1)
    return filled.to_numpy(zero_copy_only=False).astype(dtype)


def _write_pixels(
    catalog, connection, layers: tuple[str, ...], split: str, targets: list[Target], start: int, progress
) -> None:
    """Frame every picture once for each size, and write the frames to their places in the files."""
    stores = {layer: Shards(catalog.raw / ("psf" if layer == "psf" else "cutouts")) for layer in layers}
    frames = [
        {key.name: np.zeros((BLOCK, *key.tail), key.dtype) for key in target.layout if key.source == "image"}
        for target in targets
    ]
    with contextlib.ExitStack() as stack:
        files = [os.open(target.part, os.O_RDWR) for target in targets]
        for file in files:
            stack.callback(os.close, file)
        at = start
        for places in blocks(connection, split, list(catalog.profile.bands), start, layers):
            count = len(places["image"])
            for target, out, file in zip(targets, frames, files, strict=True):
                if at >= target.start:
                    _write_block(target, stores, places, out, file, at)
            at += count
            if progress is not None:
                progress.advance(count)
            if at % FORGOTTEN == 0:
                for shards in stores.values():
                    shards.forget()
            if at % NOTED == 0 or at == targets[0].rows:
                for target, file in zip(targets, files, strict=True):
                    if at > target.start:
                        os.fsync(file)
                        target.start = at
                        _note(target)


def _write_block(target: Target, stores: dict[str, Shards], places: dict, frames: dict, file: int, at: int) -> None:
    """One block of galaxies in one file, all layers."""
    for layer, found in places.items():
        out = frames[layer]
        wrong = fill(stores[layer], found, out, layer, target.empty[layer])
        if layer == "image":
            target.not_finite += wrong
            if target.statistics is not None:
                target.statistics.add(out[: len(found)])
        _write_at(file, out[: len(found)], target.offsets[layer] + at * out[0].nbytes)


def _write_at(file: int, block: np.ndarray, offset: int) -> None:
    data = memoryview(np.ascontiguousarray(block)).cast("B")
    while data:
        written = os.pwrite(file, data, offset)
        data, offset = data[written:], offset + written


def _note(target: Target) -> None:
    note = {"fingerprint": target.fingerprint, "galaxies": target.start, "not_finite": target.not_finite}
    write_atomic(target.note, json.dumps(note))


def _write_left_out(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """List the galaxies that are in no file, each with its reason."""
    with atomic.appearing(path) as making:
        connection.execute(f"copy (select * from left_out order by object_id) to {quote(making)} (header)")
    return connection.execute("select count(*) from left_out").fetchall()[0][0]
