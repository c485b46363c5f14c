"""`dbt docs generate` in a catalogue's own project, as a user types it: dbt's pages show the published build."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog.stores import STORES

from ..made import builds


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """In a folder whose name would be a pattern, and end a text in SQL."""
    return builds.mixed(tmp_path_factory.mktemp("docs") / "it's [a] cat")


@pytest.fixture(scope="module")
def pages(catalog) -> Path:
    """Where dbt wrote them."""
    dbt = Path(sys.executable).parent / "dbt"
    words = [dbt, "docs", "generate", "--static", "--project-dir", "dbt", "--profiles-dir", "dbt"]
    run = subprocess.run(
        [*words, "--target-path", catalog.root / "docs", "--log-path", catalog.root / "logs"],
        cwd=catalog.root,
        env=os.environ | {"GALAXIESML_CATALOG": str(catalog.root), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout
    return catalog.root / "docs"


def test_every_published_table_has_its_columns_and_their_types(catalog, pages):
    listed = json.loads((pages / "catalog.json").read_text())
    assert not listed["errors"]
    found = {node["metadata"]["name"]: node["columns"] for node in listed["nodes"].values()}
    files = {path.stem: pq.read_schema(path) for path in catalog.current_build().glob("*.parquet")}
    assert {name: list(columns) for name, columns in found.items()} == {n: s.names for n, s in files.items()}
    types = found["galaxies_v2"]
    assert (types["object_id"]["type"], types["i_cmodel_mag"]["type"]) == ("BIGINT", "DOUBLE")
    assert {name.split(".")[-1] for name in listed["sources"]} == {store.name for store in STORES}


def test_the_pages_say_what_a_column_is_and_how_a_cut_was_compiled(pages):
    nodes = json.loads((pages / "manifest.json").read_text())["nodes"]
    column = nodes["model.galaxiesml.galaxies.v2"]["columns"]["ra"]
    assert (
        column["description"] == "Right ascension of the object, J2000." and column["config"]["meta"]["unit"] == "deg"
    )
    # What the project asks of the plan while it is compiled is this catalogue's plan.
    steps = nodes["model.galaxiesml.int_steps"]["compiled_code"]
    assert all(f"'{version}'" in steps for version in ("v1", "v2", "v3", "v4"))
    assert (pages / "static_index.html").stat().st_size > 1_000_000
