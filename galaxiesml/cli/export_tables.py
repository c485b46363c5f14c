"""`galaxiesml export ecsv`, `fits`, `votable` and `parquet`: tables whose files hold units and cuts."""

from __future__ import annotations

import enum
from typing import Annotated

import typer

from galaxiesml.cli.export import Force, Out, Table, Version, Where, export, one


class Reader(enum.StrEnum):
    astropy = "astropy"


def register(app: typer.Typer) -> None:
    for command in (ecsv, fits, votable, parquet):
        export.command(command.__name__)(command)


def ecsv(
    version: Version = None, table: Table = None, where: Where = None, out: Out = None, force: Force = False
) -> None:
    """Export ECSV: CSV with a header of units, UCDs, applied cuts and missing cuts.

    astropy and TOPCAT read the header; pandas and Polars skip it with comment="#" and comment_prefix="#".

    \b
    Examples:
      galaxiesml export ecsv --version v2
      galaxiesml export ecsv --table cut_flow --out flow.ecsv
    """
    one("ecsv", version, table, where, out, force)


def fits(
    version: Version = None, table: Table = None, where: Where = None, out: Out = None, force: Force = False
) -> None:
    """Export a FITS binary table with units, UCDs, descriptions and provenance.

    astropy and TOPCAT read all of it. NULL is TNULL in integers and NaN in other numbers; flags that have NULL are
    16-bit integers. FITS does not distinguish NULL from an empty text.

    \b
    Examples:
      galaxiesml export fits --version v2
      galaxiesml export fits --version mine --where "specz_redshift < 1.5" --out near.fits
    """
    one("fits", version, table, where, out, force)


def votable(
    version: Version = None, table: Table = None, where: Where = None, out: Out = None, force: Force = False
) -> None:
    """Export a VOTable (XML) with units, UCDs, descriptions and provenance.

    VOTable does not distinguish NULL from an empty text.

    \b
    Examples:
      galaxiesml export votable --version v2
      galaxiesml export votable --table rejections --out rejections.vot
    """
    one("votable", version, table, where, out, force)


def parquet(
    version: Version = None,
    table: Table = None,
    where: Where = None,
    out: Out = None,
    reader: Annotated[
        Reader | None,
        typer.Option("--for", metavar="astropy", help="Write astropy's own layout, with a mask beside each column."),
    ] = None,
    force: Force = False,
) -> None:
    """Export Parquet with units, UCDs and descriptions of the columns.

    NULL is NULL, as pandas, Polars and DuckDB read it. astropy does not: --for astropy writes what its Table.read and
    QTable.read turn into masked columns.

    \b
    Examples:
      galaxiesml export parquet --version v1 --out paper.parquet
      galaxiesml export parquet --where "{band}_cmodel_mag < 24" --out bright.parquet
      galaxiesml export parquet --for astropy --out masked.parquet
    """
    one("parquet", version, table, where, out, force, reader)
