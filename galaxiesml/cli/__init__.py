"""The command line, one module per command group.  Slow modules are imported when a command runs."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml import __version__
from galaxiesml.cli import (
    audit,
    audit_engines,
    audit_pictures,
    build,
    catalog,
    common,
    cutouts,
    cuts,
    export,
    export_dataset,
    export_hats,
    export_hdf5,
    export_photoz,
    export_tables,
    fetch,
    fetch_pictures,
    fetch_release,
    given,
    ingest,
    mock,
    mock_pictures,
    mock_serve,
    morphology,
    photoz,
    plot,
    profile,
    query,
    request,
    specz,
    splits,
    thumbnails,
    train,
    versions,
    weights,
)
from galaxiesml.cli.reported import report
from galaxiesml.system import interrupts

_EPILOG = (
    "Exit codes: 0 success; 1 internal error; 2 wrong arguments; 3 invalid file; 4 no catalogue, another format, or no "
    "build; 5 another process is writing; 6 columns of a required cut are missing; 7 a model or its test failed; "
    "8 not enough disk space or memory; 9 an archive does not answer or refuses; 129, 130, 143 interrupted."
)


@cache
def make_app() -> typer.Typer:
    """Create the app with every command; cached, because registering a command twice would list it twice."""
    app = typer.Typer(
        name="galaxiesml",
        cls=given.OnceGroup,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        epilog=_EPILOG,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(options)
    for module in (
        catalog,
        ingest,
        profile,
        cutouts,
        build,
        cuts,
        versions,
        audit,
        audit_engines,
        audit_pictures,
        splits,
        query,
        export,
        export_hdf5,
        export_dataset,
        export_hats,
        export_photoz,
        export_tables,
        morphology,
        request,
        fetch,
        fetch_pictures,
        fetch_release,
        plot,
        thumbnails,
        specz,
        train,
        photoz,
        weights,
        mock,
        mock_pictures,
        mock_serve,
    ):
        module.register(app)
    given.refuse_repeats(app)
    return app


@cache
def _command():
    """The app as a command: made of 78 functions' signatures, which takes longer than most commands."""
    return typer.main.get_command(make_app())


def _print_version(wanted: bool) -> None:
    # As it is read, not in `options`: that runs only before a command.
    if wanted:
        common.result(__version__)
        raise typer.Exit()


def options(
    directory: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            "-C",
            help="Folder of the catalogue; default: GALAXIESML_CATALOG, else the working folder or one above it.",
            metavar="DIR",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Write debug messages to the catalogue's log.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only results, warnings and errors.")] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="Print tables with lines of any length, not fitted to the terminal.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Build and query the GalaxiesML catalogue: every cut in versioned SQL, every rejected row explained.

    The options below go before the command: galaxiesml -C cat status.

    \b
    Example:
      galaxiesml init cat --release s16a_wide && cd cat
      galaxiesml ingest hsc ../hsc_s16a_wide_gama.fits
      galaxiesml build --accept-missing all
      galaxiesml audit cuts
    """
    common.STATE.root = common.STATE.form = None
    common.STATE.catalog, common.STATE.verbose, common.STATE.quiet = directory, verbose, quiet
    common.STATE.wide = wide


def main(arguments: list[str] | None = None) -> None:
    """Run the program; an error that the user can correct becomes one message and its exit code."""
    try:
        _command()(args=arguments, standalone_mode=True)
    except SystemExit as left:
        # typer has ended the program already: with 130 for Ctrl-C, with 1 where the reader went, as `| head` does.
        if left.code == 130:
            sys.exit(interrupts.farewell())
        if isinstance(left.__context__, BrokenPipeError):
            sys.exit(0)
        raise
    except Exception as error:
        # DuckDB, for example, converts an interrupt to an error of its own.
        sys.exit(interrupts.farewell() if interrupts.heard() else report(error))
