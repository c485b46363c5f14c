"""``galaxiesml plot thumbnails``: galaxies in colour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, plot


def register(app: typer.Typer) -> None:
    plot.plot.command("thumbnails")(thumbnails)


def thumbnails(
    version: plot.Version = None,
    where: plot.Where = None,
    n: Annotated[int, typer.Option("--n", metavar="N", help="Number of galaxies at most; 0: all.", min=0)] = 48,
    rgb: Annotated[
        str | None, typer.Option(metavar="irg", help="Filters for red, green and blue; default: i, r and g.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the choice among more galaxies than --n.")] = 1,
    stretch: Annotated[
        float, typer.Option(metavar="COUNTS", help="Counts of zero point 27 shown on a linear scale.")
    ] = 0.5,
    softening: Annotated[float, typer.Option(metavar="Q", help="Larger shows more of what is bright.")] = 8.0,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw sheets of 48 (.png, .pdf or .svg); default: in exports/."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write a PNG for each galaxy, <object_id>.png.")
    ] = None,
    as_json: plot.Json = False,
) -> None:
    """Draw galaxies in colour, three filters as red, green and blue (Lupton et al. 2004), with redshift and magnitude.

    Galaxies without a picture in one of the three filters are left out. All pictures have one scale, so that faint
    galaxies look faint.

    \b
    Examples:
      galaxiesml plot thumbnails --where "i_cmodel_mag < 20"
      galaxiesml plot thumbnails --rgb zig --n 96 --sheet sheets/nearby.pdf --where "specz_redshift < 0.2"
      galaxiesml plot thumbnails --n 0 --out thumbnails
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.plots.page import page_format
    from galaxiesml.plots.thumbnails import choose, write_files, write_sheets

    if sheet and out:
        raise UsageError("--sheet and --out are two ways to draw.", "Give one of them.")
    catalog = common.catalog()
    path = sheet or catalog.exports / "thumbnails.png"
    page_format(path)
    chosen = choose(catalog, version, where=where, rgb=rgb, n=n, seed=seed, stretch=stretch, softening=softening)
    if chosen.left_out:
        common.warn(f"{chosen.left_out:,} galaxies have no picture in one of {', '.join(chosen.bands)}: left out.")
    with common.progress("drawing", chosen.galaxies, "galaxies") as bar:
        if out:
            count = sum(1 for _ in write_files(catalog, chosen, out, bar.advance))
            told = {"folder": str(out), "galaxies": count}
        else:
            chose = f" where {chosen.where}" if chosen.where else ""
            title = f"{catalog.profile.title}: {chosen.galaxies:,} galaxies of {chosen.version}{chose}"
            sheets = write_sheets(catalog, chosen, path, title, bar.advance)
            told = {"sheets": [str(one) for one in sheets], "galaxies": chosen.galaxies}
    if as_json:
        common.print_json(
            told | {"left_out": chosen.left_out} | {key.lower(): fact for key, fact in chosen.facts.items()}
        )
    else:
        common.result("\n".join(told["sheets"]) if "sheets" in told else told["folder"])
