"""The files: equal bytes, exact identifiers, formats that agree, a believable population, refusals."""

import gzip
import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits

from galaxiesml.cli import main
from galaxiesml.mock.export import layout
from galaxiesml.mock.export.population import redshifts
from galaxiesml.releases.profile import load_profile, parse_profile
from tests.curation.reading import VERSIONS

from .conftest import ROWS, SPECTRA, make
from .exported import read, reasons, truth


@pytest.mark.parametrize("kind", ["csv.gz", "csv", "parquet", "fits"])
@pytest.mark.parametrize("is_split", [False, True])
def test_one_seed_gives_equal_bytes(tmp_path, kind, is_split):
    for name in ("first", "second"):
        make(tmp_path / name, kind=kind, is_split=is_split)
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    stems = ["objects", "specz"] if is_split else ["export"]
    assert files == sorted([*(f"{stem}.{kind}" for stem in stems), "truth.json"])
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_another_seed_gives_other_rows_and_the_same_counts(tmp_path, planted):
    other = truth(make(tmp_path, seed=2))
    assert other["content_sha256"] != planted["content_sha256"]
    assert other["versions"] == planted["versions"]


def test_rows_do_not_depend_on_how_many_are_made_at_a_time(tmp_path, monkeypatch, export):
    monkeypatch.setattr(layout, "_BATCH_ROWS", 1000)
    make(tmp_path)
    assert len(list(layout.Layout(ROWS, SPECTRA, 1).batches())) > 1
    for name in ("export.csv", "truth.json"):
        assert (tmp_path / name).read_bytes() == (export / name).read_bytes()


def test_the_content_hash_is_of_the_rows_and_not_of_the_format(tmp_path, planted):
    assert truth(make(tmp_path, kind="fits"))["content_sha256"] == planted["content_sha256"]


def test_identifiers_have_17_digits_and_are_exact_and_unique(tmp_path, frame):
    make(tmp_path, is_split=True, kind="parquet")
    ids = pq.read_table(tmp_path / "objects.parquet")["object_id"].to_numpy()
    assert len(ids) == ROWS == len(np.unique(ids))
    assert all(len(str(value)) == 17 for value in frame["object_id"])
    assert (frame["object_id"].astype(float).astype("int64") != frame["object_id"]).any()
    assert (frame["object_id"] // 2**42 == frame["tract"]).all()
    assert (frame["skymap_id"] == frame["tract"] * 10_000 + frame["patch"]).all()


def test_formats_hold_the_same_values(tmp_path, export, frame):
    make(tmp_path, kind="parquet")
    make(tmp_path, kind="fits")
    make(tmp_path, kind="csv.gz")
    assert gzip.decompress((tmp_path / "export.csv.gz").read_bytes()) == (export / "export.csv").read_bytes()
    table = pq.read_table(tmp_path / "export.parquet")
    with fits.open(tmp_path / "export.fits") as hdus:
        rows = hdus[1].data
        assert len(rows) == table.num_rows == len(frame) == ROWS
        for name in table.column_names:
            values = table[name].to_pylist()
            missing = [value is None for value in values]
            if name != "object_id":
                assert rows[f"{name}_isnull"].tolist() == missing
            told = [value for value, none in zip(rows[name].tolist(), missing, strict=True) if not none]
            np.testing.assert_array_equal(told, [value for value in values if value is not None], err_msg=name)
    for name in ("ra", "i_cmodel_mag", "specz_redshift_err"):
        parquet = table[name].to_pandas()
        expected = parquet.mask(parquet == -9) if name.startswith("specz") else parquet
        np.testing.assert_array_equal(frame[name].to_numpy(float), expected.to_numpy(float))


def test_objects_and_spectra_in_two_files_meet_as_the_truth_says(tmp_path):
    make(tmp_path, is_split=True)
    objects, specz = read_split(tmp_path)
    assert len(objects) == ROWS
    pairs = specz.merge(objects, on="object_id", how="left", validate="many_to_one")
    for version, judge in VERSIONS.items():
        expected = set(pairs.index) - set(reasons(truth(tmp_path), version))
        assert set(judge(pairs)) == expected


def read_split(folder):
    import pandas as pd

    specz = read(folder / "specz.csv")
    text = pd.read_csv(folder / "objects.csv").rename(columns={"# object_id": "object_id"})
    assert text["object_id"].dtype == "int64"
    return text, specz


def test_spectra_lie_at_their_distance_from_the_object(frame):
    pairs = frame[frame["specz_ra"].notna()]
    objects = SkyCoord(pairs["ra"].to_numpy() * units.deg, pairs["dec"].to_numpy() * units.deg)
    there = SkyCoord(pairs["specz_ra"].to_numpy() * units.deg, pairs["specz_dec"].to_numpy() * units.deg)
    assert np.abs(objects.separation(there).arcsec - pairs["d_pos"]).max() < 5e-6
    assert (pairs["d_pos"] < 0.2).mean() > 0.5 and (pairs["d_pos"] >= 0.5).sum() == 2 * 6


def test_the_population_is_like_the_published_sample():
    # Shares and peaks of the released files; a sum of smooth laws gets within a per cent or two.
    z = redshifts(np.random.default_rng(0).random(200_000))
    assert z.min() > 0.01 and z.max() < 4
    for limit, share in ((0.5, 0.515), (1.0, 0.879)):
        assert abs((z < limit).mean() - share) < 0.015
    for limit, share in ((1.5, 0.071), (2.5, 0.022)):
        assert abs((z > limit).mean() - share) < 0.008
    counts, edges = np.histogram(z, np.arange(0, 1.2, 0.02))
    middle = (edges[1:] + edges[:-1]) / 2
    assert abs(middle[counts.argmax()] - 0.13) < 0.03
    assert abs(middle[20:][counts[20:].argmax()] - 0.52) < 0.03


def test_magnitudes_colours_and_errors_are_believable(frame):
    clean = frame[(frame["i_cmodel_mag"] > 0) & (frame["i_cmodel_mag"] < 40) & (frame["specz_redshift"] < 4)]
    near, far = clean[clean["specz_redshift"] < 0.2], clean[clean["specz_redshift"].between(0.8, 1.2)]
    assert 17 < near["i_cmodel_mag"].median() < 19 and 21.5 < far["i_cmodel_mag"].median() < 23
    colour = (clean["g_cmodel_mag"] - clean["z_cmodel_mag"])[clean["specz_redshift"].between(0.5, 0.6)]
    assert 2.4 < colour.median() < 3.0 and colour.quantile(0.05) < 1.3
    for band in "grizy":
        faint = clean[f"{band}_cmodel_mag"] > clean[f"{band}_cmodel_mag"].median()
        sigma = clean[f"{band}_cmodel_magsigma"]
        assert (sigma > 0).all() and sigma[faint].median() > 3 * sigma[~faint].median()


def test_merged_names_are_quoted_and_flag_both_surveys(export, frame):
    merged = frame[frame["specz_name"].str.contains(",", na=False)]
    assert len(merged) > 20
    assert f'"{merged["specz_name"].iloc[0]}"' in (export / "export.csv").read_text()
    flags = [name for name in frame if name.startswith("specz_flag_") and name != "specz_flag_homogeneous"]
    assert (merged[flags].sum(axis=1) == 2).all()


def test_a_fault_whose_column_is_left_out_is_not_planted(tmp_path, planted):
    make(tmp_path, left_out=("{band}_pixelflags_bad", "d_pos", "isprimary"))
    header = (tmp_path / "export.csv").open().readline()
    assert "pixelflags_bad" not in header and "d_pos" not in header
    names = {fault["fault"] for fault in truth(tmp_path)["faults"]}
    gone = {fault["fault"] for fault in planted["faults"]} - names
    assert gone == {
        "bad",
        "coverage_edge",
        "distant",
        "not_primary",
        "blend_2",
        "blend_5",
        "overlap_tie",
        "two_spectra_tie",
    }


@pytest.mark.parametrize("release", ["pdr3_wide", "s16a_wide"])
def test_other_releases_have_their_own_names(tmp_path, release, planted):
    profile = load_profile(release)
    make(tmp_path, profile=profile)
    header = (tmp_path / "export.csv").open().readline().removeprefix("# ").rstrip().split(",")
    own = {column.source for column in profile.columns.values()} | {survey.column for survey in profile.surveys}
    assert set(header) == own
    assert truth(tmp_path)["versions"] == planted["versions"]


def test_a_survey_of_six_filters_has_its_faults_in_each(tmp_path, planted):
    text = load_profile("pdr2_wide").text.replace("[bands]\n", '[bands]\nu = "em.opt.U"\n')
    make(tmp_path, profile=parse_profile(text, "ugrizy"))
    told = truth(tmp_path)
    assert told["versions"] == planted["versions"]
    frame = read(tmp_path / "export.csv")
    (rows,) = (fault["groups"] for fault in told["faults"] if fault["fault"] == "edge")
    fires = frame.loc[[row - 1 for (row,) in rows], [f"{band}_pixelflags_edge" for band in "ugrizy"]]
    assert (fires.sum(axis=1) == 1).all() and (fires.sum(axis=0) == len(rows) / 6).all()


def run(words):
    with pytest.raises(SystemExit) as stopped:
        main(["mock", "export", *words])
    return stopped.value.code or 0


def test_a_folder_with_files_is_not_written_to(tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert run(["--rows", "1000", "--out", str(tmp_path)]) == 2
    assert "--force" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    asked = ["--rows", "1000", "--out", str(tmp_path), "--force", "--format"]
    assert run([*asked, "csv"]) == run([*asked, "parquet", "--json"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.parquet", "mine", "truth.json"]
    printed = capsys.readouterr().out
    assert json.loads(printed[printed.index("{") :])["seed"] == 1


@pytest.mark.parametrize(
    "words, told",
    [
        (["--rows", "999"], "999 rows"),
        (["--rows", "2000", "--spectra", "2001"], "2,001 spectra"),
        (["--seed", "-1"], "--seed"),
        (["--format", "xls"], "xls"),
        (["--release", "nosuch"], "nosuch"),
        (["--leave-out", "specz_name"], "specz_name"),
        (["--leave-out", "nosuch"], "nosuch"),
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path, capsys, words, told):
    assert run(["--out", str(tmp_path / "out"), *words]) == 2
    assert not list(tmp_path.rglob("*.csv.gz"))
    assert told in capsys.readouterr().err
