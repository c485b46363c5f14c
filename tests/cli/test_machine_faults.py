"""What the machine refuses - a full disk, a read-only folder, a closed output - is a sentence and an exit code."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.made.signalled import being_made
from tests.mock import skies
from tests.morphology.measured import measured

PROGRAM = [sys.executable, "-m", "galaxiesml"]
#: Runs commands one after another in one process; prints what came of each as JSON.
DRIVER = """
import contextlib, io, json, os, sys
from galaxiesml.cli import main
found = []
for words in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
            code = 0
        except SystemExit as left:
            code = left.code or 0
    found.append([code, out.getvalue(), err.getvalue()])
print(json.dumps(found), flush=True)
# As the program itself leaves: HDF5 would try to write once more what the disk refused.
os._exit(0)
"""


def can_mount() -> bool:
    words = ["unshare", "-m", "sh", "-c", "mount -t tmpfs -o size=1m none /mnt"]
    return shutil.which("unshare") is not None and subprocess.run(words, capture_output=True).returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="file systems cannot be mounted here (unshare -m)")


def mounted(script: str, commands: list[list], after: str = "") -> list[tuple[int, str, str]]:
    """What came of commands where a shell script has mounted something, in a name space of its own."""
    words = ["unshare", "-m", "sh", "-ec", f'{script}\n"$0" -c "$1"\n{after}', sys.executable, DRIVER]
    given = json.dumps([[str(word) for word in command] for command in commands])
    run = subprocess.run(words, input=given, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return [tuple(one) for one in json.loads(run.stdout)]


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Path:
    """The simulated sky, landed, built and measured."""
    return Path(shutil.copytree(measured()[0], tmp_path_factory.mktemp("faults") / "cat"))


@needs_mounts
def test_a_read_only_catalogue_answers_every_question(catalog, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    run = subprocess.run([*PROGRAM, "-C", catalog, "sql", "select min(object_id) from galaxies", "--format", "csv"])
    asked = [
        ["status"],
        ["gc", "--dry-run"],
        ["tables"],
        ["ingest", "list"],
        ["surveys"],
        ["config", "show"],
        ["sql", "select object_id from galaxies order by object_id limit 1"],
        ["audit", "cuts"],
        ["audit", "cuts", "--without", "secure"],
        ["audit", "diff", "v1", "v2"],
        ["audit", "splits"],
        ["audit", "lineage", "galaxies.specz_redshift"],
        ["audit", "sql", "error"],
        ["plot", "redshifts", "--out", out / "z.png"],
        ["export", "csv", "--out", out / "g.csv"],
        ["export", "parquet", "--out", out / "g.parquet"],
        ["export", "csv", "--splits", "--out", out],
        ["export", "photoz", "--out", out],
        ["export", "hdf5", "--size", "64", "--out", out],
        ["export", "verify", out / "5x64x64_testing_with_morphology.hdf5"],
    ]
    writing = [["build"], ["ingest", "hsc", tmp_path / "x.csv"], ["export", "csv"], ["config", "set", "threads", "2"]]
    (tmp_path / "x.csv").write_text("object_id,ra,dec,i_cmodel_mag\n1,2,3,20\n")
    script = f"mount --bind '{catalog}' '{catalog}' && mount -o remount,bind,ro '{catalog}'"
    found = mounted(script, [["-C", catalog, *words] for words in asked + writing])
    assert run.returncode == 0
    for words, (code, _, err) in zip(asked, found, strict=False):
        assert code == 0, (words, err)
        unkept = "statistics are in the files, but not kept for the mart normalisation" in err
        assert unkept == (words[:2] == ["export", "hdf5"]) and err.count("ead-only") == unkept, (words, err)
    for words, (code, _, err) in zip(writing, found[len(asked) :], strict=True):
        assert code == 4 and "read-only" in err and "bug in galaxiesml" not in err, (words, code, err)


@needs_mounts
def test_a_full_disk_is_said_and_leaves_no_half_made_file(catalog, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mock = ["-q", "mock", "export", "--rows", "2000", "--format", "csv", "--out", tmp_path / "m"]
    subprocess.run([*PROGRAM, *mock], check=True, stdout=subprocess.DEVNULL)
    # The same pictures, another file.
    tar = next((skies.made() / "cutouts").glob("*.tar"))
    other = Path(shutil.copy(tar, tmp_path))
    shutil.copy(tar.with_suffix(".txt"), tmp_path)
    other.write_bytes(tar.read_bytes() + b"\0" * 512)
    (tmp_path / "ids.csv").write_text("object_id\n" + "".join(f"{number}\n" for number in range(1, 20001)))
    # A file and a folder take whole pages.
    size = sum(-(-path.stat().st_size // 4096) * 4096 for path in catalog.rglob("*"))
    # Room for the catalogue, and for a page or two more.
    script = f"""
        mount -t tmpfs -o size={size // 1024 + 400 * 4}k none '{disk}'
        cp -r '{catalog}' '{disk}/cat'
        dd if=/dev/zero of='{disk}/filler' bs=4k 2>/dev/null || true
        truncate -s -40k '{disk}/filler'
    """
    root = disk / "cat"
    commands = [
        ["-C", root, "build", "--force"],
        ["-C", root, "ingest", "hsc", tmp_path / "m" / "export.csv", "--force"],
        ["-C", root, "ingest", "cutouts", other, "--jobs", "1"],
        ["-C", root, "ingest", "release", tmp_path / "ids.csv", "--split", "testing"],
        ["-C", root, "morphology", "--gain", "1234", "--psf", "moffat:0.7", "--workers", "1"],
        ["-C", root, "export", "parquet", "--force", "--out", disk / "g.parquet"],
        ["-C", root, "export", "csv", "--table", "columns", "--force", "--out", disk / "g.csv"],
        ["-C", root, "export", "hdf5", "--size", "64", "--force", "--out", disk / "made"],
        ["-C", root, "export", "photoz", "--force", "--out", disk / "made"],
        ["-C", root, "sql", "select random() as r from range(500000)", "--out", disk / "s.parquet"],
        ["-C", root, "sql", "select random() as r from range(500000)", "--out", disk / "s.csv"],
        ["-C", root, "plot", "redshifts", "--out", disk / "z.png"],
        ["mock", "export", "--rows", "20000", "--format", "csv", "--out", disk / "mock"],
    ]
    after = f"find '{disk}' -name '*.making' -o -name .next -o -name '.tmp-*' -o -name '.*.part' > '{tmp_path}/left'"
    found = mounted(script, [*commands, ["-C", root, "status"]], after)
    for words, (code, out, err) in zip(commands, found, strict=False):
        assert code == 8 and "bug in galaxiesml" not in err, (words, code, out, err)
        # The file that was meant, not the one next to it that was being made.
        assert f"{disk}" in err and ".making" not in err and ".part " not in err, (words, err)
    code, out, err = found[-1]
    assert code == 0 and "built: " in out, err
    assert (tmp_path / "left").read_text() == ""


def test_a_closed_standard_output_is_a_sentence(catalog):
    command = f'exec "{sys.executable}" -m galaxiesml -C "{catalog}" status >&-'
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("Error: Standard output is closed")


def test_a_working_folder_that_is_gone(tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()
    command = f'cd "{folder}" && rmdir "{folder}" && exec "{sys.executable}" -P -m galaxiesml status'
    run = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert run.returncode == 4 and "The working folder no longer exists." in run.stderr
    assert "Traceback" not in run.stderr


def test_a_catalogue_that_is_a_file(typed, tmp_path):
    (tmp_path / "file").write_text("")
    for words in (["status"], ["build"], ["sql", "select 1"], ["gc", "--dry-run"]):
        code, out, err = typed("-C", tmp_path / "file", *words)
        assert (code, out) == (4, "") and f"{tmp_path / 'file'}" in err and "bug in galaxiesml" not in err


def test_characters_that_the_terminal_has_not(catalog):
    words = [*PROGRAM, "-C", str(catalog), "sql", "select 'z \u2265 1' as a", "--format", "csv"]
    run = subprocess.run(words, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert run.returncode == 0 and run.stdout == b"a\nz ? 1\n"
    assert b"cannot show 1 characters of the result" in run.stderr


def test_nothing_half_made_is_left(catalog):
    assert not [path for path in being_made(catalog) if path.suffix == ".making"]
