"""`evaluate --nz`: stacked PDFs against the same computed again by NumPy, and as it is typed."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.curation import stacked

from ..made.once import once
from .judged import UNITS, weights
from .test_commands import make_trained

EDGES = np.array([0.0, 0.2, 0.5, 0.75, 1.0, 4.0])
WORDS = ("--nz", "--bins", "0,0.2,0.5,0.75,1,4")


@pytest.fixture(scope="module")
def read() -> Catalog:
    return Catalog.open(once("trained", make_trained) / "cat")


def sample(catalog, where: str) -> dict[str, np.ndarray]:
    """What the published tables hold of the run's galaxies, joined in Python."""
    connection = catalog.connect()
    found = connection.execute(f"""
        select p.object_id, p.z_phot, q.pdf, g.specz_redshift
        from predictions p join photoz_pdfs q using (photoz_run, photoz_row)
        join galaxies_v2 g on g.object_id = p.object_id join splits s on s.object_id = p.object_id
        where {where} order by p.object_id
    """).fetchall()
    ids, z_phot, pdf, z = zip(*found, strict=True)
    (edges,) = connection.execute("select pdf_edges from photoz_runs").fetchone()
    return {"ids": np.array(ids), "z_phot": np.array(z_phot), "pdf": np.array(pdf) / UNITS, "z": np.array(z),
            "edges": np.array(edges)}  # fmt: skip


def by_numpy(found: dict, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, float]:
    """n(z) of PDFs and spectra and their means, of galaxies that are drawn so often: by the PDFs' CDFs alone."""
    rows = np.repeat(np.arange(len(drawn)), drawn)
    pdf, z, edges = found["pdf"][rows], found["z"][rows], found["edges"]
    cdf = np.concatenate([[0], np.cumsum(pdf.mean(axis=0))])
    stack = np.diff(np.interp(EDGES, edges, cdf)) / np.diff(EDGES)
    fine = np.linspace(edges[0], edges[-1], 400_001)
    mean = edges[-1] - np.trapezoid(np.interp(fine, edges, cdf), fine)
    return stack, np.histogram(z, EDGES)[0] / len(z) / np.diff(EDGES), mean, z.mean()


def test_it_is_what_numpy_makes_of_the_published_tables(read, typed):
    code, out, err = typed("-C", read.root, "evaluate", *WORDS, "--tomography", "0.3,0.7", "--json")
    assert code == 0 and err.count("not a posterior") == 1, err
    (told,) = json.loads(out)["runs"]
    means = {row["tomography"]: row for row in told["tomography"]}
    assert list(means) == ["all", "0.3 to 0.7"]
    for name, where in (("all", "true"), ("0.3 to 0.7", "p.z_phot >= 0.3 and p.z_phot < 0.7")):
        found = sample(read, f"s.split_release = 'testing' and {where}")
        draws = [np.ones(len(found["ids"]), int), *(weights(found["ids"], number) for number in range(1, 201))]
        made = [by_numpy(found, one) for one in draws]
        rows = [row for row in told["bins"] if row["tomography"] == name]
        assert means[name]["galaxies"] == means[name]["with_spectrum"] == len(found["ids"]) > 50
        values = {"mean": [one[2] for one in made], "mean_spec": [one[3] for one in made]}
        values["bias"] = [one[2] - one[3] for one in made]
        for key, series in values.items():
            low, high = np.quantile(series[1:], [0.025, 0.975])
            right = (series[0], low, high, np.std(series[1:], ddof=1))
            assert [means[name][f"{key}{end}"] for end in ("", "_low", "_high", "_error")] == pytest.approx(
                right, abs=2e-5
            )
        for place, row in enumerate(rows):
            for key, which in (("nz", 0), ("spec", 1)):
                series = [one[which][place] for one in made]
                right = (series[0], *np.quantile(series[1:], [0.025, 0.975]))
                assert [row[key], row[f"{key}_low"], row[f"{key}_high"]] == pytest.approx(right, abs=1e-9)


def test_blocks_and_threads_change_no_digit(read, monkeypatch):
    asked = stacked.Asked(bins="0.25", tomography=(0.3, 0.6, 0.9))
    whole = stacked.stack(read, ["table-1"], asked)
    monkeypatch.setattr(stacked, "ROWS", 97)
    monkeypatch.setattr(stacked, "JOINED", 500)
    seen = []
    assert stacked.stack(read, ["table"], asked, seen.append) == whole
    assert len(seen) >= 3 and sum(seen) == whole[0].tomography[0]["galaxies"]


def test_a_sample_is_chosen_by_a_condition_and_by_split(read, typed):
    def galaxies(*words) -> int:
        code, out, err = typed("-C", read.root, "evaluate", "--nz", *words, "--json")
        assert code == 0, err
        return json.loads(out)["runs"][0]["tomography"][0]["galaxies"]

    def right(where: str) -> int:
        return len(sample(read, where)["ids"])

    testing = "s.split_release = 'testing'"
    assert galaxies("--where", "i_cmodel_mag < 21 and odds > 0.5") == right(
        f"{testing} and g.i_cmodel_mag < 21 and p.odds > 0.5"
    )
    assert galaxies("--of", "all") == right("true") > galaxies()
    assert galaxies("--of", "training") == right("p.photoz_split = 'training'")
    assert galaxies("--where", "specz_surveys like '%sdss%' -- a remark") == right(
        f"{testing} and g.specz_surveys like '%sdss%'"
    )


def test_few_galaxies_have_no_value_and_the_table_says_so(read, typed, tmp_path):
    words = ("-C", read.root, "evaluate", "table-1", "--nz", "--tomography", "0.3,0.6,3.4,3.9")
    code, out, err = typed(*words, "--plot", tmp_path / "nz.pdf")
    assert code == 0 and (tmp_path / "nz.pdf").read_bytes().startswith(b"%PDF"), err
    (few,) = [line for line in out.splitlines() if line.startswith("3.4 to 3.9")]
    assert few.split()[-1] == "-" and "fewer than 20 galaxies" in err
    assert "0.1 to 0.2" in out and "0.3 to 0.6" in out
    for ending, begins in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        assert typed(*words, "--plot", tmp_path / f"nz.{ending}")[0] == 0
        assert (tmp_path / f"nz.{ending}").read_bytes().startswith(begins)


def test_galaxies_without_a_spectrum_count_in_the_stack_alone(read, typed, tmp_path):
    catalog = Catalog.open(shutil.copytree(read.root, tmp_path / "cat"))
    # As if half of the predictions were of objects that no version has.
    path = catalog.current_build() / "predictions.parquet"
    table = pq.read_table(path, partitioning=None)
    split, ids = table["photoz_split"].to_pylist(), table["object_id"].to_pylist()
    unseen = [place for place, one in enumerate(split) if one is None][::2]
    for place in unseen:
        ids[place] = 7_000_000_000_000_000 + place
    place = table.column_names.index("object_id")
    pq.write_table(table.set_column(place, table.schema.field("object_id"), pa.array(ids)), path)
    (row,) = stacked.stack(catalog, [], stacked.Asked())[0].tomography
    whole = stacked.stack(read, [], stacked.Asked())[0].tomography[0]
    assert row["galaxies"] == whole["galaxies"] and row["with_spectrum"] == row["galaxies"] - len(unseen)
    assert row["mean"] == pytest.approx(whole["mean"], abs=1e-12) and row["mean_spec"] != whole["mean_spec"]
    only = stacked.stack(catalog, [], stacked.Asked(where="specz_redshift is not null"))[0].tomography[0]
    assert row["bias"] == pytest.approx(only["bias"], abs=1e-12)


@pytest.mark.parametrize(
    "words, says",
    [
        (("--nz", "--where", "nothing > 1"), "nothing"),
        (("--nz", "--where", "true) union all select 1, 2, 3, 4 --"), "--where"),
        (("--nz", "--where", "i_cmodel_mag < 0"), "No galaxy of table-1 is in the sample"),
        (("--nz", "--tomography", "1"), "one number is no bin"),
        (("--nz", "--tomography", "0.5,0.2"), "must increase"),
        (("--nz", "--bins", "a"), "write numbers"),
        (("--nz", "--bins", "0"), "from 0.001 to 100"),
        (("--nz", "--by", "survey"), "cannot be combined"),
        (("--nz", "--plot", "nz.txt"), "must be .png, .pdf or .svg"),
        (("--where", "true"), "--where goes with --nz"),
        (("--plot", "x.png"), "--plot goes with --nz or --leave-out"),
        (("nobody", "--nz"), "no runs of the published build"),
    ],
)
def test_what_cannot_be_meant_is_refused(read, typed, words, says):
    code, _, err = typed("-C", read.root, "evaluate", *words)
    assert code == 2 and says in err, err
