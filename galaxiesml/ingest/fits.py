"""Read FITS binary tables: astropy reads the header; the rows are read here, a block at a time."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.ingest.advice import by_astropy
from galaxiesml.ingest.source import BLOCK_BYTES, Block, Source, clean_name

#: The standard's letter for an element's type, as numpy reads it from the file.
_DTYPES = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
_WIDTHS = {
    "L": 1,
    "X": 0,
    "B": 1,
    "I": 2,
    "J": 4,
    "K": 8,
    "A": 1,
    "E": 4,
    "D": 8,
    "C": 8,
    "M": 16,
    "P": 8,
    "Q": 16,
}
#: TZERO that makes an unsigned type of a signed one, or the other way for bytes.
_OFFSETS = {"B": -128, "I": 1 << 15, "J": 1 << 31, "K": 1 << 63}
#: An image or a table that is compressed, and therefore stored in a binary table.
_PACKED = {"ZIMAGE", "ZTABLE"}
_SHIFTED = {"B": "i1", "I": "u2", "J": "u4", "K": "u8"}


@dataclass(frozen=True)
class Field:
    """One column of a binary table: its offset in a row, and the meaning of its bytes."""

    name: str
    letter: str
    repeat: int
    offset: int
    null: int | None
    scale: float
    zero: float
    unit: str = ""

    @property
    def shifted(self) -> bool:
        """Whether TZERO only says that the integers are unsigned (for bytes: signed)."""
        return self.letter in _OFFSETS and self.scale == 1 and self.zero == _OFFSETS[self.letter]

    @property
    def scaled(self) -> bool:
        return not self.shifted and (self.scale != 1 or self.zero != 0)

    @property
    def element(self) -> pa.DataType:
        if self.letter == "A":
            return pa.string()
        if self.letter == "L":
            return pa.bool_()
        if self.scaled:
            return pa.float64()
        return pa.from_numpy_dtype(_SHIFTED[self.letter] if self.shifted else _DTYPES[self.letter].lstrip(">"))

    @property
    def type(self) -> pa.DataType:
        is_vector = self.repeat > 1 and self.letter != "A"
        return pa.list_(self.element, self.repeat) if is_vector else self.element


def open_fits(path: Path) -> Source:
    """Open the first binary table of a FITS file that has a column object_id, else its first binary table."""
    header, start = _find_table(path)
    width, total = header["NAXIS1"], header["NAXIS2"]
    expected = start + width * total + header["PCOUNT"]
    actual = path.stat().st_size
    if actual < expected:
        raise InputError(
            f"{path} is cut short: {actual:,} bytes where its header says {expected:,} ({total:,} rows).",
            "Download the file again, then land it.",
        )
    fields, dropped = _fields(header, path)
    return Source(
        path,
        "fits",
        [field.name for field in fields],
        [field.type for field in fields],
        lambda hopes, nulls: _blocks(path, start, width, total, fields),
        dropped,
        {field.name: field.unit for field in fields if field.unit},
    )


def _find_table(path: Path) -> tuple[dict, int]:
    from astropy.io import fits

    tables, refused = [], []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path.absolute(), memmap=True, lazy_load_hdus=True) as hdus:
                for number, hdu in enumerate(hdus):
                    refused += _not_read(path, hdu.header, number)
                    if hdu.header.get("XTENSION", "").strip() != "BINTABLE" or _PACKED & {*hdu.header}:
                        continue
                    header = {key: value for key, value in hdu.header.items() if key}
                    tables.append((header, hdu.fileinfo()["datLoc"]))
                    names = [value for key, value in header.items() if re.fullmatch(r"TTYPE\d+", key)]
                    if "object_id" in (clean_name(str(name), 0).lower() for name in names):
                        return tables[-1]
    except (OSError, ValueError, KeyError, TypeError, fits.VerifyError) as error:
        raise InputError(f"{path} is damaged: {error}.", "Download the file again, then land it.") from None
    if refused:
        # Also where another table is there: which of them is the catalogue is not known.
        raise refused[0]
    if not tables:
        raise InputError(f"{path} has no binary table.", "Give a FITS table, not an image.")
    return tables[0]


def _not_read(path: Path, header, number: int) -> list[InputError]:
    """Why the table of an HDU is not read; None if it is read, or is not a table."""
    place = f"{path}, HDU {number}, is"
    if "ZTABLE" in header:
        target = path.name.removesuffix(".fz") if path.suffix == ".fz" else f"{path.name}.unpacked.fits"
        return [
            InputError(
                f"{place} a table that fpack compressed.",
                f"Type: funpack -O {shlex.quote(target)} {shlex.quote(str(path))}; then land {target}.",
            )
        ]
    if header.get("XTENSION", "").strip() == "TABLE":
        return [
            InputError(
                f"{place} an ASCII table; binary tables are read.", f"Type: {by_astropy(path, f', hdu={number}')}"
            )
        ]
    return []


def _fields(header: dict, path: Path) -> tuple[list[Field], dict[str, str]]:
    fields, dropped, offset = [], {}, 0
    for number in range(1, header["TFIELDS"] + 1):
        name = clean_name(str(header.get(f"TTYPE{number}", "")), number - 1)
        form = str(header.get(f"TFORM{number}", "")).strip()
        match = re.match(r"(\d*)([LXBIJKAEDCMPQ])", form)
        if not match:
            raise InputError(f"{path}, column {name}: TFORM{number} = {form!r} is not a format of the FITS standard.")
        repeat, letter = int(match[1] or 1), match[2]
        scale, zero = header.get(f"TSCAL{number}", 1), header.get(f"TZERO{number}", 0)
        if letter in "PQXCM" or repeat == 0:
            kinds = {
                "P": "of variable length",
                "Q": "of variable length",
                "X": "bits",
                "C": "complex",
                "M": "complex",
            }
            dropped[name] = kinds.get(letter, "empty") if repeat else "empty"
        else:
            unit = str(header.get(f"TUNIT{number}", ""))
            fields.append(Field(name, letter, repeat, offset, header.get(f"TNULL{number}"), scale, zero, unit))
        offset += (repeat + 7) // 8 if letter == "X" else repeat * _WIDTHS[letter]
    if offset != header["NAXIS1"]:
        raise InputError(f"{path}: its columns take {offset} bytes per row, but NAXIS1 is {header['NAXIS1']}.")
    return fields, dropped


def _blocks(path: Path, start: int, width: int, total: int, fields: list[Field]) -> Iterator[Block]:
    dtype = np.dtype(
        {
            "names": [str(i) for i in range(len(fields))],
            "formats": [_format(field) for field in fields],
            "offsets": [field.offset for field in fields],
            "itemsize": width,
        }
    )
    count = max(BLOCK_BYTES // max(width, 1), 1)
    # Read, not mapped: pages of a map count as this process's memory until the system wants them back.
    with open(path, "rb") as file:
        file.seek(start)
        for first in range(0, total, count):
            here = min(count, total - first)
            data = file.read(here * width)
            if len(data) < here * width:
                raise InputError(f"{path} became shorter while it was read.", "Type the command again.")
            table = np.frombuffer(data, dtype)
            columns = [_column(table[str(i)], field, path, first) for i, field in enumerate(fields)]
            yield Block(columns, np.arange(first + 1, first + here + 1, dtype=np.int64), here * width)


def _format(field: Field):
    if field.letter == "A":
        return f"S{field.repeat}"
    return (_DTYPES[field.letter], (field.repeat,)) if field.repeat > 1 else _DTYPES[field.letter]


def _column(raw: np.ndarray, field: Field, path: Path, first: int) -> pa.Array:
    if field.letter == "A":
        return _texts(raw, field, path, first)
    flat = np.ascontiguousarray(raw).reshape(-1)
    missing = None
    if field.letter == "L":
        bad = ~np.isin(flat, (0, ord("T"), ord("F")))
        if bad.any():
            at = int(bad.argmax())
            row = first + at // field.repeat + 1
            raise InputError(f"{path}, row {row}, column {field.name}: byte 0x{flat[at]:02x} is not a logical value.")
        values, missing = flat == ord("T"), flat == 0
    else:
        if field.null is not None and field.letter in "BIJK":
            missing = flat == field.null
        values = _numbers(flat, field)
    array = pa.array(values, field.element, mask=missing)
    return array if field.repeat == 1 else pa.FixedSizeListArray.from_arrays(array, field.repeat)


def _numbers(flat: np.ndarray, field: Field) -> np.ndarray:
    """The physical values; unsigned integers by integer arithmetic, for a float holds 53 bits."""
    native = flat.astype(flat.dtype.newbyteorder("="))
    if field.shifted:
        width = native.dtype.itemsize
        top_bit = np.array(1 << (8 * width - 1), f"u{width}")
        return (native.view(f"u{width}") ^ top_bit).view(_SHIFTED[field.letter])
    if field.scaled:
        return native.astype(np.float64) * field.scale + field.zero
    return native


def _texts(raw: np.ndarray, field: Field, path: Path, first: int) -> pa.Array:
    # A NUL ends a text of the standard; what follows it is not looked at.
    cells = [cell.partition(b"\0")[0].rstrip(b" ") for cell in raw.tolist()]
    try:
        return pa.array(cells, pa.binary()).cast(pa.string())
    except pa.ArrowInvalid:
        for number, cell in enumerate(cells, first + 1):
            try:
                cell.decode()
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{path}, row {number}, column {field.name}: byte 0x{cell[error.start]:02x} is not UTF-8."
                ) from None
        raise
