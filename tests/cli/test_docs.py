"""Every group and command has an example, every command a line in docs/cli.md; help costs no heavy import."""

import re
import shlex
import subprocess
import sys

import pytest

from galaxiesml.errors import GalaxiesmlError

from .typable import commands, program

HEAVY = ["duckdb", "dbt", "pyarrow", "astropy", "matplotlib", "numpy", "polars", "sqlglot", "pandas", "torch"]
HEAVY += ["requests", "urllib3", "stamina", "keyring", "prompt_toolkit", "pygments"]


def groups(group=None, words=()):
    group = group or program()
    yield " ".join(words), group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from groups(command, (*words, name))


def command_lines(text: str):
    """Command lines of a help or of a page, alone on a line or in backticks; `&&` and comments taken away."""
    for line in re.findall(r"^(?: *|\$ )(galaxiesml .*)$|`(galaxiesml [^`\n]+)`", text, re.MULTILINE):
        line = "".join(line)
        for command in line.split(" && "):
            if command.startswith("galaxiesml "):
                yield shlex.split(command, comments=True)[1:]


def parsed(words: list[str]) -> tuple[str, list[str]]:
    """The command that words name and what follows it; words that no command takes are an error."""
    name, command, rest = "", program(), words
    while hasattr(command, "commands"):
        _, rest, _ = command.make_parser(command.context_class(command)).parse_args(list(rest))
        if not rest:
            return name.strip(), rest
        name, command, rest = f"{name} {rest[0]}", command.commands[rest[0]], rest[1:]
    command.make_parser(command.context_class(command)).parse_args(list(rest))
    return name.strip(), rest


@pytest.mark.parametrize("name, command", list(commands()), ids=[name for name, _ in commands()])
def test_command_has_an_example_and_a_line_in_the_docs(name, command, repo):
    examples = [words for words in command_lines(command.help) if parsed(words)[0] == name]
    assert any(len(words) > len(name.split()) for words in examples), "an example is more than the command's own name"
    assert f"`galaxiesml {name}" in (repo / "docs" / "cli.md").read_text()
    for parameter in command.params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            assert parameter.help, f"{name} --{parameter.name}"


@pytest.mark.parametrize("name, group", list(groups()), ids=[name or "galaxiesml" for name, _ in groups()])
def test_group_has_an_example_of_its_commands(name, group):
    found = [parsed(words) for words in command_lines(group.help)]
    assert any(command.startswith(name) and rest for command, rest in found)


def test_every_command_line_of_the_docs_is_one_that_the_program_takes(repo):
    pages = [repo / "README.md", repo / "CONTRIBUTING.md", *sorted((repo / "docs").glob("*.md"))]
    found = [parsed(words) for page in pages for words in command_lines(page.read_text())]
    assert len(found) > 100


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
