"""`galaxiesml train --weights` and `plot weights`: training galaxies that count differently."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, plot

Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="COLUMN|colour",
        help="Weights of galaxies: a column, or colour: as the photometric sample is in magnitudes and colours.",
    ),
]
Like = Annotated[
    Path | None,
    typer.Option("--weights-like", metavar="FILE", help="With --weights colour: the sample to resemble."),
]


def register(app: typer.Typer) -> None:
    plot.plot.command("weights")(plot_weights)


def check(weights: str | None, like: Path | None, is_of_catalog: bool, has_columns: bool) -> None:
    """Refuse words that contradict each other, before anything is read."""
    from galaxiesml.errors import UsageError
    from galaxiesml.photoz.weighted import COLOUR

    if like is not None and weights != COLOUR:
        raise UsageError("--weights-like goes with --weights colour.", "Give both, or neither.")
    if weights == COLOUR and like is None and not is_of_catalog:
        raise UsageError("--weights colour needs a sample to resemble.", "Name a table of it: --weights-like FILE")
    if weights not in (None, COLOUR) and not has_columns:
        raise UsageError(
            "--weights COLUMN is for a catalogue or --table.", "With --files, give --weights colour --weights-like FILE"
        )


def apply(data, config, weights: str | None, like: Path | None, catalog=None, source=None):
    """The data with weights, what run.json tells of them, and the target sample; the data alone without weights."""
    from galaxiesml.photoz import weighted

    if weights is None:
        return data, {}, None
    if weights != weighted.COLOUR:
        if catalog is not None:
            data = weighted.of_column(catalog, source, data, weights)
        return data, {"weights": {"by": "column", "column": weights}}, None
    target = weighted.target_of(like, data) if like is not None else _photometric(catalog, source, data.bands)
    data, told = weighted.by_colour(data, target, config)
    if like is not None:
        told["like"] = str(like.resolve())
    return data, {"weights": told}, target


def _photometric(catalog, source, bands: tuple[str, ...]):
    import numpy as np

    from galaxiesml.curation.photometric import photometric_sample
    from galaxiesml.photoz.weighted import Target

    table, whole = photometric_sample(catalog, source.version)
    columns = [table[f"{band}_cmodel_mag"].to_numpy(zero_copy_only=False) for band in bands]
    return Target(np.column_stack(columns).astype(np.float32), f"photometric sample of {source.version}", whole)


def told(run) -> dict:
    """The weights of a run for JSON; nothing without weights."""
    counts = run.info.get("weights")
    return {"weights": counts | run.info["provenance"].get("weights", {})} if counts else {}


def say(run) -> None:
    """Print what the weights of a run are: its effective sample sizes, the clip, and how alike the samples are."""
    told, counts = run.info.get("provenance", {}).get("weights"), run.info.get("weights")
    if not counts:
        return
    rows = run.info["data"]["rows"]
    for name in ("training", "validation"):
        part = counts[name]
        common.result(
            f"{name} weights: {rows[name]:,} galaxies count as {part['effective']:,.0f}, "
            f"{part['clipped']:,} clipped at {counts['clip']:g} times the mean"
        )
    if told and told["by"] == "colour":
        common.table([_line(row) for row in told["match"]])
        if told["uncovered"] > 0:
            common.warn(
                f"{100 * told['uncovered']:.2g} % of the target galaxies are unlike every training galaxy: "
                "no weight stands for them."
            )


def _line(row: dict) -> dict:
    heads = {"training": "training", "weighted": "weighed", "target": "target"}
    means = {head: "-" if row[name] is None else f"{row[name]:.3f}" for name, head in heads.items()}
    distances = {"KS": row["ks"], "KS weighed": row["ks_weighted"]}
    return {"mean of": row["quantity"], **means} | {
        head: "-" if value is None else f"{value:.3f}" for head, value in distances.items()
    }


def plot_weights(
    run: Annotated[str, typer.Argument(help="A run that was trained with weights, or its folder.")],
    out: plot.Out = None,
    as_json: plot.Json = False,
) -> None:
    """Draw magnitudes and colours of a run's training galaxies, before weights and with them, against the target.

    \b
    Examples:
      galaxiesml plot weights table-2
      galaxiesml plot weights photoz/table-1 --out weights.pdf
    """
    from galaxiesml.plots.page import page_format
    from galaxiesml.plots.weights import draw_weights, read_weighed

    home = Path(run)
    if (home / "run.json").is_file():
        path = out or Path("weights.png")
    else:
        catalog = common.catalog()
        home, path = catalog.root / "photoz" / run, out or catalog.exports / f"weights-{run}.png"
    page_format(path)
    found = read_weighed(home, run)
    draw_weights(found).save(path)
    if as_json:
        common.print_json({"picture": str(path), **found.told})
    common.drawn(path, as_json)
