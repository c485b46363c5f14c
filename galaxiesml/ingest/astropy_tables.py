"""Read tables with astropy, as a whole: VOTable, and fixed-width text with a byte-by-byte description."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.ingest.formats import open_source
from galaxiesml.ingest.masks import apply_masks
from galaxiesml.ingest.source import Block, Source, clean_name

#: astropy holds such a table in memory several times over.
MAX_BYTES = 2 << 30
_ROWS = 65_536


def open_table(path: Path) -> Source:
    """Open a table of any format that lands: as :func:`galaxiesml.ingest.formats.open_source`, and these.

    Raises
    ------
    InputError
        As `open_source`; or astropy cannot read it, or it is larger than `MAX_BYTES`.
    """
    path = Path(path)
    kind = _kind(path)
    if kind is None:
        return open_source(path)
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path} is too large for {kind}: {path.stat().st_size / 1e9:.1f} GB.", "Write it as FITS or Parquet."
        )
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            # Units and dates that are not to the letter of a standard do not touch the values.
            warnings.simplefilter("ignore")
            table = Table.read(path.absolute(), format=kind)
    except Exception as error:  # astropy's readers raise whatever their parsers do.
        raise InputError(
            f"{path} cannot be read as {kind}: {error}.", "Download the file again, then land it."
        ) from None
    names = [clean_name(name, position) for position, name in enumerate(table.colnames)]
    arrays = [_array(table[name]) for name in table.colnames]
    kept = [place for place, array in enumerate(arrays) if array is not None]
    dropped = {names[place]: "it is not a plain column" for place, array in enumerate(arrays) if array is None}
    arrays = [arrays[place] for place in kept]
    source = Source(
        path,
        {"ascii.mrt": "mrt", "ascii.cds": "cds"}.get(kind, kind),
        [names[place] for place in kept],
        [array.type for array in arrays],
        lambda hopes, nulls: _blocks(path, arrays),
        dropped,
        {names[place]: str(unit) for place in kept if (unit := table[table.colnames[place]].unit) is not None},
    )
    return apply_masks(source)


def _kind(path: Path) -> str | None:
    """astropy's name of the format, by the first bytes."""
    if not path.is_file():
        return None
    with open(path, "rb") as file:
        head = file.read(8192)
    text = head.lstrip()
    if text.startswith((b"<?xml", b"<VOTABLE")) and b"VOTABLE" in head:
        return "votable"
    if b"Byte-by-byte Description of file" in head:
        return "ascii.mrt" if text.startswith(b"Title:") else "ascii.cds"
    return None


def _array(column) -> pa.Array | None:
    """A column as Arrow, NULL where it is masked; None if it is not a plain column."""
    values = np.asarray(getattr(column, "filled", lambda: column)() if column.dtype.kind in "OSU" else column)
    mask = np.asarray(getattr(column, "mask", np.zeros(len(column), bool)))
    if values.ndim != 1 or values.dtype.kind not in "biufSUO":
        return None
    if values.dtype.kind in "SUO":
        texts = [None if hidden else _text(value) for value, hidden in zip(values.tolist(), mask, strict=True)]
        return pa.array(texts, pa.string())
    values = np.ma.getdata(values)
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=mask)


def _text(value) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _blocks(path: Path, arrays: list[pa.Array]) -> Iterator[Block]:
    count = len(arrays[0]) if arrays else 0
    for start in range(0, count, _ROWS):
        part = [array.slice(start, _ROWS) for array in arrays]
        rows = np.arange(start + 1, start + 1 + len(part[0]), dtype=np.int64)
        yield Block(part, rows, path.stat().st_size * len(rows) // count)
