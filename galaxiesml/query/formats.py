"""The formats in which a table is written, by the names that the command line gives them."""

from __future__ import annotations

from galaxiesml.query.fits_tables import write_fits
from galaxiesml.query.tables import write_astropy_parquet, write_csv, write_ecsv, write_parquet
from galaxiesml.query.votables import write_votable

#: Each takes an `Export` and a path; some return what the user should know of the file.
WRITERS = {
    "csv": write_csv,
    "ecsv": write_ecsv,
    "fits": write_fits,
    "votable": write_votable,
    "parquet": write_parquet,
    "parquet for astropy": write_astropy_parquet,
}
