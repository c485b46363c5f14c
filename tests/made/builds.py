"""Builds that several tests read, each made once in a run; a test gets a copy in a folder of its own."""

import shutil
from collections.abc import Callable
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.build import build

from ..curation.landed import land_rows, new_catalog
from .once import once
from .pairs import mixed_pairs

#: Pairs of the mixture.
MIXED = 300


def mixed(root: Path) -> Catalog:
    """A build of the mixture of pairs, without pictures."""
    return _copy("mixed", root, lambda catalog: land_rows(catalog, mixed_pairs(MIXED)))


def nothing(root: Path) -> Catalog:
    """A build of an empty catalogue."""
    return _copy("nothing", root, lambda catalog: None)


def _copy(name: str, root: Path, land: Callable[[Catalog], object]) -> Catalog:
    def make(folder: Path) -> None:
        catalog = new_catalog(folder / "cat")
        land(catalog)
        build(catalog)

    return Catalog.open(shutil.copytree(once(name, make) / "cat", root))
