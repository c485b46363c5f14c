"""Column lineage, judged without its own parser: a landed column is changed, the SQL is run again by DuckDB,
and every column whose values or rows come out different must name the changed one among its ancestors."""

import random
from collections import Counter
from functools import cache

import duckdb
import pyarrow as pa
import pytest

from galaxiesml.curation.build import build
from galaxiesml.curation.lineage import Lineage
from galaxiesml.curation.lineage_text import as_json, fold_names, text_tree
from galaxiesml.curation.rules import published
from galaxiesml.errors import BuildError, CatalogError, UsageError

from ..made.pairs import good_pair, mixed_pairs
from .landed import land_rows, new_catalog
from .reading import BANDS

RAW = {
    "a": pa.table({"id": [*range(40)], "g": [n % 3 for n in range(40)], "x": [n * 7 % 11 / 2 for n in range(40)]}),
    "b": pa.table(
        {
            "id": [n * 2 % 30 for n in range(25)],
            "y": [n * 5 % 13 for n in range(25)],
            "g": [1, 2, 3, 4, 5] * 5,
        }
    ),
}
A, B = '"memory"."raw"."a"', '"memory"."raw"."b"'

#: Each query, and what a reader of it says are the value ancestors of its column v.
QUERIES = {
    "star": (f"with t as (select * from {A}) select id, x as v from t where g = 1", {"a.x"}),
    "case": (f"select case when g = 1 then x else 0 end as v from {A}", {"a.g", "a.x"}),
    "window": (
        f"select id, row_number() over (partition by g order by x, id) as v from {A}",
        {"a.g", "a.x", "a.id"},
    ),
    "named window": (f"select sum(x) over w as v from {A} window w as (partition by g)", {"a.g", "a.x"}),
    "qualify": (
        f"select id as v from {A} qualify row_number() over (partition by g order by x, id) = 1",
        {"a.id"},
    ),
    "count": (f"select count(*) as v from {A} where x > 2", set()),
    "group": (f"select g, sum(x) as v from {A} group by g having count(*) > 13", {"a.x"}),
    "group by all": (f"select g % 2 as k, sum(x) as v from {A} group by all", {"a.x"}),
    "using": (f"select a.x, b.y as v from {A} a join {B} b using (id)", {"b.y"}),
    "left join": (f"select a.id, b.y as v from {A} a left join {B} b on a.id = b.id and a.g = b.g", {"b.y"}),
    "full using": (f"select id as v from {A} full join {B} using (id)", {"a.id", "b.id"}),
    "cross join": (f"select a.x as v from {A} a cross join (select y from {B} where y > 11) c", {"a.x"}),
    "union": (f"select x as v from {A} where g = 2 union all select y from {B} where g = 3", {"a.x", "b.y"}),
    "union distinct": (f"select g as v, id from {A} union select g, id from {B}", {"a.g", "b.g"}),
    "three arms": (
        f"select x as v from {A} union all select y from {B} union all select id from {B}",
        {"a.x", "b.y", "b.id"},
    ),
    "by position": (
        f"with u as (select id, x from {A} union all select y, id from {B}) select x as v from u",
        {"a.x", "b.id"},
    ),
    "by name": (
        f"with u as (select id, g from {A} union all by name select g, id from {B}) select g as v from u",
        {"a.g", "b.g"},
    ),
    "except": (f"select g as v from {A} except select g from {B} where y < 3", {"a.g", "b.g"}),
    "distinct": (f"select count(*) as v from (select distinct g, x from {A})", set()),
    "distinct on": (f"select distinct on (g) g, x as v from {A} order by g, x desc", {"a.x"}),
    "limit": (f"select x as v from {A} order by g, id limit 5", {"a.x"}),
    "limit on an alias": (f"select id as v, x * 2 as w from {A} order by w, id limit 5", {"a.id"}),
    "subquery": (f"select s.x as v from (select x, g + 1 as h from {A}) s where s.h = 2", {"a.x"}),
    "in": (f"select x as v from {A} where id in (select id from {B} where y > 6)", {"a.x"}),
    "exists": (
        f"select x as v from {A} a where exists (select 1 from {B} b where b.g = a.g and b.y > 11)",
        {"a.x"},
    ),
    "scalar": (f"select x + (select max(y) from {B} where g = 2) as v from {A}", {"a.x", "b.y"}),
    "correlated": (f"select (select max(b.y) from {B} b where b.id = a.id) as v from {A} a", {"b.y"}),
    "values": (f"select k.n + a.x as v from (values (1), (2)) k(n) join {A} a on a.g = k.n", {"a.x"}),
    "constants": (
        f"with k as (select 1 as n union all select 2) select n as v from k join {A} a on a.g = n",
        set(),
    ),
    "unnest": (f"select u.n as v from {A}, unnest([x, g]) u(n)", {"a.x", "a.g"}),
    "table function": (f"select a.x * r.range as v from {A} a, range(2) r", {"a.x"}),
    "alias reuse": (f"select x * 2 as w, w + 1 as v from {A} where w > 3", {"a.x"}),
    "nested": (
        f"with p as (select g, sum(x) as s from {A} group by g), "
        f"q as (select id, s from {B} join p using (g)) select max(s) over (order by id) as v from q",
        {"a.x", "b.id"},
    ),
}


def manifest(models: dict[str, str], raw: dict[str, pa.Table]) -> dict:
    kinds = {pa.int64(): "bigint", pa.float64(): "double", pa.string(): "varchar", pa.bool_(): "boolean"}
    found = {
        name: {
            "kind": "source",
            "sql": None,
            "columns": {field.name: kinds[field.type] for field in table.schema},
        }
        for name, table in raw.items()
    }
    return found | {
        name: {"kind": "model", "sql": sql, "columns": {}, "file": f"{name}.sql"} for name, sql in models.items()
    }


def run(models: dict[str, str], raw: dict[str, pa.Table]) -> dict[str, dict[str, Counter]]:
    """Every model's columns as counted values, read by DuckDB alone."""
    connection = _connection()
    for name, table in raw.items():
        connection.register("landed", table)
        connection.execute(f'create or replace table raw."{name}" as select * from landed')
    out = {}
    for name, sql in models.items():
        connection.execute(f'create or replace table main."{name}" as {sql}')
        table = connection.sql(f'select * from main."{name}"').to_arrow_table()
        out[name] = {column.lower(): Counter(table[column].to_pylist()) for column in table.column_names}
    return out


@cache
def _connection():
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("create schema raw")
    return connection


def changed(table: pa.Table, column: str, way: int) -> pa.Table:
    """The table with one column's values exchanged, shifted, or in part taken away."""
    draw, values = random.Random(f"{column}{way}"), table[column].to_pylist()
    if way == 0:
        draw.shuffle(values)
    elif way == 1:
        values = [_other(value) for value in values]
    else:
        values = [None if draw.random() < 0.5 else value for value in values]
    place = table.schema.get_field_index(column)
    return table.set_column(place, column, pa.array(values, table.schema.field(column).type))


def _other(value):
    if isinstance(value, bool):
        return not value
    return value + "x" if isinstance(value, str) else None if value is None else value + 1


def missed(models, raw: dict, lineage: Lineage, columns=None, ways=(0, 1, 2)) -> tuple[list, Counter]:
    """Columns that changed without naming the cause, and how many named it as a value or as a filter only."""
    before, wrong, seen = run(models, raw), [], Counter()
    ancestors = {
        (name, column): (found.value_ancestors, found.filter_ancestors)
        for name, values in before.items()
        for column in values
        for found in [lineage.column(name, column)]
    }
    for table, column in columns or [(name, field) for name in raw for field in raw[name].column_names]:
        for way in ways:
            after = run(models, raw | {table: changed(raw[table], column, way)})
            for (name, out), (values, filters) in ancestors.items():
                if after[name][out] == before[name][out]:
                    continue
                cause = (table, column)
                seen["value" if cause in values else "filter"] += 1
                if cause not in values | filters:
                    wrong.append((f"{table}.{column}", f"{name}.{out}", way))
    return wrong, seen


# -- single constructs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", QUERIES)
def test_whatever_changes_a_column_is_its_ancestor(name):
    sql, values = QUERIES[name]
    lineage = Lineage(manifest({"m": sql}, RAW), [])
    assert {f"{table}.{column}" for table, column in lineage.column("m", "v").value_ancestors} == values
    wrong, seen = missed({"m": sql}, RAW, lineage)
    assert not wrong
    assert seen.total() > 0


def test_filters_alone_would_be_missed():
    """The proof above has teeth: without filter edges it finds columns that nothing explains."""
    sql, _ = QUERIES["qualify"]
    lineage = Lineage(manifest({"m": sql}, RAW), [])
    _, seen = missed({"m": sql}, RAW, lineage)
    assert seen["filter"] > 0
    assert lineage.column("m", "v").filter_ancestors == {("a", "g"), ("a", "x"), ("a", "id")}


def test_what_has_no_part_in_a_column_is_no_ancestor():
    lineage = Lineage(manifest({"m": f"select id, x from {A}", "n": 'select x from "memory"."main"."m"'}, RAW), [])
    found = lineage.column("n", "x")
    assert found.value_ancestors == {("m", "x"), ("a", "x")}
    assert found.filter_ancestors == set()


def test_a_row_condition_two_models_below_filters():
    models = {"m": f"select id, x from {A} where g = 1", "n": 'select x from "memory"."main"."m"'}
    found = Lineage(manifest(models, RAW), []).column("n", "x")
    assert found.filter_ancestors == {("a", "g")}
    assert found.filters.conditions == (("m", "where", (("a", "g"),)),)


def test_a_model_may_have_the_name_of_a_raw_table():
    models = {"a": f"select id, x * 2 as x from {A}", "n": 'select x from "memory"."main"."a"'}
    raw = {key: entry for key, entry in manifest({}, RAW).items() if key != "a"}
    found = Lineage(raw | manifest(models, {}), []).column("n", "x")
    assert found.value_ancestors == {("a", "x"), ("raw.a", "x")}


def test_verdicts_are_cuts_wherever_they_are_judged():
    models = {
        "v": f"select id, g, x > 1 as ok_low, g as ok_passed, true as ok_absent from {A}",
        "j": """with t as (select *, ok_low and ok_absent as alive from "memory"."main"."v"),
                u as (select *, case when alive
                        then row_number() over (partition by g order by id) = 1 end as ok_first from t)
                select id, alive and ok_first as kept from u""",
        "galaxies_v2": 'select id from "memory"."main"."v" join "memory"."main"."j" using (id) where kept',
    }
    found = Lineage(manifest(models, RAW), []).column("galaxies", "id")
    assert [(cut.name, cut.model, cut.columns) for cut in found.filters.cuts] == [
        ("low", "v", (("a", "x"),)),
        ("absent", "v", ()),
        ("first", "j", (("a", "id"), ("a", "g"))),
    ]


@pytest.mark.parametrize(
    "sql, word",
    [
        ("select (", "cannot be read"),
        (f"select nosuch from {A}", "nosuch"),
        ('select 1 as v from "x"."y"."nosuch"', "nosuch"),
    ],
)
def test_sql_that_cannot_be_followed_names_the_model(sql, word):
    with pytest.raises(BuildError, match=word) as raised:
        Lineage(manifest({"m": sql}, RAW), []).column("m", "v")
    assert "model m" in str(raised.value)
    assert raised.value.hint


def test_unknown_names_are_refused_with_near_ones(tmp_path):
    lineage = Lineage(manifest({"galaxies_v2": f"select id, x as redshift from {A}"}, RAW), [])
    for target, hint in (
        ("galaxies.redshfit", "redshift"),
        ("galaxy_v2.id", "galaxies_v2"),
        ("galaxies", "For example"),
    ):
        with pytest.raises(UsageError) as raised:
            lineage.resolve(target)
        assert hint in raised.value.hint
    assert lineage.resolve("Galaxies.REDSHIFT") == ("galaxies_v2", "redshift")
    with pytest.raises(CatalogError):
        Lineage.load(tmp_path, [])


def test_families_of_filters_are_one_word():
    bands = ("g", "r", "i")
    assert fold_names(["id", "g_mag", "r_mag", "i_mag", "ra"], bands) == ["id", "{g,r,i}_mag", "ra"]
    assert fold_names(["a_g", "a_r", "icentroid"], bands) == ["a_{g,r}", "icentroid"]
    assert fold_names(["g_mag", "r_flag", "t.g_x", "u.r_x"], bands) == ["g_mag", "r_flag", "t.g_x", "u.r_x"]


# -- the project's own models ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    """A build of the real models: a joined export, and a table of objects, without tract, and its spectra."""
    catalog = new_catalog(tmp_path_factory.mktemp("lineage") / "cat")
    land_rows(catalog, mixed_pairs(40))
    rows = [good_pair(number + 1000) for number in range(12)]
    for kind in ("objects", "specz"):
        names = [name for name in rows[0] if name != "tract"]
        land_rows(catalog, rows, kind=kind, columns=_of(kind, names))
    build(catalog, accept_missing=("all",))
    return catalog


def _of(kind: str, names: list[str]) -> list[str]:
    from .replay import fields

    known = {*fields("object" if kind == "objects" else "spectrum"), "object_id"}
    return [name for name in names if name in known]


@pytest.fixture(scope="module")
def lineage(catalog) -> Lineage:
    return Lineage.load(catalog.current_build(), catalog.landings())


def test_every_column_of_a_build_has_a_lineage(catalog, lineage):
    connection = catalog.connect()
    for table in catalog.tables():
        if lineage.models.get(table, {}).get("kind") != "model":
            continue
        described = [row[0] for row in connection.execute(f"describe {table}").fetchall()]
        assert sorted(lineage.columns(table)) == sorted(described), table
        for column in described:
            tree = lineage.column(table, column)
            assert text_tree(tree).startswith(f"{table}.{column}")
            assert as_json(tree)["column"] == f"{table}.{column}"


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_a_version_is_filtered_by_its_cuts_in_their_order(lineage, version):
    found = lineage.column(f"galaxies_v{version}", "specz_redshift")
    stated = published().of_version(f"v{version}")
    assert [cut.name for cut in found.filters.cuts] == [cut["name"] for cut in stated]
    for cut, known in zip(found.filters.cuts, stated, strict=True):
        needs = {name.replace("{band}", band) for name in known["needs"] for band in BANDS}
        read = {column for _, column in cut.columns}
        assert needs <= read if "window" in known else needs == read, cut.name


def test_redshift_goes_back_to_its_files(catalog, lineage):
    tree = as_json(lineage.column("galaxies", "specz_redshift"))
    assert (tree["asked"], tree["column"]) == ("galaxies.specz_redshift", "galaxies_v2.specz_redshift")
    nodes = {node["id"]: node for node in tree["nodes"]}
    values = {name for name, node in nodes.items() if node["role"] in ("value", "both")}
    assert values == {
        f"{table}.specz_redshift"
        for table in (
            "galaxies_v2",
            "int_pairs",
            "int_exported_pairs",
            "stg_hsc__joined",
            "stg_hsc__specz",
            "hsc_joined",
            "hsc_specz",
        )
    }
    digests = {landing["kind"]: landing["source_sha256"] for landing in catalog.landings()}
    for kind in ("joined", "specz"):
        (origin,) = nodes[f"hsc_{kind}.specz_redshift"]["origins"]
        assert (origin["source_sha256"], origin["columns"]) == (digests[kind], ["specz_redshift"])
    assert {"from": "int_judged_v2.kept", "to": "galaxies_v2.*", "kind": "filter"} in tree["edges"]
    assert nodes["hsc_joined.y_pixelflags_edge"]["role"] == "filter"


def test_text_says_file_hash_cut_and_what_is_absent(catalog, lineage):
    text = text_tree(lineage.column("galaxies", "specz_redshift"))
    first = catalog.landings()[0]
    assert f"[1] {first['source_file']}  sha256 {first['source_sha256'][:12]}\n" in text + "\n"
    assert "{g,r,i,z,y}_pixelflags_edge" in text
    assert "hsc_joined.specz_redshift ← [1] specz_redshift" in text
    assert "hsc_objects.tract ← [2] (not in this export)" in text_tree(lineage.column("galaxies", "tract"))
    assert "[1] (made at landing)" in text_tree(lineage.column("galaxies", "source_row"))


@pytest.fixture(scope="module")
def landed(catalog) -> dict[str, pa.Table]:
    connection = catalog.connect()
    names = ("hsc_objects", "hsc_specz", "hsc_joined", "landings")
    return {name: connection.sql(f"select * from {name}").to_arrow_table() for name in names}


@pytest.fixture(scope="module")
def compiled(lineage) -> dict[str, str]:
    """SQL that dbt compiled, in the order of running."""
    wanted = (
        "stg_hsc__",
        "int_exported_pairs",
        "int_pairs",
        "int_verdicts",
        "int_judged",
        "galaxies",
        "rejections",
        "duplicates",
    )
    names = [name for name, model in lineage.models.items() if model["kind"] == "model"]
    names = sorted((name for name in names if name.startswith(wanted)), key=lineage.depth)
    return {name: lineage.models[name]["sql"] for name in names}


def test_changing_landed_columns_of_the_real_models(compiled, landed, lineage):
    """The same perturbation on dbt's compiled SQL: a key, a name, a number, a flag, and each kind of file."""
    names = ("object_id", "specz_name", "specz_redshift", "i_cmodel_mag", "i_pixelflags_edge", "isprimary")
    columns = [("hsc_joined", name) for name in names] + [
        ("hsc_objects", "object_id"),
        ("hsc_specz", "specz_name"),
    ]
    wrong, seen = missed(compiled, landed, lineage, columns, ways=(1,))
    assert not wrong
    assert min(seen["value"], seen["filter"]) > 50


@pytest.mark.proof
def test_changing_every_landed_column_of_the_real_models(compiled, landed, lineage):
    columns = [(table, name) for table in landed if table != "landings" for name in landed[table].column_names]
    wrong, seen = missed(compiled, landed, lineage, columns)
    assert not wrong
    assert min(seen["value"], seen["filter"]) > 500
