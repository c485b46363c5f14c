"""Figures: galleries, n(z), flow charts, lineage graphs."""
