"""``galaxiesml fetch cutouts`` and ``fetch psf``: what the manifest wants, batch by batch, landed as it comes."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from galaxiesml.cli import common, fetch

Version = Annotated[str | None, typer.Option(help="Version of the galaxies: v1 to v4, or your own; default: v2.")]
Bands = Annotated[str | None, typer.Option(metavar="gri", help="Filters; default: all of the release.")]
Kind = Annotated[str, typer.Option("--type", help="Type of the coadds: coadd, coadd/bg or warp.")]
Again = Annotated[bool, typer.Option("--again", help="Include what was requested before and not delivered.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", metavar="N", help="Connections to the archive.", min=1, max=10)]
Rows = Annotated[int, typer.Option("--rows", metavar="N", help="Most lines of a list.", min=1, max=990)]
KeepTars = Annotated[
    bool, typer.Option("--keep-tars", help="Keep the tars and their lists in the catalogue's fetch folder.")
]


def register(app: typer.Typer) -> None:
    fetch.group.command("cutouts")(cutouts)
    fetch.group.command("psf")(psf)


def cutouts(
    version: Version = None,
    bands: Bands = None,
    semi_width: Annotated[float, typer.Option(metavar="ARCSEC", help="Half the side of a cutout.")] = 10.0,
    layers: Annotated[str, typer.Option(metavar="L,L", help="Layers, of image,mask,variance.")] = "image",
    kind: Kind = "coadd",
    again: Again = False,
    jobs: Jobs = 4,
    rows: Rows = 990,
    keep_tars: KeepTars = False,
    url: fetch.Url = None,
    retry_for: fetch.RetryFor = fetch.RETRY_FOR,
    wait: fetch.Wait = fetch.WAIT,
    force: fetch.Force = False,
    json: fetch.Json = False,
) -> None:
    """Fetch the missing cutouts of a build's galaxies, and land each tar as it comes.

    The lists are those of request cutouts. A list that fails is sent again, then in halves, so that a row that the
    archive cannot answer is named alone. The result is a sum: lines asked = landed + absent + refused. Interrupted,
    the same command goes on with what is missing.

    \b
    Examples:
      galaxiesml fetch cutouts --layers image,mask,variance
      galaxiesml fetch cutouts --bands gri --jobs 2 --keep-tars
    """
    # Its own options by their names, and nothing else yet.
    _fetch("cutouts", **locals())


def psf(
    version: Version = None,
    bands: Bands = None,
    kind: Kind = "coadd",
    again: Again = False,
    jobs: Jobs = 4,
    rows: Rows = 990,
    keep_tars: KeepTars = False,
    url: fetch.Url = None,
    retry_for: fetch.RetryFor = fetch.RETRY_FOR,
    wait: fetch.Wait = fetch.WAIT,
    force: fetch.Force = False,
    json: fetch.Json = False,
) -> None:
    """Fetch the PSF pictures that the manifest's cutouts lack, in the tract of each cutout.

    \b
    Examples:
      galaxiesml fetch psf
      galaxiesml fetch psf --bands i --jobs 2
    """
    _fetch("psf", **locals())


def _fetch(
    what: str,
    *,
    version: str | None,
    bands: str | None,
    kind: str,
    again: bool,
    semi_width: float = 10.0,
    layers: str = "image",
    url: str | None,
    retry_for: float,
    json: bool,
    **options,
) -> None:
    """Fetch what a service is asked for, and print what came of it; ``options`` are those of `fetch_lists.Options`."""
    from galaxiesml.cli import fetch_lists
    from galaxiesml.cutouts.wanted import check_ask

    catalog = common.catalog()
    ask = check_ask(catalog, version, bands, semi_width, layers, type=kind, again=again)
    _print(fetch_lists.fetch(catalog, ask, fetch_lists.Options(what, **options), url, retry_for), what, json)


def _print(total, kind: str, as_json: bool) -> None:
    from dataclasses import asdict

    assert total.asked == total.landed + total.absent + len(total.refused)
    if as_json:
        common.print_json(asdict(total))
    else:
        common.result(
            f"{total.asked:,} lines asked = {total.landed:,} landed + {total.absent:,} absent + "
            f"{len(total.refused):,} refused; {total.tars:,} tars, {total.bytes / 1e6:,.1f} MB."
        )
    for reason, count in Counter(refused["reason"] for refused in total.refused).most_common(5):
        first = next(refused for refused in total.refused if refused["reason"] == reason)
        more = f" and {count - 1:,} more" if count > 1 else ""
        common.warn(f"{first['line']}{more} refused: {reason}")
    if total.not_asked:
        more = f" and {len(total.not_asked) - 1:,} more" if len(total.not_asked) > 1 else ""
        common.warn(f"{total.not_asked[0]}{more} refused: not asked for.")
    if not total.asked and not total.left:
        common.say(f"Nothing to fetch: all {kind} are landed or were requested before.")
    else:
        common.say("Next: galaxiesml build")
