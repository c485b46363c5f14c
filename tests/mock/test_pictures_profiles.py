"""Profiles in Fourier space, against GalSim's pictures of the same profiles."""

from __future__ import annotations

import numpy as np
import pytest

galsim = pytest.importorskip("galsim")
torch = pytest.importorskip("torch")

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC  # noqa: E402
from galaxiesml.mock.pictures import profiles  # noqa: E402

SHARP = galsim.GSParams(kvalue_accuracy=1e-8, maxk_threshold=1e-5, folding_threshold=1e-3, maximum_fft_size=16384)
#: Kind, half-light radius in arcsec, axis ratio, position angle in deg.
PARTS = [
    ("point", 0.0, 1.0, 0.0),
    ("disc", 0.3, 0.4, 30.0),
    ("disc", 1.0, 0.22, 110.0),
    ("bulge", 0.3, 0.8, 70.0),
    ("bulge", 0.05, 0.6, 5.0),
]


def _galsim(part, fwhm, g1, g2, x, y) -> np.ndarray:
    kind, radius, ratio, angle = part
    light = galsim.Moffat(beta=2.5, fwhm=fwhm, gsparams=SHARP).shear(g1=g1, g2=g2)
    if kind != "point":
        of = galsim.Exponential if kind == "disc" else galsim.DeVaucouleurs
        profile = of(half_light_radius=radius, gsparams=SHARP).dilate(np.sqrt(ratio))
        light = galsim.Convolve(profile.shear(q=ratio, beta=(90.0 + angle) * galsim.degrees), light, gsparams=SHARP)
    return light.drawImage(nx=129, ny=129, scale=PIXEL_SCALE_ARCSEC, offset=(x, y), dtype=float).array[:128, :128]


def _ours(part, fwhm, g1, g2, x, y, dtype) -> np.ndarray:
    kind, *shape = part
    on = profiles.grid(128, "cpu", dtype)
    scale, g1, g2, x, y, *shape = (torch.tensor(v, dtype=dtype) for v in (fwhm, g1, g2, x, y, *shape))
    light = profiles.moffat(profiles.squared(profiles.sheared(scale / profiles.MOFFAT_WIDTH, g1, g2), on)) * on.pixel
    if kind != "point":
        of = profiles.exponential if kind == "disc" else profiles.de_vaucouleurs
        light = light * of(profiles.squared(profiles.ellipse(*shape), on))
    rows, columns = profiles.phases(x, y, on)
    return on.picture(light * rows[:, None] * columns).numpy()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: f"{part[0]}-{part[1]}")
def test_each_profile_is_galsims_in_every_pixel(part, dtype):
    # The best seeing of a sky and a common one, sheared; places on a pixel's corner and away from the middle.
    for psf, place in (((0.45, -0.03, 0.02), (0.5, -0.5)), ((0.7, 0.01, -0.03), (17.2, -9.7))):
        theirs, ours = _galsim(part, *psf, *place), _ours(part, *psf, *place, dtype)
        inner = slice(32, 96)
        assert np.abs(ours - theirs)[inner, inner].max() < 1e-4 * theirs.max()
        assert abs((ours - theirs)[inner, inner].sum()) < 3e-4


def test_the_table_of_de_vaucouleurs_is_galsims_transform():
    profile = galsim.DeVaucouleurs(half_light_radius=1.0, gsparams=SHARP)
    k = np.exp(np.random.default_rng(1).uniform(-9.0, 7.6, 500))
    theirs = np.array([profile.kValue(float(one), 0.0).real for one in k])
    assert np.abs(profiles.de_vaucouleurs(torch.tensor(k**2)).numpy() - theirs).max() < 1e-5


def test_transforms_can_be_differentiated():
    on = profiles.grid(64, "cpu", torch.float64)
    radius = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)

    def total(value):
        form = profiles.ellipse(value, torch.tensor(0.5).double(), torch.tensor(20.0).double())
        k2 = profiles.squared(form, on)
        return (profiles.de_vaucouleurs(k2) + profiles.exponential(k2)).sum()

    (slope,) = torch.autograd.grad(total(radius), radius)
    with torch.no_grad():
        measured = (total(radius + 1e-3) - total(radius - 1e-3)) / 2e-3
    assert abs(float(slope / measured) - 1.0) < 1e-3
