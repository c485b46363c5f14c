"""The versions of a catalogue: versions/<name>.toml, and what becomes of them with the published ones."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.own_cuts import (
    OwnCut,
    check_columns,
    check_name,
    own_cuts,
    quoted,
    reserved_names,
    unknown_cut,
)
from galaxiesml.curation.rules import Rules, published
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.system.atomic import write_atomic
from galaxiesml.toml_keys import Key, key_problems, refuse

#: Rules of duplicates, and the published version whose rule each is.
DUPLICATES = {"first": "v1", "sole": "v2", "best": "v3"}
#: Every key of a version's file.
KEYS = (
    Key("title", "text", "The version, in words", required=True),
    Key("from", "text", "Published version that it begins with", required=True),
    Key("with", "texts", "Cuts that it has besides", may_be_empty=True),
    Key("without", "texts", "Cuts of that version that it has not", may_be_empty=True),
    Key("duplicates", "text", "Rule of duplicates: another than that version's", words=tuple(DUPLICATES)),
    Key("frozen", "text", "SHA-256 of its rule, which may not change any more"),
)


@dataclass(frozen=True)
class OwnVersion:
    """A version of a catalogue, as its file has it.

    Attributes
    ----------
    name, title, base : str
        ``base`` is the published version that it begins with.
    added, removed : tuple of str
        Names of cuts.
    duplicates : str
        first, sole, best, or '' for the rule of the base.
    frozen : str
        SHA-256 of the rule that it must have, or ''.
    """

    name: str
    title: str
    base: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    duplicates: str = ""
    frozen: str = ""

    def text(self) -> str:
        """The file."""
        lines = ["# A version of galaxies of this catalogue: see docs/cuts.md."]
        lines += [f"title = {quoted(self.title)}", f"from = {quoted(self.base)}"]
        lines += [f"{key} = [{', '.join(map(quoted, names))}]" for key, names in self._lists() if names]
        lines += [f"{key} = {quoted(getattr(self, key))}" for key in ("duplicates", "frozen") if getattr(self, key)]
        return "\n".join(lines) + "\n"

    def _lists(self):
        return (("with", self.added), ("without", self.removed))

    def cuts(self, own: dict[str, OwnCut]) -> list[str]:
        """Names of its cuts: row cuts and window cuts of the published list, and its own.

        Raises
        ------
        UsageError
            A cut is not there, or is one of the rules of duplicates.
        """
        known = published()
        if self.base not in known.names:
            raise UsageError(
                f"{self.name} is made from {self.base!r}, which is no published version.",
                f"Published: {', '.join(known.names)}.",
            )
        base = [cut["name"] for cut in known.of_version(self.base)]
        windows = {cut["name"] for cut in known.cuts if "duplicates_by" in cut}
        for name in (*self.added, *self.removed):
            if name in windows:
                raise UsageError(
                    f"{name} is part of a rule of duplicates, which is chosen as a whole.",
                    f"Give --duplicates {', '.join(DUPLICATES)}.",
                )
        for name in self.removed:
            if name not in base:
                raise unknown_cut(name, base)
        everything = [*(cut["name"] for cut in known.cuts), *own]
        for name in self.added:
            if name not in everything:
                raise unknown_cut(name, everything)
        chosen = {*base, *self.added} - set(self.removed)
        if self.duplicates:
            of = known.of_version(DUPLICATES[self.duplicates])
            chosen = (chosen - windows) | {cut["name"] for cut in of if "duplicates_by" in cut}
        return [name for name in everything if name in chosen]


def folder(catalog: Catalog) -> Path:
    return catalog.root / "versions"


def read_version(path: Path) -> OwnVersion:
    """One version from its file.

    Raises
    ------
    InputError
        The file is not a version's.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Correct it, or type: galaxiesml versions new") from error
    return version_of(path.stem, raw, str(path))


def version_of(name: str, raw: dict, origin: str) -> OwnVersion:
    """One version from the keys of its file."""
    refuse(origin, "is not a version", key_problems(raw, KEYS))
    return OwnVersion(
        name,
        raw["title"],
        raw["from"],
        tuple(raw.get("with", ())),
        tuple(raw.get("without", ())),
        raw.get("duplicates", ""),
        raw.get("frozen", ""),
    )


def own_versions(catalog: Catalog) -> dict[str, OwnVersion]:
    """Every version of the catalogue by name."""
    return {name: read_version(folder(catalog) / f"{name}.toml") for name in catalog.own_versions}


def of_catalog(catalog: Catalog) -> Rules:
    """The rules that the next build is made by: the published ones and the catalogue's.

    Raises
    ------
    InputError
        A file of cuts/ or versions/ is wrong; a frozen version has changed.
    """
    versions = own_versions(catalog)
    if not versions:
        return published()
    own = own_cuts(catalog)
    reserved = reserved_names(catalog)
    for name in versions:
        _told(folder(catalog) / f"{name}.toml", lambda name=name: check_name(name, "version", reserved | set(own)))
    found = merged(list(versions.values()), own, lambda cut: check_columns(catalog, cut))
    for version in versions.values():
        if version.frozen and found.rule_hash(version.name) != version.frozen:
            raise InputError(
                f"versions/{version.name}.toml is frozen, but its rule has changed: it was {version.frozen[:12]}, and "
                f"is {found.rule_hash(version.name)[:12]}.",
                f"See what it was: versions/history/{version.frozen}.json; change it back, or make another version.",
            )
    return found


def merged(versions: list[OwnVersion], own: dict[str, OwnCut], columns_of=lambda cut: []) -> Rules:
    """The published rules with versions and the cuts that these use.

    Parameters
    ----------
    columns_of : callable
        Of a cut: its landed columns outside the dictionary.
    """
    uses = {version.name: _told(f"versions/{version.name}.toml", lambda v=version: v.cuts(own)) for version in versions}
    listed = [
        cut | {"versions": [*cut["versions"], *(name for name, of in uses.items() if cut["name"] in of)]}
        for cut in published().cuts
    ]
    made, columns = [], {}
    for cut in own.values():
        if using := [name for name, of in uses.items() if cut.name in of]:
            made.append(_told(f"cuts/{cut.name}.toml", lambda cut=cut, using=using: _checked(cut).entry(using)))
            for column in columns_of(cut):
                _same(columns.setdefault(column["name"].lower(), column), column, cut.name)
    # After the published cuts on single pairs, before those on groups.
    rows, windows = [[cut for cut in listed if key in cut] for key in ("sql", "window")]
    titles = [{"name": version.name, "title": version.title} for version in versions]
    return Rules((*rows, *made, *windows), (*published().versions, *titles), tuple(columns.values()))


def _checked(cut: OwnCut) -> OwnCut:
    if wrong := cut.wrong_rows():
        raise UsageError(f"its condition disagrees with its boundary rows: {'; '.join(wrong)}.", "Change one of them.")
    return cut


def _same(first: dict, column: dict, cut: str) -> None:
    if first != column:
        raise InputError(
            f"cuts/{cut}.toml: {column['name']} is {column['type']} of the {column['of']}, but another cut says "
            f"{first['type']} of the {first['of']}.",
            "Describe it alike in both.",
        )


def _told(origin, ask):
    """What a question to a file gives; an error names the file."""
    try:
        return ask()
    except UsageError as error:
        raise InputError(f"{origin}: {error}", error.hint) from error


def check_new(catalog: Catalog, version: OwnVersion) -> Rules:
    """Rules of a version before its file is written, and whether it may be written.

    Raises
    ------
    UsageError
        A name is taken or unknown.
    """
    own = own_cuts(catalog)
    check_name(version.name, "version", reserved_names(catalog) | set(own))
    version.cuts(own)
    return merged([version], own, lambda cut: check_columns(catalog, cut))


def write_version(catalog: Catalog, version: OwnVersion) -> Path:
    """Write a version's file.

    Raises
    ------
    UsageError
        A frozen version of the name is there.
    """
    path = folder(catalog) / f"{version.name}.toml"
    if path.is_file() and (there := read_version(path)).frozen and there != version:
        raise UsageError(f"{version.name} is frozen: it cannot be changed.", "Make a version of another name.")
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, version.text())
    return path


def freeze(catalog: Catalog, name: str) -> OwnVersion:
    """Forbid changes of a version's rule."""
    version = own_versions(catalog).get(name)
    if version is None:
        raise UsageError(f"There is no version {name!r} of this catalogue.", "See: galaxiesml versions list")
    rules = of_catalog(catalog)
    keep(catalog, rules)
    frozen = replace(version, frozen=rules.rule_hash(name))
    write_version(catalog, frozen)
    return frozen


def keep(catalog: Catalog, rules: Rules) -> None:
    """Keep the rule of each version of the catalogue under versions/history, by its hash."""
    for name in catalog.own_versions:
        if name in rules.names:
            path = folder(catalog) / "history" / f"{rules.rule_hash(name)}.json"
            if not path.is_file():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(path, json.dumps({"version": name, **rules.rule(name)}, indent=1) + "\n")


def check_removable(catalog: Catalog, cut: str) -> None:
    """Whether no version uses a cut.

    Raises
    ------
    CatalogError
        One does.
    """
    using = [version.name for version in own_versions(catalog).values() if cut in version.added]
    if using:
        raise CatalogError(
            f"{cut} is a cut of {', '.join(using)}.", f"Type first: galaxiesml versions remove {using[0]}"
        )
