"""A catalogue: its folder, what lands in it, what is measured, its settings."""

from galaxiesml.catalog.folder import Catalog, find_catalog

__all__ = ["Catalog", "find_catalog"]
