"""Apply columns that mask another one: the archive's X_isnull, and astropy's X.mask.

astropy keeps a masked column in Parquet, HDF5 and (serialize_method 'data_mask') ECSV as two columns: X, including
the values under the mask, and the boolean X.mask.  Programs that convert such a table to CSV or FITS keep both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.errors import InputError
from galaxiesml.ingest.convert import Nulls, can_hold, convert
from galaxiesml.ingest.source import Block, Source, leave_out
from galaxiesml.ingest.wrong import Wrong

SUFFIXES = ("_isnull", ".mask")
_REASON = "is neither true nor false, and tells where {} has a value"


def apply_masks(source: Source) -> Source:
    """The same file with NULL where a mask is true; the masks themselves are no longer columns of it.

    A row whose mask is neither true nor false is a bad row.

    Raises
    ------
    InputError
        A mask is of a type that is never boolean, or differs in shape from its column.
    """
    masks = _masks(source.names)
    if not masks:
        return source
    for mask, place in masks.items():
        _check(source, place, mask)

    def blocks(hopes: dict[int, pa.DataType], nulls: tuple[str, ...]) -> Iterator[Block]:
        for block in source.blocks(hopes, nulls):
            yield _masked(block, source.names, masks)

    return leave_out(replace(source, blocks=blocks), masks, {})


def mask_of(name: str) -> str | None:
    """The column that a mask is of, by its name; None where the name is of no mask."""
    found = next((suffix for suffix in SUFFIXES if name.lower().endswith(suffix)), None)
    return name[: -len(found)] if found else None


def _masks(names: list[str]) -> dict[int, int]:
    """Position of a mask -> position of its column: the one spelt alike, else the first that differs in case alone."""
    exact: dict[str, int] = {}
    any_case: dict[str, int] = {}
    for place, name in enumerate(names):
        exact.setdefault(name, place)
        any_case.setdefault(name.lower(), place)
    found = {}
    for place, name in enumerate(names):
        if (column := mask_of(name)) is not None:
            masked = exact.get(column, any_case.get(column.lower()))
            if masked is not None:
                found[place] = masked
    return found


def _check(source: Source, place: int, mask: int) -> None:
    kind, flag = source.types[place], source.types[mask]
    if _is_list(flag):
        fits = _is_list(kind) and pa.types.is_boolean(flag.value_type)
    else:
        fits = not pa.types.is_nested(flag) and can_hold(flag, "boolean", False)
    if not fits:
        name = source.names[place]
        raise InputError(
            f"{source.path}, column {source.names[mask]}: its type is {flag}; a boolean is expected, "
            f"which tells where {name} ({kind}) has no value.",
            f"Give the column another name, or write {name} with its missing values and without a mask.",
        )


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)


def _masked(block: Block, names: list[str], masks: dict[int, int]) -> Block:
    wrong, arrays = Wrong(block, names), list(block.columns)
    for mask, place in masks.items():
        flags = block.columns[mask]
        if _is_list(flags.type):
            arrays[place], bad = _mask_elements(arrays[place], flags)
            wrong.add(mask, bad, f"differs in shape from {names[place]}, whose values it tells of")
            continue
        is_null, bad = convert(flags, "boolean", Nulls(("",)))
        wrong.add(mask, bad, _REASON.format(names[place]))
        if pc.any(is_null).as_py():
            arrays[place] = _nulls_where(pc.fill_null(is_null, False), arrays[place])
    if not wrong.first:
        return replace(block, columns=arrays, text_of=block.raw)
    good = wrong.good
    index, keep = np.flatnonzero(good), pa.array(good)
    return Block(
        [column.filter(keep) for column in arrays],
        block.rows[good],
        block.size,
        None if block.lines is None else block.lines[good],
        sorted([*block.bad, *wrong.rows()], key=lambda row: row.source_row),
        lambda row: block.raw(int(index[row])),
    )


def _nulls_where(mask: pa.Array, values: pa.Array) -> pa.Array:
    empty = pa.nulls(len(values), values.type)
    if not pa.types.is_nested(values.type):
        return pc.if_else(mask, empty, values)
    index = np.arange(len(values)) + np.where(mask.to_numpy(zero_copy_only=False), 0, len(values))
    return pa.concat_arrays([empty, values]).take(pa.array(index))


def _mask_elements(values: pa.Array, flags: pa.Array) -> tuple[pa.Array, np.ndarray | None]:
    """Lists with NULL for the elements whose flag is true, and the rows whose flags are not as many as the values."""
    rows, bad = [], np.zeros(len(values), bool)
    for index, (cells, hidden) in enumerate(zip(values.to_pylist(), flags.to_pylist(), strict=True)):
        bad[index] = cells is not None and hidden is not None and len(cells) != len(hidden)
        is_plain = cells is None or hidden is None or bad[index]
        rows.append(cells if is_plain else [None if no else cell for cell, no in zip(cells, hidden, strict=True)])
    return pa.array(rows, values.type), bad if bad.any() else None
