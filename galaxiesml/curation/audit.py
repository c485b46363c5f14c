"""Queries on a published build: the cut flow, an object's verdicts, the difference of versions, a cut's SQL."""

from __future__ import annotations

import json

import duckdb
import sqlglot
from sqlglot import exp

from galaxiesml.catalog import Catalog
from galaxiesml.curation.rules import Rules, of_build
from galaxiesml.errors import CatalogError, UsageError

#: Metrics of duplicates that count; the others are fractions and medians, NULL where there is nothing to divide by.
_COUNTS = {
    *("pairs_reaching_duplicate_steps", "pairs_in_duplicate_groups", "kept_not_primary", "kept_primary_unknown"),
}


def rows(connection: duckdb.DuckDBPyConnection, query: str, parameters=()) -> list[dict]:
    """The rows of a query as dicts."""
    cursor = connection.execute(query, parameters)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def built_version(connection: duckdb.DuckDBPyConnection, name: str) -> dict:
    """The row of ``versions`` of a version that this build holds."""
    version = next(iter(rows(connection, "select * from versions where version = ?", [name])), None)
    if version is None:
        raise CatalogError(f"This build has no {name}: it was made before there was one.", "Type: galaxiesml build")
    if not version["built"]:
        raise CatalogError(
            f"This build has no {name}: the landed files do not have the columns of {version['missing_cuts']}.",
            f"Type: galaxiesml build --version {name} --accept-missing all",
        )
    return version


def cut_flow(connection: duckdb.DuckDBPyConnection, name: str) -> dict:
    """One version's cut flow.

    Returns
    -------
    dict
        ``version``, ``head`` (objects, pairs, the paper's X and Y), ``flow`` (one dict a cut, in order),
        ``duplicates`` (metric to value).
    """
    version, of = built_version(connection, name), [name]
    metrics = rows(connection, "select metric, value from duplicate_metrics where version = ? order by metric", of)
    return {
        "version": version,
        "head": {name: _count(value) for name, value in rows(connection, "select * from object_counts")[0].items()},
        "flow": rows(connection, "select * from cut_flow where version = ? order by step", of),
        "duplicates": {
            metric["metric"]: _count(metric["value"]) if metric["metric"] in _COUNTS else metric["value"]
            for metric in metrics
        },
    }


def _count(value: float | None) -> float:
    """A count; NULL in builds of earlier versions counts as 0."""
    return value or 0


def without(connection: duckdb.DuckDBPyConnection, version: str, cuts: list[str], rules: Rules, bands) -> dict:
    """Apply a version again without some of its cuts; the verdicts are left in the table ``judged_without``.

    Parameters
    ----------
    rules : Rules
        Those of the build.

    Returns
    -------
    dict
        ``rows`` before and ``rows_without``; ``without``, the cuts; ``gained`` and ``lost``, lists of dicts (pair_id,
        object_id, specz_name, source_file, source_row, kept, now_removed_by).  A row is lost
        when a gained one takes its place in a duplicate group.

    Raises
    ------
    UsageError
        The version has no such cut, or no other.
    """
    built_version(connection, version)
    cuts = list(dict.fromkeys(cuts))
    names = [each["name"] for each in rules.of_version(version)]
    for cut in cuts:
        if cut not in names:
            raise UsageError(f"{version} has no cut {cut!r}.", f"Its cuts: {', '.join(names)}.")
    if len(cuts) == len(names):
        raise UsageError(f"Without {', '.join(cuts)} {version} has no cut left.", "Leave out fewer.")
    judgement = rules.macros(bands).call("judged", version, cuts)
    connection.execute(f"create or replace temp table judged_without as {judgement}")
    compared = """
        select w.pair_id, p.object_id, p.specz_name, p.source_file, p.source_row, w.kept, w.first_cut as now_removed_by
        from judged_without as w
        inner join int_pairs as p using (pair_id)
        left join (select pair_id from rejections where version = ?) as r using (pair_id)
        where w.kept = (r.pair_id is not null)
        order by w.pair_id
    """
    changed = rows(connection, compared, [version])
    before = connection.execute("select rows_kept from versions where version = ?", [version]).fetchone()[0]
    gained = [row for row in changed if row["kept"]]
    lost = [row for row in changed if not row["kept"]]
    return {
        "version": version,
        "without": cuts,
        "rows": before,
        "rows_without": before + len(gained) - len(lost),
        "gained": gained,
        "lost": lost,
    }


def flow_without(connection: duckdb.DuckDBPyConnection, version: str, cuts: list[str]) -> dict:
    """The cut flow of a version without some of its cuts, as :func:`without` has judged it; of ``cut_flow``'s keys
    those that a chart needs.  No count was published for it, and X and Y are not known where a photometric flag is
    left out: they are None."""
    flow = cut_flow(connection, version)
    counts = {
        row["first_cut"]: row
        for row in rows(
            connection,
            "select first_cut, count(*) as removed, count(case when first_verdict = 'null' then 1 end) as nulls, "
            "count(case when n_failed = 1 then 1 end) as only_this from judged_without group by first_cut",
        )
    }
    none = {"removed": 0, "nulls": 0, "only_this": 0}
    left, made = flow["head"]["pairs"], []
    for row in flow["flow"]:
        if row["cut"] in cuts:
            continue
        of = counts.get(row["cut"], none)
        out = {"rows_in": left, "rows_out": left - of["removed"], "fails": of["removed"] - of["nulls"]}
        out |= {"nulls": of["nulls"], "only_this": of["only_this"]}
        made.append(row | out | {"expected_rows": None, "published_rows": None})
        left = out["rows_out"]
    if any(row["cut"] in cuts and row["cut_group"] == "photometric" for row in flow["flow"]):
        flow["head"] |= {"photometric_objects": None, "photometric_with_spectrum": None}
    missing = [name for name in flow["version"]["missing_cuts"].split(", ") if name and name not in cuts]
    told = {
        "version": f"{flow['version']['version']} without {', '.join(dict.fromkeys(cuts))}",
        "title": flow["version"]["title"],
        "rows_kept": left,
        "missing_cuts": ", ".join(missing),
    }
    return {"version": told, "head": flow["head"], "flow": made}


def diff(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> list[dict]:
    """Pairs that one version keeps and the other does not, by the cut that makes the difference.

    Returns
    -------
    list of dict
        ``only_in``, ``removed_by`` (version), ``first_cut``, ``first_verdict``, ``rows``; both directions.
    """
    for name in (first, second):
        built_version(connection, name)
    query = """
        select ? as only_in, r.version as removed_by, r.first_cut, r.first_verdict, count(*) as rows
        from rejections as r
        anti join (select pair_id from rejections where version = ?) as other using (pair_id)
        where r.version = ?
        group by all order by rows desc, first_cut
    """
    return [
        row
        for keeps, drops in ((first, second), (second, first))
        for row in rows(connection, query, [keeps, keeps, drops])
    ]


def diff_rows(connection: duckdb.DuckDBPyConnection, first: str, second: str) -> list[dict]:
    """The rows behind :func:`diff`, one dict per pair."""
    query = """
        select ? as only_in, r.object_id, r.specz_name, r.source_file, r.source_row, r.first_cut, r.failed_cuts
        from rejections as r
        anti join (select pair_id from rejections where version = ?) as other using (pair_id)
        where r.version = ?
        order by r.pair_id
    """
    return [
        row
        for keeps, drops in ((first, second), (second, first))
        for row in rows(connection, query, [keeps, keeps, drops])
    ]


def cut_sql(catalog: Catalog, name: str) -> list[dict]:
    """A cut's SQL as the published build ran it.

    Returns
    -------
    list of dict
        ``model``, ``file`` and ``sql``; a row cut has one entry, a window cut one for each version that has it.
    """
    of_build(catalog).cut(name)
    models = json.loads((catalog.current_build() / "manifest.json").read_text(encoding="utf-8"))["models"]
    found = []
    for model, entry in models.items():
        if model != "int_verdicts" and not model.startswith("int_judged_"):
            continue
        for alias in sqlglot.parse_one(entry["sql"], dialect="duckdb").find_all(exp.Alias):
            if alias.alias == f"ok_{name}" and not isinstance(alias.this, exp.Column):
                sql = alias.this.sql(dialect="duckdb", pretty=True)
                found.append({"model": model, "file": entry["file"], "sql": sql})
    return found
