"""The published cuts, read and written anew: their texts, their columns, and their verdicts at the limits."""

import re

import duckdb
import pytest
import sqlglot

from galaxiesml.conditions import bind, evaluate, limits, pair_columns, parse, scope
from galaxiesml.conditions.tree import Logic
from galaxiesml.conditions.writing import RESERVED
from galaxiesml.curation.rules import published

BANDS = {"g": "em.opt.B", "r": "em.opt.R", "i": "em.opt.I", "z": "em.opt.I", "y": "em.opt.I"}
KNOWN = pair_columns(BANDS)
CUTS = {cut["name"]: cut for cut in published().cuts if "sql" in cut}
#: As it is run a division guards against zero; the published text of this cut has no guard.
GUARDED = {"error_divided": ("(1 + specz_redshift)", "nullif(1 + specz_redshift, 0)")}


def doubles(sql: str) -> str:
    """Numbers with a point as Sail reads doubles."""
    return re.sub(r"(?<![\w.'])\d+\.\d+(?![\de.'])", r"\g<0>e0", sql)


def bound(cut: dict):
    return bind(parse(cut["sql"], BANDS), KNOWN, list(BANDS))


@pytest.mark.parametrize("name", CUTS)
def test_a_published_cut_is_written_as_it_stands(name):
    cut = CUTS[name]
    condition = bound(cut)
    assert condition.text == cut["sql"]
    guarded = cut["sql"].replace(*GUARDED.get(name, ("", "")))
    assert condition.sql() == guarded
    assert condition.sql("spark") == doubles(guarded)
    if name not in GUARDED:
        assert cut.get("spark", cut["sql"]) == condition.sql("spark")
    assert set(condition.columns) == set(cut["needs"])
    assert scope(condition) == cut["scope"]


def test_an_error_divided_by_zero_passes_where_a_division_by_zero_is_null():
    """In DuckDB 0.005 / 0 is infinity; in Spark it is NULL, which nullif stands for here."""
    cut = CUTS["error_divided"]
    spark = cut["spark"].replace("(1 + specz_redshift)", "nullif(1 + specz_redshift, 0)")
    values = ("null", "-1", "-1.0000000000000002", "-0.9999999999999999", "-2", "0", "1", "'inf'", "'nan'", "'-inf'")
    errors = ("null", "0", "5e-324", "0.0024999999999999996", "0.0025", "0.005", "0.9", "1", "'inf'", "'nan'")
    rows = " union all ".join(
        f"select cast({z} as double) as specz_redshift, cast({error} as double) as specz_redshift_err"
        for z in values
        for error in errors
    )
    found = duckdb.sql(f"select count(*), sum(cast(({spark}) is distinct from ({cut['sql']}) as int)) from ({rows})")
    assert found.fetchall() == [(len(values) * len(errors), 0)]
    assert duckdb.sql(f"select count(*) from ({rows}) where specz_redshift = -1 and {cut['sql']}").fetchall() == [(5,)]


@pytest.mark.parametrize("name", CUTS)
def test_a_published_cut_judges_its_boundary_rows(name):
    cut = CUTS[name]
    rows = [{key.replace("{column}", cut["needs"][0]): value for key, value in row.items()} for row, _ in cut["rows"]]
    judged = evaluate(bound(cut), rows, list(BANDS))
    assert [each.verdict for each in judged] == [expected for _, expected in cut["rows"]]
    assert [each.given for each in judged] == rows


@pytest.mark.parametrize("name", CUTS)
def test_limits_of_a_published_cut_are_found(name):
    """Each boundary row that a person wrote for one column of the cut is among the proposed ones, or passes by them."""
    cut = CUTS[name]
    condition = bound(cut)
    proposed = limits(condition)
    judged = evaluate(condition, proposed, list(BANDS))
    assert all(each.passing for each in judged)
    assert {True} < {each.verdict for each in judged}
    values = {(key.replace("{column}", cut["needs"][0]), value) for row, _ in cut["rows"] for key, value in row.items()}
    found = {(key, value) for row in proposed for key, value in row.items()}
    if cut["name"] in ("redshift", "magnitudes", "magnitude_range", "match_distance", "cmodel_flag", "primary"):
        as_numbers = {(key, float(value) if value[-1].isdigit() else value) for key, value in found}
        wanted = {(key, float(value) if value[-1].isdigit() else value) for key, value in values}
        assert wanted - as_numbers <= {("specz_redshift", 9.9999), ("specz_redshift", -9.0)}


def test_a_condition_of_filters_is_bracketed_in_each():
    condition = bind(parse("{band}_cmodel_mag < 22.5 or {band}_cmodel_mag is null", BANDS), KNOWN, list(BANDS))
    assert condition.banded
    assert condition.sql(bands=["g", "r"]) == (
        "(g_cmodel_mag < 22.5 or g_cmodel_mag is null) and (r_cmodel_mag < 22.5 or r_cmodel_mag is null)"
    )
    flags = bind(parse("not {band}_cmodel_flag", BANDS), KNOWN, list(BANDS))
    assert flags.sql("spark", ["g", "r"]) == "(not g_cmodel_flag) and (not r_cmodel_flag)"
    one = bind(parse("ra < 1", BANDS), KNOWN, list(BANDS))
    assert not one.banded and one.sql(bands=["g", "r"]) == "ra < 1"
    with pytest.raises(ValueError, match="bind"):
        parse("ra < 1").sql()


def test_every_column_of_a_pair_can_be_read():
    for name, known in KNOWN.items():
        text = {"boolean": name, "text": f"{name} = 'a'"}.get(known.type, f"{name} > 1")
        condition = bind(parse(text, BANDS), KNOWN, list(BANDS))
        assert condition.columns == (name,) and condition.text == text


def test_words_that_no_column_is_named_by_without_quotes():
    import duckdb

    with duckdb.connect(":memory:") as connection:
        found = connection.sql("select keyword_name from duckdb_keywords() where keyword_category = 'reserved'")
        assert {name for (name,) in found.fetchall()} <= RESERVED


#: Typed, canonical, as DuckDB runs it, as Spark runs it (None: the same).
WRITTEN = [
    ("NOT ISPRIMARY", "not isprimary", "not isprimary", None),
    ("ra!=1 AND (dec==2)", "ra <> 1 and dec = 2", "ra <> 1 and dec = 2", None),
    ("ra<.5 or ra>=5.", "(ra < 0.5 or ra >= 5.0)", "(ra < 0.5 or ra >= 5.0)", None),
    ("ra-1e3+dec<1E+3-2", "ra - 1e3 + dec < 1e3 - 2", "ra - 1e3 + dec < 1e3 - 2", None),
    ("specz_name = '1e3-2'", "specz_name = '1e3-2'", "specz_name = '1e3-2'", None),
    ("ra - (dec - 1) < - 2", "ra - (dec - 1) < -2", "ra - (dec - 1) < -2", None),
    ("ra - dec - -1 < 2", "ra - dec - (-1) < 2", "ra - dec - (-1) < 2", None),
    ("- - ra < 1", "-(-ra) < 1", "-(-ra) < 1", None),
    ("-(ra + dec) * 2 < 1", "-(ra + dec) * 2 < 1", "-(ra + dec) * 2 < 1", None),
    ("not (ra < 1 or dec < 2)", "not (ra < 1 or dec < 2)", "not (ra < 1 or dec < 2)", None),
    ("not ra between 1 and 2", "ra not between 1 and 2", "ra not between 1 and 2", None),
    ("(isprimary is null) = true", "(isprimary is null) = true", "(isprimary is null) = true", None),
    ("ra = 1 is null", "(ra = 1) is null", "(ra = 1) is null", None),
    ("ra / dec < 1", "ra / dec < 1", "ra / nullif(dec, 0) < 1", None),
    ("ra / nullif(dec, 0) < 1", "ra / nullif(dec, 0) < 1", "ra / nullif(dec, 0) < 1", None),
    ("ra / 2 < 1", "ra / 2 < 1", "ra / 2 < 1", None),
    ("0.1 * 3 < ra", "0.1 * 3 < ra", "cast(0.1 as double) * 3 < ra", None),
    ("ra < 0.30000000000000004", "ra < 0.30000000000000004", "ra < 0.30000000000000004e0", None),
    (
        "case when isprimary then 0.1 else 0.25 end < ra",
        "case when isprimary then 0.1 else 0.25 end < ra",
        "case when isprimary then cast(0.1 as double) else 0.25 end < ra",
        None,
    ),
    ("object_id = 43158176442374224", "object_id = 43158176442374224", "object_id = 43158176442374224", None),
    ("object_id + 1 < 5", "object_id + 1 < 5", "cast(object_id as double) + 1 < 5", None),
    ("object_id > 0.5", "object_id > 0.5", "cast(object_id as double) > 0.5", None),
    ("object_id > ra", "object_id > ra", "cast(object_id as double) > ra", None),
    ("ln(ra) < 1", "ln(ra) < 1", "ln(nullif(greatest(ra, 0), 0)) < 1", None),
    (
        "floor(ra) = 1",
        "floor(ra) = 1",
        "floor(ra) = 1",
        "case when abs(ra) < 9e15 then cast(floor(ra) as double) else ra end = 1",
    ),
    ("specz_name = 'it''s'", "specz_name = 'it''s'", "specz_name = 'it''s'", r"specz_name = 'it\'s'"),
    (
        "case specz_class when 'STAR' then 1 end = 1",
        "case when specz_class = 'STAR' then 1 end = 1",
        "case when specz_class = 'STAR' then 1 end = 1",
        None,
    ),
]


@pytest.mark.parametrize("typed, text, duckdb, spark", WRITTEN)
def test_one_canonical_text(typed, text, duckdb, spark):
    condition = bind(parse(typed, BANDS), KNOWN, list(BANDS))
    assert (condition.text, condition.sql(), condition.sql("spark")) == (text, duckdb, doubles(spark or duckdb))
    assert parse(condition.text, BANDS) == parse(typed, BANDS), "the text is a fixed point"


#: Texts without brackets, which two parsers might read in two ways.
BARE = [
    "not a = b",
    "not a is null",
    "not p is true",
    "a = b is null",
    "a is null = p",
    "not p and q or r",
    "p or q and not r",
    "a - b - c < 1",
    "a - b * c < 1",
    "- a + b < c",
    "-a * b < c",
    "not a in (1, 2)",
    "not a between b and c and p",
    "a between b and c or p",
    "a is distinct from b and p",
    "case when p then a else b end < c and q",
]


@pytest.mark.parametrize("typed", BARE)
def test_what_is_typed_is_read_as_duckdb_reads_it(typed):
    import itertools

    import duckdb

    known = {**dict.fromkeys("abc", "double"), **dict.fromkeys("pqr", "boolean")}
    from galaxiesml.conditions import row_columns

    condition = bind(parse(typed), row_columns(known))
    with duckdb.connect(":memory:") as connection:
        columns = ", ".join(f"{name} {kind}" for name, kind in known.items())
        connection.execute(f"create table t ({columns})")
        rows = itertools.product(*([(None, 1.0, 2.0)] * 3), *([(None, True, False)] * 3))
        connection.executemany("insert into t values (?, ?, ?, ?, ?, ?)", list(rows))
        differ = f"select count(*) from t where ({typed}) is distinct from ({condition.sql()})"
        assert connection.execute(differ).fetchone() == (0,)
        assert connection.execute("select count(*) from t").fetchone() == (729,)


def plain(tree) -> str:
    """A tree as text, without what sqlglot notes of the dialects' divisions and casts."""
    for node in tree.find_all(sqlglot.exp.Div):
        node.set("typed", None)
        node.set("safe", None)
    return tree.sql().replace("TRY_CAST", "CAST")


@pytest.mark.parametrize("typed", [*(row[0] for row in WRITTEN), *(cut["sql"] for cut in CUTS.values())])
def test_the_text_for_spark_is_read_by_spark_s_grammar_as_the_same_tree(typed):
    condition = bind(parse(typed, BANDS), KNOWN, list(BANDS))
    filled = condition.sql("spark", ["g", "r"])
    again = sqlglot.parse_one(filled, dialect="spark")
    # DuckDB's text and Spark's differ in how texts are quoted, in doubles' exponents and in rounding alone.
    if "floor" not in filled:
        of_duckdb = sqlglot.parse_one(condition.sql("duckdb", ["g", "r"]), dialect="duckdb")
        assert plain(again) == doubles(plain(of_duckdb))
    if condition.banded:
        assert filled.count("(") >= 2 and isinstance(again, sqlglot.exp.And)
        assert isinstance(again.this, sqlglot.exp.Paren) and isinstance(again.expression, sqlglot.exp.Paren)
    assert not isinstance(condition.tree, Logic) or condition.tree.op == "and" or filled.startswith("(")


def test_limits_and_their_verdicts():
    condition = bind(parse("object_id <> 43158176442374224 and i_cmodel_mag < 22.5"), KNOWN, list(BANDS))
    judged = evaluate(condition, limits(condition), list(BANDS))
    assert [(each.given, each.verdict) for each in judged] == [
        ({"object_id": "43158176442374224"}, False),
        ({"object_id": "43158176442374223"}, True),
        ({"object_id": "43158176442374225"}, True),
        ({"object_id": "null"}, None),
        ({"i_cmodel_mag": "22.5"}, False),
        ({"i_cmodel_mag": "22.499999999999996"}, True),
        ({"i_cmodel_mag": "22.500000000000004"}, False),
        ({"i_cmodel_mag": "null"}, None),
    ]
    assert all(each.passing for each in judged)
    texts = bind(parse("specz_class in ('GALAXY', 'QSO') or isprimary"), KNOWN, list(BANDS))
    verdicts = {next(iter(each.given.items())): each.verdict for each in evaluate(texts, limits(texts), list(BANDS))}
    assert verdicts["specz_class", "'GALAXY'"] is True and verdicts["specz_class", "'galaxy'"] is False
    assert verdicts["isprimary", "true"] is True and verdicts["isprimary", "false"] is False


def test_a_condition_that_nothing_passes_says_so():
    condition = bind(parse("i_cmodel_mag < 20 and i_cmodel_mag > 21 and specz_redshift < 1"), KNOWN, list(BANDS))
    judged = evaluate(condition, limits(condition), list(BANDS))
    assert not any(each.passing for each in judged) and not any(each.verdict for each in judged)


def test_many_columns_are_given_values_one_by_one():
    text = " and ".join(f"{band}_cmodel_mag between 18 and 2{at}.5" for at, band in enumerate(BANDS))
    text += " and specz_redshift > 0.1 and isprimary and specz_class = 'GALAXY' and not i_cmodel_flag"
    condition = bind(parse(text, BANDS), KNOWN, list(BANDS))
    assert all(each.passing for each in evaluate(condition, limits(condition), list(BANDS)))


def test_limits_of_a_long_list_are_those_of_its_first_values():
    listed = ", ".join(str(10**16 + 2 * at) for at in range(3000))
    condition = bind(parse(f"object_id in ({listed}) and i_cmodel_mag < 22.5"), KNOWN, list(BANDS))
    judged = evaluate(condition, limits(condition), list(BANDS))
    assert len(judged) < 30 and all(each.passing for each in judged)
    assert {each.given["object_id"]: each.verdict for each in judged if "object_id" in each.given} == {
        **{str(10**16 + at): at % 2 == 0 for at in range(-1, 10)},
        "null": None,
    }


def test_names_of_the_program_s_own_queries_can_be_columns():
    from galaxiesml.conditions import row_columns

    known = row_columns({"n": "DOUBLE", "v0": "BIGINT", "given": "VARCHAR", "pair": "double", "verdict": "boolean"})
    condition = bind(parse("n < 2 and v0 > 1 and given = 'a' and pair > 0 and not verdict"), known)
    judged = evaluate(condition, limits(condition))
    assert all(each.passing for each in judged) and {each.verdict for each in judged} == {True, False, None}


def test_one_filter_alone_can_be_set():
    condition = bind(parse("{band}_cmodel_mag < 22.5", BANDS), KNOWN, list(BANDS))
    rows = [{"{band}_cmodel_mag": "20"}, {"{band}_cmodel_mag": "20", "y_cmodel_mag": "23"}]
    assert [each.verdict for each in evaluate(condition, rows, list(BANDS))] == [True, False]
    from galaxiesml.errors import UsageError

    for row in ({"ra": "1"}, {"{band}_cmodel_mag": "'a'"}, {"{band}_cmodel_mag": "random()"}):
        with pytest.raises(UsageError):
            evaluate(condition, [row], list(BANDS))
