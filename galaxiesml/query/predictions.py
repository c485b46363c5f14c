"""Predictions of the published build as files: Parquet and CSV for tables, qp for those who use RAIL."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.dictionary import columns
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.system.atomic import appearing, write_atomic

#: Rows that are read at a time.
ROWS = 65_536
#: Ancillary columns of a qp file, by the names that RAIL gives them.
_ANCILLARY = {"zmode": "z_mode", "zmedian": "z_median", "z_phot": "z_phot", "z_sigma": "z_sigma", "odds": "odds"}


def write(catalog: Catalog, runs: list[str], form: str, path: Path) -> int:
    """Write predictions, with what each run was trained on.

    Parameters
    ----------
    runs : list of str
        Empty: all; qp takes one.
    form : str
        parquet: a row a prediction, PDFs as lists of units of 1/65,535, units and descriptions in the fields' metadata;
        csv: the same without PDFs, the runs in PATH.json; qp: one run's PDFs as histograms.

    Returns
    -------
    int
        Predictions that were written.
    """
    catalog.current_build()
    with catalog.connect() as connection:
        if "photoz_runs" not in catalog.tables():
            raise CatalogError("The published build has no predictions.", "Type: galaxiesml build")
        known = {
            row["photoz_run"]: row
            for row in connection.sql("select * from photoz_runs order by photoz_run").to_arrow_table().to_pylist()
        }
        if unknown := [run for run in runs if run not in known]:
            raise UsageError(
                f"The published build has no predictions of {unknown[0]!r}.", f"Its runs: {', '.join(known) or 'none'}."
            )
        chosen = runs or list(known)
        if not chosen:
            raise CatalogError("The published build has no predictions.", "Type: galaxiesml predict RUN")
        facts = {
            "build": catalog.build_info()["id"],
            "runs": [{key: value for key, value in known[run].items() if key != "pdf_edges"} for run in chosen],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "qp":
            return _write_qp(connection, [known[run] for run in chosen], facts, path)
        return _write_table(catalog, connection, chosen, [known[run] for run in chosen], facts, form, path)


def _write_table(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, runs, rows: list[dict], facts: dict, form: str, path: Path
) -> int:
    import pyarrow as pa
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    pdfs = "left join photoz_pdfs as pdfs using (photoz_run, photoz_row)" if form == "parquet" else ""
    relation = connection.sql(f"""
        select predictions.*{", pdfs.pdf" if pdfs else ""} from predictions {pdfs}
        where photoz_run in ({", ".join(map(quote, runs))}) order by photoz_run, photoz_row
    """)
    reader = relation.to_arrow_reader(ROWS)
    known = columns(catalog.profile.bands)
    told = {"facts": facts | {"pdf_edges": {row["photoz_run"]: row["pdf_edges"] for row in rows}}}
    schema = pa.schema(
        [
            field.with_metadata({"unit": known[field.name].unit, "description": known[field.name].description})
            for field in reader.schema
        ],
        metadata={"galaxiesml": json.dumps(told["facts"])},
    )
    count = 0
    with appearing(path) as making:
        writer = pq.ParquetWriter(making, schema) if form == "parquet" else csv.CSVWriter(making, reader.schema)
        with writer, reader:
            for batch in reader:
                count += len(batch)
                part = pa.Table.from_batches([batch])
                writer.write_table(part.cast(schema) if form == "parquet" else part)
    if form == "csv":
        write_atomic(path.with_name(f"{path.name}.json"), json.dumps(facts, indent=1) + "\n")
    return count


def _write_qp(connection: duckdb.DuckDBPyConnection, runs: list[dict], facts: dict, path: Path) -> int:
    """A file that `qp.read` opens: PDFs as histograms over the run's grid."""
    import h5py
    import numpy as np

    if len(runs) != 1:
        raise UsageError(
            "A qp file holds the PDFs of one run.", "Name one: " + ", ".join(run["photoz_run"] for run in runs)
        )
    run = runs[0]
    if run["pdf_edges"] is None:
        raise UsageError(f"{run['photoz_run']} predicts points, without PDFs.", "Export it as parquet or csv.")
    edges = np.array(run["pdf_edges"])
    names = ", ".join(f"coalesce({column}, 'nan'::double) as {name}" for name, column in _ANCILLARY.items())
    where = f"photoz_run = {quote(run['photoz_run'])}"
    (count,) = connection.execute(f"select count(*) from photoz_pdfs where {where}").fetchall()[0]
    reader = connection.sql(f"""
        select coalesce(pdfs.object_id, pdfs.photoz_row) as object_id, pdfs.pdf, {names}
        from photoz_pdfs as pdfs
        inner join predictions as points
            on pdfs.photoz_run = points.photoz_run and pdfs.photoz_row = points.photoz_row
        where pdfs.{where} order by pdfs.photoz_row
    """).to_arrow_reader(ROWS)
    with appearing(path) as making, h5py.File(making, "w") as file, reader:
        file["meta/pdf_name"] = np.array([b"hist"])
        file["meta/pdf_version"] = np.array([0])
        file["meta/bins"] = edges[None]
        densities = file.create_dataset("data/pdfs", (count, len(edges) - 1), "f4")
        ancillary = {name: file.create_dataset(f"ancil/{name}", (count,), "f8") for name in _ANCILLARY}
        ids = file.create_dataset("ancil/object_id", (count,), "i8")
        file.attrs["galaxiesml"] = json.dumps(facts)
        at = 0
        for batch in reader:
            rows = slice(at, at + len(batch))
            units = batch["pdf"].flatten().to_numpy().reshape(len(batch), -1)
            densities[rows] = units / 65_535 / np.diff(edges)
            ids[rows] = batch["object_id"].to_numpy()
            for name, dataset in ancillary.items():
                dataset[rows] = batch[name].to_numpy()
            at += len(batch)
    return count
