"""Every table that a build reads, declared once: what lands, what is planned, what Python measures.

From these declarations follow the views that dbt reads (its sources ``raw``, ``plan`` and ``derived``), the tables that
stand in for what is not there yet, and their names in SQL.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from galaxiesml.catalog.measured import MEASUREMENTS
from galaxiesml.dictionary import Column, arrow_type, columns, family
from galaxiesml.releases.conversions import MADE_AT_LANDING
from galaxiesml.releases.profile import Profile

if TYPE_CHECKING:
    import pyarrow as pa

#: The folder, next to those of landings and runs, that holds tables of no rows.
EMPTY = "0000-empty"


@dataclass(frozen=True)
class Landed:
    """One kind of what lands: a folder of raw/.

    Attributes
    ----------
    what : str
        What is landed, in words.
    order : tuple of str
        Keys of landing.json by which its landings are sorted.
    facts : tuple of str
        Keys of landing.json that build.json keeps.
    identity : tuple of str
        Facts in which two landings differ if they may bring other rows.
    told : str
        The entry of build.json, a list of the facts.
    group : str
        Else an entry that holds a list of the first fact for each kind of the group.
    """

    what: str
    order: tuple[str, ...]
    facts: tuple[str, ...]
    identity: tuple[str, ...]
    told: str = ""
    group: str = ""


def _tars(what: str) -> Landed:
    return Landed(what, ("shard",), ("shard",), ("shard",), group="shards")


_FILE = ("source_file", "source_sha256")
#: Kinds of what lands.
LANDED = {
    "hsc": Landed(
        "exports", ("landing",), ("landing", *_FILE, "kind", "rows"), ("landing", "source_sha256"), "landings"
    ),
    "release": Landed(
        "released files", ("split", *_FILE), (*_FILE, "split", "rows"), ("source_sha256",), "release_files"
    ),
    "specz": Landed(
        "survey tables",
        ("survey", *_FILE),
        ("survey", *_FILE, "description_sha256", "rows", "no_flag"),
        ("source_sha256", "description_sha256", "no_flag"),
        "specz",
    ),
    "cutouts": _tars("tars of cutouts"),
    "psf": _tars("tars of PSF pictures"),
}
#: Splits that have files; a buffer is in none.
SPLITS = ("training", "validation", "testing")
#: Schemes of splits, as the columns of the mart have them: split_release.
SCHEMES = ("release", "paper", "official", "leak_free")
#: Which sides of a pair a landed export brings.
SIDES = {"objects": ("object",), "specz": ("spectrum",), "joined": ("object", "spectrum")}

#: Which row of which file a row is of, by the dictionary's types.
EXPORT_KEYS = dict(zip(MADE_AT_LANDING, ("bigint", "text", "text", "bigint"), strict=True))
SPECTRUM_KEYS = {"survey": "text", "source_file": "text", "source_sha256": "text", "source_row": "bigint"}


@dataclass(frozen=True)
class Store:
    """One table that no build makes.

    Attributes
    ----------
    name : str
        In SQL.
    source : str
        dbt's source, and the schema of its view: raw, plan or derived.
    path : str
        Below the catalogue; ``*`` is a landing's or a run's folder.
    written_by : str
        The command that writes it.
    description : str
    columns : callable
        Of the release profile: name to the dictionary's type.
    """

    name: str
    source: str
    path: str
    written_by: str
    description: str
    columns: Callable[[Profile | None], dict[str, str]]

    def schema(self, profile: Profile | None = None) -> pa.Schema:
        """Arrow fields of the columns; those of exports and of pictures depend on the profile."""
        return arrow_schema(self.columns(profile))


def arrow_schema(types: dict[str, str]) -> pa.Schema:
    """Arrow fields of columns, by the dictionary's types."""
    import pyarrow as pa

    return pa.schema([(name, arrow_type(kind)) for name, kind in types.items()])


def of_exports(profile: Profile) -> dict[str, Column]:
    """Our columns that an export may bring."""
    return {name: column for name, column in columns(profile.bands).items() if column.of}


def is_of(kind: str, column: Column) -> bool:
    """Whether a landed table of a kind may have one of our columns."""
    return column.of in SIDES[kind] or column.name == "object_id"


def _export(kind: str) -> Callable[[Profile], dict[str, str]]:
    def columns_of(profile: Profile) -> dict[str, str]:
        wanted = {name: column.type for name, column in of_exports(profile).items() if is_of(kind, column)}
        # Of a column that staging makes of the release's own, those land.
        made = [name for name in profile.conversions if name in wanted]
        inputs = {one.landed: one.kind or "text" for one in profile.inputs.values()} if made else {}
        return EXPORT_KEYS | {name: type for name, type in wanted.items() if name not in made} | inputs

    return columns_of


def _families(*names: str, keys: dict[str, str] | None = None) -> Callable[[Profile | None], dict[str, str]]:
    """Columns of the dictionary's lists, under the names that they land by."""

    def columns_of(profile: Profile | None) -> dict[str, str]:
        planes = (profile.instrument.mask_planes or ()) if profile is not None else ()
        found = [column for name in names for column in family(name, planes=planes)]
        return (keys or {}) | {column.landed: column.landed_type for column in found}

    return columns_of


def picture_types(planes: tuple[str, ...]) -> dict[str, str]:
    """Columns of the tables of landed pictures, by the dictionary's types.

    Parameters
    ----------
    planes : tuple of str
        Planes of the survey's masks.
    """
    found = [column for name in ("picture", "stored_picture") for column in family(name, planes=planes)]
    return {column.landed: column.landed_type for column in found}


_TABLES = {"objects": "Object tables", "specz": "HSC spectrum tables", "joined": "Joined exports"}
_TARS = {
    "cutouts": ("cutout", "cutouts", "a landed tar of cutouts; its pixels stand in the tar's shard"),
    "psf": ("psf", "PSF pictures", "a landed tar of PSF pictures"),
}
STORES = (
    *(
        Store(
            f"hsc_{kind}",
            "raw",
            f"raw/hsc/*/{kind}.parquet",
            "ingest hsc",
            f"{words} as landed, one row per row of the file.",
            _export(kind),
        )
        for kind, words in _TABLES.items()
    ),
    Store(
        "landings",
        "raw",
        "raw/landings.parquet",
        "ingest hsc",
        "One row per landed file.",
        _families("landings"),
    ),
    *(
        store
        for kind, (name, words, tar) in _TARS.items()
        for store in (
            Store(
                f"{name}_pictures",
                "raw",
                f"raw/{kind}/*/pictures.parquet",
                f"ingest {kind}",
                f"One row per member of {tar}.",
                _families("picture", "stored_picture"),
            ),
            Store(
                f"{name}_requests",
                "raw",
                f"raw/{kind}/*/requests.parquet",
                f"ingest {kind}",
                f"One row per line of an upload list that a landed tar of {words} answers.",
                _families("request"),
            ),
        )
    ),
    Store(
        "specz_spectra",
        "raw",
        "raw/specz/*/spectra.parquet",
        "ingest specz",
        "One row per row of a landed table of a spectroscopic survey.",
        _families("landed_spectrum", keys=SPECTRUM_KEYS),
    ),
    Store(
        "release_splits",
        "raw",
        "raw/release/*/splits.parquet",
        "ingest release",
        "One row per object of the landed released files: the file and the split that it is in.",
        _families("released"),
    ),
    *(
        store
        for one in MEASUREMENTS
        for store in (
            Store(
                f"{one.name}_parts",
                "derived",
                f"derived/{one.name}/*/*.parquet",
                one.written_by,
                f"One row per {one.row} and settings that {one.name} was measured by.",
                lambda profile, one=one: one.types,
            ),
            Store(
                f"{one.name}_settings",
                "derived",
                f"derived/{one.name}/settings.parquet",
                one.written_by,
                f"The settings of {one.name} that builds take, a row each; none before any measurement.",
                lambda profile, one=one: one.settings_types,
            ),
        )
    ),
    Store(
        "normalisation_statistics",
        "derived",
        "derived/normalisation.parquet",
        "build",
        "One row per build, sample, image size and filter: statistics of the training images that exports wrote.",
        _families("normalisation"),
    ),
    Store(
        "cut_states",
        "plan",
        "plan/cut_states.parquet",
        "build",
        "One row per landed file and cut, written by galaxiesml before a build.",
        _families("cut_states"),
    ),
    Store(
        "versions",
        "plan",
        "plan/versions.parquet",
        "build",
        "One row per version: whether a build makes it; written by galaxiesml before a build.",
        _families("plan_versions"),
    ),
    *(
        Store(
            f"known_photoz_{name}",
            "plan",
            f"plan/known_photoz_{name}.parquet",
            "build",
            f"photoz_{name} as the build before has it, so that what is unchanged is not computed again.",
            _families(f"photoz_{name}"),
        )
        for name in ("metrics", "scores")
    ),
)
BY_NAME = {store.name: store for store in STORES}
#: dbt's sources, and the schemas of their views.
SOURCES = tuple(dict.fromkeys(store.source for store in STORES))


def ensure_empty(catalog) -> None:
    """Write a table of no rows and all columns for each that is declared, so that every model builds at every stage.

    Also finishes what a killed landing left, and brings raw/landings.parquet up to date.  The caller holds
    ``catalog.lock``.

    Parameters
    ----------
    catalog : galaxiesml.catalog.Catalog
    """
    from galaxiesml.catalog.landing import recover, refresh_landings

    recover(catalog)
    for store in STORES:
        if store.name != "landings":
            _ensure(catalog.root / store.path.replace("*", EMPTY), store.schema(catalog.profile), "*" in store.path)
    refresh_landings(catalog)


def _ensure(path: Path, schema: pa.Schema, is_empty: bool) -> None:
    import pyarrow.parquet as pq

    from galaxiesml.system.atomic import write_table

    # A table of rows is its writer's; one of no rows follows the columns of today.
    if path.is_file() and (not is_empty or pq.read_schema(path).equals(schema)):
        return
    write_table(path, schema.empty_table())
