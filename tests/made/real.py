"""The real export, landed and built as the README types it, once in a run."""

import shutil
from pathlib import Path

import pytest

from galaxiesml.cli import main

from .once import once

EXPORT = "hsc_s16a_wide_gama.fits"


def real(shared_data: Path, folder: Path) -> Path:
    """A copy of the catalogue, in a folder of one's own."""

    def make(made: Path) -> None:
        root = made / "cat"
        for words in (
            ["init", root, "--release", "s16a_wide"],
            ["-C", root, "ingest", "hsc", shared_data / EXPORT],
            ["-C", root, "build", "--accept-missing", "all"],
        ):
            with pytest.raises(SystemExit) as left:
                main([str(word) for word in ["-q", *words]])
            assert not left.value.code

    return Path(shutil.copytree(once("real", make) / "cat", folder / "cat"))
