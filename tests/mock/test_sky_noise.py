"""Noise: its size, its independence from tract to tract and band to band, and the same pixel in every picture."""

import numpy as np
import pytest

from . import skies

pytest.importorskip("galsim", reason="the simulated sky needs GalSim")

from galaxiesml.mock.sky.survey.coverage import Box
from galaxiesml.mock.sky.survey.noise import sky_noise

SIGMA = dict(zip(skies.BANDS, (0.042, 0.061, 0.080, 0.157, 0.328), strict=True))
BOX = Box(1000, 20000, 300, 260)


def test_pixels_without_light_scatter_as_the_survey_says():
    for band in skies.BANDS:
        found, told = [], []
        rows = skies.truth("pictures").query(f"band == '{band}' and state == 'whole' and fault.isnull()")
        for row in rows.to_dict("records"):
            with skies.file_of(row) as hdus:
                if hdus[2].data is None or hdus[3].data is None:
                    continue
                dark = hdus[2].data == 0
                found.append(1.4826 * np.median(np.abs(hdus[1].data[dark] - np.median(hdus[1].data[dark]))))
                told.append(np.sqrt(np.median(hdus[3].data[dark])))
        assert abs(np.median(told) / SIGMA[band] - 1) < 0.06
        # Sources too faint for DETECTED add to what is seen.
        assert 0.98 < np.median(np.array(found) / np.array(told)) < 1.25


@pytest.mark.parametrize("is_correlated", [False, True])
def test_noise_has_unit_variance_and_a_pixel_its_own_value(is_correlated):
    noise = sky_noise(1, 9813, 2, BOX, is_correlated)
    assert noise.shape == (BOX.rows, BOX.columns)
    assert abs(noise.std() - 1) < 0.02 and abs(noise.mean()) < 0.03
    part = sky_noise(1, 9813, 2, Box(BOX.x0 + 57, BOX.y0 + 31, 120, 121), is_correlated)
    np.testing.assert_array_equal(part, noise[31 : 31 + 121, 57 : 57 + 120])


def test_only_correlated_noise_is_shared_by_neighbours():
    def beside(noise):
        return float((noise[:, 1:] * noise[:, :-1]).mean()), float((noise[1:] * noise[:-1]).mean())

    assert max(map(abs, beside(sky_noise(1, 9813, 2, BOX, False)))) < 0.015
    shared = beside(sky_noise(1, 9813, 2, BOX, True))
    assert all(0.5 < share < 0.7 for share in shared)


def test_tracts_bands_and_seeds_have_noise_of_their_own():
    first = sky_noise(1, 9813, 2, BOX, False)
    for other in (
        sky_noise(1, 9812, 2, BOX, False),
        sky_noise(1, 9813, 1, BOX, False),
        sky_noise(2, 9813, 2, BOX, False),
    ):
        assert abs((first * other).mean()) < 0.015
