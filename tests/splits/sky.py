"""The split models on positions made in a test; and the same rules read a second time, in Python's own numbers."""

import hashlib
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from astropy.wcs import WCS

from galaxiesml import dictionary
from galaxiesml.curation.macros import Macros
from tests.curation.replay import BANDS

MODELS = (
    *("intermediate/int_object_cells", "intermediate/int_border_objects", "intermediate/int_touched_cells"),
    *("intermediate/int_split_cells", "intermediate/int_splits", "marts/split_cells", "marts/splits"),
)
THIRDS = {"training": Fraction(3, 5), "validation": Fraction(1, 5), "testing": Fraction(1, 5)}
SEVENTHS = {"training": Fraction(5, 7), "validation": Fraction(1, 7), "testing": Fraction(1, 7)}
SHARES = {"release": SEVENTHS, "paper": THIRDS, "leak_free": SEVENTHS}
#: Half the diagonal of 127 pixels of 0.168 arcsec is 15.087.
RADIUS = 15.1 / 3600


def run(object_id, ra, dec, seed=1, threads=2, official=(), project: Path | None = None):
    """The models' tables in a DuckDB connection; ``project`` is another copy of sql/ and models/."""
    project = project or dictionary.PROJECT
    connection = duckdb.connect(config={"threads": threads})
    objects = {"object_id": pa.array(object_id, pa.int64()), "ra": doubles(ra), "dec": doubles(dec)}
    connection.register("given", pa.table(objects))
    connection.execute("create table int_kept_objects as select * from given")
    ids, splits = zip(*official, strict=True) if official else ((), ())
    connection.register(
        "stg_release__splits",
        pa.table({"object_id": pa.array(ids, pa.int64()), "split": pa.array(splits, pa.string())}),
    )
    macros = Macros(BANDS, project / "sql" / "macros", split_seed=seed)
    for name in MODELS:
        sql = macros.render((project / "models" / f"{name}.sql").read_text())
        connection.execute(f"create table {Path(name).name} as {sql}")
    return connection


def doubles(values) -> pa.Array:
    return pa.array([None if value is None else float(value) for value in values], pa.float64())


def splits(connection, scheme="leak_free") -> dict[int, str | None]:
    return dict(connection.execute(f"select object_id, split_{scheme} from splits").fetchall())


def hashed(seed, scheme, key) -> str:
    """The split of a key, by whole numbers and fractions."""
    digest = hashlib.md5(f"{seed}/{scheme}/{key}".encode()).hexdigest()
    place, passed = Fraction(int(digest, 16), 16**32), Fraction(0)
    for split, share in SHARES[scheme].items():
        passed += share
        if place < passed:
            return split
    raise AssertionError("the shares add up to less than 1")


def cells_of(ra, dec) -> np.ndarray:
    """Cell number of each position (deg), by bands of a quarter degree and whole cells around each."""
    ra, dec = np.asarray(ra, np.longdouble) % 360, np.asarray(dec, np.longdouble)
    band = np.clip(np.floor((dec + 90) / np.longdouble(0.25)).astype(int), 0, 719)
    middle = np.radians((band + 0.5) * 0.25 - 90)
    count = np.maximum(1, np.rint(360 * np.cos(middle) / 0.25).astype(int))
    return band * 1440 + np.floor(ra / 360 * count).astype(int) % count


def patch(ra, dec, width, height, density=30_000, seed=1):
    """Objects spread evenly over a patch around (ra, dec), deg; at a pole over all right ascensions."""
    draw = np.random.default_rng(seed)
    low, high = max(dec - height / 2, -90), min(dec + height / 2, 90)
    span = 360 if max(abs(low), abs(high)) == 90 else width / np.cos(np.radians(dec))
    area = span * np.degrees(np.sin(np.radians(high)) - np.sin(np.radians(low)))
    count = int(density * area)
    places = np.degrees(np.arcsin(draw.uniform(np.sin(np.radians(low)), np.sin(np.radians(high)), count)))
    return (ra + draw.uniform(-span / 2, span / 2, count)) % 360, places


def tract(ra, dec) -> WCS:
    """Pixels of 0.168 arcsec in the tangent plane at (ra, dec), deg; pixel (0, 0), counted from 1, is there."""
    frame = WCS(naxis=2)
    frame.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    frame.wcs.cdelt = [-0.168 / 3600, 0.168 / 3600]
    frame.wcs.crval = [ra, dec]
    return frame


def pixel_positions(ra, dec, steps=9):
    """RA and Dec (deg), shape (objects, steps**2), over each cutout of 127 x 127 pixels: corners, edges, inside."""
    line = np.linspace(-63.5, 63.5, steps)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    frame = tract(0, 0)
    found = np.empty((len(ra), 2, len(grid)))
    for at, place in enumerate(zip(ra, dec, strict=True)):
        frame.wcs.crval = place
        frame.wcs.set()
        found[at] = frame.wcs_pix2world(grid, 1).T
    return found[:, 0], found[:, 1]


def strays(connection, ra, dec) -> int:
    """Pixels of objects in a file that lie in a cell of another split, as the hash of the cell says it."""
    found = splits(connection)
    split = np.array([found[number] for number in range(len(ra))])
    inside = split != "buffer"
    cells = cells_of(*pixel_positions(ra[inside], dec[inside]))
    numbers, places = np.unique(cells, return_inverse=True)
    of_cell = np.array([hashed(1, "leak_free", number) for number in numbers])[places.reshape(cells.shape)]
    return int((of_cell != split[inside][:, None]).sum())
