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
from pathlib import Path
from typing import TYPE_CHECKING

from galaxiesml.errors import BuildError

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that memory holds at a time.
_ROWS = 65_536


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

    with pq.ParquetFile(path) as file:
        columns = [_Column(field.type, f"{path}: {field.name}") for field in file.schema_arrow]
        rows = 0
        for batch in file.iter_batches(_ROWS):
            for column, values in zip(columns, batch.columns, strict=True):
                column.update(values)
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
        import pyarrow.compute as pc

        if values.null_count:
            self._nulls.update((np.flatnonzero(values.is_null().to_numpy(False)) + self._rows).astype("<i8").data)
        self._rows += len(values)
        if self._text is not None:
            filled = values.fill_null("") if values.null_count else values
            self._values.update(pc.binary_length(filled).to_numpy(False).astype("<i8").data)
            self._text.update(_bytes(filled))
        elif self._elements is not None:
            lengths = pc.list_value_length(values)
            self._values.update(pc.fill_null(lengths, 0).to_numpy(False).astype("<i8").data)
            self._elements.update(values.flatten())
        else:
            self._values.update(_plain(values).data)

    def digest(self) -> bytes:
        """Of all streams."""
        streams = [self._nulls.digest(), self._values.digest()]
        streams += [self._text.digest()] if self._text is not None else []
        streams += [self._elements.digest()] if self._elements is not None else []
        return hashlib.sha256(b"".join(streams)).digest()


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _plain(values: pa.Array):
    """Numbers of fixed width, little-endian, a NULL as 0."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_boolean(values.type):
        return np.ascontiguousarray(values.fill_null(False).to_numpy(False)).astype(np.uint8)
    filled = (values.fill_null(0) if values.null_count else values).to_numpy(False)
    if filled.dtype.kind == "f":
        # Adding zero makes 0.0 of -0.0.
        filled = filled + filled.dtype.type(0)
        if (is_nan := np.isnan(filled)).any():
            filled[is_nan] = np.nan
    return np.ascontiguousarray(filled, dtype=filled.dtype.newbyteorder("<"))


def _bytes(values: pa.Array) -> memoryview:
    """The UTF-8 of texts, one after the other."""
    import numpy as np
    import pyarrow as pa

    _, offsets, data = values.buffers()
    if data is None:
        return memoryview(b"")
    width = np.int64 if pa.types.is_large_string(values.type) else np.int32
    bounds = np.frombuffer(offsets, width)[values.offset : values.offset + len(values) + 1]
    return memoryview(data)[bounds[0] : bounds[-1]]
