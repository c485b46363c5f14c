"""Compare one version on the archive's match of spectra with the same version on ours."""

from __future__ import annotations

import duckdb

from galaxiesml import dictionary
from galaxiesml.catalog import Catalog
from galaxiesml.curation.rules import of_build
from galaxiesml.curation.states import State, cut_states

#: Models from the landed tables to a version's verdicts, in their order: views, then tables.
_VIEWS = (
    *("staging/hsc/stg_hsc__objects", "staging/hsc/stg_hsc__specz", "staging/hsc/stg_hsc__joined"),
    *("intermediate/int_exported_pairs", "intermediate/int_matched_pairs"),
)
_TABLES = ("intermediate/int_pairs", "intermediate/int_verdicts")
_FROM = ("export", "matched")
_DIFF = """
    with one as (select * from judged_export), other as (select * from judged_matched),
    joined as (
        select
            coalesce(one.object_id, other.object_id) as object_id,
            coalesce(one.kept, false) as in_export,
            coalesce(other.kept, false) as in_matched,
            one.object_id is null as no_export,
            other.object_id is null as no_matched,
            one.first_cut as export_cut,
            other.first_cut as matched_cut,
            one.specz_redshift as export_redshift,
            other.specz_redshift as matched_redshift
        from one full join other on one.object_id = other.object_id
    )
    select *,
        case
            when in_export and in_matched then
                case when abs(export_redshift - matched_redshift) <= 1e-4 then 'the same redshift'
                    when abs(export_redshift - matched_redshift)
                        <= 0.005 * (1 + least(export_redshift, matched_redshift)) then 'within 0.005 (1 + z)'
                    else 'another redshift' end
            when in_export and no_matched then 'matched has no spectrum'
            when in_export then 'matched: out by ' || matched_cut
            when in_matched and no_export then 'export has no spectrum'
            when in_matched then 'export: out by ' || export_cut
        end as difference
    from joined where in_export or in_matched
"""


def diff_specz(catalog: Catalog, version: str, rule: str) -> list[dict]:
    """Objects that a version keeps on either match, counted by their difference.

    Parameters
    ----------
    version : str
    rule : str
        'hsc' or 'best', for the matched side.

    Returns
    -------
    list of dict
        in_export, in_matched, difference, objects.
    """
    return _rows(
        catalog,
        version,
        rule,
        f"""select in_export, in_matched, difference, count(*) as objects from ({_DIFF})
            group by all order by in_export desc, in_matched desc, objects desc, difference""",
    )


def diff_specz_rows(catalog: Catalog, version: str, rule: str) -> list[dict]:
    """The objects behind `diff_specz`, except those with the same redshift."""
    return _rows(
        catalog,
        version,
        rule,
        f"""select object_id, in_export, in_matched, difference, export_redshift, matched_redshift
            from ({_DIFF}) where difference <> 'the same redshift' order by object_id""",
    )


def _rows(catalog: Catalog, version: str, rule: str, query: str) -> list[dict]:
    with catalog.connect() as connection:
        for specz in _FROM:
            _judge(catalog, connection, version, specz, rule)
        return connection.sql(query).to_arrow_table().to_pylist()


def _judge(catalog: Catalog, connection: duckdb.DuckDBPyConnection, version: str, specz: str, rule: str) -> None:
    """Create the table ``judged_<specz>``: one row per object, kept, or with the first cut of its first pair."""
    rules = of_build(catalog)
    macros = rules.macros(catalog.profile.bands, variables={"specz": specz, "specz_rule": rule})
    skipped = unjudged(cut_states(catalog, specz, rules))
    macros.replace("unjudged_landings", lambda: skipped)
    folder = dictionary.PROJECT / "models"
    # The build publishes what that model decides.
    connection.execute("create or replace temp view int_matched_redshifts as select * from matched_redshifts")
    texts = {model: (folder / f"{model}.sql").read_text(encoding="utf-8") for model in (*_VIEWS, *_TABLES)}
    for model, text in (texts | {f"int_judged_{version}": f"{{{{ judged('{version}') }}}}"}).items():
        name = model.rsplit("/", 1)[-1]
        # The build's own table of the same name makes way, in this connection alone.
        kinds = "select table_type from information_schema.tables where table_name = ?"
        for (stands,) in connection.execute(kinds, [name]).fetchall():
            connection.execute(f'drop {"view" if stands == "VIEW" else "table"} "{name}"')
        kind = "view" if model in _VIEWS else "table"
        connection.execute(f'create {kind} "{name}" as {macros.render(text)}')
    connection.execute(f"""
        create or replace table judged_{specz} as
        select object_id, bool_or(kept) as kept, min_by(first_cut, pair_id) as first_cut,
            min_by(specz_redshift, case when kept then 0 else 1 end) as specz_redshift
        from int_judged_{version} inner join int_pairs using (pair_id)
        group by object_id
    """)


def unjudged(states: list[State]) -> dict[str, dict[str, list[int]]]:
    """The landings that each cut cannot be applied to, as the macro ``unjudged_landings`` has them."""
    found: dict[str, dict[str, list[int]]] = {}
    for state in states:
        entry = found.setdefault(state.cut, {"all": []})
        entry["all"].append(state.landing)
        for band in (*state.archive, *state.absent, *state.inapplicable):
            entry.setdefault(band, []).append(state.landing)
    return found
