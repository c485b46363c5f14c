"""What a build is made of, as its build.json tells it, and whether the catalogue holds anything else since.

Every kind of landing and every measurement is told: by the facts that `galaxiesml.catalog.stores.LANDED` and
`galaxiesml.catalog.measured.MEASUREMENTS` declare.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from galaxiesml.catalog.measured import MEASUREMENTS
from galaxiesml.catalog.stores import LANDED, Landed

if TYPE_CHECKING:
    from galaxiesml.catalog.folder import Catalog


def told(catalog: Catalog) -> dict:
    """The inputs of a build that is made now, as entries of build.json."""
    found: dict = {}
    for kind, landed in LANDED.items():
        rows = [{fact: row[fact] for fact in landed.facts if fact in row} for row in catalog.landings(kind)]
        if landed.group:
            found.setdefault(landed.group, {})[kind] = [row[landed.facts[0]] for row in rows]
        else:
            found[landed.told] = rows
    return found | {one.name: one.taken(catalog) for one in MEASUREMENTS}


def landings_of(info: dict, kind: str) -> list[dict]:
    """The landings of a kind that a build is made of; none for a kind that it is too old to know.

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
    """Whether a build that is made now would be made of the same landings and measurements."""
    return all(
        _identities(landed, landings_of(info, kind)) == _identities(landed, catalog.landings(kind))
        for kind, landed in LANDED.items()
    ) and all((info.get(one.name) or None) == (one.taken(catalog) or None) for one in MEASUREMENTS)


def landed_since(catalog: Catalog, info: dict, kind: str) -> int:
    """How many landings of a kind a build is not made of."""
    landed = LANDED[kind]
    return len(set(_identities(landed, catalog.landings(kind))) - set(_identities(landed, landings_of(info, kind))))


def _identities(landed: Landed, rows: list[dict]) -> list[tuple]:
    return [tuple(row.get(fact) for fact in landed.identity) for row in rows]
