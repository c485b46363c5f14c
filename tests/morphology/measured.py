"""Catalogues of the simulated sky, landed, built and measured by the commands themselves; each is made once."""

from __future__ import annotations

import atexit
import contextlib
import functools
import io
import json
import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest

from galaxiesml.cli import main
from galaxiesml.morphology import run

from ..made.once import once
from ..mock import skies


def command(root: Path, *words) -> tuple[int, str, str]:
    """Type a command in a catalogue: exit code, standard output, standard error."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as left:
        main([str(word) for word in ("-C", root, *words)])
    return left.value.code or 0, out.getvalue(), err.getvalue()


def done(root: Path, *words) -> str:
    """Standard output of a command that has to succeed."""
    code, out, err = command(root, *words)
    assert code == 0, err
    return out


def told(root: Path, *words) -> dict:
    """What a command says with --json."""
    return json.loads(done(root, *words, "--json"))


@contextlib.contextmanager
def blocks_of(pictures: int):
    """Blocks so small that a small catalogue has several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(run.BLOCK, "cpu", pictures)
        yield


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="measured-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def work(on: Path | None = None) -> Path:
    """The one folder where catalogues of this process are worked on, with what `on` holds."""
    root = _folder() / "work"
    shutil.rmtree(root, ignore_errors=True)
    return root if on is None else Path(shutil.copytree(on, root))


def _own(name: str, make) -> Path:
    """This process's own copy of a folder that is made once in a run: commands lock the catalogue that they read."""
    return Path(shutil.copytree(once(name, make), _folder() / name))


@functools.cache
def landed() -> Path:
    """A catalogue that is built, and in which nothing was measured."""
    return _own("landed", _land) / "cat"


def _land(folder: Path) -> None:
    sky, root = skies.made(), folder / "cat"
    assert skies.run("-q", "init", str(root), "--release", "pdr2_wide") == 0
    done(root, "ingest", "hsc", sky / "export.csv.gz", "--archive-query", "paper")
    done(root, "ingest", "cutouts", sky / "cutouts", "--jobs", "1")
    done(root, "ingest", "psf", sky / "psf", "--jobs", "1")
    done(root, "build")


@functools.cache
def measured() -> tuple[Path, str, str]:
    """The same, measured and built: its folder, and what the measuring said.  It is one block, so one process."""
    folder = _own("measured", _measure)
    return folder / "cat", *((folder / name).read_text() for name in ("out", "err"))


def _measure(folder: Path) -> None:
    root = Path(shutil.copytree(landed(), folder / "cat"))
    code, out, err = command(root, "morphology", "--workers", "2")
    assert code == 0, err
    before = told(root, "status")
    assert not before["up_to_date"] and before["next"] == "galaxiesml build"
    assert "inputs, measurements or rules have changed since" in done(root, "status")
    done(root, "build")
    assert told(root, "status")["up_to_date"]
    for name, text in (("out", out), ("err", err)):
        (folder / name).write_text(text)


def mart_file(root: Path, name: str) -> Path:
    return root / "builds" / (root / "current").read_text().strip() / f"{name}.parquet"


def mart(root: Path, name: str = "morphology") -> pd.DataFrame:
    """A mart of the published build; a row an object and filter where it has filters."""
    rows = pd.read_parquet(mart_file(root, name))
    return rows.set_index(["object_id", "band"] if "band" in rows else "object_id").sort_index()


def parts(root: Path) -> dict[Path, int]:
    """Parts that measurements wrote, and when."""
    found = (root / "derived" / "morphology").glob("*/*.parquet")
    return {path: path.stat().st_mtime_ns for path in found if path.parent.name != "0000-empty"}
