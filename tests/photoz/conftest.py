import pytest

from galaxiesml.photoz import Config, train
from tests.made.redshifts import galaxies

#: Small enough for tests: seconds, and estimates that are clearly better than a guess.
SMALL = {"epochs": 6, "seeds": 2, "width": 48, "learning_rate": 5e-3, "average": 0.95}


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="package")
def sky():
    return galaxies(4000, missing=0.02)


@pytest.fixture(scope="package")
def small_run(sky, tmp_path_factory):
    """A trained run of `table` in a folder: (the run, the folder)."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    return train(sky, Config.of("table", **SMALL), folder, provenance={"build": "b1"}), folder
