"""`galaxiesml mock ...`: simulated data, for a look without an account at the archive."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common

mock = typer.Typer(help="Make simulated data.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(mock, name="mock")


@mock.command("export")
def export(
    rows: Annotated[int, typer.Option(help="Object rows, a multiple of 1,000.")] = 20_000,
    spectra: Annotated[int | None, typer.Option(help="Rows that may have a spectrum; default: all.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another export.")] = 1,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write into.")] = Path("mock"),
    output: Annotated[str, typer.Option("--format", help="csv.gz, csv or parquet.")] = "csv.gz",
    release: Annotated[str, typer.Option(help="Whose column names it has.")] = "pdr2_wide",
    split: Annotated[bool, typer.Option("--split", help="Objects and spectra in two files.")] = False,
    lean: Annotated[bool, typer.Option("--lean", help="Only the columns that cuts read.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over what the folder holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="truth.json on standard output.")] = False,
) -> None:
    """Write a simulated export in which every cut and every duplicate step removes known rows.

    truth.json, beside it, counts what each version should keep; no other command reads it.

    \b
    Examples:
      galaxiesml mock export --rows 20000
      galaxiesml mock export --rows 10000000 --spectra 500000 --split --lean --format parquet --out big
    """
    from galaxiesml.config import check_space
    from galaxiesml.mock.export import write_export
    from galaxiesml.survey import load_profile

    out.parent.mkdir(parents=True, exist_ok=True)
    check_space(out.parent, 500 * rows, force)
    with common.progress("Drawing rows", total=rows) as bar:
        truth = write_export(
            out,
            load_profile(release),
            rows=rows,
            spectra=spectra,
            seed=seed,
            format=output,
            split=split,
            lean=lean,
            force=force,
            progress=bar.advance,
        )
    if as_json:
        common.print_json(truth)
        return
    for name in truth["sha256"]:
        common.result(str(out / name))
    common.say(f"Next: galaxiesml init cat --release {release} && cd cat && galaxiesml ingest hsc FILE")
