"""The content of a table, as a sha256 that depends on names, types and values in order, not on how a file stores them.

The encoding, so that anybody can compute it:

- Of each column two streams are hashed.  The first is the row numbers of NULLs, from 0, as 64-bit integers.  The second
  is the values, a NULL as zero: integers, doubles and booleans (as one byte) little-endian; of text the byte lengths
  as 64-bit integers, and in a third stream the UTF-8; of a list the lengths likewise, and the elements as a column.
- Every NaN is the one with the bits 7ff8000000000000; -0.0 is 0.0, for SQL holds them equal.
- The table's digest is the sha256 of the number of rows and, column by column, the name, the type and the digests.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from galaxiesml.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that memory holds at a time: few enough that a column of them stays in a core's cache.
_ROWS = 65_536
#: Threads that hash columns; sha256 and NumPy leave Python's lock to each other meanwhile.
_THREADS = min(4, os.cpu_count() or 1)


def content_sha256(path: Path) -> str:
    """The digest of a Parquet file's rows, in the file's order.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    BuildError
        A column has a type that no table of a build has.
    """
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file, ThreadPoolExecutor(_THREADS) as pool:
        columns = [_Column(field.type, f"{path}: {field.name}") for field in file.schema_arrow]
        rows = 0
        for batch in file.iter_batches(_ROWS):
            # The next rows of a column follow those before them.
            for _ in pool.map(_Column.update, columns, batch.columns):
                pass
            rows += batch.num_rows
        whole = hashlib.sha256(rows.to_bytes(8, "little"))
        for field, column in zip(file.schema_arrow, columns, strict=True):
            whole.update(f"{field.name}\0{column.kind}\0".encode() + column.digest())
    return whole.hexdigest()


class _Column:
    """The running digests of one column."""

    def __init__(self, kind: pa.DataType, name: str):
        import pyarrow as pa

        self._rows = 0
        self._nulls, self._values = hashlib.sha256(), hashlib.sha256()
        self._text = hashlib.sha256() if _is_text(kind) else None
        self._elements = None
        if pa.types.is_list(kind):
            self._elements = _Column(kind.value_type, name)
            self.kind = f"{self._elements.kind}[]"
        elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
            self.kind = str(kind)
        elif self._text is not None:
            self.kind = "text"
        else:
            raise BuildError(f"{name} is of type {kind}, which no table of a build has.")

    def update(self, values: pa.Array) -> None:
        """Take the next rows."""
        import numpy as np

        nulls = _nulls(values)
        if nulls is not None:
            self._nulls.update((np.flatnonzero(nulls) + self._rows).astype("<i8").data)
        self._rows += len(values)
        if self._text is not None or self._elements is not None:
            lengths = _lengths(values, nulls)
            self._values.update(lengths.data)
            if self._elements is not None:
                self._elements.update(values.flatten())
            else:
                self._text.update(_bytes(values, int(lengths.sum())))
        else:
            self._values.update(_plain(values, nulls).data)

    def digest(self) -> bytes:
        """Of all streams."""
        streams = [self._nulls.digest(), self._values.digest()]
        streams += [self._text.digest()] if self._text is not None else []
        streams += [self._elements.digest()] if self._elements is not None else []
        return hashlib.sha256(b"".join(streams)).digest()


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


# Buffers are read as they are: Array.to_numpy() imports pandas, and copies.


def _bits(buffer: pa.Buffer, values: pa.Array):
    """The booleans of a buffer of bits, shape (rows,), as bytes of 0 and 1."""
    import numpy as np

    first = values.offset // 8
    packed = np.frombuffer(buffer, np.uint8)[first : (values.offset + len(values) + 7) // 8]
    return np.unpackbits(packed, bitorder="little")[values.offset % 8 :][: len(values)]


def _nulls(values: pa.Array):
    """Which rows are NULL, as booleans of shape (rows,); None where none is."""
    return _bits(values.buffers()[0], values) == 0 if values.null_count else None


def _plain(values: pa.Array, nulls):
    """Numbers of fixed width, little-endian, a NULL as 0."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        found = _bits(values.buffers()[1], values)
    else:
        whole = np.frombuffer(values.buffers()[1], np.dtype(values.type.to_pandas_dtype()))
        found = whole[values.offset : values.offset + len(values)]
    if nulls is not None:
        found = np.where(nulls, found.dtype.type(0), found)
    if found.dtype.kind == "f":
        # Adding zero makes 0.0 of -0.0.
        found = found + found.dtype.type(0)
        if (is_nan := np.isnan(found)).any():
            found[is_nan] = np.nan
    return np.ascontiguousarray(found, dtype=found.dtype.newbyteorder("<"))


def _lengths(values: pa.Array, nulls):
    """Lengths of texts in bytes, or of lists, a NULL's as 0: 64-bit integers of shape (rows,)."""
    import numpy as np

    lengths = np.diff(_bounds(values)).astype("<i8")
    return lengths if nulls is None else np.where(nulls, 0, lengths)


def _bounds(values: pa.Array):
    """Where each text or list begins, and where the last one ends: shape (rows + 1,)."""
    import numpy as np
    import pyarrow as pa

    width = np.int64 if pa.types.is_large_string(values.type) else np.int32
    return np.frombuffer(values.buffers()[1], width)[values.offset : values.offset + len(values) + 1]


def _bytes(values: pa.Array, length: int) -> memoryview:
    """The UTF-8 of texts, one after the other, so many bytes of it."""
    if not length:
        return memoryview(b"")
    bounds = _bounds(values)
    if bounds[-1] - bounds[0] != length:
        # What lies below a NULL is no text.
        return _bytes(values.fill_null(""), length)
    return memoryview(values.buffers()[2])[bounds[0] : bounds[-1]]
