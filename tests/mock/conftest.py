import pytest

from galaxiesml.mock.export.export import Request, write_export
from galaxiesml.releases.profile import load_profile

from .exported import read, truth

ROWS, SPECTRA = 2300, 2150


def make(folder, **changes):
    """An export of two whole stripes of spectra and a part of a third."""
    asked = {"profile": load_profile("pdr2_wide"), "rows": ROWS, "spectra": SPECTRA, "kind": "csv"} | changes
    folder.mkdir(parents=True, exist_ok=True)
    write_export(Request(**asked), folder)
    return folder


@pytest.fixture(scope="session")
def export(tmp_path_factory):
    return make(tmp_path_factory.mktemp("mock") / "joined")


@pytest.fixture(scope="session")
def frame(export):
    return read(export / "export.csv")


@pytest.fixture(scope="session")
def planted(export):
    return truth(export)
