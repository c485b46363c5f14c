"""What every command does alike: exit codes, the log, Ctrl-C, a pipe that closes, completion, which catalogue."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.cli import common

PROGRAM = [sys.executable, "-m", "galaxiesml"]


@pytest.fixture
def empty(tmp_path) -> Catalog:
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


def test_version_and_no_such_command(typed):
    from galaxiesml import __version__

    assert typed("--version")[:2] == (0, __version__ + "\n")
    assert typed("nosuch")[0] == 2
    assert typed("sql", "--nosuch")[0] == 2


def test_a_fault_is_logged_with_its_traceback(empty, typed, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr("galaxiesml.query.ask.ask", broken)
    code, out, err = typed("-C", empty.root, "sql", "select 1")
    log = empty.logs / "galaxiesml.log"
    assert (code, out) == (1, "") and "a wheel came off" in err and str(log) in err and "Traceback" not in err
    assert "Traceback" in log.read_text() and "a wheel came off" in log.read_text()
    assert "Traceback" in typed("-v", "-C", empty.root, "sql", "select 1")[2]


def test_errors_are_logged_and_secrets_are_not(empty, typed, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["galaxiesml", "sql", "--password", "hunter2", "--api-token=abc123"])
    assert typed("-C", empty.root, "sql", "select * from nosuch")[0] == 2
    log = (empty.logs / "galaxiesml.log").read_text()
    assert "nosuch" in log and "ERROR" in log
    assert "hunter2" not in log and "abc123" not in log


def test_the_log_rotates(empty, typed):
    (empty.logs).mkdir()
    (empty.logs / "galaxiesml.log").write_text("x" * 1_000_001)
    assert typed("-C", empty.root, "sql", "select 1")[0] == 0
    assert (empty.logs / "galaxiesml.log.1").stat().st_size == 1_000_001
    assert (empty.logs / "galaxiesml.log").stat().st_size < 10_000


def test_a_log_that_cannot_be_written_is_no_failure(empty, typed):
    (empty.logs / "galaxiesml.log").mkdir(parents=True)
    code, out, err = typed("-C", empty.root, "sql", "select 41 + 1 as n", "--format", "csv")
    assert (code, out, err) == (0, "n\n42\n", "")


def test_ctrl_c_stops_a_long_query(empty):
    """With two threads DuckDB's own look-out for signals misses it."""
    query = "select count(*) from range(1000000000000) t(i) where i % 7 = 3"
    words = [*PROGRAM, "-C", empty.root, "sql", query, "--threads", "2"]
    run = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(2, signal.SIG_DFL),
    )
    log = empty.logs / "galaxiesml.log"
    while run.poll() is None and not (log.exists() and "sql" in log.read_text()):
        threading.Event().wait(0.05)
    # The query has begun once the log is open and DuckDB is loaded; a signal before that ends it alike.
    threading.Event().wait(1.0)
    run.send_signal(signal.SIGINT)
    try:
        out, err = run.communicate(timeout=60)
    finally:
        run.kill()
    assert (run.returncode, out) == (130, "") and err.startswith("Interrupted")


def test_a_reader_that_goes_away(empty):
    words = [*PROGRAM, "-C", empty.root, "sql", "select * from range(300000)", "--format", "csv"]
    run = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "range\n"
    run.stdout.close()
    assert (run.wait(), run.stderr.read()) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_result_that_cannot_be_written_is_a_failure(empty):
    with open("/dev/full", "w") as full:
        run = subprocess.run([*PROGRAM, "-C", empty.root, "status"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert run.returncode == 8 and run.stderr.startswith("Error: Standard output cannot be written: ")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    environment = os.environ | {
        "_GALAXIESML_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "galaxiesml inge",
        "COMP_CWORD": "1",
        "_TYPER_COMPLETE_ARGS": "galaxiesml inge",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    code = "import sys; sys.argv = ['galaxiesml']; from galaxiesml.cli import main; main()"
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    # zsh and fish show the help of a command beside its name.
    offered = re.findall(r'^"?(\w+)', run.stdout.replace("_arguments '*: :((", ""), re.MULTILINE)
    assert offered == ["ingest"], run.stdout


def test_which_catalogue(empty, typed, tmp_path, monkeypatch):
    other = Catalog.create(tmp_path / "other", "pdr3_wide")

    def release(*words):
        return json.loads(typed(*words, "status", "--json")[1])["release"]

    (empty.root / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(empty.root / "deep" / "down")
    monkeypatch.delenv("GALAXIESML_CATALOG", raising=False)
    assert release() == "pdr2_wide"
    monkeypatch.setenv("GALAXIESML_CATALOG", str(other.root))
    assert release() == "pdr3_wide"
    assert release("-C", str(empty.root)) == "pdr2_wide"
    assert typed("-C", tmp_path / "nosuch", "status")[0] == 4


def test_quiet_leaves_results_and_warnings(tmp_path, typed):
    code, out, err = typed("-q", "init", tmp_path / "new", "--release", "pdr2_wide")
    assert (code, out, err) == (0, f"{tmp_path / 'new'}\n", "")
    code, _, err = typed("init", tmp_path / "new", "--release", "pdr2_wide")
    assert code == 4 and "is already a catalogue" in err
    assert typed("init", tmp_path / "more", "--release", "nosuch")[0] == 2 and not (tmp_path / "more").exists()
    common.STATE.quiet = False


def test_status_names_the_versions_left_out(empty, typed):
    folder = empty.builds / "0001-abc"
    folder.mkdir(parents=True)
    rows = [
        {"version": "v2", "title": "code", "built": True, "is_default": True, "missing_cuts": "", "rows_kept": 5},
        {
            "version": "v3",
            "title": "strict",
            "built": False,
            "is_default": False,
            "missing_cuts": "bad",
            "rows_kept": None,
        },
    ]
    pq.write_table(pa.Table.from_pylist(rows), folder / "versions.parquet")
    info = {"id": "0001-abc", "created": "2024", "landings": [{"landing": 1, "source_sha256": "ab"}], "versions": {}}
    (folder / "build.json").write_text(json.dumps(info))
    (empty.root / "current").write_text("0001-abc\n")
    found = json.loads(typed("-C", empty.root, "status", "--json")[1])
    assert [(row["version"], row["built"], row["rows"], row["missing cuts"]) for row in found["versions"]] == [
        ("v2", True, 5, ""),
        ("v3", False, None, "bad"),
    ]
    assert found["up_to_date"] is False and found["next"] == "galaxiesml ingest hsc FILE"


def test_gc_keeps_what_it_is_told_to(empty, typed):
    for number in (1, 2, 3):
        (empty.builds / f"000{number}-abc").mkdir(parents=True)
    (empty.root / "current").write_text("0003-abc\n")
    (empty.raw / "hsc" / ".tmp-1").mkdir(parents=True)
    assert len(typed("-C", empty.root, "gc", "--dry-run")[1].splitlines()) == 3 and len(empty.build_ids()) == 3
    assert typed("-C", empty.root, "gc", "--keep", "2")[0] == 0
    assert empty.build_ids() == ["0002-abc", "0003-abc"] and not (empty.raw / "hsc" / ".tmp-1").exists()
    (empty.root / "current").write_text("0002-abc\n")
    assert typed("-C", empty.root, "gc")[0] == 0 and empty.build_ids() == ["0002-abc", "0003-abc"]
    with empty.lock("a long build"):
        code, _, err = typed("-C", empty.root, "gc")
    assert code == 5 and "a long build" in err


def test_gc_says_nothing_of_the_folders_of_a_writer(empty, typed):
    unfinished = [empty.raw / ".tmp-1", empty.raw / "hsc" / ".tmp-2", empty.builds / ".next", empty.root / ".tmp"]
    for folder in (*unfinished, empty.builds / "0001-abc", empty.builds / "0002-abc"):
        folder.mkdir(parents=True)
    (empty.root / "current").write_text("0002-abc\n")
    # No process has this number.
    left = empty.root / f".a.csv.{os.uname().nodename}-99999999.making"
    left.write_text("")
    killed = [str(path) for path in (empty.builds / "0001-abc", left)]
    with empty.lock("a long build"):
        code, out, err = typed("-C", empty.root, "gc", "--dry-run")
    assert (code, out.splitlines()) == (0, killed)
    assert (
        "is being written by a long build (process" in err and "1 old builds and 1 leftovers would be deleted." in err
    )
    code, out, err = typed("-C", empty.root, "gc", "--dry-run")
    assert set(out.splitlines()) == {*killed, *map(str, unfinished)} and "written by" not in err


def test_upgrade_writes_the_profile_and_refuses_what_it_does_not_know(tmp_path, typed, repo):
    (tmp_path / "galaxiesml.toml").write_text('# ours\nformat = 0\nthreads = 3\nrelease = "pdr2_wide"\n')
    assert typed("-C", tmp_path, "upgrade")[0] == 0
    packaged = repo / "galaxiesml" / "releases" / "pdr2_wide.toml"
    assert (tmp_path / "release.toml").read_text() == packaged.read_text()
    kept = '# ours\nformat = 1\nthreads = 3\nrelease = "pdr2_wide"\n'
    assert (tmp_path / "galaxiesml.toml").read_text() == kept
    for text in ("format = 0\n", "format = -1\n", 'format = "1"\n', "", "format ="):
        (tmp_path / "galaxiesml.toml").write_text(text)
        assert typed("-C", tmp_path, "upgrade")[0] == 4, text
        assert (tmp_path / "galaxiesml.toml").read_text() == text


def test_export_takes_one_table(empty, typed):
    code, _, err = typed("-C", empty.root, "export", "csv", "--version", "v3", "--table", "rejections")
    assert code == 2 and "--table galaxies_v3" in err
    code, _, err = typed("-C", empty.root, "export", "csv")
    assert code == 4 and "galaxiesml build" in err


def test_settings_in_their_order(empty):
    from galaxiesml.catalog.settings import setting
    from galaxiesml.errors import UsageError

    assert setting(empty.root, "threads", 7) == (7, "option")
    assert setting(empty.root, "memory_limit")[1] == "default"
    (empty.root / "galaxiesml.toml").open("a").write('memory_limit = "lots"\n')
    with pytest.raises(UsageError, match="memory_limit"):
        setting(empty.root, "memory_limit")


def test_room_is_checked_and_force_goes_on(tmp_path):
    from galaxiesml.catalog.settings import check_memory, check_space
    from galaxiesml.errors import ResourceError

    for check in (lambda **more: check_space(tmp_path, 10**18, **more), lambda **more: check_memory(10**18, **more)):
        with pytest.raises(ResourceError, match="GB") as caught:
            check()
        assert "--force" in caught.value.hint and caught.value.exit_code == 8
        check(force=True)


def test_a_catalogue_is_read_alike_in_every_locale(empty, tmp_path):
    """Its files are UTF-8, wherever the terminal is; names are letter for letter those of the file."""
    export = tmp_path / "übung≥.csv"
    export.write_text("object_id,ra,dec,i_cmodel_mag\n1,2,3,20\n")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "utf-8"}

    def run(*words) -> str:
        command = [*PROGRAM, "-q", "-C", str(empty.root), *words]
        done = subprocess.run(command, env=os.environ | plain, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("ingest", "hsc", str(export))
    (landing,) = json.loads(run("ingest", "list", "--json"))
    assert landing["source_file"] == export.name
    assert json.loads(run("status", "--json"))["landings"][0]["source_file"] == export.name


def test_no_file_is_read_in_the_terminals_encoding(repo):
    """Text is read and written as UTF-8 by name: Python would take the locale's encoding."""
    import ast

    wrong = []
    for path in sorted((repo / "galaxiesml").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            named = {keyword.arg for keyword in node.keywords}
            if name in ("read_text", "write_text") and "encoding" not in named and not _is_ours(node):
                wrong.append(f"{path.name}:{node.lineno}")
    assert not wrong


def _is_ours(call) -> bool:
    """A function of a module of ours, as ask.write_text, and no method of a path."""
    import ast

    return isinstance(call.func, ast.Name) or (isinstance(call.func.value, ast.Name) and call.func.value.id == "ask")
