"""Tracts, patches and pixel boxes against astropy and against the archive's own files."""

import re
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

pytest.importorskip("galsim", reason="the simulated sky needs GalSim")

from galaxiesml.mock.sky.coadd.pictures import box_of
from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.tracts import DEG_PER_PIXEL, MIDDLE, Tract, holding, home, object_id, patch_of, tract


def real_files(shared_data):
    for path in sorted((shared_data / "hsc_cutouts_stars").glob("*-cutout-*.fits")):
        line, number = (int(word) for word in re.match(r"(\d+)-cutout-HSC-I-(\d+)-", path.name).groups())
        with fits.open(path) as hdus:
            yield line, number, hdus[1].header.copy(), hdus[0].header.copy()


def test_tracts_are_where_the_archives_files_have_them(shared_data):
    found = list(real_files(shared_data))
    assert len(found) == 10
    for _, number, header, _ in found:
        ours = tract(number)
        assert abs(ours.ra - header["CRVAL1"]) < 1e-10 and abs(ours.dec - header["CRVAL2"]) < 1e-10
        assert header["CRPIX1"] + header["CRVAL1A"] == header["CRPIX2"] + header["CRVAL2A"] == MIDDLE + 1


def test_patches_are_those_that_the_archives_files_name(shared_data):
    for _, _, header, primary in real_files(shared_data):
        x, y = header["CRVAL1A"] + header["NAXIS1"] / 2, header["CRVAL2A"] + header["NAXIS2"] / 2
        named = {key for key in primary if key.startswith("SRC_FLUXMAG0_")}
        assert named == {"SRC_FLUXMAG0_{}_{}".format(*patch_of(x, y))}


def test_boxes_are_rounded_as_the_service_rounds_them(shared_data, monkeypatch):
    # Those files were asked for with 2 arcsec each way.
    monkeypatch.setattr("galaxiesml.mock.sky.coadd.pictures.SEMI_WIDTH_ARCSEC", 2.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stars = Table.read(shared_data / "hsc_cutouts_stars" / "star_cat_correct.fits")
    alike = 0
    for line, number, header, _ in real_files(shared_data):
        star = stars[line - 2]
        ours = box_of(tract(number), star["ira"], star["idec"])
        theirs = Box(int(header["CRVAL1A"]), int(header["CRVAL2A"]), header["NAXIS1"], header["NAXIS2"])
        alike += sum(a == b for a, b in zip(vars(ours).values(), vars(theirs).values(), strict=True))
        assert max(abs(a - b) for a, b in zip(vars(ours).values(), vars(theirs).values(), strict=True)) <= 1
    # One star's box ends 0.01 pixel from a whole one.
    assert alike >= 38


def test_a_box_of_ten_arcsec_has_120_or_121_pixels():
    rng = np.random.default_rng(0)
    sides = [
        side
        for ra, dec in zip(150.0 + rng.random(500), 2.0 + 0.5 * rng.random(500), strict=True)
        for side in (box_of(home(ra, dec), ra, dec).columns, box_of(home(ra, dec), ra, dec).rows)
    ]
    assert set(sides) == {120, 121} and 0.02 < sides.count(121) / len(sides) < 0.08


def test_pixels_are_those_of_astropys_tangent_plane():
    here = tract(9813)
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval, wcs.wcs.crpix = [here.ra, here.dec], [MIDDLE + 1, MIDDLE + 1]
    wcs.wcs.cd = [[-DEG_PER_PIXEL, 0], [0, DEG_PER_PIXEL]]
    rng = np.random.default_rng(1)
    x, y = rng.random((2, 200)) * 36000
    ra, dec = here.sky(x, y)
    np.testing.assert_allclose(np.array(wcs.wcs_world2pix(ra, dec, 0)), [x, y], atol=1e-6)
    np.testing.assert_allclose(np.array(here.pixels(ra, dec)), [x, y], atol=1e-6)


def test_neighbouring_tracts_overlap_and_one_is_home():
    left, right = tract(9812), tract(9813)
    boundary = (left.ra + right.ra) / 2
    assert [one.number for one in holding(boundary, 2.3)] == [9812, 9813]
    assert home(boundary - 0.01, 2.3).number == 9812 and home(boundary + 0.01, 2.3).number == 9813
    assert [one.number for one in holding(right.ra, right.dec)] == [9813]
    # Where a ring closes, at RA 0, the first and the last tract of it are neighbours.
    assert home(359.9, 2.3) == home(0.05, 2.3) and home(359.9, 2.3).ra == 0.0


def test_identifiers_are_packed_as_hscs():
    # A real one: tract 8279, patch 0,6 (data of hyrax).
    assert object_id(8279, (0, 6), 36411452835238206 - object_id(8279, (0, 6), 0)) == 36411452835238206
    assert len(str(object_id(9813, (8, 7), 1001))) == 17
    assert isinstance(tract(9813), Tract)
