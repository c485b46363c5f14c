"""The one place in Python that writes SQL which reads Parquet files.

DuckDB takes ``key=value`` folders above a file for columns, and lets them win over the file's own; it takes
``*``, ``?`` and ``[`` in a path for a pattern.  A catalogue may stand anywhere, so neither is wanted.
"""

from __future__ import annotations

import re
from pathlib import Path


def quote(value: object) -> str:
    """A text or a path as an SQL string."""
    return "'" + str(value).replace("'", "''") + "'"


def literal(path: Path | str) -> str:
    """A path as a DuckDB pattern that matches this path alone."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(path))


def parquet(path: Path | str, pattern: str = "", *, union_by_name: bool = False) -> str:
    """The DuckDB expression that reads a Parquet file, or those below a folder.

    Parameters
    ----------
    path : Path or str
        A file, or the folder that ``pattern`` starts from; taken literally, whatever is in its name.
    pattern : str
        Files below ``path``, as ``*/objects.parquet``.
    union_by_name : bool
        Files may have different columns; a column that a file lacks is NULL.
    """
    files = literal(path) + (f"/{pattern}" if pattern else "")
    names = ", union_by_name = true" if union_by_name else ""
    return f"read_parquet({quote(files)}, hive_partitioning = false{names})"
