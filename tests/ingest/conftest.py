import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.ingest.land import land_hsc
from galaxiesml.ingest.ledger import folder_of


@pytest.fixture
def catalog(tmp_path):
    return Catalog.create(tmp_path / "cat", "pdr2_wide")


@pytest.fixture
def s16a(tmp_path):
    return Catalog.create(tmp_path / "s16a", "s16a_wide")


@pytest.fixture
def land_text(catalog, tmp_path):
    """Land a CSV file of the text given; returns its landed columns as lists."""

    def land(text, name="export.csv", **options):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return columns(catalog, land_hsc(catalog, path, **options).info)

    return land


def columns(catalog, info):
    """The landed Parquet as pyarrow reads it, a list a column."""
    return pq.read_table(folder_of(catalog, info) / f"{info['kind']}.parquet").to_pydict()
