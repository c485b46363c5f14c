"""The models keep to SQL that DuckDB and Spark read alike."""

import re
from functools import cache
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from galaxiesml import dictionary
from galaxiesml.curation.rules import published
from galaxiesml.curation.schema import load_models

from .replay import BANDS

#: What DuckDB has and Spark lacks, or what the two read differently.
FORBIDDEN = {
    "QUALIFY": exp.Qualify,
    "COLUMNS() or a star with EXCLUDE or REPLACE": exp.Columns,
    "integer division //": exp.IntDiv,
    "a struct literal {}": exp.Struct,
    "DISTINCT ON": exp.Distinct,
    "hash() instead of md5()": exp.Anonymous,
    "count_if(), NULL in DuckDB where Spark counts 0": exp.CountIf,
}
#: Functions of both engines that sqlglot has no class for.
KNOWN_ANONYMOUS = {"least"}
#: Those of DuckDB alone, each in a macro of its own that another engine replaces.
IN_MACROS = {"generate_subscripts": "list_elements.sql", "range": "each_number.sql"}


#: Columns that no two rows share, alone or with those that stand before them in the order.
CHOOSING = {
    *("pair_id", "specz_source_row", "member", "picture_tract"),
    *("spectrum", "object_id", "source_row", "photoz_row", "replicate", "statistics_build"),
}
PUBLISHED = {
    *("pair_id", "object_id", "sky_cell", "step", "metric", "version", "name", "cut", "objects", "band"),
    *("spectrum", "specz_rule", "both_secure", "photoz_run", "photoz_row"),
}


def model_files() -> dict[str, Path]:
    """The models' files, by their names: what names the tests needs no SQL."""
    return {path.stem: path for path in sorted((dictionary.PROJECT / "models").rglob("*.sql"))}


@cache
def rendered() -> dict[str, str]:
    """The SQL of every model; it is rendered once for all tests."""
    from galaxiesml.curation.macros import Macros

    macros = Macros(BANDS)
    return {name: macros.render(path.read_text()) for name, path in model_files().items()}


@pytest.mark.parametrize("name", sorted(model_files()))
def test_model_is_portable(name):
    sql = rendered()[name]
    for dialect in ("duckdb", "spark"):
        statements = sqlglot.parse(sql, dialect=dialect)
        assert len(statements) == 1, dialect
    tree = statements[0]
    offences = []
    for word, kind in FORBIDDEN.items():
        for node in tree.find_all(kind):
            if isinstance(node, exp.Anonymous) and node.name.lower() in KNOWN_ANONYMOUS | set(IN_MACROS):
                continue
            if isinstance(node, exp.Distinct) and not node.args.get("on"):
                continue
            offences.append(f"{word}: {node.sql()}")
    for star in tree.find_all(exp.Star):
        offences += [f"star with {key}" for key in ("except", "except_", "replace", "rename") if star.args.get(key)]
    # Double quotes are strings in Spark; a comma before FROM is an error there.
    assert '"' not in sql
    assert not re.search(r",\s*\bfrom\b", sql, re.IGNORECASE)
    assert not offences


def test_windows_that_choose_a_row_end_in_a_unique_key():
    """Dedup takes a total order that ends in a unique key, or 'the first' differs from run to run."""
    for name, sql in rendered().items():
        for window in sqlglot.parse_one(sql, dialect="duckdb").find_all(exp.Window):
            if isinstance(window.this, exp.RowNumber):
                last = window.args["order"].expressions[-1].this.name
                assert last in CHOOSING, f"{name}: {window.sql()}"


def test_published_tables_are_sorted_by_a_unique_key():
    for model in load_models(BANDS, published()):
        if model.folder == "models/marts":
            assert model.is_mart, model.name
        if model.is_mart:
            last = model.options["order_by"].split(", ")[-1]
            assert last in PUBLISHED and last in model.columns, model.name


def test_functions_of_duckdb_alone_stand_in_one_macro_each(repo):
    files = [*(repo / "models").rglob("*.sql"), *(repo / "sql" / "macros").glob("*.sql")]
    for function, home in IN_MACROS.items():
        pattern = re.compile(rf"(?<![\w.(]){function}\((?!low|0, last)", re.IGNORECASE)
        found = {
            path.name
            for path in files
            if pattern.search(re.sub(r"{%.*?%}|{#.*?#}", "", path.read_text("utf-8"), flags=re.S))
        }
        assert found <= {home}, function
