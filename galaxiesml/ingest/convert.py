"""Convert a file's arrays to the catalogue's types; sentinels and NaN become NULL."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.dictionary import arrow_type

#: Whole numbers up to here are exact in a double.
_EXACT = 1 << 53
_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?|inf|infinity|nan)", re.I)
_FALSE = ["false", "f", "0", "0.0"]
_TRUE = ["true", "t", "1", "1.0"]
REASONS = {
    "bigint": "is not a whole number of 64 bits",
    "double": "is not a number",
    "boolean": "is neither true nor false",
    "text": "is a whole number that a float cannot hold exactly",
}


@dataclass(frozen=True)
class Nulls:
    """Values that mean NULL in a column, compared as text and as numbers ('-9' is -9.0)."""

    texts: tuple[str, ...]

    @property
    def numbers(self) -> list[float]:
        values = [float(text) for text in self.texts if _FLOAT.fullmatch(text)]
        return [value for value in values if not math.isnan(value)]


def can_hold(source: pa.DataType, kind: str, is_id: bool) -> bool:
    """Whether a column of the file can be converted to type ``kind``; identifiers are never read from floats."""
    is_float = pa.types.is_floating(source)
    if pa.types.is_string(source) or pa.types.is_null(source) or pa.types.is_integer(source):
        return True
    if pa.types.is_decimal(source):
        return kind != "boolean"
    return {
        "bigint": is_float and not is_id,
        "double": is_float,
        "boolean": is_float or pa.types.is_boolean(source),
        "text": is_float or pa.types.is_boolean(source),
    }[kind]


def convert(array: pa.Array, kind: str, nulls: Nulls, is_id: bool = False) -> tuple[pa.Array, np.ndarray | None]:
    """Convert an array to the catalogue's type; also returns which cells do not fit (they become NULL; None: all fit).

    Doubles keep the width that they come in; NaN is NULL; infinities stay.
    """
    array = nullify(array, nulls)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), arrow_type(kind)), None
    values, bad = {"bigint": _bigint, "double": _double, "boolean": _boolean, "text": _text}[kind](array, is_id)
    return (values if values.type == array.type else nullify(values, nulls)), bad


def nullify(array: pa.Array, nulls: Nulls) -> pa.Array:
    """Replace NaN and sentinels by NULL, in any type and inside lists."""
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _nullify_list(array, nulls)
    if pa.types.is_string(kind):
        found = pc.is_in(array, pa.array(nulls.texts, pa.string()))
        return pc.if_else(found, None, array) if pc.any(found).as_py() else array
    if pa.types.is_floating(kind):
        found = pc.is_nan(array)
        array = pc.if_else(found, None, array) if pc.any(found).as_py() else array
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        for number in nulls.numbers:
            # An integer column holds neither -9.5 nor what is beyond its width.
            if pa.types.is_integer(kind) and not _fits(number, kind):
                continue
            found = pc.equal(array, pa.scalar(number if pa.types.is_floating(kind) else int(number), kind))
            array = pc.if_else(found, None, array) if pc.any(found).as_py() else array
    return array


def _fits(number: float, kind: pa.DataType) -> bool:
    if not math.isfinite(number) or number != int(number):
        return False
    limits = np.iinfo(kind.to_pandas_dtype())
    return limits.min <= int(number) <= limits.max


def _nullify_list(array: pa.Array, nulls: Nulls) -> pa.Array:
    if not pa.types.is_floating(array.type.value_type):
        return array
    if pa.types.is_fixed_size_list(array.type):
        size = array.type.list_size
        values = nullify(array.values.slice(array.offset * size, len(array) * size), nulls)
        return pa.FixedSizeListArray.from_arrays(values, size, mask=array.is_null())
    values = nullify(array.values, nulls)
    return pa.ListArray.from_arrays(array.offsets, values, mask=array.is_null() if array.null_count else None)


# -- each type: (array, is_id) -> (values, bad cells or None) ------------------------------------------------


def _bigint(array: pa.Array, is_id: bool) -> tuple[pa.Array, np.ndarray | None]:
    if pa.types.is_string(array.type):
        # Arrow reads 0x1A as 26.
        is_plain = not pc.any(pc.match_substring(array, "x", ignore_case=True)).as_py()
        return _cast_text(array, pa.int64(), is_plain, _parse_id if is_id else _parse_integer)
    if pa.types.is_floating(array.type):
        wide = array.cast(pa.float64())
        fits = pc.and_(pc.equal(wide, pc.trunc(wide)), pc.less_equal(pc.abs(wide), float(_EXACT)))
        return pc.if_else(fits, wide, None).cast(pa.int64()), _where(pc.invert(fits))
    try:
        return array.cast(pa.int64()), None
    except pa.ArrowInvalid:
        return _by_cell(array, pa.int64(), _parse_number_id)


def _double(array: pa.Array, is_id: bool) -> tuple[pa.Array, np.ndarray | None]:
    if pa.types.is_string(array.type):
        return _cast_text(array, pa.float64(), True, _parse_float)
    if pa.types.is_floating(array.type):
        return array, None
    return array.cast(pa.float64(), safe=False), None


def _boolean(array: pa.Array, is_id: bool) -> tuple[pa.Array, np.ndarray | None]:
    if pa.types.is_boolean(array.type):
        return array, None
    if pa.types.is_string(array.type):
        place = pc.index_in(pc.ascii_lower(pc.utf8_trim_whitespace(array)), pa.array(_FALSE + _TRUE))
        values = pc.if_else(pc.is_null(place), None, pc.greater_equal(place, len(_FALSE)))
        bad = _where(pc.and_(pc.is_null(place), pc.is_valid(array)))
        # 1.00 and 1e0 are 1 too, but not worth a look in each block.
        return (values, None) if bad is None else _by_cell(array, pa.bool_(), _parse_boolean)
    known = pc.is_in(array, pa.array([0, 1], array.type))
    return pc.if_else(known, pc.equal(array, pa.scalar(1, array.type)), None), _where(
        pc.and_(pc.invert(known), pc.is_valid(array))
    )


def _text(array: pa.Array, is_id: bool) -> tuple[pa.Array, np.ndarray | None]:
    if pa.types.is_string(array.type):
        return array, None
    if not pa.types.is_floating(array.type):
        return array.cast(pa.string()), None
    # A spectrum's number that was converted to a float, because the column has NaN, is still a whole number.
    wide = array.cast(pa.float64())
    whole = pc.equal(wide, pc.trunc(wide))
    exact = pc.less(pc.abs(wide), float(_EXACT))
    integers = pc.if_else(pc.and_(whole, exact), wide, None).cast(pa.int64()).cast(pa.string())
    values = pc.coalesce(integers, pc.if_else(whole, None, array).cast(pa.string()))
    return values, _where(pc.and_(whole, pc.invert(exact)))


def _cast_text(array: pa.Array, kind: pa.DataType, is_plain: bool, parse) -> tuple[pa.Array, np.ndarray | None]:
    if is_plain:
        try:
            return array.cast(kind), None
        except pa.ArrowInvalid:
            pass
    return _by_cell(array, kind, parse)


def _by_cell(array: pa.Array, kind: pa.DataType, parse) -> tuple[pa.Array, np.ndarray | None]:
    """The slow path, for a block with something unusual; ``parse`` raises ValueError for a bad cell."""
    values, bad = [], np.zeros(len(array), bool)
    for index, cell in enumerate(array.to_pylist()):
        cell = cell.strip() or None if isinstance(cell, str) else cell
        try:
            values.append(None if cell is None else parse(cell))
        except ValueError:
            values.append(None)
            bad[index] = True
    return pa.array(values, kind), bad if bad.any() else None


def _parse_id(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError
    return int(text)


def _parse_integer(text: str) -> int:
    """Also 8279.0, which pandas makes of a whole number in a column with NULLs; not for identifiers."""
    if _INTEGER.fullmatch(text):
        return _parse_id(text)
    value = _parse_float(text)
    if not math.isfinite(value) or value != int(value) or abs(value) > _EXACT:
        raise ValueError
    return int(value)


def _parse_number_id(value) -> int:
    if value != int(value) or not -(1 << 63) <= int(value) < 1 << 63:
        raise ValueError
    return int(value)


def _parse_float(text: str) -> float:
    # Python alone would take 1_000 and digits of other scripts.
    if not _FLOAT.fullmatch(text):
        raise ValueError
    return float(text)


def _parse_boolean(text: str) -> bool:
    if text.lower() in _FALSE or text.lower() in _TRUE:
        return text.lower() in _TRUE
    value = _parse_float(text)
    if value not in (0.0, 1.0):
        raise ValueError
    return value == 1.0


def _where(mask: pa.Array) -> np.ndarray | None:
    found = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return found if found.any() else None
