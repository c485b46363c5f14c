"""Fixtures that every test may use."""

from pathlib import Path

import pytest

from .made import once, parsed

REPO = Path(__file__).resolve().parent.parent


def pytest_addoption(parser):
    parser.addoption(
        "--project", type=Path, help="another copy of sql/ and models/ to test, as tests/mutations.py makes"
    )


def pytest_configure(config):
    # A worker of pytest-xdist uses the folder of the process that started it.
    if not hasattr(config, "workerinput"):
        once.begin()
    # Before anything reads the project: modules take the path when they are imported.
    if folder := config.getoption("--project"):
        import galaxiesml.dictionary

        galaxiesml.dictionary.PROJECT = folder


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
def typed(capsys):
    """Type a command: its exit code, standard output and standard error."""
    from galaxiesml.cli import main

    def run(*words) -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code or 0, *capsys.readouterr()

    return run
