"""What the build before knows of predictions, so that a build computes the metrics of a run once."""

from __future__ import annotations

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.system.atomic import write_table

_KNOWN = {"known_photoz_metrics": "photoz_metrics", "known_photoz_scores": "photoz_scores"}


def refresh_known(catalog: Catalog) -> None:
    """Put the published build's metrics and scores where the next build reads them; none of another shape."""
    import pyarrow.parquet as pq

    tables = {}
    for name, mart in _KNOWN.items():
        schema = BY_NAME[name].schema(catalog.profile)
        path = catalog.builds / (catalog.current_id() or "") / f"{mart}.parquet"
        if path.is_file() and set(pq.read_schema(path).names) == set(schema.names):
            tables[name] = pq.read_table(path, columns=schema.names, partitioning=None).cast(schema)
        else:
            tables[name] = None
    # One without the other would lose rows.
    whole = all(table is not None for table in tables.values())
    for name, table in tables.items():
        empty = BY_NAME[name].schema(catalog.profile).empty_table()
        write_table(catalog.root / BY_NAME[name].path, table if whole else empty)
