"""Predictions made elsewhere: landed, judged by the next build, evaluated, exported, drawn, removed."""

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog

from ..made.once import once
from ..mock import skies
from .judged import by_numpy


def make(folder: Path) -> None:
    """A build of a simulated export, with two files of predictions next to it."""
    from galaxiesml.curation.build import build
    from galaxiesml.ingest.land import land_hsc
    from galaxiesml.mock.export.export import Request, write_export
    from galaxiesml.releases.profile import load_profile

    profile = load_profile("pdr2_wide")
    (folder / "export").mkdir()
    write_export(Request(profile=profile, rows=1500, spectra=1450), folder / "export")
    catalog = Catalog.create(folder / "cat", "pdr2_wide")
    with catalog.lock("a test"):
        land_hsc(catalog, folder / "export" / "export.csv.gz")
        build(catalog)


@pytest.fixture
def catalog(tmp_path) -> Catalog:
    return Catalog.open(shutil.copytree(once("photoz", make) / "cat", tmp_path / "cat"))


@pytest.fixture(scope="module")
def of_three(tmp_path_factory) -> tuple[Catalog, dict[str, pa.Table]]:
    """A build with three runs that have nothing to do with each other, and what was landed for each."""
    folder = tmp_path_factory.mktemp("three")
    catalog = Catalog.open(shutil.copytree(once("photoz", make) / "cat", folder / "cat"))
    whole, random = predicted(catalog), np.random.default_rng(3)
    z = random.gamma(2, 0.4, 500)
    runs = {
        "half": (whole.slice(0, len(whole) // 2), ["--trained-on", "COSMOS"]),
        "published": (pa.table({"z_phot": np.abs(z + random.normal(0, 0.05, 500)), "z_spec": z}), []),
        "theirs": (whole.append_column("z_low_68", pa.array(np.full(len(whole), 0.1))), []),
    }
    for name, (table, words) in runs.items():
        csv.write_csv(table, folder / f"{name}.csv")
        land = ("ingest", "predictions", str(folder / f"{name}.csv"), "--name", name, *words)
        assert skies.run("-q", "-C", str(catalog.root), *land) == 0
    assert skies.run("-q", "-C", str(catalog.root), "build") == 0
    return catalog, {name: table for name, (table, _) in runs.items()}


def galaxies(catalog, columns: str = "object_id, specz_redshift") -> dict:
    found = catalog.connect().execute(f"select {columns} from galaxies order by object_id").fetchnumpy()
    return {name: np.asarray(values) for name, values in found.items()}


def predicted(catalog, seed: int = 1) -> pa.Table:
    found, random = galaxies(catalog), np.random.default_rng(seed)
    z = found["specz_redshift"]
    return pa.table(
        {"object_id": found["object_id"], "z_phot": np.clip(z + random.normal(0, 0.03, len(z)) * (1 + z), 0, 8)}
    )


def test_points_land_are_built_and_evaluated(catalog, typed, tmp_path):
    table = predicted(catalog)
    pq.write_table(table, tmp_path / "theirs.parquet")
    csv.write_csv(table.rename_columns(["object_id", "photoz_best"]), tmp_path / "again.csv")
    code, out, err = typed("-C", catalog.root, "ingest", "predictions", tmp_path / "theirs.parquet", "--name", "theirs")
    assert code == 0 and f"theirs: {len(table):,} predictions, without PDFs" in out
    assert "not known what these predictions were trained on" in err
    words = ("--column", "z_phot=photoz_best", "--trained-on", "COSMOS", "--json")
    code, out, err = typed(
        "-C", catalog.root, "ingest", "predictions", tmp_path / "again.csv", "--name", "again", *words
    )
    assert code == 0 and json.loads(out)["trained_on"] == "COSMOS" and "trained" not in err
    code, out, _ = typed("-C", catalog.root, "status", "--json")
    assert not json.loads(out)["up_to_date"]
    assert typed("-C", catalog.root, "build")[0] == 0
    assert json.loads(typed("-C", catalog.root, "status", "--json")[1])["up_to_date"]

    code, out, err = typed("-C", catalog.root, "evaluate", "--json")
    found = json.loads(out)
    split = dict(catalog.connect().execute("select object_id, split_release from splits").fetchall())
    z = dict(zip(*galaxies(catalog).values(), strict=True))
    tested = [
        (z[one], z_phot) for one, z_phot in zip(*table.to_pydict().values(), strict=True) if split[one] == "testing"
    ]
    right = by_numpy(*(np.array(values) for values in zip(*tested, strict=True)))
    of = {(row["photoz_run"], row["definition"], row["metric"]): row for row in found["metrics"]}
    for run in ("theirs", "again"):
        for key, value in right.items():
            assert of[(run, *key)]["value"] == pytest.approx(value, rel=1e-6, abs=1e-8)
        assert of[run, "pdf", "crps"]["value_reason"] == "no PDFs"
    assert any(note.startswith("theirs: it is not known") for note in found["notes"])
    # Two runs of the same predictions do not differ.
    code, out, _ = typed("-C", catalog.root, "evaluate", "theirs", "again", "--json")
    assert {row["value"] for row in json.loads(out)["difference"] if row["value"] is not None} == {0.0}
    code, out, _ = typed("-C", catalog.root, "evaluate", "--by", "specz_redshift", "--latex")
    assert code == 0 and out.startswith(r"\begin{tabular}{llr") and "0.2 to 0.4" in out
    assert typed("-C", catalog.root, "evaluate", "nobody")[0] == 2
    code, out, err = typed("-C", catalog.root, "evaluate", "--of", "all")
    assert code == 0 and "not metrics of a test" in err and f"{len(table)}" in out


def test_unchanged_runs_are_not_computed_again_and_give_the_same_bytes(catalog, typed, tmp_path):
    pq.write_table(predicted(catalog), tmp_path / "theirs.parquet")
    typed("-C", catalog.root, "ingest", "predictions", tmp_path / "theirs.parquet", "--name", "theirs")
    typed("-C", catalog.root, "build")
    first = catalog.current_id()
    typed("-C", catalog.root, "build")
    assert catalog.current_id() != first and catalog.current_id()[5:] == first[5:]
    log = (catalog.logs / "dbt.log").read_text()
    assert log.rindex("int_photoz_known") > 0
    # Another run next to it leaves the first as it was; changed predictions do not.
    pq.write_table(predicted(catalog, 2), tmp_path / "others.parquet")
    before = pq.read_table(catalog.current_build() / "photoz_metrics.parquet", partitioning=None)
    typed("-C", catalog.root, "ingest", "predictions", tmp_path / "others.parquet", "--name", "others")
    typed("-C", catalog.root, "build")
    after = pq.read_table(catalog.current_build() / "photoz_metrics.parquet", partitioning=None)
    of_theirs = after.filter(pa.compute.equal(after["photoz_run"], "theirs"))
    assert of_theirs.equals(before) and len(after) > len(before)
    typed("-C", catalog.root, "ingest", "predictions", tmp_path / "others.parquet", "--name", "theirs")
    typed("-C", catalog.root, "build")
    again = pq.read_table(catalog.current_build() / "photoz_metrics.parquet", partitioning=None).to_pylist()
    values = {run: [row["value"] for row in again if row["photoz_run"] == run] for run in ("theirs", "others")}
    assert values["theirs"] == values["others"]


def test_predictions_are_removed(catalog, typed, tmp_path):
    pq.write_table(predicted(catalog), tmp_path / "theirs.parquet")
    typed("-C", catalog.root, "ingest", "predictions", tmp_path / "theirs.parquet", "--name", "theirs")
    assert json.loads(typed("-C", catalog.root, "status", "--json")[1])["predictions"] == {
        "theirs": len(predicted(catalog))
    }
    code, out, _ = typed("-C", catalog.root, "runs", "--remove", "theirs")
    assert code == 0 and "are removed" in out and not (catalog.root / "derived/predictions/theirs").exists()
    assert json.loads(typed("-C", catalog.root, "runs", "--json")[1]) == []
    code, _, err = typed("-C", catalog.root, "runs", "--remove", "theirs")
    assert code == 2 and "No run 'theirs' has predictions" in err
    assert typed("-C", catalog.root, "build")[0] == 0
    code, _, err = typed("-C", catalog.root, "evaluate")
    assert code == 4 and "has no predictions" in err


def test_a_file_without_identifiers_is_judged_by_its_own_redshifts(of_three, typed):
    catalog, landed = of_three
    found = json.loads(typed("-C", catalog.root, "evaluate", "published", "--json")[1])["metrics"]
    right = by_numpy(*(landed["published"][name].to_numpy() for name in ("z_spec", "z_phot")))
    seen = 0
    for row in found:
        if (key := (row["definition"], row["metric"])) in right:
            assert row["galaxies"] == 500 and row["value"] == pytest.approx(right[key], rel=1e-6, abs=1e-8)
            seen += 1
    assert seen > 3


def test_pdfs_go_out_for_qp_and_come_back(catalog, typed, tmp_path):
    qp = pytest.importorskip("qp")
    ids = galaxies(catalog)["object_id"]
    edges = np.linspace(0, 3, 101)
    centre = np.random.default_rng(4).uniform(0.3, 2.5, len(ids))
    middle = (edges[1:] + edges[:-1]) / 2
    density = np.exp(-0.5 * ((middle - centre[:, None]) / 0.1) ** 2)
    density /= (density * np.diff(edges)).sum(axis=1, keepdims=True)
    ensemble = qp.Ensemble(qp.hist, data={"bins": edges, "pdfs": density}, ancil={"object_id": ids})
    ensemble.write_to(str(tmp_path / "rail.hdf5"))
    code, out, err = typed("-C", catalog.root, "ingest", "predictions", tmp_path / "rail.hdf5", "--name", "rail")
    assert code == 0 and "with PDFs" in out, err
    assert typed("-C", catalog.root, "build")[0] == 0
    made = tmp_path / "out.hdf5"
    assert typed("-C", catalog.root, "export", "predictions", "rail", "--format", "qp", "--out", made)[0] == 0
    back = qp.read(str(made))
    assert back.npdf == len(ids) and (np.asarray(back.ancil["object_id"]) == ids).all()
    np.testing.assert_allclose(back.pdf(middle), density, atol=2e-3 / 0.03)
    np.testing.assert_allclose(back.median().ravel(), centre, atol=0.02)
    for form in ("parquet", "csv"):
        path = tmp_path / f"out.{form}"
        assert typed("-C", catalog.root, "export", "predictions", "--format", form, "--out", path)[0] == 0
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.field("z_phot").metadata[b"description"] and len(table["pdf"][0]) == 100
    assert json.loads((tmp_path / "out.csv.json").read_text())["runs"][0]["photoz_run"] == "rail"
    for figure in ("scatter", "bins", "pit", "pdf"):
        picture = tmp_path / f"{figure}.png"
        code, out, err = typed("-C", catalog.root, "plot", "photoz", "rail", "--figure", figure, "--out", picture)
        assert code == 0 and picture.read_bytes()[:4] == b"\x89PNG", err
    scores = json.loads(typed("-C", catalog.root, "evaluate", "rail", "--json")[1])["metrics"]
    assert {row["metric"] for row in scores if row["value"] is not None} >= {"crps", "pit_ks", "cde_loss", "scatter"}


def test_hostile_files_are_refused_with_what_is_wrong(catalog, typed, tmp_path):
    ids = galaxies(catalog)["object_id"][:5]
    good = {"object_id": ids, "z_phot": np.full(5, 0.5)}
    cases = {
        "floats": ({**good, "object_id": ids.astype(float)}, "floating-point number"),
        "twice": ({**good, "object_id": np.repeat(ids[:1], 5)}, f"object {ids[0]} more than once"),
        "minus": ({**good, "z_phot": np.array([0.5, -1, 0.5, 0.5, 0.5])}, "row 2 has z_phot -1"),
        "nan": ({**good, "z_phot": np.array([0.5, np.nan, 0.5, 0.5, 0.5])}, "row 2 has z_phot nan"),
        "unknown": ({**good, "object_id": np.arange(5)}, "None of the objects"),
        "empty": ({name: values[:0] for name, values in good.items()}, "no rows"),
        "nothing": ({"object_id": ids, "height": ids}, "no column of photometric redshifts"),
        "neither": ({"z_phot": good["z_phot"]}, "neither identifiers nor spectroscopic redshifts"),
        "words": ({**good, "z_phot": ["a"] * 5}, "z_phot is not of type double"),
    }
    for name, (columns, words) in cases.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table(columns), path)
        code, _, err = typed("-C", catalog.root, "ingest", "predictions", path, "--name", name)
        assert code == 3 and words in err, (name, err)
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "nan.parquet").read_bytes()[:200])
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with h5py.File(tmp_path / "sums.hdf5", "w") as file:
        file["meta/pdf_name"], file["meta/bins"] = np.array([b"hist"]), np.linspace(0, 1, 11)[None]
        file["data/pdfs"], file["ancil/object_id"] = np.full((5, 10), 3.0), ids
    for name, words in (("cut.parquet", "cannot be read"), ("text.hdf5", "no file of qp"), ("sums.hdf5", "sums to 3")):
        code, _, err = typed("-C", catalog.root, "ingest", "predictions", tmp_path / name, "--name", "x")
        assert code == 3 and words in err, (name, err)
    assert (
        not (catalog.root / "derived/predictions/settings.parquet").is_file()
        or not pq.read_table(catalog.root / "derived/predictions/settings.parquet").num_rows
    )
    assert typed("-C", catalog.root, "ingest", "predictions", tmp_path / "x.parquet", "--name", "../x")[0] == 2


def test_galaxies_that_have_no_prediction_are_counted(of_three, typed):
    catalog, landed = of_three
    found = json.loads(typed("-C", catalog.root, "evaluate", "half", "--json")[1])
    judged = found["metrics"][0]["galaxies"]
    split = dict(catalog.connect().execute("select object_id, split_release from splits").fetchall())
    total = sum(split[one] == "testing" for one in landed["theirs"]["object_id"].to_pylist())
    notes = " ".join(found["notes"])
    assert 0 < judged < total and f"half: {total - judged} of {total} testing galaxies are not judged" in notes
    assert "trained on COSMOS; whether those galaxies are among these is not checked" in notes


def test_redshifts_that_the_run_may_have_seen_are_told(of_three, typed):
    catalog, _ = of_three
    _, _, err = typed("-C", catalog.root, "evaluate", "theirs")
    assert "its training galaxies may be among these" in err
