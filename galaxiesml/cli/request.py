"""``galaxiesml request ...``: upload lists for pictures that the catalogue does not have yet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given

#: Objects that are named one by one; of more, the rest are counted.
_NAMED = 20

request = typer.Typer(
    no_args_is_help=True,
    help="""Write upload lists for missing cutouts.

    \b
    Example:
      galaxiesml request cutouts --bands gri --out lists/
    """,
)


def register(app: typer.Typer) -> None:
    app.add_typer(request, name="request")


@request.callback()
def _group() -> None:
    """Makes ``request`` a group although it has a single command."""


@request.command("cutouts")
def cutouts(
    version: Annotated[
        str | None, typer.Option(help="Version of the galaxies: v1 to v4, or your own; default: v2.")
    ] = None,
    bands: Annotated[str | None, typer.Option(metavar="gri", help="Filters; default: all of the release.")] = None,
    semi_width: Annotated[float, typer.Option(metavar="ARCSEC", help="Half the side of a cutout.")] = 10.0,
    layers: Annotated[str, typer.Option(metavar="L,L", help="Layers, of image,mask,variance.")] = "image",
    kind: Annotated[str, typer.Option("--type", help="Type of the cutouts: coadd, coadd/bg or warp.")] = "coadd",
    again: Annotated[
        bool, typer.Option("--again", help="Include cutouts that were requested before and not delivered.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output folder; default: requests/ in the catalogue.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing lists that differ.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write upload lists for missing cutouts, in the format of the cutout service.

    A list has one filter and no more lines than the archive takes, in the order that the service answers fastest.
    Cutouts that were delivered, and those outside the coverage, are not requested again. Refused pictures are, and so
    are those missing from a tar that was cut short. Objects with an impossible position are left out and listed.

    \b
    Examples:
      galaxiesml request cutouts
      galaxiesml request cutouts --bands gri --layers image,mask,variance
      galaxiesml request cutouts --version v1 --again --out more/
    """
    from galaxiesml.cutouts.wanted import check_ask, other_lists, wanted_lists, write_lists

    catalog = common.catalog()
    ask = check_ask(catalog, version, bands, semi_width, layers, type=kind, again=again)
    folder = given.check_folder(out, "request cutouts") or catalog.root / "requests"
    wanted = wanted_lists(catalog, ask, folder)
    states = write_lists(wanted.lists, force=force)
    rows = [
        {"list": str(made.path), "filter": made.band, "lines": made.lines, "galaxies": made.objects, "state": state}
        for made, state in zip(wanted.lists, states, strict=True)
    ]
    if as_json:
        counts = {"pictures": wanted.pictures, "in_vain": wanted.in_vain, "unplaced": wanted.unplaced}
        names = ("object_id", "ra", "dec")
        counts["impossible"] = [dict(zip(names, place, strict=True)) for place in wanted.impossible]
        common.print_json({"version": ask.version, "folder": str(folder)} | counts | {"lists": rows})
    else:
        common.table(rows)
    _say(catalog.profile, wanted, folder, other_lists(folder, wanted.lists, catalog.profile.instrument))


def _say(profile, wanted, folder: Path, others: list[Path]) -> None:
    if wanted.unplaced:
        common.warn(f"{wanted.unplaced:,} galaxies have no position, so no picture of them can be requested.")
    for object_id, ra, dec in wanted.impossible[:_NAMED]:
        common.warn(
            f"Object {object_id} is left out: RA {ra}, Dec {dec} is not a position on the sky. "
            f"To see where it comes from: galaxiesml audit row {object_id}"
        )
    if len(wanted.impossible) > _NAMED:
        more = len(wanted.impossible) - _NAMED
        common.warn(f"{more:,} more objects are left out because of their positions; --json lists them all.")
    if wanted.in_vain:
        common.say(
            f"{wanted.in_vain:,} pictures were requested before and not delivered; request them again with --again."
        )
    if others:
        common.warn(f"{others[0]} belongs to an earlier request, not to this one ({len(others)} such lists).")
    if not wanted.lists:
        left = " of the galaxies that have a position on the sky" if wanted.impossible or wanted.unplaced else ""
        common.say(f"Nothing to request: every picture{left} is landed or was requested before.")
        return
    name = wanted.lists[0].path.stem
    common.say(
        f"Upload each list to {_service(profile)}, and save its tar next to the list: {name}.tar next to {name}.txt.\n"
        f"Next: galaxiesml ingest cutouts {folder} && galaxiesml build"
    )


def _service(profile) -> str:
    release = profile.name.partition("_")[0]
    if profile.instrument.archive == "hsc-ssp" and release in ("pdr2", "pdr3"):
        return f"https://hsc-release.mtk.nao.ac.jp/das_cutout/{release}/"
    return "the archive's cutout service"
