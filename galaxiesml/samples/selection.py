"""Choose the galaxies of each file, and give the reason why others are left out."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.parquet import quote
from galaxiesml.catalog.stores import SPLITS
from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.samples.where import Where, read_where, rows_of, words

MISSING = ("leave-out", "zero")


@dataclass(frozen=True)
class Selection:
    """The choice of galaxies for a set of files.

    Attributes
    ----------
    version : str
        Of galaxies, as v2.
    scheme : str
        Of splits: release, paper, official or leak-free.
    missing : str
        'leave-out' galaxies without a picture in some filter, or 'zero' the picture.
    where : Where, optional
        A condition on the version's rows; others are no part of the choice, and are not listed as left out.
    """

    version: str
    scheme: str
    missing: str
    where: Where | None = None

    @property
    def split_column(self) -> str:
        return f"split_{self.scheme.replace('-', '_')}"


def check_selection(
    catalog: Catalog, version: str | None, scheme: str, missing: str, where: str | None = None
) -> Selection:
    """Check a selection against the published build.

    Parameters
    ----------
    where : str, optional
        A condition on the version's rows, as it was typed.

    Raises
    ------
    UsageError
        Unknown split scheme, or unknown value for missing.
    CatalogError
        The build does not have the version, or was made by a version without splits and pictures.
    """
    name = catalog.built_version(version)
    if missing not in MISSING:
        raise UsageError(f"Unknown value for --missing: {missing}.", f"Give one of {', '.join(MISSING)}.")
    tables = catalog.tables()
    if not {"splits", "pictures"} <= set(tables):
        raise CatalogError(f"Build {catalog.current_id()} has no splits or no pictures.", "Type: galaxiesml build")
    connection = catalog.connect()
    columns = {row[0] for row in connection.execute("describe splits").fetchall()}
    selection = Selection(name, scheme, missing, read_where(catalog, f"galaxies_{name}", where))
    if selection.split_column not in columns:
        known = sorted(column.removeprefix("split_").replace("_", "-") for column in columns if "split_" in column)
        raise UsageError(f"No split scheme {scheme!r}.", f"Schemes: {', '.join(known)}.")
    return selection


def select(catalog: Catalog, selection: Selection, memory_limit: str = "512MB") -> duckdb.DuckDBPyConnection:
    """A connection with two tables: ``chosen`` (object_id, split, has_all) and ``left_out``.

    ``chosen`` holds the galaxies that go into files; ``left_out`` those that do not, with the reason
    in words, and its class to group by.
    """
    connection = catalog.connect(memory_limit=memory_limit)
    bands = len(catalog.profile.bands)
    # A build from before reasons had classes can be exported too.
    has_classes = "picture_reason_class" in connection.table("pictures").columns
    kind = "picture_reason_class" if has_classes else "'unknown'"
    connection.execute(f"""
        create temp table standing as
        select
            galaxies.object_id,
            splits.{selection.split_column} as split,
            coalesce(shown.filters, 0) = {bands} as has_all,
            shown.lacks,
            shown.lacks_class
        from {rows_of(f"galaxies_{selection.version}", selection.where)} as galaxies
        left join splits on galaxies.object_id = splits.object_id
        left join (
            select
                object_id,
                count(image_offset) as filters,
                string_agg(band || ': ' || picture_reason, '; ' order by band) filter (image_offset is null) as lacks,
                string_agg(distinct kind, ' ' order by kind) filter (image_offset is null) as lacks_class
            from (select *, {kind} as kind from pictures) group by object_id
        ) as shown on galaxies.object_id = shown.object_id
    """)
    is_in = f"split in ({', '.join(map(quote, SPLITS))})"
    has = "true" if selection.missing == "zero" else "has_all"
    connection.execute(f"create temp table chosen as select object_id, split from standing where {is_in} and {has}")
    connection.execute(f"""
        create temp table left_out as
        select
            object_id,
            split,
            case
                when split is null then 'the scheme {selection.scheme} has no split for it'
                when not {is_in} then 'buffer between splits'
                else coalesce('no picture in ' || lacks, 'no picture is landed')
            end as reason,
            case
                when split is null then 'no_split'
                when not {is_in} then 'buffer'
                else coalesce(lacks_class, 'no_picture_landed')
            end as reason_class
        from standing
        where object_id not in (select object_id from chosen)
    """)
    return connection


def counts(catalog: Catalog, connection: duckdb.DuckDBPyConnection, selection: Selection) -> dict[str, int]:
    """Galaxies of each split that go into files.

    Raises
    ------
    CatalogError
        None does.
    """
    found = dict(connection.execute("select split, count(*) from chosen group by split").fetchall())
    if not found:
        raise CatalogError(
            f"No galaxy of {selection.version}{words(selection.where)} has pictures in all filters and a split.",
            catalog.next_for("cutouts")
            + '; or see why: galaxiesml sql "select picture_reason_class, count(*) from pictures group by all"',
        )
    return {split: found.get(split, 0) for split in SPLITS}
