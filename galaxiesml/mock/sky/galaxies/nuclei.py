"""Active nuclei in galaxies: a point of quasar light that adds to the host's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from galaxiesml.mock.sky.galaxies.bands import G_BAND, I_BAND, Z_BAND, grid
from galaxiesml.mock.sky.galaxies.galaxies import Galaxies

#: Share of galaxies with a nucleus that adds light, and the limits of its share of the light in z, even in the
#: logarithm.  Our choice: some per cent of the galaxies in such surveys have broad lines or X-rays of a nucleus.
HOSTS, SHARES = 0.1, (0.03, 0.7)
#: Mean and scatter of the slope of f_nu (Vanden Berk et al. 2001, AJ 122, 549; redder ones behind some dust).
SLOPE, SLOPE_SCATTER, SLOPES = -0.7, 0.6, (-3.0, 0.5)
#: A nucleus has at most this share of the light in g, so that what is left for the host is light.
MOST_IN_G = 0.7


@dataclass(frozen=True)
class Nuclei:
    """The light of nuclei, shape (n, 5), in units of the whole galaxy's in z; 0 where there is none."""

    flux: np.ndarray

    def host_colour(self, colour: np.ndarray) -> np.ndarray:
        """g - z of hosts whose galaxies, with their nuclei, have the given g - z; mag."""
        g = 10.0 ** (-0.4 * colour) - self.flux[:, G_BAND]
        return -2.5 * np.log10(g / (1.0 - self.flux[:, Z_BAND]))

    def shares(self, colours: np.ndarray) -> np.ndarray:
        """The nuclei's share of the light by band, shape (n, 5), from the hosts' magnitudes less those in i."""
        relative = 10.0 ** (-0.4 * (colours - colours[:, Z_BAND, None]))
        host = (1.0 - self.flux[:, Z_BAND, None]) * relative
        return self.flux / (host + self.flux)


def drawn(z: np.ndarray, colour: np.ndarray, rng: np.random.Generator) -> Nuclei:
    """Nuclei for galaxies of redshifts and whole g - z colours (mag), most of which have none."""
    n = len(z)
    has = rng.random(n) < HOSTS
    share = np.exp(rng.uniform(*np.log(SHARES), n))
    slope = np.clip(rng.normal(SLOPE, SLOPE_SCATTER, n), *SLOPES)
    flux = grid().of_quasars(z, slope)
    flux = flux / flux[:, Z_BAND, None]
    most = MOST_IN_G * 10.0 ** (-0.4 * colour) / flux[:, G_BAND]
    return Nuclei(np.where(has, np.minimum(share, most), 0.0)[:, None] * flux)


def joined_with(hosts: Galaxies, share: np.ndarray) -> Galaxies:
    """Hosts with nuclei that have a share of the whole light, shape (n, 5)."""
    rest = 1.0 - share
    return replace(
        hosts,
        mag=hosts.mag + 2.5 * np.log10(rest),
        bulge_fraction=hosts.bulge_fraction * rest,
        point_fraction=share,
    )


def host_magnitude(i_mag: np.ndarray, share: np.ndarray) -> np.ndarray:
    """i of hosts of galaxies of an i magnitude, AB."""
    return i_mag - 2.5 * np.log10(1.0 - share[:, I_BAND])
