"""HATS catalogues as LSDB reads them, and RAIL's own reader of our files: in an environment of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table

from galaxiesml.catalog import Catalog
from galaxiesml.dictionary import columns
from galaxiesml.errors import UsageError
from galaxiesml.query.hats import check_place
from galaxiesml.query.photometry import export_photometry
from tests.made.signalled import being_made, signalled

from . import test_photometry

ROWS = 3000
#: Where four of the twelve largest HEALPix pixels meet: there are four files, and the cone is in all.
CENTRE = (45.0, 0.0)
CONE_ARCSEC, MATCH_ARCSEC = 900.0, 1.0
#: What a file of properties is apt to spoil.
TITLE = 'a \\ b\n"é" = : # !'
#: What LSDB makes of a catalogue; results are files.
READER = """
import sys
from pathlib import Path
import lsdb
import pandas as pd
if __name__ == "__main__":
    folder, others, out = sys.argv[1:4]
    ra, dec, cone, match = map(float, sys.argv[4:])
    catalog = lsdb.open_catalog(folder)
    out = Path(out)
    catalog.compute().to_parquet(out / "whole.parquet")
    catalog.cone_search(ra, dec, cone).compute().to_parquet(out / "cone.parquet")
    other = lsdb.from_dataframe(pd.read_parquet(others), ra_column="ra", dec_column="dec")
    matched = catalog.crossmatch(other, radius_arcsec=match, n_neighbors=1, suffixes=("", "_other"))
    matched.compute().to_parquet(out / "matched.parquet")
    (out / "told.json").write_text(catalog.hc_structure.catalog_info.extra_dict()["galaxiesml"])
"""
#: RAIL's store of data reads a file, and iterates over it as its stages do.
RAIL = """
import sys
import numpy as np
from rail.core.data import DataStore, TableHandle
path, out = sys.argv[1:]
data = DataStore().read_file("data", TableHandle, path)()
handle = TableHandle("again", path=path)
parts = [part["mag_g"] for _, _, part in handle.iterator(groupname="photometry", chunk_size=3)]
found = {name: np.asarray(values) for name, values in data["photometry"].items()}
np.savez(out, **found, rows=handle.size(groupname="photometry"), parts=np.concatenate([np.array(p) for p in parts]))
"""


@pytest.fixture(scope="module")
def python(request) -> str:
    """Python of the environment that has hats-import, LSDB and RAIL."""
    found = os.environ.get("READERS_PYTHON") or request.config.rootpath / ".venv-readers" / "bin" / "python"
    if not Path(found).exists() or run(str(found), "-c", "import hats_import, lsdb, rail").returncode:
        pytest.skip(f"hats-import, LSDB and RAIL are not in {found}, where `make proof` installs them")
    return str(found)


def run(python: str, *words) -> subprocess.CompletedProcess:
    folder = Path(__file__).resolve().parents[2]
    return subprocess.run(
        [python, *map(str, words)], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(folder)}
    )


def rows() -> dict[str, pa.Array]:
    """Columns of a version: ids that a float64 does not hold, and NULL in every type."""
    random = np.random.default_rng(7)
    number = np.arange(ROWS)
    ids = np.where(number % 2, 2**53 + 1 + 2 * number, 2**63 - 1 - number)
    some = number % 5 == 0
    return {
        "object_id": pa.array(ids, pa.int64()),
        "ra": pa.array(CENTRE[0] + random.uniform(-0.5, 0.5, ROWS)),
        "dec": pa.array(CENTRE[1] + random.uniform(-0.5, 0.5, ROWS)),
        "parent_id": pa.array(ids - 1, pa.int64(), mask=some),
        "isprimary": pa.array(number % 3 == 0, pa.bool_(), mask=some),
        "specz_name": pa.array([f"é, {each}" for each in number], pa.string(), mask=some),
        "specz_redshift": pa.array(random.uniform(0, 4, ROWS), pa.float64(), mask=some),
    }


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    """A build by hand of one version."""
    made = Catalog.create(tmp_path_factory.mktemp("hats") / "cat", "pdr2_wide")
    folder = made.root / "builds" / "0001-abc"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(rows()), folder / "galaxies_v2.parquet")
    lost = rows() | {"dec": pa.array([None, float("nan"), 90.5, *[0.0] * (ROWS - 3)], pa.float64())}
    pq.write_table(pa.table(lost), folder / "galaxies_v1.parquet")
    version = {"title": TITLE, "rows": ROWS, "cuts": ["edge", "bad"], "missing_cuts": ["bad"], "rule": "ab" * 32}
    info = {"id": "0001-abc", "galaxiesml": "0.1", "release": "pdr2_wide", "default_version": "v2"}
    info |= {"landings": [{"landing": 1, "source_file": "a.csv", "source_sha256": "ab" * 32}]}
    (folder / "build.json").write_text(json.dumps(info | {"versions": {"v1": version, "v2": version}}))
    (made.root / "current").write_text("0001-abc\n")
    return made


def test_a_folder_that_is_in_use_is_refused(tmp_path):
    folder = tmp_path / "out"
    check_place(folder, False)
    folder.mkdir()
    check_place(folder, False)
    (folder / "hats.properties").write_text("#HATS catalog\nobs_collection=another\n")
    for force in (False, True):
        with pytest.raises(UsageError, match="has files that no export hats wrote"):
            check_place(folder, force)
    (folder / "hats.properties").write_text("#HATS catalog\ngalaxiesml={}\n")
    with pytest.raises(UsageError, match="has a HATS catalogue") as refused:
        check_place(folder, False)
    assert "--force" in refused.value.hint
    check_place(folder, True)
    (tmp_path / "link").symlink_to(folder)
    for place in (tmp_path / "link", folder / "hats.properties"):
        with pytest.raises(UsageError, match="is not a folder"):
            check_place(place, True)


@pytest.fixture(scope="module")
def written(catalog, python, tmp_path_factory) -> Path:
    """A catalogue in a folder whose name would be read as a pattern, a key, an escape and a protocol."""
    folder = tmp_path_factory.mktemp("written") / "d ]*?#%41 k=1 é::s3:\\n"
    done = run(python, "-m", "galaxiesml", "-C", catalog.root, "export", "hats", folder)
    assert (done.returncode, done.stdout) == (0, f"{folder}\n"), done.stderr
    assert "is INCOMPLETE: bad not applied in full" in done.stderr and "3,000 rows of galaxies_v2" in done.stderr
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    return folder


@pytest.fixture(scope="module")
def read(written, python, tmp_path_factory) -> Path:
    """What LSDB reads of it, and of its cone and its matches."""
    out = tmp_path_factory.mktemp("read")
    (out / "reader.py").write_text(READER)
    pq.write_table(others(), out / "others.parquet")
    words = (*CENTRE, CONE_ARCSEC, MATCH_ARCSEC)
    done = run(python, out / "reader.py", written, out / "others.parquet", out, *words)
    assert done.returncode == 0, done.stderr
    return out


def others() -> pa.Table:
    """Sources of another survey: some are 0.3 arcsec from a galaxy of ours, some 1.5, and some are alone."""
    made, number = rows(), np.arange(0, ROWS, 3)
    off = np.where(number % 2, 0.3, 1.5) / 3600
    dec = np.where(number % 4 == 3, -10.0, made["dec"].to_numpy()[number] + off)
    return pa.table({"number": number, "ra": made["ra"].to_numpy()[number], "dec": dec})


@pytest.mark.proof
def test_lsdb_reads_every_value(written, read):
    assert len(list(written.rglob("Npix=*.parquet"))) == 4
    found = pq.read_table(read / "whole.parquet").sort_by("object_id")
    wanted = pa.table(rows()).sort_by("object_id")
    assert [name for name in found.column_names if name != "_healpix_29"] == [
        "object_id",
        "object_id_text",
        *wanted.column_names[1:],
    ]
    for name in wanted.column_names:
        assert found[name].to_pylist() == wanted[name].to_pylist(), name
    assert found["object_id_text"].to_pylist() == [str(number) for number in wanted["object_id"].to_pylist()]


@pytest.mark.proof
def test_cone_search_and_crossmatch_are_those_of_duckdb(catalog, read):
    with catalog.connect() as connection:
        wanted = connection.execute(
            f"select object_id from galaxies_v2 where in_cone(ra, dec, {CENTRE[0]}, {CENTRE[1]}, {CONE_ARCSEC})"
        ).fetchall()
        connection.register("others", others())
        matched = connection.execute(f"""
            select object_id, number from galaxies_v2 as ours, others
            where abs(ours.dec - others.dec) < 0.001
                and separation_arcsec(ours.ra, ours.dec, others.ra, others.dec) <= {MATCH_ARCSEC}
        """).fetchall()
    cone = pq.read_table(read / "cone.parquet")["object_id"].to_pylist()
    assert 500 < len(cone) < ROWS and sorted(cone) == sorted(number for (number,) in wanted)
    found = pq.read_table(read / "matched.parquet")
    other = next(name for name in found.column_names if name.startswith("number"))
    pairs = list(zip(found["object_id"].to_pylist(), found[other].to_pylist(), strict=True))
    assert 200 < len(pairs) < ROWS / 3 and sorted(pairs) == sorted(matched)


@pytest.mark.proof
def test_units_and_provenance_are_in_the_files(catalog, written, read):
    told = json.loads((read / "told.json").read_text())
    assert (told["build"], told["version"], told["title"], told["rows"]) == ("0001-abc", "v2", TITLE, ROWS)
    assert (told["cuts"], told["incomplete"], told["rule"]) == (["edge", "bad"], ["bad"], "ab" * 32)
    metadata = pq.read_schema(written / "dataset" / "_common_metadata").metadata
    (read / "header.vot").write_bytes(metadata[b"IVOA.VOTable-Parquet.content"])
    fields = {field.name: field for field in parse_single_table(read / "header.vot").fields}
    files = list(written.rglob("Npix=*.parquet"))
    for name in rows():
        known = columns(catalog.profile.bands)[name]
        field = fields[name]
        assert (str(field.unit or ""), field.ucd or "") == (known.unit, known.ucd), name
        # Its XML is wrapped.
        assert " ".join(field.description.split()) == known.description
        for path in files:
            in_file = pq.read_schema(path).field(name).metadata
            assert in_file == {
                b"unit": known.unit.encode(),
                b"ucd": known.ucd.encode(),
                b"description": known.description.encode(),
            }
    for path in files:
        assert json.loads(pq.read_schema(path).metadata[b"galaxiesml"]) == told


@pytest.mark.proof
def test_equal_builds_give_equal_bytes_and_a_condition_is_said(catalog, written, python, tmp_path):
    words = ("-m", "galaxiesml", "-C", catalog.root, "export", "hats", tmp_path / "again")
    near = ("--where", "specz_redshift < 0.5")
    done = run(python, *words, *near)
    assert done.returncode == 0 and "Only rows where specz_redshift < 0.5" in done.stderr, done.stderr
    redshifts = pq.read_table(tmp_path / "again" / "dataset", partitioning=None)["specz_redshift"].to_pylist()
    assert len(redshifts) == sum(each is not None and each < 0.5 for each in rows()["specz_redshift"].to_pylist())
    assert run(python, *words).returncode == 2
    done = run(python, *words, "--force")
    assert done.returncode == 0, done.stderr
    files = {path.relative_to(written) for path in written.rglob("*") if path.is_file()}
    assert files == {path.relative_to(tmp_path / "again") for path in (tmp_path / "again").rglob("*") if path.is_file()}
    for path in files:
        assert (written / path).read_bytes() == (tmp_path / "again" / path).read_bytes(), path


@pytest.mark.proof
def test_rows_that_have_no_place_are_refused(catalog, python, tmp_path):
    words = ("-m", "galaxiesml", "-C", catalog.root, "export", "hats", tmp_path / "out")
    done = run(python, *words, "--version", "v1")
    assert done.returncode == 4 and "3 rows of v1 have no position on the sky" in done.stderr
    assert run(python, *words, "--where", "specz_redshift > 9").returncode == 4
    assert not list(tmp_path.iterdir())


@pytest.mark.proof
def test_ctrl_c_leaves_nothing(catalog, python, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "out").mkdir()
    words = ["-C", str(catalog.root), "export", "hats", str(tmp_path / "out" / "hats")]
    for seen in (".hats.*/rows.parquet", ".hats.*/out/*/dataset"):
        ended = signalled(words, signal.SIGINT, lambda _, seen=seen: bool([*(tmp_path / "out").glob(seen)]))
        assert ended.code == 130 and ended.left == [] and ended.seconds < 2, ended.screen
        assert "Interrupted." in ended.screen and "Traceback" not in ended.screen
        assert not being_made(tmp_path / "out") and not [*(tmp_path / "out").iterdir()]
        assert not [path for path in (tmp_path / "tmp").iterdir() if path.name.startswith(("galaxiesml", "dask"))]


@pytest.mark.proof
def test_rail_reads_what_export_photoz_wrote(python, tmp_path):
    catalog = Catalog.create(tmp_path / "cat", "pdr2_wide")
    test_photometry.write(catalog.root)
    for entry in export_photometry(catalog, tmp_path / "out").files[:2]:
        done = run(python, "-c", RAIL, entry["path"], tmp_path / "found.npz")
        assert done.returncode == 0, done.stderr
        found, wanted = np.load(tmp_path / "found.npz"), test_photometry.expected(entry["split"])
        assert found["rows"] == entry["galaxies"] and found["object_id"].dtype == np.int64
        for name, values in wanted.items():
            assert test_photometry.same(found[name], values), name
        assert test_photometry.same(found["parts"], wanted["mag_g"])
