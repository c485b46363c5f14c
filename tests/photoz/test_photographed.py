"""`best` on the pictures of a catalogue, as it is typed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from galaxiesml.catalog import Catalog

from ..curation.landed import land_rows, new_catalog
from ..cutouts.service import cutout, name, write_tar
from ..made.blobs import blobs
from ..made.galaxies import BANDS, at, galaxy
from ..made.once import once

COUNT, WITHOUT = 290, 4
TYPED = ("--split-scheme", "paper", "--set", "epochs=3", "--seeds", "1", "--set", "size=32", "--set", "channels=8")


def make(folder: Path) -> None:
    """Galaxies whose pictures tell their redshifts; the last few have pictures in four filters."""
    from galaxiesml.curation.build import build
    from galaxiesml.cutouts.land import land_pictures

    catalog = new_catalog(folder / "cat")
    sky = blobs(COUNT, size=40)
    rows = []
    for place in range(COUNT):
        known = {f"{band}_cmodel_mag": float(sky.magnitudes[place, at]) for at, band in enumerate(sky.bands)}
        known |= {f"a_{band}": 0.1 + 0.01 * number for number, band in enumerate(sky.bands)}
        rows.append(galaxy(place + 1, specz_redshift=round(float(sky.redshift[place]), 4), **known))
    land_rows(catalog, rows)
    counts = sky.pictures.read(40)
    for plane, band in enumerate(BANDS):
        members = {}
        for place in range(COUNT - (WITHOUT if band == "Y" else 0)):
            data, _ = cutout(*at(place + 1), band=band, layers="i", pixels={"i": counts[place, plane]})
            members[name(place + 2, band)] = data
        list(land_pictures(catalog, [write_tar(folder / f"{band}.tar", members)]))
    build(catalog)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Catalog:
    place = tmp_path_factory.mktemp("photographed") / "cat"
    return Catalog.open(shutil.copytree(once("photographed", make) / "cat", place))


def test_best_is_trained_and_predicts_in_a_catalogue(catalog, typed):
    code, out, err = typed("-C", catalog.root, "train", "best", *TYPED)
    assert code == 0, err
    assert f"{WITHOUT} galaxies without a picture in every filter are left out" in err
    assert "trunk=small" in err and "sigma is measured" in err
    told = json.loads((catalog.root / "photoz" / "best-1" / "run.json").read_text())
    assert told["provenance"]["without_pictures"] == WITHOUT and told["config"]["size"] == 32
    assert sum(told["data"]["rows"].values()) == COUNT - WITHOUT
    code, out, err = typed("-C", catalog.root, "predict", "best-1", "--of", "all", "--json")
    assert code == 0, err
    assert json.loads(out)["n_predictions"] == COUNT - WITHOUT
    assert f"{WITHOUT} galaxies without a picture in every filter are not predicted" in err
    # Typed again, the finished run is found: the pictures have not changed.
    before = (catalog.root / "photoz" / "best-1" / "run.json").stat().st_mtime_ns
    assert typed("-C", catalog.root, "train", "best", *TYPED, "--name", "best-1")[0] == 0
    assert (catalog.root / "photoz" / "best-1" / "run.json").stat().st_mtime_ns == before


def test_pictures_of_the_catalogue_are_those_of_its_files(catalog, typed, tmp_path):
    """The store's pictures in a frame, and what is exported, differ in no bit; and neither do predictions from them."""
    from galaxiesml.photoz import catalogued, photographed, released

    words = ("--size", "64", "--split-scheme", "paper", "--out", tmp_path)
    code, _, err = typed("-C", catalog.root, "export", "hdf5", *words)
    assert code == 0, err
    source = catalogued.source_of(catalog, None, "paper")
    stored, _ = photographed.with_pictures(catalog, catalogued.data_of(catalog, source), source.version)
    paths = sorted(tmp_path.glob("*.hdf5"))
    filed = released.read(paths, stored.bands, has_pictures=True)
    place = np.argsort(filed.object_id)
    for size in (64, 33):
        np.testing.assert_array_equal(stored.pictures.read(size), filed.pictures.take(place).read(size))
    assert stored.conditions[0, 5:] == pytest.approx([0.1, 0.11, 0.12, 0.13, 0.14])
    with h5py.File(paths[0]) as file:
        assert file["image"].shape[2:] == (64, 64)


def test_a_table_s_estimator_reads_no_pixel(catalog, monkeypatch):
    """Its data is the same with pictures that cannot be read."""
    from galaxiesml.photoz import Config, catalogued, photographed, train

    source = catalogued.source_of(catalog, None, "paper")
    data = catalogued.data_of(catalog, source)
    with_pictures, _ = photographed.with_pictures(catalog, data, source.version)
    nowhere = replace(with_pictures.pictures.sources[0], names=("nowhere",) * 5)
    blind = replace(with_pictures, pictures=replace(with_pictures.pictures, sources=(nowhere,)))
    config = Config.of("table", epochs=1, seeds=1, width=8)
    plain = replace(with_pictures, pictures=None, conditions=None)
    assert train(blind, config).info["data"] == train(plain, config).info["data"]
