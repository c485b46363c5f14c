"""Training files as a PyTorch data set, its statistics and its layers, held against h5py and the FITS files."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest

from galaxiesml.catalog import Catalog
from galaxiesml.catalog.normalisation import kept_statistics
from galaxiesml.curation.build import build
from galaxiesml.cutouts.land import land_pictures
from galaxiesml.errors import CatalogError, InputError, UsageError
from galaxiesml.loader import GalaxiesDataset
from galaxiesml.release.hdf5 import Wanted, export_hdf5
from galaxiesml.release.statistics import PERCENTILES, Statistics
from galaxiesml.samples.selection import Selection
from galaxiesml.samples.where import read_where
from galaxiesml.verify.verify import verify_files

from ..curation.landed import land_rows, new_catalog
from ..cutouts.service import cutout, name, psf, write_list, write_tar
from ..cutouts.test_manifest import PSF
from ..made.frames import by_definition
from ..made.galaxies import BANDS, galaxy
from ..made.galaxies import at as place_of
from .sample import SHOWN, sent, write_sample

torch = pytest.importorskip("torch")
SPLITS = ("training", "validation", "testing")
SELECTION = Selection("v2", "release", "leave-out")
LAYERS = ("image", "variance", "mask")


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A catalogue, and its export at 64 pixels with the layers that it has."""
    root = tmp_path_factory.mktemp("loader")
    catalog = write_sample(root)
    export_hdf5(catalog, Wanted(SELECTION, (64,), layers=LAYERS), root / "out")
    return catalog, root / "out"


def file_of(sample, split: str = "training"):
    return sample[1] / f"5x64x64_{split}_with_morphology.hdf5"


def test_rows_are_the_files(sample):
    data = GalaxiesDataset(file_of(sample), columns=("specz_redshift", "specz_name", "skymap_id"), normalise=False)
    with h5py.File(file_of(sample)) as file:
        assert len(data) == len(file["object_id"]) > 3
        for row in range(len(data)):
            found = data[row]
            assert found["image"].dtype == torch.float32
            np.testing.assert_array_equal(found["image"].numpy(), file["image"][row])
            assert int(found["object_id"]) == file["object_id"][row]
            assert found["specz_redshift"] == np.float32(file["specz_redshift"][row])
            assert found["specz_name"] == file["specz_name"][row, 0].decode()
            assert found["skymap_id"] == file["skymap_id"][row]
    assert data[-1]["object_id"] == data[len(data) - 1]["object_id"]
    with pytest.raises(IndexError):
        data[len(data)]


def test_images_are_normalised_by_the_training_split(sample):
    for split in SPLITS:
        data = GalaxiesDataset(file_of(sample, split))
        with h5py.File(file_of(sample)) as training, h5py.File(file_of(sample, split)) as file:
            pixels = [training["image"][:, band] for band in range(5)]
            mean, std = (
                np.array([getattr(of[of != 0].astype(float), name)() for of in pixels]).reshape(5, 1, 1)
                for name in ("mean", "std")
            )
            for row in (0, len(data) - 1):
                right = (file["image"][row] - mean) / std
                np.testing.assert_allclose(data[row]["image"].numpy(), right, rtol=2e-5, atol=2e-6)


def test_several_files_are_one_after_another(sample):
    parts = [GalaxiesDataset(file_of(sample, split)) for split in SPLITS]
    data = GalaxiesDataset([file_of(sample, split) for split in SPLITS])
    assert len(data) == sum(map(len, parts))
    whole = iter(range(len(data)))
    for part in parts:
        for row in range(len(part)):
            found, right = data[next(whole)], part[row]
            assert found["object_id"] == right["object_id"] and torch.equal(found["image"], right["image"])


def test_it_goes_to_other_processes_and_keeps_its_file_open(sample):
    data = GalaxiesDataset(file_of(sample))
    first, opened = data[0], data._files()[0]
    assert data._files()[0] is opened
    copy = pickle.loads(pickle.dumps(data))
    assert torch.equal(copy[0]["image"], first["image"]) and copy._files()[0] is not opened
    loader = torch.utils.data.DataLoader(data, batch_size=3, num_workers=2, multiprocessing_context="spawn")
    batches = list(loader)
    with h5py.File(file_of(sample)) as file:
        assert torch.cat([batch["object_id"] for batch in batches]).tolist() == file["object_id"][:].tolist()
        images = torch.cat([batch["image"] for batch in batches]) * torch.from_numpy(data.std) + torch.from_numpy(
            data.mean
        )
        np.testing.assert_allclose(images.numpy(), file["image"][:], rtol=1e-4, atol=1e-5)


def test_a_forked_process_opens_the_file_for_itself(sample):
    data = GalaxiesDataset(file_of(sample))
    opened, read, write = data._files()[0], *os.pipe()
    if not (child := os.fork()):
        os.write(write, b"n" if data._files()[0] is opened else b"y")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1) == b"y"
    os.close(read)
    os.close(write)


def test_layers_are_those_of_the_fits_files(sample):
    empty = 1 << 8
    seen = 0
    for split in SPLITS:
        data = GalaxiesDataset(file_of(sample, split), layers=LAYERS[1:], normalise=False)
        for row in range(len(data)):
            found = data[row]
            number = int(found["object_id"])
            for at, band in enumerate(BANDS):
                layers = sent(number, band, SHOWN.get(number, 9813))[1]
                np.testing.assert_array_equal(found["variance"][at], by_definition(layers["variance"], 64))
                covered = by_definition(np.ones_like(layers["mask"]), 64)
                right = np.where(covered, by_definition(layers["mask"], 64), empty)
                np.testing.assert_array_equal(found["mask"][at], right)
                seen += 1
    assert seen > 50


@pytest.mark.parametrize("layer", LAYERS[1:])
def test_verify_finds_a_pixel_of_a_layer_that_differs(sample, tmp_path, layer):
    copies = [shutil.copy(file_of(sample, split), tmp_path) for split in SPLITS]
    assert [one.difference for one in verify_files(sample[0].root, copies)] == [None] * 3
    with h5py.File(copies[0], "r+") as file:
        object_id = file["object_id"][2]
        file[layer][2, 3, 31, 7] += 1
    wrong, *right = verify_files(sample[0].root, copies)
    assert str(wrong.difference).startswith(f"object {object_id} (row 2): {layer}[3 (z), 31, 7] is ")
    assert wrong.difference.key == layer and all(one.difference is None for one in right)


def test_a_layer_that_no_picture_has_is_refused(sample, tmp_path):
    with pytest.raises(CatalogError, match="No picture of v2 has a landed psf"):
        export_hdf5(sample[0], Wanted(SELECTION, (64,), layers=("image", "psf")), tmp_path)


def test_psf_pictures_are_in_the_middle(tmp_path):
    catalog = new_catalog(tmp_path / "cat")
    land_rows(catalog, [galaxy(number) for number in range(1, 9)])
    made = {(number, band): psf(100 * number + ord(band)) for number in range(1, 8) for band in BANDS}
    for band in BANDS:
        members = {
            name(number + 1, band): cutout(*place_of(number), band=band, seed=number)[0] for number in range(1, 9)
        }
        write_list(tmp_path / f"{band}.txt", [place_of(number) for number in range(1, 9)], band)
        psfs = {PSF.format(band, 9813, *place_of(number)): made[number, band][0] for number in range(1, 8)}
        for tar, sent_in in ((f"{band}.tar", members), (f"psf{band}.tar", psfs)):
            path = write_tar(tmp_path / tar, sent_in)
            assert [landed.state for landed in land_pictures(catalog, [path], psf=sent_in is psfs)] == ["landed"]
    build(catalog)
    export_hdf5(catalog, Wanted(SELECTION, (64,), layers=("image", "psf")), tmp_path / "out")
    seen = set()
    for split in SPLITS:
        path = tmp_path / "out" / f"5x64x64_{split}_with_morphology.hdf5"
        data = GalaxiesDataset(path, layers=("psf",), normalise=([0] * 5, [1] * 5))
        for row in range(len(data)):
            found = data[row]
            number = int(found["object_id"])
            assert found["psf"].shape == (5, 43, 43) and found["psf"].dtype == torch.float32
            for band, pixels in zip(BANDS, found["psf"], strict=True):
                right = made[number, band][1] if number < 8 else np.zeros((43, 43))
                np.testing.assert_array_equal(pixels, right.astype(np.float32))
            seen.add(number)
        (checked,) = verify_files(catalog.root, [path])
        assert checked.difference is None
        copy = shutil.copy(path, tmp_path)
        with h5py.File(copy, "r+") as file:
            file["psf"][0, 0, 21, 21] += 1
        (checked,) = verify_files(catalog.root, [copy])
        assert checked.difference.key == "psf"
    assert seen == set(range(1, 9))


def test_statistics_in_the_files_and_beside_them(sample):
    table = pq.read_table(sample[1] / "5x64x64_normalisation.parquet")
    assert table["band"].to_pylist() == list("grizy")
    assert table.schema.field("mean").metadata[b"unit"] == b"adu" and b"galaxiesml" in table.schema.metadata
    with h5py.File(file_of(sample)) as file:
        for at, row in enumerate(table.to_pylist()):
            pixels = file["image"][:, at]
            pixels = pixels[pixels != 0].astype(float)
            assert (row["galaxies"], row["pixels"]) == (len(file["image"]), len(pixels))
            np.testing.assert_allclose((row["mean"], row["std"]), (pixels.mean(), pixels.std()), rtol=1e-9)
            found = [row[name] for name in PERCENTILES]
            right = np.percentile(pixels, list(PERCENTILES.values()))
            np.testing.assert_allclose(found, right, rtol=2e-3, atol=2e-4)
        for split in SPLITS:
            with h5py.File(file_of(sample, split)) as other:
                told = other["image"].attrs
                for name in set(table.column_names) - {"band"}:
                    np.testing.assert_array_equal(told[f"normalisation_{name}"], table[name].to_numpy())


def test_statistics_are_a_mart_of_the_next_build(sample, tmp_path, typed):
    catalog = Catalog.open(shutil.copytree(sample[0].root, tmp_path / "cat"))
    first = catalog.current_id()
    assert [one["statistics_build"] for one in kept_statistics(catalog)] == [first]
    build(catalog)
    rows, columns = mart(catalog, "normalisation")
    assert [row["band"] for row in rows] == sorted("grizy")
    with h5py.File(file_of(sample)) as file:
        ids = hashlib.sha256(file["object_id"][:].astype("<i8").tobytes()).hexdigest()
        for row in rows:
            choice = {"version": "v2", "split_scheme": "release", "missing_pictures": "leave-out", "image_size": 64}
            choice |= {"sample_condition": "", "statistics_build": first, "sample_sha256": ids}
            assert choice == {name: row[name] for name in choice}
            for name in set(columns) - set(choice) - {"band"}:
                assert row[name] == file["image"].attrs[name]["grizy".index(row["band"])], name
    told = typed("-C", catalog.root, "status")[1]
    assert f"normalisation: v2, splits release, 64 pixels, of build {first}, before this one\n" in told
    # Another size and condition beside them; of the same choice those of the newest build, however often exported.
    where = read_where(catalog, "galaxies_v2", "specz_redshift < 1.5")
    export_hdf5(catalog, Wanted(SELECTION, (64, 32)), tmp_path / "again")
    export_hdf5(catalog, Wanted(replace(SELECTION, where=where), (32,)), tmp_path / "less")
    made = export_hdf5(catalog, Wanted(SELECTION, (64,)), tmp_path / "twice")
    assert made["not_kept"] is None
    second, parts = catalog.current_id(), catalog.root / "derived" / "normalisation"
    assert second != first and len(list(parts.iterdir())) == 4
    told = typed("-C", catalog.root, "status")[1]
    for size, words in ((64, ""), (32, ""), (32, f" where {where.text}")):
        assert f"normalisation: v2{words}, splits release, {size} pixels, of build {second}\n" in told
    assert told.count("normalisation: ") == 3
    build(catalog)
    found, _ = mart(catalog, "normalisation")
    assert len(mart(catalog, "normalisation_statistics")[0]) == 20
    assert len(found) == 15 and {row["statistics_build"] for row in found} == {second}
    assert [row | {"statistics_build": first} for row in found if row["image_size"] == 64] == rows
    chosen = {row["sample_condition"]: row["normalisation_galaxies"] for row in found if row["image_size"] == 32}
    assert set(chosen) == {"", where.text} and 0 < chosen[where.text] < chosen[""]
    with h5py.File(tmp_path / "again" / "5x32x32_training_with_morphology.hdf5") as file:
        assert chosen[""] == len(file["object_id"])


def mart(catalog, name: str) -> tuple[list[dict], list[str]]:
    """Rows and columns of a table."""
    with catalog.connect() as connection:
        table = connection.sql(f'select * from "{name}"').to_arrow_table()
    return table.to_pylist(), table.column_names


def test_the_skys_sigma_is_that_of_the_noise():
    random = np.random.default_rng(5)
    sigma = np.array([0.03, 0.1, 0.2, 0.5, 2.0])
    images = random.normal(0.01, 1, (60, 5, 64, 64)) * sigma.reshape(5, 1, 1)
    y, x = np.mgrid[:64, :64] - 31.5
    images += 50 * np.exp(-np.hypot(x, y) / 3)
    images[:, :, :4] = 0
    made = Statistics(list("grizy"), 64)
    made.add(images.astype(np.float32))
    found = [row["sky_sigma"] for row in made.rows()]
    np.testing.assert_allclose(found, sigma, rtol=0.04)


def test_statistics_do_not_depend_on_blocks():
    images = np.random.default_rng(6).normal(0, 1, (90, 5, 40, 40)).astype(np.float32)
    images[3, 2] = -0.0
    found = []
    for size in (1, 7, 64):
        made = Statistics(list("grizy"), 40)
        for at in range(0, len(images), size):
            made.add(images[at : at + size])
        found.append(made.rows())
    assert found[0] == found[1] == found[2]
    assert found[0][2]["pixels"] == 89 * 1600
    none = Statistics(["g"], 40).rows()[0]
    assert none["pixels"] == 0 and np.isnan([none["mean"], none["std"], none["p50"], none["sky_sigma"]]).all()


def test_what_cannot_be_read_is_named(sample, tmp_path):
    path = shutil.copy(file_of(sample), tmp_path / "copy.hdf5")
    with pytest.raises(UsageError, match="no file"):
        GalaxiesDataset([])
    with pytest.raises(UsageError, match="no layer colour"):
        GalaxiesDataset(path, layers=("colour",))
    with pytest.raises(InputError, match="no key nothing"):
        GalaxiesDataset(path, columns=("nothing",))
    with pytest.raises(InputError, match="no key psf"):
        GalaxiesDataset(path, layers=("psf",))
    with pytest.raises(InputError, match=r"none\.hdf5 does not exist"):
        GalaxiesDataset(tmp_path / "none.hdf5")
    (tmp_path / "text.hdf5").write_text("text")
    with pytest.raises(InputError, match="cannot be read as HDF5"):
        GalaxiesDataset(tmp_path / "text.hdf5")
    with pytest.raises(InputError, match="finite mean"):
        GalaxiesDataset(path, normalise=([0] * 5, [0] * 5))
    with h5py.File(path, "r+") as file:
        del file["image"].attrs["normalisation_mean"]
        file["elsewhere"] = h5py.ExternalLink(str(file_of(sample)), "ra")
    with pytest.raises(InputError, match="no normalisation statistics"):
        GalaxiesDataset(path)
    with pytest.raises(InputError, match="elsewhere is a link"):
        GalaxiesDataset(path, columns=("elsewhere",), normalise=False)
    data = GalaxiesDataset(path, normalise=False)
    os.truncate(path, 300_000)
    with pytest.raises(InputError, match="cut short"):
        [data[row] for row in range(len(data))]
