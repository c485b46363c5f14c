"""Pictures that nobody should have sent: a row each, its flags right, and never an exception nor a warning."""

import numpy as np
import pytest

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.morphology import measure
from galaxiesml.morphology.flags import Flag
from galaxiesml.morphology.settings import Settings

from .injected import draw, galaxy

pytestmark = pytest.mark.filterwarnings("error")

SIDE = 63
NOISE = 0.08
PSF = "moffat:0.7"


def noise(height: int = SIDE, width: int = SIDE, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, NOISE, (height, width))


def away(x: float = 0.0, y: float = 0.0, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Pixels from a place that is x, y from the picture's middle."""
    rows, columns = np.indices((height, width))
    return np.hypot(columns - (width - 1) / 2 - x, rows - (height - 1) / 2 - y)


def disc(x: float = 0.0, y: float = 0.0, *, peak: float = 20.0, scale: float = 3.0, **shape: int) -> np.ndarray:
    """An exponential disc without noise."""
    return peak * np.exp(-away(x, y, **shape) / scale)


def sersic(r_e: float, n: float = 1.0, flux: float = 1e4) -> np.ndarray:
    """A galaxy as it is seen, r_e in pixels, without noise."""
    one = {"x": 0.3, "y": -0.2, "flux": flux, "r_e_arcsec": r_e * PIXEL_SCALE_ARCSEC, "q": 0.7, "theta": 20, "n": n}
    return draw(galaxy(one), 0.7, SIDE)


GOOD = sersic(4, flux=600) + noise()
MIDDLE = away() < 1


def pixel(value: float, base: np.ndarray = GOOD) -> np.ndarray:
    """A picture whose middle pixel is spoiled."""
    return np.where(MIDDLE, value, base)


F = Flag
NOTHING, BAD = F.NOT_DETECTED, F.NOT_DETECTED | F.BAD_PICTURE
#: Each picture, flags that it has to have, and flags that it must not have.
HOSTILE = {
    "all NaN": (np.full((SIDE, SIDE), np.nan), BAD, F(0)),
    "all infinite": (np.full((SIDE, SIDE), np.inf), BAD, F(0)),
    "all zero": (np.zeros((SIDE, SIDE)), BAD, F(0)),
    "constant": (np.full((SIDE, SIDE), 5.0), BAD, F(0)),
    "one pixel counts": (np.where(MIDDLE, 1.0, np.nan), BAD, F(0)),
    "noise": (noise(), NOTHING, F.BAD_PICTURE),
    "one hot pixel": (pixel(1e5, noise()), F.UNRESOLVED, NOTHING),
    "one hot pixel on nothing": (pixel(1e5, np.zeros((SIDE, SIDE))), F.FEW_PIXELS, F.BAD_PICTURE),
    "one dead pixel": (pixel(-1e5, noise()), NOTHING, F.BAD_PICTURE),
    "a galaxy with a hot pixel": (pixel(1e4), F.HIGH_CHI2, NOTHING),
    "a galaxy with a dead pixel": (pixel(-1e4), F.HIGH_CHI2, NOTHING),
    "a galaxy at the edge": (disc(-30, 0) + noise(), F.OFF_CENTER | F.TRUNCATED, NOTHING),
    "a galaxy at the corner": (disc(31, 31) + noise(), F.OFF_CENTER | F.TRUNCATED, NOTHING),
    "a galaxy beyond the edge": (disc(34, 0) + noise(), F.OFF_CENTER | F.TRUNCATED, NOTHING),
    "a galaxy larger than the stamp": (sersic(16) + noise(), F.FILLS_STAMP, NOTHING),
    "wings larger than the stamp": (sersic(12, 4.0) + noise(), F.FILLS_STAMP, NOTHING),
    "a galaxy larger than the picture": (disc(scale=60) + noise(), F(0), F.BAD_PICTURE),
    "two equal objects": (disc(-6, scale=2) + disc(6, scale=2) + noise(), F.OFF_CENTER | F.BLENDED, NOTHING),
    "two that touch": (disc(-2, scale=1.5) + disc(2, scale=1.5) + noise(), F(0), NOTHING),
    "a hole": (noise() - disc(), NOTHING, F.BAD_PICTURE),
    "negative": (GOOD - 1000, F(0), NOTHING),
    "a core in a hole": (disc(peak=5, scale=1.5) - 5 * np.exp(-2 * (away() - 4) ** 2) + noise(), F(0), NOTHING),
    "an infinite pixel": (pixel(np.inf), F(0), NOTHING),
    "an infinite and a NaN pixel": (pixel(-np.inf, np.where(away(9, 3) < 1, np.nan, GOOD)), F(0), NOTHING),
    "half NaN": (np.where(np.indices((SIDE, SIDE))[1] < 30, np.nan, GOOD), F(0), NOTHING),
    "a row in two NaN": (np.where(np.indices((SIDE, SIDE))[0] % 2, np.nan, GOOD), F(0), F.BAD_PICTURE),
    "NaN but for the core": (np.where(away() > 3, np.nan, GOOD), F(0), F(0)),
    "huge": (GOOD * 1e30, BAD, F(0)),
    "beyond single precision": (GOOD * 1e300, BAD, F(0)),
    "large": (GOOD * 1e13, F(0), NOTHING),
    "a huge pixel": (pixel(1e30), F(0), NOTHING),
    "a large pixel": (pixel(9e14), F.HIGH_CHI2, NOTHING),
    "a large spot in almost nothing": (np.where(away() < 2, 1e14, noise() * 1e-30), F.NOT_CONVERGED, NOTHING),
    "denormal": (GOOD * 1e-42, F(0), F(0)),
    "one denormal value": (np.full((SIDE, SIDE), 1e-45), BAD, F(0)),
    "saturated": (np.minimum(sersic(4, flux=2000) + noise(), 8), F.HIGH_CHI2, NOTHING),
    "a bright row": (noise() + np.where(np.indices((SIDE, SIDE))[0] == 31, 50, 0), F.TRUNCATED, NOTHING),
    "a step": (noise() + np.where(np.indices((SIDE, SIDE))[1] < 31, 0, 9), F(0), F.BAD_PICTURE),
    "a slope": (noise() + np.arange(SIDE), F(0), F.BAD_PICTURE),
    "checks": (np.indices((SIDE, SIDE)).sum(0) % 2.0, F(0), F(0)),
    "signs": (np.sign(noise()), NOTHING, F.BAD_PICTURE),
    "a few photons": (
        np.random.default_rng(1).poisson(0.02 + disc(scale=2)).astype(float),
        F(0),
        NOTHING | F.FEW_PIXELS,
    ),
    "no noise": (np.where(away() < 9, disc(), 0), F.FEW_PIXELS, NOTHING),
}
VARIANCES = {
    "no variance": None,
    "a variance": NOISE**2,
    "no variance is known": np.nan,
    "zero": 0.0,
    "tiny": 1e-300,
    "huge": 1e300,
}


def checked(row: dict) -> Flag:
    """The flags of a row, all of whose values have to go with them."""
    flags = Flag(row["morphology_flags"])
    assert np.isfinite([value for value in row.values() if isinstance(value, float)]).all()
    assert row["detected"] == (not flags & F.NOT_DETECTED)
    assert (row["total_galaxies"] is None) == bool(flags & F.BAD_PICTURE)
    measured = {"x_px", "major_axis", "isophotal_area", "petro_rad", "central_image_pop_5px_rad", "center_distance_px"}
    assert {row[name] is None for name in measured} == {not row["detected"]}
    if flags & (F.NOT_DETECTED | F.NO_PSF | F.FEW_PIXELS):
        assert {value for name, value in row.items() if name.startswith("sersic_")} == {None}
    elif row["sersic_index"] is None:
        assert flags & F.NOT_CONVERGED
    else:
        assert 0.299 < row["sersic_index"] < 8.001 and 0 < row["sersic_axis_ratio"] <= 1 and row["sersic_r_e_px"] > 0
        assert row["sersic_index_error"] is not None or flags & (F.AT_BOUND | F.NOT_CONVERGED | F.UNRESOLVED)
    for bit, name in ((F.BLENDED, 2), (F.TRUNCATED, 8)):
        assert bool(flags & bit) == bool((row["detection_flags"] or 0) & name)
    if row["detected"]:
        assert bool(flags & F.OFF_CENTER) == (row["center_distance_px"] > 5)
        assert row["total_galaxies"] >= 1 and row["major_axis"] >= row["minor_axis"] >= 0
    return flags


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_picture_is_a_row_with_its_reason(name):
    picture, needs, forbids = HOSTILE[name]
    (row,) = measure(picture, psf=PSF).to_pylist()
    flags = checked(row)
    assert flags & needs == needs and not flags & forbids, row["morphology_reasons"]
    (without,) = measure(picture).to_pylist()
    assert checked(without) & ~F.NO_PSF == flags & (NOTHING | BAD | F.OFF_CENTER | F.BLENDED | F.TRUNCATED)


def test_a_bad_picture_does_not_touch_its_neighbours_rows():
    """All of them in one batch, a good one after each: every row is what it is alone."""
    pictures = [picture for picture, _, _ in HOSTILE.values()]
    images = np.stack([one for picture in pictures for one in (picture, GOOD)])
    found = measure(images, psf=PSF).to_pylist()
    (good,) = measure(GOOD, psf=PSF).to_pylist()
    assert good["morphology_flags"] == 0 and all(row == good for row in found[1::2])
    for name, picture, row in zip(HOSTILE, pictures, found[::2], strict=True):
        assert measure(picture, psf=PSF).to_pylist() == [row], name


@pytest.mark.parametrize("variance", [name for name in VARIANCES if name not in ("no variance", "zero")])
def test_bad_pictures_with_bad_variances(variance):
    images = np.stack([picture for picture, _, _ in HOSTILE.values()] + [GOOD])
    planes = np.full(images.shape, VARIANCES[variance])
    found = measure(images, psf=PSF, variance=planes).to_pylist()
    flags = [checked(row) for row in found]
    for (name, (_, needs, _)), flag in zip(HOSTILE.items(), flags, strict=False):
        if needs & NOTHING:
            assert flag & needs == needs, name
    if variance == "no variance is known":
        assert all(flag & (F.NOT_DETECTED | F.FEW_PIXELS) for flag in flags)
    elif variance in ("tiny", "huge"):
        assert flags[-1] & (F.HIGH_CHI2 if variance == "tiny" else F.UNRESOLVED)
    else:
        assert flags[-1] == 0


def test_a_bad_variance_does_not_touch_its_neighbours_rows():
    many = len(VARIANCES)
    planes = np.full((2 * many, SIDE, SIDE), NOISE**2)
    right = measure(GOOD, psf=PSF, variance=planes[0]).to_pylist()[0]
    for at, value in enumerate(VARIANCES.values()):
        planes[2 * at] = NOISE**2 if value is None else value
    found = measure(np.stack([GOOD] * 2 * many), psf=PSF, variance=planes).to_pylist()
    assert found[1::2] == [right] * many and found[0] == right
    assert found[4]["morphology_reasons"] == "few_pixels"


@pytest.mark.parametrize(
    ("mask", "needs"),
    [
        (np.ones((SIDE, SIDE), bool), BAD),
        (away() > 1, F.NOT_DETECTED),
        (away() < 16, F.NOT_DETECTED),
        (away() < 2, F(0)),
    ],
    ids=["whole", "all but five pixels", "the whole galaxy", "the core"],
)
def test_masks(mask, needs):
    for psf in (None, PSF):
        for variance in (None, np.full((SIDE, SIDE), NOISE**2)):
            (row,) = measure(GOOD, psf=psf, variance=variance, mask=mask).to_pylist()
            flags = checked(row)
            assert flags & needs == needs and (needs or row["detected"]), row["morphology_reasons"]


SIZES = [(24, 24), (25, 25), (24, 40), (41, 24), (64, 64), (127, 127), (128, 101), (255, 255), (400, 400), (401, 401)]


@pytest.mark.parametrize(("height", "width"), [*SIZES, (24, 401)])
def test_every_size(height, width):
    """The same galaxy at the middle of each is measured as the same."""
    shape = {"height": height, "width": width}
    images = np.stack([disc(scale=2, **shape) + noise(height, width), noise(height, width)])
    good, nothing = measure(images, psf=PSF).to_pylist()
    assert checked(good) & ~(F.AT_BOUND | F.LEFTOVER_SOURCES | F.HIGH_CHI2) == 0
    for found, middle in (("x", width), ("y", height)):
        assert good[f"{found}_px"] == pytest.approx((middle - 1) / 2, abs=0.1)
        assert good[f"sersic_{found}_px"] == pytest.approx((middle - 1) / 2, abs=0.1)
    # 2 pi scale^2 peak, less what a picture of 24 pixels has not.
    assert good["sersic_mag"] == pytest.approx(27 - 2.5 * np.log10(2 * np.pi * 4 * 20), abs=0.1)
    assert checked(nothing) == NOTHING


@pytest.mark.parametrize(("height", "width"), [(0, 0), (0, 9), (1, 1), (1, 40), (2, 9), (5, 5), (9, 9)])
def test_hardly_a_picture(height, width):
    for image in (noise(height, width), disc(height=height, width=width, peak=900) + noise(height, width)):
        for variance in (None, np.full((height, width), NOISE**2)):
            (row,) = measure(image, psf=PSF, variance=variance).to_pylist()
            assert checked(row) & (F.NOT_DETECTED | F.FEW_PIXELS)


@pytest.mark.parametrize(
    "psf",
    [
        np.ones((1, 1)),
        np.eye(31)[:1].repeat(31, 0),
        np.ones((301, 301)),
        np.random.default_rng(1).normal(0.1, 1, (31, 31)),
        np.ones((2, 40)),
    ],
    ids=["one pixel", "at an edge", "flat and wide", "noise", "two rows"],
)
def test_bad_psfs(psf):
    """No PSF looks like these: a fit by them is flagged, or as good as what it says."""
    images = np.stack([GOOD, pixel(1e5, noise()), noise()])
    found = measure(images, psf=psf).to_pylist()
    assert [checked(row) & NOTHING for row in found] == [F(0), F(0), NOTHING]
    assert psf.size == 1 or found[0]["morphology_flags"] & (F.HIGH_CHI2 | F.NOT_CONVERGED | F.AT_BOUND)


@pytest.mark.parametrize(
    "settings",
    [Settings(neighbours=3), Settings(stamp=5), Settings(stamp=127), Settings(sky="background")],
    ids=["neighbours", "a tiny stamp", "a huge stamp", "the sky is held"],
)
def test_bad_pictures_by_other_settings(settings):
    images = np.stack([picture for picture, _, _ in HOSTILE.values()])
    for row in measure(images[:: 9 if settings.stamp > SIDE else 3], psf=PSF, settings=settings).to_pylist():
        checked(row)
