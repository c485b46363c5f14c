"""Fluxes, errors and shapes of fitted profiles, on pictures that GalSim draws."""

import numpy as np
import pytest

galsim = pytest.importorskip("galsim", reason="the pictures are GalSim's")
torch = pytest.importorskip("torch")

from galaxiesml.mock.pictures import cmodel  # noqa: E402

SIDE, SCALE = cmodel.FRAME, 0.168
SIGMA = np.array([0.042, 0.061, 0.080, 0.157, 0.328])
GAIN = np.array([1700.0, 1900.0, 3300.0, 1500.0, 800.0])
FWHM = np.array([0.77, 0.76, 0.58, 0.68, 0.68])
#: Light of a galaxy by band, that of i being 1.
COLOUR = np.array([0.3, 0.7, 1.0, 1.2, 1.3])


def drawn(profile, flux: float, x: float, y: float, rng) -> np.ndarray:
    """One galaxy in five bands with noise, its centre at (x, y) from that of pixel (64, 64)."""
    light = [
        galsim.Convolve(profile.withFlux(flux * share), galsim.Moffat(beta=2.5, fwhm=fwhm).shear(g1=0.01, g2=-0.01))
        .drawImage(nx=SIDE, ny=SIDE, scale=SCALE, offset=(x + 0.5, y + 0.5), dtype=float)
        .array
        for share, fwhm in zip(COLOUR, FWHM, strict=True)
    ]
    light = np.array(light)
    return light + rng.normal(size=light.shape) * np.sqrt(SIGMA[:, None, None] ** 2 + light / GAIN[:, None, None])


def measured(frames: np.ndarray, x, y, dtype=torch.float64) -> cmodel.Fluxes:
    def tensor(values):
        return torch.tensor(np.asarray(values, float), dtype=dtype)

    n = len(frames)
    psf = cmodel.Psf(*(tensor(np.tile(values, (n, 1))) for values in (FWHM, np.full(5, 0.01), np.full(5, -0.01))))
    return cmodel.measure(tensor(frames), tensor(x), tensor(y), psf, tensor(np.tile(SIGMA, (n, 1))), tensor(GAIN))


def many(profile, flux: float, n: int = 60):
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-0.5, 0.5, (2, n))
    frames = np.array([drawn(profile, flux, *place, rng) for place in zip(x, y, strict=True)])
    return frames, x, y


DISC = galsim.Exponential(half_light_radius=0.7 * 0.5**0.5).shear(q=0.5, beta=(90.0 + 30.0) * galsim.degrees)
BULGE = galsim.DeVaucouleurs(half_light_radius=0.7 * 0.8**0.5).shear(q=0.8, beta=(90.0 - 50.0) * galsim.degrees)


@pytest.mark.parametrize("profile", [DISC, BULGE, galsim.DeltaFunction()], ids=["disc", "bulge", "point"])
def test_fluxes_scatter_about_the_truth_by_their_errors(profile):
    # i = 22.5: what most galaxies of the sample have or more.
    flux = 10 ** (0.4 * (27.0 - 22.5))
    found = measured(*many(profile, flux))
    relative = found.flux.numpy() / (flux * COLOUR)
    # A radius and a mixture that are fitted take in a little more light or less, as in the survey.
    assert np.median(relative, axis=0) == pytest.approx(1.0, abs=0.05)
    chi = (relative - np.median(relative, axis=0)) * flux * COLOUR / found.error.numpy()
    # The bulge's radius is known the least: its fluxes scatter twice as much as the errors say.
    assert 0.6 < 1.4826 * np.median(np.abs(chi)) < 2.2


def test_bright_shapes_are_the_drawn_ones():
    for profile, ratio, share in ((DISC, 0.5, 0.0), (BULGE, 0.8, 1.0)):
        found = measured(*many(profile, 10 ** (0.4 * (27.0 - 18.5)), n=6))
        assert found.radius_arcsec.numpy() == pytest.approx(0.7, rel=0.05)
        assert found.axis_ratio.numpy() == pytest.approx(ratio, abs=0.03)
        assert found.de_vaucouleurs_share.numpy() == pytest.approx(share, abs=0.1)
        assert np.median(found.flux.numpy() / 10 ** (0.4 * 8.5), axis=0) == pytest.approx(COLOUR, rel=0.02)


def test_an_error_tells_the_size_that_was_fitted_and_not_the_true_one():
    rng = np.random.default_rng(2)
    n, flux = 150, 10 ** (0.4 * (27.0 - 24.0))
    radius = np.exp(rng.normal(np.log(0.5), 0.2, n))
    frames = np.array([drawn(galsim.Exponential(half_light_radius=r), flux, 0.0, 0.0, rng) for r in radius])
    found = measured(frames, np.zeros(n), np.zeros(n))
    of_fitted = np.corrcoef(np.log(found.error[:, 2]), np.log(found.radius_arcsec))[0, 1]
    of_true = np.corrcoef(np.log(found.error[:, 2]), np.log(radius))[0, 1]
    fit = np.corrcoef(np.log(found.radius_arcsec), np.log(radius))[0, 1]
    # The error follows the fitted size; about the true one it knows no more than the fit does.
    assert of_fitted > 0.8
    assert of_true < fit + 0.1 and of_true < of_fitted - 0.1


def test_float32_gives_the_same_within_its_rounding():
    frames, x, y = many(BULGE, 400.0, n=4)
    one, two = measured(frames, x, y), measured(frames, x, y, torch.float32)
    assert two.flux.numpy() == pytest.approx(one.flux.numpy(), rel=1e-3)


def test_nothing_there_is_measured_as_nothing():
    rng = np.random.default_rng(1)
    frames = rng.normal(size=(20, 5, SIDE, SIDE)) * SIGMA[:, None, None]
    found = measured(frames, np.zeros(20), np.zeros(20))
    chi = (found.flux / found.error).numpy()
    assert np.isfinite(chi).all() and np.abs(chi[:, [0, 1, 3, 4]]).max() < 6
    one, two = cmodel.measure_one(frames[0], (0.0, 0.0), [FWHM, np.zeros(5), np.zeros(5)], SIGMA, GAIN)
    assert len(one) == len(two) == 5 and min(two) > 0
