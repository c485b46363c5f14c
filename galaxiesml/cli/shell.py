"""The SQL shell: statements and commands, one after another, on one connection."""

from __future__ import annotations

import sys
from collections.abc import Callable

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.functions import FUNCTIONS
from galaxiesml.cli import common, query
from galaxiesml.cli.reported import report
from galaxiesml.errors import UsageError
from galaxiesml.query import ask
from galaxiesml.query.completion import Words, tables_of
from galaxiesml.query.statements import typed
from galaxiesml.system import interrupts
from galaxiesml.toml_keys import nearest

HELP = """\
A statement may have several lines and ends in a semicolon.  Tab completes, the arrow keys recall.
Ctrl-C leaves a line or interrupts a query; Ctrl-D ends the shell.

.tables           tables and views
.schema TABLE     columns of a table: type, unit, description
.versions         versions of the galaxies in this build
.cuts             cuts of this build
.expanded         show each row as lines of names and values, or as a table again
.help             this text
.quit             end the shell

Functions: {functions}"""


class Shell:
    """A session on the published build; where another is published, the next statement reads that.

    Parameters
    ----------
    catalog : Catalog
    settings : dict
        threads and memory_limit of the connection.
    shown : query.Shown
    print_rows : callable
        Prints a result, as `galaxiesml sql QUERY` does.
    """

    def __init__(self, catalog: Catalog, settings: dict, shown: query.Shown, print_rows: Callable):
        self._catalog, self._settings, self._shown, self._print_rows = catalog, settings, shown, print_rows
        self._commands = {
            ".tables": self._tables,
            ".schema": self._schema,
            ".versions": self._versions,
            ".cuts": self._cuts,
            ".expanded": self._expand,
            ".help": self._help,
            ".quit": None,
        }
        self._connect()

    def run(self) -> None:
        """Read and run until Ctrl-D, .quit, or a signal that ends the program."""
        from galaxiesml.cli.shell_prompt import make_prompt, state_folder

        read = make_prompt(lambda: self._words, state_folder())
        common.say(f"{self._named()}.  .help lists commands; Ctrl-D ends.")
        with interrupts.shell():
            while True:
                try:
                    text = read()
                except EOFError:
                    return
                except KeyboardInterrupt:
                    interrupts.check()
                    continue
                finally:
                    interrupts.watch_again()
                if text.strip().rstrip(";").strip().lower() in (".quit", ".exit", "exit", "quit"):
                    return
                self._do(text)

    def _do(self, text: str) -> None:
        """Run what was typed; an error ends it, and not the shell."""
        try:
            if text.lstrip().startswith("."):
                self._command(text)
            else:
                self._refresh()
                for statement in typed(text).statements:
                    self._statement(statement)
        except KeyboardInterrupt:
            interrupts.check()
            sys.stderr.write("\nInterrupted.\n")
        except BrokenPipeError:
            raise
        except Exception as error:
            report(error)

    def _connect(self) -> None:
        self._build = self._catalog.current_id()
        self._connection = self._catalog.connect(**self._settings)
        self._words = self._collected()

    def _refresh(self) -> None:
        """Read the build that is published now: the one before is deleted when two more are."""
        if self._catalog.current_id() != self._build:
            self._connection.close()
            self._connect()
            common.say(f"{self._named()} from here on.")

    def _named(self) -> str:
        return f"Build {self._build}" if self._build else "No build yet: landed tables alone"

    def _collected(self) -> Words:
        from galaxiesml.surveys.description import known_surveys

        rules = self._rules()
        surveys = [survey.name for survey in self._catalog.profile.surveys]
        return Words(
            tables_of(self._connection),
            tuple(cut["name"] for cut in rules.cuts) if rules else (),
            rules.names if rules else (),
            tuple(dict.fromkeys([*surveys, *known_surveys(self._catalog.raw / "specz")])),
            tuple(f"{name} " if name == ".schema" else name for name in self._commands),
        )

    def _rules(self):
        from galaxiesml.curation.rules import of_build

        return of_build(self._catalog) if self._build else None

    def _statement(self, text: str) -> None:
        result = ask.ask_again(self._catalog, self._connection, text)
        self._print_rows(result, self._shown)

    # -- commands ----------------------------------------------------------------------------------------

    def _command(self, text: str) -> None:
        name, *words = text.strip().rstrip(";").split()
        if name not in self._commands:
            close = nearest(name, self._commands)
            raise UsageError(f"There is no command {name}{close}.", "Type .help")
        if len(words) != (name == ".schema"):
            usage = ".schema TABLE" if name == ".schema" else name
            raise UsageError(f"{name} takes {'one table' if name == '.schema' else 'no words'}.", f"Type {usage}")
        self._refresh()
        self._commands[name](*words)

    def _tables(self) -> None:
        from galaxiesml.catalog.stores import STORES
        from galaxiesml.catalog.views import DESCRIPTIONS
        from galaxiesml.curation.schema import table_descriptions

        told = {store.name: store.description for store in STORES} | DESCRIPTIONS
        if rules := self._rules():
            told |= table_descriptions(self._catalog.profile.bands, rules)
        rows = [
            {"table": name, "columns": len(columns), "rows are": told.get(name, "")}
            for name, columns in self._words.tables.items()
        ]
        common.table(rows, wide=self._shown.is_wide)

    def _schema(self, table: str) -> None:
        table = table.strip('"')
        if table not in self._words.tables:
            known = ", ".join(self._words.tables)
            raise UsageError(f"There is no table {table}{nearest(table, self._words.tables)}.", f"Tables: {known}.")
        from galaxiesml import dictionary

        rules = self._rules()
        facts = dictionary.columns(self._catalog.profile.bands, rules.words if rules else ())
        rows = []
        for name, kind in self._connection.execute(
            "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index", [table]
        ).fetchall():
            fact = facts.get(name)
            told = {"unit": fact.unit, "description": fact.description} if fact else {"unit": "", "description": ""}
            rows.append({"column": name, "type": kind.lower()} | told)
        common.table(rows, wide=self._shown.is_wide)

    def _versions(self) -> None:
        self._statement("select version, title, built, is_default, rows_kept, missing_cuts from versions order by all")

    def _cuts(self) -> None:
        rules = self._rules()
        if rules is None:
            raise UsageError("There is no build yet.", "Type: galaxiesml build")
        rows = [
            {
                "cut": cut["name"],
                "versions": " ".join(cut["versions"]),
                "section": cut["section"],
                "condition": cut.get("text") or cut.get("limit") or cut["sql"],
                "why": cut["why"],
            }
            for cut in rules.cuts
        ]
        common.table(rows, wide=self._shown.is_wide)

    def _expand(self) -> None:
        self._shown.is_expanded = not self._shown.is_expanded
        common.say("Rows as lines of names and values." if self._shown.is_expanded else "Rows as a table.")

    def _help(self) -> None:
        functions = ", ".join(f"{name}({', '.join(parameters)})" for name, parameters in FUNCTIONS.items())
        common.result(HELP.format(functions=functions))
