"""`galaxiesml sql` and `galaxiesml tables`."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common, given


class Format(enum.StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def register(app: typer.Typer) -> None:
    app.command("sql")(sql)
    app.command("tables")(tables)


def sql(
    query: Annotated[str | None, typer.Argument(help="One SELECT statement; - reads it from standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from this file.")] = None,
    output: Annotated[Format | None, typer.Option("--format", help="Output format; default: table.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the rows to this file; its suffix sets the format.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Rows of a printed table; default: 40; 0 for all.", min=0)] = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads for the query.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory limit of the query, e.g. 4GB.")] = None,
) -> None:
    """Run one SQL query on the published build; queries are read-only and take no lock.

    \b
    Examples:
      galaxiesml sql "select count(*) from galaxies"
      galaxiesml sql "from galaxies_v3 select object_id, specz_redshift" --out strict.parquet
      galaxiesml sql --file sql/analyses/what_each_cut_costs.sql
    """
    from galaxiesml.catalog.settings import setting
    from galaxiesml.errors import UsageError
    from galaxiesml.query import ask

    if (query is None) == (file is None):
        raise UsageError("Give a query, or --file FILE.", 'Type: galaxiesml sql "select count(*) from galaxies"')
    if file is not None and not file.is_file():
        raise UsageError(f"No file {file}.")
    try:
        text = file.read_text(encoding="utf-8") if file else sys.stdin.read() if query == "-" else query
    except UnicodeDecodeError:
        raise UsageError(f"{file or 'standard input'} is not text.", "Give a file that holds one SELECT.") from None
    output = _format(output, out)
    if limit is not None and output is not Format.table:
        raise UsageError(
            "--limit applies to a table on the screen; files and CSV or JSON output get all rows.",
            "Write a limit into the query, or leave out --limit.",
        )
    catalog = common.catalog()
    settings = {
        "threads": setting(catalog.root, "threads", threads)[0],
        "memory_limit": setting(catalog.root, "memory_limit", memory_limit)[0],
    }
    if output is Format.parquet:
        if out is None:
            raise UsageError("Parquet cannot be printed.", "Add --out FILE.parquet")
        count = ask.write_parquet(catalog, text, out, **settings)
    else:
        result = ask.ask(catalog, text, **settings)
        if output is Format.table:
            _print_table(result, 40 if limit is None else limit)
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


def _print_table(result, limit: int) -> None:
    from galaxiesml.query import ask

    columns = ask.names(result)
    # An aligned table needs the widths of all its rows; --format csv and json stream.
    rows = ask.fetch(result, limit + 1) if limit else [row for batch in ask.batches(result) for row in batch]
    shown = rows[:limit] if limit else rows
    if shown:
        common.table([dict(zip(columns, row, strict=True)) for row in shown])
    else:
        common.result("  ".join(columns))
    if limit and len(rows) > limit:
        common.say(f"The first {limit} rows; --limit 0 shows all, --out FILE writes them.")


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
