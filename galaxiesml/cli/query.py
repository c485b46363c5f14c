"""`galaxiesml sql` and `galaxiesml tables`."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import Annotated

import typer

from galaxiesml.cli import common


class Format(enum.StrEnum):
    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


def register(app: typer.Typer) -> None:
    app.command("sql")(sql)
    app.command("tables")(tables)


def sql(
    query: Annotated[str | None, typer.Argument(help="One SELECT; - reads it from standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.table,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write to a file; its suffix says the format.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Rows that a table shows; 0 for all.", min=0)] = 40,
    threads: Annotated[int | None, typer.Option(help="Threads for the query.")] = None,
    memory_limit: Annotated[str | None, typer.Option(help="Memory for the query, as 4GB.")] = None,
) -> None:
    """Ask the published build a question in SQL; nothing is locked and nothing can be changed.

    \b
    Examples:
      galaxiesml sql "select count(*) from galaxies"
      galaxiesml sql "from galaxies_v3 select object_id, specz_redshift" --out strict.parquet
      galaxiesml sql --file sql/analyses/what_each_cut_costs.sql
    """
    from galaxiesml.config import setting
    from galaxiesml.errors import UsageError
    from galaxiesml.release import ask

    if (query is None) == (file is None):
        raise UsageError("Give a query, or --file FILE.", 'Type: galaxiesml sql "select count(*) from galaxies"')
    if file is not None and not file.is_file():
        raise UsageError(f"No file {file}.")
    try:
        text = file.read_text() if file else sys.stdin.read() if query == "-" else query
    except UnicodeDecodeError:
        raise UsageError(f"{file or 'standard input'} is no text.", "Give a file that holds one SELECT.") from None
    if out is not None and output is Format.table:
        if out.suffix.lstrip(".") not in {"csv", "json", "parquet"}:
            raise UsageError(f"{out.name} says no format.", "Name it .csv, .json or .parquet, or give --format.")
        output = Format(out.suffix.lstrip("."))
    catalog = common.catalog()
    settings = {
        "threads": setting(catalog.root, "threads", threads)[0],
        "memory_limit": setting(catalog.root, "memory_limit", memory_limit)[0],
    }
    if output is Format.parquet:
        if out is None:
            raise UsageError("Parquet goes to a file.", "Add --out FILE.parquet")
        count = ask.write_parquet(catalog, text, out, **settings)
    else:
        result = ask.ask(catalog, text, **settings)
        if output is Format.table:
            _print_table(result, limit)
            return
        write = ask.write_csv if output is Format.csv else ask.write_json
        count = ask.write_text(out, write, result) if out else write(result, sys.stdout)
    if out is not None:
        common.say(f"{count:,} rows")
        common.result(str(out))


def _print_table(result, limit: int) -> None:
    from galaxiesml.release import ask

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


def tables(as_json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False) -> None:
    """List the tables that `galaxiesml sql` sees.

    \b
    Example:
      galaxiesml tables
    """
    catalog = common.catalog()
    connection = catalog.connect()
    rows = []
    for name in sorted(catalog.tables()):
        columns = connection.execute(f'describe "{name}"').fetchall()
        count = connection.execute(f'select count(*) from "{name}"').fetchone()[0]
        rows.append({"table": name, "rows": count, "columns": len(columns)})
    if as_json:
        common.print_json(rows)
    else:
        common.table(rows)
