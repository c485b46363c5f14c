"""Train and predict where only torch, NumPy, h5py, pyarrow and safetensors are installed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from galaxiesml.errors import GalaxiesmlError, UsageError
from galaxiesml.photoz.config import ESTIMATORS, PICTURED, POINTS, Columns, Config
from galaxiesml.system import interrupts

_EXAMPLES = """examples:
  python -m galaxiesml.photoz train table --table dc2.parquet --redshift z --magnitudes 'mag_{band}' \\
      --bands u,g,r,i,z,y --out runs/first
  python -m galaxiesml.photoz train table --files 5x64x64_*.hdf5 --out runs/released --set epochs=30 --seeds 2
  python -m galaxiesml.photoz train best --files 5x64x64_*.hdf5 --out runs/best --set trunk=resnet18
  python -m galaxiesml.photoz predict runs/best --files 5x64x64_testing.hdf5 --out redshifts.parquet
  python -m galaxiesml.photoz train forest --table t.hdf5 --group photometry --magnitudes 'mag_{band}_lsst' \\
      --errors 'mag_err_{band}_lsst' --redshift redshift --object-id id --bands u,g,r,i,z,y \\
      --non-detection 99 --limits u=27.79,g=29.04 --out runs/forest
  python -m galaxiesml.photoz predict runs/first --table new.parquet --out redshifts.parquet

exit codes: 0 success; 1 internal error; 2 wrong arguments; 3 invalid file; 7 the training failed; 8 not enough disk
space or memory; 130 interrupted (type it again to go on).
"""


def main(words: list[str] | None = None) -> int:
    """Run a command; its exit code."""
    asked = _parser().parse_args(words)
    try:
        told = asked.run(asked)
    except GalaxiesmlError as error:
        sys.stderr.write(f"Error: {error}\n" + (f"{error.hint}\n" if error.hint else ""))
        return error.exit_code
    except KeyboardInterrupt:
        return interrupts.farewell()
    except OSError as error:
        sys.stderr.write(f"Error: {error.filename or 'A file'}: {error.strerror or error}.\n")
        return 3 if isinstance(error, FileNotFoundError) else 8
    sys.stdout.write(json.dumps(told) + "\n" if asked.json else _text(told))
    return 0


def _parser() -> argparse.ArgumentParser:
    shape = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": _EXAMPLES}
    parser = argparse.ArgumentParser("python -m galaxiesml.photoz", description=__doc__, **shape)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="Train an estimator on a table.", **shape)
    train.add_argument("estimator", choices=ESTIMATORS)
    train.add_argument("--seeds", type=int, help="Networks whose PDFs are averaged")
    train.add_argument("--seed", type=int, help="The first seed")
    train.add_argument("--device", choices=("auto", "cpu", "cuda"))
    train.add_argument("--as", dest="variant", choices=("code", "text"), help="paper-cnn by its code or the text")
    train.add_argument("--z-phot", choices=POINTS, help="Which estimate is called z_phot")
    train.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="Any other setting")
    train.add_argument("--redshift", default=Columns.redshift, help="Column of the spectroscopic redshift")
    train.add_argument("--split", default=Columns.split, help="Column: training, validation or testing")
    train.add_argument("--weights", default="", metavar="COLUMN", help="Column of weights, with --table")
    train.add_argument("--quiet", action="store_true", help="No line after each epoch")
    train.set_defaults(run=_train)
    predict = commands.add_parser("predict", help="Predict redshifts with a trained run.", **shape)
    predict.add_argument("folder", type=Path, metavar="RUN")
    predict.set_defaults(run=_predict)
    for command in (train, predict):
        command.add_argument("--table", type=Path, help="Table: .parquet, .csv or .hdf5")
        command.add_argument("--files", nargs="+", type=Path, help="Files in the GalaxiesML layout")
        command.add_argument("--bands", help="Comma-separated, from blue to red")
        command.add_argument("--magnitudes", help="Columns of magnitudes, as '{band}_mag'")
        command.add_argument("--errors", help="Columns of their errors; '' for none")
        command.add_argument("--object-id", help="Column of identifiers; '' for none")
        command.add_argument("--group", help="HDF5 group that holds the columns")
        command.add_argument("--non-detection", type=float, help="Value of a magnitude not detected, as 99")
        command.add_argument("--limits", help="Magnitudes that non-detections count as: u=27.79,g=29.04")
        command.add_argument("--out", type=Path, required=True, help="Folder of the run, or file of redshifts")
        command.add_argument("--json", action="store_true", help="Print the result as JSON")
    return parser


def _train(asked) -> dict:
    from galaxiesml.photoz import released, tables
    from galaxiesml.photoz.run import train

    _one_source(asked)
    settings = list(asked.set)
    for name in ("seeds", "seed", "device", "z_phot", "variant"):
        value = getattr(asked, name)
        settings += [f"{name}={value}"] if value is not None else []
    if asked.weights and asked.files:
        raise UsageError("--weights names a column of --table.", "Leave it out, or train on a table.")
    config = Config.typed(asked.estimator, settings)
    bands = _bands(asked, released.BANDS)
    if asked.files:
        data = released.read(sorted(asked.files), bands, has_pictures=config.estimator in PICTURED)
    else:
        known = Columns(redshift=asked.redshift, split=asked.split, weights=asked.weights)
        data = tables.read(asked.table, _columns(asked, known), bands)
    told = {"files": [str(path) for path in asked.files or [asked.table]]}
    run = train(data, config, asked.out, tell=None if asked.quiet else _tell, say=_say, provenance=told)
    shown = ("nmad", "outliers", "loss", "crps", "coverage_68")
    return {
        "run": str(asked.out),
        "estimator": config.estimator,
        "rows": run.info["data"]["rows"],
        "validation": {name: run.info["validation"][name] for name in shown},
        "cpu_s": round(run.info["time"]["cpu_s"], 1),
    }


def _predict(asked) -> dict:
    import pyarrow.parquet as pq

    from galaxiesml.photoz import kinds, released, tables
    from galaxiesml.photoz.run import SCHEMA, load
    from galaxiesml.system import atomic

    _one_source(asked)
    run = load(asked.folder)
    bands = _bands(asked, run.bands)
    if asked.files:
        data = released.read(sorted(asked.files), bands, False, kinds.sees_pictures(run.config))
    else:
        data = tables.read(asked.table, _columns(asked, run.columns), bands, has_truth=False)
    began = time.perf_counter()
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    with atomic.appearing(asked.out) as making, pq.ParquetWriter(making, SCHEMA, compression="zstd") as writer:
        for batch in run.predict_batches(data):
            writer.write_batch(batch)
    seconds = time.perf_counter() - began
    return {"out": str(asked.out), "rows": len(data), "rows_per_second": round(len(data) / max(seconds, 1e-9))}


def _one_source(asked) -> None:
    if bool(asked.table) == bool(asked.files):
        raise UsageError("Give either --table or --files.", "For example: --table dc2.parquet --redshift z")


def _bands(asked, default: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(filter(None, asked.bands.split(","))) if asked.bands else default


def _columns(asked, known: Columns) -> Columns:
    """The names that were typed, and the known ones for the others."""
    names = ("magnitudes", "errors", "object_id", "group", "non_detection")
    typed = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    if asked.limits:
        typed["limits"] = limits_of(asked.limits)
    return Columns(**{**vars(known), **typed})


def limits_of(text: str) -> dict[str, float]:
    """``u=27.79,g=29.04`` as numbers by filter."""
    limits = {}
    for word in text.split(","):
        band, equals, value = word.partition("=")
        try:
            limits[band.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise UsageError(f"--limits: {word} is not band=magnitude.", "For example: --limits u=27.79,g=29.04")
    return limits


def _tell(epoch) -> None:
    sys.stderr.write(
        f"network {epoch.member + 1}/{epoch.members} epoch {epoch.epoch + 1}/{epoch.epochs}: "
        f"loss {epoch.training_loss:.4f}, validation {epoch.validation_loss:.4f}, NMAD {epoch.nmad:.4f}, "
        f"{epoch.rows_per_second:,.0f} rows/s, {epoch.seconds_left:.0f} s left\n"
    )


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


def _text(told: dict) -> str:
    lines = []
    for name, value in told.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number:.4g}" for key, number in value.items())
        lines.append(f"{name}: {value}\n")
    return "".join(lines)


if __name__ == "__main__":
    interrupts.listen()
    sys.exit(main())
