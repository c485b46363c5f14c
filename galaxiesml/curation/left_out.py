"""Metrics of trainings with and without a survey, on the same galaxies, by the models that judge every run."""

from __future__ import annotations

import pyarrow as pa

from galaxiesml.catalog import Catalog
from galaxiesml.curation.evaluate import apart
from galaxiesml.curation.evaluated import judged


def judge(catalog: Catalog, predictions: list[pa.Table], runs: pa.Table) -> dict[str, dict[str, list[dict]]]:
    """Metrics of each survey's two trainings, and their differences; galaxies are drawn alike in both.

    Parameters
    ----------
    predictions : list of pyarrow.Table
        Of a survey each, with photoz_run '<survey>/with' and '<survey>/without'.
    runs : pyarrow.Table
        photoz_run and pdf_edges.

    Returns
    -------
    dict
        Survey to with, without and difference (without less with): rows of definition, metric, value, value_low,
        value_high.
    """
    found = {}
    with catalog.connect() as connection:
        # One survey at a time: their replicates together would need memory that grows with the surveys.
        for table in predictions:
            name = table["photoz_run"][0].as_py().rpartition("/")[0]
            judged(catalog, connection, table, runs)
            rows = connection.sql(
                "select * from int_photoz_metrics where bin_by = 'all' order by photoz_run, definition, metric"
            )
            rows = rows.to_arrow_table().to_pylist()
            keys = ("definition", "metric", "value", "value_low", "value_high")
            found[name] = {
                how: [{key: row[key] for key in keys} for row in rows if row["photoz_run"] == f"{name}/{how}"]
                for how in ("with", "without")
            }
            found[name]["difference"] = apart(connection, f"{name}/without", f"{name}/with")
    return found
