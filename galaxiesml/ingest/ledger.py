"""The list of landed files: find, remove or publish one.

Callers that change anything here must hold the catalogue's lock.
"""

from __future__ import annotations

from pathlib import Path

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.landing import is_meant, recover, refresh_landings, show, take_out
from galaxiesml.errors import UsageError
from galaxiesml.system.atomic import write_atomic


def folder_of(catalog: Catalog, landing: dict) -> Path:
    """The folder of a landed file."""
    return catalog.raw / "hsc" / f"{landing['landing']:04d}-{landing['source_sha256'][:12]}"


def find_landing(catalog: Catalog, reference: str | int) -> dict:
    """Find the landed file by its number, its name or the beginning of its SHA-256.

    Raises
    ------
    UsageError
        None, or more than one.
    """
    text, landings = str(reference), catalog.landings()
    if text.isdecimal() and (found := [entry for entry in landings if entry["landing"] == int(text)]):
        return found[0]
    found = [entry for entry in landings if is_meant(entry, text)]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(entry["landing"]) for entry in found)
        raise UsageError(f"{text} matches the landings {numbers}.", "Give the number of one.")
    known = ", ".join(f"{entry['landing']} ({entry['source_file']})" for entry in landings[-5:]) or "none"
    raise UsageError(f"No landed file matches {text}; landed: {known}.", "Type: galaxiesml ingest list")


def remove_landing(catalog: Catalog, reference: str | int) -> dict:
    """Remove a landed file; its number is not used again.  Existing builds are not changed."""
    recover(catalog)
    landing = find_landing(catalog, reference)
    keep_number(catalog, landing["landing"])
    take_out(catalog, "hsc", folder_of(catalog, landing).name)
    refresh_landings(catalog)
    return landing


def publish(catalog: Catalog, folder: Path, landing: dict, instead_of: dict | None) -> None:
    """Publish a finished folder, replacing another one if it is given."""
    keep_number(catalog, landing["landing"])
    replaced = None if instead_of is None else folder_of(catalog, instead_of).name
    show(catalog, "hsc", folder, folder_of(catalog, landing).name, replaced)
    refresh_landings(catalog)


def next_number(catalog: Catalog) -> int:
    """The number of the next landing: higher than any that was ever used."""
    return max([_last(catalog), *(entry["landing"] for entry in catalog.landings())]) + 1


def keep_number(catalog: Catalog, number: int) -> None:
    if number > _last(catalog):
        write_atomic(_counter(catalog), f"{number}\n")


def _last(catalog: Catalog) -> int:
    try:
        return int(_counter(catalog).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0


def _counter(catalog: Catalog) -> Path:
    return catalog.raw / "last_landing"
