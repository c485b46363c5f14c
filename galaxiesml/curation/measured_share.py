"""The share of a build's pictures that are measured."""

from __future__ import annotations

from pathlib import Path

from galaxiesml.catalog.parquet import parquet


def measured_share(folder: Path) -> dict[str, int]:
    """Count the pictures of a build, and those that are measured.

    Parameters
    ----------
    folder : Path
        The build, whose mart ``morphology`` says of every galaxy and filter why it has no measurement.

    Returns
    -------
    dict
        pictures, measured.
    """
    import duckdb

    with duckdb.connect() as connection:
        pictures, measured = connection.execute(f"""
            select
                count(*) filter (morphology_reasons is distinct from 'no_picture'),
                count(*) filter (
                    morphology_reasons is distinct from 'no_picture'
                    and morphology_reasons is distinct from 'not_measured'
                )
            from {parquet(folder / "morphology.parquet")}
        """).fetchall()[0]
    return {"pictures": pictures, "measured": measured}
