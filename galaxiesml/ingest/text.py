"""Read text tables: the HSC archive's CSV, tab- and semicolon-separated text, and ECSV; plain or gzipped."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from galaxiesml.ingest.source import BLOCK_BYTES, BadRow, Block, Source, clean_name, leave_out
from galaxiesml.ingest.text_layout import LINE_ENDS, LONGEST_LINE, Layout, guard, read_layout, refuse_endless

_TRUE = ["true", "True", "TRUE", "t", "T", "1"]
_FALSE = ["false", "False", "FALSE", "f", "F", "0"]


def open_text(path: Path, zipped: bool) -> Source:
    """Open a CSV, tab- or semicolon-separated or ECSV file, plain or compressed by gzip; see `read_layout`."""
    layout = read_layout(path, zipped)
    names = [clean_name(name, position) for position, name in enumerate(layout.names)]
    notes: list[str] = []
    source = Source(
        path,
        layout.format + (".gz" if zipped else ""),
        names,
        [pa.string()] * len(names),
        lambda hopes, nulls: _blocks(path, zipped, layout, hopes, nulls, notes),
        units={clean_name(name, 0): unit for name, unit in layout.units.items()},
        notes=notes,
    )
    return leave_out(source, [place for place, name in enumerate(names) if name in layout.dropped], layout.dropped)


def _blocks(
    path: Path, zipped: bool, layout: Layout, hopes: dict, nulls: tuple[str, ...], notes: list[str]
) -> Iterator[Block]:
    options = _options(layout, hopes, nulls)
    is_ended = layout.is_ended
    line, row = layout.line, 1
    for chunk, size in _chunks(path, zipped, layout.offset):
        lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        columns = _parse_fast(chunk, lines, options) if _is_plain(chunk, layout.separator) else None
        if columns is not None:
            numbers = np.arange(lines, dtype=np.int64)
            rows = lines
            yield Block(columns, numbers + row, size, numbers + line, [], _LineReader(chunk))
        else:
            block, rows = _parse_slowly(chunk, layout, row, line, size)
            yield block
        line, row = line + lines, row + rows
        is_ended = chunk.endswith(LINE_ENDS)
    if not is_ended:
        notes.append(
            f"its last line, {line - 1}, has no line end: the file may be cut short there, in the middle of a cell"
        )


class _LineReader:
    """The i-th line of a chunk; split only when a row is wrong."""

    def __init__(self, chunk: bytes):
        self.chunk = chunk
        self.lines: list[bytes] | None = None

    def __call__(self, index: int) -> str:
        if self.lines is None:
            self.lines = self.chunk.split(b"\n")
        return self.lines[index].decode("utf-8", "backslashreplace").rstrip("\r")


def _chunks(path: Path, zipped: bool, offset: int) -> Iterator[tuple[bytes, int]]:
    """Whole lines, about BLOCK_BYTES of them at a time, and the bytes of the file that they took."""
    with open(path, "rb") as file, _wrap(file, zipped) as stream:
        guard(lambda: stream.seek(offset), path)
        rest, before = b"", file.tell() if zipped else offset
        while data := guard(lambda: stream.read(BLOCK_BYTES), path):
            data, here = rest + data, file.tell()
            cut = data.rfind(b"\n") + 1
            if not cut and len(data) > LONGEST_LINE:
                refuse_endless(path, data)
            rest = data[cut:]
            if cut:
                yield data[:cut], here - before
                before = here
        if rest:
            yield rest, 0


def _options(layout: Layout, hopes: dict[int, pa.DataType], nulls: tuple[str, ...]) -> dict:
    names = [str(position) for position in range(len(layout.names))]
    types = {name: hopes.get(position, pa.string()) for position, name in enumerate(names)}
    return {
        "read_options": pacsv.ReadOptions(column_names=names, use_threads=False, block_size=LONGEST_LINE * 2),
        "parse_options": pacsv.ParseOptions(delimiter=layout.separator, newlines_in_values=False),
        "convert_options": pacsv.ConvertOptions(
            column_types=types,
            null_values=list(nulls),
            true_values=_TRUE,
            false_values=_FALSE,
            strings_can_be_null=False,
            quoted_strings_can_be_null=True,
        ),
    }


def _is_plain(chunk: bytes, separator: str) -> bool:
    """Whether Arrow splits a chunk as we do."""
    # A carriage return alone ends a line for Arrow and not for us.
    if chunk.count(b"\r") != chunk.count(b"\r\n"):
        return False
    # Several spaces separate two cells of ECSV as one does: an empty cell is written "".
    return separator != " " or not (b"  " in chunk or b" \n" in chunk or b"\n " in chunk or chunk[:1] == b" ")


def _parse_fast(chunk: bytes, lines: int, options: dict) -> list[pa.Array] | None:
    """Parse a chunk without errors; None if it has any."""
    try:
        table = pacsv.read_csv(io.BytesIO(chunk), **options)
    except pa.ArrowInvalid:
        return None
    # Fewer: blank lines, or a quoted line end.
    if table.num_rows != lines:
        return None
    return [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def _parse_slowly(chunk: bytes, layout: Layout, row: int, line: int, size: int) -> tuple[Block, int]:
    """Parse line by line, every cell as text, and report the bad lines.  Blank lines are not rows."""
    good, rows, lines, texts, bad = [], [], [], [], []
    pieces = chunk.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    count = 0
    for number, piece in enumerate(pieces, line):
        piece = piece.removesuffix(b"\r")
        # A line of tabs alone is a row of empty cells where tabs separate them.
        if not piece.strip(b" " if layout.separator == "\t" else None):
            continue
        cells, reason = _split_row(piece, layout)
        text = piece.decode("utf-8", "backslashreplace")
        if reason:
            bad.append(BadRow(row + count, number, "", "", reason, text))
        else:
            good.append(cells)
            rows.append(row + count)
            lines.append(number)
            texts.append(text)
        count += 1
    columns = [pa.array([cells[place] for cells in good], pa.string()) for place in range(len(layout.names))]
    block = Block(columns, np.array(rows, np.int64), size, np.array(lines, np.int64), bad, lambda index: texts[index])
    return block, count


def _split_row(piece: bytes, layout: Layout) -> tuple[list[str], str]:
    try:
        text = piece.decode()
    except UnicodeDecodeError as error:
        return [], f"byte 0x{piece[error.start]:02x} is not UTF-8"
    is_spaced = layout.separator == " "
    text = text.strip(" ") if is_spaced else text
    try:
        cells = next(csv.reader([text], delimiter=layout.separator, skipinitialspace=is_spaced, strict=True), [])
    except csv.Error as error:
        why = "it has a carriage return (CR) that does not end a line" if "\r" in text else error
        return [], f"the line is not CSV ({why})"
    if len(cells) != len(layout.names):
        return [], f"the line has {len(cells)} fields and the header {len(layout.names)}"
    return cells, ""


def _wrap(file, zipped: bool):
    return gzip.GzipFile(fileobj=file, mode="rb") if zipped else file
