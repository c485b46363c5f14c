"""`galaxiesml export ...`: write and verify files for use outside of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given

export = typer.Typer(
    no_args_is_help=True,
    help="""Export galaxies or another table to files, and verify exported files.

    \b
    Examples:
      galaxiesml export csv --version v2
      galaxiesml export hdf5 --size 64 --split-scheme leak-free
    """,
)

Version = Annotated[
    str | None, typer.Option(help="Version of the galaxies: v1 to v4, or one of your own; default: v2, plain galaxies.")
]
Table = Annotated[str | None, typer.Option(help="Another table of the build, e.g. rejections.", metavar="NAME")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="CONDITION", help="Write only rows that meet it; applied after all cuts, duplicates included."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Write even if there seems to be too little disk space.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Output file or folder; default: exports/ in the catalogue.")
]


def register(app: typer.Typer) -> None:
    app.add_typer(export, name="export")


@export.command("csv")
def csv(
    context: typer.Context,
    scheme: Annotated[
        str | None,
        typer.Argument(help="With --splits, the split scheme: release (the default), paper, official or leak-free."),
    ] = None,
    version: Version = None,
    table: Table = None,
    where: Where = None,
    out: Out = None,
    splits: Annotated[
        bool, typer.Option("--splits", help="Write the same rows and splits as the HDF5 files, without images.")
    ] = False,
    force: Force = False,
) -> None:
    """Export plain CSV; units, applied cuts and missing cuts go to a JSON file next to it.

    pandas, Polars, DuckDB and TOPCAT open it under its own name. The files of ecsv, fits, votable and parquet hold
    units and cuts themselves.

    \b
    Examples:
      galaxiesml export csv
      galaxiesml export csv --version v3 --out strict.csv
      galaxiesml export csv --table rejections
      galaxiesml export csv --version mine --where "specz_redshift < 1.5"
      galaxiesml export csv --splits leak-free
    """
    from galaxiesml.errors import UsageError

    if scheme and not splits:
        raise UsageError(f"--split-scheme {scheme} needs --splits in export csv.")
    if splits:
        given.refuse_with(
            context,
            "--splits",
            ("splits", "version", "table", "out"),
            "It writes the same rows and splits as the HDF5 files.",
        )
        _twins(common.catalog(), version, table, scheme or "release", out)
        return
    one("csv", version, table, where, out, force)


def _twins(catalog, version: str | None, table: str | None, scheme: str, out: Path | None) -> None:
    from galaxiesml.errors import UsageError
    from galaxiesml.release.twins import export_twins
    from galaxiesml.samples.selection import check_selection

    if table:
        raise UsageError("--splits writes galaxies, not another table.", "Leave out --table or --splits.")
    selection = check_selection(catalog, version, scheme, "leave-out")
    common.warn_of_morphology(catalog.build_info())
    made = export_twins(catalog, selection, given.check_folder(out, "export csv --splits") or catalog.exports)
    common.table(made)
    built = catalog.build_info()["versions"][selection.version]
    if left_out := built["rows"] - sum(entry["galaxies"] for entry in made):
        common.warn(
            f"{left_out:,} galaxies are not in any file: they are in a buffer, or have no split, or no picture in some "
            "filter.  galaxiesml export hdf5 lists each with its reason."
        )
    if built["missing_cuts"]:
        common.warn(f"INCOMPLETE: {', '.join(built['missing_cuts'])} not applied in full.")
    warn_of_empty(catalog, selection, {entry["split"]: entry["galaxies"] for entry in made})


def warn_of_empty(catalog, selection, rows: dict[str, int]) -> None:
    """Warn of empty files of a selection, and suggest a seed that would fill them."""
    from galaxiesml.cli import splits

    scheme = selection.split_column.removeprefix("split_")
    has_pictures = selection.missing == "leave-out"
    splits.warn_of_empty(catalog, selection.version, scheme, rows, pictures=has_pictures)


def _made(catalog, version: str | None, table: str | None, where: str | None):
    from galaxiesml.errors import UsageError
    from galaxiesml.query.tables import export_of, table_export

    if version and table:
        raise UsageError("--version and --table both name a table.", "Give one: --version v3 is --table galaxies_v3.")
    # A version's file names its cuts, whether it was given by --version or by --table.
    if table is None or table == "galaxies":
        return export_of(catalog, version, where)
    if table.removeprefix("galaxies_") in catalog.build_info()["versions"]:
        return export_of(catalog, table.removeprefix("galaxies_"), where)
    return table_export(catalog, table, where)


def one(
    kind: str,
    version: str | None,
    table: str | None,
    where: str | None,
    out: Path | None,
    force: bool,
    reader: str | None = None,
) -> None:
    """Write one table in one format, the command's name, and print the file's path."""
    from galaxiesml.query.formats import WRITERS

    catalog = common.catalog()
    made = _made(catalog, version, table, where)
    path = _path(catalog, out, made, kind, force)
    for note in WRITERS[f"{kind} for {reader}" if reader else kind](made, path) or ():
        common.warn(note)
    _say(catalog, made, path, kind)


def _path(catalog, out: Path | None, made, kind: str, force: bool) -> Path:
    from galaxiesml.catalog.settings import check_space

    suffixes = given.EXPORTS[kind]
    name = f"{made.facts['table']}.{suffixes[0]}"
    path = catalog.exports / name if out is None else out / name if out.is_dir() else out
    given.check_file(path, f"export {kind}", suffixes)
    path.parent.mkdir(parents=True, exist_ok=True)
    check_space(path.parent, 10 * made.source.stat().st_size, force)
    return path


def _say(catalog, made, path: Path, kind: str) -> None:
    if made.incomplete:
        place = f"in {path.name}.json" if kind == "csv" else "in its header"
        common.warn(f"{path.name} is INCOMPLETE: {', '.join(made.incomplete)} not applied in full (recorded {place}).")
    if "morphology" in made.facts:
        common.warn_of_morphology(catalog.build_info())
    if made.where:
        common.say(f"Only rows where {made.facts['where']}; the file says it.")
    common.say(f"{made.facts['rows']:,} rows of {made.facts['table']}, build {made.facts['build']}")
    common.result(str(path))


@export.command("verify")
def verify(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="HDF5 files written by export hdf5.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Verify every row and pixel of exported HDF5 files against the catalogue and the FITS files.

    The files are read with h5py and compared with the build that each file names and with the landed tars. The
    check shares no code with the export. If a file differs, the error names the first object, key and pixel, and
    the exit code is 3.

    \b
    Examples:
      galaxiesml export verify exports/5x127x127_testing_with_morphology.hdf5
      galaxiesml export verify exports/*.hdf5 --json
    """
    from galaxiesml.errors import InputError, LockedError
    from galaxiesml.verify.verify import verify_files

    catalog = common.catalog()
    with common.progress("comparing", unit="pictures") as bar:
        checked = verify_files(catalog.root, files, bar)
    if as_json:
        common.print_json([one.facts() for one in checked])
    # The same tars are missing for every file of a split and size.
    notes: dict[str, list[str]] = {}
    for one in checked:
        for note in one.notes:
            notes.setdefault(note, []).append(one.path.name)
    for note, names in notes.items():
        more = f" and {len(names) - 3:,} more files" if len(names) > 3 else ""
        common.warn(f"{', '.join(names[:3])}{more}: {note}.")
    for one in checked:
        if one.difference is None and one.unread is None and not as_json:
            pictures = one.from_fits + one.from_store
            common.result(
                f"{one.path}: OK; {one.galaxies:,} galaxies and {pictures:,} pictures match "
                f"build {one.told['build']}, {one.from_fits:,} compared with FITS files"
            )
    wrong = [f"{one.path}: {one.difference}." for one in checked if one.difference]
    unread = [f"{one.path}: {one.unread}." for one in checked if one.unread]
    if wrong:
        raise InputError("\n".join(wrong + unread), "Write it again: galaxiesml build && galaxiesml export hdf5")
    if unread:
        raise LockedError(
            "\n".join(unread), "Close it in the other process, or wait until its export ends; then verify again."
        )
