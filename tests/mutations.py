"""Delete and invert every condition of every cut, one at a time: some test must fail each time.

``python tests/mutations.py`` does it to each and prints the table; it exits with 1 when a change went unseen.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import multiprocessing
import os
import random
import re
import shutil
import sys
import tempfile
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import sqlglot
from sqlglot import exp

from galaxiesml.curation.rules import is_banded, published

REPO = Path(__file__).parent.parent
SUITE = "tests/curation/test_cuts.py"
#: Cuts of a catalogue's own, and what tests them.
OWN, OWN_SUITE = "tests/curation/own_story.toml", "tests/curation/test_own_rules.py"


@dataclass(frozen=True)
class Mutant:
    """One condition of one cut, in one filter or in '*', deleted or inverted."""

    cut: str
    band: str
    condition: str
    change: str
    sql: str
    is_own: bool = False


def leaves(node: exp.Expression) -> list[exp.Expression]:
    """The conditions that AND, OR and brackets join."""
    if isinstance(node, exp.Paren):
        return leaves(node.this)
    if isinstance(node, (exp.And, exp.Or)):
        return leaves(node.left) + leaves(node.right)
    return [node]


def mutants(bands: str = "grizy") -> list[Mutant]:
    found = []
    for cut in published().cuts:
        text = cut.get("sql") or cut["window"]
        # The parser knows no {band} nor {alive}: words that it does know stand in for them.
        plain = text.replace("{band}", "band__").replace("{alive}", "alive__")
        count = len(leaves(sqlglot.parse_one(plain, dialect="duckdb")))
        for position in range(count):
            for change in ("delete", "invert"):
                for band in bands if is_banded(cut) else "*":
                    found.append(mutate(cut["name"], plain, position, change, band))
    return found + own_mutants(bands)


def own_mutants(bands: str) -> list[Mutant]:
    """The same of a catalogue's own cuts; a condition cannot be changed in one filter, so it is in all."""
    found = []
    for name, text in tomllib.loads((REPO / OWN).read_text()).items():
        plain = text.replace("{band}", "band__")
        for position in range(len(leaves(sqlglot.parse_one(plain, dialect="duckdb")))):
            for change in ("delete", "invert"):
                found.append(replace(mutate(name, plain, position, change, "*"), is_own=True))
    return found


def mutate(name: str, plain: str, position: int, change: str, band: str) -> Mutant:
    tree = exp.Paren(this=sqlglot.parse_one(plain, dialect="duckdb"))
    leaf = leaves(tree)[position]
    condition = leaf.sql(dialect="duckdb")
    in_or = isinstance(leaf.parent, exp.Or)
    changed = ("false" if in_or else "true") if change == "delete" else f"not ({condition})"
    if band != "*":
        changed = f"case when 'band__' = '{band}' then {changed} else ({condition}) end"
    leaf.replace(exp.Paren(this=exp.Identifier(this="mutated__", quoted=False)))
    sql = tree.this.sql(dialect="duckdb").replace("(mutated__)", f"({changed})")
    sql = sql.replace("band__", "{band}").replace("alive__", "{alive}")
    return Mutant(name, band, condition.replace("band__", "{band}").replace("alive__", "{alive}"), change, sql)


def mutated_list(text: str, mutant: Mutant) -> str:
    """published_cuts.sql with one cut's condition replaced."""
    start = text.index(f"'name': '{mutant.cut}'")
    head, tail = text[:start], text[start:]
    literal = mutant.sql.replace("\\", "\\\\").replace("'", "\\'")
    changed, count = re.subn(
        r"('(?:sql|window)': )'(?:[^'\\]|\\.)*'", lambda match: f"{match[1]}'{literal}'", tail, count=1
    )
    assert count == 1
    return head + changed


class _FirstFailure:
    """A pytest plugin that remembers the first test that fails."""

    def __init__(self):
        self.name: str | None = None

    def pytest_runtest_logreport(self, report):
        if report.failed and self.name is None:
            self.name = report.nodeid.split("::")[-1]

    def pytest_collectreport(self, report):
        if report.failed and self.name is None:
            self.name = f"collection of {report.nodeid}"


def killed_by(mutant: Mutant) -> str | None:
    """The name of the first test that fails on the mutant, None when all pass.

    Runs in a process forked for it: the heavy imports are the parent's, the project's modules are imported anew
    and read the mutated copy.
    """
    import pytest

    for name in [name for name in sys.modules if name.startswith(("galaxiesml.curation", "tests."))]:
        del sys.modules[name]
    failure = _FirstFailure()
    with tempfile.TemporaryDirectory() as folder:
        for part in ("sql", "models"):
            shutil.copytree(REPO / part, Path(folder) / part)
        if mutant.is_own:
            story = tomllib.loads((REPO / OWN).read_text()) | {mutant.cut: mutant.sql}
            lines = [f"{name} = {json.dumps(sql)}" for name, sql in story.items()]
            (Path(folder) / Path(OWN).name).write_text("\n".join(lines) + "\n")
        else:
            cuts = Path(folder) / "sql" / "macros" / "published_cuts.sql"
            cuts.write_text(mutated_list(cuts.read_text(), mutant))
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--project", folder]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            code = pytest.main(
                [*options, str(REPO / (OWN_SUITE if mutant.is_own else SUITE)), "--rootdir", str(REPO)],
                plugins=[failure],
            )
    return failure.name or (None if code == 0 else f"pytest ended with {code}")


def run(chosen: list[Mutant], jobs: int = 2) -> list[tuple[Mutant, str | None]]:
    """Each mutant with what killed it, one fresh fork a mutant."""
    # What every fork needs and no mutant changes.
    import duckdb  # noqa: F401
    import hypothesis  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow  # noqa: F401
    import pytest  # noqa: F401

    with multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        return list(zip(chosen, pool.imap(killed_by, chosen, chunksize=1), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="only so many, drawn with a fixed seed")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    chosen = mutants()
    if options.sample:
        chosen = random.Random(1).sample(chosen, options.sample)
    results = run(chosen, options.jobs)
    for mutant, test in results:
        print(f"{mutant.cut:16} {mutant.band:2} {mutant.change:7} {test or 'SURVIVED':45} {mutant.condition}")
    survivors = sum(test is None for _, test in results)
    print(f"{len(results)} mutants, {len(results) - survivors} killed, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
