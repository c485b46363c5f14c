"""``galaxiesml plot ...``: figures of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

plot = typer.Typer(
    no_args_is_help=True,
    help="""Draw figures: galleries of galaxies, morphology, redshift distributions.

    \b
    Examples:
      galaxiesml plot gallery --n 6 --out figure1.pdf
      galaxiesml plot redshifts --version v2 --out nz.png
    """,
)

Version = Annotated[str | None, typer.Option(help="Version of the galaxies: v1 to v4, or your own; default: v2.")]
Where = Annotated[
    str | None,
    typer.Option(metavar="CONDITION", help="Draw only rows that meet it; applied after all cuts, duplicates included."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Output file (.png, .pdf or .svg); default: in exports/."),
]
Json = Annotated[bool, typer.Option("--json", help="Print what was drawn as JSON.")]


def register(app: typer.Typer) -> None:
    app.add_typer(plot, name="plot")


@plot.command("gallery")
def gallery(
    version: Version = None,
    n: Annotated[int, typer.Option("--n", metavar="N", help="Number of galaxies, 1 to 24.")] = 12,
    random: Annotated[bool, typer.Option("--random", help="Choose at random, not what shows well.")] = False,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Seed of a random choice; default: 1.")] = None,
    where: Where = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw galaxies in every filter, on a linear and a logarithmic scale, ordered by redshift.

    The galaxies are parted by redshift into as many equal parts as are drawn. Of each part the one is drawn that shows
    best: little masked, not blended, large, bright. With --random, or --seed, any one is.

    \b
    Examples:
      galaxiesml plot gallery
      galaxiesml plot gallery --n 6 --random --seed 3 --out figure1.pdf
      galaxiesml plot gallery --where "i_cmodel_mag < 20"
    """
    from galaxiesml.plots.gallery import choose_galaxies, draw_gallery
    from galaxiesml.plots.page import page_format

    catalog = common.catalog()
    path = out or catalog.exports / "gallery.png"
    page_format(path)
    if random and seed is None:
        seed = 1
    shown = choose_galaxies(catalog, version, n, seed, where)
    if len(shown) < n:
        common.warn(f"Only {len(shown):,} galaxies have pictures in all filters.")
    title = f"{catalog.profile.title}: {len(shown)} galaxies of {version or 'v2'}{f' where {where}' if where else ''}"
    draw_gallery(shown, list(catalog.profile.bands), title).save(path)
    rows = [{"object_id": galaxy.object_id, "redshift": galaxy.redshift} for galaxy in shown]
    _say(path, {"seed": seed, "where": where, "galaxies": rows}, as_json)


@plot.command("morphology")
def morphology(
    object_id: Annotated[int, typer.Argument(help="HSC identifier of the object.")],
    bands: Annotated[str | None, typer.Option(metavar="grizy", help="Filters to draw; default: all.")] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw the morphology of a galaxy over its pixels: isophotes, ellipse, Sersic model, residual.

    The figure follows the paper's Figure 3, with one row per filter. Solid: the second-moment ellipse. Dashed: three
    times that ellipse. Blue: the circle with half of the light. Cross: the object's position in the catalogue.

    \b
    Examples:
      galaxiesml plot morphology 36416246018753893
      galaxiesml plot morphology 36416246018753893 --bands i --out figure3.pdf
    """
    from galaxiesml.cli.morphology import chosen_bands
    from galaxiesml.morphology.redraw import redraw
    from galaxiesml.plots.morphology import draw_morphology
    from galaxiesml.plots.page import page_format

    catalog = common.catalog()
    path = out or catalog.exports / f"morphology-{object_id}.png"
    page_format(path)
    shown = redraw(catalog, object_id, chosen_bands(bands, list(catalog.profile.bands)))
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_morphology(shown, f"Object {object_id}").save(path)
    facts = [{"band": one.band, "sersic_index": one.row["sersic_index"]} for one in shown]
    _say(path, {"object_id": object_id, "bands": facts}, as_json)


@plot.command("redshifts")
def redshifts(
    version: Version = None,
    split_scheme: Annotated[str, typer.Option(metavar="NAME", help="Split scheme.")] = "release",
    where: Where = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Draw n(z) of a version, for all galaxies and by split.

    \b
    Examples:
      galaxiesml plot redshifts --version v2 --out nz.png
      galaxiesml plot redshifts --version v1 --split-scheme leak-free --out nz.pdf
    """
    from galaxiesml.plots.page import page_format
    from galaxiesml.plots.redshifts import draw_redshifts, read_redshifts

    catalog = common.catalog()
    path = out or catalog.exports / "redshifts.png"
    page_format(path)
    name, found = read_redshifts(catalog, version, split_scheme, where)
    chosen = f" where {where}" if where else ""
    draw_redshifts(found, f"n(z) of galaxies_{name}{chosen}, splits {split_scheme}").save(path)
    counts = {split: len(values) for split, values in found.items()}
    _say(path, {"version": name, "split_scheme": split_scheme, "where": where, "galaxies": counts}, as_json)


def _say(path: Path, facts: dict, as_json: bool) -> None:
    if as_json:
        common.print_json({"path": str(path)} | facts)
    else:
        common.result(str(path))
