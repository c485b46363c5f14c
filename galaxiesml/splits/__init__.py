"""Splits of the galaxies: their audit, pairs that share sky, seeds that fill them."""
