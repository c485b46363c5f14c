"""Morphology: Source Extractor's columns, and Sersic fits in batches.

:func:`measure` is imported on first use, because only it needs torch; choosing settings and writing Source
Extractor's files do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galaxiesml.morphology.measuring import measure

__all__ = ["measure"]


def __getattr__(name: str):
    if name != "measure":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from galaxiesml.morphology.measuring import measure

    return measure
