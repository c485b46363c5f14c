"""Everything that may not stand in a condition is refused, and the message has the word that was typed."""

import pytest

from galaxiesml.conditions import bind, pair_columns, parse, row_columns
from galaxiesml.conditions.words import FUNCTIONS
from galaxiesml.errors import UsageError

BANDS = {"g": "em.opt.B", "r": "em.opt.R", "i": "em.opt.I", "z": "em.opt.I", "y": "em.opt.I"}
KNOWN = pair_columns(BANDS)

#: What is typed, and what the message must have.
REFUSED = {
    "i_cmodel_mag < 22 -- bright": "comment",
    "i_cmodel_mag < /* bright */ 22": "comment",
    "i_cmodel_mag < 22;": ";",
    "i_cmodel_mag < 22; drop table pairs": ";",
    "select 1": "subqueries",
    "i_cmodel_mag < (select 1)": "subqueries",
    "exists (select 1)": "subqueries",
    "object_id in (select object_id from galaxies)": "subqueries",
    "object_id in (from galaxies)": "subqueries",
    "(with a as (select 1) select * from a) = 1": "subqueries",
    "(values (1)) = 1": "subqueries",
    "read_csv('/etc/passwd') = 1": "table function read_csv()",
    "read_parquet('a.parquet') is null": "table function read_parquet()",
    "query('select 1') = 1": "table function query()",
    "getenv('HOME') = 'a'": "getenv()",
    "read_text('a') = 'b'": "table function read_text()",
    "random() < 0.5": "random()",
    "now() is null": "now()",
    "hash(object_id) > 0": "hash()",
    "uuid() = 'a'": "uuid()",
    "current_date > 1": "current_date",
    "nextval('s') = 1": "nextval()",
    "count(*) > 1": "aggregate count()",
    "max(i_cmodel_mag) < 20": "aggregate max()",
    "avg(i_cmodel_mag) < 20": "aggregate avg()",
    "row_number() over (partition by object_id) = 1": "row_number()",
    "abs(i_cmodel_mag) over () < 1": "over()",
    "abs(i_cmodel_mag) filter (where true) < 1": "filter()",
    "abs(distinct i_cmodel_mag) < 1": "distinct",
    "i_cmodel_mag < ?": "parameter (?)",
    "i_cmodel_mag < $1": "parameter ($",
    "i_cmodel_mag < $limit": "parameter ($",
    "i_cmodel_mag < :limit": "parameter (:",
    "i_cmodel_mag < @limit": "parameter (@",
    "i_cmodel_mag < {{ var('limit') }}": "Jinja ({{",
    "{% set a = 1 %} i_cmodel_mag < 1": "Jinja ({%",
    "i_cmodel_mag < 1 {# no #}": "Jinja ({#",
    "specz_name = '{{ env_var(''HOME'') }}'": "Jinja ({{",
    "{filter}_cmodel_mag < 1": "braces",
    "specz_name = '{band}'": "braces in a text",
    "{band}(i_cmodel_mag) < 1": "{band}()",
    "{'a': 1} is null": "braces",
    "* is null": "*",
    "columns(*) < 1": "columns()",
    "cast(object_id as text) = '1'": "cast()",
    "try_cast(object_id as text) = '1'": "try_cast()",
    "i_cmodel_mag::int < 22": "cast (::",
    "object_id = '1'::bigint": "cast (::",
    "list_filter([1], x -> x > 0) is null": "list_filter()",
    "i_cmodel_mag -> 1": "lambdas (->",
    "i_cmodel_mag in [1, 2]": "list ([",
    "[1] is null": "list ([",
    "coord[1] = 'a'": "list ([",
    "struct_pack(a := 1) is null": "struct_pack()",
    "(ra, dec) = (1, 2)": "a row of several values",
    "specz_name like 'A%'": "like",
    "specz_name ilike 'a%'": "ilike",
    "specz_name similar to 'A'": "similar to",
    "specz_name ~ 'A'": "regular expression (~",
    "regexp_matches(specz_name, 'A')": "regexp_matches()",
    "specz_name glob 'A*'": "glob",
    "pairs.specz_redshift < 1": "qualified name (.",
    "main.pairs.specz_redshift < 1": "qualified name (.",
    "specz_name collate nocase = 'a'": "collate",
    "specz_name at time zone 'UTC' = 'a'": "at time zone",
    "interval 1 day > 1": "interval",
    "date '2020-01-01' > 1": "cast",
    "ra between symmetric 2 and 1": "symmetric",
    "ra = any (1)": "any()",
    "ra < all (1)": "all()",
    "ra % 2 < 1": "remainder (%",
    "ra ^ 2 < 1": "power (^",
    "ra ** 2 < 1": "power (**",
    "ra // 2 < 1": "whole division (//",
    "specz_name || 'a' = 'b'": "joining of texts (||",
    "ra < 1 && dec < 1": "&&",
    "!isprimary": "!",
    "object_id & 1 = 1": "bit operator (&",
    "object_id | 1 = 1": "bit operator (|",
    "log(ra) < 1": "log()",
    "pow(ra, 2) < 1": "pow()",
    "if(isprimary, 1, 2) = 1": "if()",
    "round(ra) = 1": "round()",
    "length(specz_name) > 1": "length()",
    "lower(specz_name) = 'a'": "lower()",
    "json_extract(specz_name, 'a') = 'b'": "json_extract()",
    '"abs"(ra) < 1': '"abs"()',
    "abs(ra, 1) < 1": "too many arguments",
    "least(ra) < 1": "least() of 1",
    "object_id in ()": "in without a list",
    "object_id in ra": "in without a list",
    "specz_class = null": "null as a value",
    "specz_class in ('STAR', null)": "null as a value",
    "ra + null < 1": "null as a value",
    "0 < ra < 4": "comparison of a comparison",
    "object_id = 9223372036854775808": "9223372036854775808",
    "ra < 1e400": "1e400",
    "ra > 1e-400": "1e-400",
    "ra = 0x1f": "parse",
    "specz_name = e'a'": "e'a'",
    "specz_name = $$a$$": "$$",
    "specz_name = 'a' 'b'": "two texts side by side",
    "specz_name = 'a\\b'": "backslash",
    "specz_name = 'a\0b'": "\\x00",
    "where ra < 1": "where",
    "ra < 1 order by 1": "parse",
    "ra < 1) or (1 = 1": "parse",
    "(ra < 1": "parse",
    "ra <": "parse",
    "ra as a": "parse",
    "ra, dec": "parse",
    "": "empty",
    " \n": "empty",
    "(" * 40 + "ra < 1" + ")" * 40: "brackets within each other",
    "not " * 300 + "isprimary": "more than 200",
    "ra < " + " + ".join(["1"] * 300): "more than 200",
    "ra < " + " + ".join(["1"] * 100): "operations within each other",
    "not " * 100 + "isprimary": "operations within each other",
    "i_cmodel_mag < 22 /* bright": "comment",
    "---ra < 1": "comment",
    "ra ≤ 1": "sign that SQL lacks (≤)",
    "specz_class = “GALAXY”": "curved quotes",
    "ra < 22,5": "at ','",
    "ra < 1 and": "something is missing",
    "specz_name = 'a": "a quote is not closed",
    "case " * 19 + "ra" + " when 1 then 2 when 3 then 4 end" * 19 + " < 1": "more than 20,000",
    "ra < " + "1" * 100_001: "characters",
}
#: What reads well, but says nothing that is true or false of a pair.
UNBOUND = {
    "i_cmodel_mag": "a number",
    "specz_name": "a text",
    "not i_cmodel_mag": "i_cmodel_mag is a number",
    "isprimary and specz_redshift": "specz_redshift is a number",
    "isprimary and null": "null stands",
    "specz_name > 3": "with 3, a number",
    "specz_redshift = '3'": "with '3', a text",
    "isprimary = 1": "isprimary, a flag",
    "specz_name = true": "with true, a flag",
    "isprimary in (true, 'a')": "with 'a', a text",
    "coalesce(specz_name, 1) = 'a'": "with 1, a number",
    "case when isprimary then 1 else 'a' end = 1": "with 'a', a text",
    "case when isprimary then null end": "Every result is NULL",
    "case when ra then 1 end = 1": "ra is a number",
    "specz_name + 1 < 2": "specz_name is a text",
    "abs(specz_name) < 2": "specz_name is a text",
    "-isprimary < 2": "isprimary is a flag",
    "isprimary < specz_flag_homogeneous": "Flags have no order",
    "isprimary between false and true": "Flags have no order",
    "greatest(isprimary, true)": "Flags have no order",
    "ra is true": "ra is a number",
    "1 < 2": "reads no column",
    "true": "reads no column",
    "ra < infinity": "no infinity in the tables",
}
#: A name that is typed for another, and the message's hint.
MEANT = {
    "z < 1.5": "specz_redshift or z_cmodel_mag",
    "redshift < 1.5": "specz_redshift?",
    "zspec < 1.5": "specz_redshift?",
    "z_spec < 1.5": "specz_redshift?",
    "i_mag < 22": "i_cmodel_mag?",
    "imag < 22": "i_cmodel_mag?",
    "mag_i < 22": "i_cmodel_mag?",
    "I_MAG < 22": "i_cmodel_mag?",
    "gmag_err < 1": "g_cmodel_magsigma?",
    "i_magerr < 1": "i_cmodel_magsigma?",
    "g - r < 1": "g_cmodel_mag - r_cmodel_mag.",
    "g_r < 1": "g_cmodel_mag - r_cmodel_mag.",
    "gr < 1": "g_cmodel_mag - r_cmodel_mag.",
    "err < 1": "specz_redshift_err?",
    "zerr < 1": "specz_redshift_err or z_cmodel_magsigma?",
    "sep < 1": "match_distance_arcsec?",
    "distance < 1": "match_distance_arcsec?",
    "name = 'a'": "specz_name?",
    "extinction_i < 1": "a_i?",
    "specz_redshfit < 1": "specz_redshift",
    "i_cmodel_mga < 1": "i_cmodel_mag",
    "{band}_mag < 22": "{band}_cmodel_mag?",
    "{band}_cmodel_mags < 22": "{band}_cmodel_mag",
    "specz_class = GALAXY": "'GALAXY'",
    '"i cmodel mag" < 22': "i_cmodel_mag",
}


def ids(texts) -> list[str]:
    return [text[:40].encode("unicode_escape").decode() or "nothing" for text in texts]


@pytest.mark.parametrize("text, word", REFUSED.items(), ids=ids(REFUSED))
def test_refused(text, word):
    with pytest.raises(UsageError) as caught:
        parse(text, BANDS)
    assert word in str(caught.value)
    assert caught.value.hint
    assert "bandx" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("text, word", UNBOUND.items(), ids=ids(UNBOUND))
def test_unbound(text, word):
    with pytest.raises(UsageError) as caught:
        bind(parse(text, BANDS), KNOWN, list(BANDS))
    assert word in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("text, hint", MEANT.items(), ids=ids(MEANT))
def test_a_wrong_name_suggests_the_right_one(text, hint):
    with pytest.raises(UsageError) as caught:
        bind(parse(text, BANDS), KNOWN, list(BANDS))
    assert hint in caught.value.hint
    for name in caught.value.hint.rstrip("?").removeprefix("Did you mean ").split(" or "):
        assert "mean" not in caught.value.hint or name in KNOWN or "{band}" in name


def test_every_function_that_duckdb_has_beyond_the_list_is_refused():
    import duckdb

    with duckdb.connect(":memory:") as connection:
        names = {name for (name,) in connection.sql("select distinct function_name from duckdb_functions()").fetchall()}
    names = sorted(name for name in names if name.isidentifier() and name not in {*FUNCTIONS, "not", "and", "or", "in"})
    assert len(names) > 500
    for name in names:
        with pytest.raises(UsageError):
            parse(f"{name}(ra) = 1", BANDS)


def test_lists_and_chains_may_be_long():
    texts = [
        f"object_id in ({', '.join(str(10**16 + at) for at in range(5000))})",
        " and ".join(f"(ra < {at} or dec > {at})" for at in range(1000)),
        "ra < " + " + ".join(["dec"] * 75),
        "floor(" * 18 + "ra" + ")" * 18 + " < 1",
        "sqrt(" * 10 + "ra" + ")" * 10 + " < 1",
    ]
    for text in texts:
        condition = bind(parse(text, BANDS), KNOWN, list(BANDS))
        assert condition.text == text and condition.sql()
    # An engine works on the argument of a guard twice.
    with pytest.raises(UsageError, match="too large"):
        bind(parse("sqrt(" * 18 + "ra" + ")" * 18 + " < 1", BANDS), KNOWN, list(BANDS))
    for begin, end in (("nullif(", ", 1)"), ("case when ", " between 1 and 2 then 3 else 4 end")):
        with pytest.raises(UsageError, match="more than 20,000"):
            parse(begin * 18 + "ra" + end * 18 + " < 1", BANDS)
    # Spark rounds to whole numbers, with a guard that has its argument three times.
    with pytest.raises(UsageError, match="too large"):
        bind(parse(texts[3], BANDS), KNOWN, list(BANDS)).sql("spark")


def test_no_filter_of_a_table_without_filters():
    with pytest.raises(UsageError, match=r"\{band\}"):
        parse("{band}_cmodel_mag < 1")
    known = row_columns({"a": "double", "tags": "double[]", "two words": "integer"})
    assert bind(parse('"two words" < 3'), known).sql() == '"two words" < 3'
    with pytest.raises(UsageError, match=r"double\[\]"):
        bind(parse("tags is null"), known)
    with pytest.raises(UsageError, match="no column two"):
        bind(parse("two < 3"), known)


def test_a_filter_that_lacks_the_column_is_named():
    known = {name: each for name, each in KNOWN.items() if name != "y_cmodel_mag"}
    with pytest.raises(UsageError, match=r"\{band\}_cmodel_mag"):
        bind(parse("{band}_cmodel_mag < 1", BANDS), known, list(BANDS))


#: Words, signs and beginnings of calls, put together by chance.
WORDS = """\
    ( ) ( ) , + - * / < <= = <> and or not in is null true false between case when then else end distinct from
    ra dec isprimary specz_name object_id {band}_cmodel_mag 1 2.5 -1 'a' '' abs( sqrt( coalesce( nullif( least(
    select count( ; -- /* :: . [ ] { } {band} ? $1 % || ~ -> "ra" "a b" like over filter interval cast( 1e3 0x1 e'a' as
    exists any( all array row( lambda x : if( try( union with values limit order by date unnest( struct collate escape
"""


@pytest.mark.parametrize("seed", range(3))
def test_what_nobody_would_type_is_refused_or_means_something(seed):
    """Words in any order: an error that a user can read, or a condition that DuckDB binds; nothing else."""
    import random

    draw, words = random.Random(seed), WORDS.split()
    taken = 0
    for _ in range(1500):
        text = draw.choice(["", " "]).join(draw.choice(words) for _ in range(draw.randint(1, 7)))
        try:
            condition = parse(text, BANDS)
            bind(condition, KNOWN, list(BANDS))
            taken += 1
        except UsageError as error:
            assert error.hint and "bandx" not in str(error)
    for text in ("isprimary", "ra < 2.5", "object_id = 1 or isprimary"):
        taken += bind(parse(text, BANDS), KNOWN, list(BANDS)).known != {}
    assert taken >= 3
