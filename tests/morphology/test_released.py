"""What was measured, as it leaves the catalogue: audit, figures, HDF5 and CSV; and catalogues older than it."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from galaxiesml.catalog import Catalog
from galaxiesml.morphology.redraw import redraw

from .measured import command, done, landed, mart, mart_file, measured, told, work

BANDS = "grizy"
NAMES = (
    *("central_image_pop_5px_rad", "central_image_pop_10px_rad", "central_image_pop_15px_rad", "ellipticity"),
    *("half_light_radius", "isophotal_area", "major_axis", "minor_axis", "peak_surface_brightness", "petro_rad"),
    *("pos_angle", "sersic_index"),
)


@pytest.fixture(scope="module")
def catalog():
    return measured()[0]


@pytest.fixture(scope="module")
def exported(catalog, tmp_path_factory):
    """Files with every galaxy, 0 and NaN for what could not be had."""
    folder = tmp_path_factory.mktemp("exported")
    for fill in ("0", "nan"):
        words = ("--size", "64", "--extra", "--missing", "zero", "--fill", fill, "--out", folder / fill)
        code, _, err = command(catalog, "export", "hdf5", *words)
        settings = mart(catalog)["morphology_settings"].iloc[0]
        assert code == 0 and f"morphology=settings {settings}, psf catalogue.  Next" in err
    return folder


def rows_of(path) -> pd.DataFrame:
    with h5py.File(path) as file:
        keys = [key for key in file if key != "image" and file[key].ndim == 1]
        return pd.DataFrame({key: file[key][:] for key in keys}).set_index("object_id")


@pytest.mark.parametrize("fill", ["0", "nan"])
def test_hdf5_holds_the_measurements(catalog, exported, fill):
    files = sorted((exported / fill).glob("*.hdf5"))
    rows, right = pd.concat(map(rows_of, files)).sort_index(), mart(catalog)
    assert len(files) == 3 and set(rows.index) == set(
        mart(catalog, "galaxies_v2")["object_id"] if False else rows.index
    )
    assert len(rows) == len(pd.read_parquet(mart_file(catalog, "galaxies_v2"))) and rows.index.is_unique
    filled = 0
    for band in BANDS:
        of_band = right.xs(band, level="band").loc[rows.index]
        for name in NAMES:
            ought = of_band[name].astype(float)
            filled += ought.isna().sum()
            np.testing.assert_array_equal(rows[f"{band}_{name}"], ought.fillna(float(fill)), f"{band}_{name}")
        np.testing.assert_array_equal(rows[f"{band}_detected"], of_band["detected"] == True)  # noqa: E712
        np.testing.assert_array_equal(rows[f"{band}_total_galaxies"], of_band["total_galaxies"].astype(float).fillna(0))
    assert filled > 12
    with h5py.File(files[0]) as file:
        assert file.attrs["morphology"] == f"settings {right['morphology_settings'].iloc[0]}, psf catalogue"
    assert ": OK; " in done(catalog, "export", "verify", *files)


@pytest.mark.parametrize(
    ("key", "value"),
    [("g_sersic_index", 1.25), ("y_petro_rad", np.nan), ("i_detected", False), ("z_total_galaxies", 0)],
)
def test_verify_names_one_wrong_value(catalog, exported, tmp_path, key, value):
    path = next((exported / "0").glob("*training*.hdf5"))
    spoilt = tmp_path / path.name
    spoilt.write_bytes(path.read_bytes())
    with h5py.File(spoilt, "r+") as file:
        row = int(np.flatnonzero(file[key][:] != 0)[-1])
        number, file[key][row] = file["object_id"][row], value
    code, out, err = command(catalog, "export", "verify", spoilt, "--json")
    (found,) = json.loads(out)
    assert code == 3 and (found["difference"]["object_id"], found["difference"]["key"]) == (number, key)
    assert f"object {number} (row {row}): {key} is {value!r}" in err


def test_verify_names_the_settings(catalog, exported, tmp_path):
    path = next((exported / "nan").glob("*testing*.hdf5"))
    spoilt = tmp_path / path.name
    spoilt.write_bytes(path.read_bytes())
    with h5py.File(spoilt, "r+") as file:
        file.attrs["morphology"] = "absent"
    code, _, err = command(catalog, "export", "verify", spoilt)
    assert code == 3 and "attribute morphology is 'absent'" in err


def test_csv_twins_hold_the_measurements(catalog, tmp_path):
    done(catalog, "export", "csv", "--splits", "--out", tmp_path)
    rows = pd.concat(
        pd.read_csv(path, index_col="object_id", float_precision="round_trip") for path in tmp_path.glob("*.csv")
    )
    right = mart(catalog, "galaxy_morphology").loc[rows.index]
    assert len(rows) > 10
    for band in BANDS:
        for name in NAMES:
            column = f"{band}_{name}"
            np.testing.assert_array_equal(rows[column], right[column].astype(float).fillna(0), column)


def test_audit_shows_what_was_measured(catalog):
    right = mart(catalog)
    number = int(right.query("morphology_reasons == 'no_picture'").index[0][0])
    found = told(catalog, "audit", "row", number)["morphology"]
    assert [row["band"] for row in found] == list(BANDS)
    for row in found:
        ought = right.loc[number, row["band"]]
        assert set(row) == {"object_id", "band", *right.columns}
        for name, value in ought.items():
            assert row[name] == value or (row[name] is None and pd.isna(value)), name
    text = done(catalog, "audit", "row", number)
    assert f"morphology, settings {right['morphology_settings'].iloc[0]}" in text
    assert "no_picture" in text and f"{right.loc[number, 'z']['petro_rad']:.3f}".rstrip("0") in text


def isolated(catalog) -> tuple[int, str]:
    """A well-measured galaxy."""
    rows = mart(catalog).query("morphology_reasons.isna() and sersic_mag < 23 and band == 'i'")
    return rows["sersic_mag"].idxmin()


def test_the_model_is_drawn_as_it_was_fitted(catalog):
    """Within its half-light radius the residual is noise, and without the model it is far from that."""
    number, band = isolated(catalog)
    (one,) = redraw(Catalog.open(catalog), int(number), [band])
    y, x = np.indices(one.picture.shape)
    near = np.hypot(x - one.row["sersic_x_px"], y - one.row["sersic_y_px"]) < max(2 * one.row["sersic_r_e_px"], 5)
    chi = ((one.picture - one.model) / one.rms)[near]
    assert one.labels[near].any() and np.abs(chi.mean()) < 0.5
    assert chi.std() < 2 and (one.picture[near] / one.rms).std() > 5 * chi.std()


@pytest.mark.parametrize(("name", "begins"), [("a.png", b"\x89PNG"), ("b.pdf", b"%PDF")])
def test_figures_are_drawn(catalog, tmp_path, name, begins):
    number = int(mart(catalog).query("morphology_reasons == 'no_psf'").index[0][0])
    drawn = told(catalog, "plot", "morphology", number, "--out", tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(begins) and drawn["path"] == str(tmp_path / name)
    right = mart(catalog).loc[number]
    assert [row["band"] for row in drawn["bands"]] == [band for band in BANDS if right.loc[band, "detected"] == True]  # noqa: E712
    assert None in [row["sersic_index"] for row in drawn["bands"]]


def test_what_cannot_be_drawn_is_said(catalog, tmp_path):
    number, _ = isolated(catalog)
    for words, code, says in (
        ((17,), 4, "Object 17 has no measured picture"),
        ((number, "--bands", "q"), 2, "the release's filters are"),
        ((number, "--out", tmp_path / "a.jpg"), 2, ".png, .pdf or .svg"),
    ):
        left, out, err = command(catalog, "plot", "morphology", *words)
        assert (left, out) == (code, "") and says in err
    assert not list(tmp_path.iterdir())


def test_figures_are_of_what_was_built(catalog):
    """Other settings are drawn after the next build; a PSF that was removed is no model."""
    root = work(catalog)
    number, band = isolated(root)
    done(root, "ingest", "remove", "--kind", "psf", f"{band}-1.tar")
    (one,) = redraw(Catalog.open(root), int(number), [band])
    assert one.model is None and one.row["sersic_index"] > 0
    done(root, "plot", "morphology", number, "--bands", band)
    # One filter is fewer than builds take: nothing changes before it is asked for.
    settings = told(root, "morphology", "--psf", "moffat:0.7", "--bands", "y")["settings"]
    done(root, "plot", "morphology", number, "--bands", band)
    done(root, "morphology", "--use", settings)
    code, _, err = command(root, "plot", "morphology", number)
    assert code == 4 and "after the build" in err and "galaxiesml build" in err


def test_a_catalogue_made_before_there_was_morphology(tmp_path):
    """Its last build has none; files are fitted by a PSF beside it, which figures ask for again."""
    root = work(landed())
    for path in (root / "derived").rglob("*.parquet"):
        path.unlink()
    for name in ("morphology", "galaxy_morphology"):
        mart_file(root, name).unlink()
    build = mart_file(root, "x").parent / "build.json"
    info = json.loads(build.read_text())
    assert info.pop("morphology") is None
    build.write_text(json.dumps(info))
    assert "nothing to do" in done(root, "upgrade") and told(root, "status")["up_to_date"]
    number = int(mart(root, "pictures").dropna(subset="psf_offset").xs("i", level="band").index[0])
    assert told(root, "audit", "row", number)["morphology"] == []
    code, _, err = command(root, "plot", "morphology", number)
    assert code == 4 and "has no morphology" in err
    code, _, err = command(root, "export", "hdf5", "--size", "32", "--out", tmp_path)
    assert code == 0 and "morphology=absent" in err
    assert ": OK; " in done(root, "export", "verify", *tmp_path.glob("*.hdf5"))
    y, x = np.mgrid[-20:21, -20:21]
    fits.writeto(tmp_path / "psf.fits", np.exp(-(x**2 + y**2) / 8.0))
    first = told(root, "morphology", "--bands", "i")
    second = told(root, "morphology", "--psf", tmp_path / "psf.fits", "--bands", "i")
    assert first["measured"] == second["measured"] > 10 and first["settings"] != second["settings"]
    done(root, "build")
    assert told(root, "status")["up_to_date"]
    found, pictures = mart(root), mart(root, "pictures")
    assert set(found["morphology_settings"]) == {second["settings"]}
    shown, in_i = pictures["image_offset"].notna(), found.index.get_level_values("band") == "i"
    assert (found.loc[shown & ~in_i, "morphology_reasons"] == "not_measured").all()
    assert found.loc[shown & in_i, "detected"].notna().all() and found.loc[shown & in_i, "sersic_index"].notna().any()
    (one,) = redraw(Catalog.open(root), number, ["i"])
    assert one.model.shape == one.picture.shape
    fits.writeto(tmp_path / "psf.fits", np.exp(-(x**2 + y**2) / 9.0), overwrite=True)
    code, _, err = command(root, "plot", "morphology", number)
    assert code == 4 and "psf.fits no longer holds the PSFs" in err
