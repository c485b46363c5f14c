"""The models of metrics run again on the published build, for a sample that it does not publish."""

from __future__ import annotations

import duckdb
import pyarrow as pa

from galaxiesml import dictionary
from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.curation.macros import VARS, Macros

#: Models from a sample to its metrics, in their order.
_MODELS = ("grids", "scores", "members", "replicates", "pit", "values", "metrics")
#: What stands for models that a build does not publish, or whose answer is known here.
_VIEWS = {
    "int_splits": "select * from splits",
    "int_photoz_known": "select photoz_run, '' as photoz_inputs, false as is_known from stg_photoz__runs",
    "stg_plan__known_metrics": "select * from photoz_metrics where false",
}
#: Drawn rows that are made at a time, as models.toml has it for a build.
_MEMORY_ROWS = 5_000_000


def evaluated(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, sample: str, runs: list[str], common: bool = False
) -> None:
    """Make the temporary tables int_photoz_sample, _members, _values and _metrics.

    Parameters
    ----------
    sample : str
        testing, validation, training or all.
    runs : list of str
    common : bool
        Keep the galaxies that every run predicts, and no others.
    """
    macros = Macros(list(catalog.profile.bands))
    folder = dictionary.PROJECT / "models"
    for name in ("stg_photoz__predictions", "stg_photoz__runs"):
        text = (folder / "staging" / "photoz" / f"{name}.sql").read_text(encoding="utf-8")
        connection.execute(f'create or replace temp view "{name}" as {macros.render(text)}')
    version = VARS["photoz_version"]
    judged = {f"int_judged_{version}": f"select pair_id, true as kept from galaxies_{version}"}
    for name, sql in (_VIEWS | judged).items():
        connection.execute(f'create or replace temp view "{name}" as {sql}')
    connection.execute(f"create or replace temp table int_photoz_sample as {macros.call('photoz_sample', sample)}")
    names = ", ".join(map(quote, runs))
    connection.execute(f"delete from int_photoz_sample where photoz_run not in ({names})")
    if common:
        connection.execute(f"""
            delete from int_photoz_sample where coalesce(object_id, photoz_row) not in (
                select coalesce(object_id, photoz_row) from int_photoz_sample
                group by all having count(*) = {len(runs)}
            )
        """)
    _run_models(connection, macros)


def judged(catalog: Catalog, connection: duckdb.DuckDBPyConnection, predictions: pa.Table, runs: pa.Table) -> None:
    """The same for predictions that no build has.

    Parameters
    ----------
    predictions : pyarrow.Table
        The columns of the dictionary's list ``predictions`` with their keys, and redshift_of_file, which judges them.
    runs : pyarrow.Table
        Columns of the table of runs, pdf_edges among them.
    """
    connection.register("stg_photoz__predictions", predictions)
    connection.register("stg_photoz__runs", runs)
    for name in ("int_photoz_known", "stg_plan__known_metrics"):
        connection.execute(f'create or replace temp view "{name}" as {_VIEWS[name]}')
    connection.execute("""
        create or replace temp table int_photoz_sample as
        select photoz_run, photoz_row, object_id, redshift_of_file as specz_redshift, cast(null as double) as magnitude,
            cast(null as varchar) as survey, 'testing' as split
        from stg_photoz__predictions
    """)
    _run_models(connection, Macros(list(catalog.profile.bands)))


def _run_models(connection: duckdb.DuckDBPyConnection, macros: Macros) -> None:
    folder = dictionary.PROJECT / "models"
    for model in _MODELS:
        text = (folder / "intermediate" / f"int_photoz_{model}.sql").read_text(encoding="utf-8")
        _make(connection, f"int_photoz_{model}", macros.render(text), str(macros.call("photoz_replicates")).strip())


def _make(connection: duckdb.DuckDBPyConnection, name: str, sql: str, replicates: str) -> None:
    """A temporary table; replicates a few at a time."""
    if replicates not in sql:
        connection.execute(f'create or replace temp table "{name}" as {sql}')
        return
    (drawn,) = connection.execute("select count(*) from int_photoz_members").fetchall()[0]
    last, step = int(replicates.split()[-1]), max(1, min(20, _MEMORY_ROWS // max(1, drawn)))
    for low in range(0, last + 1, step):
        part = sql.replace(replicates, f"replicate between {low} and {min(low + step - 1, last)}")
        create = f'create or replace temp table "{name}" as' if low == 0 else f'insert into "{name}"'
        connection.execute(f"{create} {part}")
