"""Format a column's lineage as text, and as JSON for programs and figures."""

from __future__ import annotations

import json
from collections.abc import Iterable

from galaxiesml.curation.lineage import ColumnLineage, Lineage
from galaxiesml.curation.lineage_sql import Node

#: The table that runs write.
PARTS = "predictions_parts"
#: The models that convert.
STAGED = "stg_hsc__"
#: The words of a line of the tree, and the branches below it.  Words in brackets are no names of columns.
Branch = tuple[tuple[str, ...], "tuple[Branch, ...]"]


def as_json(lineage: ColumnLineage) -> dict:
    """The lineage as a graph of plain values.

    Returns
    -------
    dict
        ``column``, ``asked``, ``bands``; ``nodes`` (id, table, column, kind, depth, file, type, role:
        'value', 'filter' or 'both', origins in landed files); ``edges`` (from, to, kind; a filter edge goes
        to 'table.*', the table's rows); ``cuts`` (name, model, columns); ``conversions`` (column,
        words, sql); ``conditions``; ``files``; ``runs`` that predicted what the column comes from.
    """
    source = lineage.source
    parents = lineage.filters.values | lineage.values
    edges = {(_id(parent), _id(node), "value"): None for node in parents for parent in parents[node]}
    edges |= {(_id(node), f"{table}.*", "filter"): None for node, table in lineage.filters.edges}
    return {
        "column": _id(lineage.node),
        "asked": lineage.asked,
        "bands": list(source.bands),
        "nodes": [_node(lineage, node) for node in source.sort(parents)],
        "edges": [{"from": start, "to": end, "kind": kind} for start, end, kind in sorted(edges)],
        "cuts": [
            {"name": cut.name, "model": cut.model, "columns": [_id(node) for node in cut.columns]}
            for cut in lineage.filters.cuts
        ],
        "conversions": [
            {"column": name, "words": words, "sql": sql} for name, (words, sql) in _conversions(lineage).items()
        ],
        "conditions": [
            {"table": table, "clause": clause, "columns": [_id(node) for node in nodes]}
            for table, clause, nodes in lineage.filters.conditions
        ],
        "files": [
            {
                key: landing[key]
                for key in ("landing", "source_file", "source_sha256", "kind", "fetched")
                if key in landing
            }
            for landing in source.landings
        ],
        "runs": [{key: value for key, value in run.items() if key != "pdf_edges"} for run in _runs(lineage)],
    }


def _node(lineage: ColumnLineage, node: Node) -> dict:
    source, (table, column) = lineage.source, node
    model = source.models[table]
    roles = [name for name, found in (("value", lineage.values), ("filter", lineage.filters.values)) if node in found]
    types = {name.lower(): kind for name, kind in model["columns"].items()}
    return {
        "id": _id(node),
        "table": table,
        "column": column,
        "kind": model["kind"],
        "depth": source.depth(table),
        "file": model.get("file"),
        "type": types.get(column),
        "role": roles[0] if len(roles) == 1 else "both",
        "origins": [
            {
                "landing": origin.landing,
                "source_file": origin.source_file,
                "source_sha256": origin.source_sha256,
                "state": origin.state,
                "columns": list(origin.columns),
            }
            for origin in source.origins(node)
        ],
    }


def text_tree(lineage: ColumnLineage) -> str:
    """The value tree, the cuts that filter it, every other condition on its rows, and the landed files.

    Columns of one family are one line, {g,r,i,z,y}_cmodel_mag, where all of them have the same ancestors.
    """
    source = lineage.source
    model = source.models[lineage.node[0]]
    where = f"  ({_id(lineage.node)}, {model['file']})" if model.get("file") else ""
    lines = [f"{lineage.asked}{where}"]
    branches = _fold([_branch(lineage, node) for node in lineage.values[lineage.node]], source.bands)
    if source.edges(lineage.node[0]) is None:
        branches = list(_branch(lineage, lineage.node)[1])
    lines += _draw(branches, "", set()) or ["└─ no column: a constant, or a count of rows"]
    lines += _conversion_lines(lineage) + _cut_lines(lineage) + _condition_lines(lineage)
    if runs := _runs(lineage):
        lines += ["", "predicted by", *(f"  {_run_line(run)}" for run in runs)]
    if source.landings:
        lines += ["", "files"]
        for landing in source.landings:
            lines.append(f"  [{landing['landing']}] {landing['source_file']}  sha256 {landing['source_sha256'][:12]}")
            lines += _fetched_lines(landing.get("fetched"))
    return "\n".join(lines)


def _conversions(lineage: ColumnLineage) -> dict[str, tuple[str, str]]:
    """Columns on the way that the release profile converts: what is done, and the SQL over the landed columns."""
    staged = {column for table, column in lineage.values if table.startswith(STAGED)}
    return {
        name: (landing["converted"][name], sql)
        for landing in lineage.source.landings
        for name, sql in landing.get("conversions", {}).items()
        if name in staged
    }


def _conversion_lines(lineage: ColumnLineage) -> list[str]:
    found = _conversions(lineage)
    lines = [f"  {name}: {words}\n    {sql}" for name, (words, sql) in found.items()]
    return ["", "converted, as the release profile says", *lines] if found else []


def _fetched_lines(fetched: dict | None) -> list[str]:
    """Where a file was fetched from, and by which query."""
    if not fetched:
        return []
    told = [f"job {fetched['job']}"] if "job" in fetched else []
    told += [fetched[key] for key in ("release", "part", "server_time") if fetched.get(key)]
    query = [f"        {line}" for line in fetched.get("sql", "").splitlines()]
    return [f"      fetched from {fetched['url']} ({', '.join(told)})", *query]


def _runs(lineage: ColumnLineage) -> list[dict]:
    """The runs of the build, where the column comes from predictions."""
    of = {table for table, _ in lineage.values} | {node[0] for nodes in lineage.values.values() for node in nodes}
    return lineage.source.runs if PARTS in of else []


def _run_line(run: dict) -> str:
    if run["data_build"] is None:
        return f"{run['photoz_run']}  {run['estimator']}, trained on: {run['trained_on']}"
    told = json.loads(run["photoz_settings_json"] or "{}").get("provenance", {})
    cuts = " ".join(told.get("cuts", ()))
    lacks = f"; not applied: {' '.join(told['missing_cuts'])}" if told.get("missing_cuts") else ""
    scheme = run["split_scheme"].replace("_", "-")
    return (
        f"{run['photoz_run']}  {run['estimator']}, trained on {run['n_training']:,} galaxies of "
        f"build {run['data_build']}, {run['data_version']}, splits {scheme}, cuts {cuts}{lacks}"
    )


def _cut_lines(lineage: ColumnLineage) -> list[str]:
    if not lineage.filters.cuts:
        return ["", "filtered by no cut"]
    rows = []
    for cut in lineage.filters.cuts:
        names = list(dict.fromkeys(column for _, column in cut.columns))
        read = " ".join(fold_names(names, lineage.source.bands)) or "not applied in this build: it reads no column"
        rows.append((cut.name, read, _in_files(lineage.source, cut.columns)))
    # Every version applies its window cuts in its own model: equal lines are printed once.
    rows = list(dict.fromkeys(rows))
    wide = [max(len(row[place]) for row in rows) for place in (0, 1)]
    wide[1] = min(wide[1], 60)
    lines = [f"  {name:<{wide[0]}}  {read:<{wide[1]}}  {files}".rstrip() for name, read, files in rows]
    return ["", "filtered by", *lines]


def _in_files(source: Lineage, nodes: Iterable[Node]) -> str:
    """The names of these columns in the landed files: [1] {g,r,i,z,y}flags_pixel_edge."""
    found: dict[int, list[str]] = {}
    for node in nodes:
        for origin in source.origins(node):
            absent = [f"no {node[1]}"] if origin.state == "not in this export" else []
            found.setdefault(origin.landing, []).extend([*origin.columns, *absent])
    return "  ".join(
        f"[{landing}] " + " ".join(fold_names(dict.fromkeys(names), source.bands))
        for landing, names in found.items()
        if names
    )


def _condition_lines(lineage: ColumnLineage) -> list[str]:
    rows = [
        (table, clause, " ".join(fold_names([_id(node) for node in nodes], lineage.source.bands)))
        for table, clause, nodes in lineage.filters.conditions
        if nodes
    ]
    if not rows:
        return []
    wide = [max(len(row[place]) for row in rows) for place in (0, 1)]
    return ["", "rows decided by", *(f"  {a:<{wide[0]}}  {b:<{wide[1]}}  {c}" for a, b, c in rows)]


# -- families of columns ---------------------------------------------------------------------------------


def fold_names(names: Iterable[str], bands: tuple[str, ...]) -> list[str]:
    """Names with the filters of each family folded: {g,r,i,z,y}_cmodel_mag."""
    return [words[0] for words, _ in _fold([((name,), ()) for name in names], bands)]


def _branch(lineage: ColumnLineage, node: Node) -> Branch:
    source = lineage.source
    below = [_branch(lineage, parent) for parent in lineage.values[node]]
    if source.edges(node[0]) is None:
        below = [((f"[{each.landing}]", *(each.columns or (f"({each.state})",))), ()) for each in source.origins(node)]
        if not below and node[0].startswith("hsc_"):
            return (_id(node), "(nothing of this kind is landed)"), ()
    return (_id(node),), tuple(_fold(below, source.bands))


def _fold(branches: list[Branch], bands: tuple[str, ...]) -> list[Branch]:
    """Fold branches that differ only by the filter into one."""
    families: dict[Branch, list[tuple[str, Branch]]] = {}
    for branch in branches:
        for band in bands:
            pattern = _pattern(branch, band)
            if any("{}" in word for word in pattern[0]):
                families.setdefault(pattern, []).append((band, branch))
    folded: dict[int, Branch] = {}
    for pattern, members in families.items():
        if len(members) > 1 and not any(id(branch) in folded for _, branch in members):
            written = "{" + ",".join(band for band, _ in members) + "}"
            folded |= {id(branch): _written(pattern, written) for _, branch in members}
    return list(dict.fromkeys(folded.get(id(branch), branch) for branch in branches))


def _pattern(branch: Branch, band: str) -> Branch:
    """The branch with the filter left open, {}, in its own names and in all below it."""
    words, below = branch
    return tuple(_open(word, band) for word in words), tuple(_pattern(each, band) for each in below)


def _open(word: str, band: str) -> str:
    head, dot, name = word.rpartition(".")
    if word.startswith(("(", "[")):
        return word
    if name.startswith(band):
        return f"{head}{dot}{{}}{name[len(band) :]}"
    return f"{word[: -len(band)]}{{}}" if name.endswith(f"_{band}") else word


def _written(pattern: Branch, bands: str) -> Branch:
    words, below = pattern
    return tuple(word.replace("{}", bands) for word in words), tuple(_written(each, bands) for each in below)


def _draw(branches: Iterable[Branch], indent: str, drawn: set[Branch]) -> list[str]:
    """Lines of a tree.  A chain of single parents is one line; repeated branches are drawn once."""
    lines, branches = [], list(branches)
    for place, branch in enumerate(branches):
        chain, again = [" ".join(branch[0])], False
        while branch[1] and not (again := branch in drawn):
            drawn.add(branch)
            if len(branch[1]) > 1:
                break
            branch = branch[1][0]
            chain.append(" ".join(branch[0]))
        last = place == len(branches) - 1
        lines.append(f"{indent}{'└─ ' if last else '├─ '}{' ← '.join(chain)}{'  (as above)' if again else ''}")
        if not again:
            lines += _draw(branch[1], indent + ("   " if last else "│  "), drawn)
    return lines


def _id(node: Node) -> str:
    return f"{node[0]}.{node[1]}"
