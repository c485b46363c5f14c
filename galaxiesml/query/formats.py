"""The formats in which a table is written, by the names that the command line gives them."""

from __future__ import annotations

from galaxiesml.query.tables import write_csv, write_ecsv, write_parquet

#: Each takes an `Export` and a path.
WRITERS = {"csv": write_csv, "ecsv": write_ecsv, "parquet": write_parquet}
