"""Check the units that a file states for its columns: TUNIT, Parquet metadata, VOTable, ECSV."""

from __future__ import annotations

import io
import warnings

import pyarrow as pa

from galaxiesml.errors import InputError
from galaxiesml.ingest.source import Source, clean_name

#: Keys of a Parquet field's metadata that hold a unit.
_KEYS = (b"unit", b"units", b"UNIT", b"TUNIT")
_HINT = "Units are not converted: write the column in the expected unit, and state that unit in the file."


def check_units(source: Source, expected: dict[int, tuple[str, str]], hint: str = _HINT) -> list[str]:
    """Refuse columns whose unit in the file differs from the expected one.

    Parameters
    ----------
    source : Source
        The opened file.
    expected : dict of int to (str, str)
        Position to our name of the column and its unit as VOUnit writes it; '' is a pure number.
    hint : str
        What to do about a column in another unit.

    Returns
    -------
    list of str
        Units that nobody can tell the meaning of, in words.

    Raises
    ------
    InputError
        Every column whose unit means something else.
    """
    wrong, doubtful = [], []
    for position, (ours, unit) in expected.items():
        stated = source.units.get(source.names[position], "").strip()
        if not stated:
            continue
        from galaxiesml.units import means

        name = source.names[position]
        name = name if name.lower() == ours else f"{name} ({ours})"
        told = means(stated, unit)
        if told is None:
            doubtful.append(f"the unit of {name} in the file, {stated!r}, is not known; {unit or 'none'} is assumed")
        elif not told:
            wrong.append(f"column {name}: its unit in the file is {stated!r}; {unit or 'a pure number'} is expected")
    if wrong:
        told = wrong[0] if len(wrong) == 1 else "".join(f"\n  {line}" for line in wrong)
        raise InputError(
            f"{source.path}, {told}; nothing was landed.",
            hint,
        )
    return doubtful


def parquet_units(schema: pa.Schema) -> dict[str, str]:
    """Units by column: from each field's metadata, else from the VOTable or the astropy header kept in the file."""
    stated = _of_astropy(schema) | _of_votable(schema)
    found = {clean_name(name, place): stated[name] for place, name in enumerate(schema.names) if name in stated}
    for place, name, unit in _of_fields(schema):
        found[clean_name(name, place)] = unit
    return found


def _of_fields(schema: pa.Schema):
    for place, field in enumerate(schema):
        for key in _KEYS:
            if unit := (field.metadata or {}).get(key):
                yield place, field.name, unit.decode("utf-8", "replace")


def _of_astropy(schema: pa.Schema) -> dict[str, str]:
    header = (schema.metadata or {}).get(b"table_meta_yaml")
    if not header:
        return {}
    from astropy.table import meta

    try:
        columns = meta.get_header_from_yaml(header.decode().split("\n"))["datatype"]
        return {column["name"]: str(column["unit"]) for column in columns if column.get("unit") is not None}
    except Exception:  # A header from outside may be anything; the columns are there without it.
        return {}


def _of_votable(schema: pa.Schema) -> dict[str, str]:
    """The VOParquet convention: a VOTable without rows."""
    header = (schema.metadata or {}).get(b"IVOA.VOTable-Parquet.content")
    if not header:
        return {}
    from astropy.io.votable import parse

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fields = parse(io.BytesIO(header), verify="ignore").get_first_table().fields
        return {field.name: str(field.unit) for field in fields if field.unit is not None}
    except Exception:  # As above.
        return {}
