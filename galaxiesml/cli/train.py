"""`galaxiesml train`, `predict` and `runs`: estimators of photometric redshifts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given, weights

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Wait = Annotated[float, typer.Option("--wait", metavar="S", help="Seconds to wait while another process writes.")]
#: Options that say how a table names its columns.
_OF_TABLES = ("redshift", "bands", "magnitudes", "errors", "object_id", "group", "non_detection", "limits")


#: Metrics of validation that are shown; JSON and run.json have all.
_SHOWN = {
    "nmad": "NMAD",
    "outliers": "outliers",
    "loss": "loss",
    "crps": "CRPS",
    "pit_ks": "PIT KS",
    "coverage_68": "68 %",
}


class Estimator(StrEnum):
    """Estimators that can be trained."""

    TABLE = "table"
    BEST = "best"
    PAPER_NN = "paper-nn"
    PAPER_CNN = "paper-cnn"
    BNN = "bnn"
    FOREST = "forest"


class Variant(StrEnum):
    """What paper-cnn follows where the paper and its authors' code differ."""

    CODE = "code"
    TEXT = "text"


class Device(StrEnum):
    """Where PyTorch computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class Of(StrEnum):
    """Galaxies that can be predicted."""

    TESTING = "testing"
    ALL = "all"


def register(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("predict")(predict)
    app.command("runs")(runs)


@forms.tabular()
def train(
    context: typer.Context,
    estimator: Annotated[Estimator, typer.Argument(help="What to train: best takes pictures, table magnitudes alone.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="", help="More files of --files.")] = None,
    scheme: Annotated[
        str, typer.Option("--split-scheme", metavar="NAME", help="Splits to train and validate on.")
    ] = "release",
    version: Annotated[str | None, typer.Option(help="Version of the galaxies; default: v2.", metavar="NAME")] = None,
    seeds: Annotated[int | None, typer.Option(metavar="N", help="Networks of the ensemble.", min=1)] = None,
    name: Annotated[
        str | None, typer.Option(metavar="RUN", help="Name of the run; default: ESTIMATOR-1, -2 ...")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another setting, e.g. epochs=30; repeatable."),
    ] = None,
    device: Annotated[Device, typer.Option(help="Where to train.")] = Device.AUTO,
    variant: Annotated[
        Variant | None,
        typer.Option("--as", help="paper-cnn as its authors' code has it (default), or as the paper's text says."),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Train on this table (.parquet, .csv, .hdf5); no catalogue is read."),
    ] = None,
    files: Annotated[
        Path | None, typer.Option(metavar="FILE...", help="Train on GalaxiesML HDF5 files, instead of a catalogue.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Folder of the run, with --table or --files.")
    ] = None,
    redshift: Annotated[str, typer.Option(metavar="COLUMN", help="Column of the redshifts.")] = "specz_redshift",
    bands: Annotated[str | None, typer.Option(metavar="B,B...", help="Filters, from blue to red: u,g,r,i,z,y.")] = None,
    magnitudes: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Columns of the magnitudes, e.g. mag_{band}_lsst.")
    ] = None,
    errors: Annotated[str | None, typer.Option(metavar="PATTERN", help="Columns of their errors.")] = None,
    object_id: Annotated[str | None, typer.Option(metavar="COLUMN", help="Column of the identifiers.")] = None,
    group: Annotated[str, typer.Option(metavar="NAME", help="Group of an HDF5 file that holds the columns.")] = "",
    non_detection: Annotated[
        float | None, typer.Option(metavar="MAG", help="Magnitude that stands for a non-detection, e.g. 99.")
    ] = None,
    limits: Annotated[
        str | None, typer.Option(metavar="B=MAG,...", help="Magnitude that a non-detection counts as, by filter.")
    ] = None,
    weigh: weights.Weights = None,
    like: weights.Like = None,
    as_json: Json = False,
) -> None:
    """Train an estimator of photometric redshifts; type it again to continue a training that was stopped.

    It trains on the training split of the published build and chooses its epochs on the validation split. With --table
    or --files no catalogue is needed.

    \b
    Examples:
      galaxiesml train table
      galaxiesml train paper-nn --split-scheme leak-free --set epochs=50
      galaxiesml train table --table dc2.hdf5 --group photometry --redshift redshift --bands u,g,r,i,z,y
      galaxiesml train best --files 5x64x64_training.hdf5 5x64x64_validation.hdf5
      galaxiesml train best --set size=48 --set trunk=resnet18
      galaxiesml train paper-cnn --as text
      galaxiesml train table --weights colour
    """
    from galaxiesml.errors import UsageError
    from galaxiesml.photoz.config import Config

    words = [*(settings or []), f"device={device.value}", *([f"seeds={seeds}"] if seeds else [])]
    words += [f"variant={variant.value}"] if variant else []
    config = Config.typed(estimator.value, words)
    if more and files is None:
        raise UsageError(f"{more[0]}: train takes one estimator.", "Files of galaxies go after --files.")
    if table is not None and files is not None:
        raise UsageError("--table and --files name two sources.", "Give one of them.")
    if table is None and files is None:
        if found := sorted({"out", *_OF_TABLES} & set(given.typed_names(context))):
            raise UsageError(
                f"--{found[0].replace('_', '-')} goes with --table.", "The catalogue's own columns are used."
            )
        weights.check(weigh, like, is_of_catalog=True, has_columns=True)
        _of_catalog(config, name, version, scheme, (weigh, like), as_json)
        return
    if found := sorted({"version", "scheme"} & set(given.typed_names(context))):
        raise UsageError(
            f"--{found[0].replace('scheme', 'split-scheme')} is for galaxies of a catalogue.", "Leave it out."
        )
    columns = {"redshift": redshift, "magnitudes": magnitudes, "errors": errors, "object_id": object_id, "group": group}
    weights.check(weigh, like, is_of_catalog=False, has_columns=table is not None)
    paths = [table] if table else [files, *(more or [])]
    _of_paths(
        config, paths, table is not None, bands, columns, (non_detection, limits), (weigh, like), name, out, as_json
    )


def _of_paths(config, paths, is_table, bands, columns, limits, weigh, name, out, as_json: bool) -> None:
    """Train on a table, or on GalaxiesML files."""
    from galaxiesml.photoz import named
    from galaxiesml.photoz.config import PICTURED

    if is_table:
        columns["weights"] = None if weigh[0] == "colour" else weigh[0]
        data = named.table(paths[0], bands, columns, *limits)
    else:
        data = named.files(paths, bands, config.estimator in PICTURED)
    home = out or Path("photoz") / (name or named.free(Path("photoz"), config.estimator))
    run = _weighed(data, config, home, {"table": [str(path) for path in paths]}, *weigh)
    _say(
        home.name,
        run,
        as_json,
        f"galaxiesml predict {home} {'--table FILE' if is_table else '--files FILE...'} --out FILE",
    )


def _weighed(data, config, home: Path, told: dict, weigh: str | None, like: Path | None, catalog=None, source=None):
    """Train with the weights that were asked for; what they are stays with the run."""
    from galaxiesml.photoz import weighted

    data, what, target = weights.apply(data, config, weigh, like, catalog, source)
    run = _train(data, config, home, told | what)
    if weigh is not None:
        weighted.keep(home, data, config, target)
    return run


def _of_catalog(config, name: str | None, version: str | None, scheme: str, weigh: tuple, as_json: bool) -> None:
    from galaxiesml.photoz import catalogued, named, photographed, stored
    from galaxiesml.photoz.config import PICTURED

    catalog = common.catalog()
    source = catalogued.source_of(catalog, version, scheme)
    data, without = catalogued.data_of(catalog, source), 0
    if config.estimator in PICTURED:
        data, without = photographed.with_pictures(catalog, data, source.version)
        if without:
            common.warn(f"{without:,} galaxies without a picture in every filter are left out.")
    home = catalog.root / "photoz"
    name = name or named.free(home, config.estimator)
    stored.check_name(name)
    told = catalogued.provenance(catalog, source) | ({"without_pictures": without} if without else {})
    if told["missing_cuts"]:
        common.warn(f"These galaxies are of {source.version} without the cuts {', '.join(told['missing_cuts'])}.")
    run = _weighed(data, config, home / name, told, *weigh, catalog, source)
    catalogued.remember(catalog, name, data)
    _say(name, run, as_json, f"galaxiesml predict {name}")


def _train(data, config, home: Path, provenance: dict):
    from galaxiesml.photoz.run import train

    with common.progress("Training", total=config.seeds * config.epochs, unit="epochs") as bar:

        def tell(epoch) -> None:
            bar.advance(1)
            bar.update(
                f"Network {epoch.member + 1}/{epoch.members}, loss {epoch.validation_loss:.4f}, NMAD {epoch.nmad:.4f}, "
                f"{epoch.rows_per_second:,.0f} rows/s, {epoch.seconds_left:.0f} s left"
            )

        return train(data, config, home, tell=tell, say=common.say, provenance=provenance)


def _say(name: str, run, as_json: bool, following: str) -> None:
    info = run.info
    rows = info["data"]["rows"]
    if as_json:
        common.print_json(
            {
                "run": name,
                "estimator": run.config.estimator,
                **{key: info[key] for key in ("data", "validation", "time")},
                **{key: info[key] for key in ("notes",) if info.get(key)},
                **weights.told(run),
            }
        )
        return
    common.result(
        f"{name}: {run.config.estimator}, {rows['training']:,} galaxies trained on, {rows['validation']:,} validated on"
    )
    common.table([{head: f"{info['validation'][key]:.4g}" for key, head in _SHOWN.items()}])
    weights.say(run)
    common.say(f"Next: {following}")


def predict(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="A run of this catalogue, or the folder of any run.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="", help="More files of --files.")] = None,
    of: Annotated[Of, typer.Option("--of", help="Galaxies of the testing split, or all.")] = Of.TESTING,
    version: Annotated[
        str | None,
        typer.Option(help="Version of the galaxies; default: that which the run was trained on.", metavar="NAME"),
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Predict the rows of this table instead; its columns are named as in training."
        ),
    ] = None,
    files: Annotated[
        Path | None, typer.Option(metavar="FILE...", help="Predict the galaxies of GalaxiesML HDF5 files instead.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="With --table or --files: Parquet file to write."),
    ] = None,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """Predict redshifts with a trained run; the next build takes them.

    \b
    Examples:
      galaxiesml predict table-1
      galaxiesml predict table-1 --of all
      galaxiesml predict photoz/table-1 --table new.parquet --out new-photoz.parquet
      galaxiesml predict photoz/best-1 --files 5x64x64_testing.hdf5 --out photoz.parquet
    """
    from galaxiesml.errors import UsageError

    if more and files is None:
        raise UsageError(f"{more[0]}: predict takes one run.", "Files of galaxies go after --files.")
    if table is not None and files is not None:
        raise UsageError("--table and --files name two sources.", "Give one of them.")
    if (table is None and files is None) != (out is None):
        raise UsageError("--out goes with --table or --files.", "Give both: what to predict, and the file to write.")
    if out is not None:
        name = "--table" if table is not None else "--files"
        given.refuse_with(context, name, ("table", "files", "out", "as_json"), "It predicts the rows of a file.")
        _of_files(run, table, [files, *(more or [])] if files else [], out, as_json)
        return
    from galaxiesml.photoz import catalogued
    from galaxiesml.photoz.run import load

    catalog = common.catalog()
    home = catalogued.home_of(catalog, run)
    loaded = load(home)
    with catalog.lock("galaxiesml predict", wait), common.progress("Predicting", unit="galaxies") as bar:
        row = catalogued.predict(catalog, loaded, home.name, of.value, version, bar.advance)
    if row.get("without_pictures"):
        common.warn(f"{row['without_pictures']:,} galaxies without a picture in every filter are not predicted.")
    if as_json:
        common.print_json(
            {key: value for key, value in row.items() if key not in ("pdf_edges", "photoz_settings_json")}
        )
    else:
        common.result(f"{home.name}: {row['n_predictions']:,} galaxies predicted")
        common.say("Next: galaxiesml build, then galaxiesml evaluate")


def _of_files(run: str, table: Path | None, files: list[Path], out: Path, as_json: bool) -> None:
    from galaxiesml.photoz import catalogued, named
    from galaxiesml.photoz.run import load

    given.check_file(out, "predict --out", ("parquet", "pq"))
    home = Path(run)
    if not home.is_dir():
        home = catalogued.home_of(common.catalog(), run)
    loaded = load(home)
    count = named.predict_files(loaded, files, out) if files else named.predict_table(loaded, table, out)
    if as_json:
        common.print_json({"file": str(out), "predictions": count})
    else:
        common.result(str(out))
        common.say(f"{count:,} predictions")


@forms.tabular()
def runs(
    remove: Annotated[
        str | None, typer.Option(metavar="RUN", help="Remove the predictions of this run; its weights stay.")
    ] = None,
    wait: Wait = 0.0,
    as_json: Json = False,
) -> None:
    """List the runs: their data, time and validation, and whether the published build has their predictions.

    \b
    Examples:
      galaxiesml runs
      galaxiesml runs --json
      galaxiesml runs --remove theirs
    """
    from galaxiesml.photoz import catalogued, stored

    catalog = common.catalog()
    if remove is not None:
        with catalog.lock("galaxiesml runs", wait):
            removed = stored.remove(catalog, remove)
        common.result(f"The {removed['n_predictions']:,} predictions of {remove} are removed.")
        common.say("Next: galaxiesml build")
        return
    found = catalogued.runs(catalog)
    if as_json:
        common.print_json(found)
    elif not found:
        common.say("There is no run.  Type: galaxiesml train table")
    else:
        common.table([_line(row) for row in found])


def _line(row: dict) -> dict:
    return {
        "run": row["run"],
        "estimator": row["estimator"],
        "trained on": row["trained_on"],
        "training": row["training"],
        "NMAD of validation": None if row["nmad"] is None else f"{row['nmad']:.4f}",
        "seconds": None if row["seconds"] is None else round(row["seconds"]),
        "predictions": row["predictions"],
        "in the build": row["taken"],
    }
