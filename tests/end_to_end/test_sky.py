"""A simulated archive's answer through every command, held against its own truth: tars, store, manifest, files."""

import io
import json
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ..made.frames import by_definition
from ..mock import skies
from .typed import Terminal, blocks, lines

BANDS = "grizy"
#: Faults that make a picture unusable, and what the manifest says of them.
REFUSED = {"wrong_filter": "its name says filter r and its header 'i'", "cut_short": "cut short"}
SPLITS = ("training", "validation", "testing")


@pytest.fixture(scope="module")
def readme(repo) -> list[str]:
    """The README's blocks about machine learning: commands, a program, and what it prints."""
    return blocks((repo / "README.md").read_text(), "## For machine learning: pixels and labels")


@pytest.fixture(scope="module")
def catalog(tmp_path_factory, readme):
    """Landed, built and exported, as the README types it, with the twins besides."""
    terminal = Terminal(tmp_path_factory.mktemp("end_to_end"))
    (terminal.folder / "sky").symlink_to(skies.made())
    for line, shown in lines(readme[0]):
        # The sky that the README makes is the one that all tests share.
        terminal.type(line.removeprefix(f"galaxiesml mock sky --galaxies {skies.GALAXIES} --seed 1 && "), shown)
    terminal.type("galaxiesml export csv --splits", [])
    return terminal.folder


def test_the_readmes_program_prints_what_it_shows(catalog, readme):
    assert "mock sky" in readme[0]
    Terminal(catalog).python(readme[1], readme[2])


def mart(catalog, name: str) -> pd.DataFrame:
    return pd.read_parquet(catalog / "builds" / (catalog / "current").read_text().strip() / f"{name}.parquet")


def exported(catalog, size: int) -> dict[str, h5py.File]:
    folder = catalog / "exports"
    return {split: h5py.File(folder / f"5x{size}x{size}_{split}_with_morphology.hdf5") for split in SPLITS}


def usable() -> pd.DataFrame:
    """The truth's pictures that arrive and can be read."""
    rows = skies.truth("pictures")
    return rows[rows["member"].notna() & ~rows["fault"].isin(REFUSED)]


def shown() -> dict[tuple[int, str], dict]:
    """(object, filter) to the picture that the rule shows: its own tract if that has all, else the lowest that has."""
    found = {}
    for number, rows in usable().groupby("object_id"):
        filters = rows.groupby("tract")["band"].nunique()
        own = set(rows.loc[rows["own_tract"], "tract"])
        tract = min(filters.index, key=lambda tract: (-filters[tract], tract not in own, tract))
        for row in rows[rows["tract"] == tract].to_dict("records"):
            found[number, row["band"]] = row
    return found


def rows_of(catalog, fault: str) -> pd.DataFrame:
    pictures = mart(catalog, "pictures")
    found = pictures[pictures["object_id"].isin(skies.faulty(fault))].set_index("band")
    assert len(found), fault
    return found


@pytest.mark.parametrize("size", [127, 64])
def test_every_pixel_is_that_of_the_tar(catalog, size):
    right, objects = shown(), []
    for file in exported(catalog, size).values():
        with file:
            for number, image in zip(file["object_id"][:], file["image"], strict=True):
                for band, frame in zip(BANDS, image, strict=True):
                    with skies.file_of(right[number, band]) as hdus:
                        np.testing.assert_array_equal(frame, np.nan_to_num(by_definition(hdus[1].data, size), nan=0.0))
                objects.append(number)
    complete = {number for number, _ in right if all((number, band) in right for band in BANDS)}
    kept = set(mart(catalog, "galaxies_v2")["object_id"])
    assert len(objects) == len(set(objects)) and set(objects) == complete & kept
    left_out = pd.read_csv(catalog / "exports" / "5x127x127_left_out.csv")
    assert set(left_out["object_id"]) == kept - complete and left_out.notna().all(axis=None)


def test_labels_are_the_exports(catalog):
    export = skies.export("export").drop_duplicates("object_id").set_index("object_id")
    for file in exported(catalog, 64).values():
        with file:
            numbers = file["object_id"][:]
            for key in ("specz_redshift", "ra", "i_cmodel_mag", "y_cmodel_magsigma"):
                found = file[key][:].ravel()
                np.testing.assert_allclose(found, export.loc[numbers, key], rtol=0 if key != "ra" else 1e-15)


def test_every_wanted_picture_has_its_row_and_its_state(catalog):
    pictures = mart(catalog, "pictures").set_index(["object_id", "band"])
    versions = (catalog / "builds" / (catalog / "current").read_text().strip()).glob("galaxies_v*.parquet")
    kept = {number for path in versions for number in pd.read_parquet(path, columns=["object_id"])["object_id"]}
    assert set(pictures.index) == {(number, band) for number in kept for band in BANDS}
    right = shown()
    for (number, band), row in pictures.iterrows():
        truth = right.get((number, band))
        if truth is None:
            assert row["picture_state"] in ("absent", "refused") and pd.isna(row["member"])
            assert row["picture_reason"]
            continue
        assert row["member"].endswith(truth["member"]) and row["picture_tract"] == truth["tract"]
        assert row["picture_file"] == f"{truth['list']}.tar"
        assert (row["height"], row["width"]) == (truth["rows"], truth["columns"])
        assert row["not_finite"] == truth["nan_pixels"]
        is_whole = truth["state"] == "whole" and not row["not_finite"]
        assert row["picture_state"] == ("present" if is_whole else "truncated")
        assert pd.isna(row["picture_reason"]) == is_whole


def test_what_was_asked_for_in_vain_says_in_which_line(catalog):
    y = rows_of(catalog, "absent_one_band")
    (line,) = skies.rows_of(skies.faulty("absent_one_band")[0], "y")["line"].unique()
    assert y["picture_state"].to_dict() == dict.fromkeys("griz", "present") | {"y": "absent"}
    assert y.loc["y", "picture_reason"] == f"outside the coverage: asked for in y-1.txt, line {line}, and not sent"
    assert (rows_of(catalog, "absent_all")["picture_state"] == "absent").all()
    g = rows_of(catalog, "empty_tar").loc["g", "picture_reason"]
    assert g == "outside the coverage: asked for in g-outside-1.txt, line 2, and not sent"


@pytest.mark.parametrize(("fault", "band"), [("wrong_filter", "r"), ("cut_short", "z")])
def test_what_cannot_be_trusted_is_refused_with_the_reason(catalog, fault, band):
    row = rows_of(catalog, fault).loc[band]
    assert row["picture_state"] == "refused" and f" of {band}-1.tar is refused: " in row["picture_reason"]
    assert REFUSED[fault] in row["picture_reason"]
    assert (rows_of(catalog, fault).drop(band)["picture_state"] == "present").all()


def test_pictures_that_end_or_have_holes_are_kept_and_flagged(catalog):
    assert rows_of(catalog, "truncated")["picture_reason"].str.contains("smaller than asked for").all()
    assert rows_of(catalog, "no_data")["picture_reason"].str.contains("pixels have no data").all()
    assert (rows_of(catalog, "no_data")["masked_no_data"] > 0).all()
    assert rows_of(catalog, "nan_pixels").loc["r", "picture_reason"] == "49 pixels have no data"
    assert rows_of(catalog, "nan_pixels").loc["r", "masked_unmaskednan"] * 120 * 120 == pytest.approx(49, rel=0.02)


def test_tracts_are_chosen_by_the_rule(catalog):
    assert (rows_of(catalog, "several_tracts")["tracts"] == 2).all()
    own = mart(catalog, "galaxies_v2").set_index("object_id")["skymap_id"] // 10_000
    (number,) = skies.faulty("several_tracts")
    assert (rows_of(catalog, "several_tracts")["picture_tract"] == own[number]).all()
    (number,) = skies.faulty("own_tract_lacks_band")
    assert (rows_of(catalog, "own_tract_lacks_band")["picture_tract"] != own[number]).all()
    assert (rows_of(catalog, "own_tract_lacks_band")["picture_state"] == "present").all()


def test_layers_and_masks_are_as_they_were_sent(catalog):
    image_only = rows_of(catalog, "image_only").loc["i"]
    assert image_only[["mask_offset", "variance_offset", "masked_sat"]].isna().all()
    both = rows_of(catalog, "image_and_mask").loc["z"]
    assert pd.isna(both["variance_offset"]) and both["mask_offset"] >= 0 and both["masked_detected"] > 0
    assert (rows_of(catalog, "bright_star")[["masked_bright_object", "masked_sat"]] > 0).all(axis=None)
    assert rows_of(catalog, "chip_edge").loc["g", ["masked_sensor_edge", "masked_inexact_psf"]].gt(0).all()


def test_offsets_are_where_astropy_has_the_object(catalog):
    objects = skies.export("export").drop_duplicates("object_id").set_index("object_id")
    right = shown()
    for row in mart(catalog, "pictures").query("picture_state == 'present'").to_dict("records")[::7]:
        number = row["object_id"]
        with skies.file_of(right[number, row["band"]]) as hdus, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            x, y = WCS(hdus[1].header).all_world2pix(*objects.loc[number, ["ra", "dec"]].astype(float), 0)
        assert row["x_offset"] == pytest.approx(float(x) - (row["width"] - 1) / 2, abs=1e-4)
        assert row["y_offset"] == pytest.approx(float(y) - (row["height"] - 1) / 2, abs=1e-4)
        assert row["zero_point_mag"] == pytest.approx(27.0, abs=1e-6)


def test_psf_pictures_are_linked_and_their_pixels_are_the_tars(catalog):
    pictures = mart(catalog, "pictures").dropna(subset="psf_shard")
    assert len(pictures) > 50
    members = {name: data for (_, name), data in skies.members("psf").items()}
    for row in pictures.to_dict("records")[::5]:
        with fits.open(io.BytesIO(members[row["psf_member"].split("/")[-1]])) as hdus:
            stored = np.fromfile(
                catalog / "raw" / "psf" / row["psf_shard"] / "pixels.bin",
                "<f8",
                hdus[0].data.size,
                offset=int(row["psf_offset"]),
            )
            assert (row["psf_height"], row["psf_width"]) == hdus[0].data.shape
            np.testing.assert_array_equal(stored.reshape(hdus[0].data.shape), hdus[0].data)


def test_the_notebook_on_the_demos_catalogue(catalog, notebook):
    """The paper's query exports no kind of error, so the strict version is not built."""
    counts = {version: set(mart(catalog, f"galaxies_{version}")["pair_id"]) for version in ("v1", "v2")}
    out = notebook("polars_quickstart.py", catalog)
    assert f"in v2 and not in v1: {len(counts['v2'] - counts['v1']):,} galaxies" in out
    assert "measured_error" in out and "median_z" in out


def test_verify_finds_nothing_wrong(catalog, typed):
    files = sorted((catalog / "exports").glob("*.hdf5"))
    assert len(files) == 6
    code, out, _ = typed("-q", "-C", catalog, "export", "verify", *files, "--json")
    assert code == 0 and all(entry["is_right"] and entry["from_fits"] for entry in json.loads(out))


def test_landing_again_changes_nothing(catalog, typed):
    before = {path: path.stat().st_mtime_ns for path in (catalog / "raw").rglob("*") if path.is_file()}
    code, out, _ = typed("-q", "-C", catalog, "ingest", "cutouts", skies.made() / "cutouts", "--json")
    assert code == 0 and {entry["state"] for entry in json.loads(out)} == {"known"}
    assert {path: path.stat().st_mtime_ns for path in (catalog / "raw").rglob("*") if path.is_file()} == before
