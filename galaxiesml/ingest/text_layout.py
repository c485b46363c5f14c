"""Find the layout of a text file: its separator, its column names, and where its rows begin."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shlex
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import yaml

from galaxiesml.errors import InputError
from galaxiesml.ingest.advice import by_astropy
from galaxiesml.ingest.source import clean_name

#: A line longer than this is not a line of a table.
LONGEST_LINE = 64 << 20
#: What separates the cells of a file that is read, and the file's format then.
SEPARATORS = {",": "csv", "\t": "tsv", ";": "csv"}
LINE_ENDS = (b"\n", b"\r")
_ECSV = "# %ECSV"

# Python's csv module refuses cells of more than 128 KiB; lines are bounded here.
csv.field_size_limit(LONGEST_LINE)


@dataclass(frozen=True)
class Layout:
    """Where a file's rows begin, and how they are split into cells.

    Attributes
    ----------
    names : list of str
        The columns' names as they are written.
    offset, line : int
        The byte, and the line (from 1), after the header.
    separator : str
        One character.
    format : str
        csv, tsv or ecsv.
    dropped : dict of str to str
        Columns that cannot be landed, and why.
    units : dict of str to str
        Units that the header states, by the column's name.
    is_ended : bool
        Whether the last line of the header, which may be the file's last, has its end.
    """

    names: list[str]
    offset: int
    line: int
    separator: str = ","
    format: str = "csv"
    dropped: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    is_ended: bool = True


def read_layout(path: Path, zipped: bool) -> Layout:
    """The layout of a CSV, tab- or semicolon-separated or ECSV file.

    The header is the first line that does not begin with '#', if it names object_id; else the last
    line before the data that begins with '#'.  In ECSV it is the first line that does not begin with '#'.

    Raises
    ------
    InputError
        The file is empty, is separated otherwise, or its lines do not end with line feeds.
    """
    offset, last, comments = 0, 0, []
    with open_stream(path, zipped) as stream:
        lines = _head_lines(stream, path)
        for number, line in enumerate(lines, 1):
            text = _decode(line, path, number)
            is_comment = text.lstrip(' \t"').startswith("#")
            if text.strip() and not is_comment:
                if _is_ecsv(comments):
                    layout = _ecsv(path, comments, text, offset + len(line), number + 1)
                    return replace(layout, is_ended=line.endswith(LINE_ENDS))
                after = [more.decode("utf-8", "replace").rstrip("\r\n") for more in islice(lines, 2)]
                layout = _plain(path, number, comments, text, after, offset, len(line))
                return replace(layout, is_ended=line.endswith(LINE_ENDS))
            if is_comment:
                comments.append(text)
            offset += len(line)
            last, is_ended = number, line.endswith(LINE_ENDS)
    if not comments:
        raise InputError(f"{path} is empty.", "Download it from the archive again.")
    separator = _separator(comments[-1])
    names = _split(comments[-1], separator, path, last)
    return Layout(names, offset, last + 1, separator, SEPARATORS[separator], is_ended=is_ended)


def _plain(path: Path, number: int, comments: list[str], text: str, after: list[str], offset: int, size: int) -> Layout:
    """The layout from the first line that is not a comment: the header, or the first row under a commented header."""
    separator = _separator(text)
    _refuse_vizier(path, after, separator)
    names = _split(text, separator, path, number)
    if not _is_header(text, names, comments, path, number):
        separator = _separator(comments[-1])
        names = _split(comments[-1], separator, path, number - 1)
        _refuse_separators(path, comments[-1].lstrip("# \t"), names, [text], len(comments) - 1)
        return Layout(names, offset, number, separator, SEPARATORS[separator])
    _refuse_separators(path, text, names, after)
    return Layout(names, offset + size, number + 1, separator, SEPARATORS[separator])


def _is_header(text: str, names: list[str], comments: list[str], path: Path, number: int) -> bool:
    if not comments or _has_key(names):
        return True
    commented = _split(comments[-1], _separator(comments[-1]), path, number - 1)
    # A comment of other words than names has as many cells as a row by chance alone.
    return not _has_key(commented) and len(commented) != len(names) and len(names) > 1


def _has_key(names: list[str]) -> bool:
    return "object_id" in [clean_name(name, 0).lower() for name in names]


def _separator(line: str) -> str:
    """The character that separates most cells of a header, outside of quotes."""
    bare = "".join(line.split('"')[::2])
    return max(SEPARATORS, key=bare.count)


def _split(text: str, separator: str, path: Path, number: int) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=separator, skipinitialspace=separator == " "), [])
    except csv.Error as error:
        raise InputError(f"{path}, line {number}: the line is not CSV ({error}).") from None


# -- ECSV ----------------------------------------------------------------------------------------------------


def _is_ecsv(comments: list[str]) -> bool:
    """Whether the comments are an ECSV header: without the list of columns it is one in name alone."""
    return bool(comments) and comments[0].startswith(_ECSV) and any(line.startswith("# datatype:") for line in comments)


class _Loader(yaml.SafeLoader):
    """Does not build astropy's own tags: only names, types and the delimiter are needed."""


_Loader.add_multi_constructor("!", lambda loader, tag, node: None)


def _ecsv(path: Path, comments: list[str], header: str, offset: int, line: int) -> Layout:
    """The layout that an ECSV header tells (Taylor et al., ECSV 1.0, APE 6)."""
    text = "\n".join(re.sub("^# ?", "", comment) for comment in comments[1:])
    try:
        told = yaml.load(text, _Loader)
        separator = told.get("delimiter", " ")
        nested = [str(column["name"]) for column in told["datatype"] if "subtype" in column]
        units = {str(column["name"]): str(column["unit"]) for column in told["datatype"] if column.get("unit")}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is ECSV, and its header cannot be read: {' '.join(str(error).split())}.",
            "Write the file again.",
        ) from None
    if separator not in (" ", ","):
        raise InputError(f"{path} is ECSV with the delimiter {separator!r}; a space or a comma is expected.")
    names = _split(header, separator, path, line - 1)
    dropped = {name: "it is not a plain column" for name in nested if name in names}
    return Layout(names, offset, line, separator, "ecsv", dropped, units)


# -- what is refused -----------------------------------------------------------------------------------------


def _refuse_separators(path: Path, header: str, names: list[str], after: list[str], comment: int | None = None) -> None:
    """Refuse a file of one column that is of several by other separators; its header is the comment of that number.

    Spaces are never split by: they do not show an empty cell.
    """
    if len(names) > 1 or not after:
        return
    way = 'format="ascii.basic"' if comment is None else f'format="ascii.commented_header", header_start={comment}'
    for separator, words, options in (("|", "by '|'", ', delimiter="|"'), (None, "by spaces", "")):
        cells = header.strip().split(separator)
        if len(cells) > 1 and len(after[0].strip().split(separator)) == len(cells):
            raise InputError(
                f"The columns of {path} are separated {words}; commas, tabs and semicolons are supported.",
                f"Type: {by_astropy(path, f', {way}{options}')}",
            )


def _refuse_vizier(path: Path, after: list[str], separator: str) -> None:
    """A line of units and a line of dashes under the names: as VizieR writes values that tabs or semicolons separate.

    One dash is how some write an empty cell, and '--' is how others do.
    """
    rule = after[1].split(separator) if len(after) > 1 and separator != "," else []
    are_dashes = all(cell.strip() and not cell.strip("- ") for cell in rule)
    if are_dashes and sum("--" in cell for cell in rule) > 1:
        raise InputError(
            f"{path} is a table as VizieR writes it, with lines of units and of dashes under the names.",
            "Choose 'FITS (binary) Table' in VizieR; or type: "
            + by_astropy(path, f', format="ascii.basic", delimiter={json.dumps(separator)}, data_start=3'),
        )


def _head_lines(stream, path: Path) -> Iterator[bytes]:
    while line := guard(lambda: stream.readline(LONGEST_LINE), path):
        if len(line) == LONGEST_LINE:
            refuse_endless(path, line)
        yield line


def refuse_endless(path: Path, data: bytes) -> None:
    """Refuse a file without a line feed."""
    if b"\r" in data:
        raise _carriage_returns(path, 1)
    raise InputError(f"{path} has no line end in {LONGEST_LINE >> 20} MiB: it is not a CSV file.")


def _carriage_returns(path: Path, number: int) -> InputError:
    target = f"{path.name}.lf"
    return InputError(
        f"{path}, line {number}: a carriage return (CR) is in the line; lines must end with a line feed (LF, CR LF).",
        f"Type: tr '\\r' '\\n' < {shlex.quote(str(path))} > {shlex.quote(target)}; then land {target}.",
    )


def _decode(line: bytes, path: Path, number: int) -> str:
    try:
        text = line.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}, line {number}: byte 0x{line[error.start]:02x} is not UTF-8.",
            f"Type: iconv -f latin1 -t utf8 {path.name} > utf8.csv; then land that.",
        ) from None
    if "\r" in text:
        raise _carriage_returns(path, number)
    return text


# -- the stream ----------------------------------------------------------------------------------------------


def open_stream(path: Path, zipped: bool):
    """The file's bytes, unpacked where it is gzip."""
    return gzip.open(path, "rb") if zipped else open(path, "rb")


def guard(read, path: Path):
    """Read; a gzip stream that ends early, or is damaged, is the file's fault."""
    try:
        return read()
    except EOFError:
        raise InputError(
            f"{path} is cut short: its gzip stream has no end.", "Download the file again, then land it."
        ) from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}.", "Download the file again, then land it.") from None
