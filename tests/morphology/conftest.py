import pytest


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """Of few pictures, threads make nothing faster, and wait for each other where other tests run."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
