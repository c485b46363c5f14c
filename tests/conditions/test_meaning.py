"""Conditions made at random mean what NumPy's reading of them says, NULL, infinities and 19-digit integers included."""

import duckdb
import numpy as np
import pytest
import sqlglot

from galaxiesml.conditions import Condition, bind, parse, row_columns

from .reference import Maker

SEEDS = range(8)
CONDITIONS = 300
AT_ONCE = 30
ROWS = 60
TYPES = {
    "mag": ("num", "double"),
    "err": ("num", "double"),
    "redshift": ("num", "double"),
    "object_id": ("int", "bigint"),
    "tract": ("int", "integer"),
    "name": ("text", "text"),
    "class": ("text", "text"),
    "flag": ("flag", "boolean"),
    "secure": ("flag", "boolean"),
}
KNOWN = row_columns({name: kind for name, (_, kind) in TYPES.items()})
ODD = {
    "double": [0.0, -0.0, 1.0, -1.0, 1.5, 22.5, 0.1, 0.30000000000000004, np.inf, -np.inf, 1e308, -1e308, 5e-324, 1e3],
    "bigint": [0, 1, -1, 43158176442374224, 43158176442374225, 2**63 - 1, -(2**63), 100, 3],
    "integer": [0, 1, -1, 100, 2**31 - 1, -(2**31), 3],
    "text": ["a", "A", "", "it's", "galaxy", "ä", "1", "z"],
    "boolean": [True, False],
}


def table(rng: np.random.Generator) -> dict:
    """Columns with a quarter of NULLs; numbers are often the odd ones."""
    found = {}
    for name, (kind, type_) in TYPES.items():
        values = [ODD[type_][int(at)] for at in rng.integers(len(ODD[type_]), size=ROWS)]
        if type_ == "double":
            values = [value if rng.random() < 0.6 else float(rng.normal(0, 20)) for value in values]
        dtype = {"num": np.float64, "int": np.int64, "text": object, "flag": bool}[kind]
        found[name] = (kind, (np.array(values, dtype=dtype), rng.random(ROWS) < 0.25))
    return found


@pytest.fixture
def connection():
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        yield connection


def fill(connection: duckdb.DuckDBPyConnection, columns: dict) -> None:
    kinds = {"text": "varchar"}
    listed = ", ".join(f"{name} {kinds.get(kind, kind)}" for name, (_, kind) in TYPES.items())
    connection.execute(f"create table filled (n integer, {listed})")
    rows = [
        (
            at,
            *(
                None if null[at] else values[at].item() if hasattr(values[at], "item") else values[at]
                for _, (values, null) in columns.values()
            ),
        )
        for at in range(ROWS)
    ]
    connection.executemany(f"insert into filled values ({', '.join('?' * (len(TYPES) + 1))})", rows)


def verdicts(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> list[tuple]:
    """One tuple a text: True, False or None of each row."""
    rows = connection.execute(f"select {', '.join(f'({text})' for text in texts)} from filled order by n").fetchall()
    return list(zip(*rows, strict=True))


@pytest.mark.parametrize("seed", SEEDS)
@np.errstate(all="ignore")
def test_a_condition_means_what_numpy_says(connection, seed):
    rng = np.random.default_rng(seed)
    columns = table(rng)
    fill(connection, columns)
    maker = Maker(rng, columns)
    seen = set()
    for begin in range(0, CONDITIONS, AT_ONCE):
        made = [maker.condition() for _ in range(AT_ONCE)]
        read = [parse(each.sql) for each in made]
        # The first of each lot goes the whole way through DuckDB's own binding, which takes a while.
        bound = [Condition(each.tree, {name: KNOWN[name] for name in each.columns}) for each in read]
        assert bind(read[0], KNOWN) == bound[0]
        found = verdicts(connection, [each.sql() for each in bound])
        again = verdicts(connection, [each.sql() for each in map(canonical, bound)])
        for at, each in enumerate(made):
            values, null = each.values
            expected = tuple(None if null[row] else bool(values[row]) for row in range(ROWS))
            assert found[at] == expected, f"seed {seed}, {begin + at}: {each.sql}\n{bound[at].sql()}"
            assert again[at] == expected, f"seed {seed}, {begin + at}: {each.sql}\n{bound[at].text}"
            seen.update(expected)
    assert seen == {True, False, None}


def canonical(condition: Condition) -> Condition:
    """The condition that its canonical text says: the text must be a fixed point."""
    again = parse(condition.text)
    assert again.text == condition.text and again == Condition(condition.tree)
    return Condition(again.tree, condition.known)


@pytest.mark.parametrize("seed", [100, 101])
@np.errstate(all="ignore")
def test_the_text_for_spark_means_the_same(connection, seed):
    """Spark's text as sqlglot reads it, by Spark's grammar, and writes it for DuckDB."""
    rng = np.random.default_rng(seed)
    columns = table(rng)
    fill(connection, columns)
    maker = Maker(rng, columns)
    for _ in range(0, CONDITIONS, AT_ONCE):
        made = [maker.condition() for _ in range(AT_ONCE)]
        bound = [bind_cheaply(each.sql) for each in made]
        # Spark reads a number with a point and no exponent as a decimal, as DuckDB does.
        texts = [sqlglot.transpile(each.sql("spark"), read="spark", write="duckdb")[0] for each in bound]
        for each, text, of_spark, of_duckdb in zip(
            made, texts, verdicts(connection, texts), verdicts(connection, [each.sql() for each in bound]), strict=True
        ):
            assert of_spark == of_duckdb, f"seed {seed}: {each.sql}\n{text}"


def bind_cheaply(text: str) -> Condition:
    condition = parse(text)
    return Condition(condition.tree, {name: KNOWN[name] for name in condition.columns})
