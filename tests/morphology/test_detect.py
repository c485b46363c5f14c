"""Detection and shapes where the answer is known by hand, and on pictures that nobody should have sent."""

import numpy as np
import pytest
import sep

from galaxiesml.morphology.detect import Detection, _additive_feedback, _scan, detect
from galaxiesml.morphology.shapes import shapes

from .reference import nearest

NOISE = 0.1


def gaussian(size: int, x: float, y: float, sigma: tuple[float, float], peak: float) -> np.ndarray:
    columns, rows = np.arange(size) - x, (np.arange(size) - y)[:, None]
    return peak * np.exp(-((columns / sigma[0]) ** 2 + (rows / sigma[1]) ** 2) / 2)


def sky(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, NOISE, (size, size))


def measured(image: np.ndarray, **settings) -> dict:
    scene = detect(image, Detection(**settings))
    return shapes(scene, nearest(scene))


# -- definitions ----------------------------------------------------------------------------------------------


def test_a_bright_gaussian():
    image = gaussian(127, 60.25, 65.5, (6.0, 3.0), 500.0) + sky(127) + 7.0
    found = measured(image)
    assert (found["X_IMAGE"], found["Y_IMAGE"]) == pytest.approx((61.25, 66.5), abs=0.01)
    # Moments of the pixels over 3 sigma: a Gaussian cut at 0.0006 of its peak, a little wider for the filter.
    assert (found["A_IMAGE"], found["B_IMAGE"]) == pytest.approx((6.0, 3.0), rel=0.03)
    assert found["THETA_IMAGE"] == pytest.approx(0, abs=0.2)
    assert found["ELLIPTICITY"] == pytest.approx(1 - found["B_IMAGE"] / found["A_IMAGE"])
    total = 2 * np.pi * 6 * 3 * 500
    assert found["FLUX_AUTO"] == pytest.approx(total, rel=0.02)
    assert found["MAG_AUTO"] == pytest.approx(-2.5 * np.log10(found["FLUX_AUTO"]))
    assert found["MU_MAX"] == pytest.approx(-2.5 * np.log10((image - 7).max() / 0.17**2), abs=0.002)
    # The radius at which a Gaussian's mean surface brightness is five times its own: r^2 / 2 = ln(1 + 5 r^2 / 2).
    assert found["PETRO_RADIUS"] == pytest.approx(2 * 2.3, abs=0.7)
    assert found["BACKGROUND"] == pytest.approx(7.0, abs=0.05) and found["BACKGROUND_RMS"] == pytest.approx(
        0.1, rel=0.1
    )
    assert found["FLAGS"] == 0


def test_half_of_a_round_gaussians_light():
    found = measured(gaussian(127, 63, 63, (4.0, 4.0), 300.0) + sky(127))
    assert found["FLUX_RADIUS"] == pytest.approx(4 * np.sqrt(2 * np.log(2)), rel=0.01)


@pytest.mark.parametrize("degrees", [-60, 30, 80])
def test_the_angle_turns_from_x_to_y(degrees):
    turn = np.radians(degrees)
    columns, rows = np.arange(101) - 50.0, (np.arange(101) - 50.0)[:, None]
    along, across = columns * np.cos(turn) + rows * np.sin(turn), -columns * np.sin(turn) + rows * np.cos(turn)
    found = measured(200 * np.exp(-((along / 6) ** 2 + (across / 2) ** 2) / 2) + sky(101))
    assert found["THETA_IMAGE"] == pytest.approx(degrees, abs=0.5)


def test_areas_are_of_the_filtered_footprint_and_of_bright_pixels_within():
    image = gaussian(65, 32, 32, (3.0, 3.0), 50.0) + sky(65)
    scene = detect(image)
    own = scene.segmentation == nearest(scene) + 1
    found = shapes(scene, nearest(scene))
    assert found["ISOAREAF_IMAGE"] == own.sum()
    assert found["ISOAREA_IMAGE"] == (own & (scene.picture > 1.5 * scene.rms)).sum()
    # A lower analysis threshold counts more pixels of the same footprint.
    assert measured(image, analysis_thresh=0.1)["ISOAREA_IMAGE"] > measured(image, analysis_thresh=9)["ISOAREA_IMAGE"]


def test_two_equal_objects_are_told_apart_and_share_their_pixels():
    image = gaussian(127, 56, 63, (4, 4), 40.0) + gaussian(127, 72, 63, (4, 4), 40.0) + sky(127)
    scene = detect(image)
    assert len(scene.objects) == 2 and scene.objects["blended"].all()
    assert sorted(scene.objects["x"]) == pytest.approx([56, 72], abs=0.5)
    sizes = [np.count_nonzero(scene.segmentation == label) for label in (1, 2)]
    assert sizes == scene.objects["npix"].tolist() and min(sizes) > 0.8 * max(sizes)
    assert shapes(scene, 0)["FLAGS"] & 2
    # The dice are the same in every run.
    assert (detect(image).segmentation == scene.segmentation).all()


def test_a_neighbours_light_is_mirrored_away():
    alone = gaussian(127, 63, 63, (4, 4), 40.0) + sky(127)
    crowded = alone + gaussian(127, 83, 63, (2, 2), 30.0)
    flux = {
        kind: measured(crowded, mask_type=kind)["FLUX_AUTO"] / measured(alone)["FLUX_AUTO"]
        for kind in ("none", "blank", "correct")
    }
    assert abs(flux["correct"] - 1) < 0.02 and flux["blank"] <= flux["correct"] + 0.01 < flux["none"] + 0.02


def test_a_masked_star_is_not_there():
    image = gaussian(65, 32, 32, (3, 3), 20.0) + gaussian(65, 52, 12, (2, 2), 500.0) + sky(65)
    mask = np.hypot(np.arange(65) - 52, (np.arange(65) - 12)[:, None]) < 10
    assert len(detect(image).objects) == 2
    scene = detect(image, mask=mask)
    assert len(scene.objects) == 1 and (scene.segmentation[mask] == 0).all() and (scene.picture[mask] == 0).all()
    hole = np.where(mask, np.nan, image)
    assert (detect(hole).segmentation == scene.segmentation).all()


def test_the_random_numbers_are_the_c_librarys():
    # The first values of rand() of a program that never called srand().
    assert _additive_feedback(5).tolist() == [1804289383, 846930886, 1681692777, 1714636915, 1957747793]


def test_a_scan_chains_an_arm_on_the_right_after_what_it_has_passed_of_the_row():
    inside = np.array([[0, 0, 0, 1, 0], [1, 0, 0, 1, 0], [1, 1, 1, 1, 1]], bool)
    assert _scan(inside).tolist() == [5, 10, 11, 12, 3, 8, 13, 14]
    everything = np.ones((3, 4), bool)
    assert _scan(everything).tolist() == list(range(12))


# -- hostile pictures -----------------------------------------------------------------------------------------


def hot(size: int = 64) -> np.ndarray:
    image = np.zeros((size, size))
    image[size // 2, size // 2] = 1e6
    return image


HOSTILE = {
    "all NaN": np.full((64, 64), np.nan),
    "all infinite": np.full((64, 64), np.inf),
    "all zero": np.zeros((64, 64)),
    "constant": np.full((64, 64), 3.5),
    "one hot pixel": hot(),
    "one hot pixel in noise": hot() + sky(64),
    "negative": -np.abs(gaussian(64, 32, 32, (5, 5), 100.0)) - 1 + sky(64),
    "huge values": 1e30 * sky(64),
    "tiny values": 1e-30 * sky(64),
    "half NaN": np.where(np.arange(64) < 32, np.nan, sky(64)),
    "at the corner": gaussian(64, 0, 0, (4, 4), 100.0) + sky(64),
    "beyond the border": gaussian(64, -3, 32, (4, 4), 100.0) + sky(64),
    "larger than the picture": gaussian(64, 32, 32, (60, 60), 100.0) + sky(64),
    "a step": np.where(np.arange(64) < 32, 0.0, 5.0) + sky(64),
    "checks": np.indices((64, 64)).sum(0) % 2.0,
    "one pixel": np.ones((1, 1)),
    "one row": sky(40)[:1],
    "none": np.zeros((0, 0)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_picture_raises(name):
    scene = detect(HOSTILE[name])
    assert scene.segmentation.shape == HOSTILE[name].shape
    assert len(scene.objects) or not scene.segmentation.any()
    for index in range(len(scene.objects)):
        found = shapes(scene, index)
        assert found["A_IMAGE"] >= found["B_IMAGE"] >= 0
    if name.startswith(("all", "constant", "none", "one pixel")):
        assert scene.reason and np.isnan(scene.rms)


def test_a_picture_masked_whole():
    scene = detect(sky(64) + 5, mask=np.ones((64, 64), bool))
    assert (scene.reason, len(scene.objects)) == ("masked whole", 0)


@pytest.mark.parametrize("size", [24, 31, 64, 65, 119, 127, 128, 129, 200, 401])
def test_every_size(size):
    middle = (size - 1) / 2
    image = gaussian(size, middle, middle, (2.5, 2.0), 30.0) + sky(size, size)
    found = measured(image)
    assert (found["X_IMAGE"], found["Y_IMAGE"]) == pytest.approx((middle + 1, middle + 1), abs=0.2)


def crowd() -> np.ndarray:
    """A thousand peaks on one plateau."""
    columns, rows = np.meshgrid(np.arange(401), np.arange(401))
    plateau = (columns > 200) & (columns < 360) & (rows > 100) & (rows < 300)
    return np.where(plateau, 20 + 15 * np.sin(columns / 1.2) * np.sin(rows / 1.2), 0) + sky(401)


def test_a_thousand_objects_in_one_footprint():
    scene = detect(crowd(), Detection(deblend_mincont=1e-9))
    assert len(scene.objects) > 1000
    assert set(np.unique(scene.segmentation)) == set(range(len(scene.objects) + 1))


def test_more_objects_than_sep_takes_is_a_reason():
    before = sep.get_sub_object_limit()
    sep.set_sub_object_limit(20)
    try:
        scene = detect(crowd(), Detection(deblend_mincont=1e-9))
    finally:
        sep.set_sub_object_limit(before)
    assert len(scene.objects) == 0 and "limit" in scene.reason


def test_any_type_and_order_of_numbers():
    image = gaussian(64, 32, 32, (3, 3), 50.0) + sky(64)
    for other in (image.astype(">f4"), np.asfortranarray(image), image[::-1][::-1], image.astype(np.float64)):
        assert (detect(other).segmentation == detect(image).segmentation).all()
