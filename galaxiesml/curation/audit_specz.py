"""Count the landed spectra by survey, by rule, and by their agreement."""

from __future__ import annotations

import duckdb

_BY_SURVEY = """
    with matched as (
        select spectrum, min(object_rank) as object_rank, max(objects_of_spectrum) as objects
        from spectrum_matches group by spectrum
    ),
    apart as (
        select spectra.spectrum,
            abs(spectra.specz_redshift - best.specz_redshift)
                > 0.005 * (1 + least(spectra.specz_redshift, best.specz_redshift)) as disagrees
        from spectrum_matches as matches
        inner join spectra on matches.spectrum = spectra.spectrum and spectra.specz_flag_homogeneous
        inner join matched_redshifts as best
            on matches.object_id = best.object_id and best.specz_rule = 'best' and best.specz_flag_homogeneous
    ),
    judged as (select spectrum, bool_or(disagrees) as disagrees from apart group by spectrum)
    select
        survey,
        count(*) as rows,
        count(*) filter (where specz_flag_homogeneous) as secure,
        count(*) filter (where not specz_flag_homogeneous and no_redshift is null) as insecure,
        count(*) filter (where no_redshift is not null) as "no redshift",
        count(*) filter (where no_redshift is null and specz_redshift_err is null) as "no error",
        count(*) filter (where specz_error_kind = 'assigned') as "assigned error",
        count(*) filter (where specz_error_kind = 'arbitrary') as "arbitrary error",
        count(matched.spectrum) as matched,
        count(*) filter (where matched.objects > 1) as ambiguous,
        count(*) filter (where judged.disagrees) as disagreeing
    from spectra
    left join matched on spectra.spectrum = matched.spectrum
    left join judged on spectra.spectrum = judged.spectrum
    group by survey order by survey
"""
_MATCHED = """
    select
        specz_rule as rule,
        count(*) as objects,
        count(*) filter (where specz_flag_homogeneous) as secure,
        count(*) filter (where specz_state = 'mean') as "mean of several",
        count(*) filter (where specz_state = 'conflict') as conflict
    from matched_redshifts group by specz_rule order by specz_rule desc
"""
_AGREEMENT = """
    select
        survey,
        other_survey as "other survey",
        sum(n_pairs)::bigint as pairs,
        round(sum(n_pairs * fraction_apart) / sum(n_pairs), 4) as "beyond 0.005 (1+z)",
        round(sum(n_pairs * fraction_apart_velocity) / sum(n_pairs), 4) as "beyond 1000 km/s"
    from spectra_agreement where both_secure
    group by survey, other_survey order by survey, other_survey
"""


def by_survey(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """One row per survey: rows, secure spectra, errors, matches, and secure spectra far from the object's best."""
    return _rows(connection, _BY_SURVEY)


def matched(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """One row per rule: objects, secure ones, and ones in conflict."""
    return _rows(connection, _MATCHED)


def agreement(connection: duckdb.DuckDBPyConnection) -> list[dict]:
    """One row per pair of surveys, for secure spectra only."""
    return _rows(connection, _AGREEMENT)


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[dict]:
    return connection.sql(query).to_arrow_table().to_pylist()
