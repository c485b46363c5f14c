"""Landed spectra made in a test, and the models that match them with objects, without a build."""

import duckdb
import numpy as np
import pyarrow as pa

from galaxiesml import dictionary
from galaxiesml.curation.macros import Macros

BANDS = "grizy"
MAGS = {f"{band}_cmodel_mag": 20.0 for band in BANDS}


def run(objects: dict, spectra: dict, *models: str):
    """The project's own SQL on tables made here."""
    connection = duckdb.connect(config={"threads": 2})
    count = len(objects["object_id"])
    tables = {
        "stg_hsc__objects": pa.table(objects | {name: np.full(count, value) for name, value in MAGS.items()}),
        "int_spectra": pa.table(spectra),
    }
    for name, table in tables.items():
        connection.register(name, table)
    connection.execute("create view stg_hsc__joined as select * from stg_hsc__objects where false")
    macros, folder = Macros(list(BANDS)), dictionary.PROJECT / "models"
    for model in models:
        (path,) = folder.rglob(f"{model}.sql")
        connection.execute(f"create table {model} as {macros.render(path.read_text())}")
    return connection


def spectrum(number: int, redshift: float | None, **changes) -> dict:
    return {
        "spectrum": number,
        "survey": "one",
        "specz_name": f"One-{number}",
        "spectrum_id": str(number),
        "specz_ra": 150.0 + number * 1e-6,
        "specz_dec": 2.0,
        "specz_redshift": redshift,
        "specz_redshift_err": 1e-4,
        "specz_error_kind": "measured",
        "specz_original_flag": "4",
        "specz_flag_homogeneous": redshift is not None,
        "specz_class": "galaxy",
        "specz_instrument": "spectroscopic",
        "specz_confidence": None,
        "spectrum_mag": 19.5,
        "spectrum_mag_band": "i",
        "release_year": 2010,
    } | changes
