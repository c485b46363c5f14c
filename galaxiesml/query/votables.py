"""Write a table as a VOTable; DuckDB makes the text of the rows, which goes to the file batch by batch."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from galaxiesml.dictionary import Column
from galaxiesml.errors import UsageError
from galaxiesml.query.extents import is_list, measure, name_of
from galaxiesml.query.tables import Export
from galaxiesml.query.votable_text import votable_text
from galaxiesml.system.atomic import appearing

_ROWS = 16_384
_NOTE = "VOTable has no NULL for texts: an empty text may have been NULL"


def write_votable(export: Export, path: Path) -> None:
    """Write VOTable 1.4 with TABLEDATA: units, UCDs and descriptions in its fields, the facts in INFO elements.

    NULL is an empty cell.  Streamed; equal for equal builds.

    Raises
    ------
    UsageError
        A text has a character that XML cannot hold.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count, extents = measure(export.rows, export.columns)
    for column in export.columns:
        if extents[column.name].control or extents[column.name].nul:
            raise UsageError(
                f"A text in {export.facts['table']}.{column.name} has a control character, which XML cannot hold.",
                f"Type: galaxiesml export parquet --table {export.facts['table']}",
            )
    foreign = [name for name, extent in extents.items() if not extent.ascii]
    head, tail = votable_text(export.columns, export.facts, foreign, _NOTE, count)
    cells = " || ".join(f"'<TD>' || coalesce({_cell(column)}, '') || '</TD>'" for column in export.columns)
    query = f"select '<TR>' || {cells} || '</TR>' || chr(10) as line from ({export.rows})"
    with appearing(path) as making, open(making, "wb") as out, duckdb.connect() as connection:
        out.write(head.encode())
        for batch in connection.sql(query).to_arrow_reader(_ROWS):
            out.write(_bytes(batch.column(0)))
        out.write(tail.encode())


def _bytes(lines) -> memoryview:
    """The texts of an Arrow array, one after another; none is NULL."""
    _, offsets, data = lines.buffers()
    ends = np.frombuffer(offsets, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(data)[ends[0] : ends[-1]]


def _cell(column: Column) -> str:
    """SQL of a value's text; NULL is NULL."""
    name, kind = name_of(column), column.type.removesuffix("[]")
    if is_list(column):
        # An element that is NULL can be told in a list of numbers with a fraction alone.
        return f"array_to_string(list_transform({name}, lambda value: coalesce({_value('value', kind)}, 'NaN')), ' ')"
    return _value(name, kind)


def _value(name: str, kind: str) -> str:
    if kind == "double":
        infinite = f"when isinf({name}) then case when {name} > 0 then '+Inf' else '-Inf' end"
        return f"case when isnan({name}) then 'NaN' {infinite} else cast({name} as varchar) end"
    if kind == "text":
        # A carriage return would be read as the end of a line.
        steps = (("'&'", "'&amp;'"), ("'<'", "'&lt;'"), ("'>'", "'&gt;'"), ("chr(13)", "'&#13;'"))
        for old, new in steps:
            name = f"replace({name}, {old}, {new})"
        return name
    return f"cast({name} as varchar)"
