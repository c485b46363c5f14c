"""The models run on tables made in a test, in one DuckDB, without starting dbt.

The SQL is the project's own text, rendered by the project's own macros; test_replay.py shows that what dbt
compiles gives the same rows.
"""

from functools import cache

import duckdb
import pyarrow as pa

from galaxiesml import dictionary
from galaxiesml.curation.macros import Macros
from galaxiesml.curation.rules import Rules, published

BANDS = {"g": "em.opt.B", "r": "em.opt.R", "i": "em.opt.I", "z": "em.opt.I", "y": "em.opt.I"}
_ARROW = {"bigint": pa.int64(), "double": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
KEYS = {
    "landing": pa.int64(),
    "source_file": pa.string(),
    "source_sha256": pa.string(),
    "source_row": pa.int64(),
}
ORDER = [
    "staging/hsc/stg_hsc__objects",
    "staging/hsc/stg_hsc__specz",
    "staging/hsc/stg_hsc__joined",
    "intermediate/int_exported_pairs",
    "intermediate/int_pairs",
    "intermediate/int_verdicts",
    *[f"intermediate/int_judged_v{number}" for number in (1, 2, 3, 4)],
    *[f"marts/galaxies_v{number}" for number in (1, 2, 3, 4)],
    "marts/rejections",
    "marts/duplicates",
]


def fields(*sides: str) -> dict[str, pa.DataType]:
    """Columns that an export may bring, with their Arrow types."""
    columns = dictionary.columns(BANDS)
    return {name: _ARROW[column.type] for name, column in columns.items() if column.of in sides}


@cache
def models() -> tuple[tuple[str, str], ...]:
    return _rendered(Macros(BANDS))


def _rendered(macros: Macros) -> tuple[tuple[str, str], ...]:
    folder = dictionary.PROJECT / "models"
    return tuple((name.rsplit("/", 1)[1], macros.render((folder / f"{name}.sql").read_text())) for name in ORDER)


def of_rules(rules: Rules) -> tuple[tuple[str, str], ...]:
    """The models of a catalogue that has versions of its own."""
    macros = rules.macros(BANDS)
    own = [name for name in rules.names if name not in published().names]
    made = [
        (f"{stem}_{name}", macros.call(macro, name))
        for name in own
        for stem, macro in (("int_judged", "judged"), ("galaxies", "galaxies"))
    ]
    whole = _rendered(macros)
    # The marts that come last read every version.
    return (*whole[:-2], *made, *whole[-2:])


def joined_table(pairs: list[dict]) -> pa.Table:
    """Pairs as one landed joined export, in order; a column that a row does not name is NULL."""
    schema = KEYS | fields("object", "spectrum")
    base = {"landing": 1, "source_file": "test.csv", "source_sha256": "0" * 64}
    given = [base | pair | {"source_row": number + 1} for number, pair in enumerate(pairs)]
    return pa.table({name: pa.array([row.get(name) for row in given], kind) for name, kind in schema.items()})


def replay(joined: pa.Table, rules: Rules | None = None) -> duckdb.DuckDBPyConnection:
    """Run the models on one landed joined export, with the published rules or others."""
    connection = duckdb.connect(config={"threads": 1})
    empty = {
        "hsc_objects": pa.schema(list((KEYS | fields("object")).items())).empty_table(),
        "hsc_specz": pa.schema([*KEYS.items(), ("object_id", pa.int64()), *fields("spectrum").items()]).empty_table(),
    }
    for name, table in (empty | {"hsc_joined": joined}).items():
        connection.register(name, table)
    for name, sql in of_rules(rules) if rules else models():
        kind = "view" if name.startswith("stg_") else "table"
        connection.execute(f"create temp {kind} {name} as {sql}")
    return connection


def kept(connection, version: int | str) -> list[int]:
    """Positions, from 0, of the pairs that a version keeps."""
    name = f"v{version}" if isinstance(version, int) else version
    query = f"select source_row - 1 from galaxies_{name} order by 1"
    return [row[0] for row in connection.execute(query).fetchall()]


def row_cuts() -> list[dict]:
    return [cut for cut in published().cuts if "sql" in cut]
