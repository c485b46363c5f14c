"""Shared by all commands: finding the catalogue, standard output and error, tables, progress bars."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import logging.handlers
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from galaxiesml.cli import forms, tables

LOG = logging.getLogger("galaxiesml")
# Until a catalogue is open there is no log, and nothing of it belongs on standard error.
LOG.addHandler(logging.NullHandler())
_SECRET = ("password", "token", "credential", "secret")


@dataclass
class State:
    """The global options, as typed."""

    catalog: Path | None = None
    verbose: bool = False
    quiet: bool = False
    wide: bool = False
    #: How tables are printed: latex, markdown, or None, aligned.
    form: str | None = None
    #: The catalogue's folder, once it is open.
    root: Path | None = None


STATE = State()


def catalog():
    """Open the catalogue given by -C, GALAXIESML_CATALOG or the working folder, and start its log."""
    from galaxiesml.catalog import find_catalog

    found = find_catalog(STATE.catalog)
    STATE.root = found.root
    open_log(found.logs)
    return found


def remove_own(kind: str, name: str, check: Callable, wait: float) -> None:
    """Remove a cut or a version of the catalogue's own.

    Parameters
    ----------
    kind : str
        cuts or versions: the folder and the command group.
    check : callable
        Called with the catalogue, locked; raises an error where there is no such file, or it must stay.
    wait : float
        Seconds to wait while another process writes.
    """
    found = catalog()
    with found.lock(f"galaxiesml {kind} remove", wait):
        check(found)
        (found.root / kind / f"{name}.toml").unlink()
    result(f"{kind}/{name}.toml is removed.")


def open_log(folder: Path) -> None:
    """Log to galaxiesml.log in a folder; a folder that is not writable is ignored."""
    for handler in [handler for handler in LOG.handlers if isinstance(handler, logging.FileHandler)]:
        LOG.removeHandler(handler)
        # What a full disk has refused cannot be written now either.
        with contextlib.suppress(OSError):
            handler.close()
    try:
        folder.mkdir(exist_ok=True)
        path = folder / "galaxiesml.log"
        handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=3)
    except OSError:
        return
    # A log that can no longer be written, e.g. on a full disk, is not an error.
    handler.handleError = lambda record: None
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(levelname)s %(message)s"))
    LOG.addHandler(handler)
    LOG.setLevel(logging.DEBUG if STATE.verbose else logging.INFO)
    LOG.propagate = False
    LOG.info("galaxiesml %s", " ".join(redacted(sys.argv[1:])))


def redacted(words: list[str]) -> list[str]:
    """Arguments with the values of secrets replaced."""
    out, hide = [], False
    for word in words:
        name, equals, _ = word.partition("=")
        secret = any(mark in name.lower() for mark in _SECRET)
        out.append("***" if hide else f"{name}=***" if secret and equals else word)
        hide = secret and not equals and word.startswith("-")
    return out


def result(text: str) -> None:
    """Print a command's result on standard output."""
    with output() as out:
        out.write(forms.lines(text, STATE.form) if STATE.form else text + "\n")


@contextlib.contextmanager
def output():
    """Context of writes to standard output: an OSError without a file name belongs to it."""
    try:
        yield sys.stdout
    except OSError as error:
        # A reader that closes the pipe, as `| head` does, is not an error.
        if error.errno and error.errno != errno.EPIPE and error.filename is None:
            error.filename = "Standard output"
        raise


def print_json(content) -> None:
    result(json.dumps(content, indent=1, default=str))


def drawn(path: Path, as_json: bool) -> None:
    """Print where a figure was written: as the result, or on standard error if the result is JSON."""
    if as_json:
        say(f"The picture is {path}.")
    else:
        result(str(path))


def say(text: str) -> None:
    """Print information on standard error, unless -q is given."""
    LOG.info("%s", text)
    if not STATE.quiet:
        sys.stderr.write(text + "\n")


def warn(text: str, yellow: bool = False) -> None:
    """Print a warning on standard error, even with -q; yellow if the terminal has colours."""
    LOG.warning("%s", text)
    if yellow and sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb":
        sys.stderr.write(f"\x1b[33mWarning: {text}\x1b[0m\n")
    else:
        sys.stderr.write(f"Warning: {text}\n")


def out_of_range(landing: dict) -> str:
    """Counts of a landing's values out of range, as one table cell: 'i_cmodel_mag 12, pairs apart 3'."""
    found = [f"{entry['column']} {entry['rows']:,}" for entry in landing.get("out_of_range", ())]
    found += [f"pairs apart {apart:,}"] if (apart := landing.get("pairs_apart", 0)) else []
    found += [f"off the sky {off:,}"] if (off := landing.get("off_the_sky", 0)) else []
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def warn_of_profile(catalog) -> None:
    """Warn of errors in the catalogue's release profile, which may be older than a check or edited by hand.

    Checking a profile of one's own loads the vocabularies of units and UCDs: only what reads or makes rows asks.
    """
    from galaxiesml.releases.check import profile_problems

    for problem in profile_problems(catalog.profile.text):
        warn(f"{catalog.root / 'release.toml'}: {problem}.")


def warn_of_morphology(info: dict) -> None:
    """Warn if pictures of a build are not measured."""
    from galaxiesml.samples.morphology import unfinished

    if found := unfinished(info):
        warn(
            f"Morphology is measured in {found}; the others have no values (not_measured).  "
            "Type: galaxiesml morphology, with the options of these settings, and then galaxiesml build"
        )


def table(
    rows: list[dict],
    columns: list[str] | None = None,
    wide: bool = False,
    most_lines: int = tables.MOST_LINES,
    instead: str = "--wide shows all.",
) -> None:
    """Print rows as an aligned table on standard output; numbers are right-aligned.

    On a terminal lines fit its width, unless ``wide`` or the global option --wide is given.  A cell then takes
    ``most_lines``; ``instead`` says what shows columns that have no room.
    """
    if STATE.form:
        _in_form(rows, columns, STATE.form)
        return
    if not rows:
        return
    lines, left_out = tables.aligned(rows, columns or list(rows[0]), terminal_width(wide), most_lines)
    result("\n".join(lines))
    if left_out:
        named = ", ".join(left_out[:5]) + (" ..." if len(left_out) > 5 else "")
        say(f"{len(left_out)} more columns have no room on this terminal: {named}; {instead}")


def _in_form(rows: list[dict], columns: list[str] | None, form: str) -> None:
    heads = columns or (list(rows[0]) if rows else [])
    if heads:
        cells = [[tables.cell(row.get(head)) for head in heads] for row in rows]
        right = [
            tables.is_number([row.get(head) for row in rows]) or forms.are_numbers([line[at] for line in cells])
            for at, head in enumerate(heads)
        ]
        text = forms.latex(heads, cells, right) if form == "latex" else forms.markdown(heads, cells, right) + "\n"
        with output() as out:
            out.write(text + "\n")


def terminal_width(wide: bool = False) -> int | None:
    """Characters of a line of the terminal that standard output is; None where lines may have any length."""
    if wide or STATE.wide or not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns


class Progress:
    """A progress bar on standard error; silent if it is not a terminal."""

    def __init__(self, bar=None, task=None):
        self._bar, self._task = bar, task

    def advance(self, count: float) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, count)

    def update(self, description: str | None = None, total: float | None = None) -> None:
        if self._bar is not None:
            changes = {"description": description, "total": total}
            self._bar.update(self._task, **{key: value for key, value in changes.items() if value is not None})


@contextlib.contextmanager
def progress(description: str, total: float | None = None, unit: str = "rows"):
    """A progress bar on a terminal's standard error, unless -q.

    Parameters
    ----------
    unit : str
        What is counted; 'bytes' shows sizes and a rate.
    """
    if STATE.quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    count = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    words = (
        TextColumn("{task.description}"),
        BarColumn(),
        count,
        TextColumn("" if unit == "bytes" else unit),
    )
    with Bar(*words, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        yield Progress(bar, bar.add_task(description, total=total))
