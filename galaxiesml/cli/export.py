"""`galaxiesml export ...`: files that leave the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

export = typer.Typer(help="Write a version of galaxies to a file.", no_args_is_help=True)

Version = Annotated[str, typer.Option(help="v1, v2, v3 or v4.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File or folder; default: exports/ in the catalogue.")]


def register(app: typer.Typer) -> None:
    app.add_typer(export, name="export")


@export.command("csv")
def csv(
    version: Version = "v2",
    out: Out = None,
    plain: Annotated[bool, typer.Option("--plain", help="No commented header; its facts go beside, as JSON.")] = False,
) -> None:
    """Write CSV with an ECSV header: units, UCDs, the cuts made and those missing.

    astropy and TOPCAT read the header; pandas and Polars skip it with comment="#" and comment_prefix="#".

    \b
    Examples:
      galaxiesml export csv
      galaxiesml export csv --version v3 --plain --out strict.csv
    """
    from galaxiesml.release.tables import export_of, write_csv

    catalog = common.catalog()
    made = export_of(catalog, version)
    path = _path(catalog, out, made, "csv")
    write_csv(made, path, plain)
    _say(made, path)


@export.command("parquet")
def parquet(version: Version = "v2", out: Out = None) -> None:
    """Write Parquet whose columns carry units, UCDs and descriptions.

    \b
    Example:
      galaxiesml export parquet --version v1 --out paper.parquet
    """
    from galaxiesml.release.tables import export_of, write_parquet

    catalog = common.catalog()
    made = export_of(catalog, version)
    path = _path(catalog, out, made, "parquet")
    write_parquet(made, path)
    _say(made, path)


def _path(catalog, out: Path | None, made, suffix: str) -> Path:
    from galaxiesml.config import check_space

    name = f"galaxies_{made.facts['version']}.{suffix}"
    path = catalog.exports / name if out is None else out / name if out.is_dir() else out
    path.parent.mkdir(parents=True, exist_ok=True)
    check_space(path.parent, 10 * made.source.stat().st_size)
    return path


def _say(made, path: Path) -> None:
    if made.incomplete:
        common.warn(f"{path.name} is INCOMPLETE: {', '.join(made.incomplete)} not judged in full; the file says so.")
    common.say(f"{made.facts['rows']:,} galaxies of build {made.facts['build']}")
    common.result(str(path))
