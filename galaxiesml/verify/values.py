"""Check the keys of a released file, their shapes and types, and every value except pixels."""

from __future__ import annotations

import h5py
import numpy as np

from galaxiesml.verify.attributes import text_of
from galaxiesml.verify.found import Difference

#: Keys of the release, {b} a filter, and their types.
_FLOATS = ("dec", "ra", "specz_dec", "specz_mag_i", "specz_ra", "specz_redshift", "specz_redshift_err")
_PHOTOMETRY = ("{b}_cmodel_mag", "{b}_cmodel_magsigma")
_TEXTS = ("coord", "specz_name")
_MEASURED = (
    *("{b}_central_image_pop_5px_rad", "{b}_central_image_pop_10px_rad", "{b}_central_image_pop_15px_rad"),
    *("{b}_ellipticity", "{b}_half_light_radius", "{b}_isophotal_area", "{b}_major_axis", "{b}_minor_axis"),
    *("{b}_peak_surface_brightness", "{b}_petro_rad", "{b}_pos_angle", "{b}_sersic_index"),
)
_MERGED = ("x_coord", "y_coord", "x_coord_x", "x_coord_y", "y_coord_x", "y_coord_y")
_BEYOND = ("{b}_detected", "{b}_total_galaxies")
#: Layers of pictures that `export hdf5 --layers` writes beside the image, and their types.
_LAYERS = {"variance": "float32", "mask": "int32", "psf": "float32"}
#: Rows compared at a time.
_ROWS = 32_768


def check_layout(file: h5py.File, size: int, bands: tuple[str, ...]) -> int:
    """Keys, shapes and types.

    Returns
    -------
    int
        Rows.

    Raises
    ------
    Difference
        Names the key.
    """
    right = _layout(size, bands)
    merged, beyond = set(_MERGED), set(_each(_BEYOND, bands))
    found = set(file)
    right |= _layers(file, size, bands)
    for key in sorted(set(right) - merged - beyond - found):
        raise Difference(f"the file has no key {key}", key=key)
    for some in (merged, beyond):
        if found & some and not some <= found:
            raise Difference(
                f"the file has no key {min(some - found)}, although it has related keys", key=min(some - found)
            )
    for key in sorted(found - set(right)):
        raise Difference(f"the file has a key {key}, which the release does not have", key=key)
    for key in sorted(found):
        link = file.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink) or not isinstance(file[key], h5py.Dataset) or file[key].external:
            raise Difference(f"{key} is not a dataset of this file", key=key)
    rows = file["object_id"].shape[0] if file["object_id"].shape else 0
    for key in sorted(found):
        _check_dataset(file[key], key, *right[key], rows)
    return rows


def _each(names: tuple[str, ...], bands: tuple[str, ...]) -> list[str]:
    return [name.replace("{b}", band) for name in names for band in (bands if "{b}" in name else bands[:1])]


def _layout(size: int, bands: tuple[str, ...]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Type and shape after the rows of every key that may be there."""
    made = {"image": ("float32", (len(bands), size, size))}
    made |= dict.fromkeys(("object_id", "skymap_id"), ("int64", ()))
    made |= {"specz_flag_homogeneous": ("bool", ())}
    made |= dict.fromkeys(_TEXTS, ("bytes", (1,)))
    made |= dict.fromkeys(_each(_FLOATS + _PHOTOMETRY + _MEASURED, bands), ("float64", ()))
    made |= dict.fromkeys(_MERGED, ("float64", (2,)))
    for key in _each(_BEYOND, bands):
        made[key] = ("bool" if key.endswith("_detected") else "float64", ())
    return made


def _layers(file: h5py.File, size: int, bands: tuple[str, ...]) -> dict[str, tuple[str, tuple[int, ...]]]:
    """The layers that the file has; a PSF picture has a size of its own."""
    made = {}
    for key in layers_of(file):
        shape = getattr(file.get(key), "shape", ())
        side = shape[-1] if key == "psf" and shape else size
        made[key] = (_LAYERS[key], (len(bands), side, side))
    return made


def layers_of(file: h5py.File) -> list[str]:
    """Names of the layers beside the image."""
    return [key for key in _LAYERS if key in file and isinstance(file.get(key, getlink=True), h5py.HardLink)]


def _check_dataset(dataset: h5py.Dataset, key: str, kind: str, tail: tuple[int, ...], rows: int) -> None:
    if dataset.shape != (rows, *tail):
        raise Difference(f"{key} has the shape {dataset.shape}, not {(rows, *tail)}", key=key)
    is_right = dataset.dtype.kind == "S" if kind == "bytes" else dataset.dtype == np.dtype(kind)
    if not is_right:
        raise Difference(f"{key} is of type {dataset.dtype}, not {kind}", key=key)
    if "unit" not in dataset.attrs or not text_of(dataset.attrs.get("description", "")):
        raise Difference(f"{key} has no attribute unit, or no description", key=key)


def check_values(connection, file: h5py.File, mart: str, measured: str | None, number: int, told: dict) -> None:
    """Every value against the catalogue's and the measurements'.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the table ``galaxies_<number>``, whose order is the file's.
    mart : str
        The version's galaxies, as DuckDB reads them.
    measured : str or None
        The measurements, a row an object and filter; None: there are none.

    Raises
    ------
    Difference
        The first in the file's order, names object and key.
    """
    bands = tuple(word.strip() for word in str(told["bands"]).split(","))
    keys = ["object_id", "skymap_id", "specz_flag_homogeneous", *_TEXTS, *_each(_FLOATS + _PHOTOMETRY, bands)]
    columns = [f'galaxies."{key}"' for key in keys]
    joins = ""
    if measured:
        found = [key for key in _each(_MEASURED + _BEYOND, bands) if key in file]
        columns += [_measured(key, _band(key, bands)) for key in found]
        joins = " ".join(
            f"left join (select * from {measured} where band = '{band}') as m_{band} "
            f"on galaxies.object_id = m_{band}.object_id"
            for band in bands
        )
        keys += found
    reader = connection.sql(f"""
        select {", ".join(columns)} from {mart} as galaxies
        inner join galaxies_{number} as rows on galaxies.object_id = rows.object_id
        {joins}
        where rows.is_in order by rows.file_row
    """).to_arrow_reader(_ROWS)
    start = 0
    # A result that is left open would bar the connection from other work.
    with reader:
        for batch in reader:
            right = {key: _expected(column) for key, column in zip(keys, batch.columns, strict=True)}
            right |= {key: _none_filled(right[key], told) for key in keys if key in _each(_MEASURED, bands)}
            right |= {key: np.nan_to_num(right[key]) for key in keys if key.endswith("_total_galaxies")}
            right |= _no_morphology(file, set(keys), len(batch), told)
            _check_block(file, right, start, start + len(batch))
            start += len(batch)


def _expected(column) -> np.ndarray:
    """A column of the catalogue as the file holds it: NULL is NaN, -1, False or an empty text."""
    import pyarrow.types as types

    values = column.to_pylist()
    if types.is_floating(column.type) or types.is_decimal(column.type):
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if types.is_boolean(column.type):
        return np.array([bool(value) for value in values], bool)
    if types.is_integer(column.type):
        return np.array([-1 if value is None else value for value in values], np.int64)
    # As objects: NumPy's own strings would lose the text after a NUL.
    return np.array([(value or "").encode() for value in values], object)


def _band(key: str, bands: tuple[str, ...]) -> str:
    return next(band for band in bands if key.startswith(f"{band}_"))


def _measured(key: str, band: str) -> str:
    name = key[len(band) + 1 :]
    return f'm_{band}."{name}"' if name == "detected" else f'cast(m_{band}."{name}" as double)'


def _none_filled(values: np.ndarray, told: dict) -> np.ndarray:
    """Measurements with what stands for 'not detected' in place of NULL."""
    return np.where(np.isnan(values), float(told.get("morphology_fill", 0.0)), values)


def _no_morphology(file: h5py.File, catalogue: set[str], rows: int, told: dict) -> dict[str, np.ndarray]:
    fill = float(told.get("morphology_fill", 0.0))
    none = {}
    for key in set(file) - catalogue - {"image", *_LAYERS}:
        is_zero = key.endswith("_total_galaxies") or key in _MERGED
        value = False if key.endswith("_detected") else 0.0 if is_zero else fill
        none[key] = np.full((rows, *file[key].shape[1:]), value)
    return none


def _check_block(file: h5py.File, right: dict[str, np.ndarray], start: int, stop: int) -> None:
    first: tuple | None = None
    for key in sorted(right):
        found = file[key][start:stop]
        if found.dtype.kind == "S":
            found = found[:, 0].astype(object)
        same = found == right[key]
        if found.dtype.kind == "f":
            same |= np.isnan(found) & np.isnan(right[key])
        wrong = np.flatnonzero(~same.reshape(len(found), -1).all(1))
        if len(wrong) and (first is None or wrong[0] < first[0]):
            first = int(wrong[0]), key, found[wrong[0]], right[key][wrong[0]]
    if first:
        row, key, value, ought = first
        object_id = int(right["object_id"][row])
        raise Difference(
            f"object {object_id} (row {start + row}): {key} is {_word(value)} but should be {_word(ought)}",
            object_id,
            key,
        )


def _word(value: object) -> str:
    value = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
    return repr(value)
