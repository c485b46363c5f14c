"""Write the spectroscopic sample as a catalogue from which pictures are drawn in bulk: galaxies and neighbours."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.errors import UsageError
from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG
from galaxiesml.mock.sky import SKY_VERSION
from galaxiesml.mock.sky.galaxies import neighbours
from galaxiesml.mock.sky.galaxies.compare import Sample, of_galaxies, parts
from galaxiesml.mock.sky.galaxies.galaxies import Galaxies
from galaxiesml.mock.sky.galaxies.sources import Sources
from galaxiesml.mock.sky.instrument import (
    BANDS,
    BETA,
    EXTINCTION,
    GAIN,
    REDDENING_MAG,
    REDDENING_RANGE_MAG,
    SATURATED,
    generator,
)
from galaxiesml.mock.sky.survey.noise import sky_sigmas_anywhere
from galaxiesml.mock.sky.survey.psf import psfs_anywhere
from galaxiesml.system import atomic

FILES = ("galaxies.parquet", "sources.parquet", "neighbours.parquet")
SIZES = (64, 127)
#: Galaxies of a row group; the neighbours of these are the row group of the same number.
PART = 10_000
_POOL_STREAM, _PLACE_STREAM = 6, 7
#: Identifiers of one seed, so that two populations can be put together.
_IDS_A_SEED = 1_000_000_000
_I = BANDS.index("i")
_SHAPE = ("bulge_radius_arcsec", "disc_radius_arcsec", "bulge_axis_ratio", "disc_axis_ratio", "position_angle_deg")


@dataclass(frozen=True)
class Request:
    """What to write.

    Attributes
    ----------
    galaxies, seed : int
    size : int
        Pixels on a side of the pictures: neighbours are placed out to five arcsec beyond.
    """

    galaxies: int
    seed: int
    size: int = 64


def write_population(
    request: Request, folder: Path, progress: Callable[[int], None] | None = None
) -> tuple[Sample, dict]:
    """Write ``galaxies.parquet``, ``sources.parquet``, ``neighbours.parquet``, and last ``population.json``.

    Memory stays the same whatever the number of galaxies is.  Equal requests give equal bytes.

    Parameters
    ----------
    progress : callable, optional
        Called with the number of galaxies written since it was last called.

    Returns
    -------
    Sample
        What was written, as `compare.drawn` gives it.
    dict
        What ``population.json`` holds.

    Raises
    ------
    UsageError
        A number is out of range, or GalSim or speclite is not installed.
    """
    if request.size not in SIZES:
        raise UsageError(f"--size {request.size} is unknown.", "Give 64 or 127.")
    if request.seed >= 2**63 // _IDS_A_SEED - 1 or request.galaxies >= _IDS_A_SEED:
        raise UsageError("The seed or the number of galaxies is too large for identifiers.", "Give --seed 1")
    folder.mkdir(parents=True, exist_ok=True)
    # Without it the folder is no population: nothing reads files of two runs as one.
    (folder / "population.json").unlink(missing_ok=True)
    pool = neighbours.Pool.drawn(generator(request.seed, _POOL_STREAM))
    samples, placed = [], 0
    with contextlib.ExitStack() as stack:
        making = [stack.enter_context(atomic.appearing(folder / name)) for name in FILES]
        _write(stack, making[1], _shapes(pool.sources) | {"is_star": pool.sources.is_star})
        written = [None, None]
        for first, galaxies in _groups(request):
            tables = _tables(request, first, galaxies, pool)
            placed += len(tables[1])
            for at, table in enumerate(tables):
                if written[at] is None:
                    written[at] = stack.enter_context(_writer(making[2 * at], table.schema))
                written[at].write_table(table, row_group_size=max(len(table), 1))
            samples.append(of_galaxies(galaxies))
            if progress:
                progress(len(galaxies))
    info = _info(request, folder, {"galaxies": request.galaxies, "sources": len(pool.sources), "neighbours": placed})
    atomic.write_atomic(folder / "population.json", json.dumps(info, indent=1) + "\n")
    return Sample(*(np.concatenate([getattr(s, name) for s in samples]) for name in vars(samples[0]))), info


def _groups(request: Request) -> Iterator[tuple[int, Galaxies]]:
    first = 0
    for drawn in parts(request.galaxies, request.seed):
        for start in range(0, len(drawn), PART):
            yield first + start, drawn.at(slice(start, start + PART))
        first += len(drawn)


def _tables(request: Request, first: int, galaxies: Galaxies, pool: neighbours.Pool) -> tuple[pa.Table, pa.Table]:
    """A row group of galaxies, and its neighbours."""
    n = len(galaxies)
    rng = generator(request.seed, _PLACE_STREAM, first)
    x, y = _steps(rng.uniform(-0.5, 0.5, (2, n)), 256)
    fwhm, g1, g2 = psfs_anywhere(n, rng)
    sigma = sky_sigmas_anywhere(n, rng)
    found = neighbours.placed(galaxies, x, y, fwhm[:, _I], sigma[:, _I], pool, request.size, rng)
    wave = 2.0 * np.pi * rng.random((2, n))
    reddening = REDDENING_MAG + REDDENING_RANGE_MAG * np.sin(wave[0]) * np.cos(wave[1])
    ids = request.seed * _IDS_A_SEED + 1 + first + np.arange(n)
    columns = {"object_id": ids, "specz_redshift": _short(galaxies.redshift, 18), "is_quasar": galaxies.is_quasar}
    columns |= _shapes(galaxies) | {"x": x, "y": y}
    columns |= _by_band("{band}_psf_fwhm_arcsec", _short(fwhm, 11))
    columns |= _by_band("{band}_psf_g1", _steps(g1, 8192)) | _by_band("{band}_psf_g2", _steps(g2, 8192))
    columns |= _by_band("{band}_sky_sigma", _short(sigma, 11))
    columns |= _by_band("a_{band}", _short(reddening[:, None] * np.array(EXTINCTION), 11))
    near = {"galaxy": found.galaxy + np.int32(first), "source": found.source, "x": _steps(found.x, 128)}
    near |= {"y": _steps(found.y, 128), "turned": found.turned, "subtracted": _steps(found.subtracted, 256)}
    return pa.table(columns), pa.table(near)


def _shapes(of: Galaxies | Sources) -> dict:
    """Columns of light and shape."""
    columns = _by_band("{band}_mag", _short(of.mag, 17))
    for name in ("bulge_fraction", "point_fraction"):
        columns |= _by_band(f"{{band}}_{name}", _short(getattr(of, name), 11))
    return columns | {name: _short(getattr(of, name), 11) for name in _SHAPE}


def _by_band(name: str, values: np.ndarray) -> dict:
    return {name.replace("{band}", band): np.ascontiguousarray(values[:, at]) for at, band in enumerate(BANDS)}


def _short(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 with the last bits zero, which compression takes away: 2 ** -(bits + 1) of a value is lost."""
    mantissa, exponent = np.frexp(np.asarray(values, np.float64))
    return np.ldexp(np.round(np.ldexp(mantissa, bits)), exponent - bits).astype(np.float32)


def _steps(values: np.ndarray, steps: int) -> np.ndarray:
    """float32, rounded to a part of one."""
    return (np.round(np.asarray(values) * steps) / steps).astype(np.float32)


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=9,
        use_dictionary=False,
        column_encoding={
            field.name: "BYTE_STREAM_SPLIT" if field.name in floats else "DELTA_BINARY_PACKED"
            for field in schema
            if not pa.types.is_boolean(field.type)
        },
    )


def _write(stack: contextlib.ExitStack, path: Path, columns: dict) -> None:
    table = pa.table(columns)
    stack.enter_context(_writer(path, table.schema)).write_table(table)


def _info(request: Request, folder: Path, rows: dict[str, int]) -> dict:
    files = {}
    for name in FILES:
        files[name] = {"rows": rows[name.partition(".")[0]], "bytes": (folder / name).stat().st_size}
        with open(folder / name, "rb") as handle:
            files[name]["sha256"] = hashlib.file_digest(handle, "sha256").hexdigest()
    return {
        "sky_version": SKY_VERSION,
        "galaxies": request.galaxies,
        "seed": request.seed,
        "size": request.size,
        "bands": list(BANDS),
        "pixel_scale_arcsec": PIXEL_SCALE_ARCSEC,
        "zero_point_mag": ZERO_POINT_MAG,
        "psf": f"Moffat, exponent {BETA}",
        "gain": GAIN.tolist(),
        "saturated": SATURATED.tolist(),
        "files": files,
    }
