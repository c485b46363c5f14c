"""`measure` as a program calls it: what its table holds, what it takes, and the galaxies that GalSim drew."""

import numpy as np
import pyarrow as pa
import pytest

from galaxiesml.errors import InputError
from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG
from galaxiesml.morphology import measure
from galaxiesml.morphology.flags import Flag, reasons
from galaxiesml.morphology.sersic.psf import Moffat
from galaxiesml.morphology.settings import Settings

from .injected import BETA, GAIN, SKY_NOISE, injected, psf_picture

MANY, SIZE = 12, 95
PSF = "moffat:0.7"
#: Ends of names by the unit that they say.
ENDS = {
    "pixel": "_px",
    "pixel**2": "_px2",
    "arcsec": "_arcsec",
    "arcsec**2": "_arcsec2",
    "deg": "_deg",
    "mag": "_mag",
    "mag.arcsec**-2": "_mag_arcsec2",
    "adu": "_adu",
}


@pytest.fixture(scope="module")
def drawn():
    """Twelve bright galaxies with seeings of their own."""
    return injected(MANY, 11, magnitudes=(18.5, 20.5), size=SIZE)


@pytest.fixture(scope="module")
def psfs(drawn):
    return np.stack([psf_picture(fwhm, 63) for fwhm in drawn.seeing])


@pytest.fixture(scope="module")
def table(drawn, psfs) -> pa.Table:
    """What is known of them with all that is known of the pictures."""
    return measure(drawn.images, psf=psfs, gain=GAIN)


def noise(*shape: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, SKY_NOISE, shape)


def rows(table: pa.Table) -> list[dict]:
    return table.to_pylist()


def sersic(row: dict) -> dict:
    return {name: value for name, value in row.items() if name.startswith("sersic_")}


def detection(row: dict) -> dict:
    return {name: value for name, value in row.items() if not name.startswith(("sersic_", "morphology_"))}


# -- the table ------------------------------------------------------------------------------------------------


def test_columns_are_the_releases_and_additions_say_their_unit(table):
    released = {
        *("major_axis", "minor_axis", "ellipticity", "pos_angle", "isophotal_area", "half_light_radius", "petro_rad"),
        *("peak_surface_brightness", "sersic_index", "total_galaxies"),
        *(f"central_image_pop_{radius}px_rad" for radius in (5, 10, 15)),
    }
    assert set(table.column_names[:13]) == released
    for field in table.schema:
        unit = field.metadata[b"unit"].decode()
        assert field.metadata[b"description"]
        if field.name not in released:
            assert field.name.endswith(ENDS[unit]) if unit else True, f"{field.name} in {unit}"


def test_a_row_a_picture_in_their_order(drawn, table):
    assert table.num_rows == MANY
    for axis in "xy":
        found = np.array(table[f"{axis}_px"]) - (SIZE - 1) / 2
        assert np.abs(found - drawn.truth[axis]).max() < 0.3
    assert np.abs(np.array(table["auto_mag"]) - drawn.truth["mag"]).max() < 0.5


def test_no_pictures_are_an_empty_table_of_the_same_columns(table):
    for psf in (None, PSF):
        assert measure(np.zeros((0, 63, 63)), psf=psf).schema == table.schema


def test_one_picture_may_come_without_its_first_axis(drawn):
    assert measure(drawn.images[0], psf=PSF).equals(measure(drawn.images[:1], psf=PSF))


def test_what_is_not_detected_is_null():
    row = rows(measure(noise(63, 63), psf=PSF))[0]
    assert row.pop("morphology_flags") == Flag.NOT_DETECTED and row.pop("morphology_reasons") == "not_detected"
    # It was looked for: there are no objects, which is a number.
    assert (row.pop("detected"), row.pop("total_galaxies")) == (False, 0)
    assert set(row.values()) == {None}


def test_what_cannot_be_had_is_null_and_never_nan(table):
    """Also where Source Extractor writes 99 for a magnitude: a core in a hole so deep that its flux is negative."""
    y, x = np.mgrid[-31:32, -31:32]
    away = np.hypot(x, y)
    hole = 5 * np.exp(-(away**2) / 8) - 5 * np.exp(-((away - 4) ** 2) / 0.5) + noise(63, 63)
    found = rows(measure(hole, psf=PSF))[0]
    assert found["detected"]
    assert {found[name] for name in ("half_light_radius", "auto_mag", "auto_error_mag")} == {None}
    for row in [found, *rows(table)]:
        assert np.isfinite([value for value in row.values() if isinstance(value, float)]).all()


def test_without_a_psf_there_is_no_fit_and_a_reason(drawn, table):
    for row, fitted in zip(rows(measure(drawn.images, gain=GAIN)), rows(table), strict=True):
        assert set(sersic(row).values()) == {None} and row["morphology_reasons"].split(", ")[-1] == "no_psf"
        assert row["morphology_flags"] & Flag.NO_PSF and not fitted["morphology_flags"] & Flag.NO_PSF
        assert detection(row) == detection(fitted)


def test_reasons_are_the_words_of_the_flags(table):
    for row in rows(table):
        assert row["morphology_reasons"] == reasons(row["morphology_flags"])
    assert reasons(Flag.OFF_CENTER | Flag.HIGH_CHI2) == "off_center, high_chi2" and reasons(0) is None


# -- the values -----------------------------------------------------------------------------------------------


def test_bright_galaxies_are_found_as_galsim_drew_them(drawn, table):
    """Every parameter within five of its errors."""
    truth = drawn.truth
    middle = (SIZE - 1) / 2
    right = {
        "sersic_index": truth["n"],
        "sersic_r_e_arcsec": truth["r_e_arcsec"],
        "sersic_axis_ratio": truth["q"],
        "sersic_mag": truth["mag"],
        "sersic_x_px": truth["x"] + middle,
        "sersic_y_px": truth["y"] + middle,
    }
    errors = {
        "sersic_index": "sersic_index_error",
        "sersic_r_e_arcsec": "sersic_r_e_error_arcsec",
        "sersic_axis_ratio": "sersic_axis_ratio_error",
        "sersic_mag": "sersic_error_mag",
        "sersic_x_px": "sersic_x_error_px",
        "sersic_y_px": "sersic_y_error_px",
    }
    clean = np.array(table["morphology_flags"]) == 0
    assert clean.sum() >= MANY - 2
    for name, values in right.items():
        away = (np.array(table[name], float) - values) / np.array(table[errors[name]], float)
        assert np.abs(away[clean]).max() < 5, name
        # Errors that are far too large would pass any fit.
        assert np.median(np.abs(away[clean])) > 0.1, name
    turned = np.array(table["sersic_pos_angle_deg"]) - truth["theta"]
    turned = np.abs((turned + 90) % 180 - 90) / np.array(table["sersic_pos_angle_error_deg"], float)
    assert turned[clean].max() < 5


def test_a_zero_point_shifts_magnitudes_alone(drawn, table, psfs):
    other = rows(measure(drawn.images, psf=psfs, gain=GAIN, zero_point_mag=ZERO_POINT_MAG - 2))
    shifted = {"auto_mag", "sersic_mag", "peak_surface_brightness_mag_arcsec2"}
    for row, before in zip(other, rows(table), strict=True):
        for name, value in row.items():
            assert value == (pytest.approx(before[name] - 2) if name in shifted else before[name]), name


def test_a_pixel_scale_changes_what_is_on_the_sky_alone(drawn, table, psfs):
    times = 1.5
    other = rows(measure(drawn.images, psf=psfs, gain=GAIN, pixel_scale_arcsec=times * PIXEL_SCALE_ARCSEC))
    for row, before in zip(other, rows(table), strict=True):
        for name, value in row.items():
            expected = before[name]
            if name == "peak_surface_brightness_mag_arcsec2":
                expected = pytest.approx(expected + 5 * np.log10(times))
            elif name.endswith(("_arcsec", "_arcsec2")) and expected is not None:
                expected = pytest.approx(expected * times ** (2 if name.endswith("2") else 1))
            assert value == expected, name


def test_magnitudes_and_surface_brightness_are_of_the_stated_zero_point(table):
    for row in rows(table):
        # MU_MAX is of a pixel of 0.17 arcsec.
        pixel = 5 * np.log10(PIXEL_SCALE_ARCSEC / 0.17)
        mu = row["peak_surface_brightness"] + ZERO_POINT_MAG + pixel
        assert row["peak_surface_brightness_mag_arcsec2"] == pytest.approx(mu) and row["peak_surface_brightness"] < 0
        assert row["petro_rad_px"] == pytest.approx(row["petro_rad"] * row["major_axis"])
        assert row["ellipticity"] == pytest.approx(1 - row["minor_axis"] / row["major_axis"])


def test_a_flux_in_any_unit_gives_the_same_shapes(drawn):
    images, names = drawn.images[:4].astype(float), ("major_axis", "half_light_radius", "sersic_index", "x_error_px")
    right = rows(measure(images, psf=PSF, gain=GAIN))
    for scale in (1e-30, 1e-18, 1e12):
        for row, before in zip(rows(measure(images * scale, psf=PSF, gain=GAIN / scale)), right, strict=True):
            for name in names:
                # The error of a place is a ratio of squares, which 1e-60 has not in single precision.
                expected = None if (name, scale) == ("x_error_px", 1e-30) else pytest.approx(before[name], rel=1e-4)
                assert row[name] == expected, f"{name} at {scale}"


# -- what it takes --------------------------------------------------------------------------------------------


def test_a_psf_in_every_form(drawn, psfs, table):
    """Words, a Moffat, one picture and one for each agree where they say the same."""
    scale, names = PIXEL_SCALE_ARCSEC, ("sersic_index", "sersic_r_e_px", "sersic_mag")
    shared = psf_picture(0.7, 63)
    words = measure(drawn.images, psf="moffat:0.7:3", gain=GAIN)
    assert words.equals(measure(drawn.images, psf=PSF, gain=GAIN)) and BETA == 3
    assert words.equals(measure(drawn.images, psf=Moffat(0.7 / scale), gain=GAIN))
    one = measure(drawn.images, psf=shared, gain=GAIN)
    assert one.equals(measure(drawn.images, psf=np.stack([shared] * MANY), gain=GAIN))
    assert one.equals(measure(drawn.images, psf=shared[None], gain=GAIN))
    each = measure(drawn.images, psf=Moffat(drawn.seeing / scale), gain=GAIN)
    for drew, wrote in ((one, words), (table, each)):
        for row, other in zip(rows(drew), rows(wrote), strict=True):
            assert [row[name] for name in names] == pytest.approx([other[name] for name in names], rel=0.01)
    assert not words.equals(measure(drawn.images, psf="moffat:0.6", gain=GAIN))


def test_the_scale_of_a_psfs_picture_and_its_number_type_do_not_matter(drawn, psfs, table):
    again = measure(drawn.images, psf=(psfs.astype(np.float32) * 1024).astype(">f4"), gain=GAIN)
    for row, before in zip(rows(again), rows(table), strict=True):
        assert row["sersic_index"] == pytest.approx(before["sersic_index"], rel=1e-4)


@pytest.mark.parametrize("psf", [np.nan, 0.0, np.inf, -1.0, 1e300])
def test_a_psf_that_is_none_costs_its_own_fit_alone(drawn, psfs, table, psf):
    some = psfs.copy()
    some[3] = psf
    found, before = rows(measure(drawn.images, psf=some, gain=GAIN)), rows(table)
    assert set(sersic(found[3]).values()) == {None} and found[3]["morphology_flags"] & Flag.NO_PSF
    assert detection(found[3]) == detection(before[3])
    assert found[:3] + found[4:] == before[:3] + before[4:]


def test_a_seeing_that_is_none_costs_its_own_fit_alone(drawn):
    fwhm = drawn.seeing / PIXEL_SCALE_ARCSEC
    right = rows(measure(drawn.images, psf=Moffat(fwhm)))
    fwhm[[0, 5]] = np.nan, 0
    found = rows(measure(drawn.images, psf=Moffat(fwhm)))
    assert [at for at, row in enumerate(found) if row["morphology_flags"] & Flag.NO_PSF] == [0, 5]
    assert [row for at, row in enumerate(found) if at not in (0, 5)] == right[1:5] + right[6:]


def test_a_variance_plane_takes_the_place_of_gain(drawn, psfs, table):
    """That of sky and photons gives what the gain gives; four times as much gives errors twice as large."""
    light = np.stack([np.maximum(image, 0) for image in drawn.images])
    variance = SKY_NOISE**2 + light / GAIN
    found = rows(measure(drawn.images, psf=psfs, variance=variance, gain=1e-9))
    doubled = rows(measure(drawn.images, psf=psfs, variance=4 * variance))
    for row, more, before in zip(found, doubled, rows(table), strict=True):
        # Weights of what was seen are not those of what is modelled, and the sky's are measured.
        assert row["sersic_index_error"] == pytest.approx(before["sersic_index_error"], rel=0.1)
        assert abs(row["sersic_index"] - before["sersic_index"]) < before["sersic_index_error"]
        assert more["sersic_x_error_px"] == pytest.approx(2 * row["sersic_x_error_px"], rel=0.1)
        assert more["sersic_chi2_per_px"] == pytest.approx(row["sersic_chi2_per_px"] / 4, rel=0.1)
        assert detection(row) == detection(before)


def test_a_gain_adds_the_galaxys_own_noise(drawn, psfs, table):
    for row, before in zip(rows(measure(drawn.images, psf=psfs)), rows(table), strict=True):
        assert row["sersic_x_error_px"] < before["sersic_x_error_px"] and detection(row) == detection(before)
    in_settings = measure(drawn.images, psf=psfs, settings=Settings(gain=GAIN))
    assert in_settings.equals(table)


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan, np.inf])
def test_a_pixel_without_a_variance_does_not_count_in_the_fit(drawn, variance):
    planes = np.full((2, SIZE, SIZE), SKY_NOISE**2)
    images = drawn.images[:2].copy()
    right = rows(measure(images, psf=PSF, variance=planes))[1]
    planes[1, 40:43, 50:55] = variance
    found = rows(measure(images, psf=PSF, variance=planes))[1]
    assert found["sersic_counted_px"] == right["sersic_counted_px"] - 15
    assert detection(found) == detection(right) and found["sersic_index"] != right["sersic_index"]


def test_a_masked_pixel_counts_nowhere(drawn):
    """What stands under a mask, or is not finite, is as if it were not there."""
    mask = np.zeros((3, SIZE, SIZE), bool)
    mask[:, 55:60, 30:36] = True
    spoiled = np.where(mask, 1e4, drawn.images[:3])
    right = measure(drawn.images[:3], psf=PSF, mask=mask)
    assert measure(spoiled, psf=PSF, mask=mask).equals(right)
    assert measure(spoiled, psf=PSF, mask=mask.astype(int)).equals(right)
    assert measure(np.where(mask, np.nan, spoiled), psf=PSF).equals(right)
    assert not measure(spoiled, psf=PSF).equals(right)


def test_what_a_masked_array_masks_counts_nowhere(drawn):
    """As pixels that are NaN."""
    hidden = np.zeros(drawn.images[:2].shape, bool)
    hidden[:, 40:50, 40:50] = True
    masked = np.ma.masked_array(drawn.images[:2], hidden)
    assert measure(masked).equals(measure(np.where(hidden, np.nan, drawn.images[:2])))
    assert not measure(masked).equals(measure(drawn.images[:2]))


def test_any_type_and_order_of_numbers(drawn):
    images = drawn.images[:3]
    right = measure(images, psf=PSF)
    every_second = np.zeros((6, SIZE, 2 * SIZE), np.float32)[::2, :, ::2]
    every_second[:] = images
    read_only = images.copy()
    read_only.flags.writeable = False
    others = (images.astype(float), images.astype(">f4"), images.astype(">f8"), np.asfortranarray(images), every_second)
    for other in (*others, images[::-1][::-1], read_only, images.tolist()):
        assert measure(other, psf=PSF).equals(right)


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.uint16, ">i4"])
def test_whole_numbers(drawn, kind):
    counts = np.round(drawn.images[:3] * 100 + 1000)
    assert measure(counts.astype(kind), psf=PSF).equals(measure(counts, psf=PSF))


def test_what_is_given_stays_as_it_was(drawn, psfs):
    mask, variance = np.zeros((MANY, SIZE, SIZE), bool), np.full((MANY, SIZE, SIZE), SKY_NOISE**2)
    mask[:, 10, 10], variance[:, 20, 20] = True, np.nan
    given = [drawn.images, psfs, variance, mask]
    before = [array.copy() for array in given]
    measure(*given)
    assert all(np.array_equal(array, copy, equal_nan=True) for array, copy in zip(given, before, strict=True))


@pytest.mark.parametrize("side, found", [(31, 31), (64, 65), (80, 81), (201, 201)])
def test_a_stated_stamp_has_a_middle_pixel(drawn, table, side, found):
    """Also one that is larger than the picture; a place is one of the picture's, whatever the stamp."""
    for row, before in zip(
        rows(measure(drawn.images[:3], psf=PSF, gain=GAIN, settings=Settings(stamp=side))),
        rows(table)[:3],
        strict=True,
    ):
        assert row["sersic_stamp_px"] == found
        assert row["sersic_x_px"] == pytest.approx(before["sersic_x_px"], abs=0.05)


def test_neighbours_are_fitted_with_the_target():
    """A bright one beside it: fitted together the target is found as well, from more pixels."""
    pair = injected(1, 3, magnitudes=(20, 20), size=SIZE)
    image = pair.images + np.roll(pair.images, (4, 16), (1, 2))
    psf = psf_picture(pair.seeing[0])
    alone, both = (rows(measure(image, psf=psf, settings=Settings(neighbours=many)))[0] for many in (0, 1))
    assert both["sersic_counted_px"] > alone["sersic_counted_px"] and both["central_image_pop_15px_rad"] == 2
    for row in (alone, both):
        assert abs(row["sersic_mag"] - pair.truth["mag"][0]) < 0.05


# -- what it refuses ------------------------------------------------------------------------------------------

THREE = np.zeros((3, 20, 30))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"images": np.zeros(5)}, r"\(5,\)"),
        ({"images": np.zeros((1, 2, 3, 4))}, r"\(1, 2, 3, 4\)"),
        ({"images": np.zeros((3, 20, 30), complex)}, "complex"),
        ({"images": np.zeros((3, 20, 30), "U1")}, "U1"),
        (
            {"variance": np.zeros((3, 30, 20))},
            r"variance has the shape \(3, 30, 20\), but the pictures have \(3, 20, 30\)",
        ),
        ({"variance": np.zeros((20, 30))}, r"variance has the shape \(20, 30\)"),
        ({"variance": np.zeros((3, 20, 30), complex)}, "variance must be numbers, not complex128"),
        (
            {"mask": np.zeros((2, 20, 30), bool)},
            r"mask has the shape \(2, 20, 30\), but the pictures have \(3, 20, 30\)",
        ),
        ({"mask": np.full((3, 20, 30), "x")}, "mask must be numbers, not <U1"),
        ({"psf": np.zeros((2, 5, 5))}, r"psf must be numbers of shape .* not \(2, 5, 5\)"),
        ({"psf": np.zeros((3, 1, 5, 5))}, r"\(3, 1, 5, 5\)"),
        ({"psf": 0.7}, r"psf must be .*, not \(\)"),
        ({"psf": np.ones((5, 5), complex)}, "complex"),
        ({"psf": Moffat(np.ones(2))}, "2 FWHMs of a Moffat for 3 pictures"),
        ({"psf": Moffat(3.0, beta=1.0)}, "beta must be above 1.* not 1.0"),
        ({"psf": "moffat"}, "moffat:FWHM_ARCSEC"),
        ({"psf": "moffat:wide"}, "moffat:wide"),
        ({"psf": "gauss:0.7"}, "gauss:0.7"),
        ({"psf": "moffat:70"}, "is out of range"),
        ({"psf": "moffat:nan"}, "is out of range"),
        ({"psf": "moffat:0.7:1"}, "beta"),
        ({"gain": -1.0}, "gain must be 0 or more, not -1"),
        ({"gain": np.nan}, "gain must be 0 or more, not nan"),
        ({"pixel_scale_arcsec": 0}, "pixel_scale_arcsec must be above 0, not 0"),
    ],
)
def test_what_does_not_fit_together_is_named(given, told):
    with pytest.raises(InputError, match=told):
        measure(**({"images": THREE} | given))


# -- the same again -------------------------------------------------------------------------------------------


def test_the_same_pictures_give_the_same_bytes(drawn, psfs, table):
    sink = [pa.BufferOutputStream(), pa.BufferOutputStream()]
    for out, made in zip(sink, (table, measure(drawn.images, psf=psfs, gain=GAIN)), strict=True):
        with pa.ipc.new_stream(out, made.schema) as writer:
            writer.write_table(made)
    assert sink[0].getvalue() == sink[1].getvalue()


def test_a_row_is_the_same_alone_and_anywhere_in_a_batch(drawn, psfs, table):
    right = rows(table)
    for at in range(MANY):
        assert rows(measure(drawn.images[at], psf=psfs[at], gain=GAIN)) == [right[at]]
    order = np.random.default_rng(4).permutation(MANY)
    assert rows(measure(drawn.images[order], psf=psfs[order], gain=GAIN)) == [right[at] for at in order]
    # In more than are worked on at once, at each place of such a batch.
    twice = np.tile(np.arange(MANY), 4)[5:]
    assert rows(measure(drawn.images[twice], psf=psfs[twice], gain=GAIN)) == [right[at] for at in twice]
