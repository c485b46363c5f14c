import pytest

from .asking import served


@pytest.fixture(scope="package")
def server():
    """One that behaves; its tests leave no job behind that another could meet."""
    with served() as server:
        yield server
