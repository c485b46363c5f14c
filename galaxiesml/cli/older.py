"""Explain errors that occur because the published build was made by an earlier galaxiesml."""

from __future__ import annotations

from galaxiesml.cli import common
from galaxiesml.errors import CatalogError, GalaxiesmlError


def older_build(error: Exception) -> CatalogError | None:
    """The error for an older build; None if the build has every table and column of a current one.

    Parameters
    ----------
    error : Exception
        What a command failed of: only what a table, a column or a key that is missing can raise is looked at.
    """
    import duckdb
    import pyarrow as pa

    if not isinstance(error, duckdb.CatalogException | duckdb.BinderException | KeyError | FileNotFoundError):
        return None
    from galaxiesml.catalog import find_catalog

    try:
        catalog = find_catalog(common.STATE.catalog)
        missing = _missing(catalog)
    except (GalaxiesmlError, OSError, pa.ArrowInvalid):
        return None
    if isinstance(error, FileNotFoundError) and str(catalog.builds) not in str(error):
        # A file that the user named, not one that the build would have.
        return None
    if not missing:
        return None
    shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
    return CatalogError(
        f"Build {catalog.current_id()} was made by an earlier galaxiesml: it has no {shown}.", "Type: galaxiesml build"
    )


def _missing(catalog) -> list[str]:
    """Tables that the published build does not have, else missing columns as TABLE.COLUMN."""
    import pyarrow.parquet as pq

    from galaxiesml.curation.rules import of_build
    from galaxiesml.curation.schema import mart_columns

    build, profile = catalog.current_build(), catalog.profile
    left_out = {f"galaxies_{row['version']}" for row in _versions(build) if not row["built"]}
    ours = mart_columns(profile.bands, of_build(catalog), profile.instrument.mask_planes or ())
    ours = {name: of for name, of in ours.items() if name not in left_out}
    missing = [name for name in ours if not (build / f"{name}.parquet").is_file()]
    return missing or [
        f"{name}.{column}"
        for name, of in ours.items()
        for column in of
        if column not in pq.read_schema(build / f"{name}.parquet").names
    ]


def _versions(build) -> list[dict]:
    import pyarrow.parquet as pq

    path = build / "versions.parquet"
    return pq.read_table(path, partitioning=None).to_pylist() if path.is_file() else []
