"""Spectroscopic surveys, one TOML description each, and what reads them."""
