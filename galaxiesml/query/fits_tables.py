"""Write a table as a FITS binary table that astropy and TOPCAT read alike; rows go to the file batch by batch."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.dictionary import Column
from galaxiesml.errors import UsageError
from galaxiesml.query.astropy_header import astropy_header
from galaxiesml.query.extents import Extent, is_list, measure
from galaxiesml.query.tables import Export, batches
from galaxiesml.query.votable_text import words
from galaxiesml.system.atomic import appearing, passing

#: Rows that are in memory at a time, and the standard's block of a file, bytes.
_ROWS, _BLOCK = 16_384, 2880
#: The most columns that the standard allows.
_MOST = 999
_LETTERS = {"bigint": "K", "integer": "J", "double": "D", "boolean": "L"}
_DTYPES = {"K": ">i8", "J": ">i4", "I": ">i2", "D": ">f8", "L": "u1"}
#: What stands for NULL in whole numbers: the least of each type.
_NULLS = {"K": -(1 << 63), "J": -(1 << 31), "I": -(1 << 15)}
#: Keywords of eight characters for the facts whose name is longer.
_KEYWORDS = {
    "galaxiesml": "GXMLVERS",
    "spectra_from": "SPECFROM",
    "flags_by_hand": "FLAGHAND",
    "incomplete": "INCOMPL",
    "conditions": "CONDITNS",
    "morphology": "MORPHOL",
}
#: HISTORY; at most 72 characters a line.
_NOTES = (
    "NULL is NaN in floating-point columns and TNULL in integers.",
    "Flags that have NULL are 16-bit integers: 1 is true, 0 is false.",
    "FITS has no NULL for texts: an empty text may have been NULL.",
    "Spaces at the end of texts are not kept.",
    "Texts that are not ASCII are UTF-8, beyond the FITS standard.",
)


def write_fits(export: Export, path: Path) -> list[str]:
    """Write FITS: a primary header and one binary table with TUNIT, TNULL, TUCD, TCOMM and astropy's own comments.

    Streamed; equal for equal builds.  A text column takes as many bytes as its longest text in UTF-8.  Facts are header
    keywords, and for astropy, as lists, the table's meta.

    Returns
    -------
    list of str
        What the user should know of the file.

    Raises
    ------
    UsageError
        A column has NULL and the number that stands for it; a text has a NUL character; a list has NULL in it; there
        are more than 999 columns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count, extents = measure(export.rows, export.columns)
    letters = _checked(export, extents)
    dtype = np.dtype([(str(at), _dtype(column, letters, extents)) for at, column in enumerate(export.columns)])
    heap = passing(path.with_name(f"{path.name}.heap"))
    with appearing(path) as making, heap as behind, open(making, "wb") as out, open(behind, "w+b") as lists:
        out.write(_header(export, count, dtype.itemsize, letters, extents))
        for batch in batches(export, _ROWS):
            out.write(_records(batch, export.columns, letters, dtype, lists).tobytes())
        lists.seek(0)
        shutil.copyfileobj(lists, out, 1 << 20)
        out.write(bytes(-out.tell() % _BLOCK))
    foreign = [name for name, extent in extents.items() if not extent.ascii]
    return [f"Texts in {', '.join(foreign)} are not ASCII; TOPCAT shows some letters as �."] if foreign else []


def _checked(export: Export, extents: dict[str, Extent]) -> dict[str, str]:
    """The standard's letter of each column's type."""
    table, columns = export.facts["table"], export.columns
    if len(columns) > _MOST:
        raise UsageError(f"{table} has {len(columns):,} columns; a FITS table has at most {_MOST}.", _other(table))
    letters = {}
    for column in columns:
        extent, kind = extents[column.name], column.type.removesuffix("[]")
        letter = "A" if kind == "text" else "I" if kind == "boolean" and extent.nulls else _LETTERS[kind]
        letters[column.name] = letter
        if extent.nulls and extent.least == _NULLS.get(letter, 0.5) and not is_list(column):
            raise UsageError(
                f"{table}.{column.name} has NULL and the value {extent.least}, which stands for NULL in FITS.",
                _other(table),
            )
        if extent.nul:
            raise UsageError(
                f"A text in {table}.{column.name} has a NUL character, which ends it in FITS.", _other(table)
            )
        if extent.holes and letter != "D":
            raise UsageError(
                f"A list in {table}.{column.name} has NULL in it, for which FITS has nothing.", _other(table)
            )
    return letters


def _other(table: str) -> str:
    return f"Type: galaxiesml export parquet --table {table}"


def _dtype(column: Column, letters: dict[str, str], extents: dict[str, Extent]):
    if is_list(column):
        return ">i8", (2,)
    letter = letters[column.name]
    return f"S{max(extents[column.name].octets, 1)}" if letter == "A" else _DTYPES[letter]


def _header(export: Export, count: int, width: int, letters: dict[str, str], extents: dict[str, Extent]) -> bytes:
    from astropy.io import fits

    lists = [column for column in export.columns if is_list(column)]
    heap = sum(extents[column.name].elements * np.dtype(_DTYPES[letters[column.name]]).itemsize for column in lists)
    head = fits.Header()
    for key, value in (
        *(("XTENSION", "BINTABLE"), ("BITPIX", 8), ("NAXIS", 2), ("NAXIS1", width), ("NAXIS2", count)),
        *(("PCOUNT", heap), ("GCOUNT", 1), ("TFIELDS", len(export.columns))),
    ):
        head[key] = value
    for number, column in enumerate(export.columns, 1):
        for key, value in _cards(column, letters[column.name], extents[column.name]):
            head[f"{key}{number}"] = value
    head["EXTNAME"] = export.facts["table"]
    for name, value in export.facts.items():
        if name not in ("table", "rows"):
            told = value if isinstance(value, bool) else _ascii(words(value))
            head[_KEYWORDS.get(name, name[:8]).upper()] = told
    for line in _NOTES:
        head.add_history(line)
    for line in _comments(export, letters):
        head.add_comment(line)
    primary = fits.Header([("SIMPLE", True), ("BITPIX", 8), ("NAXIS", 0), ("EXTEND", True)])
    return "".join(part.tostring(sep="", endcard=True, padding=True) for part in (primary, head)).encode("ascii")


def _cards(column: Column, letter: str, extent: Extent) -> Iterator[tuple[str, str | int]]:
    form = f"1Q{letter}({extent.longest})" if is_list(column) else letter
    yield "TTYPE", column.name
    yield "TFORM", f"{max(extent.octets, 1)}A" if letter == "A" else form
    if column.unit:
        yield "TUNIT", _unit(column.unit)
    if extent.nulls and letter in _NULLS and not is_list(column):
        yield "TNULL", _NULLS[letter]
    if column.ucd:
        yield "TUCD", column.ucd
    yield "TCOMM", _ascii(" ".join(column.description.split()))


def _unit(unit: str) -> str:
    """A unit of the dictionary, which is a VOUnit, as the FITS standard writes it."""
    from astropy import units

    return units.Unit(unit, format="vounit").to_string("fits")


def _ascii(text: str) -> str:
    r"""A header is ASCII: other characters, and those that do not print, are written as \u00e9."""
    return "".join(
        letter if letter.isascii() and letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def _comments(export: Export, letters: dict[str, str]) -> Iterator[str]:
    """astropy's own comments: lines of 70 characters, a backslash after those that go on."""
    flags = {column.name: "int16" for column in export.columns if letters[column.name] == "I"}
    yield "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--"
    for line in astropy_header(export.columns, export.facts, types=flags).splitlines():
        while len(line) > 70:
            yield line[:70] + "\\"
            line = line[70:]
        yield line
    yield "--END-ASTROPY-SERIALIZED-COLUMNS--"


def _records(
    batch: pa.RecordBatch, columns: list[Column], letters: dict[str, str], dtype: np.dtype, heap
) -> np.ndarray:
    records = np.zeros(len(batch), dtype)
    for at, (array, column) in enumerate(zip(batch.columns, columns, strict=True)):
        letter = letters[column.name]
        if is_list(column):
            records[str(at)] = _descriptors(array, _DTYPES[letter], heap)
        elif letter == "A":
            records[str(at)] = _texts(array, dtype[at].itemsize)
        else:
            records[str(at)] = _numbers(array, letter)
    return records


def _numbers(array: pa.Array, letter: str) -> np.ndarray:
    if letter in "IL":
        array = array.cast(pa.int16())
    if array.null_count:
        array = pc.fill_null(array, float("nan") if letter == "D" else _NULLS[letter])
    values = array.to_numpy(zero_copy_only=False)
    return np.where(values == 1, ord("T"), ord("F")) if letter == "L" else values


def _texts(array: pa.Array, width: int) -> np.ndarray:
    """Texts as UTF-8 in fields of ``width`` bytes, filled up with NUL; NULL is empty."""
    array = pc.fill_null(array, "").cast(pa.large_string())
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    lengths, cells = np.diff(ends), np.zeros((len(array), width), np.uint8)
    if lengths.any():
        row = np.repeat(np.arange(len(array)), lengths)
        within = np.arange(ends[0], ends[-1]) - np.repeat(ends[:-1], lengths)
        cells[row, within] = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
    return cells.reshape(-1).view(f"S{width}")


def _descriptors(array: pa.Array, dtype: str, heap) -> np.ndarray:
    """Write lists to the heap; of each its length and where in the heap it starts, bytes."""
    counts = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(array)
    flat = (pc.fill_null(values, float("nan")) if values.null_count else values).to_numpy(zero_copy_only=False)
    starts = heap.tell() + (np.cumsum(counts) - counts) * np.dtype(dtype).itemsize
    heap.write(flat.astype(dtype).tobytes())
    return np.stack([counts, starts], axis=1)
