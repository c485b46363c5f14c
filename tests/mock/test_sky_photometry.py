"""Magnitudes against the truth, and against what a circle measures on the simulated pictures themselves."""

import numpy as np
import pytest

from . import skies

galsim = pytest.importorskip("galsim", reason="the simulated sky needs GalSim")


def spread(values) -> float:
    """Standard deviation, by the median of absolute values."""
    return float(1.4826 * np.median(np.abs(np.asarray(values) - np.median(values))))


def catalogue() -> "pd.DataFrame":  # noqa: F821
    wide = skies.export("wide").drop_duplicates("object_id").set_index("object_id")
    return wide.join(skies.truth("galaxies").set_index("object_id"), rsuffix="_truth")


def clean() -> "pd.DataFrame":  # noqa: F821
    both = catalogue()
    return both[~both["faults"].str.contains("undetected|saturated|edge|bad_column|no_data|bright_star|buried|blend")]


def test_catalogue_magnitudes_are_near_the_truth_with_the_tails_of_blends():
    both = clean()
    off = np.array([both[f"{band}_cmodel_mag"] - both[f"{band}_mag"] for band in skies.BANDS])
    error = np.array([both[f"{band}_cmodel_magsigma"] for band in skies.BANDS])
    # What is taken for the galaxy's own light is some per cent of it, in all bands alike.
    assert np.abs(np.nanmedian(off, axis=1)).max() < 0.05 and spread(off[2]) < 0.15
    assert np.nanmean(np.abs(off[2]) > 0.5) < 0.15
    # More than the errors say of noise, as in the survey: the width of (magnitude - truth) / error is above 1.
    assert spread(off[2] / error[2]) > 1.2
    # Colours are better than magnitudes are: a wrong profile is wrong in all bands alike.
    assert spread(off[1] - off[2]) < 0.8 * spread(off[2])


def test_errors_are_those_of_the_sky_within_the_galaxy():
    # A point's area in noise pixels is 4 pi sigma^2; nothing is measured better than a point could be.
    sky = dict(zip(skies.BANDS, (0.042, 0.061, 0.080, 0.157, 0.328), strict=True))
    seeing = dict(zip(skies.BANDS, (0.77, 0.76, 0.58, 0.68, 0.68), strict=True))
    both = catalogue()
    for band in skies.BANDS:
        least = sky[band] * np.sqrt(4 * np.pi) * seeing[band] / 2.355 / 0.168
        assert both[f"{band}_flux_error"].min() > 0.8 * least
        faint = both[both[f"{band}_mag"] > 22.5]
        assert faint[f"{band}_flux_error"].median() < 6 * least


@pytest.fixture(scope="module")
def sources():
    return skies.truth("sources")


def light(source, band: str, psf, header, shape) -> np.ndarray:
    """One source of the truth drawn through the service's own PSF picture; it shares no line with the package."""
    x, y = pixel(header, source.ra, source.dec)
    flux = 10 ** (0.4 * (27 - getattr(source, f"{band}_mag")))
    profile = psf * flux
    if not source.is_star:
        bulge, nucleus = getattr(source, f"{band}_bulge_fraction"), getattr(source, f"{band}_point_fraction")
        parts = [
            (galsim.DeVaucouleurs, flux * bulge, source.bulge_radius_arcsec, source.bulge_axis_ratio),
            (galsim.Exponential, flux * (1 - bulge - nucleus), source.disc_radius_arcsec, source.disc_axis_ratio),
        ]
        turn = galsim.Angle(np.pi / 2 + np.radians(source.position_angle_deg), galsim.radians)
        drawn = [
            kind(flux=part, half_light_radius=radius * ratio**0.5).shear(q=ratio, beta=turn)
            for kind, part, radius, ratio in parts
            if part > flux * 1e-9
        ]
        profile = galsim.Add([psf * (flux * nucleus), *(galsim.Convolve(one, psf) for one in drawn)])
    # The PSF picture has the pixel in it.
    image = galsim.Image(shape[1], shape[0], xmin=0, ymin=0, scale=0.168, dtype=float)
    return profile.drawImage(image, center=galsim.PositionD(x, y), method="no_pixel").array


def pixel(header, ra, dec) -> tuple[float, float]:
    a, d, d0 = np.radians(ra - header["CRVAL1"]), np.radians(dec), np.radians(header["CRVAL2"])
    down = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
    xi = np.degrees(np.cos(d) * np.sin(a) / down)
    eta = np.degrees((np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a)) / down)
    return header["CRPIX1"] - 1 + xi / header["CD1_1"], header["CRPIX2"] - 1 + eta / header["CD2_2"]


def in_a_circle(object_id: int, band: str, sources) -> tuple[float, float] | None:
    """Flux and its error in a circle, the true neighbours taken away; None where the picture is spoilt."""
    (target,) = skies.truth("galaxies").query("object_id == @object_id").itertuples()
    (name,) = [key for key in skies.members("psf") if key[0] == f"{band}-1" and is_of(key[1], target)]
    with skies.opened(skies.members("psf")[name]) as hdus:
        psf = galsim.InterpolatedImage(galsim.Image(hdus[0].data.astype(float), scale=0.168), flux=1.0)
    with skies.own_picture(object_id, band) as hdus:
        header, image, variance = hdus[1].header, hdus[1].data.astype(float), hdus[3].data.astype(float)
        if skies.bits(hdus, "SAT").any() or np.isnan(image).any():
            return None
        x, y = pixel(header, target.ra, target.dec)
    own = light(target, band, psf, header, image.shape)
    u = (sources["ra"] - target.ra) * np.cos(np.radians(target.dec)) * 3600
    v = (sources["dec"] - target.dec) * 3600
    near = sources[(np.hypot(u, v) < 15) & (sources["source"] != target.source)]
    for other in near.itertuples():
        image -= light(other, band, psf, header, image.shape)
    rows, columns = np.indices(image.shape)
    circle = np.hypot(columns - x, rows - y) < getattr(target, f"{band}_footprint_pixels")
    share = own[circle].sum() / 10 ** (0.4 * (27 - getattr(target, f"{band}_mag")))
    return image[circle].sum() / share, np.sqrt(variance[circle].sum()) / share


def is_of(name: str, target) -> bool:
    """Whether a PSF picture, by its name, is that of an object in its own tract."""
    return name.endswith(f"-{target.tract}-{target.patch}-{target.catalogue_ra:.5f}-{target.catalogue_dec:.5f}.fits")


def test_circles_on_the_pictures_agree_with_the_catalogue(sources):
    chosen = skies.truth("galaxies").query("faults == '' and sources == 1")
    assert len(chosen) >= 5
    to_catalogue, to_truth = [], []
    for row in chosen.itertuples():
        for band in "gri":
            found = in_a_circle(row.object_id, band, sources)
            if found is None:
                continue
            flux, error = found
            # The service's PSF pictures end at 3.6 arcsec, so that half a per cent of the light is not theirs.
            true = 10 ** (0.4 * (27 - getattr(row, f"{band}_mag")))
            to_truth.append((flux - true) / np.hypot(error, 0.01 * true))
            to_catalogue.append(getattr(row, f"{band}_flux") / flux - 1.0)
    assert len(to_catalogue) > 12
    assert abs(np.median(to_truth)) < 0.8 and spread(to_truth) < 1.7
    # A fitted profile is not the true one: it has some per cent more or less.
    assert abs(np.median(to_catalogue)) < 0.06 and spread(to_catalogue) < 0.2
