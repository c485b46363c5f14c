"""``galaxiesml audit pictures``: which pictures to distrust."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import audit, common, forms


def register(app: typer.Typer) -> None:
    audit.audit.command("pictures")(pictures)


@forms.tabular("graph")
def pictures(
    version: Annotated[
        str | None, typer.Option(help="Version whose pictures are counted and listed: v1 to v4, or one of your own.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Galaxies listed with their reasons.", metavar="N", min=0)] = 20,
    graph: Annotated[
        Path | None, typer.Option(help="Draw the masked fractions to a .png, .pdf or .svg file.", metavar="FILE")
    ] = None,
    as_json: audit.Json = False,
) -> None:
    """Show which pictures to distrust: masked fractions, what is missing, and the worst pictures with reasons.

    The first two tables are of every kept object (the mart picture_quality, which also has bins of magnitude and
    tract). A picture's defect is the largest fraction of its pixels in one plane that marks a defect, without a value,
    or cut off.

    \b
    Examples:
      galaxiesml audit pictures
      galaxiesml audit pictures --version v3 --limit 100 --json
      galaxiesml audit pictures --graph quality.png
    """
    from galaxiesml.curation.audit_pictures import audit_pictures

    if graph:
        from galaxiesml.plots.page import page_format

        page_format(graph)
    catalog = common.catalog()
    found = audit_pictures(catalog, version, limit)
    if graph:
        from galaxiesml.plots.quality import draw_quality

        draw_quality(found, catalog.profile.title).save(graph)
        common.drawn(graph, as_json)
    if as_json:
        common.print_json(found)
    elif not graph:
        _print(found)


def _print(found: dict) -> None:
    rows = {(row["mask_plane"], row["band"]): row for row in found["planes"]}
    first = next(iter(rows))[0]
    common.table(
        [
            {
                "band": band,
                "pictures": rows[first, band]["pictures_shown"],
                "with mask": rows[first, band]["pictures_with_mask"],
                **{
                    state: _percent(rows[first, band][f"{state}_share"]) for state in ("truncated", "refused", "absent")
                },
            }
            for band in found["bands"]
        ]
    )
    common.result("\nMean fraction of a picture's pixels with the plane set:")
    planes = sorted({(not row["is_defect"], row["mask_plane"]) for row in found["planes"]})
    common.table(
        [
            {
                "plane": plane,
                **{band: _percent(rows[plane, band]["masked_mean"]) for band in found["bands"]},
                "defect": not is_other,
            }
            for is_other, plane in planes
        ]
    )
    counts = "; ".join(f"more than {row['above']:.0%}: {row['pictures']:,}" for row in found["distrusted"])
    common.result(f"\n{found['pictures']:,} pictures of galaxies_{found['version']}, with a defect of {counts}")
    if found["worst"]:
        common.result("\nThe worst:")
    common.table(
        [
            {
                "object_id": str(one["object_id"]),
                "defect": _percent(one["defect"]),
                "reasons": ", ".join(one["reasons"]),
                "at its centre": ", ".join(one["centre"]),
            }
            for one in found["worst"]
        ]
    )


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return "0" if share == 0 else "<0.01%" if share < 0.0001 else f"{share:.2%}"
