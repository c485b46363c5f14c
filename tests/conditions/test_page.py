"""docs/conditions.md: its examples, its lists and its messages are those of the program."""

import contextlib
import io
import re

import pytest

from galaxiesml.conditions import bind, pair_columns, parse
from galaxiesml.conditions.words import FUNCTIONS
from galaxiesml.errors import UsageError
from galaxiesml.releases.profile import load_profile

BANDS = load_profile("pdr2_wide").bands
KNOWN = pair_columns(BANDS)


@pytest.fixture
def page(repo) -> str:
    return (repo / "docs" / "conditions.md").read_text()


def test_its_conditions_are_taken(page):
    examples = re.search(r"```sql\n(.*?)```", page, re.DOTALL)[1].splitlines()
    assert len(examples) > 10
    for text in examples:
        condition = bind(parse(text, BANDS), KNOWN, list(BANDS))
        # As typed, but for the brackets of an `or`.
        assert condition.text in (text, f"({text})")


def test_its_functions_are_those_on_the_list(page):
    listed = re.search(r"^\| functions \| (.*) \|$", page, re.MULTILINE)[1]
    assert re.findall(r"`(\w+)`", listed) == list(FUNCTIONS)


def test_its_messages_are_said(page):
    rows = re.findall(r"^\| `(.*?)` \| (.*) \|$", page.split("## What is said of a mistake")[1], re.MULTILINE)
    assert len(rows) > 10
    for text, said in rows:
        with pytest.raises(UsageError) as caught:
            bind(parse(text, BANDS), KNOWN, list(BANDS))
        assert said == f"{str(caught.value).rstrip('.')}. {caught.value.hint}"


def test_its_program_prints_what_it_shows(page):
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    shown = re.search(r"```\n(i_cmodel_mag < 22.5e0\n.*?)```", page, re.DOTALL)[1]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(program, {})
    assert out.getvalue() == shown
