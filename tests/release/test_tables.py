"""What leaves the catalogue, read again by astropy, pandas and Polars."""

import io
import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse
from astropy.table import Table

from galaxiesml.errors import CatalogError, UsageError
from galaxiesml.query.tables import export_of, table_export, write_csv, write_ecsv, write_parquet
from tests.release.conftest import IDS, MISSING, NAMES, PRIMARY, REDSHIFTS, write_build


def test_ecsv_keeps_every_value(written, tmp_path):
    write_ecsv(export_of(written, "v2"), tmp_path / "g.ecsv")
    table = Table.read(tmp_path / "g.ecsv")
    assert table["object_id"].dtype == np.int64 and table["object_id"].tolist() == IDS
    assert table["specz_redshift"].tolist() == REDSHIFTS
    assert table["specz_name"].tolist() == NAMES
    assert table["isprimary"].dtype == bool and table["isprimary"].tolist() == PRIMARY
    assert table["ra"][1] < 360
    assert (str(table["ra"].unit), str(table["i_cmodel_mag"].unit), table["specz_name"].unit) == ("deg", "mag", None)
    assert table["ra"].meta["ucd"] == "pos.eq.ra;meta.main" and table["ra"].description
    facts = {key: table.meta[key] for key in ("build", "release", "version", "default", "rows", "incomplete")}
    assert facts == {
        "build": "0001-abc",
        "release": "pdr2_wide",
        "version": "v2",
        "default": True,
        "rows": 4,
        "incomplete": MISSING,
    }
    assert table.meta["landed"] == ["a.csv sha256:" + "ab" * 32]


def test_csv_and_its_facts_beside(written, tmp_path):
    write_csv(export_of(written, "v2"), tmp_path / "g.csv")
    frame = pd.read_csv(tmp_path / "g.csv", float_precision="round_trip")
    assert frame["object_id"].tolist() == IDS
    assert [None if pd.isna(name) else name for name in frame["specz_name"]] == NAMES
    assert frame["specz_redshift"][0] == REDSHIFTS[0] and np.isnan(frame["specz_redshift"][1])
    facts = json.loads((tmp_path / "g.csv.json").read_text())
    assert facts["incomplete"] == MISSING and facts["build"] == "0001-abc"
    told = {column["name"]: (column["datatype"], column["unit"]) for column in facts["columns"]}
    assert list(told) == list(frame) and told["ra"] == ("double", "deg") and told["specz_name"] == ("text", None)


def test_parquet_carries_units_twice(written, tmp_path):
    write_parquet(export_of(written, "v2"), tmp_path / "g.parquet")
    frame = pl.read_parquet(tmp_path / "g.parquet")
    assert frame["object_id"].to_list() == IDS and frame["isprimary"].to_list() == PRIMARY
    assert pd.read_parquet(tmp_path / "g.parquet")["specz_redshift"][3] == REDSHIFTS[3]
    schema = pq.read_schema(tmp_path / "g.parquet")
    assert schema.field("i_cmodel_mag").metadata[b"unit"] == b"mag"
    assert schema.metadata[b"IVOA.VOTable-Parquet.version"] == b"1.0"
    document = parse(io.BytesIO(schema.metadata[b"IVOA.VOTable-Parquet.content"]), verify="exception")
    table = document.get_first_table()
    kinds = [(field.name, field.datatype, str(field.unit or "")) for field in table.fields]
    assert kinds == [
        ("object_id", "long", ""),
        ("ra", "double", "deg"),
        ("isprimary", "boolean", ""),
        ("i_cmodel_mag", "double", "mag"),
        ("specz_name", "char", ""),
        ("specz_redshift", "double", ""),
    ]
    assert "INCOMPLETE: crcenter, bad" in " ".join(table.description.split())
    infos = {info.name: info.value for info in document.resources[0].infos}
    assert infos["landed"] == "a.csv sha256:" + "ab" * 32


@pytest.mark.parametrize("write, name", [(write_csv, "g.csv"), (write_ecsv, "g.ecsv"), (write_parquet, "g.parquet")])
def test_equal_builds_give_equal_files(written, tmp_path, write, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(export_of(written, "v2"), tmp_path / folder / name)
        beside = [f"{name}.json"] if write is write_csv else []
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == [name, *beside]
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_complete_version_does_not_say_incomplete(written, tmp_path):
    write_build(written.root, "0002-abc", [])
    write_ecsv(export_of(written, "v2"), tmp_path / "g.ecsv")
    assert Table.read(tmp_path / "g.ecsv").meta["incomplete"] == []
    write_parquet(export_of(written, "v2"), tmp_path / "g.parquet")
    assert b"INCOMPLETE" not in pq.read_schema(tmp_path / "g.parquet").metadata[b"IVOA.VOTable-Parquet.content"]


def test_any_mart(written, tmp_path):
    write_ecsv(table_export(written, "cut_flow"), tmp_path / "f.ecsv")
    table = Table.read(tmp_path / "f.ecsv")
    assert table["cut"].tolist() == ["edge", "bad"] and table["rows_in"].tolist() == [9, 7]
    assert table["rows_in"].meta["ucd"] == "meta.number" and table["cut"].description == "Name."
    assert table.meta["table"] == "cut_flow" and table.meta["incomplete"] == MISSING


def test_what_is_not_there(written):
    with pytest.raises(CatalogError, match="no v3"):
        export_of(written, "v3")
    with pytest.raises(CatalogError, match="nosuch"):
        table_export(written, "nosuch")
    with pytest.raises(UsageError):
        export_of(written, "v9")


def test_a_failed_export_leaves_the_old_file(written, tmp_path):
    path = tmp_path / "g.csv"
    path.write_text("old")
    made = export_of(written, "v2")
    made.source.write_bytes(b"no Parquet")
    with pytest.raises(Exception, match=r"(?i)parquet"):
        write_csv(made, path)
    assert path.read_text() == "old" and list(tmp_path.glob(".g.csv*")) == []
