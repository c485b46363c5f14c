"""Trace a column of a build back through every model to the landed files and their hashes.

Value edges (the columns from which a column is computed) and filter edges (the columns that decide whether its row
exists) are distinguished.  Cuts are filters, so the verdicts ok_<cut> among the filters are listed, each with the
columns of the landed files that it reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.catalog.folder import DEFAULT_VERSION
from galaxiesml.catalog.stores import SOURCES
from galaxiesml.curation.lineage_sql import VERDICT, Edges, ModelEdges, Node, Schema, names_in, read_model
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.releases.conversions import MADE_AT_LANDING


@dataclass(frozen=True)
class Origin:
    """A column of a landed table in one landed file.

    Attributes
    ----------
    state : str
        'exported', 'made at landing' or 'not in this export'.
    columns : tuple of str
        The file's own names of it; several where one of ours is made from them, none unless exported.
    """

    landing: int
    source_file: str
    source_sha256: str
    state: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """A cut that filters: the model that applies it and the columns of landed tables that it reads.

    ``columns`` is empty if the build does not apply the cut (made at the archive, or not in this export).
    """

    name: str
    model: str
    columns: tuple[Node, ...]


@dataclass(frozen=True)
class Filters:
    """What decides which rows a table has, through all tables upstream.

    Attributes
    ----------
    edges : tuple of (Node, str)
        A column and the table whose rows it decides on directly.
    values : dict of Node to tuple of Node
        Every filter column with the columns that it is computed from.
    cuts : tuple of Cut
        In the order of application.
    conditions : tuple of (table, clause, tuple of Node)
        Every clause upstream that lets rows in, drops or merges them.
    """

    edges: tuple[tuple[Node, str], ...]
    values: dict[Node, tuple[Node, ...]]
    cuts: tuple[Cut, ...]
    conditions: tuple[tuple[str, str, tuple[Node, ...]], ...]


@dataclass(frozen=True)
class ColumnLineage:
    """The ancestors of one column.

    Attributes
    ----------
    asked : str
        The column as it was requested; ``node`` is what it is in the build.
    values : dict of Node to tuple of Node
        The column and every value ancestor, each with the columns that it is computed from.
    filters : Filters
        What decides whether its row is there.
    """

    asked: str
    node: Node
    values: dict[Node, tuple[Node, ...]]
    filters: Filters
    source: Lineage

    @property
    def value_ancestors(self) -> set[Node]:
        return set(self.values) - {self.node}

    @property
    def filter_ancestors(self) -> set[Node]:
        return set(self.filters.values)


class Lineage:
    """The graph of a build's columns; models are parsed when a requested column needs them.

    Parameters
    ----------
    models : dict
        ``models`` of a build's manifest.json.
    landings : list of dict
        landing.json of every landed file, as :meth:`galaxiesml.catalog.Catalog.landings` gives them.
    runs : list of dict
        Rows of the build's ``photoz_runs``: what predicted redshifts, and what it was trained on.
    """

    def __init__(self, models: dict[str, dict], landings: list[dict], runs: list[dict] | None = None):
        self.models = {name.lower(): {"name": name, **model} for name, model in models.items()}
        self.landings = landings
        self.runs = runs or []
        self._edges: dict[str, ModelEdges | None] = {}
        self._filters: dict[str, Filters] = {}
        self._leaves: dict[Node, frozenset[Node]] = {}
        self._origins: dict[Node, tuple[Origin, ...]] = {}
        self._depths: dict[str, int] = {}
        self._bands: tuple[str, ...] = ()
        self._landed: dict[str, tuple[str, ...]] = {}
        self._places: dict[str, dict[str, int]] = {}

    @classmethod
    def load(cls, build_folder: Path, landings: list[dict]) -> Lineage:
        """Read a build's manifest.json."""
        path = Path(build_folder) / "manifest.json"
        try:
            models = json.loads(path.read_text(encoding="utf-8"))["models"]
        except (OSError, ValueError, KeyError) as error:
            raise CatalogError(f"{path} cannot be read: {error}.", "Type: galaxiesml build") from error
        return cls(models, landings, _runs(Path(build_folder)))

    # -- names -------------------------------------------------------------------------------------------

    def resolve(self, target: str) -> Node:
        """(table, column) of ``table.column``; galaxies is the default version, case is ignored.

        Raises
        ------
        UsageError
            No such table or column in this build.
        """
        table, _, column = target.strip().lower().rpartition(".")
        if not table or not column:
            raise UsageError(f"{target!r} is not TABLE.COLUMN.", "For example: galaxies.specz_redshift")
        table = f"galaxies_{DEFAULT_VERSION}" if table == "galaxies" else table
        if table not in self.models:
            raise UsageError(f"This build has no table {table!r}.", _nearest(table, self.models))
        if column not in self.columns(table):
            raise UsageError(f"{table} has no column {column!r}.", _nearest(column, self.columns(table)))
        return table, column

    def columns(self, table: str) -> tuple[str, ...]:
        """Columns of a table in order: as its SQL gives them; of what has none, the manifest and landing."""
        if edges := self.edges(table):
            return tuple(edges.columns)
        if table not in self._landed:
            landings = [each for each in self.landings if table == f"hsc_{each['kind']}"]
            names = [*self.models[table]["columns"], *(MADE_AT_LANDING if landings else ())]
            for each in landings:
                names += [*each["sources"], *each.get("inputs", ()), *each.get("extra_columns", ())]
            self._landed[table] = tuple(dict.fromkeys(name.lower() for name in names))
        return self._landed[table]

    def edges(self, table: str) -> ModelEdges | None:
        """A model's edges, or None for what has no SQL: landed tables and seeds."""
        if table not in self._edges:
            model = self.models[table]
            sql = model.get("sql")
            self._edges[table] = read_model(model["name"], sql, self._schema(table)) if sql else None
        return self._edges[table]

    def _schema(self, model: str) -> Schema:
        schema = []
        for table in self.inputs(model):
            types = {name.lower(): kind for name, kind in self.models[table]["columns"].items()}
            # Where the manifest does not list a landed table's columns, those that the query names are of it.
            names = self.columns(table) if self.edges(table) else tuple(types) or self._names(model)[1]
            schema.append((table, tuple((name, types.get(name) or "unknown") for name in names)))
        return tuple(schema)

    def _names(self, model: str):
        sql = self.models[model].get("sql")
        return names_in(self.models[model]["name"], sql) if sql else ((), ())

    def inputs(self, model: str) -> list[str]:
        """Tables that a model reads, by their names here."""
        found = {self._name(schema, name) for schema, name in self._names(model)[0]}
        return sorted(found & set(self.models))

    def _name(self, schema: str, name: str) -> str:
        """The plain name, with its schema if a model has the same name as another table."""
        if schema not in SOURCES or self.models.get(name, {}).get("kind") == "source":
            return name
        self.models.setdefault(f"{schema}.{name}", {"name": name, "kind": "source", "sql": None, "columns": {}})
        return f"{schema}.{name}"

    @property
    def bands(self) -> tuple[str, ...]:
        """Filters of the survey, in order, as {band}_cmodel_mag of the models read so far name them."""
        if len(self._bands) < 2:
            for edges in filter(None, self._edges.values()):
                names = [name.removesuffix("_cmodel_mag") for name in edges.columns if name.endswith("_cmodel_mag")]
                self._bands = max(self._bands, tuple(name for name in names if "_" not in name), key=len)
        return self._bands

    # -- ancestors ---------------------------------------------------------------------------------------

    def column(self, table: str, column: str) -> ColumnLineage:
        """Everything that a column's value and its row depend on."""
        node = self.resolve(f"{table}.{column}")
        values = self._upstream([node])
        # Only a subquery in the select list filters a single column.
        extra = frozenset(step for value in values for step in self._of(value).filters)
        if not extra:
            if node[0] not in self._filters:
                self._filters[node[0]] = self._filters_of(node[0], extra)
            filters = self._filters[node[0]]
        else:
            filters = self._filters_of(node[0], extra)
        return ColumnLineage(f"{table}.{column}", node, values, filters, self)

    def _of(self, node: Node) -> Edges:
        edges = self.edges(node[0])
        return edges.columns[node[1]] if edges else Edges(frozenset(), frozenset(), frozenset())

    def _upstream(self, start: Iterable[Node]) -> dict[Node, tuple[Node, ...]]:
        """The nodes and all their value ancestors, each with its parents in table order."""
        found: dict[Node, tuple[Node, ...]] = {}
        stack = list(start)
        while stack:
            node = stack.pop()
            if node not in found:
                found[node] = self.sort(self._of(node).values)
                stack.extend(found[node])
        return found

    def _filters_of(self, table: str, extra: frozenset[Node]) -> Filters:
        """Follow rows upstream: a table's own filter columns, what they come from, its inputs' rows."""
        edges, values, cuts, tables = {}, {}, set(), []
        queue = [table, *sorted({name for name, _ in extra})]
        direct = {table: extra}
        while queue:
            here = queue.pop()
            if here in tables:
                continue
            tables.append(here)
            model = self.edges(here)
            rows = model.rows if model else Edges(frozenset(), frozenset(), frozenset())
            steps = rows.filters | rows.values | direct.get(here, frozenset())
            cuts |= {(here, name) for name in rows.cuts}
            nodes = self.sort(step for step in steps if step[1])
            edges |= {(node, here): None for node in nodes}
            values |= self._upstream(nodes)
            queue += sorted({name for name, _ in steps})
        for node in list(values):
            cuts |= {(node[0], name) for name in self._of(node).cuts}
        # A subquery that one filter column holds has rows of its own.
        behind = frozenset(step for node in values for step in self._of(node).filters)
        if not behind <= extra:
            return self._filters_of(table, extra | behind)
        return Filters(tuple(edges), values, self._ordered(cuts), self._conditions(tables))

    def _ordered(self, cuts: set[tuple[str, str]]) -> tuple[Cut, ...]:
        def place(entry: tuple[str, str]):
            return self.depth(entry[0]), entry[0], list(self.edges(entry[0]).cuts).index(entry[1])

        return tuple(
            Cut(name, model, self._read_by(self.edges(model).cuts[name])) for model, name in sorted(cuts, key=place)
        )

    def _conditions(self, tables: list[str]) -> tuple[tuple[str, str, tuple[Node, ...]], ...]:
        models = [table for table in tables if self.edges(table)]
        return tuple(
            (table, clause, self.sort(nodes))
            for table in sorted(models, key=lambda name: (-self.depth(name), name))
            for clause, nodes in self.edges(table).conditions
        )

    def _read_by(self, inputs: Iterable[Node]) -> tuple[Node, ...]:
        """Columns of landed tables and seeds under a cut's inputs, the verdicts of other cuts left out."""
        found: frozenset[Node] = frozenset()
        return self.sort(found.union(*(self._leaf_columns(node) for node in inputs)))

    def _leaf_columns(self, node: Node) -> frozenset[Node]:
        if node not in self._leaves:
            steps = [] if node[1].startswith(VERDICT) else self._of(node).values
            if self.edges(node[0]) is None:
                self._leaves[node] = frozenset([node])
            else:
                self._leaves[node] = frozenset().union(*(self._leaf_columns(step) for step in steps))
        return self._leaves[node]

    def depth(self, table: str) -> int:
        """Models between a table and what is landed; 0 for a landed table or a seed."""
        if table not in self._depths:
            below = max(map(self.depth, self.inputs(table)), default=0)
            self._depths[table] = 1 + below if self.models[table].get("sql") else 0
        return self._depths[table]

    def sort(self, nodes: Iterable[Node]) -> tuple[Node, ...]:
        """By table, then in the order of the table's columns."""

        def place(node: Node):
            places = self._places.get(node[0])
            if places is None:
                places = self._places[node[0]] = {name: n for n, name in enumerate(self.columns(node[0]))}
            return node[0], places.get(node[1], len(places)), node[1]

        return tuple(sorted(nodes, key=place))

    # -- landed files ------------------------------------------------------------------------------------

    def origins(self, node: Node) -> tuple[Origin, ...]:
        """A landed table's column in each landed file of that kind; nothing for any other table."""
        if node not in self._origins:
            table, column = node
            self._origins[node] = tuple(
                _origin(landing, column) for landing in self.landings if table == f"hsc_{landing['kind']}"
            )
        return self._origins[node]


def _runs(build_folder: Path) -> list[dict]:
    import pyarrow.parquet as pq

    path = build_folder / "photoz_runs.parquet"
    return pq.read_table(path, partitioning=None).to_pylist() if path.is_file() else []


def _origin(landing: dict, column: str) -> Origin:
    landed = landing.get("sources", {}) | landing.get("inputs", {})
    sources = {name.lower(): names for name, names in landed.items()}
    columns = tuple(sources.get(column, ()))
    if not columns:
        columns = tuple(name for name in landing.get("extra_columns", ()) if name.lower() == column)
    state = "exported" if columns else "made at landing" if column in MADE_AT_LANDING else "not in this export"
    return Origin(landing["landing"], landing["source_file"], landing["source_sha256"], state, columns)


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    known = sorted(known)
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    if not known:
        return "The build's manifest lists no column of it."
    return f"Near it: {', '.join(close)}." if close else f"There are: {', '.join(known)}."
