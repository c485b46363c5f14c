"""`galaxiesml export ecsv`: tables whose files hold units and cuts."""

from __future__ import annotations

import typer

from galaxiesml.cli.export import Force, Out, Table, Version, Where, export, one


def register(app: typer.Typer) -> None:
    export.command("ecsv")(ecsv)


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
