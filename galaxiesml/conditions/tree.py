"""What a condition is made of, once it is read: a small tree of this package's own, which nothing else can be in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields


@dataclass(frozen=True)
class Node:
    """A part of a condition."""


@dataclass(frozen=True)
class Column(Node):
    """A column by its name; ``{band}`` in it stands for each filter."""

    name: str
    typed: str = field(default="", compare=False)


@dataclass(frozen=True)
class Number(Node):
    """A number as it is typed, a minus before it included."""

    text: str

    @property
    def is_integer(self) -> bool:
        return self.text.lstrip("-").isdigit()


@dataclass(frozen=True)
class Text(Node):
    """A text without its quotes."""

    value: str


@dataclass(frozen=True)
class Truth(Node):
    """true or false."""

    value: bool


@dataclass(frozen=True)
class Null(Node):
    """A missing value."""


@dataclass(frozen=True)
class Negative(Node):
    """A minus before what is not a number."""

    of: Node


@dataclass(frozen=True)
class Arithmetic(Node):
    """``+ - * /`` of two numbers."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Comparison(Node):
    """``= <> < <= > >=``, ``is distinct from`` or ``is not distinct from``."""

    op: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Is(Node):
    """``is null``, ``is true`` or ``is false``, or the same with ``not``."""

    of: Node
    what: str
    negated: bool = False


@dataclass(frozen=True)
class Between(Node):
    """``between``, or ``not between``: both ends belong to it."""

    of: Node
    low: Node
    high: Node
    negated: bool = False


@dataclass(frozen=True)
class In(Node):
    """``in`` a list, or ``not in``."""

    of: Node
    values: tuple[Node, ...]
    negated: bool = False


@dataclass(frozen=True)
class Not(Node):
    """``not``."""

    of: Node


@dataclass(frozen=True)
class Logic(Node):
    """Two or more terms joined by ``and``, or by ``or``."""

    op: str
    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Call(Node):
    """A function of the list in `galaxiesml.conditions.words`."""

    name: str
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Case(Node):
    """``case when ... then ... else ... end``."""

    whens: tuple[tuple[Node, Node], ...]
    otherwise: Node | None = None


@dataclass(frozen=True)
class Double(Node):
    """A cast to double, which only this package writes."""

    of: Node


#: What is true, false or NULL by its form.
PREDICATES = (Comparison, Is, Between, In)


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node, in the order in which they are typed."""
    for field_ in fields(node):
        yield from _nodes(getattr(node, field_.name))


def _nodes(value) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _nodes(each)


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order in which they are typed."""
    yield node
    for child in children(node):
        yield from walk(child)


def size(node: Node, known: dict[int, int] | None = None) -> int:
    """Number of nodes that an engine has to work on, each as often as it does so.

    Engines write ``nullif(a, b)`` out as ``case when a = b then null else a end``, in which a stands twice, and do the
    like for ``between`` and ``in``: such parts within each other multiply at each level.
    """
    known = {} if known is None else known
    if id(node) not in known:
        sizes = [size(child, known) for child in children(node)]
        known[id(node)] = 1 + sum(sizes) + (_repeats(node) * sizes[0] if sizes else 0)
    return known[id(node)]


def _repeats(node: Node) -> int:
    """How often an engine repeats the first part of a node."""
    if isinstance(node, In):
        return 2 + sum(not isinstance(value, Number | Text | Truth) for value in node.values)
    if isinstance(node, Between):
        return 2
    return 1 if isinstance(node, Call) and node.name == "nullif" else 0


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """The same node with each child changed."""

    def of(value):
        if isinstance(value, tuple):
            return tuple(map(of, value))
        return change(value) if isinstance(value, Node) else value

    return type(node)(*(of(getattr(node, field_.name)) for field_ in fields(node)))


def column_names(node: Node) -> tuple[str, ...]:
    """Names of the columns that are read, in the order in which they are first typed."""
    return tuple(dict.fromkeys(each.name for each in walk(node) if isinstance(each, Column)))
