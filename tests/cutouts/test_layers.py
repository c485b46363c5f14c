"""Cutouts found in their bytes: the same pixels and header words as astropy finds."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from galaxiesml.cutouts.layers import BadFits, read_cutout, read_header, read_psf
from galaxiesml.cutouts.names import BadName, read_name
from galaxiesml.cutouts.picture import count_planes, store_picture
from galaxiesml.cutouts.tar import Member
from galaxiesml.instrument import HSC
from galaxiesml.pixels.store import Shards, ShardWriter

from .service import cutout, name, psf


def put(folder, data, member=None, **options):
    shard = ShardWriter(folder)
    picture = store_picture(Member(member or name(2), memoryview(data)), shard, HSC, **options)
    shard.close()
    return picture


def test_the_services_own_files_card_by_card(shared_data):
    for path in sorted((shared_data / "hsc_cutouts_stars").glob("*-cutout-*.fits")):
        data = path.read_bytes()
        position = 0
        with fits.open(path) as hdus:
            for hdu in hdus:
                cards, start = read_header(data, position)
                words = {
                    card.keyword: card.value
                    for card in hdu.header.cards
                    if card.keyword not in ("COMMENT", "HISTORY", "")
                }
                assert {key.upper(): value for key, value in cards.items()} == {
                    key.upper(): value for key, value in words.items()
                }
                assert start == hdu.fileinfo()["datLoc"]
                position = start + hdu.fileinfo()["datSpan"]
            found = read_cutout(data, HSC.hdus)
            assert list(found.layers) == ["image"]
            np.testing.assert_array_equal(found.layers["image"].pixels(data), hdus[1].data)


@pytest.mark.parametrize("layers", ["imv", "im", "iv", "i", "mv", ""])
def test_layers_that_were_not_asked_for_are_absent(tmp_path, layers):
    data, made = cutout(150.01, 2.01, layers=layers, mask_bits=0b100100, nan=5 if "i" in layers else 0)
    picture = put(tmp_path, data)
    assert not picture.refused
    assert picture.zero_point_mag == pytest.approx(27.0, abs=1e-8)
    shards = Shards(tmp_path.parent)
    for kind in ("image", "mask", "variance"):
        offset = getattr(picture, f"{kind}_offset")
        assert (offset is not None) == (kind in made)
        if offset is not None:
            stored = shards.layer(tmp_path.name, offset, (picture.height, picture.width), kind)
            np.testing.assert_array_equal(stored, made[kind])
            assert offset % 64 == 0
    if "i" in layers:
        assert picture.not_finite == 5
    if "m" in layers:
        pixels = picture.height * picture.width
        assert picture.masked == {"detected": pixels, "bit_2": pixels}


def test_the_middle_of_a_picture_is_where_astropy_has_it(tmp_path, shared_data):
    for path in sorted((shared_data / "hsc_cutouts_stars").glob("*-cutout-*.fits")):
        picture = put(tmp_path, path.read_bytes(), path.name)
        with fits.open(path) as hdus:
            ra, dec = WCS(hdus[1].header).pixel_to_world_values((picture.width - 1) / 2, (picture.height - 1) / 2)
            assert (picture.x0, picture.y0) == (hdus[1].header["CRVAL1A"], hdus[1].header["CRVAL2A"])
        assert abs(picture.ra - ra) < 1e-12 and abs(picture.dec - dec) < 1e-12


def changed(data: bytes, number: int, **cards) -> bytes:
    """The file with header words of one HDU changed; None takes a word out."""
    with fits.open(io.BytesIO(data)) as hdus:
        for key, value in cards.items():
            if value is None:
                del hdus[number].header[key]
            else:
                hdus[number].header[key] = value
        out = io.BytesIO()
        hdus.writeto(out, output_verify="ignore")
    return out.getvalue()


@pytest.mark.parametrize(
    ("number", "cards", "reason"),
    [
        (0, {"FILTER": "HSC-R"}, "its name says filter g and its header 'HSC-R'"),
        (0, {"FILTER": None}, "its header has no FILTER"),
        (0, {"FLUXMAG0": None}, "no FLUXMAG0: None"),
        (0, {"FLUXMAG0": -1.0}, "no FLUXMAG0: -1.0"),
        (1, {"CTYPE1": "RA---SIN"}, "its projection is 'RA---SIN'"),
        (1, {"CD1_1": 0.0}, "its CD matrix is singular"),
        (1, {"CRPIX2": None}, "its CRPIX2 is None"),
        (1, {"CRVAL1": "north"}, "its CRVAL1 is 'north'"),
        (1, {"CRVAL1": 400.0}, "its CRVAL1 is 400.0: a right ascension"),
        (1, {"CRVAL2": 90.001}, "its CRVAL2 is 90.001: a declination"),
        (1, {"CUNIT1": "arcsec"}, "its CUNIT1 is 'arcsec', not 'deg'"),
        (1, {"CUNIT2": "rad"}, "its CUNIT2 is 'rad', not 'deg'"),
        (1, {"RADESYS": "GALACTIC"}, "its RADESYS is 'GALACTIC': its positions are not ICRS"),
        (1, {"RADESYS": "FK5", "EQUINOX": 1975.0}, "its RADESYS is 'FK5' of 1975"),
        (1, {"EQUINOX": 1950.0}, "of 1950: its positions are not ICRS"),
        (1, {"LONPOLE": 0.0}, "its LONPOLE is 0, not 180"),
        (1, {"CRVAL2": 90.0}, "its LONPOLE is 0, not 180"),
        (1, {"PV1_3": 90.0}, "its PV1_3 is 90, not 180"),
        (1, {"CD2_2": 2 * 0.168 / 3600}, "its pixels are not square: 0.168 x 0.336 arcsec"),
        (1, {"CD1_2": 0.05 * 0.168 / 3600}, "its pixels are not square: their sides meet at"),
    ],
)
def test_headers_that_cannot_be_trusted(tmp_path, number, cards, reason):
    picture = put(tmp_path, changed(cutout(150.0, 2.0)[0], number, **cards))
    assert reason in picture.refused
    assert picture.refused_class == {"FILTER": "filter", "FLUXMAG0": "zero_point"}.get(next(iter(cards)), "projection")
    assert picture.image_offset is None and (tmp_path / "pixels.bin").stat().st_size == 0


def test_files_that_are_no_cutouts(tmp_path):
    data, _ = cutout(150.0, 2.0)
    assert "image is cut short" in put(tmp_path, data[:9000]).refused
    assert "variance is cut short" in put(tmp_path, data[:-8000]).refused
    assert "variance and later HDUs are missing" in put(tmp_path, cutout(150.0, 2.0, half=3.0)[0][:-9000]).refused
    assert "no END" in put(tmp_path, b"").refused
    assert "no END" in put(tmp_path, b"SIMPLE  =                    T").refused
    assert "does not begin as a FITS file" in put(tmp_path, b"<html>" + b" " * 2874 + b"END" + b" " * 2877).refused
    lying = re.sub(rb"NAXIS1  = .{20}", b"NAXIS1  = 99999999999999999912", data)
    assert "cut short" in put(tmp_path, lying).refused
    out = io.BytesIO()
    fits.PrimaryHDU(np.zeros((5, 5), np.float32)).writeto(out)
    assert "its primary HDU has pixels" in put(tmp_path, out.getvalue()).refused
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((5, 5)))]).writeto(out)
    with pytest.raises(BadFits, match="BITPIX -64 where the service sends -32"):
        read_cutout(out.getvalue(), HSC.hdus)
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((5, 5), np.uint32))]).writeto(out)
    with pytest.raises(BadFits):
        read_cutout(out.getvalue(), HSC.hdus)


def test_layers_of_different_shapes(tmp_path):
    out = io.BytesIO()
    hdus = [fits.PrimaryHDU(), fits.ImageHDU(np.zeros((5, 5), np.float32)), fits.ImageHDU(np.zeros((5, 6), np.int32))]
    hdus.append(fits.ImageHDU())
    fits.HDUList(hdus).writeto(out)
    with pytest.raises(BadFits, match="differ in shape"):
        read_cutout(out.getvalue(), HSC.hdus)


def test_psf_pictures(tmp_path):
    data, pixels = psf()
    member = "arch-221123-101500/2-psf-calexp-pdr2_wide-HSC-I-9813-4,5-150.01000--2.50000.fits"
    picture = put(tmp_path, data, member, psf=True)
    assert (picture.refused, picture.band, picture.tract, picture.ra, picture.dec) == ("", "i", 9813, 150.01, -2.5)
    stored = Shards(tmp_path.parent).layer(tmp_path.name, picture.psf_offset, (43, 43), "psf")
    np.testing.assert_array_equal(stored, pixels)
    with pytest.raises(BadFits, match="cut short"):
        read_psf(data[:4000])


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        ("/arch/2-cutout-HSC-G-9813-pdr2_wide.fits", "leads out of its folder"),
        ("../2-cutout-HSC-G-9813-pdr2_wide.fits", "leads out of its folder"),
        ("arch/../../2-cutout-HSC-G-9813-pdr2_wide.fits", "leads out of its folder"),
        ("arch\\..\\2-cutout-HSC-G-9813-pdr2_wide.fits", "leads out of its folder"),
        ("arch/readme.txt", "is not <N>-cutout-"),
        ("arch/2-cutout-HSC-G-9813-pdr2_wide.fits.gz", "is not <N>-cutout-"),
        ("arch/99999999-cutout-HSC-G-9813-pdr2_wide.fits", "is not <N>-cutout-"),
    ],
)
def test_names_that_are_not_the_services(member, reason):
    with pytest.raises(BadName, match=reason):
        read_name(member, HSC)


def test_filters_of_other_surveys_are_refused(tmp_path):
    data, _ = cutout(150.0, 2.0, band="N", header_filter="NB0387")
    assert "not one of the release's" in put(tmp_path, data, "2-cutout-NB0387-9813-pdr2_wide.fits").refused
    assert [HSC.band_of(text) for text in ("HSC-R2", "i2", "HSC-Y", "g")] == ["r", "i", "y", "g"]


def test_planes_are_counted_bit_by_bit():
    mask = np.array([[1, 3], [0, -(1 << 31)]], np.int32)
    assert count_planes(mask, {"BAD": 0, "SAT": 1}) == {"bad": 2, "sat": 1, "bit_31": 1}
    assert count_planes(np.zeros((3, 3), np.int32), {"BAD": 0}) == {}


@pytest.mark.parametrize(
    "cards",
    [
        {"CUNIT1": "deg", "CUNIT2": "deg", "LONPOLE": 180.0, "RADESYS": "ICRS"},
        {"RADESYS": "FK5", "EQUINOX": 2000.0},
        {"CRVAL2": 90.0, "LONPOLE": 180.0},
    ],
)
def test_the_same_projection_in_other_words_is_taken_where_astropy_has_it(tmp_path, cards):
    data = changed(cutout(150.01, 2.01)[0], 1, **cards)
    picture = put(tmp_path, data)
    assert picture.refused == ""
    with fits.open(io.BytesIO(data)) as hdus:
        ra, dec = WCS(hdus[1].header).pixel_to_world_values((picture.width - 1) / 2, (picture.height - 1) / 2)
    assert abs(picture.ra - ra) < 1e-9 and abs(picture.dec - dec) < 1e-9


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.uint8, np.uint32])
def test_masks_of_other_widths_are_widened_bit_by_bit(tmp_path, dtype):
    data, made = cutout(150.01, 2.01, layers="imv")
    bits = (1 << 0 | 1 << 5 | (1 << 15 if np.dtype(dtype).itemsize > 1 else 0)) + (1 << 31 if dtype is np.uint32 else 0)
    mask = np.zeros(made["mask"].shape, np.uint32)
    mask[0, :7] = bits
    out = io.BytesIO()
    with fits.open(io.BytesIO(data)) as hdus:
        header = hdus[2].header
        narrow = mask.astype(np.uint16).view(np.int16) if dtype is np.int16 else mask.astype(dtype)
        hdus[2] = fits.ImageHDU(narrow, header)
        hdus.writeto(out)
    picture = put(tmp_path, out.getvalue())
    assert picture.refused == ""
    stored = Shards(tmp_path.parent).layer(tmp_path.name, picture.mask_offset, mask.shape, "mask")
    np.testing.assert_array_equal(stored.view(np.uint32), mask)
    assert set(picture.masked.values()) == {7} and {"bad", "detected"} <= set(picture.masked)
    assert len(picture.masked) == int(bits).bit_count()
    image = Shards(tmp_path.parent).layer(tmp_path.name, picture.image_offset, mask.shape, "image")
    np.testing.assert_array_equal(image, made["image"])


def test_a_mask_of_scaled_numbers_is_refused(tmp_path):
    picture = put(tmp_path, changed(cutout(150.0, 2.0)[0], 2, BSCALE=2.0))
    assert "its mask is scaled" in picture.refused and picture.refused_class == "layout"


@pytest.mark.parametrize(
    ("shape", "shift", "flag"),
    [
        ((43, 43), (0.0, 0.0), ""),
        ((42, 42), (0.5, 0.5), ""),
        ((43, 43), (0.9, 0.0), ""),
        ((43, 43), (1.1, 0.0), "off_centre"),
        ((43, 43), (-0.8, 0.8), "off_centre"),
        ((1, 1), (0.0, 0.0), "too_small"),
        ((2, 43), (0.0, 0.0), "too_small"),
    ],
)
def test_a_psf_off_its_centre_or_of_one_pixel_is_flagged(tmp_path, shape, shift, flag):
    y, x = np.indices(shape)
    away = np.hypot(y - (shape[0] - 1) / 2 - shift[0], x - (shape[1] - 1) / 2 - shift[1])
    assert _flag(tmp_path, np.exp(-((away / 4) ** 2))) == flag


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_psf_without_light_is_flagged(tmp_path, value):
    assert _flag(tmp_path, np.full((43, 43), value)) == "no_light"


def _flag(tmp_path, pixels):
    out = io.BytesIO()
    fits.PrimaryHDU(pixels).writeto(out)
    picture = put(tmp_path, out.getvalue(), "2-psf-calexp-pdr2_wide-HSC-I-9813-4,5-150.01-2.5.fits", psf=True)
    assert picture.refused == "" and picture.psf_offset == 0
    return picture.psf_flag


@pytest.mark.parametrize(
    ("member", "line", "rerun"),
    [
        ("cutout-HSC-G-9813-pdr2_wide.fits", None, "pdr2_wide"),
        ("cutout-HSC-G-9813-pdr2_wide (1).fits", None, "pdr2_wide"),
        ("arch/2-cutout-HSC-G-9813-pdr2_wide.fits", 2, "pdr2_wide"),
    ],
)
def test_names_of_single_downloads_have_no_line(member, line, rerun):
    name = read_name(member, HSC)
    assert (name.line, name.band, name.tract, name.rerun) == (line, "g", 9813, rerun)


def test_names_of_single_psfs_have_no_line():
    name = read_name("psf-calexp-pdr2_wide-HSC-I-9813-4,5-150.01000--2.50000.fits", HSC, psf=True)
    assert (name.line, name.band, name.tract, name.ra, name.dec) == (None, "i", 9813, 150.01, -2.5)


def test_hdus_in_an_order_of_ones_own():
    """The image first, between the layers a table and a cube that hold none."""
    image, mask = np.arange(20, dtype=np.float32).reshape(4, 5), np.ones((4, 5), np.int32)
    table = fits.BinTableHDU.from_columns([fits.Column("word", "777A", array=["a", "b"])])
    cube = fits.ImageHDU(np.zeros((3, 30, 40)))
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(image), table, cube, fits.ImageHDU(mask)]).writeto(out)
    found = read_cutout(out.getvalue(), ("image", "none", "none", "mask"))
    np.testing.assert_array_equal(found.layers["image"].pixels(out.getvalue()), image)
    np.testing.assert_array_equal(found.layers["mask"].pixels(out.getvalue()), mask)
    assert list(read_cutout(out.getvalue(), ("image",)).layers) == ["image"]
    with pytest.raises(BadFits, match="cut short: variance and later HDUs are missing"):
        read_cutout(out.getvalue(), ("image", "none", "none", "mask", "variance"))
    with pytest.raises(BadFits, match="not an image with two axes"):
        read_cutout(out.getvalue(), ("image", "none", "mask"))
    for words in (b"PCOUNT  =                    0", b"NAXIS   =                    3"):
        assert words in out.getvalue()
        for value in (b"  -9", b" 2.0", b"1E30"):
            with pytest.raises(BadFits, match="one of its HDUs has no size"):
                read_cutout(out.getvalue().replace(words, words[:-4] + value), ("image", "none", "none", "mask"))
