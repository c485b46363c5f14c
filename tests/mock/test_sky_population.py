"""The simulated galaxies and stars: equal for equal seeds, in their ranges, and as many as there should be."""

import hashlib
import subprocess
import sys
from dataclasses import fields

import numpy as np
import pytest

galsim = pytest.importorskip("galsim")
pytest.importorskip("speclite")

from galaxiesml.mock.sky.galaxies import field as field_module  # noqa: E402
from galaxiesml.mock.sky.galaxies import galaxies, population, sizes, templates  # noqa: E402
from galaxiesml.mock.sky.galaxies.bands import grid  # noqa: E402
from galaxiesml.mock.sky.galaxies.cosmos import distance_modulus, kpc_per_arcsec  # noqa: E402

N = 20_000


def rng(seed=7):
    return np.random.default_rng(seed)


def digest(drawn) -> str:
    parts = [np.ascontiguousarray(getattr(drawn, item.name)).tobytes() for item in fields(drawn)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture(scope="module")
def sample():
    return population.spectroscopic(N, rng())


@pytest.fixture(scope="module")
def neighbours():
    return population.field(N, rng())


def test_equal_seeds_give_equal_galaxies_in_any_process(sample):
    code = (
        "import hashlib\nfrom dataclasses import fields\nimport numpy as np\n"
        "from galaxiesml.mock.sky.galaxies.population import spectroscopic\n"
        f"drawn = spectroscopic({N}, np.random.default_rng(7))\n"
        "parts = [np.ascontiguousarray(getattr(drawn, f.name)).tobytes() for f in fields(drawn)]\n"
        "print(hashlib.sha256(b''.join(parts)).hexdigest())\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(sample)
    assert digest(population.spectroscopic(50, rng(8))) != digest(population.spectroscopic(50, rng(9)))
    assert digest(population.field(50, rng(8))) == digest(population.field(50, rng(8)))
    assert np.array_equal(population.stars(50, rng(8))[0], population.stars(50, rng(8))[0])


@pytest.mark.parametrize("draw", [population.spectroscopic, population.field])
def test_every_value_is_a_number_in_its_range(draw):
    drawn = draw(N, rng(3))
    for item in fields(drawn):
        values = getattr(drawn, item.name)
        assert values.shape == ((N, 5) if item.name in ("mag", "bulge_fraction", "point_fraction") else (N,)), item.name
        assert np.all(np.isfinite(values)), item.name
    assert drawn.template.dtype == np.int8
    assert drawn.template.min() >= 0 and drawn.template.max() < len(templates.NAMES)
    assert drawn.redshift.min() > 0.0 and drawn.redshift.max() < 5.0
    for share in (drawn.bulge_fraction, drawn.point_fraction, drawn.bulge_fraction + drawn.point_fraction):
        assert share.min() >= 0.0 and share.max() <= 1.0
    assert drawn.mag[:, 2].min() > 13.0 and drawn.mag[:, 2].max() <= 26.0
    for radius in (drawn.bulge_radius_arcsec, drawn.disc_radius_arcsec):
        assert radius.min() >= 0.03 and radius.max() <= 15.0
    for ratio in (drawn.bulge_axis_ratio, drawn.disc_axis_ratio):
        assert ratio.min() > 0.2 and ratio.max() <= 1.0
    assert drawn.position_angle_deg.min() >= 0.0 and drawn.position_angle_deg.max() <= 180.0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_or_no_galaxies(n):
    for drawn in (population.spectroscopic(n, rng()), population.field(n, rng())):
        assert len(drawn) == n and drawn.mag.shape == (n, 5)
    assert population.stars(n, rng())[0].shape == (n, 5)


def test_every_template_is_drawn(sample):
    counts = np.bincount(sample.template, minlength=len(templates.NAMES))
    assert np.all(counts > N // 200)
    assert np.array_equal(sample.is_quasar, sample.template == templates.QUASAR)


def test_quasars_are_blue_points_at_high_redshift(sample):
    quasars = sample.at(sample.is_quasar)
    assert np.median(quasars.redshift) > 1.0 > np.median(sample.redshift)
    assert np.all(quasars.point_fraction == 1.0) and np.all(quasars.bulge_fraction == 0.0)
    assert np.all(quasars.bulge_radius_arcsec < 0.168 / 4.0)
    blue = quasars.mag[:, 0] - quasars.mag[:, 3]
    assert np.median(blue[(quasars.redshift > 1.0) & (quasars.redshift < 2.5)]) < 0.8


def test_bulges_are_redder_than_their_galaxies(sample):
    near = sample.at(~sample.is_quasar & (sample.redshift < 1.0) & (sample.template > 0))
    assert np.median(near.bulge_fraction[:, 4] / near.bulge_fraction[:, 0]) > 1.2
    assert np.mean(near.bulge_fraction[:, 2] >= near.bulge_fraction[:, 0] - 1e-9) > 0.97
    early = np.median(sample.bulge_fraction[sample.template == 0, 2])
    late = np.median(sample.bulge_fraction[sample.template == 3, 2])
    assert early > 0.7 and late < 0.1


def test_a_types_colour_is_the_colour_asked_for():
    z, ranks = rng(1).uniform(0.02, 1.5, 4_000), rng(2).uniform(-1.0, 4.8, 4_000)
    colour = galaxies.colour_of_rank(z, ranks)
    assert galaxies.rank_of_colour(z, colour) == pytest.approx(ranks, abs=1e-6)
    kind, av, bluer = galaxies.type_of_colour(z, colour, np.full(4_000, 0.4))
    drawn = galaxies.dressed(z, np.full(4_000, 20.0), kind, av, rng(), np.zeros((4_000, 5)), bluer)
    off = drawn.mag[:, 0] - drawn.mag[:, 3] - colour
    assert abs(np.median(off)) < 0.01
    assert np.percentile(np.abs(off), 99) < 0.06
    assert np.all(bluer >= 0.0) and np.all(av >= 0.0)
    assert np.all(drawn.mag[:, 2] == pytest.approx(20.0))


def test_dust_changes_the_colours_that_are_not_fixed():
    z, colour = np.full(2, 0.3), np.full(2, 1.6)
    kind, av, _ = galaxies.type_of_colour(z, colour, np.array([0.0, 1.0]))
    assert kind[1] > kind[0] + 0.3 and av[1] == 1.0
    flux = galaxies.mixed(grid().of_types(z, av), kind)
    found = 2.5 * np.log10(flux[:, 1:] / flux[:, :-1])
    assert found[0, :3].sum() == pytest.approx(found[1, :3].sum(), abs=0.01)
    assert np.abs(found[1] - found[0]).max() > 0.02


def test_bulge_and_disc_together_have_the_half_light_radius():
    z = np.full(5, 0.4)
    share = np.array([0.01, 0.2, 0.5, 0.8, 0.95])
    found = sizes.shapes(np.full(5, 6.0), share, z, rng())
    for k in range(5):
        bulge = galsim.DeVaucouleurs(half_light_radius=found.bulge_radius[k], flux=share[k])
        disc = galsim.Exponential(half_light_radius=found.disc_radius[k], flux=1.0 - share[k])
        within = _half_light_radius(bulge, disc)
        assert within * kpc_per_arcsec(z)[k] == pytest.approx(6.0, rel=0.03)


def _half_light_radius(bulge, disc) -> float:
    """Of a sum of round profiles, by summing GalSim's own surface brightness in rings."""
    radius = np.geomspace(1e-4, 60.0, 4_000)
    middle = np.sqrt(radius[1:] * radius[:-1])
    light = np.array([bulge.xValue(r, 0.0) + disc.xValue(r, 0.0) for r in middle])
    inside = np.cumsum(light * np.pi * np.diff(radius**2))
    return float(np.interp(0.5, inside, radius[1:]))


def test_sizes_follow_van_der_wel():
    mass = np.log10(np.array([5.0e10, 5.0e10, 5.0e10, 5.0e11]))
    z, kind = np.array([0.25, 0.25, 2.25, 0.25]), np.array([0.0, 1.0, 1.0, 0.0])
    radius = sizes.half_light_kpc(mass, z, kind, np.zeros(4))
    # Their table 1, in kpc: 10^0.60, 10^0.86, 10^0.55; an early type of ten times the mass is 10^0.75 larger.
    assert radius == pytest.approx([3.98, 7.24, 3.55, 22.4], rel=0.01)


def test_absolute_magnitudes_and_masses_are_those_of_galaxies(sample):
    red = sample.at((sample.template == 0) & (np.abs(sample.redshift - 0.55) < 0.05) & (sample.mag[:, 2] < 20.0))
    # The luminous red galaxies of BOSS: 10^11.0 to 10^12.0 solar masses (Maraston et al. 2013), some 4-15 kpc.
    mass = galaxies.stellar_mass(np.full(len(red), 1.2), red.mag[:, 2] - distance_modulus(red.redshift) - 0.5)
    assert 11.0 < np.median(mass) < 12.0
    kpc = red.bulge_radius_arcsec * kpc_per_arcsec(red.redshift)
    assert 4.0 < np.median(kpc) < 15.0


def test_field_counts_rise_by_the_slope_they_cite(neighbours):
    i_mag = neighbours.mag[:, 2]
    counts, _ = np.histogram(i_mag, [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0])
    assert np.all(np.diff(counts) > 0)
    assert counts[5] / counts[4] == pytest.approx(10.0**0.31, rel=4.0 / np.sqrt(counts[4]))
    assert counts[4] / counts[3] == pytest.approx(10.0**0.31, rel=4.0 / np.sqrt(counts[3]))
    # The LSST Science Book: 46 galaxies a square arcminute to i = 25.
    to_25 = population.FIELD_DENSITY_PER_ARCMIN2 * np.mean(i_mag < 25.0)
    assert to_25 == pytest.approx(46.0, rel=0.05)


def test_fainter_neighbours_are_farther_and_bluer(neighbours):
    i_mag = neighbours.mag[:, 2]
    slices = [(i_mag > low) & (i_mag < low + 1.0) for low in (20.0, 22.0, 24.0)]
    depths = [np.median(neighbours.redshift[inside]) for inside in slices]
    colours = [np.median((neighbours.mag[:, 0] - neighbours.mag[:, 3])[inside]) for inside in slices]
    assert depths == sorted(depths) and 0.2 < depths[0] < 0.7 < depths[2] < 1.4
    assert colours == sorted(colours, reverse=True)
    assert np.sum(neighbours.redshift == neighbours.redshift.max()) == 1, "no pile at the end"


@pytest.mark.parametrize("faintest", [20.0, 24.0, 26.5])
def test_the_field_ends_where_it_is_told(faintest):
    i_mag = population.field(3_000, rng(), faintest).mag[:, 2]
    assert faintest - 0.1 < i_mag.max() <= faintest


@pytest.mark.parametrize("faintest", [18.0, 27.0, float("nan")])
def test_the_field_is_not_drawn_beyond_what_is_known(faintest):
    with pytest.raises(ValueError, match="counts are known"):
        population.field(5, rng(), faintest)


def test_the_redshifts_of_the_field_are_benitezs():
    # p(z) ~ z^a exp(-(z / zm)^a), by numerical integration, for spirals at i = 23.
    alpha, middle = 1.806, 0.390 + 0.0636 * 3.0
    z = np.linspace(1e-4, 4.9, 20_000)
    p = z**alpha * np.exp(-((z / middle) ** alpha))
    expected = np.interp([0.16, 0.5, 0.84], np.cumsum(p) / p.sum(), z)
    drawn = field_module._redshifts(np.full(N, 23.0), np.ones(N, int), rng())
    assert np.percentile(drawn, [16, 50, 84]) == pytest.approx(expected, rel=0.03)


def test_stars_are_as_many_and_as_red_as_in_the_sky():
    mag, density = population.stars(N, rng())
    assert density == population.STAR_DENSITY_PER_ARCMIN2
    # Bahcall & Soneira 1980 (ApJS 44, 73): some 2,000 to 4,000 a square degree to V = 20 well off the plane.
    assert 2_000 < density * 3_600.0 * np.mean(mag[:, 1] < 20.0) < 4_000
    counts, _ = np.histogram(mag[:, 2], np.arange(16.0, 25.0))
    assert np.all(np.diff(counts) > 0)
    g_r, r_i = mag[:, 0] - mag[:, 1], mag[:, 1] - mag[:, 2]
    # The bend of the stellar locus: g - r of M dwarfs stays near 1.4 while r - i grows.
    dwarfs = r_i > 0.8
    assert dwarfs.sum() > N // 10
    assert np.median(g_r[dwarfs]) == pytest.approx(1.39, abs=0.03)
    assert np.all(mag[:, 2] < 26.3) and np.all(mag[:, 2] > 13.7)
