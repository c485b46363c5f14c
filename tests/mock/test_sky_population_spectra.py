"""Template spectra and their magnitudes, against what is known of them from elsewhere."""

import numpy as np
import pytest

pytest.importorskip("galsim")
filters = pytest.importorskip("speclite.filters")

from galaxiesml.mock.sky.galaxies import bands, lines, templates  # noqa: E402
from galaxiesml.mock.sky.galaxies.bands import BANDS, LOG_Z, ab_magnitudes, grid  # noqa: E402
from galaxiesml.mock.sky.galaxies.templates import NAMES, WAVELENGTH  # noqa: E402

Z = np.expm1(LOG_Z)


def colours(kind: int, dust: int = 0) -> dict[str, np.ndarray]:
    """Colours of a type by redshift, from the grid."""
    mag = -2.5 / np.log(10.0) * grid().galaxies[:, dust, kind]
    return {BANDS[k] + BANDS[k + 1]: mag[:, k] - mag[:, k + 1] for k in range(4)} | {"gz": mag[:, 0] - mag[:, 3]}


def at(z: float) -> int:
    return int(np.argmin(np.abs(Z - z)))


def equivalent_width(flux: np.ndarray, low: float, high: float) -> float:
    """Angstrom, over a straight continuum between two wavelengths."""
    inside = (low < WAVELENGTH) & (high > WAVELENGTH)
    x, y = WAVELENGTH[inside], flux[inside]
    return float(np.trapezoid(y / np.interp(x, x[[0, -1]], y[[0, -1]]) - 1.0, x))


def test_flat_f_nu_has_equal_ab_magnitudes():
    # AB magnitude 20 in every band: f_nu of 10 ** (-0.4 (20 + 48.6)) erg/s/cm2/Hz.
    flux = 10.0 ** (-0.4 * 68.6) * 2.99792458e18 / WAVELENGTH**2
    assert ab_magnitudes(flux) == pytest.approx([20.0] * 5, abs=1e-9)


@pytest.mark.parametrize("kind", [0, 2, 4])
@pytest.mark.parametrize("step", [0, 61, 222])
def test_magnitudes_are_those_of_an_independent_integration(kind, step):
    from astropy import units

    z, flux = Z[step], templates.galaxies()[kind]
    seen = flux * templates.intergalactic(WAVELENGTH * (1.0 + z), z) / (1.0 + z)
    hsc = filters.load_filters(*[f"hsc2017-{band}" for band in BANDS])
    unit = units.erg / units.s / units.cm**2 / units.AA
    table = hsc.get_ab_magnitudes(seen * unit, WAVELENGTH * (1.0 + z) * units.AA)
    assert ab_magnitudes(flux, z) == pytest.approx([float(table[name][0]) for name in table.colnames], abs=1e-3)


def test_an_elliptical_today_has_the_colours_that_observers_find():
    # Fukugita, Shimasaku & Ichikawa 1995 (PASP 107, 945, table 3): E of g - r 0.77, r - i 0.39.
    found = colours(0)
    assert found["gr"][0] == pytest.approx(0.77, abs=0.07)
    assert found["ri"][0] == pytest.approx(0.39, abs=0.07)
    assert found["gz"][0] == pytest.approx(1.4, abs=0.15)


def test_types_get_bluer_in_order():
    at_zero = [colours(kind)["gz"][0] for kind in range(5)]
    assert at_zero == sorted(at_zero, reverse=True)
    assert at_zero[0] - at_zero[4] > 1.0


def test_the_4000_angstrom_break_passes_through_the_bands():
    # While the break crosses a band, the colour with the next band reddens most; edges in Angstrom.
    edges = {"gr": (4_000.0, 5_450.0), "ri": (5_450.0, 6_980.0), "iz": (6_980.0, 8_560.0)}
    found = colours(0)
    for colour, (enters, leaves) in edges.items():
        before, after = at(enters / 4_000.0 - 1.0), at(leaves / 4_000.0 - 1.0)
        rise = found[colour][after] - found[colour][before]
        assert rise > 0.35, colour
        others = [found[name][after] - found[name][before] for name in edges if name != colour]
        assert rise > max(others) + 0.2, colour


def test_g_drops_out_where_the_lyman_forest_fills_it():
    found = colours(4)["gr"]
    assert abs(found[at(2.0)]) < 0.3
    assert found[at(3.0)] < found[at(3.5)] < found[at(4.0)] < found[at(4.5)]
    assert found[at(4.0)] > 1.0 + found[at(2.0)]
    r_i = colours(4)["ri"]
    assert abs(r_i[at(3.5)]) < 0.4, "r is still free of the forest"


@pytest.mark.parametrize("z", [2.5, 3.0, 3.5, 4.0])
def test_the_forest_is_as_deep_as_measured(z):
    # Faucher-Giguere et al. 2008 (ApJ 681, 831): effective optical depth 0.0018 (1 + z)^3.92 of Lyman alpha.
    just_below = np.array([1215.0 * (1.0 + z)])
    depth = -np.log(templates.intergalactic(just_below, z + 1e-9))[0]
    assert depth == pytest.approx(0.0018 * (1.0 + z) ** 3.92, rel=0.2)


def test_the_forest_has_its_edges():
    z = 3.0
    passing = templates.intergalactic(np.array([1216.0, 1215.0, 1030.0, 1020.0, 700.0]) * (1.0 + z), z)
    assert passing[0] == 1.0
    assert passing[1] < 0.7
    assert passing[3] < passing[2]
    assert passing[4] < 0.25
    assert np.all(templates.intergalactic(np.array([3_000.0, 9_000.0]), 0.0) == 1.0)


def test_dust_is_calzettis():
    # k(V) = R_V by definition; k(1500) = 10.33 and k(H alpha) = 3.33, k(H beta) = 4.60 in use everywhere.
    k = templates.dust(np.array([5_500.0, 1_500.0, 6_563.0, 4_861.0])) * 4.05
    assert k == pytest.approx([4.05, 10.33, 3.33, 4.60], abs=0.03)
    joint = templates.dust(np.array([6_299.9, 6_300.1]))
    assert joint[0] == pytest.approx(joint[1], rel=0.01)
    steps = grid().galaxies[at(0.3), :, 3, :]
    assert np.all(np.diff(steps, axis=0) < 0.0)
    assert np.all(np.diff(steps[-1] - steps[0]) > 0.0), "blue suffers more"


def test_emission_lines_have_the_widths_and_ratios_of_real_galaxies():
    # Kennicutt 1992 (ApJ 388, 310): H alpha + [N II] of 20 Angstrom or so in Sbc, 30-50 in Scd, 60-100 in Im.
    widths = [equivalent_width(flux, 6_500.0, 6_630.0) for flux in templates.galaxies()]
    assert abs(widths[0]) < 5.0
    for width, (low, high) in zip(widths[1:4], [(12, 35), (25, 55), (50, 110)], strict=True):
        assert low < width < high
    assert widths[4] > widths[3]
    poor, rich = lines.strengths(8.1), lines.strengths(8.8)
    assert poor[lines.OIII] > 3.0 * rich[lines.OIII]
    assert poor[lines.NII] < rich[lines.NII] / 3.0
    assert poor[lines.HALPHA] / poor[lines.HBETA] == pytest.approx(2.86)


def test_a_line_keeps_its_flux_on_the_samples():
    lit = lines.nebular(WAVELENGTH, templates.galaxies()[3], 8.25)
    of = {name: np.abs(WAVELENGTH - line) < 40.0 for name, line in (("a", lines.HALPHA), ("b", lines.HBETA))}
    flux = {name: np.trapezoid(lit[inside], WAVELENGTH[inside]) for name, inside in of.items()}
    ratios = lines.strengths(8.25)
    around_halpha = ratios[lines.HALPHA] + ratios[lines.NII] + ratios[6548.1]
    assert flux["a"] / flux["b"] == pytest.approx(around_halpha * 2.86, rel=1e-3)


def test_a_quasar_is_the_composite():
    flux = templates.quasar()
    # Vanden Berk et al. 2001, table 2: 92.9 and 23.8 Angstrom; the wings lie on other lines.
    assert equivalent_width(flux, 1_480.0, 1_620.0) == pytest.approx(23.8, rel=0.2)
    assert equivalent_width(flux, 1_140.0, 1_290.0) == pytest.approx(92.9, rel=0.2)
    continuum = flux[[int(np.searchsorted(WAVELENGTH, w)) for w in (1_450.0, 4_200.0)]]
    slope = np.log(continuum[1] / continuum[0]) / np.log(4_200.0 / 1_450.0)
    assert slope == pytest.approx(-2.0 - templates.QUASAR_SLOPE, abs=0.1)


def test_spectra_are_numbers_and_named():
    assert len(NAMES) == templates.GALAXY_TYPES + 1 and NAMES[templates.QUASAR] == "quasar"
    assert np.all(templates.galaxies() > 0.0)
    assert np.all(np.isfinite(grid().galaxies)) and np.all(np.isfinite(grid().quasars))


def test_between_its_nodes_the_grid_is_what_it_stands_for():
    z, av = np.array([0.437]), np.array([0.8])
    flux = templates.galaxies()[2] * 10.0 ** (-0.4 * av * templates.dust(WAVELENGTH))
    near = [bands.ab_magnitudes(flux, Z[at(0.437) + k]) for k in (-1, 0, 1)]
    found = -2.5 * np.log10(grid().of_types(z, av)[0, 2])
    assert np.all(found > np.min(near, axis=0) - 0.01) and np.all(found < np.max(near, axis=0) + 0.01)
