"""Statistics of exported training images, kept for the mart ``normalisation``.

::

    derived/normalisation/<hash>.parquet   of one build, choice of galaxies and image size; an export writes it
    derived/normalisation.parquet          all of them; a build writes it before its models read it

An export holds no lock: it may take hours, and a catalogue that can only be read is exported too.  Its file is named
after the build and the choice of galaxies, which determine every number in it, so it is new, or it replaces one of the
same content.  A build, which holds the lock, reads one table that nothing else writes.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

from galaxiesml.catalog.stores import BY_NAME
from galaxiesml.system.atomic import write_table

if TYPE_CHECKING:
    import pyarrow as pa

    from galaxiesml.catalog.folder import Catalog

_STORE = "normalisation_statistics"
#: Where exports leave theirs.
_LEFT = "derived/normalisation"
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

    text = json.dumps([identity[name] for name in IDENTITY])
    path = catalog.root / _LEFT / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.parquet"
    told = [identity | {name: _known(value) for name, value in row.items()} for row in rows]
    write_table(path, pa.Table.from_pylist(told, BY_NAME[_STORE].schema(catalog.profile)))


def kept_statistics(catalog: Catalog) -> list[dict]:
    """What is kept: `IDENTITY` of every build, choice of galaxies and image size, the newest build first."""
    found = [table.slice(0, 1).select(list(IDENTITY)).to_pylist()[0] for table in _left(catalog)]
    return sorted(found, key=lambda one: [str(one[name]) for name in IDENTITY], reverse=True)


def refresh_statistics(catalog: Catalog) -> None:
    """Write what exports have left as the one table that builds read; the caller holds ``catalog.lock``."""
    import pyarrow as pa

    store = BY_NAME[_STORE]
    schema = store.schema(catalog.profile)
    # Of an earlier galaxiesml a file may have fewer columns.
    tables = [schema.empty_table(), *_left(catalog)]
    write_table(catalog.root / store.path, pa.concat_tables(tables, promote_options="default").select(schema.names))


def _left(catalog: Catalog) -> list[pa.Table]:
    import pyarrow.parquet as pq

    return [pq.read_table(path, partitioning=None) for path in sorted((catalog.root / _LEFT).glob("*.parquet"))]


def _known(value):
    return None if isinstance(value, float) and math.isnan(value) else value
