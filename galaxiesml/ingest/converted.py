"""Columns of a release that land for conversions, and what staging will make of them, which landing checks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galaxiesml.catalog.stores import of_exports
from galaxiesml.dictionary import arrow_type, sql_type
from galaxiesml.ingest.convert import REASONS, Nulls, can_hold, convert, nullify
from galaxiesml.ingest.source import Block, Source
from galaxiesml.ingest.wrong import Wrong
from galaxiesml.releases.conversions import Conversion, Input, converted
from galaxiesml.releases.profile import Profile


@dataclass(frozen=True)
class Conversions:
    """Conversions whose columns a file has.

    Attributes
    ----------
    named : dict of str to (Conversion, list of str)
        By our name, with the landed names of what it reads; those that the file has all columns of.
    inputs : dict of str to (Input, int)
        By landed name, with the position in the file; every column of it that a conversion reads.
    types : dict of str to str
        SQL types of our columns.
    """

    named: dict[str, tuple[Conversion, list[str]]] = field(default_factory=dict)
    inputs: dict[str, tuple[Input, int]] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    @property
    def expressions(self) -> dict[str, str]:
        """For landing.json: by our name, the expression over the landed columns."""
        return {name: conversion.written(names) for name, (conversion, names) in self.named.items()}

    def sources(self, source: Source) -> dict[str, list[str]]:
        """By our name: the file's names of what it is made of."""
        return {
            name: list(dict.fromkeys(source.names[self.inputs[landed][1]] for landed in names))
            for name, (_, names) in self.named.items()
        }


def find_conversions(profile: Profile, places: dict[str, int]) -> Conversions:
    """The profile's conversions whose columns a file has.

    Parameters
    ----------
    places : dict of str to int
        Positions of the file's columns, by name in lower case.
    """
    if not profile.conversions:
        return Conversions()
    types = {name: sql_type(column.type) for name, column in of_exports(profile).items()}
    # What a file has of a conversion lands by the conversion's type, whether the rest is there or not: all files are
    # read as one table.
    inputs = {one.landed: (one, places[name]) for name, one in profile.inputs.items() if name in places}
    named = {}
    for name, conversion in profile.conversions.items():
        landed = profile.landed(name)
        if all(one in inputs for one in landed):
            named[name] = (conversion, landed)
    return Conversions(named, inputs, types)


def input_type(one: Input, found: pa.DataType) -> pa.DataType:
    """The Arrow type that a column lands as: doubles keep the file's width."""
    if not one.kind or (one.kind == "double" and pa.types.is_floating(found)):
        return found
    return arrow_type(one.kind)


def wrong_type(one: Input, found: pa.DataType) -> str:
    """Why a column of a type cannot be read as a conversion needs it; '' if it can."""
    if not one.kind:
        return "a list cannot become text" if pa.types.is_nested(found) else ""
    return "" if can_hold(found, one.kind, False) else f"{one.kind} is expected"


def land_inputs(block: Block, found: Conversions, general: tuple[str, ...], wrong: Wrong) -> dict[str, pa.Array]:
    """A block's columns for conversions; parts of an identifier that are missing or too large are bad cells."""
    landed = {}
    for name, (one, position) in found.inputs.items():
        nulls = Nulls((*general, *one.nulls))
        if one.kind:
            values, bad = convert(block.columns[position], one.kind, nulls)
            wrong.add(position, bad, REASONS[one.kind])
        else:
            values = nullify(block.columns[position], nulls)
        for ours, most in one.limits:
            outside = pc.fill_null(pc.or_(pc.less(values, 0), pc.greater(values, most)), False)
            bits = most.bit_length()
            reason = f"is not between 0 and {most:,}, the {bits} bits that it has in {ours}"
            wrong.add(position, _where(outside), reason)
            if ours == "object_id":
                wrong.add(position, _where(values.is_null()), "is missing")
        landed[name] = values
    return landed


def _where(mask: pa.Array) -> np.ndarray | None:
    found = mask.to_numpy(zero_copy_only=False)
    return found if found.any() else None


class Evaluated:
    """Evaluates a file's conversions block by block, as staging will, and counts what has no value by its sign.

    Parameters
    ----------
    found : Conversions
    source : Source
        For the file's names.
    """

    def __init__(self, found: Conversions, source: Source):
        self._found = found
        self._theirs = {name: source.names[place] for name, (_, place) in found.inputs.items()}
        self._connection = None
        self._counts = {
            name: {"column": name, "source": self._theirs[names[-1]], "what": one.positive, "rows": 0, "of": 0}
            for name, (one, names) in found.named.items()
            if one.positive
        }

    def __enter__(self) -> Evaluated:
        if self._found.named:
            import duckdb

            # One thread keeps the order of the rows.
            self._connection = duckdb.connect(config={"threads": 1, "memory_limit": "512MB"})
        return self

    def __exit__(self, *error) -> None:
        if self._connection is not None:
            self._connection.close()

    def add(self, table: pa.Table) -> pa.Table:
        """A block with our converted columns beside its own; the block itself where nothing is converted."""
        if self._connection is None or not table.num_rows:
            return table
        for name, count in self._counts.items():
            values = table[self._found.named[name][1][-1]]
            count["of"] += len(values) - values.null_count
            count["rows"] += pc.sum(pc.less_equal(values, 0)).as_py() or 0
        needed = table.select(list(self._found.inputs))
        self._connection.register("block", needed)
        query = f"select {', '.join(self._found.named)} from {converted('block', self._found.named, self._found.types)}"
        made = self._connection.sql(query).to_arrow_table()
        self._connection.unregister("block")
        for name in self._found.named:
            table = table.append_column(name, made[name])
        return table

    def info(self) -> dict:
        """For landing.json; nothing where nothing is converted."""
        if not self._found.inputs:
            return {}
        return {
            "conversions": self._found.expressions,
            "converted": {name: one.words for name, (one, _) in self._found.named.items()},
            "inputs": {name: [theirs] for name, theirs in self._theirs.items()},
            "not_positive": [count for count in self._counts.values() if count["rows"]],
        }

    def notes(self) -> list[str]:
        """Messages about values that are 0 or below, and so give none."""
        return [
            f"{count['rows']:,} of {count['of']:,} values of {count['source']} "
            f"({count['what']}) are 0 or below: {count['column']} has no value (NULL) there"
            for count in self._counts.values()
            if count["rows"]
        ]
