"""Real pictures of Hyper Suprime-Cam through the store and into HDF5, bit for bit."""

import h5py
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits

from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.errors import CatalogError
from galaxiesml.release.hdf5 import Wanted, export_hdf5
from galaxiesml.samples.selection import Selection

from ..curation.landed import land_rows, new_catalog
from ..cutouts.service import cutout, name, write_list, write_tar
from ..made.frames import by_definition
from ..made.galaxies import BANDS, at, galaxy, manifest


def files(catalog, folder, size: int, missing: str = "zero") -> dict[int, np.ndarray]:
    """Object to its pictures, out of the three files."""
    wanted = Wanted(Selection("v2", "release", missing), sizes=(size,))
    found = {}
    for made in export_hdf5(catalog, wanted, folder)["files"]:
        with h5py.File(made["path"]) as file:
            found |= dict(zip(file["object_id"][:].tolist(), file["image"][:], strict=True))
    return found


def test_the_services_own_files(shared_data, tmp_path):
    folder = shared_data / "hsc_cutouts_stars"
    stars = pd.read_csv(folder / "star_cat_correct.astropy.csv").rename(columns={"# object_id": "object_id"})
    stars = stars.to_dict("records")
    catalog = new_catalog(tmp_path / "cat")
    members = {row["object_id"]: row["star_filename"].split("/")[-1] for row in stars}
    rows = [
        galaxy(number, object_id=row["object_id"], ra=row["ira"], dec=row["idec"], tract=row["tract"])
        for number, row in enumerate(stars, 1)
    ]
    land_rows(catalog, rows)
    (landed,) = land_pictures(catalog, [folder])
    assert (landed.info["pictures"], landed.info["bands"]) == (10, {"i": 10})
    # The stars' catalogue stands in the same folder.
    assert [refused["member"] for refused in landed.info["refused"]] == ["star_cat_correct.fits"]
    build(catalog)
    found = manifest(catalog)
    assert len(found) == 5 * len(rows)
    for (number, band), row in found.items():
        assert (row["picture_state"] == "present") == (band == "i")
        if band != "i":
            assert row["picture_reason"] == "no landed tar has it, and no list asks for it"
            continue
        assert row["member"] == members[number] and row["mask_offset"] is row["variance_offset"] is None
        assert max(abs(row["x_offset"]), abs(row["y_offset"])) < 1
    with pytest.raises(CatalogError, match="has pictures in all filters"):
        files(catalog, tmp_path / "out", 127, "leave-out")
    images = files(catalog, tmp_path / "with-zeros", 127)
    assert set(images) == set(members)
    for number, image in images.items():
        with fits.open(folder / members[number]) as hdus:
            np.testing.assert_array_equal(
                image[BANDS.index("I")], np.nan_to_num(by_definition(hdus[1].data, 127), nan=0.0)
            )
        assert not np.delete(image, BANDS.index("I"), axis=0).any()


def test_a_scene_of_cosmos_in_five_filters(shared_data, tmp_path):
    scene = np.load(shared_data / "hsc_grizy_cosmos" / "hsc_cosmos_35.npz")
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, [galaxy(1)])
    for plane, band in enumerate(scene["filters"]):
        letter = str(band).upper()
        pixels = {kind: scene[key][plane] for kind, key in (("i", "images"), ("m", "mask"), ("v", "variance"))}
        data, _ = cutout(*at(1), band=letter, pixels=pixels)
        list(land_pictures(catalog, [write_tar(tmp_path / f"{band}.tar", {name(2, letter): data})]))
    build(catalog)
    (image,) = files(catalog, tmp_path / "out", 64, "leave-out").values()
    for plane, band in enumerate("grizy"):
        row = manifest(catalog)[1, band]
        assert (row["height"], row["width"]) == (58, 48)
        np.testing.assert_array_equal(image[plane], np.nan_to_num(by_definition(scene["images"][plane], 64), nan=0.0))
        stored = np.fromfile(
            catalog.root / "raw/cutouts" / row["shard"] / "pixels.bin", "<i4", 58 * 48, offset=row["mask_offset"]
        )
        np.testing.assert_array_equal(stored.reshape(58, 48), scene["mask"][plane])
        assert row["masked_detected"] == pytest.approx(np.mean(scene["mask"][plane] & 32 != 0))
        assert row["masked_sat"] == np.mean(scene["mask"][plane] & 2 != 0)


#: Galaxies of Wide from 1, of Deep and UltraDeep from 301.
FIRST = {"wide": 1, "dud": 301}


@pytest.fixture(scope="module")
def of_both(shared_data, tmp_path_factory) -> tuple[dict, dict]:
    """Galaxy to its real picture, and to the one in the files."""
    tmp_path = tmp_path_factory.mktemp("real")
    catalog = new_catalog(tmp_path / "cat")
    real = {}
    for depth, first in FIRST.items():
        paths = sorted((shared_data / f"hsc_galaxies_{depth}").glob("*.fits"))
        assert len(paths) == 220
        real |= {number: fits.getdata(path) for number, path in enumerate(paths, first)}
    land_rows(catalog, [galaxy(number) for number in real])
    for depth, first in FIRST.items():
        numbers = range(first, first + 220)
        members = {
            name(line, "I"): cutout(*at(number), band="I", layers="i", pixels={"i": real[number].astype("f4")})[0]
            for line, number in enumerate(numbers, 2)
        }
        write_list(tmp_path / f"{depth}.txt", [at(number) for number in numbers], "I", words="5.3 arcseconds")
        (landed,) = land_pictures(catalog, [write_tar(tmp_path / f"{depth}.tar", members)])
        assert landed.info["pictures"] == 220
    build(catalog)
    return real, files(catalog, tmp_path / "out", 64)


@pytest.mark.parametrize("depth", FIRST)
def test_galaxies_of_wide_and_of_deep(of_both, depth):
    real, images = of_both
    assert set(images) == set(real)
    for number in range(FIRST[depth], FIRST[depth] + 220):
        # 64 pixels in the frame of 127 begin at 31, so the frame of 64 is the picture itself.
        np.testing.assert_array_equal(images[number][BANDS.index("I")], np.nan_to_num(real[number], nan=0.0))
