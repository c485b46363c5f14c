"""SQL that stands in Python reads declared tables, and columns that they have."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
import yaml
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from galaxiesml.catalog.stores import STORES
from galaxiesml.curation import without_spectrum
from galaxiesml.curation.rules import published
from galaxiesml.dictionary import PROJECT
from galaxiesml.releases.profile import load_profile

#: What Python fills in.
HOLE = "filled_in"
#: Tables that databases have of themselves, or for the time of a question.
OF_DATABASES = ("tables", "sqlite_master", "probe_ours")


@pytest.fixture(scope="module")
def declared() -> dict[str, set[str]]:
    """Every table of a catalogue, and its columns."""
    profile = load_profile("pdr2_wide")
    found = {store.name: set(store.columns(profile)) for store in STORES if store.source != "plan"}
    intermediate = [
        path.stem for part in ("staging", "intermediate") for path in (PROJECT / "models" / part).rglob("*.sql")
    ]
    for path in (PROJECT / "models").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text()).get("models", []):
            if model.get("config", {}).get("materialized") == "mart":
                columns = {column["name"] for column in model["columns"]}
                for name in [f"{model['name']}_v{each['v']}" for each in model.get("versions", [])] or [model["name"]]:
                    found[name] = columns
    # A version's name is often filled in.
    found[f"galaxies_{HOLE}"] = found["galaxies"] = found["galaxies_v2"]
    # Views that connections have.
    found["rejections_of_default"] = found["rejections"]
    found[without_spectrum.NAME] = set(without_spectrum.columns(published(), profile.bands))
    # Intermediate models are made again for some questions; what they hold is dbt's to check.
    return found | {name: set() for name in (f"int_judged_{HOLE}", *intermediate) if name not in found}


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Strings of a module that are queries, holes for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(part.value if isinstance(part, ast.Constant) else HOLE for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        else:
            continue
        if re.match(r"\s*(with|select|create|copy|insert)\s", text, re.I) and re.search(r"\bselect\b", text, re.I):
            yield node.lineno, text


def parsed(text: str) -> list[exp.Expression]:
    # A hole with a line of its own is a clause; the parser does not know all options of COPY.
    text = re.sub(rf"(?m)^\s*{HOLE}\s*$", "", text)
    text = re.sub(rf"(?s)^\s*copy\s*\((.*)\)\s*to {HOLE}\b[^)]*(\(.*\))?\s*$", r"\1", text)
    return [each for each in sqlglot.parse(text.replace("?::", "'x'::"), dialect="duckdb") if each is not None]


def created(modules: str) -> set[str]:
    """Tables and views that modules make for themselves."""
    names = re.findall(r'create (?:or replace )?(?:temp )?(?:table|view) "?([\w{}]+)', modules, re.I)
    return {re.sub(r"{.*?}", HOLE, name) for name in names} | set(re.findall(r'register\("(\w+)"', modules))


def faults(text: str, declared: dict[str, set[str]], made: set[str]) -> tuple[list[str], int]:
    """What a query reads that nothing declares; and how many columns were looked up."""
    wrong, looked_up = [], 0
    patterns = [each.replace(HOLE, r"\w+") for each in made if each != HOLE]

    def is_made(name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in patterns)

    for statement in parsed(text):
        with_names = {each.alias_or_name for each in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            name = table.name
            if not isinstance(table.this, exp.Identifier) or (HOLE in name and name not in declared):
                continue
            if isinstance(table.parent, exp.Create | exp.Schema | exp.Drop):
                continue
            if name not in declared and name not in with_names and name not in OF_DATABASES and not is_made(name):
                wrong.append(f"no table {name}")
        query = statement.expression if isinstance(statement, exp.Create) else statement
        for scope in traverse_scope(query) if isinstance(query, exp.Query) else ():
            of = {
                alias: declared.get(source.name) if isinstance(source, exp.Table) and not is_made(source.name) else None
                for alias, source in scope.sources.items()
                if alias in scope.selected_sources
            }
            aliases = {each.alias for each in scope.expression.find_all(exp.Alias)}
            for column in scope.columns:
                tables = [of.get(column.table)] if column.table else list(of.values())
                # A table made here, filled in or of another query may have any column.
                if HOLE in column.name or not tables or any(not known for known in tables):
                    continue
                looked_up += 1
                if column.name not in set().union(*tables) | (set() if column.table else aliases):
                    wrong.append(f"no column {column.sql()}")
    return wrong, looked_up


def test_queries_read_declared_tables_and_columns(repo, declared):
    wrong, queries, columns = [], 0, 0
    samples = created((repo / "galaxiesml/samples/selection.py").read_text(encoding="utf-8"))
    for room in sorted((repo / "galaxiesml").iterdir()):
        files = sorted(room.rglob("*.py")) if room.is_dir() else []
        made = samples | created("".join(path.read_text(encoding="utf-8") for path in files))
        for path in files:
            for line, text in texts(path):
                found, looked_up = faults(text, declared, made)
                queries, columns = queries + 1, columns + looked_up
                wrong += [f"{path.relative_to(repo)}:{line}: {each}" for each in found]
    assert not wrong, "\n".join(wrong)
    assert queries > 80 and columns > 60, (queries, columns)


def test_a_wrong_name_is_seen(declared):
    assert faults("select object_id from galaxy where 1 = 1", declared, set())[0] == ["no table galaxy"]
    assert faults("select object_idd from galaxies", declared, set())[0] == ["no column object_idd"]
    assert faults("select g.zz from galaxies as g join pictures as p using (object_id)", declared, set())[0]
    assert faults(f"select g.ra from galaxies_{HOLE} as g join chosen using (object_id)", declared, {"chosen"}) == (
        [],
        1,
    )
