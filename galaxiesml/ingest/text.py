"""CSV and CSV.gz as the HSC archive writes them."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from galaxiesml.errors import InputError
from galaxiesml.ingest.source import BLOCK_BYTES, BadRow, Block, Source, clean_name

#: A line longer than this is no line of a table.
LONGEST_LINE = 64 << 20
_ENDS = (b"\n", b"\r")
_TRUE = ["true", "True", "TRUE", "t", "T", "1"]
_FALSE = ["false", "False", "FALSE", "f", "F", "0"]


@dataclass(frozen=True)
class Layout:
    """Where a file's rows begin: its column names, and the byte and the line (from 1) after the header.

    ``is_ended``: whether the header's line has its end.
    """

    names: list[str]
    offset: int
    line: int
    is_ended: bool = True


def open_text(path: Path, zipped: bool) -> Source:
    """Open a CSV file, plain or compressed by gzip.

    The header is the first line that does not begin with '#', if it names object_id; else the last
    line before the data that begins with '#'.
    """
    layout = _read_header(path, zipped)
    names = [clean_name(name, position) for position, name in enumerate(layout.names)]
    notes: list[str] = []
    return Source(
        path,
        "csv.gz" if zipped else "csv",
        names,
        [pa.string()] * len(names),
        lambda hopes, nulls: _blocks(path, zipped, layout, hopes, nulls, notes),
        notes=notes,
    )


def _read_header(path: Path, zipped: bool) -> Layout:
    offset, header = 0, None
    with _open(path, zipped) as stream:
        for number, line in enumerate(_head_lines(stream, path), 1):
            text = _decode_header(line, path, number)
            is_comment = text.lstrip(' \t"').startswith("#")
            if text.strip() and not is_comment:
                names = _split(text)
                cleaned = [clean_name(name, 0).lower() for name in names]
                if "object_id" in cleaned or header is None:
                    return Layout(names, offset + len(line), number + 1, line.endswith(_ENDS))
                return Layout(header, offset, number)
            if is_comment:
                header = _split(text)
            offset += len(line)
            last, is_ended = number, line.endswith(_ENDS)
    if header is None:
        raise InputError(f"{path} is empty.", "Ask the archive for it again.")
    return Layout(header, offset, last + 1, is_ended)


def _head_lines(stream, path: Path) -> Iterator[bytes]:
    while line := _guard(lambda: stream.readline(LONGEST_LINE), path):
        if len(line) == LONGEST_LINE:
            raise InputError(f"{path} has no line end in {LONGEST_LINE >> 20} MiB: it is no CSV file.")
        yield line


def _decode_header(line: bytes, path: Path, number: int) -> str:
    try:
        return line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8.",
            f"Type: iconv -f latin1 -t utf8 {path.name} > utf8.csv, and land that.",
        ) from None


def _split(text: str) -> list[str]:
    return next(csv.reader([text]), [])


def _blocks(
    path: Path, zipped: bool, layout: Layout, hopes: dict, nulls: tuple[str, ...], notes: list[str]
) -> Iterator[Block]:
    options = _options(len(layout.names), hopes, nulls)
    is_ended = layout.is_ended
    line, row = layout.line, 1
    for chunk, size in _chunks(path, zipped, layout.offset):
        lines = chunk.count(b"\n") + (not chunk.endswith(b"\n"))
        columns = _parse_fast(chunk, lines, options)
        if columns is not None:
            numbers = np.arange(lines, dtype=np.int64)
            rows = lines
            yield Block(columns, numbers + row, size, numbers + line, [], _LineReader(chunk))
        else:
            block, rows = _parse_slowly(chunk, layout.names, row, line, size)
            yield block
        line, row = line + lines, row + rows
        is_ended = chunk.endswith(_ENDS)
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
        _guard(lambda: stream.seek(offset), path)
        rest, before = b"", file.tell() if zipped else offset
        while data := _guard(lambda: stream.read(BLOCK_BYTES), path):
            data, here = rest + data, file.tell()
            cut = data.rfind(b"\n") + 1
            if not cut and len(data) > LONGEST_LINE:
                raise InputError(f"{path} has no line end in {LONGEST_LINE >> 20} MiB: it is no CSV file.")
            rest = data[cut:]
            if cut:
                yield data[:cut], here - before
                before = here
        if rest:
            yield rest, 0


def _options(width: int, hopes: dict[int, pa.DataType], nulls: tuple[str, ...]) -> dict:
    names = [str(position) for position in range(width)]
    types = {name: hopes.get(position, pa.string()) for position, name in enumerate(names)}
    return {
        "read_options": pacsv.ReadOptions(column_names=names, use_threads=False, block_size=LONGEST_LINE * 2),
        "parse_options": pacsv.ParseOptions(newlines_in_values=False),
        "convert_options": pacsv.ConvertOptions(
            column_types=types,
            null_values=list(nulls),
            true_values=_TRUE,
            false_values=_FALSE,
            strings_can_be_null=False,
            quoted_strings_can_be_null=True,
        ),
    }


def _parse_fast(chunk: bytes, lines: int, options: dict) -> list[pa.Array] | None:
    """The columns of a chunk in which nothing is amiss, else None."""
    # A carriage return alone ends a line for Arrow and not for us.
    if chunk.count(b"\r") != chunk.count(b"\r\n"):
        return None
    try:
        table = pacsv.read_csv(io.BytesIO(chunk), **options)
    except pa.ArrowInvalid:
        return None
    # Fewer: blank lines, or a quoted line end.
    if table.num_rows != lines:
        return None
    return [column.combine_chunks() if column.num_chunks != 1 else column.chunk(0) for column in table.columns]


def _parse_slowly(chunk: bytes, names: list[str], row: int, line: int, size: int) -> tuple[Block, int]:
    """Line by line, every cell as text: says which lines are wrong.  Blank lines are no rows."""
    good, rows, lines, texts, bad = [], [], [], [], []
    pieces = chunk.split(b"\n")
    if not pieces[-1]:
        pieces.pop()
    count = 0
    for number, piece in enumerate(pieces, line):
        piece = piece.removesuffix(b"\r")
        if not piece.strip():
            continue
        cells, reason = _split_row(piece, len(names))
        text = piece.decode("utf-8", "backslashreplace")
        if reason:
            bad.append(BadRow(row + count, number, "", "", reason, text))
        else:
            good.append(cells)
            rows.append(row + count)
            lines.append(number)
            texts.append(text)
        count += 1
    columns = [pa.array([cells[place] for cells in good], pa.string()) for place in range(len(names))]
    block = Block(columns, np.array(rows, np.int64), size, np.array(lines, np.int64), bad, lambda index: texts[index])
    return block, count


def _split_row(piece: bytes, width: int) -> tuple[list[str], str]:
    try:
        text = piece.decode()
    except UnicodeDecodeError as error:
        return [], f"byte 0x{piece[error.start]:02x} is not UTF-8"
    try:
        cells = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        return [], f"the line is not CSV ({error})"
    if len(cells) != width:
        return [], f"the line has {len(cells)} fields and the header {width}"
    return cells, ""


def _open(path: Path, zipped: bool):
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def _wrap(file, zipped: bool):
    return gzip.GzipFile(fileobj=file, mode="rb") if zipped else file


def _guard(read, path: Path):
    """Read; a gzip stream that ends early, or is damaged, is the file's fault."""
    try:
        return read()
    except EOFError:
        raise InputError(
            f"{path} is cut short: its gzip stream has no end.", "Fetch the file again and land that."
        ) from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}.", "Fetch the file again and land that.") from None
