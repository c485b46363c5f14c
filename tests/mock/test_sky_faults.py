"""Every planted fault is in the files as the truth says, found with astropy and the standard library alone."""

import numpy as np
import pytest
from astropy.utils.exceptions import AstropyUserWarning

from galaxiesml.mock.sky.survey.faults import FAULTS

from . import skies


def test_every_fault_is_planted():
    assert set(skies.truth("faults")["fault"]) == {fault.name for fault in FAULTS}
    assert set(skies.truth("faults")["object_id"]) <= set(skies.truth("galaxies")["object_id"])


def test_a_patch_that_is_lacking_in_one_band_gives_no_file_in_it():
    for number in skies.faulty("absent_one_band"):
        assert {row.band for row in skies.rows_of(number).itertuples() if row.member is None} == {"y"}
        lines = {row.line for row in skies.rows_of(number, "y").itertuples()}
        sent = {int(name.split("-")[0]) for stem, name in skies.members("cutouts") if stem == "y-1"}
        assert lines and not lines & sent


def test_outside_of_all_that_is_served_there_is_no_file_at_all():
    for number in skies.faulty("absent_all"):
        rows = skies.rows_of(number)
        assert len(rows) == 5 and rows["member"].isna().all() and (rows["state"] == "absent").all()
        assert rows["reason"].notna().all()


def test_a_list_of_absent_rows_is_answered_by_an_empty_tar():
    (row,) = skies.rows_of(skies.faulty("empty_tar")[0], "g").to_dict("records")
    assert row["list"] == "g-outside-1"
    assert not [name for stem, name in skies.members("cutouts") if stem == "g-outside-1"]
    # A tar without members is two blocks of zeros, padded to a record.
    data = (skies.made() / "cutouts" / "g-outside-1.tar").read_bytes()
    assert len(data) == 10240 and not any(data)


def test_a_coadds_edge_cuts_the_picture():
    for number in skies.faulty("truncated"):
        for band in skies.BANDS:
            with skies.own_picture(number, band) as hdus:
                rows, columns = hdus[1].data.shape
                _, y = skies.centre(hdus, number)
            assert rows < 112 and columns in (120, 121) and 0 < y < rows - 55


def test_one_tracts_edge_cuts_the_picture_that_another_tract_has_whole():
    for number in skies.faulty("truncated_tract"):
        for band in skies.BANDS:
            rows = skies.rows_of(number, band).to_dict("records")
            widths = {}
            for row in rows:
                with skies.file_of(row) as hdus:
                    widths[row["state"]] = hdus[1].data.shape[1]
                    if row["state"] == "truncated":
                        # The tract begins at its column 0.
                        assert hdus[1].header["CRVAL1A"] == 0
            assert widths["whole"] in (120, 121) and widths["truncated"] < 112


def test_beyond_the_exposures_pixels_are_nan_and_say_so():
    for number in skies.faulty("no_data"):
        for band in skies.BANDS:
            with skies.own_picture(number, band) as hdus:
                lost = np.isnan(hdus[1].data)
                assert 0 < lost.sum() < lost.size / 2
                np.testing.assert_array_equal(lost, skies.bits(hdus, "NO_DATA"))
                np.testing.assert_array_equal(lost, np.isnan(hdus[3].data))
                assert skies.bits(hdus, "EDGE").any() and not (skies.bits(hdus, "EDGE") & lost).any()


def test_nan_pixels_are_marked_and_counted():
    for number in skies.faulty("nan_pixels"):
        with skies.own_picture(number, "r") as hdus:
            lost = np.isnan(hdus[1].data)
            np.testing.assert_array_equal(lost, skies.bits(hdus, "UNMASKEDNAN"))
        assert lost.sum() == skies.rows_of(number, "r", own=True)["nan_pixels"].iloc[0] == 49
        with skies.own_picture(number, "i") as hdus:
            assert not np.isnan(hdus[1].data).any()


def test_two_tracts_send_two_files_and_their_noise_is_independent():
    for number in skies.faulty("several_tracts"):
        for band in skies.BANDS:
            rows = skies.rows_of(number, band).to_dict("records")
            assert len({row["tract"] for row in rows}) == len(rows) == 2 and len({row["line"] for row in rows}) == 1
            sky = [skies.file_of(row) for row in rows]
            # Rows of two tracts are shifted by parts of a pixel and a few: no shift makes their noise alike.
            noise = [np.where(skies.bits(hdus, "DETECTED"), 0.0, hdus[1].data)[:118, :118] for hdus in sky]
            spectrum = np.fft.fft2(noise[0]) * np.conj(np.fft.fft2(noise[1]))
            together = np.fft.ifft2(spectrum).real / np.prod(noise[0].shape)
            assert np.abs(together).max() < 0.08 * noise[0].std() * noise[1].std()


def test_a_band_that_its_own_tract_lacks_is_in_the_other():
    for number in skies.faulty("own_tract_lacks_band"):
        own = skies.rows_of(number, own=True).set_index("band")["member"]
        other = skies.rows_of(number, own=False).set_index("band")["member"]
        assert own.index[own.isna()].tolist() == ["z"] and other.notna().sum() == 5


def test_a_tract_that_is_named_is_the_only_one_sent():
    for number in skies.faulty("one_tract_asked"):
        assert len(skies.rows_of(number, "g")) == 1 and len(skies.rows_of(number, "r")) == 2


def test_a_name_and_a_header_disagree_on_the_band_for_that_object_alone():
    liars = set()
    for row in skies.truth("pictures").query("member.notnull() and fault != 'cut_short'").to_dict("records"):
        with skies.file_of(row) as hdus:
            if hdus[0].header["FILTER"] != row["band"]:
                liars.add((row["object_id"], row["band"], hdus[0].header["FILTER"]))
    assert liars == {(number, "r", "i") for number in skies.faulty("wrong_filter")}


def test_a_file_ends_before_its_pixels_do_for_that_object_alone():
    short = set()
    for row in skies.truth("pictures").query("member.notnull()").to_dict("records"):
        data = skies.members("cutouts")[row["list"], row["member"]]
        if len(data) % 2880 or len(data) < row["rows"] * row["columns"] * 4 * len(row["layers"].split(",")):
            short.add((row["object_id"], row["band"]))
    assert short == {(number, "z") for number in skies.faulty("cut_short")}
    (row,) = skies.rows_of(skies.faulty("cut_short")[0], "z").to_dict("records")
    with pytest.warns(AstropyUserWarning, match="truncated"), skies.file_of(row) as hdus:
        assert len(hdus) < 4 or hdus[-1].data is None


@pytest.mark.parametrize("fault, band, layers", [("image_only", "i", 1), ("image_and_mask", "z", 2)])
def test_layers_that_are_not_asked_for_are_empty(fault, band, layers):
    with skies.own_picture(skies.faulty(fault)[0], band) as hdus:
        assert [hdu.data is not None for hdu in hdus[1:]] == [True] * layers + [False] * (3 - layers)


MARKS = [
    ("saturated", "SAT", "pixelflags_saturatedcenter", "grizy"),
    ("cosmic_ray", "CR", "pixelflags_crcenter", "i"),
    ("cosmic_ray", "INTRP", "pixelflags_interpolatedcenter", "i"),
    ("bad_column", "INTRP", "pixelflags_interpolatedcenter", "y"),
]


@pytest.mark.parametrize("fault, plane, flag, bands", MARKS)
def test_a_flag_of_the_centre_fires_where_the_mask_shows_why(fault, plane, flag, bands):
    wide = skies.export("wide").set_index("object_id")
    for number in skies.faulty(fault):
        fired = [band for band in skies.BANDS if wide.loc[number, f"{band}_{flag}"]]
        assert set(bands) & set(fired)
        for band in fired:
            with skies.own_picture(number, band) as hdus:
                x, y = (round(v) for v in skies.centre(hdus, number))
                assert skies.bits(hdus, plane)[y - 1 : y + 2, x - 1 : x + 2].any()


def test_flags_of_every_centre_are_what_the_masks_show():
    wide = skies.export("wide").drop_duplicates("object_id").set_index("object_id")
    flags = {"saturatedcenter": "SAT", "crcenter": "CR", "interpolatedcenter": "INTRP"}
    checked = 0
    for row in skies.truth("pictures").query("own_tract and state == 'whole' and fault.isnull()").to_dict("records"):
        if row["object_id"] not in wide.index or "mask" not in row["layers"]:
            continue
        with skies.file_of(row) as hdus:
            x, y = (round(v) for v in skies.centre(hdus, row["object_id"]))
            for flag, plane in flags.items():
                shown = skies.bits(hdus, plane)[y - 1 : y + 2, x - 1 : x + 2].any()
                assert shown == wide.loc[row["object_id"], f"{row['band']}_pixelflags_{flag}"]
                checked += 1
    assert checked > 300


def test_edges_and_bad_columns_fire_and_touch_the_footprint():
    wide = skies.export("wide").set_index("object_id")
    for number in skies.faulty("edge"):
        assert all(wide.loc[number, f"{band}_pixelflags_edge"] for band in skies.BANDS)
        with skies.own_picture(number, "i") as hdus:
            x, y = (round(v) for v in skies.centre(hdus, number))
            assert skies.bits(hdus, "NO_DATA")[y - 10 : y + 11, x].any()
    for number in skies.faulty("bad_column"):
        assert wide.loc[number, "y_pixelflags_bad"] and not wide.loc[number, "i_pixelflags_bad"]
        with skies.own_picture(number, "y") as hdus:
            x, y = (round(v) for v in skies.centre(hdus, number))
            assert skies.bits(hdus, "BAD")[:, x].all()


def test_a_chips_edge_and_a_bright_star_are_in_the_mask():
    for number in skies.faulty("chip_edge"):
        with skies.own_picture(number, "g") as hdus:
            assert skies.bits(hdus, "SENSOR_EDGE").any(axis=1).all()
    for number in skies.faulty("bright_star"):
        for band in skies.BANDS:
            with skies.own_picture(number, band) as hdus:
                star = skies.bits(hdus, "BRIGHT_OBJECT")
                assert (star & skies.bits(hdus, "SAT")).any() and star.sum() > 300
                # The column bleeds: it is longer than it is wide.
                spot = np.argwhere(skies.bits(hdus, "SAT"))
                assert np.ptp(spot[:, 0]) > np.ptp(spot[:, 1])


def test_detected_pixels_hold_the_light():
    for row in skies.truth("pictures").query("state == 'whole' and fault.isnull()").to_dict("records")[::9]:
        with skies.file_of(row) as hdus:
            if hdus[2].data is None or not skies.bits(hdus, "DETECTED").any():
                continue
            seen, image = skies.bits(hdus, "DETECTED"), hdus[1].data
            assert np.nanmean(image[seen]) > 3 * abs(np.nanmean(image[~seen]))


def test_a_buried_objects_centroid_fails_and_the_star_that_does_it_is_there():
    wide = skies.export("wide").set_index("object_id")
    for number in skies.faulty("buried"):
        assert any(wide.loc[number, f"{band}_sdsscentroid_flag"] for band in skies.BANDS)
        with skies.own_picture(number, "i") as hdus:
            x, y = (round(v) for v in skies.centre(hdus, number))
            near = hdus[1].data[y - 8 : y + 9, x - 8 : x + 9]
            assert np.nanmax(near) > 2 * hdus[1].data[y, x]


def test_spectra_have_the_faults_that_the_truth_names():
    wide = skies.export("wide").set_index("object_id")

    def rows(fault):
        return wide.loc[skies.faulty(fault)]

    assert (rows("none_secure")[["specz_redshift", "specz_redshift_err"]] == -9).all(axis=None)
    assert rows("none_secure")["specz_name"].str.contains(",").all()
    assert (rows("no_redshift")["specz_redshift"] == 9.9999).all()
    assert not rows("insecure")["specz_flag_homogeneous"].any()
    wide_error = rows("wide_error")
    assert (wide_error["specz_redshift_err"] > 0.005 * (1 + wide_error["specz_redshift"])).all()
    assert (rows("no_specz_mag")["specz_mag_i"] == -1).all()
    assert (rows("star")["specz_redshift"].abs() < 0.01).all()
    for name in ("specz_name", "specz_original_flag"):
        assert rows("merged_spectra")[name].str.contains(",").all()
    assert rows("undetected")["g_cmodel_mag"].isna().all() and rows("undetected")["r_cmodel_mag"].notna().all()


def test_objects_share_a_spectrum_and_an_object_has_two():
    wide = skies.export("wide")
    blend = wide[wide["object_id"].isin(skies.faulty("blend"))]
    assert len(blend) == 3 and blend["specz_name"].nunique() == 1
    parent = blend[blend["nchild"] == 2]
    assert len(parent) == 1 and not parent["isprimary"].iloc[0]
    assert set(blend["parent_id"]) == {0, parent["object_id"].iloc[0]}
    repeat = wide[wide["object_id"].isin(skies.faulty("overlap_repeat"))]
    assert len(repeat) == 2 and repeat["specz_name"].nunique() == 1
    assert repeat["tract"].nunique() == 2 and sorted(repeat["isprimary"]) == [False, True]
    twice = wide[wide["object_id"].isin(skies.faulty("two_spectra"))]
    assert len(twice) == 2 and twice["object_id"].nunique() == 1 and twice["specz_name"].nunique() == 2
