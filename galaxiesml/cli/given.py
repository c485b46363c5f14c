"""Check the options that were given: none is ignored silently.

The following are refused: a single-valued option that is given twice, an option that has no effect together with
another one, a global option after the command, and a file name whose suffix contradicts the output format.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import typer
import typer.core

from galaxiesml.cli import forms
from galaxiesml.errors import UsageError

#: Suffixes of files, compressed ones among them: a folder with such a name was meant to be a file.
FILES = {
    *("arrow", "avro", "bz2", "csv", "dat", "db", "duckdb", "ecsv", "feather", "fit", "fits", "fz", "gz", "h5"),
    *("hdf", "hdf5", "jpg", "json", "ndjson", "npy", "npz", "parquet", "pdf", "pkl", "png", "pq", "sql", "sqlite"),
    *("svg", "tar", "tgz", "toml", "tsv", "txt", "vot", "votable", "xlsx", "xml", "xz", "yaml", "yml", "zip"),
    *("zst"),
}
#: Suffixes of each format of a table, the usual one first.
SUFFIXES = {"csv": ("csv", "txt"), "json": ("json",), "parquet": ("parquet", "pq")}
#: The formats that `export` writes besides.
EXPORTS = SUFFIXES | {"ecsv": ("ecsv",), "fits": ("fits", "fit"), "votable": ("vot", "votable", "xml")}
_WRITTEN = {"parquet": "Parquet", "vot": "a VOTable"}


class _Once:
    """Refuse an option with a single value that is given twice; otherwise the last one would win.

    A global option after the command is refused as well, with the words to type.
    """

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            try:
                _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            except Exception as error:
                _refuse_misplaced(ctx, error)
                raise
            for option, times in Counter(order).items():
                takes_one = option.param_type_name == "option" and not (option.multiple or option.is_flag)
                if takes_one and times > 1:
                    name = max(option.opts, key=len)
                    raise UsageError(f"{name} is given {times} times, but takes one value.", f"Give {name} once.")
        return super().parse_args(ctx, args)


def _refuse_misplaced(ctx: typer.Context, error: Exception) -> None:
    """Explain where to put a global option that was given after the command."""
    # typer carries its own copy of click in some versions: the class is known by its name alone.
    if ctx.parent is None or type(error).__name__ != "NoSuchOption":
        return
    for option in ctx.find_root().command.params:
        if error.option_name in option.opts:
            words = ctx.command_path.split()[len(ctx.find_root().command_path.split()) :]
            typed_as = error.option_name if option.is_flag else f"{error.option_name} {option.metavar}"
            raise UsageError(
                f"{error.option_name} goes before the command, not after {' '.join(words)}.",
                f"Type: galaxiesml {typed_as} {' '.join(words)} ...",
            ) from None


class OnceCommand(_Once, typer.core.TyperCommand):
    """A command that refuses repeated options, except repeatable ones, and --latex beside another form."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:
        rest = super().parse_args(ctx, args)
        if hasattr(self.callback, "prints_no_table_with") and not ctx.resilient_parsing:
            names = {*typed_names(ctx)}
            chosen = [f"--{name}" for name in forms.FORMS if name in names]
            apart = [option for option in self.params if option.name in self.callback.prints_no_table_with]
            others = chosen[1:] + [max(option.opts, key=len) for option in apart if option.name in names]
            if chosen and others:
                raise UsageError(f"{chosen[0]} cannot be combined with {others[0]}.", "Give one of them.")
        return rest


class OnceGroup(_Once, typer.core.TyperGroup):
    """A group of such commands."""


def refuse_repeats(app: typer.Typer) -> None:
    """Make every command and group of an app refuse options that are given twice, and misplaced global ones."""
    for command in app.registered_commands:
        command.cls = OnceCommand
    for group in app.registered_groups:
        group.cls = OnceGroup
        refuse_repeats(group.typer_instance)


def typed(context: typer.Context, but: tuple[str, ...] = ()) -> list[str]:
    """Options that were given on the command line, except some (listed by their Python names).

    --latex and --markdown are never among them: they say how tables are printed, not which.
    """
    return [
        max(option.opts, key=len)
        for option in context.command.params
        if option.param_type_name == "option"
        and option.name not in (*but, *forms.FORMS)
        and getattr(context.get_parameter_source(option.name), "name", "") == "COMMANDLINE"
    ]


def typed_names(context: typer.Context) -> list[str]:
    """Python names of the options that were typed."""
    return [
        option.name
        for option in context.command.params
        if option.param_type_name == "option"
        and getattr(context.get_parameter_source(option.name), "name", "") == "COMMANDLINE"
    ]


def refuse_with(context: typer.Context, this: str, but: tuple[str, ...], why: str) -> None:
    """Refuse options that have no effect together with ``this``.

    Parameters
    ----------
    this : str
        The option, as it is typed.
    but : tuple of str
        Options that go with it, by their Python names, itself among them.
    why : str
        What the command does with it, as a sentence.
    """
    if found := typed(context, but):
        raise UsageError(
            f"{this} cannot be combined with {', '.join(found)}.  {why}", f"Leave out {this}, or the others."
        )


def refuse_catalog(command: str, why: str) -> None:
    """Refuse -C before a command that opens no catalogue."""
    from galaxiesml.cli import common

    if common.STATE.catalog is not None:
        raise UsageError(f"-C names a catalogue, but {command} does not open one.  {why}", "Leave out -C.")


def check_file(path: Path, command: str, suffixes: tuple[str, ...]) -> None:
    """Refuse a file whose suffix belongs to another format; a name without a suffix is accepted.

    Parameters
    ----------
    command : str
        What writes the file, a command or an option, as typed.
    suffixes : tuple of str
        Those that the format has, without the dot, the usual one first.

    Raises
    ------
    UsageError
    """
    suffix = path.suffix.lower().removeprefix(".")
    # 'cut_0.5' has no suffix that names a format.
    if suffix and suffix not in suffixes and not suffix.isdecimal():
        *others, last = [f".{known}" for known in suffixes]
        listed = f"{', '.join(others)} or {last}" if others else last
        written = _WRITTEN.get(suffixes[0], suffixes[0].upper())
        raise UsageError(
            f"{command} writes {written}, but {path.name} does not end in {listed}.",
            f"Name it {path.stem}.{suffixes[0]}.",
        )


def check_folder(path: Path | None, command: str) -> Path | None:
    """Refuse a folder whose name looks like a file's, or that is a file.

    Raises
    ------
    UsageError
    """
    if path is None or path.is_dir():
        return path
    if path.exists() or path.suffix.lower().removeprefix(".") in FILES:
        what = "is a file" if path.exists() else "is the name of a file"
        raise UsageError(f"{path} {what}, but {command} writes into a folder.", "Name a folder with --out.")
    return path


def csv_file(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """The value of an option that names a CSV file to write."""
    if path is not None:
        check_file(path, max(option.opts, key=len), SUFFIXES["csv"])
    return path
