"""Galaxies with known parameters, drawn by GalSim: the truth that fits and shapes are held against."""

from __future__ import annotations

from dataclasses import dataclass

import galsim
import numpy as np

from galaxiesml.instrument import PIXEL_SCALE_ARCSEC, ZERO_POINT_MAG

SKY_NOISE = 0.08
GAIN = 3000.0
#: Sersic indices, log-uniform: GalSim tables each one that it meets, at 40 ms, and keeps a hundred.
INDICES = np.exp(np.linspace(np.log(0.5), np.log(6.0), 60))
#: Moffat's beta of the seeing.
BETA = 3.0


@dataclass(frozen=True)
class Injected:
    """Pictures and what was drawn into them.

    Attributes
    ----------
    images : ndarray (N, size, size) of float32
        Zero point 27, 0.168 arcsec/pixel, the target at the middle but for a part of a pixel.
    seeing : ndarray (N,)
        FWHM of the Moffat PSF, arcsec; the pixel's own response comes on top.
    truth : dict of ndarray (N,)
        x, y (pixels from the middle pixel's centre), flux, r_e_arcsec (along the major axis), q (axis ratio),
        theta (degrees from +x towards +y), n, mag.
    """

    images: np.ndarray
    seeing: np.ndarray
    truth: dict[str, np.ndarray]


def galaxy(one: dict) -> galsim.GSObject:
    """A Sersic profile whose effective radius is along its major axis."""
    circular = one["r_e_arcsec"] * np.sqrt(one["q"])
    profile = galsim.Sersic(one["n"], half_light_radius=circular, flux=one["flux"])
    profile = profile.shear(q=one["q"], beta=one["theta"] * galsim.degrees)
    return profile.shift(one["x"] * PIXEL_SCALE_ARCSEC, one["y"] * PIXEL_SCALE_ARCSEC)


def draw(profile: galsim.GSObject, seeing: float, size: int, beta: float = BETA) -> np.ndarray:
    """One picture without noise, (size, size), as the camera's pixels see it."""
    seen = galsim.Convolve(profile, galsim.Moffat(beta, fwhm=seeing))
    image = galsim.ImageD(size, size)
    seen.drawImage(image, scale=PIXEL_SCALE_ARCSEC, center=image.true_center)
    return image.array


def psf_picture(seeing: float, size: int = 63, beta: float = BETA) -> np.ndarray:
    """The PSF with the pixel's response, its peak at the middle of (size, size)."""
    return draw(galsim.DeltaFunction(flux=1.0), seeing, size, beta)


def parameters(
    random: np.random.Generator,
    magnitudes: tuple[float, float],
    spread: float = 0.5,
    radii_arcsec: tuple[float, float] = (0.2, 1.5),
) -> dict:
    """One galaxy: n, r_e, axis ratio and magnitude of the stated distributions, within `spread` pixels of 0, 0."""
    mag = random.uniform(*magnitudes)
    return {
        "x": random.uniform(-spread, spread),
        "y": random.uniform(-spread, spread),
        "mag": mag,
        "flux": 10 ** (0.4 * (ZERO_POINT_MAG - mag)),
        "r_e_arcsec": np.exp(random.uniform(*np.log(radii_arcsec))),
        "q": random.uniform(0.2, 1.0),
        "theta": random.uniform(-90, 90),
        "n": random.choice(INDICES),
    }


def injected(
    count: int,
    seed: int,
    *,
    magnitudes: tuple[float, float] = (18.0, 23.5),
    neighbours: int = 0,
    size: int = 127,
    radii_arcsec: tuple[float, float] = (0.2, 1.5),
) -> Injected:
    """Pictures of one target each, with neighbours of magnitude 20 to 25 anywhere but on its middle.

    Parameters
    ----------
    neighbours : int
        The mean number of them in a picture of 127 pixels a side.
    """
    random = np.random.default_rng(seed)
    images = np.empty((count, size, size), np.float32)
    seeing = random.uniform(0.6, 0.8, count)
    rows = []
    for at in range(count):
        target = parameters(random, magnitudes, radii_arcsec=radii_arcsec)
        rows.append(target)
        image = draw(galaxy(target), seeing[at], size)
        for _ in range(random.poisson(neighbours * (size / 127) ** 2)):
            image += draw(galaxy(_neighbour(random, size)), seeing[at], size)
        noise = random.normal(0.0, np.sqrt(SKY_NOISE**2 + np.maximum(image, 0.0) / GAIN))
        images[at] = image + noise
    return Injected(images, seeing, {key: np.array([row[key] for row in rows]) for key in rows[0]})


def _neighbour(random: np.random.Generator, size: int) -> dict:
    half = size / 2
    while True:
        x, y = random.uniform(-half, half, 2)
        if np.hypot(x, y) > 8:
            break
    # Counts of galaxies rise by about 0.3 dex a magnitude.
    steps = random.uniform(10 ** (0.3 * 20), 10 ** (0.3 * 25))
    one = parameters(random, (20.0, 20.0))
    mag = np.log10(steps) / 0.3
    # Fainter galaxies are smaller.
    return one | {
        "x": x,
        "y": y,
        "mag": mag,
        "flux": 10 ** (0.4 * (ZERO_POINT_MAG - mag)),
        "r_e_arcsec": one["r_e_arcsec"] * 10 ** (-0.1 * max(mag - 22, 0)),
    }
