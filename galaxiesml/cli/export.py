"""`galaxiesml export ...`: files that leave the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

export = typer.Typer(help="Write a version of galaxies, or another table, to a file.", no_args_is_help=True)

Version = Annotated[str | None, typer.Option(help="v1, v2, v3 or v4; without it, plain galaxies.")]
Table = Annotated[str | None, typer.Option(help="Another table of the build, as rejections.", metavar="NAME")]
Force = Annotated[bool, typer.Option("--force", help="Write though the disk seems too full.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: exports/ in the catalogue.")]


def register(app: typer.Typer) -> None:
    app.add_typer(export, name="export")


@export.command("csv")
def csv(
    version: Version = None,
    table: Table = None,
    out: Out = None,
    plain: Annotated[bool, typer.Option("--plain", help="No commented header; its facts go beside, as JSON.")] = False,
    force: Force = False,
) -> None:
    """Write CSV with an ECSV header: units, UCDs, the cuts made and those missing.

    astropy and TOPCAT read the header; pandas and Polars skip it with comment="#" and comment_prefix="#".

    \b
    Examples:
      galaxiesml export csv
      galaxiesml export csv --version v3 --plain --out strict.csv
      galaxiesml export csv --table rejections
    """
    from galaxiesml.release.tables import write_csv

    catalog = common.catalog()
    made = _made(catalog, version, table)
    path = _path(catalog, out, made, "csv", force)
    write_csv(made, path, plain)
    _say(made, path)


@export.command("parquet")
def parquet(version: Version = None, table: Table = None, out: Out = None, force: Force = False) -> None:
    """Write Parquet whose columns carry units, UCDs and descriptions.

    \b
    Example:
      galaxiesml export parquet --version v1 --out paper.parquet
    """
    from galaxiesml.release.tables import write_parquet

    catalog = common.catalog()
    made = _made(catalog, version, table)
    path = _path(catalog, out, made, "parquet", force)
    write_parquet(made, path)
    _say(made, path)


def _made(catalog, version: str | None, table: str | None):
    from galaxiesml.catalog import DEFAULT_VERSION
    from galaxiesml.errors import UsageError
    from galaxiesml.release.tables import export_of, table_export

    if version and table:
        raise UsageError("--version and --table name two tables.", "Give one: --version v3 is --table galaxies_v3.")
    # A version's file names its cuts, whichever way it was asked for.
    if table is None or table == "galaxies":
        return export_of(catalog, version or f"v{DEFAULT_VERSION}")
    if table.startswith("galaxies_v"):
        return export_of(catalog, table.removeprefix("galaxies_"))
    return table_export(catalog, table)


def _path(catalog, out: Path | None, made, suffix: str, force: bool) -> Path:
    from galaxiesml.config import check_space

    name = f"{made.facts['table']}.{suffix}"
    path = catalog.exports / name if out is None else out / name if out.is_dir() else out
    path.parent.mkdir(parents=True, exist_ok=True)
    check_space(path.parent, 10 * made.source.stat().st_size, force)
    return path


def _say(made, path: Path) -> None:
    if made.incomplete:
        common.warn(f"{path.name} is INCOMPLETE: {', '.join(made.incomplete)} not judged in full; the file says so.")
    common.say(f"{made.facts['rows']:,} rows of {made.facts['table']}, build {made.facts['build']}")
    common.result(str(path))
