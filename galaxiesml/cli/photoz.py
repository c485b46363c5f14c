"""`galaxiesml evaluate`, `runs`, `ingest predictions`, `export predictions` and `plot photoz`: what runs predicted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, export, forms, given, ingest, plot
from galaxiesml.cli import leave_out as leaving
from galaxiesml.cli import nz as stacking

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[float, typer.Option("--wait", metavar="S", help="Seconds to wait while another process writes.")]
Runs = Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs; default: all.")]
#: What a table of bins shows: definition, metric, head.
_OF_BINS = (
    ("paper", "bias_mean", "bias"),
    ("code", "scatter", "NMAD"),
    ("code", "outliers", "outliers"),
    ("paper", "mse", "MSE"),
    ("code", "loss", "loss"),
    ("pdf", "crps", "CRPS"),
)
#: Options of --nz and of --leave-out, and those that evaluate has without them.
_OF_NZ = ("nz", "of", "where", "bins", "tomography", "picture", "as_json")
_OF_LEAVE_OUT = ("leave_out", "surveys", "picture", "intervals", "as_json")
_OF_BOTH = {"of", "intervals", "as_json"}


class LeftOut(StrEnum):
    """What trainings can be repeated without."""

    SURVEY = "survey"


class Sample(StrEnum):
    """Galaxies that a run may be judged on."""

    TESTING = "testing"
    VALIDATION = "validation"
    TRAINING = "training"
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.command("evaluate")(evaluate)
    ingest.group.command("predictions")(ingest_predictions)
    export.export.command("predictions")(export_predictions)
    plot.plot.command("photoz")(plot_photoz)


@forms.tabular()
def evaluate(
    context: typer.Context,
    runs: Runs = None,
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="COLUMN", help="Bin by specz_redshift, i_cmodel_mag or survey."),
    ] = None,
    of: Annotated[
        Sample, typer.Option("--of", help="Galaxies to judge by; all but testing are computed now, not published.")
    ] = Sample.TESTING,
    intervals: Annotated[bool, typer.Option("--intervals", help="Show the 95 % intervals.")] = False,
    nz: Annotated[
        bool, typer.Option("--nz", help="n(z) from stacked PDFs instead, next to the spectroscopic redshifts.")
    ] = False,
    where: Annotated[
        str, typer.Option(metavar="SQL", help="With --nz: a condition over predictions and galaxies.")
    ] = "",
    bins: Annotated[
        str | None, typer.Option(metavar="WIDTH|EDGES", help="With --nz: bins of the n(z), as 0.1 or 0,0.5,1.")
    ] = None,
    tomography: Annotated[
        str | None, typer.Option(metavar="EDGES", help="With --nz: bins by z_phot, as 0.3,0.6,0.9.")
    ] = None,
    leave_out: Annotated[
        LeftOut | None,
        typer.Option("--leave-out", help="Train RUN again without each survey, and judge both on its galaxies."),
    ] = None,
    surveys: Annotated[
        str | None, typer.Option(metavar="A,B", help="With --leave-out: these surveys; default: all large enough.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="With --nz or --leave-out: draw it (png, pdf, svg).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare predictions with spectroscopic redshifts: Table 2 of Do et al. 2024, or one line a bin.

    Only galaxies that a run has never seen count. Two runs are also compared galaxy by galaxy. --nz gives n(z) of a
    sample and mean redshifts of tomographic bins. --leave-out survey tells how an estimator does on a survey that it
    never saw; it trains once a survey, and typed again it continues.

    \b
    Examples:
      galaxiesml evaluate
      galaxiesml evaluate table-1 forest-1 --intervals
      galaxiesml evaluate table-1 --by specz_redshift --json
      galaxiesml evaluate table-1 --nz --where 'i_cmodel_mag < 23' --tomography 0.3,0.6,0.9,1.2 --plot nz.pdf
      galaxiesml evaluate table-1 --leave-out survey --surveys vvds,primus_dr1
    """
    if nz or leave_out:
        this, mine = ("--nz", _OF_NZ) if nz else ("--leave-out", _OF_LEAVE_OUT)
        given.refuse_with(context, this, mine, "It prints a table of its own.")
        if nz:
            stacking.nz(runs or [], of.value, where, bins, tomography, picture, as_json)
        else:
            leaving.leave_out(runs or [], surveys, picture, intervals, as_json)
        return
    _refuse_alone(context)
    from galaxiesml.curation.evaluate import difference, metrics
    from galaxiesml.errors import UsageError

    if as_json and intervals:
        raise UsageError("--json cannot be combined with --intervals.", "JSON has every metric and its interval.")
    catalog = common.catalog()
    found = metrics(catalog, runs or [], by, of.value)
    apart = difference(catalog, *runs) if runs and len(runs) == 2 and by is None and of is Sample.TESTING else []
    for note in found.notes:
        common.warn(note)
    if as_json:
        common.print_json({"sample": found.sample, "metrics": found.rows, "difference": apart, "notes": found.notes})
        return
    rows = _table(found.rows, by, intervals)
    common.table(rows)
    _print_difference(apart, runs)
    for reason in sorted({row["value_reason"] for row in found.rows if row["value_reason"]}):
        common.say(f"No value: {reason}.")


def _refuse_alone(context: typer.Context) -> None:
    """Refuse options that say nothing without --nz or --leave-out."""
    from galaxiesml.errors import UsageError

    for name in given.typed_names(context):
        if name in {*_OF_NZ, *_OF_LEAVE_OUT} - _OF_BOTH:
            word = {"picture": "plot"}.get(name, name)
            needs = "--nz or --leave-out" if name == "picture" else "--leave-out" if name == "surveys" else "--nz"
            raise UsageError(f"--{word} goes with {needs}.", f"Add {needs}, or leave it out.")


def _table(metrics: list[dict], by: str | None, intervals: bool) -> list[dict]:
    """One line a run, or a run and bin, with the metrics of Table 2 in columns."""
    from galaxiesml.curation.evaluate import TABLE_2

    lines: dict[tuple, dict] = {}
    for row in metrics:
        line = lines.setdefault((row["photoz_run"], row["bin"]), {"run": row["photoz_run"]})
        if by:
            line[by] = row["bin"]
        line["galaxies"] = row["galaxies"]
        for definition, metric, head in _OF_BINS if by else TABLE_2:
            if (definition, metric) == (row["definition"], row["metric"]):
                line[head] = _value(row, intervals)
    heads = [head for _, _, head in (_OF_BINS if by else TABLE_2)]
    first = ["run", *([by] if by else []), "galaxies"]
    return [{name: line.get(name, "-") for name in (*first, *heads)} for line in lines.values()]


def _value(row: dict, intervals: bool) -> str:
    if row["value"] is None:
        return "-"
    if not intervals:
        return f"{row['value']:.3g}"
    return f"{row['value']:.3g} [{row['value_low']:.3g}, {row['value_high']:.3g}]"


def _print_difference(apart: list[dict], runs: list[str] | None) -> None:
    if not apart:
        return
    common.result(f"\n{runs[0]} less {runs[1]}, on {apart[0]['galaxies']:,} galaxies that both predict:")
    shown = {(definition, metric) for definition, metric, _ in _OF_BINS}
    common.table(
        [
            {
                "definition": row["definition"],
                "metric": row["metric"],
                "difference": f"{row['value']:.3g}",
                "95 % interval": f"[{row['value_low']:.3g}, {row['value_high']:.3g}]",
            }
            for row in apart
            if (row["definition"], row["metric"]) in shown and row["value"] is not None
        ]
    )


def ingest_predictions(
    file: Annotated[Path, typer.Argument(help="Predictions: .parquet, .csv, or .hdf5 of RAIL's qp.")],
    name: Annotated[str, typer.Option("--name", metavar="RUN", help="Name of the run.")],
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="OURS=THEIRS", help="Column of the file for z_phot, object_id or z_spec."),
    ] = None,
    scheme: Annotated[
        str, typer.Option("--split-scheme", metavar="NAME", help="Splits whose testing galaxies judge the run.")
    ] = "release",
    trained_on: Annotated[
        str, typer.Option("--trained-on", metavar="TEXT", help="What the estimator was trained on, in words.")
    ] = "unknown",
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Land photometric redshifts that were predicted elsewhere; the next build judges them.

    The file has object_id and z_phot. A file without identifiers has z_spec as well, and is judged by that.

    \b
    Examples:
      galaxiesml ingest predictions theirs.parquet --name theirs
      galaxiesml ingest predictions mizuki.csv --name mizuki --column z_phot=photoz_best
      galaxiesml ingest predictions rail.hdf5 --name flexzboost
    """
    from galaxiesml.catalog.stores import SCHEMES
    from galaxiesml.errors import UsageError
    from galaxiesml.photoz import external, stored

    if scheme.replace("-", "_") not in SCHEMES:
        raise UsageError(f"No split scheme {scheme!r}.", f"Schemes: {', '.join(SCHEMES).replace('_', '-')}.")
    stored.check_name(name)
    catalog = common.catalog()
    read = external.read(file, _renamed(column or []))
    known = external.known_objects(catalog, read.table["object_id"])
    run = {
        "photoz_run": name,
        "estimator": "external",
        "z_phot_is": "point",
        "trained_on": trained_on,
        "split_scheme": scheme.replace("-", "_"),
        "photoz_settings_json": external.origin(file),
    }
    with catalog.lock("ingest predictions", wait):
        row = stored.put(catalog, run, read.batches(), read.edges)
    if known.unknown:
        common.warn(f"{known.unknown:,} of {known.rows:,} objects are in no landed file: they cannot be judged.")
    if trained_on == "unknown":
        common.warn(
            "It is not known what these predictions were trained on: their training galaxies may judge them.  "
            "Say it with --trained-on."
        )
    if as_json:
        common.print_json({key: value for key, value in row.items() if key != "pdf_edges"})
    else:
        common.result(f"{name}: {row['n_predictions']:,} predictions, {'with' if row['pdf_edges'] else 'without'} PDFs")
        common.say("Next: galaxiesml build")


def _renamed(columns: list[str]) -> dict[str, str]:
    from galaxiesml.errors import UsageError

    ours = {"z_phot": "z_phot", "object_id": "object_id", "z_spec": "redshift_of_file"}
    found = {}
    for words in columns:
        name, equals, theirs = words.partition("=")
        if name not in ours or not equals or not theirs:
            raise UsageError(f"--column {words}: write OURS=THEIRS, with OURS one of {', '.join(ours)}.")
        found[ours[name]] = theirs
    return found


class Format(StrEnum):
    """Formats of exported predictions."""

    PARQUET = "parquet"
    QP = "qp"
    CSV = "csv"


def export_predictions(
    runs: Runs = None,
    output: Annotated[Format, typer.Option("--format", help="qp is a file that RAIL opens: one run.")] = Format.PARQUET,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Default: in exports/.")] = None,
) -> None:
    """Export predictions of the published build, with what each run was trained on.

    \b
    Examples:
      galaxiesml export predictions
      galaxiesml export predictions table-1 --format qp --out table-1.hdf5
    """
    from galaxiesml.query import predictions

    catalog = common.catalog()
    suffix = {Format.QP: "hdf5"}.get(output, output.value)
    path = out or catalog.exports / f"predictions.{suffix}"
    given.check_file(
        path, f"export predictions --format {output.value}", (suffix, "h5") if suffix == "hdf5" else (suffix, "txt")
    )
    count = predictions.write(catalog, runs or [], output.value, path)
    common.result(str(path))
    common.say(f"{count:,} predictions")


class Figure(StrEnum):
    """Figures of runs."""

    SCATTER = "scatter"
    BINS = "bins"
    PIT = "pit"
    PDF = "pdf"
    NETWORK = "network"


def plot_photoz(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="One run, or two to compare.")],
    figure: Annotated[
        Figure,
        typer.Option(
            help="z_phot against redshift (Fig. 4), metrics in bins (Fig. 6), PITs, PDFs, or the network (Fig. 5)."
        ),
    ] = Figure.SCATTER,
    out: plot.Out = None,
    as_json: plot.Json = False,
) -> None:
    """Draw what runs predicted against spectroscopic redshifts.

    \b
    Examples:
      galaxiesml plot photoz table-1
      galaxiesml plot photoz table-1 forest-1 --figure bins --out figure6.pdf
    """
    from galaxiesml.plots import network, photoz
    from galaxiesml.plots.page import page_format

    catalog = common.catalog()
    path = out or catalog.exports / f"photoz-{figure.value}.png"
    page_format(path)
    if figure is Figure.NETWORK:
        shown = {runs[0]: None}
        network.draw_network(catalog, runs[0]).save(path)
    else:
        drawn = photoz.read_runs(catalog, runs)
        shown = {run.name: len(run.redshift) for run in drawn}
        photoz.FIGURES[figure.value](catalog, drawn).save(path)
    if as_json:
        common.print_json({"picture": str(path), "runs": shown})
    common.drawn(path, as_json)
