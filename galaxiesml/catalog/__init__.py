"""The catalogue: its folder, landed files, measurements and settings."""

from galaxiesml.catalog.folder import Catalog, find_catalog

__all__ = ["Catalog", "find_catalog"]
