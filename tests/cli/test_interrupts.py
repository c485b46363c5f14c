"""Ctrl-C, SIGTERM and SIGHUP in every long command: the exit code, the words, no process and no half-made file left."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.made.signalled import CODES, being_made, signalled
from tests.mock import skies
from tests.morphology.measured import landed, measured

WORDS = "Interrupted. Type the command again to continue."
#: Commands, each with the catalogue that it is typed in: landed and built, or measured too.
COMMANDS = {
    "build": (landed, ["build"]),
    "morphology": (landed, ["morphology", "--workers", "2"]),
    "ingest hsc": (landed, ["ingest", "hsc", "{files}/m/export.csv"]),
    "ingest cutouts": (landed, ["ingest", "cutouts", "{files}/tars", "--jobs", "2"]),
    "export hdf5": (measured, ["export", "hdf5", "--out", "{folder}/out"]),
    "export dataset": (measured, ["export", "dataset", "{folder}/out"]),
    "sql": (landed, ["sql", "select count(*) from range(100000000000) as r(i) where sin(i) > 2"]),
    "mock export": (None, ["mock", "export", "--rows", "200000", "--out", "{folder}/big"]),
    "mock sky": (None, ["mock", "sky", "--galaxies", "60", "--jobs", "2", "--out", "{folder}/sky"]),
    "mock pictures": (None, ["mock", "pictures", "--from", "{files}/population", "--out", "{folder}/pictures"]),
}
#: Commands that are over too soon for the short test; the long one sends its signals by the clock.
SHORT = {
    "ingest psf": (landed, ["ingest", "psf", "{files}/psf"]),
    "ingest specz": (landed, ["ingest", "specz", "{files}/specz/*"]),
    "ingest release": (landed, ["ingest", "release", "{files}/released.csv", "--split", "testing"]),
    "export csv": (measured, ["export", "csv", "--out", "{folder}/out.csv"]),
    "export parquet": (measured, ["export", "parquet", "--out", "{folder}/out.parquet"]),
    "export fits": (measured, ["export", "fits", "--out", "{folder}/out.fits"]),
    "export votable": (measured, ["export", "votable", "--out", "{folder}/out.vot"]),
    "export photoz": (measured, ["export", "photoz", "--out", "{folder}/out"]),
    "audit cuts": (measured, ["audit", "cuts", "--without", "secure"]),
    "audit pictures": (measured, ["audit", "pictures", "--graph", "{folder}/quality.png"]),
    "plot gallery": (measured, ["plot", "gallery", "--out", "{folder}/gallery.png"]),
    "plot thumbnails": (measured, ["plot", "thumbnails", "--n", "0", "--out", "{folder}/thumbnails"]),
}
EVERY = COMMANDS | SHORT
#: When a command is at work: what is there then.
AT_WORK = {
    "build": ("cat/builds/.next/*.parquet",),
    "morphology": ("cat/derived/morphology/*/run.json",),
    "ingest hsc": ("cat/raw/.tmp-*/*",),
    "ingest cutouts": ("cat/raw/.tmp-*/*",),
    "export hdf5": ("out/.*.part", "out/*.hdf5"),
    "export dataset": (".out.*/*",),
    "sql": (),
    "mock export": ("big/.*.making",),
    "mock sky": ("sky/cutouts/.*.making",),
    "mock pictures": ("pictures/.*.making",),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """What is landed: an export of 60,000 rows, tars of cutouts and PSFs that no catalogue has, spectra, a split.

    And a population that is drawn.
    """
    folder = tmp_path_factory.mktemp("files")
    words = ["mock", "export", "--rows", "60000", "--format", "csv", "--out", str(folder / "m")]
    subprocess.run([sys.executable, "-m", "galaxiesml", "-q", *words], check=True, stdout=subprocess.DEVNULL)
    words = ["mock", "population", "--galaxies", "5000", "--out", str(folder / "population")]
    subprocess.run([sys.executable, "-m", "galaxiesml", "-q", *words], check=True, stdout=subprocess.DEVNULL)
    for service, name in (("cutouts", "tars"), ("psf", "psf")):
        (folder / name).mkdir()
        for path in (skies.made() / service).iterdir():
            # What follows a tar's end mark is not read, and makes it another tar.
            end = b"\0" * 512 if path.suffix == ".tar" else b""
            (folder / name / path.name).write_bytes(path.read_bytes() + end)
    shutil.copytree(skies.made() / "specz", folder / "specz")
    (folder / "released.csv").write_text("object_id\n" + "".join(f"{number}\n" for number in range(1, 300001)))
    return folder


def typed_in(name: str, folder: Path, files: Path) -> list[str]:
    """The command, in a catalogue of its own."""
    made, words = EVERY[name]
    if made is not None and not (folder / "cat").exists():
        found = made()
        shutil.copytree(found[0] if isinstance(found, tuple) else found, folder / "cat")
    words = [word.format(files=files, folder=folder) for word in words]
    if words[-1].endswith("/*"):
        words[-1:] = map(str, sorted(Path(words[-1]).parent.iterdir()))
    return [*(["-C", str(folder / "cat")] if made is not None else []), *words]


def published(folder: Path) -> tuple[str, list[str]]:
    current = folder / "cat" / "current"
    landings = sorted(path.parent.name for path in folder.glob("cat/raw/*/*/landing.json"))
    return (current.read_text() if current.exists() else ""), landings


def check(name: str, folder: Path, before, number, ended) -> None:
    assert ended.code == CODES[number], ended.screen
    assert WORDS in ended.screen and "Traceback" not in ended.screen and "bug in galaxiesml" not in ended.screen
    assert ended.left == []
    current, landings = published(folder)
    # A tar or table that is whole stays; nothing else is published.
    assert current == before[0] and set(before[1]) <= set(landings)
    assert name in ("ingest cutouts", "ingest psf", "ingest specz") or landings == before[1]
    left = [path for path in being_made(folder) if path.suffix == ".making" or path.name == ".next"]
    assert not left


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c_ends_a_command_at_work(name, tmp_path, files, record_property):
    words = typed_in(name, tmp_path, files)
    before = published(tmp_path)

    def at_work(seconds: float) -> bool:
        patterns = AT_WORK[name]
        assert seconds < 120, f"{name} does not begin"
        return any(next(tmp_path.glob(pattern), None) for pattern in patterns) if patterns else seconds > 3

    ended = signalled(words, signal.SIGINT, at_work)
    check(name, tmp_path, before, signal.SIGINT, ended)
    record_property("seconds", ended.seconds)
    print(f"measured: {name} ended {ended.seconds:.2f} s after Ctrl-C")
    if name in ("mock export", "ingest hsc"):
        # The same words go on, as the message says.
        again = subprocess.run([sys.executable, "-m", "galaxiesml", *words], capture_output=True, text=True)
        assert again.returncode == 0, again.stderr
        assert not being_made(tmp_path)


def test_what_nohup_ignores_stays_ignored(tmp_path):
    """A hang-up that was ignored when the command began ends nothing; SIGTERM still does."""
    words = [sys.executable, "-m", "galaxiesml", "mock", "export", "--rows", "400000", "--out", str(tmp_path / "big")]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    while not next((tmp_path / "big").glob(".*.making"), None):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 143 and WORDS in err and not being_made(tmp_path)


def test_a_signal_that_was_blocked_when_the_command_began_is_heard_at_once():
    def deaf() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        os.kill(os.getpid(), signal.SIGINT)

    words = [sys.executable, "-m", "galaxiesml", "sql", "select 1"]
    run = subprocess.run(words, capture_output=True, text=True, timeout=20, preexec_fn=deaf)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", WORDS + "\n")


#: A signal that comes while Python runs a destructor, which drops every exception.
DROPPED = """
import os, signal, time
from galaxiesml.system import interrupts

class Dying:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)

interrupts.listen()
Dying()
time.sleep(30)
"""


def test_an_interrupt_that_python_drops_ends_the_program_all_the_same():
    run = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, timeout=20)
    assert (run.returncode, run.stderr) == (130, WORDS + "\n")


#: A signal while a library's own module is imported, which must not see an exception.
IMPORTING = """
import importlib, pathlib, sys, tempfile
from galaxiesml.system import interrupts

interrupts.listen()
with tempfile.TemporaryDirectory() as folder:
    text = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(0.1); print('whole')"
    (pathlib.Path(folder) / "slow_module.py").write_text(text)
    sys.path.insert(0, folder)
    try:
        import slow_module
        __import__("time").sleep(30)
    except KeyboardInterrupt:
        sys.exit(interrupts.farewell())
"""


def test_an_interrupt_waits_for_an_import_to_end():
    run = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, timeout=20)
    assert (run.returncode, run.stdout, run.stderr) == (130, "whole\n", WORDS + "\n")


def test_files_of_dead_processes_are_cleared_by_the_next_write(tmp_path):
    """What a killed command was making goes when the next one writes there; what a living one makes stays."""
    from galaxiesml.system.atomic import clear, making_of, write_atomic

    mine = making_of(tmp_path / "mine.csv")
    dead = subprocess.Popen([sys.executable, "-c", "pass"])
    dead.wait()
    left = mine.with_name(mine.name.replace("mine", "left").replace(f"-{os.getpid()}.", f"-{dead.pid}."))
    other = mine.with_name(mine.name.replace("mine", "other").replace(f"-{os.getpid()}.", "-1."))
    for path in (mine, left, other):
        path.write_text("half")
    spilt = left.with_name(left.name.replace("left.csv", "spill"))
    spilt.mkdir()
    (spilt / "duckdb_temp_block-1.block").write_text("half")
    clear(tmp_path, again=True)
    write_atomic(tmp_path / "new.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, other.name, "new.txt"}


@pytest.mark.proof
@pytest.mark.parametrize("name", EVERY)
def test_signals_at_five_points_of_every_long_command(name, tmp_path, files):
    """Each of the three signals at five points of the command's time; typed again it ends as if never interrupted."""
    longest, began = 0.0, time.monotonic()
    words = typed_in(name, tmp_path / "whole", files)
    if name == "sql":
        whole = 5.0
    else:
        subprocess.run([sys.executable, "-m", "galaxiesml", *words], check=True, capture_output=True)
        whole = time.monotonic() - began
    for number in CODES:
        for point in range(5):
            folder = tmp_path / f"{number.name}-{point}"
            folder.mkdir()
            words, at = typed_in(name, folder, files), whole * (point + 0.5) / 5
            before = published(folder)
            ended = signalled(words, number, lambda seconds, at=at: seconds >= at)
            if math.isnan(ended.seconds) or (ended.code == 0 and ended.seconds < 0.2):
                # It was faster this time, or at its last step.
                assert ended.code == 0 and not ended.left
                continue
            check(name, folder, before, number, ended)
            longest = max(longest, ended.seconds)
            if name != "sql":
                again = subprocess.run([sys.executable, "-m", "galaxiesml", *words], capture_output=True, text=True)
                assert again.returncode == 0, again.stderr
            shutil.rmtree(folder)
    print(f"measured: {name} ended at most {longest:.2f} s after a signal")
    assert longest < 20
