"""Every function and operator that models may use, as expressions over a table of edge values.

What stands here is allowed, for it is computed on every engine; a model that uses anything else fails its test, until
the function stands here and all engines agree.  Names are sqlglot's classes.  What engines write differently is a macro
in the model and here.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from galaxiesml.catalog.parquet import parquet
from galaxiesml.curation.engines.sources import quoted, spark_type
from galaxiesml.curation.macros import Macros

from ..replay import BANDS

NAN, INF = math.nan, math.inf
#: x, y: doubles; n, m: bigints; s, t: texts; b, c: booleans; a: lists.
ROWS = [
    # id, group, x, y, n, m, s, t, b, c, a
    (1, "one", 0.0, -0.0, 0, 1, "", "a", True, True, [1, 2, 3]),
    (2, "one", -0.0, 1.5, -1, 2, "it's", "it''s", True, False, []),
    (3, "one", 2.5, -2.5, 2**53 + 1, 3, "back\\slash", "\\'", False, None, None),
    (4, "one", 0.5, 0.49999999999999994, 2**63 - 1, 7, "na\u00efve \u03bb \U0001f30c", "$a ${b} #{c}", None, None, [5]),
    (5, "two", NAN, 1.0, -(2**63), 5, "%_", "a,b,,c", None, True, [65535, 0]),
    (6, "two", INF, -INF, 10, -3, "line\nbreak\ttab", ", ", False, True, [-1]),
    (7, "two", -INF, NAN, -10, -3, ' "quoted" ', "`tick`", False, False, [7, 7]),
    (8, "two", 1e300, 5e-324, 7, 2, "Stra\u00dfe", "STAR", True, True, [2**31 - 1]),
    (9, "tie", 1.5, 1.5, 4, 4, "tie", "tie", True, True, [1]),
    (10, "tie", 1.5, 1.5, 4, 4, "tie", "tie", True, True, [1]),
    (11, "tie", None, 3.0, None, 4, None, "tie", None, True, [1]),
    (12, "null", None, None, None, None, None, None, None, None, None),
    (13, None, -2.5, 89.99999999999999, 99, 4, "z", "y", True, False, [3]),
    (14, "deg", 359.9999999999, -89.99999, 1234567890123456789, 1000, "41000000000000001", "SSDSS", True, False, [9]),
    (15, "deg", 180.0, 45.0, 9007199254740993, 13, "SDSS,GAMA", ",", False, False, [9]),
]
NAMES = ("id", "kind", "x", "y", "n", "m", "s", "t", "b", "c", "a")
TYPES = [
    *(pa.int64(), pa.string(), pa.float64(), pa.float64(), pa.int64(), pa.int64(), pa.string(), pa.string()),
    *(pa.bool_(), pa.bool_(), pa.list_(pa.int32())),
]
#: A finite double, as the models have it before they make a whole number of one.
FINITE = "case when abs(x) < 1e15 then x end"
_NUMBER = "case when x <= 1e308 then x end"
SCALAR = {
    "Abs": ["abs(x)", "abs(y)", "abs(m)"],
    "Add": ["x + y", "n + 0", "m + 1"],
    "And": ["b and c", "c and b"],
    "Or": ["b or c", "c or b"],
    "Not": ["not b", "not coalesce(b, false)"],
    "Asin": [f"asin(least(1, greatest(-1, {FINITE})))"],
    "Between": ["x between -1 and 2", "n between m and 10", "x between y and 1e300"],
    "Case": [
        "case s when 'tie' then 1 when 'z' then 2 else 3 end",
        "case when x > 0 then cast(180 as double) else x / 2 end",
    ],
    "If": ["case when b then x end", "case when b then s else t end"],
    "Cast": [
        "cast(n as string)",
        "cast(m as double)",
        "cast(b as string)",
        "cast(b as integer)",
        f"cast(floor({FINITE}) as bigint)",
        "cast(4.9e-6 as double)",
        "cast(0.1 as double)",
        "cast('0.3' as double)",
        "cast(case when s like '41%' then s end as bigint)",
        "cast(null as string)",
    ],
    "Ceil": [f"cast(ceil({FINITE}) as bigint)"],
    "Floor": [f"cast(floor({FINITE}) as bigint)", f"cast(floor({FINITE} / 3) as bigint)"],
    "Round": [f"cast(round(1e9 * ({FINITE})) as bigint)", f"cast(round({FINITE}) as bigint)"],
    "Coalesce": ["coalesce(x, y, 0)", "coalesce(s, t, 'none')", "coalesce(b, c)"],
    # concat() leaves NULL out in DuckDB alone, and so models use concat_ws().
    "ConcatWs": [
        "concat_ws('', '1/release/', cast(n as string))",
        "concat_ws('', s, '|', t)",
        "concat_ws(', ', s, t)",
        "concat_ws('; ', case when b then 'one' end, case when c then 'two' end)",
    ],
    "Cos": [f"cos(radians({FINITE}))"],
    "Sin": [f"sin(radians({FINITE}))"],
    "Radians": [f"radians({FINITE})"],
    "Degrees": [f"degrees({FINITE})"],
    "Sqrt": [f"sqrt(abs({FINITE}))"],
    "Pow": [f"power({FINITE}, 2)"],
    "Div": [
        "x / case when y <> 0 then y end",
        "m / cast(2 as double)",
        "cast(m as double) / nullif(n, 0)",
        "x / 3600e0",
    ],
    "Mul": ["x * y", "m * 3", "x * 20626.4806e0", "1.02e0 * x"],
    "Sub": ["x - y", "m - 1", "0 - x"],
    "Neg": ["-x", "-m"],
    "Mod": ["mod(mod(m, 7) + 7, 7)", "mod(m, 4)"],
    "EQ": ["x = y", "s = t", "n = m", "b = c", "s = 'tie'"],
    "NEQ": ["x <> y", "s <> t", "x <> -1", "t <> 'STAR'"],
    "GT": ["x > y", "n > m", "s > t", "x > 0.5e0"],
    "GTE": ["x >= y", "n >= m", "x >= 1e300"],
    "LT": ["x < y", "n < m", "y < 0.5e0", "s < t"],
    "LTE": ["x <= y", "n <= m"],
    "Is": ["x is null", "s is not null", "b is null"],
    "In": ["s in ('tie', 'z')", "id in (1, 2, 3)"],
    "Exists": ["exists (select 1 from edges as inside where inside.id > 14)"],
    "Greatest": ["greatest(x, y)", "greatest(n, m)", "greatest(x, y, 0)", "greatest(-1, m)"],
    "Least": ["least(x, y)", "least(n, m)", "least(x, y, 1)", "least(719, m)"],
    "Length": ["length(s)", "length(t)"],
    "Like": ["s like '%,%'", "t like 'S%'", "s like 't_e'"],
    "Escape": ["s like '!%!_' escape '!'", "t like '%!_%' escape '!'"],
    "MD5": ["md5(s)", "md5(concat_ws('', '1/leak_free/', cast(n as string)))"],
    # Of doubles Sail takes -0.0 for another number than 0.
    "Nullif": ["nullif(s, '')", "nullif(n, 0)", "nullif(n, m)"],
    "Replace": ["replace(t, ',', '')", "replace(s, 'i', 'ii')"],
    "SplitPart": ["split_part(t, ', ', 1)", "split_part(s, ',', 2)", "split_part(t, ',', 1)"],
    "Upper": ["upper(t)", "upper('star')"],
}
AGGREGATE = {
    "Count": ["count(*)", "count(x)", "count(s)", "count(case when b then 1 end)", "count(distinct n)"],
    # Of NaN there is none where models take extremes: DuckDB has it above infinity, Sail leaves it out.
    "Max": [f"max({_NUMBER})", "max(n)", "max(s)", "max(case when b then 1 else 0 end) = 1"],
    "Min": [f"min({_NUMBER})", "min(n)", "min(s)"],
    "Sum": [
        "cast(sum(m) as bigint)",
        "cast(sum(case when b then 1 else 0 end) as bigint)",
        "cast(sum({{ whole('y', '1e9') }}) as double)",
    ],
    "GroupConcat": ["{{ joined_text('t', ',', 'id') }}", "{{ joined_text('s', '/', 'id') }}"],
    "LogicalOr": ["bool_or(b)"],
    "Median": ["median(case when abs(x) < 1e15 then x end)", "median(m)"],
    "PercentileCont": ["percentile_cont(0.25) within group (order by m)"],
}
_OVER = "partition by kind order by id"
WINDOW = {
    "RowNumber": [
        f"cast(row_number() over ({_OVER}) as bigint)",
        "cast(row_number() over (partition by kind order by x desc nulls last, id) as bigint)",
        "cast(row_number() over (partition by kind order by case when s is null then 1 else 0 end, s, id) as bigint)",
        "cast(row_number() over (order by y nulls last, id) as bigint)",
    ],
    "DenseRank": ["cast(dense_rank() over (order by m nulls last) as bigint)"],
    "Lead": [f"lead(m) over ({_OVER})"],
    "Window": [
        "count(*) over (partition by kind)",
        "max(y) over (partition by kind)",
        f"cast(sum(m) over ({_OVER} rows between unbounded preceding and 1 preceding) as bigint)",
        f"cast(coalesce(sum(m) over ({_OVER}), 0) as bigint)",
    ],
}
#: Rows of lists, and of numbers that no table has.
ROWS_OF = {
    "Explode": ["select step from (select {{ each_number(1, 4) }} as step) as steps"],
    "Posexplode": [
        "select id, place, value from (select id, {{ list_elements('a', 'place', 'value') }} from edges) as e"
    ],
}
#: Other names of what stands above: how sqlglot reads one engine's form or the other's.
ALSO = {
    "TryCast": "Cast",
    "GenerateSeries": "Explode",
    "generate_subscripts": "Posexplode",
    "Column": "",
    "Paren": "",
    "Star": "",
    "DPipe": "",
}
#: Of these, Java's last bit may be another; what depends on it is rounded before it chooses a row or leaves a model.
LAST_BIT = ("Sin", "Cos", "Asin", "Pow", "Radians", "Degrees")


def write(path: Path) -> Path:
    """The table of edge values as a Parquet file."""
    columns = list(zip(*ROWS, strict=True))
    table = pa.table({name: pa.array(of, kind) for name, of, kind in zip(NAMES, columns, TYPES, strict=True)})
    pq.write_table(table, path)
    return path


def _queries():
    for kinds in (SCALAR, WINDOW):
        for kind, texts in kinds.items():
            yield from ((kind, f"select id, {text} as value from edges") for text in texts)
    for kind, texts in AGGREGATE.items():
        for text in texts:
            yield kind, f"select kind, {text} as value from edges group by kind"
            yield kind, f"select 0, {text} as value from edges where id < 0"
    for kind, texts in ROWS_OF.items():
        yield from ((kind, text) for text in texts)


#: Each with the name of what it tests; of groups, of a group without rows, too.
QUERIES = list(_queries())
MACROS = {dialect: Macros(BANDS, engine=dialect) for dialect in ("duckdb", "spark")}
Answer = Callable[[str], list[tuple]]


def by_duckdb(connection, path: Path) -> Answer:
    """What answers queries over the table of edge values."""
    connection.execute(f"create view edges as select * from {parquet(path)}")
    return lambda query: connection.execute(MACROS["duckdb"].render(query)).fetchall()


def by_spark(session, connection, path: Path) -> Answer:
    """The same by Spark Connect; ``connection`` has the table already."""
    described = connection.execute("describe edges").fetchall()
    columns = ", ".join(f"{name} {spark_type(kind)}" for name, kind, *_ in described)
    session.sql(f"create table edges ({columns}) using parquet location {quoted(path.parent)}")

    def answer(query: str) -> list[tuple]:
        found = session.sql(MACROS["spark"].render(query)).toArrow()
        return list(zip(*(column.to_pylist() for column in found.columns), strict=True))

    return answer


def canonical(value):
    """A value by which rows are compared and sorted: a double by its bits, every NaN alike, and -0.0 as 0.0."""
    if isinstance(value, float):
        return "double", struct.pack(">d", math.nan if math.isnan(value) else value + 0.0).hex()
    return type(value).__name__, str(value)


def rows(found: list[tuple]) -> list:
    """Rows in an order that does not depend on the engine."""
    return sorted(tuple(canonical(value) for value in row) for row in found)


def agree(kind: str, answers: tuple[list[tuple], list[tuple]]) -> bool:
    """Whether rows are equal; of what Java computes otherwise in its last bit, to two units in that place."""
    ours, theirs = (sorted(found, key=lambda row: str(row[0])) for found in answers)
    if kind not in LAST_BIT:
        return rows(ours) == rows(theirs)
    return len(ours) == len(theirs) and all(
        one[0] == two[0] and (one[1] == two[1] or abs(one[1] - two[1]) <= 2 * math.ulp(one[1]))
        for one, two in zip(ours, theirs, strict=True)
    )
