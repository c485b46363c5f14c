"""The notebooks run on a build."""

import os
import subprocess
import sys

import pytest

from galaxiesml.curation.build import build
from tests.curation.landed import land_rows, new_catalog
from tests.curation.test_build import mixed_pairs


@pytest.mark.parametrize("name", ["polars_quickstart.py"])
def test_notebook_runs(name, repo, tmp_path):
    catalog = new_catalog(tmp_path / "specz_redshift=7" / "hsc[1]" / "it's")
    land_rows(catalog, mixed_pairs(300))
    build(catalog)
    environment = os.environ | {"GALAXIESML_CATALOG": str(catalog.root)}
    run = subprocess.run([sys.executable, repo / "notebooks" / name], env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "first_cut" in run.stdout and "median_z" in run.stdout
