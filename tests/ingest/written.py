"""One small table, written in each format that can be landed, as an archive or a colleague would write it."""

import csv
import gzip
import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

#: 17 digits: a float holds none of these exactly.
IDS = [36411452835238207, 36411452835248579, 40959174661653033, 41407241180991999]
#: None is NULL; the first column of each pair is the release's type.
TABLE = {
    "object_id": ("bigint", IDS),
    "ra": ("double", [137.06574812, 129.49085901, 0.1, 359.99999999]),
    "isprimary": ("boolean", [True, False, None, True]),
    "i_cmodel_mag": ("double", [18.431461, None, 25.0, 17.2]),
    "i_cmodel_flag": ("boolean", [False, True, False, None]),
    "specz_name": ("text", ["SDSS-1", None, "a,b", 'say "x"']),
    "specz_redshift": ("double", [0.1, None, 9.9999, 3.9999999999999996]),
    "specz_flag_gama_dr2": ("boolean", [True, False, None, True]),
    "specz_flag_sdss_dr14": ("boolean", [True, False, None, False]),
}
#: What must stand in the landed Parquet whatever the format was.
LANDED = {name: values for name, (_, values) in TABLE.items() if not name.startswith("specz_flag")} | {
    "specz_surveys": ["sdss_dr14,gama_dr2", None, None, "gama_dr2"],
    "specz_error_kind": ["arbitrary", None, None, "arbitrary"],
}


def write(path, kind):
    """Write TABLE as csv, csv.gz, fits, parquet or sqlite; returns the path."""
    {"csv": _csv, "csv.gz": _csv, "fits": _fits, "parquet": _parquet, "sqlite": _sqlite}[kind](path)
    return path


def _rows():
    return list(zip(*(values for _, values in TABLE.values()), strict=True))


def _csv(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "wt", newline="") as file:
        file.write("# sql: select object_id,\n#   ra from pdr2_wide.forced\n# user: x\n")
        file.write("# " + ",".join(TABLE) + "\n")
        writer = csv.writer(file, lineterminator="\n")
        for row in _rows():
            writer.writerow(
                ["" if cell is None else str(cell).lower() if isinstance(cell, bool) else cell for cell in row]
            )


def _fits(path):
    """As the archive does: what is NULL holds anything, and X_isnull says so."""
    found = []
    for name, (kind, values) in TABLE.items():
        blank = {"bigint": -1, "double": 77.0, "boolean": True, "text": "junk"}[kind]
        form = {"bigint": "K", "double": "D", "boolean": "L", "text": "12A"}[kind]
        filled = [blank if value is None else value for value in values]
        found.append(fits.Column(name, form, array=np.array(filled)))
        found.append(fits.Column(f"{name}_isnull", "L", array=np.array([value is None for value in values])))
    fits.BinTableHDU.from_columns(found).writeto(path)


def _parquet(path):
    kinds = {"bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    pq.write_table(pa.table({name: pa.array(values, kinds[kind]) for name, (kind, values) in TABLE.items()}), path)


def _sqlite(path):
    kinds = {"bigint": "bigint", "double": "double precision", "boolean": "boolean", "text": "text"}
    with sqlite3.connect(path) as connection:
        declared = ", ".join(f"{name} {kinds[kind]}" for name, (kind, _) in TABLE.items())
        connection.execute(f"create table t ({declared})")
        connection.executemany(f"insert into t values ({', '.join('?' * len(TABLE))})", _rows())
    connection.close()
