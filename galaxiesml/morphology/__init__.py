"""Morphology: Source Extractor's columns, and Sersic fits in batches."""

from galaxiesml.morphology.measure import measure

__all__ = ["measure"]
