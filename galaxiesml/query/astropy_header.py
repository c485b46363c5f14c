"""Write the YAML in which astropy keeps what a file format has no place for: descriptions, metadata, masks."""

from __future__ import annotations

import yaml

from galaxiesml.dictionary import Column

_TYPES = {"bigint": "int64", "integer": "int32", "double": "float64", "boolean": "bool", "text": "string"}


class _Serialized(str):
    """The name of a column that is a part of another one."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data) -> bool:
        return True


_Dumper.add_representer(
    _Serialized,
    lambda dumper, name: dumper.represent_mapping(
        "!astropy.table.SerializedColumn", {"name": str(name)}, flow_style=True
    ),
)


def astropy_header(columns: list[Column], facts: dict, masked: tuple[str, ...] = (), types: dict | None = None) -> str:
    """The text, in ASCII.

    Parameters
    ----------
    facts : dict
        Becomes the table's ``meta``.
    masked : tuple of str
        Columns x whose mask is the column x.mask, which is declared right after x.
    types : dict, optional
        NumPy's types of columns that have another one than theirs.
    """
    entries: list[dict] = []
    for column in columns:
        kind = (types or {}).get(column.name) or _TYPES[column.type.removesuffix("[]")]
        entry = {"name": column.name, **({"unit": column.unit} if column.unit else {}), "datatype": kind}
        entries.append(entry | {"description": column.description, "meta": {"ucd": column.ucd}})
        if column.name in masked:
            entries.append({"name": f"{column.name}.mask", "datatype": "bool"})
    parts = {
        name: {
            "__class__": "astropy.table.column.MaskedColumn",
            "data": _Serialized(name),
            "mask": _Serialized(f"{name}.mask"),
        }
        for name in masked
    }
    content = {"datatype": entries, "meta": facts | ({"__serialized_columns__": parts} if parts else {})}
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=False)
