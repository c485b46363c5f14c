"""Statistics of exported training images, kept for the mart ``normalisation``.

An export holds no lock: it may take hours, and a catalogue that can only be read is exported too.  A file is therefore
named after the build and the choice of galaxies, which determine every number in it: it is new, or it replaces one of
the same content, so that no reader and no build can be disturbed by it.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.system.atomic import write_table

if TYPE_CHECKING:
    from galaxiesml.catalog.folder import Catalog

_STORE = "normalisation_parts"
#: Columns that say which images a row is of, but for the filter.
IDENTITY = (
    "statistics_build",
    "version",
    "split_scheme",
    "missing_pictures",
    "sample_condition",
    "image_size",
    "sample_sha256",
)


def keep_statistics(catalog: Catalog, identity: dict, rows: list[dict]) -> None:
    """Keep the statistics of one image size.

    Parameters
    ----------
    identity : dict
        A value for each of `IDENTITY`.
    rows : list of dict
        One a filter: band and the ``normalisation_`` columns; NaN becomes NULL.

    Raises
    ------
    OSError
        The catalogue cannot be written.
    """
    import pyarrow as pa

    store = BY_NAME[_STORE]
    text = json.dumps([identity[name] for name in IDENTITY])
    path = catalog.root / store.path.replace("*", hashlib.sha256(text.encode()).hexdigest()[:16])
    told = [identity | {name: _known(value) for name, value in row.items()} for row in rows]
    write_table(path, pa.Table.from_pylist(told, store.schema(catalog.profile)))


def kept_statistics(catalog: Catalog) -> list[dict]:
    """What is kept: `IDENTITY` of every build, choice of galaxies and image size, the newest build first."""
    import pyarrow.parquet as pq

    paths = sorted(catalog.root.glob(BY_NAME[_STORE].path))
    tables = [pq.read_table(path, columns=list(IDENTITY), partitioning=None) for path in paths]
    found = [table.slice(0, 1).to_pylist()[0] for table in tables if len(table)]
    return sorted(found, key=lambda one: [str(one[name]) for name in IDENTITY], reverse=True)


def _known(value):
    return None if isinstance(value, float) and math.isnan(value) else value
