"""`galaxiesml sql` and `galaxiesml tables`."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, forms, given
from galaxiesml.cli.tables import expanded as expanded_lines


class Format(enum.StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@dataclass
class Shown:
    """How rows are printed.

    Attributes
    ----------
    limit : int
        Rows of a result; 0 for all.
    """

    limit: int
    is_expanded: bool
    is_wide: bool


def register(app: typer.Typer) -> None:
    app.command("sql")(sql)
    app.command("tables")(tables)


@forms.tabular("output", "out", "expanded")
def sql(
    query: Annotated[
        str | None,
        typer.Argument(help="One SELECT statement; - reads it from standard input.  None, on a terminal: a shell."),
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from this file.")] = None,
    output: Annotated[Format | None, typer.Option("--format", help="Output format; default: table.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a list of rows: --format json.")] = False,
    expanded: Annotated[
        bool, typer.Option("--expanded", "-x", help="Print each row as lines of names and values.")
    ] = False,
    wide: Annotated[bool, typer.Option("--wide", help="Print all columns, whatever the terminal's width.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the rows to this file; its suffix sets the format.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Rows of a printed table; default: 40; 0 for all.", min=0)] = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads for the query.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory limit of the query, e.g. 4GB.")] = None,
) -> None:
    """Run one SQL query on the published build; queries are read-only and take no lock.

    Without a query, on a terminal, it is a shell with history and completion; .help lists its commands.

    \b
    Examples:
      galaxiesml sql "select count(*) from galaxies"
      galaxiesml sql "from galaxies_v3 select object_id, specz_redshift" --out strict.parquet
      galaxiesml sql "from galaxies where in_cone(ra, dec, 216.5, 0.5, 60)" --expanded
      galaxiesml sql --file sql/analyses/what_each_cut_costs.sql
      galaxiesml sql
    """
    from galaxiesml.catalog.settings import setting
    from galaxiesml.errors import UsageError

    is_typed = query is None and file is None
    # A shell needs a terminal on both sides: what is piped in is a query, and what is piped out is a result.
    if (query is not None and file is not None) or (is_typed and not _can_type(output, as_json, out)):
        raise UsageError("Give a query, or --file FILE.", 'Type: galaxiesml sql "select count(*) from galaxies"')
    text = None if is_typed else _text(query, file)
    output = _format(_asked(output, as_json), out)
    shown = _shown(output, limit, expanded, wide)
    catalog = common.catalog()
    settings = {
        "threads": setting(catalog.root, "threads", threads)[0],
        "memory_limit": setting(catalog.root, "memory_limit", memory_limit)[0],
    }
    if text is None:
        from galaxiesml.cli.shell import Shell

        Shell(catalog, settings, shown, _print_rows).run()
    else:
        _answer(catalog, text, output, out, shown, settings)


def _can_type(output: Format | None, as_json: bool, out: Path | None) -> bool:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and output in (None, Format.table) and not as_json and out is None


def _text(query: str | None, file: Path | None) -> str:
    """The query that was given, or named, or piped in."""
    from galaxiesml.errors import UsageError

    if file is not None and not file.is_file():
        raise UsageError(f"No file {file}.")
    try:
        return file.read_text(encoding="utf-8") if file else sys.stdin.read() if query == "-" else query
    except UnicodeDecodeError:
        raise UsageError(f"{file or 'standard input'} is not text.", "Give a file that holds one SELECT.") from None


def _asked(output: Format | None, as_json: bool) -> Format | None:
    from galaxiesml.errors import UsageError

    if as_json and output not in (None, Format.json):
        raise UsageError(f"--json cannot be combined with --format {output.value}.", "Give one of them.")
    return Format.json if as_json else output


def _shown(output: Format, limit: int | None, expanded: bool, wide: bool) -> Shown:
    from galaxiesml.errors import UsageError

    given_of_table = {"--limit": limit is not None, "--expanded": expanded, "--wide": wide}
    if output is not Format.table and (found := [name for name, is_given in given_of_table.items() if is_given]):
        raise UsageError(
            f"{found[0]} applies to a table on the screen; files and CSV or JSON output get all rows.",
            "Write a limit into the query, or leave out --limit."
            if found[0] == "--limit"
            else f"Leave out {found[0]}, or the other format.",
        )
    if expanded and wide:
        raise UsageError("--wide applies to a table, not to --expanded rows.", "Give one of them.")
    return Shown(40 if limit is None else limit, expanded, wide)


def _answer(catalog, text: str, output: Format, out: Path | None, shown: Shown, settings: dict) -> None:
    from galaxiesml.errors import UsageError
    from galaxiesml.query import ask

    if output is Format.parquet:
        if out is None:
            raise UsageError("Parquet cannot be printed.", "Add --out FILE.parquet")
        count = ask.write_parquet(catalog, text, out, **settings)
    else:
        result = ask.ask(catalog, text, **settings)
        if output is Format.table:
            _print_rows(result, shown)
            return
        write = ask.write_csv if output is Format.csv else ask.write_json
        if out:
            count = ask.write_text(out, write, result)
        else:
            with common.output() as standard:
                count = write(result, standard)
    if out is not None:
        common.say(f"{count:,} rows")
        common.result(str(out))


def _format(asked: Format | None, out: Path | None) -> Format:
    """The format given by --format or by the file's suffix; the two must agree."""
    from galaxiesml.errors import UsageError

    if out is None:
        return asked or Format.table
    if asked is Format.table:
        raise UsageError("--format table is only for the screen, not for --out.", "Give --format csv, or no --format.")
    if asked is not None:
        given.check_file(out, f"sql --format {asked.value}", given.SUFFIXES[asked.value])
        return asked
    suffix = out.suffix.lower().removeprefix(".")
    for name, suffixes in given.SUFFIXES.items():
        if suffix in suffixes:
            return Format(name)
    raise UsageError(
        f"Cannot tell the format from the name {out.name}.", "Name it .csv, .json or .parquet, or give --format."
    )


def _print_rows(result, shown: Shown) -> None:
    from galaxiesml.query import ask

    limit = shown.limit
    columns = ask.names(result)
    # An aligned table needs the widths of all its rows; --format csv and json stream.
    rows = ask.fetch(result, limit + 1) if limit else [row for batch in ask.batches(result) for row in batch]
    names = _unlike(columns)
    listed = [dict(zip(names, row, strict=True)) for row in (rows[:limit] if limit else rows)]
    if shown.is_expanded:
        is_terminal = common.terminal_width() is not None
        if listed:
            common.result("\n".join(expanded_lines(listed, names, on_terminal=is_terminal)))
    elif listed or common.STATE.form:
        common.table(
            listed,
            names,
            wide=shown.is_wide,
            most_lines=4,
            instead="--wide shows all, --expanded a line for each column.",
        )
    else:
        common.result("  ".join(columns))
    if limit and len(rows) > limit:
        common.say(f"The first {limit} rows; --limit 0 shows all, --out FILE writes them.")


def _unlike(names: list[str]) -> list[str]:
    """Names of columns, of which SQL may have two alike, as the keys of a row."""
    found: list[str] = []
    for name in names:
        found.append(name if name not in found else f"{name}_{len(found)}")
    return found


@forms.tabular()
def tables(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the tables that `galaxiesml sql` can query.

    \b
    Examples:
      galaxiesml tables
      galaxiesml tables --json
    """
    catalog = common.catalog()
    connection = catalog.connect()
    rows = []
    views = connection.execute("select view_name from duckdb_views() where not internal order by view_name").fetchall()
    for (name,) in views:
        columns = connection.execute(f'describe "{name}"').fetchall()
        count = connection.execute(f'select count(*) from "{name}"').fetchone()[0]
        rows.append({"table": name, "rows": count, "columns": len(columns)})
    if as_json:
        common.print_json(rows)
    else:
        common.table(rows)
