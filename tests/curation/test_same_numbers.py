"""The models' SQL as Spark and Sail get it: what those engines would read otherwise, without a word."""

import pytest
import sqlglot
from sqlglot import exp

from galaxiesml import dictionary
from galaxiesml.curation.macros import Macros
from galaxiesml.curation.own_cuts import OwnCut
from galaxiesml.curation.rules import published

from .replay import BANDS
from .test_portable_sql import model_files

#: Columns that windows sort by, ascending, and that are never NULL: Spark has NULLs first, DuckDB last.
NEVER_NULL = {
    *("separation", "shard", "member", "filters", "is_own", "pair_id", "landing", "source_row", "spectrum", "block"),
    *("match_distance_arcsec", "photoz_row", "photoz_cell", "photoz_run", "bin_by", "bin", "pit", "object_id", "step"),
    *("survey", "source_sha256", "place", "replicate"),
}


@pytest.fixture(scope="module")
def spark() -> dict[str, exp.Expression]:
    """Every model rendered for Spark, and read as it."""
    macros = Macros(BANDS, engine="spark")
    return {
        name: sqlglot.parse_one(macros.render(path.read_text()), dialect="spark")
        for name, path in model_files().items()
    }


def test_windows_say_where_nulls_come(spark):
    seen = 0
    for name, tree in spark.items():
        for window in tree.find_all(exp.Window):
            for key in window.args["order"].expressions if window.args.get("order") else ():
                seen += 1
                nulls_first = key.args.get("nulls_first")
                column = key.this.name if isinstance(key.this, exp.Column) else ""
                known = column in NEVER_NULL or isinstance(key.this, exp.Case)
                assert not nulls_first or known, f"{name}: {window.sql('spark')}"
    assert seen > 40


def test_numbers_with_a_point_are_doubles(spark):
    """Sail compares a double with 0.5 as decimals of 0.5's digits: the double below 0.5 is not below it."""
    for name, tree in spark.items():
        for literal in tree.find_all(exp.Literal):
            if literal.is_string or "." not in literal.this or "e" in literal.this.lower():
                continue
            # A cast reads it exactly, and so does a factor of a double; those of percentiles are no values.
            around = literal.parent
            while isinstance(around, exp.Paren | exp.Neg):
                around = around.parent
            assert isinstance(around, exp.Cast | exp.PercentileCont | exp.Mul), f"{name}: {around.sql('spark')}"


def test_branches_of_a_case_are_of_one_type(spark):
    """Sail takes a case for what its first branch is: a whole number, though another branch has a point."""
    whole = (exp.Literal, exp.Neg, exp.Null, exp.Case)
    for name, tree in spark.items():
        for case in tree.find_all(exp.Case):
            branches = [each.args["true"] for each in case.args["ifs"]] + [case.args.get("default")]
            literals = [each for each in branches if isinstance(each, whole) and each.is_int]
            others = [each for each in branches if each is not None and not isinstance(each, whole)]
            assert not literals or not others, f"{name}: {case.sql('spark')}"


def test_no_function_of_duckdb_is_left(spark):
    """Lists and ranges; sqlglot calls by their names what it has no class for."""
    for name, tree in spark.items():
        left = {node.name.lower() for node in tree.find_all(exp.Anonymous)}
        assert left <= {"least", "degrees", "radians"}, name
        assert not list(tree.find_all(exp.Unnest)), name
        kinds = {str(node.to) for node in tree.find_all(exp.Cast) if node.to.find(exp.DataType) is not node.to}
        assert not any("[]" in kind for kind in kinds), name


def test_lists_of_texts_are_joined_in_an_order():
    call = ("specz_name", ",", "match_distance_arcsec, spectrum")
    assert Macros(BANDS).call("joined_text", *call) == (
        "string_agg(specz_name, ',' order by match_distance_arcsec, spectrum)"
    )
    assert Macros(BANDS, engine="spark").call("joined_text", *call) == (
        "listagg(specz_name, ',') within group (order by match_distance_arcsec, spectrum)"
    )


TEXTS = [
    "it's",
    "''",
    "a\\b",
    "\\'",
    "C:\\new\\u0041",
    "${spark.app.name}",
    "$",
    "é☃",
    'a "b"',
    "",
    "--",
    "{{ x }}",
    "a\nb",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_read_as_it_is(text):
    import duckdb

    assert duckdb.sql(f"select {Macros(BANDS).call('text_literal', text)}").fetchall() == [(text,)]
    literal = Macros(BANDS, engine="spark").call("text_literal", text)
    # No two quotes side by side, which Sail drops, but for the empty text; no ${, which Spark fills in.
    assert "''" not in literal[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "${" not in literal
    assert sqlglot.parse_one(literal, dialect="spark").this.replace("\\u0024", "$") == text


def test_texts_of_the_list_of_cuts_stand_in_the_models_as_they_are():
    """Fourteen of them have an apostrophe."""
    tree = sqlglot.parse_one(
        Macros(BANDS, engine="spark").render((dictionary.PROJECT / "models/intermediate/int_steps.sql").read_text()),
        dialect="spark",
    )
    texts = {literal.this for literal in tree.find_all(exp.Literal) if literal.is_string}
    words = {cut[key] for cut in published().cuts for key in ("why", "section")}
    assert words <= texts and sum("'" in word for word in words) > 5


def test_a_cut_of_ones_own_has_a_text_for_each_engine():
    cut = OwnCut("half", "d_pos < 0.5 and specz_name <> 'it''s'", "A half.", "own", (), {}, tuple(BANDS.items()))
    entry = cut.entry(["own"])
    assert entry["sql"] == "d_pos < 0.5 and specz_name <> 'it''s'"
    assert entry["spark"] == "d_pos < 0.5e0 and specz_name <> 'it\\'s'"
    for engine, key in (("duckdb", "sql"), ("spark", "spark")):
        assert Macros(BANDS, engine=engine).call("verdict", entry, {}) == entry[key]
