"""Explain why one object is in or out of each version: every cut with its value and its limit."""

from __future__ import annotations

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.curation.audit import rows
from galaxiesml.curation.rules import Rules, is_banded, of_build, terms
from galaxiesml.errors import CatalogError

_WORD = {True: "pass", False: "fail", None: "null"}


def audit_object(catalog: Catalog, connection: duckdb.DuckDBPyConnection, object_id: int) -> dict:
    """All verdicts and values of one object in a build.

    Returns
    -------
    dict
        ``object_id`` and ``pairs``, one for each spectrum: where it landed, ``versions`` (kept, or the first
        cut that removes it) and ``cuts`` (name, verdict, value, limit, versions, why).  An object without a
        spectrum has one entry with its photometric cuts alone.

    Raises
    ------
    CatalogError
        No landed file holds the object.
    """
    rules = of_build(catalog)
    whole = rules.macros(catalog.profile.bands).call("with_own_columns", "of_object")
    pairs = rows(
        connection,
        f"""
        with of_object as (select * from int_pairs where object_id = ?)
        select * from ({whole}) as whole inner join int_verdicts using (pair_id) order by pair_id
        """,
        [object_id],
    )
    if not pairs:
        return _without_spectrum(catalog, connection, object_id, rules)
    states = {(row["cut"], row["landing"]): row for row in rows(connection, "select * from cut_states")}
    built = [row["version"] for row in rows(connection, "select version from versions where built order by version")]
    return {
        "object_id": object_id,
        "pairs": [_pair(connection, catalog, pair, states, built, rules) for pair in pairs],
    }


def _pair(connection, catalog: Catalog, pair: dict, states: dict, built: list[str], rules: Rules) -> dict:
    pair_id = [pair["pair_id"]]
    removed = {row["version"]: row for row in rows(connection, "select * from rejections where pair_id = ?", pair_id)}
    groups = rows(
        connection,
        """
        select d.version, d.cut, d.group_size, stayed.object_id, stayed.landing, stayed.source_row
        from duplicates as d
        left join duplicates as stayed
            on d.version = stayed.version and d.cut = stayed.cut and d.group_key = stayed.group_key and stayed.stays
        where d.pair_id = ? order by all
        """,
        pair_id,
    )
    cuts = []
    for cut in rules.cuts:
        if "sql" in cut:
            cuts.append(_row_verdict(cut, pair, _state(cut, pair, states), list(catalog.profile.bands)))
        else:
            cuts += _window_verdicts(cut, removed, groups, built, rules)
    return {
        "pair_id": pair["pair_id"],
        "specz_name": pair["specz_name"],
        "source_file": pair["source_file"],
        "source_row": pair["source_row"],
        "specz_source_file": pair["specz_source_file"],
        "specz_source_row": pair["specz_source_row"],
        "versions": {
            version: {"kept": True}
            if version not in removed
            else {"kept": False} | {key: removed[version][key] for key in ("first_cut", "first_verdict", "failed_cuts")}
            for version in built
        },
        "cuts": cuts,
    }


def _state(cut: dict, pair: dict, states: dict) -> dict:
    """Where a cut is applied to a pair: in the file of the side that it reads, or in both."""
    places = {"object": ["landing"], "spectrum": ["specz_landing"], "pair": ["landing", "specz_landing"]}
    found = [states[cut["name"], landing] for landing in dict.fromkeys(pair[name] for name in places[cut["scope"]])]
    if len(found) == 1:
        return found[0]
    judged = [set(filter(None, state["judged_bands"].split(","))) for state in found]
    worst = min(found, key=lambda state: len(state["judged_bands"]))
    return worst | {
        "judged_bands": ",".join(band for band in worst["judged_bands"].split(",") if band in judged[0] & judged[1])
    }


def _window_verdicts(cut: dict, removed: dict, groups: list[dict], built: list[str], rules: Rules) -> list[dict]:
    """The verdict of a window cut in each version that has it; equal verdicts share one entry."""
    entries: dict[tuple, dict] = {}
    for version in built:
        if version in cut["versions"]:
            entry = _window_verdict(cut, version, removed.get(version), groups, rules)
            same = entries.setdefault((entry["verdict"], entry["value"]), entry)
            if same is not entry:
                same["versions"].append(version)
    return list(entries.values())


def _row_verdict(cut: dict, pair: dict, state: dict, bands: list[str]) -> dict:
    judged = state["judged_bands"].split(",") if state["judged_bands"] else []
    verdict = _WORD[pair[f"ok_{cut['name']}"]] if judged else state["state"]
    if judged and (state["archive_bands"] or state["absent_bands"]):
        verdict += f" ({state['state']})"
    return {
        "cut": cut["name"],
        "verdict": verdict,
        "value": _value(cut, pair, judged, bands),
        "limit": cut.get("text", cut["sql"]),
        "versions": list(cut["versions"]),
        "why": cut["why"],
    }


def _value(cut: dict, pair: dict, judged: list[str], bands: list[str]) -> str:
    """The values that a cut reads on this row: 'all false', or 'g false, i true'."""
    by_band = {
        band: ", ".join(
            _text(pair[column]) if len(term["needs"]) == 1 else f"{column} {_text(pair[column])}"
            for column in term["needs"]
        )
        for band, term in terms(cut, bands).items()
        if band in judged
    }
    if not is_banded(cut) or not by_band:
        return by_band.get("*", "")
    if len(by_band) > 1 and len(set(by_band.values())) == 1:
        return f"all {next(iter(by_band.values()))}"
    return ", ".join(f"{band} {value}" for band, value in by_band.items())


def _text(value) -> str:
    if value is None:
        return "NULL"
    return (
        str(value).lower() if isinstance(value, bool) else f"{value:.10g}" if isinstance(value, float) else str(value)
    )


def _window_verdict(cut: dict, version: str, removed: dict | None, groups: list[dict], rules: Rules) -> dict:
    """The verdict of a window cut, derived from the first cut that removed the pair."""
    order = [each["name"] for each in rules.cuts]
    first = removed["first_cut"] if removed else None
    if first is None or ("window" in rules.cut(first) and order.index(first) > order.index(cut["name"])):
        verdict = "pass"
    elif first == cut["name"]:
        verdict = _WORD[False] if removed["first_verdict"] == "fail" else "null"
    else:
        verdict = "not reached"
    group = next((row for row in groups if row["version"] == version and row["cut"] == cut["name"]), None)
    if group is None:
        value = "" if verdict == "not reached" else "no duplicate" if "duplicates_by" in cut else ""
    elif group["object_id"] is None:
        value = f"one of {group['group_size']}; none stays"
    else:
        place = f"file {group['landing']}, row {group['source_row']}"
        value = f"one of {group['group_size']}; object {group['object_id']} ({place}) stays"
    return {
        "cut": cut["name"],
        "verdict": verdict,
        "value": value,
        "limit": cut["limit"],
        "versions": [version],
        "why": cut["why"],
    }


def _without_spectrum(catalog: Catalog, connection, object_id: int, rules: Rules) -> dict:
    """The photometric cuts of an object without a landed spectrum, applied to its landed row."""
    bands = list(catalog.profile.bands)
    cuts = [cut for cut in rules.row_cuts if cut["scope"] == "object"]
    for table in ("hsc_objects", "hsc_joined"):
        found = rows(connection, f"select landing, source_row from {table} where object_id = ? limit 1", [object_id])
        if not found:
            continue
        place = [found[0]["landing"], found[0]["source_row"]]
        states = {row["cut"]: row for row in rows(connection, "select * from cut_states where landing = ?", place[:1])}
        unjudged = {name: _unjudged(state) for name, state in states.items()}
        verdict = rules.macros(bands).call
        verdicts = ", ".join(f"{verdict('verdict', cut, unjudged)} as ok_{cut['name']}" for cut in cuts)
        query = f"select *, {verdicts} from {table} where landing = ? and source_row = ?"
        row = rows(connection, query, place)[0]
        return {
            "object_id": object_id,
            "pairs": [],
            "source_file": row["source_file"],
            "source_row": row["source_row"],
            "cuts": [_row_verdict(cut, row, states[cut["name"]], bands) for cut in cuts],
        }
    raise CatalogError(
        f"No landed file holds object {object_id}.", "Type: galaxiesml ingest list, to see what is landed."
    )


def _unjudged(state: dict) -> dict:
    """One file's state as the macro ``verdict`` takes it."""
    bands = [band for band in f"{state['archive_bands']},{state['absent_bands']}".split(",") if band]
    return {"all": [state["landing"]]} | {band: [state["landing"]] for band in bands}


def audit_morphology(catalog: Catalog, object_id: int) -> list[dict]:
    """The object's measurements, one row per filter in the release's order; empty if nothing was measured."""
    if "morphology" not in catalog.tables():
        return []
    with catalog.connect() as connection:
        found = connection.sql("select * from morphology where object_id = ?", params=[object_id]).to_arrow_table()
    order = list(catalog.profile.bands)
    return sorted(found.to_pylist(), key=lambda row: order.index(row["band"]))
