"""The cuts and versions of galaxies: the published ones, a catalogue's, and those that a build was made by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.curation.macros import Macros
from galaxiesml.errors import CatalogError, UsageError

#: In a build's folder: the rules that it was made by.
FILE = "rules.json"


@dataclass(frozen=True)
class Rules:
    """Cuts in the order of application, and the versions that use them.

    Attributes
    ----------
    cuts : tuple of dict
        The keys are explained in sql/macros/published_cuts.sql; a user's cut has ``text``, its condition as it is
        shown, and ``sides``, the columns that it reads by the side of the pair.
    versions : tuple of dict
        ``name`` and ``title``.
    columns : tuple of dict
        Landed columns outside the dictionary that users' cuts read: name, type, of (the side of the pair) and kinds
        (of the landings that have it).
    """

    cuts: tuple[dict, ...]
    versions: tuple[dict, ...]
    columns: tuple[dict, ...] = ()

    @property
    def row_cuts(self) -> tuple[dict, ...]:
        """The cuts that judge a pair by itself."""
        return tuple(cut for cut in self.cuts if "sql" in cut)

    @property
    def words(self) -> tuple[tuple[str, str], ...]:
        """(name, why) of each cut, for the dictionary's ok_{cut} columns."""
        return tuple((cut["name"], cut["why"]) for cut in self.cuts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the versions."""
        return tuple(version["name"] for version in self.versions)

    def cut(self, name: str) -> dict:
        """The cut of a name.

        Raises
        ------
        UsageError
            There is none.
        """
        found = next((cut for cut in self.cuts if cut["name"] == name), None)
        if found is None:
            raise UsageError(f"No cut named {name!r}.", f"Cuts: {', '.join(cut['name'] for cut in self.cuts)}.")
        return found

    def of_version(self, version: str) -> list[dict]:
        """The cuts of one version: row cuts, then window cuts."""
        chosen = [cut for cut in self.cuts if version in cut["versions"]]
        return [cut for cut in chosen if "sql" in cut] + [cut for cut in chosen if "window" in cut]

    def rule(self, version: str) -> dict:
        """What decides which pairs a version keeps: its cuts' conditions in order, and columns that they declare."""
        cuts = self.of_version(version)
        needs = {name for cut in cuts for name in cut["needs"]}
        return {
            "cuts": [{"name": cut["name"], "condition": cut.get("sql") or cut["window"]} for cut in cuts],
            "columns": [
                {key: column[key] for key in ("name", "type", "of")}
                for column in self.columns
                if column["name"] in needs
            ],
        }

    def rule_hash(self, version: str) -> str:
        """SHA-256 of a version's rule."""
        return hashlib.sha256(json.dumps(self.rule(version), sort_keys=True).encode()).hexdigest()

    def standing(self, info: dict, version: str) -> str:
        """What a build (its build.json) has of a version: '' if it is as it would be made now."""
        built = info["versions"].get(version)
        if built is None:
            return "not built"
        changed = built.get("rule", self.rule_hash(version)) != self.rule_hash(version)
        return f"changed since build {info['id']}" if changed else ""

    def window_columns(self, bands) -> list[str]:
        """Columns of a pair that the window cuts read, filters written out."""
        return self.macros(bands).call("window_columns")

    def macros(self, bands, **more) -> Macros:
        """The project's macros with these rules; ``more`` goes to `Macros`."""
        return Macros(list(bands), variables=self.variables() | more.pop("variables", {}), **more)

    def variables(self) -> dict:
        """What dbt is told: nothing where the rules are the published ones."""
        if self == published():
            return {"rules": {}}
        return {"rules": self._content()}

    def _content(self) -> dict:
        return {"cuts": list(self.cuts), "versions": list(self.versions), "columns": list(self.columns)}

    def text(self) -> str:
        """JSON that `of_build` reads back."""
        return json.dumps(self._content(), indent=1) + "\n"


@cache
def published() -> Rules:
    """The rules of sql/macros."""
    macros = Macros(())
    return Rules(tuple(macros.call("published_cuts")), tuple(macros.call("published_versions")))


def of_build(catalog: Catalog) -> Rules:
    """The rules that the published build was made by."""
    return read(catalog.current_build())


def read(build: Path) -> Rules:
    """The rules of a build's folder; builds of earlier versions have the published ones.

    Raises
    ------
    CatalogError
        The file cannot be read.
    """
    path = build / FILE
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return Rules(*(tuple(raw[key]) for key in ("cuts", "versions", "columns")))
    except FileNotFoundError:
        return published()
    except (OSError, ValueError, KeyError) as error:
        raise CatalogError(f"{path} cannot be read: {error}.", "Type: galaxiesml build") from error


def is_banded(cut: dict) -> bool:
    return any("{band}" in column for column in cut["needs"])


def terms(cut: dict, bands) -> dict[str, dict]:
    """The cut's condition in each filter ('*' for a cut that has none).

    Returns
    -------
    dict of str to dict
        Filter to ``{"sql": condition or None for a window cut, "needs": [columns]}``.
    """
    sql = cut.get("sql")
    return {
        band: {
            "sql": sql and sql.replace("{band}", band),
            "needs": [column.replace("{band}", band) for column in cut["needs"]],
        }
        for band in (bands if is_banded(cut) else ["*"])
    }
