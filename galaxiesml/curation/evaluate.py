"""Metrics of runs: as the build publishes them, or computed anew for another sample or for two runs together."""

from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.curation.evaluated import evaluated
from galaxiesml.errors import CatalogError, UsageError

#: Parts of the data that a run may be judged on; builds publish the first.
SAMPLES = ("testing", "validation", "training", "all")
#: What Table 2 of Do et al. 2024 shows, and what it leaves out: definition, metric, head of the column.
TABLE_2 = (
    ("code", "loss", "loss"),
    ("paper", "bias_mean", "bias"),
    ("paper", "scatter", "scatter (Eq. 4)"),
    ("code", "scatter", "NMAD"),
    ("code", "outliers", "outliers"),
    ("paper", "mse", "MSE"),
    ("pdf", "crps", "CRPS"),
    ("pdf", "pit_ks", "PIT KS"),
    ("pdf", "coverage_68", "68 %"),
    ("pdf", "cde_loss", "CDE loss"),
)


@dataclass(frozen=True)
class Metrics:
    """Metrics of some runs.

    Attributes
    ----------
    rows : list of dict
        Columns of the mart ``photoz_metrics``.
    sample : str
        Of `SAMPLES`.
    notes : list of str
        What a reader must know: galaxies that the run has seen are counted, training unknown.
    """

    rows: list[dict]
    sample: str
    notes: list[str]


def metrics(catalog: Catalog, runs: list[str], by: str | None = None, sample: str = "testing") -> Metrics:
    """Metrics of runs in all bins, or in those of one kind.

    Parameters
    ----------
    runs : list of str
        Empty: every run of the build.
    by : str, optional
        specz_redshift, a magnitude's column, or survey; None: all galaxies together.
    sample : str
        Of `SAMPLES`; another than testing is computed now and is published nowhere.
    """
    with catalog.connect() as connection:
        known = runs_of(catalog, connection)
        names = [named(run, known) for run in runs] or list(known)
        if sample == "testing":
            relation = connection.table("photoz_metrics")
        else:
            evaluated(catalog, connection, sample, names)
            relation = connection.sql("select * from int_photoz_metrics")
        kinds = [kind for (kind,) in relation.aggregate("bin_by", "bin_by").order("bin_by").fetchall()]
        if by is not None and by not in kinds:
            raise UsageError(f"--by {by}: not a kind of bins.", f"Kinds: {', '.join(kinds) or 'none'}.")
        chosen = f"photoz_run in ({', '.join(map(quote, names))}) and bin_by = {quote(by or 'all')}"
        rows = relation.filter(chosen).order("photoz_run, definition, bin_low nulls first, bin_high, bin, metric")
        return Metrics(rows.to_arrow_table().to_pylist(), sample, _notes(catalog, connection, known, names, sample))


def difference(catalog: Catalog, one: str, other: str) -> list[dict]:
    """Two runs on the galaxies that both predict and neither has seen, drawn alike in each bootstrap replicate.

    Returns
    -------
    list of dict
        definition, metric, galaxies, value (one less other), value_low, value_high: the 95 % interval.
    """
    with catalog.connect() as connection:
        known = runs_of(catalog, connection)
        names = [named(one, known), named(other, known)]
        evaluated(catalog, connection, "testing", names, common=True)
        return apart(connection, *names)


def apart(connection: duckdb.DuckDBPyConnection, one: str, other: str) -> list[dict]:
    """What `difference` gives, of two runs that the temporary tables of `evaluated` have."""
    return (
        connection.sql(f"""
            with drawn as (
                select members.photoz_run, drawn.*
                from int_photoz_values as drawn
                inner join (
                    select distinct photoz_bin, photoz_run from int_photoz_members where bin_by = 'all'
                ) as members on drawn.photoz_bin = members.photoz_bin
            ),
            apart as (
                select one.definition, one.metric, one.replicate, one.value - other.value as value
                from drawn as one
                inner join drawn as other
                    on one.definition = other.definition and one.metric = other.metric
                    and one.replicate = other.replicate
                where one.photoz_run = {quote(one)} and other.photoz_run = {quote(other)}
            )
            select definition, metric,
                (select count(*) from int_photoz_sample where photoz_run = {quote(one)}) as galaxies,
                max(value) filter (replicate = 0) as value,
                quantile_cont(value, 0.025) filter (replicate > 0) as value_low,
                quantile_cont(value, 0.975) filter (replicate > 0) as value_high
            from apart group by definition, metric order by definition, metric
        """)
        .to_arrow_table()
        .to_pylist()
    )


def runs_of(catalog: Catalog, connection: duckdb.DuckDBPyConnection) -> dict[str, dict]:
    """The rows of photoz_runs by name; there is at least one."""
    if "photoz_runs" not in catalog.tables():
        raise CatalogError("The published build has no table of runs.", "Type: galaxiesml build")
    rows = connection.sql("select * from photoz_runs order by photoz_run").to_arrow_table().to_pylist()
    if not rows:
        raise CatalogError(
            "The published build has no predictions.",
            "Type: galaxiesml train table, galaxiesml predict RUN, then galaxiesml build",
        )
    return {row["photoz_run"]: row for row in rows}


def named(run: str, known: dict[str, dict]) -> str:
    """A run's whole name, from it or from the only beginning of one."""
    found = [name for name in known if name == run] or [name for name in known if name.startswith(run)]
    if len(found) != 1:
        raise UsageError(
            f"{run!r} means {len(found) or 'no'} runs of the published build.", f"Its runs: {', '.join(known)}."
        )
    return found[0]


def _not_judged(connection: duckdb.DuckDBPyConnection, run: dict) -> list[str]:
    """How many testing galaxies a run of this catalogue's objects is not judged by."""
    name, scheme = quote(run["photoz_run"]), run["split_scheme"] or "release"
    judged, total, has_ids = connection.execute(f"""
        select
            (select count(*) from photoz_scores where photoz_run = {name}),
            (
                select count(*) from galaxies inner join splits on galaxies.object_id = splits.object_id
                where splits.split_{scheme} = 'testing' and galaxies.specz_redshift is not null
            ),
            (select count(object_id) from predictions where photoz_run = {name})
    """).fetchall()[0]
    if not has_ids or judged >= total:
        return []
    return [
        f"{run['photoz_run']}: {total - judged:,} of {total:,} testing galaxies are not judged: "
        "they have no prediction, or the run has seen them."
    ]


def _notes(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, known: dict[str, dict], names: list[str], sample: str
) -> list[str]:
    landed = [row["source_sha256"] for row in catalog.build_info()["landings"]]
    notes = [
        f"{name}: it was predicted from other exports than this build is made of.  Type: galaxiesml predict {name}"
        for name in names
        if json.loads(known[name]["photoz_settings_json"] or "{}").get("predicted_of", landed) != landed
    ]
    notes += [
        f"{name}: it is not known what it was trained on; its training galaxies may be among these."
        for name in names
        if known[name]["trained_on"] == "unknown"
    ]
    notes += [
        f"{name}: it was trained on {known[name]['trained_on']}; whether those galaxies are among these is not checked."
        for name in names
        if known[name]["data_build"] is None and known[name]["trained_on"] != "unknown"
    ]
    if sample == "testing":
        notes += [note for name in names for note in _not_judged(connection, known[name])]
    if sample in ("training", "all"):
        notes.append("Galaxies that the runs were trained on are counted: these are not metrics of a test.")
    return notes
