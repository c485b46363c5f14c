"""Take layers out of a cutout: the service sends an HDU without pixels for each that was not asked for."""

from __future__ import annotations

import re

LAYERS = ("image", "mask", "variance")
_BLOCK = 2880
_CARDS = (
    "XTENSION= 'IMAGE   '           / Image extension",
    "BITPIX  =                    8 / array data type",
    "NAXIS   =                    0 / number of array dimensions",
    "PCOUNT  =                    0 / number of parameters",
    "GCOUNT  =                    1 / number of groups",
    "END",
)
_EMPTY = "".join(card.ljust(80) for card in _CARDS).ljust(_BLOCK).encode()


def only_layers(data: bytes, layers: frozenset[str]) -> bytes:
    """A cutout with the layers that were asked for; one that is cut short keeps what it has from there on."""
    end = _end(data, 0)
    parts = [data[:end]]
    for name in LAYERS:
        start, end = end, _end(data, end)
        parts.append(data[start:end] if name in layers else _EMPTY)
        if end >= len(data):
            break
    return b"".join(parts)


def _end(data: bytes, start: int) -> int:
    """Where the HDU that begins at ``start`` ends."""
    at = start
    while at < len(data):
        block = data[at : at + _BLOCK]
        at += _BLOCK
        if any(block[card : card + 8] == b"END     " for card in range(0, len(block), 80)):
            break
    header = data[start:at].decode("ascii", "replace")
    bits, axes = _value(header, "BITPIX"), _value(header, "NAXIS")
    size = abs(bits) // 8 if axes else 0
    for axis in range(1, axes + 1):
        size *= _value(header, f"NAXIS{axis}")
    return min(len(data), at + -(-size // _BLOCK) * _BLOCK)


def _value(header: str, key: str) -> int:
    found = re.search(rf"{key:<8}= +(-?\d+)", header)
    return int(found[1]) if found else 0
