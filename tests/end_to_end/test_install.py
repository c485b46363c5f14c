"""The package as pip installs it: from any folder, read-only, with the SQL inside."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ..curation.own import bright, low_z, mine
from ..mock.exported import read
from ..releases import radians


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, repo) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, repo]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


#: Types commands, each a line of words, in one process.
TYPES = """
import shlex
import sys
from galaxiesml.cli import main

for line in sys.stdin:
    try:
        main(shlex.split(line))
    except SystemExit as left:
        assert not left.code, line
"""


def check(python: Path, folder: Path, environment: dict) -> None:
    """Make and build a catalogue with an installed package, from a folder that is not the checkout."""

    def run(words: list[str], given: str | None = None) -> str:
        done = subprocess.run(
            [python, *words], input=given, cwd=folder, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    lines = (
        "mock export --rows 2000 --out mock",
        "init cat --release pdr2_wide",
        "-C cat ingest hsc mock/export.csv.gz --archive-query wide",
        # A referee's question, with no file of the package edited.
        "-C cat cuts new bright --sql 'i_cmodel_mag < 22.5' --why 'complete sample' --section 'this paper, 2.1'",
        "-C cat cuts new low_z --sql 'specz_redshift < 1.5' --why 'no [OII] beyond'",
        "-C cat versions new mine --from v2 --with bright --with low_z --without specz_mag --duplicates best",
        "-C cat build",
        # A survey in radians and nJy, by a profile of the user's own.
        "profile check own.toml own.parquet",
        "init own --release own.toml",
        "-C own ingest table own.parquet",
        "-C own build",
    )
    theirs, ours = radians.tables(2_000)
    (folder / "own.toml").write_text(radians.THEIRS)
    pq.write_table(theirs, folder / "own.parquet")
    run(["-c", TYPES], "\n".join(lines))
    flows = json.loads(run(["-m", "galaxiesml", "-C", "cat", "audit", "cuts", "--json"]))
    truth = json.loads((folder / "mock" / "truth.json").read_text())
    assert flows["version"]["rows_kept"] > 0.5 * truth["rows"]
    frame = read(folder / "mock" / "export.csv.gz")
    rows = run(
        ["-m", "galaxiesml", "-C", "cat", "sql", "select source_row - 1 as at from galaxies_mine", "--format", "json"]
    )
    assert sorted(row["at"] for row in json.loads(rows)) == mine(frame, bright(frame) & low_z(frame))
    query = "select object_id, ra, i_cmodel_mag from galaxies order by object_id"
    kept = json.loads(run(["-m", "galaxiesml", "-C", "own", "sql", query, "--format", "json"]))
    known = {row["objectId"]: row for row in ours.select(["objectId", "coord_ra", "i_mag"]).to_pylist()}
    assert len(kept) > 1_000
    for row in kept:
        wanted = known[row["object_id"]]
        assert row["ra"] == pytest.approx(wanted["coord_ra"], rel=1e-12)
        assert row["i_cmodel_mag"] == pytest.approx(wanted["i_mag"], rel=1e-12)


def test_wheel_works_read_only_from_any_folder(wheel, tmp_path):
    installed = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", installed, wheel]
    subprocess.run(command, check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    where = "import galaxiesml.dictionary as d; print(d.PROJECT)"
    done = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert Path(done.stdout.strip()) == installed / "galaxiesml" / "project"
    before = {path: path.stat().st_mtime_ns for path in installed.rglob("*")}
    check(Path(sys.executable), tmp_path, environment)
    assert {path: path.stat().st_mtime_ns for path in installed.rglob("*")} == before


@pytest.mark.proof
def test_pip_install_into_a_fresh_environment(wheel, tmp_path, repo):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    command = [python, "-m", "pip", "install", "--quiet", "--constraint", repo / "constraints.txt", wheel]
    subprocess.run(command, check=True, capture_output=True)
    check(python, tmp_path, {key: value for key, value in os.environ.items() if key != "PYTHONPATH"})
