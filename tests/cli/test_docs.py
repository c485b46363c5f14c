"""Every command has help with an example and a line in docs/cli.md, and help costs no heavy import."""

import subprocess
import sys

import pytest

from galaxiesml.errors import GalaxiesmlError

from .typable import commands

HEAVY = ["duckdb", "dbt", "pyarrow", "astropy", "matplotlib", "numpy", "polars", "sqlglot", "pandas", "torch"]


@pytest.mark.parametrize("name, command", list(commands()), ids=[name for name, _ in commands()])
def test_command_has_an_example_and_a_line_in_the_docs(name, command, repo):
    assert f"galaxiesml {name}" in command.help or "galaxiesml -C" in command.help
    assert f"`galaxiesml {name}" in (repo / "docs" / "cli.md").read_text()
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            assert parameter.help, f"{name} --{parameter.name}"


def test_exit_codes_are_documented(repo):
    text = (repo / "docs" / "cli.md").read_text()
    codes = {kind.exit_code for kind in GalaxiesmlError.__subclasses__()} | {0, 1, 129, 130, 143}
    assert all(f"\n| {code} |" in text for code in codes)


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from galaxiesml.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        f"print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.rstrip().endswith("loaded: []")
