"""A few conditions of the cuts deleted or inverted: the suite must notice.  `make proof` does it to every one."""

import random
import subprocess
import sys

import tests.mutations as mutations
from galaxiesml.curation.rules import published

from .own import conditions


def test_every_condition_is_found():
    found = mutations.mutants()
    # Seven flags and three magnitude cuts in five filters, twice each, are most of them.
    assert len(found) > 150
    assert {mutant.cut for mutant in found} == {cut["name"] for cut in published().cuts} | set(conditions())


def test_a_sample_of_mutants_is_killed(repo):
    run = subprocess.run(
        [sys.executable, "tests/mutations.py", "--sample", "3"], cwd=repo, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "3 mutants, 3 killed, 0 survived" in run.stdout


def test_an_unchanged_list_survives():
    """The proof can fail: a mutant that changes nothing is not killed by its own machinery."""
    mutant = random.Random(1).choice(mutations.mutants())
    same = next(cut for cut in published().cuts if cut["name"] == mutant.cut)
    unchanged = mutations.Mutant(mutant.cut, "*", "", "none", same.get("sql") or same["window"])
    text = (mutations.REPO / "sql" / "macros" / "published_cuts.sql").read_text()
    assert mutations.mutated_list(text, unchanged) == text
