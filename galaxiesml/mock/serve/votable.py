"""Write tables as VOTable documents, through astropy."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from galaxiesml.mock.serve.spectra import Column, Table

MEDIA = "text/xml"
_TYPES = {pa.int64(): "long", pa.float64(): "double", pa.bool_(): "boolean", pa.string(): "char", pa.int32(): "int"}


def document(resource: str, tables: Sequence[Table], infos: Sequence[tuple[str, str, str]] = ()) -> bytes:
    """A document of one resource.

    Parameters
    ----------
    resource : str
        Its name, as J/A+A/609/A84; its type is results.
    tables : sequence of Table
        Columns without a UCD have none.
    infos : sequence of (str, str, str)
        Name, value and text of INFO elements of the resource.
    """
    from astropy.io.votable import tree

    file = tree.VOTableFile(version="1.4")
    held = tree.Resource(name=resource, type="results")
    file.resources.append(held)
    for name, value, text in infos:
        info = tree.Info(name=name, value=value)
        info.content = text or None
        held.infos.append(info)
    for table in tables:
        held.tables.append(_element(file, table))
    out = io.BytesIO()
    file.to_xml(out, tabledata_format="tabledata")
    return out.getvalue()


def _element(file, table: Table):
    from astropy.io.votable import tree

    element = tree.TableElement(file, name=table.name, ID=_identifier(table.name))
    element.description = table.title
    element.fields.extend(_field(file, column, table.rows[column.name].type) for column in table.columns)
    element.create_arrays(table.rows.num_rows)
    for at, column in enumerate(table.columns):
        values = table.rows[column.name].combine_chunks()
        name = element.array.dtype.names[at]
        element.array[name] = _values(values)
        element.array.mask[name] = values.is_null().to_numpy(zero_copy_only=False)
    return element


def _field(file, column: Column, kind: pa.DataType):
    from astropy.io.votable import tree

    told = _TYPES[kind]
    size = {"arraysize": "*"} if told == "char" else {}
    field = tree.Field(
        file,
        name=column.name,
        ID=_identifier(column.name),
        datatype=told,
        ucd=column.ucd or None,
        unit=column.unit,
        **size,
    )
    field.description = f"{column.name} (simulated)"
    return field


def _identifier(name: str) -> str:
    """A name as an ID of XML, as VizieR makes it."""
    return "".join(letter if letter.isalnum() else "_" for letter in name)


def _values(values: pa.Array) -> np.ndarray:
    if pa.types.is_string(values.type):
        return np.array(values.fill_null("").to_pylist(), object)
    return values.fill_null(False if pa.types.is_boolean(values.type) else 0).to_numpy(zero_copy_only=False)
