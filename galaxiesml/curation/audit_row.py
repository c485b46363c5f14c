"""Explain why objects are in or out of each version: every cut with its value and its limit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.curation import without_spectrum
from galaxiesml.curation.audit import built_version, rows
from galaxiesml.curation.rules import Rules, is_banded, of_build, terms
from galaxiesml.errors import CatalogError

_WORD = {True: "pass", False: "fail", None: "null"}
#: Identifiers are 64-bit integers.
_LARGEST = 2**63


def audit_objects(
    catalog: Catalog, connection: duckdb.DuckDBPyConnection, object_ids: Sequence[int], version: str | None = None
) -> tuple[list[dict], list[int]]:
    """All verdicts and values of objects in a build, by as many queries as for one object.

    Parameters
    ----------
    object_ids : sequence of int
        An identifier that comes twice is answered once.
    version : str, optional
        The version whose cuts and outcome are asked for; by default all that were built.

    Returns
    -------
    found : list of dict
        In the order asked: ``object_id`` and ``pairs``, one for each spectrum: where it landed, ``versions`` (kept, or
        the first cut that removes it) and ``cuts`` (name, verdict, value, limit, versions, why).  An object without a
        spectrum has no pairs, and its ``source_file``, ``source_row`` and ``cuts`` on photometry alone.
    unknown : list of int
        Objects that no landed file of the build has.

    Raises
    ------
    CatalogError
        The build does not have the version.
    """
    rules = of_build(catalog)
    asked = list(dict.fromkeys(object_ids))
    built = [row["version"] for row in rows(connection, "select version from versions where built order by version")]
    if version is not None:
        built_version(connection, version)
        built = [version]
        rules = Rules(tuple(cut for cut in rules.cuts if version in cut["versions"]), rules.versions, rules.columns)
    states = {(row["cut"], row["landing"]): row for row in rows(connection, "select * from cut_states")}
    found = _with_spectrum(catalog, connection, asked, states, built, rules)
    left = [object_id for object_id in asked if object_id not in found]
    if left:
        found |= _without_spectrum(catalog, connection, left, states, rules)
    return [found[each] for each in asked if each in found], [each for each in asked if each not in found]


def _listed(object_ids: Sequence[int]) -> str:
    """Identifiers as a list in SQL; as literals, because only those are filtered by before rows are ranked."""
    return ", ".join(str(int(each)) for each in object_ids if -_LARGEST <= each < _LARGEST) or "null"


def _with_spectrum(
    catalog: Catalog, connection, asked: list[int], states: dict, built: list[str], rules: Rules
) -> dict[int, dict]:
    # The landed columns of users' cuts are named by all rules of the build.
    whole = of_build(catalog).macros(catalog.profile.bands).call("with_own_columns", "of_objects")
    pairs = rows(
        connection,
        f"""
        with of_objects as (select * from int_pairs where object_id in ({_listed(asked)}))
        select * from ({whole}) as whole inner join int_verdicts using (pair_id) order by pair_id
        """,
    )
    if not pairs:
        return {}
    removed, groups = defaultdict(dict), defaultdict(list)
    these = f"select pair_id from int_pairs where object_id in ({_listed(asked)})"
    for row in rows(connection, f"select * from rejections where pair_id in ({these})"):
        removed[row["pair_id"]][row["version"]] = row
    query = f"""
        select d.pair_id, d.version, d.cut, d.group_size, stayed.object_id, stayed.landing, stayed.source_row
        from duplicates as d
        left join duplicates as stayed
            on d.version = stayed.version and d.cut = stayed.cut and d.group_key = stayed.group_key and stayed.stays
        where d.pair_id in ({these}) order by all
    """
    for row in rows(connection, query):
        groups[row["pair_id"]].append(row)
    found: dict[int, dict] = {}
    for pair in pairs:
        entry = found.setdefault(pair["object_id"], {"object_id": pair["object_id"], "pairs": []})
        number = pair["pair_id"]
        entry["pairs"].append(_pair(catalog, pair, removed[number], groups[number], states, built, rules))
    return found


def _pair(
    catalog: Catalog, pair: dict, removed: dict, groups: list[dict], states: dict, built: list[str], rules: Rules
) -> dict:
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


def _without_spectrum(catalog: Catalog, connection, asked: list[int], states: dict, rules: Rules) -> dict[int, dict]:
    """The photometric cuts of objects without a landed spectrum, as the build's view judges their landed rows."""
    cuts = [cut for cut in rules.row_cuts if cut["scope"] == "object"]
    _ensure_view(catalog, connection, states)
    query = f"select * from objects_without_spectrum where object_id in ({_listed(asked)})"
    bands = list(catalog.profile.bands)
    return {
        row["object_id"]: {
            "object_id": row["object_id"],
            "pairs": [],
            "source_file": row["source_file"],
            "source_row": row["source_row"],
            "cuts": [_row_verdict(cut, row, states[cut["name"], row["landing"]], bands) for cut in cuts],
        }
        for row in rows(connection, query)
    }


def _ensure_view(catalog: Catalog, connection, states: dict) -> None:
    """Make the view of objects without a spectrum where the build has none: an earlier galaxiesml made it."""
    name = without_spectrum.NAME
    if rows(connection, "select view_name from duckdb_views() where view_name = ?", [name]):
        return
    query = without_spectrum.select(
        of_build(catalog), catalog.profile.bands, _unjudged(states.values()), catalog.build_info()
    )
    try:
        connection.execute(f"create temp view {name} as {query}")
    except duckdb.BinderException as error:
        raise CatalogError(
            f"The landed files have lost a column that build {catalog.current_id()} reads: {error}",
            "Type: galaxiesml build",
        ) from error


def _unjudged(states) -> dict[str, dict[str, list[int]]]:
    """The landings that each cut cannot be applied to, as the macro ``unjudged_landings`` has them."""
    found: dict[str, dict[str, list[int]]] = {}
    for state in states:
        entry = found.setdefault(state["cut"], {"all": []})
        entry["all"].append(state["landing"])
        for band in filter(None, f"{state['archive_bands']},{state['absent_bands']}".split(",")):
            entry.setdefault(band, []).append(state["landing"])
    return found


def audit_morphology(catalog: Catalog, object_ids: Sequence[int]) -> dict[int, list[dict]]:
    """Each object's measurements, one row per filter in the release's order; empty if nothing was measured."""
    found: dict[int, list[dict]] = {object_id: [] for object_id in object_ids}
    if "morphology" not in catalog.tables():
        return found
    query = f"select * from morphology where object_id in ({_listed(object_ids)})"
    with catalog.connect() as connection:
        measured = connection.sql(query).to_arrow_table().to_pylist()
    order = list(catalog.profile.bands)
    for row in sorted(measured, key=lambda row: order.index(row["band"])):
        found[row["object_id"]].append(row)
    return found
