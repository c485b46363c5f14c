"""The cuts of a catalogue: cuts/<name>.toml, checked, and made into entries of the list of cuts."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from galaxiesml import dictionary
from galaxiesml.catalog import Catalog
from galaxiesml.conditions import Condition, Known, bind, evaluate, limits, pair_columns, parse, scope
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.toml_keys import Fault, Key, key_problems, nearest, refuse
from galaxiesml.units import not_vounit

#: The group of users' cuts in the cut flow.
GROUP = "own"
#: What a boundary row's verdict is called in the file.
WORDS = {True: "kept", False: "removed", None: "null"}
TYPES = ("bigint", "integer", "double", "boolean", "text")
SIDES = ("object", "spectrum")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
#: Words of the command line and folders of the catalogue.
_TAKEN = ("all", "none", "default", "galaxies", "history")
#: Every key of a cut's file.
KEYS = (
    Key("sql", "text", "Condition that a kept pair meets; see docs/conditions.md", required=True),
    Key("why", "text", "Reason for the cut", required=True),
    Key("section", "text", "Publication or section that states it", required=True),
    Key("rows", "tables", "Boundary rows: what the condition says at its limits; each build checks them"),
    Key("rows[].given", "table", "Columns and their values, as SQL writes them", required=True),
    Key("rows[].given.*", "text", "A value, e.g. `22.5`, `'GALAXY'`, `true` or `null`"),
    Key("rows[].verdict", "text", "What becomes of the row", required=True, words=tuple(WORDS.values())),
    Key("columns", "table", "Landed columns that galaxiesml has no name for, which the condition reads"),
    Key("columns.*", "table", "A column, by its name in the landed file"),
    Key("columns.*.type", "text", "Type", required=True, words=TYPES),
    Key("columns.*.unit", "text", "Unit in VOUnit syntax; empty for a pure number", required=True),
    Key("columns.*.description", "text", "What it is", required=True),
    Key("columns.*.of", "text", "Side of the pair that it describes", required=True, words=SIDES),
)


@dataclass(frozen=True)
class OwnCut:
    """A cut of a catalogue.

    Attributes
    ----------
    name, sql, why, section : str
        As its file has them.
    rows : tuple of dict
        Boundary rows: ``given`` (column to literal) and ``verdict``.
    columns : dict of str to dict
        Landed columns outside the dictionary: type, unit, description, of.
    bands : tuple of (str, str)
        The release's filters, each with its UCD word.
    """

    name: str
    sql: str
    why: str
    section: str
    rows: tuple[dict, ...]
    columns: dict[str, dict]
    bands: tuple[tuple[str, str], ...]

    @cached_property
    def condition(self) -> Condition:
        """The condition, bound to the columns of a pair.

        Raises
        ------
        UsageError
            It is not one that galaxiesml runs.
        """
        known = pair_columns(dict(self.bands))
        known |= {name: Known(column["type"], column["of"]) for name, column in self.columns.items()}
        names = [band for band, _ in self.bands]
        return bind(parse(self.sql, names), known, names)

    def entry(self, versions: list[str]) -> dict:
        """The cut as the list of cuts has it; the keys are explained in sql/macros/published_cuts.sql."""
        condition = self.condition
        sides = {side: [] for side in ("object", "spectrum", "pair")}
        for name, known in condition.known.items():
            sides[known.side].append(name)
        return {
            "name": self.name,
            "scope": scope(condition),
            "group": GROUP,
            "required": True,
            "versions": versions,
            "sql": condition.sql(),
            "spark": condition.sql("spark"),
            "text": condition.text,
            "needs": list(condition.columns),
            "sides": sides,
            "rows": [],
            "section": self.section,
            "why": self.why,
        }

    def proposed_rows(self) -> tuple[dict, ...]:
        """What the condition says at its limits, as boundary rows of a new file."""
        judged = evaluate(self.condition, limits(self.condition), [band for band, _ in self.bands])
        return tuple({"given": each.given | each.others, "verdict": WORDS[each.verdict]} for each in judged)

    def wrong_rows(self) -> list[str]:
        """Boundary rows of which the condition says something else, one sentence each."""
        judged = evaluate(self.condition, [row["given"] for row in self.rows], [band for band, _ in self.bands])
        return [
            f"the row {', '.join(f'{name} = {value}' for name, value in row['given'].items())} is "
            f"{WORDS[each.verdict]}, not {row['verdict']}"
            for row, each in zip(self.rows, judged, strict=True)
            if WORDS[each.verdict] != row["verdict"]
        ]

    def text(self) -> str:
        """The file."""
        lines = ["# A cut of this catalogue: see docs/cuts.md.  A pair is kept if the condition is true."]
        lines += [f"{key} = {quoted(getattr(self, key))}" for key in ("sql", "why", "section")]
        for name, column in self.columns.items():
            lines += ["", f"[columns.{quoted(name)}]", *(f"{key} = {quoted(value)}" for key, value in column.items())]
        if self.rows:
            lines += ["", "# What the condition says at its limits; each build checks it."]
        for row in self.rows:
            given = ", ".join(f"{quoted(name)} = {quoted(value)}" for name, value in row["given"].items())
            lines += ["[[rows]]", f"given = {{{given}}}", f"verdict = {quoted(row['verdict'])}"]
        return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False)


def folder(catalog: Catalog) -> Path:
    return catalog.root / "cuts"


def own_cuts(catalog: Catalog) -> dict[str, OwnCut]:
    """Every cut of the catalogue by name, its keys checked; conditions are read when they are asked for."""
    return {path.stem: read_cut(path, catalog) for path in sorted(folder(catalog).glob("*.toml"))}


def read_cut(path: Path, catalog: Catalog) -> OwnCut:
    """One cut from its file.

    Raises
    ------
    InputError
        The file is not a cut's.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Correct it, or type: galaxiesml cuts new") from error
    return cut_of(path.stem, raw, catalog, str(path))


def cut_of(name: str, raw: dict, catalog: Catalog, origin: str) -> OwnCut:
    """One cut from the keys of its file.

    Raises
    ------
    InputError
        A key is wrong.
    """
    if isinstance(raw.get("sql"), str):
        raw = raw | {"sql": " ".join(raw["sql"].split())}
    problems = key_problems(raw, KEYS) or [f"it is not a name for a cut: {why}" for why in _not_a_name(name)]
    problems += [f"columns: {column!r} is not a name" for column in raw.get("columns", {}) if not _is_plain(column)]
    refuse(origin, "is not a cut", problems or list(_wrong_units(raw.get("columns", {}))))
    rows = tuple({"given": dict(row["given"]), "verdict": row["verdict"]} for row in raw.get("rows", ()))
    bands = tuple(catalog.profile.bands.items())
    return OwnCut(name, raw["sql"], raw["why"], raw["section"], rows, dict(raw.get("columns", {})), bands)


def _wrong_units(columns: dict[str, dict]) -> Iterator[str]:
    for name, column in columns.items():
        if why := not_vounit(column["unit"]):
            yield Fault.at(f"columns.{name}.unit", f"columns.{name}.unit: {why}")


def _is_plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name) is not None


def _not_a_name(name: str) -> Iterator[str]:
    if not _NAME.fullmatch(name):
        yield "a name has up to 31 of a-z, 0-9 and _, a letter first"
    elif re.fullmatch(r"v[0-9]+", name):
        yield "names as v5 are for published versions"
    elif name in _TAKEN:
        yield f"{name} means something else on the command line"
    elif name in _keywords():
        yield f"{name} is a word of SQL"


@cache
def _keywords() -> frozenset[str]:
    import duckdb

    with duckdb.connect() as connection:
        found = connection.execute("select keyword_name from duckdb_keywords() where keyword_category <> 'unreserved'")
        return frozenset(name for (name,) in found.fetchall())


def check_name(name: str, what: str, taken: Iterable[str]) -> None:
    """Whether a new cut or version may have a name.

    Parameters
    ----------
    what : str
        'cut' or 'version', for the message.
    taken : iterable of str
        Names of tables, and of published and other cuts and versions.

    Raises
    ------
    UsageError
        It may not.
    """
    for why in _not_a_name(name):
        raise UsageError(f"{name!r} cannot name a {what}: {why}.", f"For example: galaxiesml {what}s new bright ...")
    if name in set(taken):
        raise UsageError(f"{name!r} is taken: there is a cut, version or table of that name.", "Choose another name.")


def reserved_names(catalog: Catalog) -> set[str]:
    """Names that no cut or version of the catalogue may have."""
    from galaxiesml.catalog.stores import STORES

    tables = {path.stem for path in (dictionary.PROJECT / "models").rglob("*.sql")} | {store.name for store in STORES}
    known = set(pair_columns(catalog.profile.bands))
    return tables | {name.removeprefix("galaxies_") for name in tables} | set(dictionary.cut_names()) | known


def landed_columns(catalog: Catalog) -> dict[str, set[str]]:
    """Names of landed columns outside the dictionary, as the files have them: the kinds of landings with each."""
    found: dict[str, set[str]] = {}
    for landing in catalog.landings():
        # The release's own columns behind conversions are outside the dictionary too.
        for name in (*landing.get("extra_columns", ()), *landing.get("inputs", ())):
            found.setdefault(name, set()).add(landing["kind"])
    return found


def check_columns(catalog: Catalog, cut: OwnCut) -> list[dict]:
    """The landed columns outside the dictionary that a cut reads: name, type, of, and the kinds of landings with it.

    Raises
    ------
    CatalogError
        A landed value is not of the type that the cut's file gives.
    """
    landed = {name.lower(): kinds for name, kinds in landed_columns(catalog).items()}
    found = []
    for name, column in cut.columns.items():
        kinds = sorted(landed.get(name.lower(), ()))
        for kind in kinds:
            _check_values(catalog, cut.name, name, column["type"], kind)
        found.append({"name": name, "type": dictionary.sql_type(column["type"]), "of": column["of"], "kinds": kinds})
    return found


def _check_values(catalog: Catalog, cut: str, name: str, kind: str, table: str) -> None:
    with catalog.connect() as connection:
        wrong = connection.execute(f"""
            select source_file, source_row, cast("{name}" as varchar) from hsc_{table}
            where "{name}" is not null and try_cast("{name}" as {dictionary.sql_type(kind)}) is null
            order by landing, source_row limit 1
        """).fetchone()
    if wrong:
        raise CatalogError(
            f"cuts/{cut}.toml says that {name} is {kind}, but row {wrong[1]:,} of {wrong[0]} has {wrong[2]!r}.",
            f"Correct its type in cuts/{cut}.toml.",
        )


def unknown_cut(name: str, known: Iterable[str]) -> UsageError:
    known = list(known)
    return UsageError(f"There is no cut {name!r}{nearest(name, known)}.", f"Cuts: {', '.join(known)}.")
