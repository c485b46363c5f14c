"""The model against GalSim: transforms, pictures, derivatives; and sums of waves against the definition."""

import galsim
import numpy as np
import pytest
import torch

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC
from galaxiesml.morphology.psf import half_light_radius
from galaxiesml.morphology.sersic import model
from galaxiesml.morphology.sersic.psf import Moffat, Pictures
from galaxiesml.morphology.sersic.table import table
from galaxiesml.morphology.sersic.waves import waves

from . import injected
from .injections import fisher

CPU = torch.device("cpu")


def parameters(one: dict) -> list[float]:
    eta, theta = -np.log(one["q"]), np.deg2rad(2 * one["theta"])
    circular = one["r_e_arcsec"] * np.sqrt(one["q"]) / PIXEL_SCALE_ARCSEC
    shape = np.log(circular), eta * np.cos(theta), eta * np.sin(theta)
    return [one["x"], one["y"], np.log(one["flux"]), *shape, np.log(one["n"])]


@pytest.fixture(scope="module")
def galaxies():
    """Forty galaxies as GalSim draws them, finely, and their parameters."""
    random = np.random.default_rng(3)
    ones = [injected.parameters(random, (18, 23)) for _ in range(40)]
    seeing = random.uniform(0.6, 0.8, 40)
    fine = galsim.GSParams(folding_threshold=1e-4, maxk_threshold=1e-4, kvalue_accuracy=1e-6, maximum_fft_size=16384)
    drawn = [
        injected.draw(injected.galaxy(one).withGSParams(fine), fwhm, 63) for one, fwhm in zip(ones, seeing, strict=True)
    ]
    return ones, seeing, np.stack(drawn), torch.tensor([parameters(one) for one in ones], dtype=torch.float32)


@pytest.mark.parametrize("n", [0.5, 0.8, 1.0, 2.0, 3.7, 6.0])
def test_the_transform_is_galsims(n):
    known = table(CPU, torch.float64)
    k = np.exp(np.linspace(-6.9, 6, 500))
    at = (np.log(k) - known.first) / known.step
    cell, t = at.astype(int), at - at.astype(int)
    c = known.rows(torch.tensor([np.log(n)], dtype=torch.float64))[:, 0].numpy()
    ours = ((c[3, cell] * t + c[2, cell]) * t + c[1, cell]) * t + c[0, cell]
    fine = galsim.GSParams(kvalue_accuracy=1e-7, integration_relerr=1e-8, integration_abserr=1e-10)
    theirs = galsim.Sersic(n, half_light_radius=1, gsparams=fine)
    assert max(abs(ours - [theirs.kValue(one, 0).real for one in k])) < 3e-5


def test_pictures_are_galsims(galaxies):
    _, seeing, drawn, params = galaxies
    lattice = waves(63, 128, 65, CPU)
    for psf in (
        Moffat(seeing / PIXEL_SCALE_ARCSEC),
        Pictures(np.stack([injected.psf_picture(fwhm, 127) for fwhm in seeing]).astype(np.float32)),
    ):
        otf = psf.transforms(lattice, slice(None))
        made = lattice.to_pictures(model.pictures(lattice, table(CPU), otf, params)[:, model.LN_FLUX]).numpy()
        wrong = np.abs(made - drawn).max((1, 2)) / drawn.max((1, 2))
        assert np.median(wrong) < 2e-5 and wrong.max() < 1e-3


def test_derivatives_are_those_of_differences(galaxies):
    _, seeing, _, params = galaxies
    lattice = waves(63, 96, 40, CPU)
    otf = Moffat(seeing / PIXEL_SCALE_ARCSEC).transforms(lattice, slice(None))
    analytic = model.pictures(lattice, table(CPU), otf, params)
    for at in range(7):
        step = torch.zeros(7)
        step[at] = 1e-2
        up, down = (model.pictures(lattice, table(CPU), otf, params + sign * step)[:, 2] for sign in (1, -1))
        differ = ((up - down) / 2e-2 - analytic[:, at]).abs().amax((1, 2, 3))
        assert (differ / analytic[:, at].abs().amax((1, 2, 3))).max() < 2e-3


def test_the_bound_is_that_of_galsims_own_derivatives():
    """The Fisher matrix of twelve galaxies from differences of GalSim's pictures."""
    random = np.random.default_rng(8)
    for _ in range(12):
        one = injected.parameters(random, (19, 22))
        counts = random.random((63, 63)) > 0.1
        ours = np.linalg.inv(fisher(np.array(parameters(one)), counts, 0.08, 0.004, 0.7 / PIXEL_SCALE_ARCSEC))
        theirs = np.linalg.inv(_fisher_of_galsim(one, counts))
        assert np.sqrt(ours[6, 6] / theirs[6, 6]) == pytest.approx(1, abs=0.03)
        assert np.sqrt(ours[3, 3] / theirs[3, 3]) == pytest.approx(1, abs=0.03)


def _fisher_of_galsim(one: dict, counts: np.ndarray) -> np.ndarray:
    start, step = np.array(parameters(one)), 0.01

    def drawn(params: np.ndarray) -> np.ndarray:
        x, y, ln_flux, ln_r, eta_1, eta_2, ln_n = params
        profile = galsim.Sersic(np.exp(ln_n), half_light_radius=np.exp(ln_r) * PIXEL_SCALE_ARCSEC, flux=np.exp(ln_flux))
        profile = profile.shear(eta1=eta_1, eta2=eta_2).shift(x * PIXEL_SCALE_ARCSEC, y * PIXEL_SCALE_ARCSEC)
        return injected.draw(profile, 0.7, 63)

    slopes = [(drawn(start + step * unit) - drawn(start - step * unit)) / (2 * step) for unit in np.eye(7)]
    weight = counts / (0.08**2 + np.maximum(drawn(start), 0) / injected.GAIN)
    flat = np.stack([*slopes, np.ones((63, 63))]).reshape(8, -1)
    matrix = (flat * weight.ravel()) @ flat.T
    matrix[7, 7] += 0.004**-2
    return matrix


@pytest.mark.parametrize("size", [24, 25, 63, 64])
def test_sums_of_waves(size):
    lattice = waves(size, 96, 21, CPU)
    made = torch.Generator().manual_seed(1)
    picture = torch.randn(3, size, size, generator=made)
    quadrants = lattice.to_quadrants(picture)
    assert torch.equal(lattice.to_pictures(quadrants), picture) and lattice.once().sum() == size * size
    real, imaginary = torch.randn(2, 2, 2, 21, 21, generator=made) * lattice.weight
    ours = lattice.to_pictures(lattice.pictures(real, imaginary)).numpy()
    y = np.arange(size) - (size - 1) / 2
    kx, ky = lattice.kx.numpy()[..., None, None], lattice.ky.numpy()[..., None, None]
    each = np.exp(1j * (ky * y[:, None] + kx * y[None, :]))
    right = np.einsum("mskl,sklyx->myx", (real + 1j * imaginary).numpy(), each).real
    assert np.allclose(ours, right, atol=1e-6)


@pytest.mark.parametrize("fwhm, beta", [(0.5, 2.5), (0.7, 3.0), (0.9, 4.0)])
def test_the_moffat_is_galsims(fwhm, beta):
    lattice = waves(63, 128, 65, CPU)
    moffat = Moffat(np.array([fwhm / PIXEL_SCALE_ARCSEC]), beta)
    otf = moffat.transforms(lattice, slice(None))
    drawn = galsim.Convolve(galsim.Moffat(beta, fwhm=fwhm), galsim.Pixel(PIXEL_SCALE_ARCSEC))
    k = lattice.k.numpy() / PIXEL_SCALE_ARCSEC
    along = (otf / lattice.weight)[0, 0, 0, 0].numpy()
    assert np.allclose(along, [drawn.kValue(one, 0).real for one in k], atol=1e-4)
    right = galsim.Moffat(beta, fwhm=fwhm).half_light_radius / PIXEL_SCALE_ARCSEC
    assert half_light_radius(moffat, np.array([0]))[0] == pytest.approx(right, rel=1e-6)


def test_the_profile_holds_half_of_its_light_within_its_radius():
    from scipy.special import gammainc

    from galaxiesml.morphology.sersic.table import b_of

    for n in (0.3, 1.0, 4.0, 8.0):
        assert gammainc(2 * n, b_of(n)) == pytest.approx(0.5, abs=1e-12)
