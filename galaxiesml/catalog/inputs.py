"""List the inputs of a build for its build.json, and check whether they have changed since.

The list contains every kind of landing and every measurement, with the facts that `galaxiesml.catalog.stores.LANDED`
and `galaxiesml.catalog.measured.MEASUREMENTS` declare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from galaxiesml.catalog.measured import MEASUREMENTS
from galaxiesml.catalog.stores import LANDED, Landed

if TYPE_CHECKING:
    from galaxiesml.catalog.folder import Catalog


def told(catalog: Catalog) -> dict:
    """The inputs that a build made now would have, as entries of build.json."""
    found: dict = {}
    for kind, landed in LANDED.items():
        rows = [{fact: row[fact] for fact in landed.facts if fact in row} for row in catalog.landings(kind)]
        if landed.group:
            found.setdefault(landed.group, {})[kind] = [row[landed.facts[0]] for row in rows]
        else:
            found[landed.told] = rows
    return found | {one.name: one.taken(catalog) for one in MEASUREMENTS}


def landings_of(info: dict, kind: str) -> list[dict]:
    """The landings of one kind in a build; none for a kind that did not exist when the build was made.

    Parameters
    ----------
    info : dict
        build.json.
    """
    landed = LANDED[kind]
    if landed.group:
        return [{landed.facts[0]: value} for value in info.get(landed.group, {}).get(kind, [])]
    return info.get(landed.told, [])


def is_current(catalog: Catalog, info: dict) -> bool:
    """Whether a build made now would have the same landings and measurements."""
    return all(
        _identities(landed, landings_of(info, kind)) == _identities(landed, catalog.landings(kind))
        for kind, landed in LANDED.items()
    ) and all((info.get(one.name) or None) == (one.taken(catalog) or None) for one in MEASUREMENTS)


def landed_since(catalog: Catalog, info: dict, kind: str) -> int:
    """Number of landings of one kind that are not in a build."""
    landed = LANDED[kind]
    return len(set(_identities(landed, catalog.landings(kind))) - set(_identities(landed, landings_of(info, kind))))


def _identities(landed: Landed, rows: list[dict]) -> list[tuple]:
    return [tuple(row.get(fact) for fact in landed.identity) for row in rows]
