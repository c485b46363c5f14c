"""The text of a VOTable around its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from xml.sax.saxutils import escape, quoteattr

from galaxiesml.dictionary import Column

_TYPES = {"bigint": "long", "integer": "int", "double": "double", "boolean": "boolean", "text": "char"}
#: Characters that XML 1.0 has no way to write.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"


def votable_text(
    columns: list[Column], facts: dict, unicode: Collection[str] = (), note: str = "", rows: int | None = None
) -> tuple[str, str]:
    """What stands before the rows of a VOTable 1.4, and after them.

    Parameters
    ----------
    facts : dict
        Each becomes an INFO element of the resource.
    unicode : collection of str
        Texts that are not ASCII: VOTable's char is.
    note : str
        A sentence for the table's description.
    rows : int, optional
        Given where rows are to stand between the two.
    """
    incomplete = f"; INCOMPLETE: {', '.join(facts['incomplete'])}" if facts["incomplete"] else ""
    described = f"{facts['table']} of build {facts['build']}{incomplete}{f'. {note}' if note else ''}"
    head = [
        '<?xml version="1.0" encoding="utf-8"?>',
        f'<VOTABLE version="1.4" xmlns="{NAMESPACE}">',
        '<RESOURCE type="results">',
        *(f"<INFO{_attributes(name=name, value=words(value))}/>" for name, value in facts.items()),
        f"<TABLE{_attributes(name=facts['table'], nrows=None if rows is None else str(rows))}>",
        f"<DESCRIPTION>{_text(described)}</DESCRIPTION>",
        *(_field(column, column.name in unicode) for column in columns),
    ]
    tail = ["</TABLE>", "</RESOURCE>", "</VOTABLE>"]
    if rows is not None:
        head.append("<DATA><TABLEDATA>")
        tail.insert(0, "</TABLEDATA></DATA>")
    return "\n".join(head) + "\n", "\n".join(tail) + "\n"


def words(value) -> str:
    """A fact as one text: a list is joined by commas, what has names is JSON."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return json.dumps(value) if isinstance(value, dict | bool) else str(value)


def _field(column: Column, is_unicode: bool) -> str:
    element = column.type.removesuffix("[]")
    attributes = _attributes(
        name=column.name,
        datatype="unicodeChar" if is_unicode else _TYPES[element],
        arraysize="*" if column.type == "text" or column.type != element else None,
        unit=column.unit or None,
        ucd=column.ucd or None,
    )
    return f"<FIELD{attributes}><DESCRIPTION>{_text(column.description)}</DESCRIPTION></FIELD>"


def _attributes(**values: str | None) -> str:
    return "".join(f" {key}={quoteattr(_clean(value))}" for key, value in values.items() if value is not None)


def _text(value: str) -> str:
    return escape(_clean(value))


def _clean(value: str) -> str:
    return _NO_XML.sub("\ufffd", value)
