"""Fixtures that every test may use."""

import runpy
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from .made import once, parsed

REPO = Path(__file__).resolve().parent.parent
#: Files of tests that take a quarter of a minute or more, the slowest first; pytest's table of durations tells them.
SLOWEST = (
    "curation/test_build.py",
    "curation/engines/test_servers.py",
    "morphology/test_run.py",
    "photoz/test_catalogue.py",
    "photoz/test_run.py",
    "photoz/test_best.py",
    "archive/test_end_to_end.py",
    "morphology/test_injections.py",
    "cli/test_own_versions.py",
    "cli/test_shell.py",
    "mock/test_sky_command.py",
    "mock/test_pictures.py",
    "archive/test_fetch_pictures.py",
    "release/test_readers.py",
    "cli/test_interrupts.py",
    "cutouts/test_land.py",
    "cutouts/test_wanted.py",
    "cli/test_commands.py",
    "release/test_hdf5.py",
    "end_to_end/test_odd_folders.py",
    "end_to_end/test_real_pictures.py",
    "spectra/test_build.py",
    "end_to_end/test_install.py",
    "releases/test_radians.py",
    "releases/test_ready.py",
    "release/test_verify.py",
    "photoz/test_commands.py",
    "release/test_dataset.py",
    "archive/test_campaign.py",
    "splits/test_seeds.py",
    "splits/test_build.py",
    "cli/test_rows.py",
    "mock/serve/test_serve_command.py",
    "cli/test_machine_faults.py",
    "release/test_loader.py",
    "photoz/test_estimators.py",
    "archive/test_fetch_hsc.py",
    "mock/test_sky_catalogue.py",
    "mock/test_pictures_cmodel.py",
    "morphology/test_released.py",
    "cli/test_older_builds.py",
    "cutouts/test_manifest.py",
)


def pytest_addoption(parser):
    parser.addoption(
        "--project", type=Path, help="another copy of sql/ and models/ to test, as tests/mutations.py makes"
    )


def pytest_configure(config):
    # A script's background ignores Ctrl-C, and every command that a test starts would inherit that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A worker of pytest-xdist uses the folder of the process that started it.
    if not hasattr(config, "workerinput"):
        once.begin()
    # Before anything reads the project: modules take the path when they are imported.
    if folder := config.getoption("--project"):
        import galaxiesml.dictionary

        galaxiesml.dictionary.PROJECT = folder


def pytest_collection_modifyitems(items):
    """The slowest files first: one that begins last would leave a processor without work."""
    order = {REPO / "tests" / name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        once.end()


@pytest.fixture(scope="session", autouse=True)
def one_parse_a_project():
    with pytest.MonkeyPatch.context() as patch:
        parsed.share(patch)
        yield


@pytest.fixture(scope="session")
def repo() -> Path:
    return REPO


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that stands beside the checkout where developers have it; it is not part of the project."""
    folder = REPO.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the shared test data is not on this machine")
    return folder


@pytest.fixture
def notebook(capsys, monkeypatch):
    """Run a notebook, as its file stands, on a catalogue; what it prints."""

    def run(name: str, catalog: Path) -> str:
        monkeypatch.setenv("GALAXIESML_CATALOG", str(catalog))
        capsys.readouterr()
        runpy.run_path(str(REPO / "notebooks" / name))
        return capsys.readouterr().out

    return run


@dataclass(frozen=True)
class Finished:
    """A command that was typed, by the names that a process has."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def finished(typed):
    """Type a command, as if in a process of its own."""
    return lambda *words: Finished(*typed(*words))


@pytest.fixture
def typed(capsys):
    """Type a command: its exit code, standard output and standard error."""
    from galaxiesml.cli import main

    def run(*words) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code or 0, *capsys.readouterr()

    return run
