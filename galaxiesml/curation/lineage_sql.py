"""Parse one model's SQL into edges: for each column the upstream columns that its value comes from, for its rows
the upstream columns that decide which rows exist, and the cuts that are applied in it.

A query is a set of relations: its CTEs, subqueries and sides of unions.  Their edges are collected in one walk over
sqlglot's scopes, then followed to the tables outside.  The result is memoised, so that a model with 60 columns is
parsed once, not 60 times.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from galaxiesml.errors import BuildError

#: The verdict of the cut NAME is always in a column ok_NAME.
VERDICT = "ok_"

#: (table, column); column None means the table's rows.
Node = tuple[str, "str | None"]
#: ((table, ((column, type), ...)), ...)
Schema = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True)
class Edges:
    """Where a column, or a model's rows, come from: values and filters apart, and the cuts on the way."""

    values: frozenset[Node]
    filters: frozenset[Node]
    cuts: frozenset[str]


@dataclass(frozen=True)
class ModelEdges:
    """A model's edges to the tables that it reads.

    Attributes
    ----------
    columns : dict of str to Edges
        By column, in the model's order.
    rows : Edges
        Columns that decide which rows the model has: where, qualify, having, join, group by, distinct, limit,
        of every query in it.  (table, None) denotes the rows of a table that it reads.
    conditions : tuple of (clause, columns)
        The same columns by clause, as text for people: ('where', ...), ('join', ...).
    cuts : dict of str to frozenset of Node
        Cuts applied in this model, in the order of application, each with the columns that it reads; the verdicts
        of other cuts are not among them.
    """

    columns: dict[str, Edges]
    rows: Edges
    conditions: tuple[tuple[str, frozenset[Node]], ...]
    cuts: dict[str, frozenset[Node]]


@lru_cache(maxsize=1024)
def read_model(name: str, sql: str, tables: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]) -> ModelEdges:
    """Parse one compiled query, in DuckDB's dialect.

    Parameters
    ----------
    name : str
        The model's name, for messages.
    sql : str
        A select without templates.
    tables : tuple of (table, ((column, type), ...))
        Every table it reads, lower case; ``schema.table`` where the plain name is another's.  Without the
        columns a ``*`` would end the trail.

    Raises
    ------
    BuildError
        The query cannot be parsed, or names a table or a column that is not in ``tables``.
    """
    with _naming(name):
        tree = _qualified(sql, {table: dict(columns) for table, columns in tables})
        return _Query(tree, {table for table, _ in tables}).edges()


@contextmanager
def _naming(model: str):
    """The parser's errors with the model's name."""
    from sqlglot.errors import SqlglotError

    try:
        yield
    except SqlglotError as error:
        # The parser underlines the place with terminal codes.
        reason = re.sub(r"\x1b\[\d*m", "", str(error)).splitlines()[0].rstrip(".")
        raise BuildError(
            f"The lineage of model {model} cannot be read: {reason}.",
            "Type: galaxiesml build, so that the build and its SQL belong together.",
        ) from error


@lru_cache(maxsize=1024)
def names_in(name: str, sql: str) -> tuple[frozenset[tuple[str, str]], tuple[str, ...]]:
    """(schema, name) of all tables that a model reads, CTEs left out, and the names of all columns in it."""
    from sqlglot import exp

    with _naming(name):
        tree = _parse(sql)
    tables = {(table.db.lower(), table.name.lower()) for table in tree.find_all(exp.Table) if table.db}
    columns = dict.fromkeys(column.name.lower() for column in tree.find_all(exp.Column))
    return frozenset(tables), tuple(columns)


@lru_cache(maxsize=1024)
def _parse(sql: str):
    from sqlglot import parse_one

    return parse_one(sql, dialect="duckdb")


def _qualified(sql: str, tables: dict[str, dict[str, str]]):
    """The tree with every column under its table's alias, every star written out, every USING an ON."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.schema import MappingSchema

    tree = _parse(sql).copy()
    if tree.find(exp.Pivot):
        raise SqlglotError("PIVOT is not followed: its columns are made from values")
    for table in tree.find_all(exp.Table):
        if table.db:
            if (raw := f"{table.db}.{table.name}".lower()) in tables:
                table.set("alias", table.args.get("alias") or exp.TableAlias(this=table.this.copy()))
                table.set("this", exp.to_identifier(raw, quoted=True))
            # The schema's depth must be one and the same.
            table.set("db", exp.to_identifier("main"))
            table.set("catalog", None)
    schema = MappingSchema({"main": tables}, dialect="duckdb", normalize=False)
    return qualify(tree, dialect="duckdb", db="main", schema=schema, quote_identifiers=False)


def _passed_on(item) -> bool:
    """Whether a select item is a column of the same name from below, and nothing is computed here."""
    from sqlglot import exp

    inner = item.unalias()
    return isinstance(inner, exp.Column) and inner.name == item.alias_or_name


@dataclass
class _Relation:
    """One query inside a model: a node here is (index or table, column or None for the rows)."""

    columns: dict[str, tuple[set, set]] = field(default_factory=dict)
    rows: set = field(default_factory=set)
    conditions: list[tuple[str, set]] = field(default_factory=list)
    cuts: list[str] = field(default_factory=list)
    #: What any column not named comes from: an UNNEST or a table function.
    anything: set | None = None


class _Query:
    """The relations of one query, and the walk from them to the tables outside."""

    def __init__(self, tree, tables: set[str]):
        from sqlglot.optimizer.scope import traverse_scope

        self.tables = tables
        self.scopes = traverse_scope(tree)
        self.index = {id(scope.expression): number for number, scope in enumerate(self.scopes)}
        self.relations = [_Relation() for _ in self.scopes]
        self._walked: dict = {}
        for scope, relation in zip(self.scopes, self.relations, strict=True):
            self._fill(scope, relation)

    # -- one relation ------------------------------------------------------------------------------------

    def _fill(self, scope, relation: _Relation) -> None:
        from sqlglot import exp

        if isinstance(scope.expression, exp.SetOperation):
            self._fill_union(scope, relation)
        elif isinstance(scope.expression, exp.Select):
            self._fill_select(scope, relation)
        else:  # UNNEST, LATERAL, VALUES: no select list, so every column depends on all that is read
            values, _ = self._nodes(scope, scope.expression)
            relation.anything = values
            relation.rows |= values

    def _fill_union(self, scope, relation: _Relation) -> None:
        from sqlglot import exp

        query = scope.expression
        sides = [self.index[id(side.expression)] for side in scope.set_operation_scopes]
        names = [list(self.relations[number].columns) for number in sides]
        for place, name in enumerate(query.named_selects):
            by_name = query.args.get("by_name")
            sources = {(number, name if by_name else of[place]) for number, of in zip(sides, names, strict=True) if of}
            relation.columns[name] = (sources, set())
        if query.args.get("distinct") or isinstance(query, (exp.Except, exp.Intersect)):
            every = {(number, name) for number, of in zip(sides, names, strict=True) for name in of}
            self._decide(relation, "distinct", every)
        relation.rows |= {(number, None) for number in sides}
        if query.args.get("limit") or query.args.get("offset"):
            here = self.index[id(query)]
            self._decide(relation, "limit", {(here, name) for name in relation.columns})

    def _fill_select(self, scope, relation: _Relation) -> None:
        from sqlglot import exp

        query = scope.expression
        named = query.args.get("windows") or []
        for item in query.selects:
            values, filters = self._nodes(scope, item)
            if named and item.find(exp.Window):
                for window in named:
                    values |= self._nodes(scope, window)[0]
            name = item.alias_or_name
            relation.columns[name] = (values, filters)
            if name.startswith(VERDICT) and not _passed_on(item):
                relation.cuts.append(name)
        for _, source in scope.selected_sources.values():
            relation.rows |= self._source_rows(scope, source)
        self._decide_rows(scope, relation)

    def _decide_rows(self, scope, relation: _Relation) -> None:
        """Clauses that let rows in, drop them or merge them.  Without a limit, ORDER BY does none of it."""
        from sqlglot import exp

        query, here = scope.expression, self.index[id(scope.expression)]
        for clause in ("where", "having", "qualify"):
            if part := query.args.get(clause):
                self._decide(relation, clause, self._both(scope, part))
        for join in query.args.get("joins") or []:
            if part := join.args.get("on"):
                self._decide(relation, "join", self._both(scope, part))
        if group := query.args.get("group"):
            keys = self._both(scope, group)
            if group.args.get("all"):
                plain = [item for item in query.selects if not item.find(exp.AggFunc)]
                keys |= {(here, item.alias_or_name) for item in plain}
            self._decide(relation, "group by", keys)
        if distinct := query.args.get("distinct"):
            on = distinct.args.get("on")
            keys = self._both(scope, on) if on else {(here, name) for name in relation.columns}
            self._decide(relation, "distinct", keys | (self._order(scope) if on else set()))
        if query.args.get("limit") or query.args.get("offset"):
            self._decide(relation, "limit", self._order(scope))

    @staticmethod
    def _decide(relation: _Relation, clause: str, nodes: set) -> None:
        relation.rows |= nodes
        relation.conditions.append((clause, nodes))

    # -- expressions -------------------------------------------------------------------------------------

    def _both(self, scope, part) -> set:
        values, filters = self._nodes(scope, part)
        return values | filters

    def _order(self, scope) -> set:
        part = scope.expression.args.get("order")
        return self._both(scope, part) if part else set()

    def _nodes(self, scope, part) -> tuple[set, set]:
        """Columns in an expression; a subquery in it gives its columns as values and its rows as filters."""
        from sqlglot import exp

        values, filters, stack = set(), set(), [part]
        while stack:
            node = stack.pop()
            if isinstance(node, exp.Column):
                values |= self._column(scope, node)
            elif id(node) in self.index and node is not scope.expression:
                number = self.index[id(node)]
                filters.add((number, None))
                if isinstance(node, exp.Query):
                    values |= {(number, name) for name in self.relations[number].columns}
            else:
                stack.extend(node.iter_expressions())
        return values, filters

    def _column(self, scope, column) -> set:
        from sqlglot import exp

        if not column.table:  # an alias of this same select, as ORDER BY may name it
            here = self.index[id(scope.expression)]
            return {(here, column.name)} if column.name in self.relations[here].columns else set()
        holder = scope
        while holder is not None and column.table not in holder.sources:
            holder = holder.parent  # a correlated subquery names a table of the query around it
        source = holder and holder.sources[column.table]
        if isinstance(source, exp.Table):
            if isinstance(source.this, exp.Func):
                return self._both(scope, source.this)
            return {(self._known(source), column.name)}
        return {(self.index[id(source.expression)], column.name)} if source else set()

    def _source_rows(self, scope, source) -> set:
        from sqlglot import exp

        if not isinstance(source, exp.Table):
            return {(self.index[id(source.expression)], None)}
        if isinstance(source.this, exp.Func):
            return self._both(scope, source.this)
        return {(self._known(source), None)}

    def _known(self, table) -> str:
        from sqlglot.errors import SqlglotError

        if table.name not in self.tables:
            raise SqlglotError(f"it reads {table.name}, which is not in the build's manifest")
        return table.name

    # -- to the tables outside ---------------------------------------------------------------------------

    def edges(self) -> ModelEdges:
        root = len(self.scopes) - 1  # a query comes after everything in it
        order = list(enumerate(self.relations))
        conditions = [(clause, self._outside(nodes)) for _, relation in order for clause, nodes in relation.conditions]
        return ModelEdges(
            columns={name: self._walk((root, name)) for name in self.relations[root].columns},
            rows=self._walk((root, None)),
            conditions=tuple(dict.fromkeys(entry for entry in conditions if entry[1])),
            cuts={
                name.removeprefix(VERDICT): self._inputs(relation.columns[name][0])
                for _, relation in order
                for name in relation.cuts
            },
        )

    def _outside(self, nodes: set) -> frozenset[Node]:
        found = set()
        for node in nodes:
            edges = self._walk(node)
            found |= {outer for outer in edges.values | edges.filters if outer[1]}
        return frozenset(found)

    def _steps(self, node) -> tuple[set, set]:
        number, name = node
        relation = self.relations[number]
        if name is None:
            return set(), relation.rows
        if name in relation.columns:
            return relation.columns[name]
        return relation.anything or set(), set()

    def _walk(self, start) -> Edges:
        """Everything outside that a node leads to; once a filter, all that lies behind it filters too."""
        if start in self._walked:
            return self._walked[start]
        values, filters, cuts, seen = set(), set(), set(), set()
        stack = [(start, False)]
        while stack:
            entry = stack.pop()
            if entry in seen:
                continue
            seen.add(entry)
            node, filtering = entry
            if isinstance(node[0], str):
                (filters if filtering or node[1] is None else values).add(node)
                continue
            if node[1] in self.relations[node[0]].cuts:
                cuts.add(node[1].removeprefix(VERDICT))
            on_value, on_filter = self._steps(node)
            stack += [(step, filtering) for step in on_value] + [(step, True) for step in on_filter]
        self._walked[start] = Edges(frozenset(values), frozenset(filters), frozenset(cuts))
        return self._walked[start]

    def _inputs(self, start: set) -> frozenset[Node]:
        """Columns outside that a verdict is computed from, the verdicts of other cuts left out."""
        found, seen, stack = set(), set(), list(start)
        while stack:
            node = stack.pop()
            if node in seen or (node[1] or "").startswith(VERDICT):
                continue
            seen.add(node)
            if isinstance(node[0], str):
                found.add(node)
            else:
                stack += self._steps(node)[0]
        return frozenset(found)
