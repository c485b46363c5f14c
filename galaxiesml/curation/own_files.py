"""Write cuts of a catalogue, and carry versions to another catalogue as one file."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from galaxiesml import __version__
from galaxiesml.catalog import Catalog
from galaxiesml.curation import own_cuts, own_versions
from galaxiesml.curation.own_cuts import OwnCut, check_columns, check_name, quoted
from galaxiesml.curation.own_versions import OwnVersion, merged
from galaxiesml.curation.rules import published
from galaxiesml.errors import InputError, UsageError
from galaxiesml.system.atomic import write_atomic
from galaxiesml.toml_keys import Key, key_problems, refuse

_MOST_BYTES = 1_000_000
#: Every key of a version's export.
_KEYS = (
    Key("name", "text", "Name of the version", required=True),
    Key("rule", "text", "SHA-256 of its rule", required=True),
    Key("galaxiesml", "text", "Version of galaxiesml that wrote it", required=True),
    Key("version", "table", "The version's file", required=True),
    *(replace(key, path=f"version.{key.path}") for key in own_versions.KEYS),
    Key("cuts", "table", "Files of its own cuts, by name"),
    Key("cuts.*", "table", "One cut"),
    *(replace(key, path=f"cuts.*.{key.path}") for key in own_cuts.KEYS),
    Key("published", "table", "Conditions of the published cuts that it has"),
    Key("published.*", "text", "A condition"),
)


def check_cut(catalog: Catalog, cut: OwnCut) -> None:
    """Check a cut's condition, its boundary rows, and the landed columns that it reads.

    Raises
    ------
    UsageError, InputError, CatalogError
    """
    cut.entry([])
    if wrong := cut.wrong_rows():
        raise InputError(
            f"cuts/{cut.name}.toml: its condition disagrees with its boundary rows: {'; '.join(wrong)}.",
            "Change one of them; or write it again: galaxiesml cuts new --force",
        )
    check_columns(catalog, cut)


def write_cut(catalog: Catalog, cut: OwnCut, force: bool = False) -> OwnCut:
    """Write a cut's file with the boundary rows that are proposed; the caller holds the lock.

    Raises
    ------
    UsageError
        The name is taken, the condition is refused, or a frozen version uses the cut.
    """
    taken = own_cuts.reserved_names(catalog) | set(catalog.own_versions)
    check_name(cut.name, "cut", taken)
    path = own_cuts.folder(catalog) / f"{cut.name}.toml"
    if path.is_file() and not force:
        raise UsageError(f"There is a cut {cut.name!r} already.", "Choose another name, or replace it with --force.")
    for version in own_versions.own_versions(catalog).values():
        if version.frozen and cut.name in version.added:
            raise UsageError(f"{cut.name} is a cut of {version.name}, which is frozen.", "Choose another name.")
    cut = replace(cut, rows=cut.proposed_rows())
    check_cut(catalog, cut)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, cut.text())
    return cut


def exported(catalog: Catalog, name: str) -> str:
    """A version with its cuts as one file, from which `imported` makes it in another catalogue.

    Raises
    ------
    UsageError
        The catalogue has no such version.
    """
    version = own_versions.own_versions(catalog).get(name)
    if version is None:
        raise UsageError(f"There is no version {name!r} of this catalogue.", "See: galaxiesml versions list")
    rules, own = own_versions.of_catalog(catalog), own_cuts.own_cuts(catalog)
    cuts = rules.of_version(name)
    lines = [
        "# A version of galaxies.  Type: galaxiesml versions import FILE, then galaxiesml build",
        f"name = {quoted(name)}",
        f"rule = {quoted(rules.rule_hash(name))}",
        f"galaxiesml = {quoted(__version__)}",
        "",
        "# What the published cuts of it say, for reading.",
        "[published]",
        *(f"{cut['name']} = {quoted(cut.get('sql') or cut['window'])}" for cut in cuts if cut["name"] not in own),
        "",
        "[version]",
        *_body(version.text()),
    ]
    for cut in cuts:
        if cut["name"] in own:
            lines += ["", f"[cuts.{cut['name']}]", *_under(f"cuts.{cut['name']}", own[cut["name"]].text())]
    return "\n".join(lines) + "\n"


def _body(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def _under(table: str, text: str) -> list[str]:
    """A file's lines as a table of another file: its own tables are below that."""
    heads = (("[[", f"[[{table}."), ("[columns", f"[{table}.columns"))
    lines = []
    for line in _body(text):
        for head, new in heads:
            if line.startswith(head):
                line = new + line.removeprefix(head)
                break
        lines.append(line)
    return lines


def imported(catalog: Catalog, path: Path, force: bool = False) -> OwnVersion:
    """Write the version and the cuts of an export into a catalogue; the caller holds the lock.

    Raises
    ------
    InputError
        The file is not such an export, or its rule is another one here.
    UsageError
        A name is taken by something else.
    """
    version, cuts, rule = _read(catalog, path)
    taken = own_cuts.reserved_names(catalog)
    here, versions = own_cuts.own_cuts(catalog), own_versions.own_versions(catalog)
    check_name(version.name, "version", taken | set(here))
    for name, cut in cuts.items():
        check_name(name, "cut", taken | set(catalog.own_versions) | {version.name})
        if here.get(name, cut) != cut and not force:
            raise UsageError(f"There is another cut {name!r} here.", "Compare: galaxiesml cuts show; or --force")
        for other in versions.values():
            if here.get(name, cut) != cut and other.frozen and name in other.added:
                raise UsageError(f"{name} is a cut of {other.name}, which is frozen.", "Rename it in the file.")
        check_cut(catalog, cut)
    if versions.get(version.name, version) != version and not force:
        raise UsageError(f"There is another version {version.name!r} here.", "Rename it in the file, or give --force.")
    found = merged([version], here | cuts, lambda cut: check_columns(catalog, cut)).rule_hash(version.name)
    if found != rule:
        raise InputError(
            f"{path}: the rule of {version.name} is {found[:12]} here and was {rule[:12]} where it was written"
            f"{_differing(path)}.",
            "Install the version of galaxiesml that the file names.",
        )
    own_cuts.folder(catalog).mkdir(exist_ok=True)
    for name, cut in cuts.items():
        write_atomic(own_cuts.folder(catalog) / f"{name}.toml", cut.text())
    own_versions.write_version(catalog, version)
    return version


def _read(catalog: Catalog, path: Path) -> tuple[OwnVersion, dict[str, OwnCut], str]:
    raw = _raw(path)
    refuse(str(path), "is not a version's export", key_problems(raw, _KEYS))
    version = own_versions.version_of(raw["name"], raw["version"], str(path))
    cuts = {
        name: own_cuts.cut_of(name, entry, catalog, f"{path}: cuts.{name}")
        for name, entry in raw.get("cuts", {}).items()
    }
    return version, cuts, raw["rule"]


def _raw(path: Path) -> dict:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path} is too large for a version's export.", "Give a file of galaxiesml versions export."
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.", "Give a file of galaxiesml versions export.") from error


def _differing(path: Path) -> str:
    """Published cuts whose conditions are others in the file, as the end of a sentence."""
    known = {cut["name"]: cut.get("sql") or cut["window"] for cut in published().cuts}
    others = [name for name, sql in _raw(path).get("published", {}).items() if known.get(name) != sql]
    return f": {', '.join(others)} {'is' if len(others) == 1 else 'are'} not the same" if others else ""
