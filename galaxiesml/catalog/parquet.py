"""Write the SQL that reads Parquet files.  Only `verify`, which shares no code, has its own.

DuckDB reads ``key=value`` folders above a file as columns, which replace the file's own.  It reads ``*``, ``?`` and
``[`` in a path as a pattern, and a backslash as a slash.  A catalogue may be in any folder, so all of this is
prevented here.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from galaxiesml.errors import CatalogError


def quote(value: object) -> str:
    """Quote a text or a path for SQL; paths become absolute, since ``~`` and ``file:`` have a meaning in SQL."""
    value = value.absolute() if isinstance(value, Path) else value
    return "'" + str(value).replace("'", "''") + "'"


def plain(path: Path | str) -> Path:
    """A path that DuckDB can open: the path itself, or a link to it if it contains a backslash.

    A link is made in a temporary folder, which goes when this process ends.

    Raises
    ------
    CatalogError
        No temporary folder can hold the link.
    """
    path = Path(path).absolute()
    if "\\" not in str(path):
        return path
    try:
        link = _links(os.getpid()) / hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        if not link.is_symlink():
            link.symlink_to(path)
    except OSError as error:
        raise CatalogError(
            f"{path} has a backslash in its name, so no link to it can be made: {error}.",
            "Set TMPDIR to a folder without a backslash that can be written, or give the catalogue another name.",
        ) from None
    return link


@functools.cache
def _links(process: int) -> Path:
    """This process's folder of links."""
    # TMPDIR may itself have a backslash in its name.
    folder = next((place for place in (tempfile.gettempdir(), "/tmp") if "\\" not in place), None)
    made = tempfile.mkdtemp(prefix="galaxiesml-links-", dir=folder)
    atexit.register(_discard, Path(made), process)
    return Path(made)


def _discard(folder: Path, process: int) -> None:
    # A forked child ends with its parent's handlers, and has no right to the parent's links.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def literal(path: Path | str) -> str:
    """A DuckDB pattern that matches only this path."""
    return re.sub(r"[\[*?]", r"[\g<0>]", str(plain(path)))


def parquet(path: Path | str, pattern: str = "", *, union_by_name: bool = False) -> str:
    """The DuckDB expression that reads a Parquet file, or those below a folder.

    Parameters
    ----------
    path : Path or str
        A file, or the folder that ``pattern`` starts from; taken literally, whatever is in its name.
    pattern : str
        Files below ``path``, as ``*/objects.parquet``.
    union_by_name : bool
        Files may have different columns; a column that a file does not have is NULL.
    """
    files = literal(path) + (f"/{pattern}" if pattern else "")
    names = ", union_by_name = true" if union_by_name else ""
    return f"read_parquet({quote(files)}, hive_partitioning = false{names})"


def schemas(path: Path | str, pattern: str = "") -> str:
    """The DuckDB expression of the columns of the files that :func:`parquet` reads: one row a file and column."""
    return f"parquet_schema({quote(literal(path) + (f'/{pattern}' if pattern else ''))})"
