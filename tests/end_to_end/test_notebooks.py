"""The notebooks run on a build; on the real export's and on the demo's catalogue they run where those are built."""

import ast

import pytest

from tests.made.builds import mixed

#: A notebook, and the tests that run it on the catalogues that a reader has.
RUN = {
    "polars_quickstart.py": {
        "tests/cli/test_commands.py": "test_the_notebook_on_the_real_export",
        "tests/end_to_end/test_sky.py": "test_the_notebook_on_the_demos_catalogue",
    }
}


@pytest.mark.parametrize("name", RUN)
def test_notebook_runs(name, tmp_path, notebook):
    catalog = mixed(tmp_path / "specz_redshift=7" / "hsc[1]" / "it's")
    out = notebook(name, catalog.root)
    assert "first_cut" in out and "median_z" in out and "in v2 and not in v3: " in out


def test_every_notebook_is_run_on_both_catalogues(repo):
    assert {path.name for path in (repo / "notebooks").glob("*.py")} == set(RUN)
    for places in RUN.values():
        for file, test in places.items():
            names = {node.name for node in ast.parse((repo / file).read_text()).body if hasattr(node, "name")}
            assert test in names
