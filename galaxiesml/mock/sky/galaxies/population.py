"""The galaxies of the simulated sky: those with spectra, their neighbours, and stars.

``spectroscopic`` resembles HSC's spectroscopic sample, a patchwork of surveys: bright galaxies, luminous red ones
near z = 0.5, faint ones to z = 1.5 and quasars.  Its redshifts, i magnitudes and types are drawn from mixtures of
normal distributions (:mod:`.fitted`); templates give the colours (:mod:`.galaxies`), sizes follow mass
(:mod:`.sizes`).
"""

from __future__ import annotations

import numpy as np

from galaxiesml.mock.sky.galaxies import fitted, nuclei
from galaxiesml.mock.sky.galaxies.bands import G_BAND, Z_BAND
from galaxiesml.mock.sky.galaxies.field import FIELD_DENSITY_PER_ARCMIN2, field
from galaxiesml.mock.sky.galaxies.galaxies import (
    Galaxies,
    colour_of_rank,
    colours,
    dressed,
    joined,
    quasars,
    scattered,
    type_of_colour,
)
from galaxiesml.mock.sky.galaxies.mixture import Mixture
from galaxiesml.mock.sky.galaxies.stars import STAR_DENSITY_PER_ARCMIN2, stars

__all__ = [
    "FIELD_DENSITY_PER_ARCMIN2",
    "STAR_DENSITY_PER_ARCMIN2",
    "Galaxies",
    "field",
    "spectroscopic",
    "stars",
]

#: Mean dust of star-forming galaxies, mag of A_V, by an exponential distribution; ellipticals have none (Garn & Best
#: 2010, MNRAS 409, 421: 1.0 mag at H alpha, which is 0.5 in the starlight by Calzetti et al. 2000).
MEAN_DUST_AV = 0.5
MOST_DUST_AV = 2.5
#: Limits of the colour ranks of galaxies, and of the slopes of quasars.
RANKS, SLOPES = (-2.0, 5.0), (-4.0, 1.5)


def spectroscopic(n: int, rng: np.random.Generator) -> Galaxies:
    """Draw galaxies and quasars that resemble HSC's spectroscopic sample.

    Parameters
    ----------
    n : int
    rng : numpy.random.Generator
        Equal states give equal galaxies.

    Returns
    -------
    Galaxies
        0.003 < z < 4.9 and 13.5 < i < 25.2, in no order.

    Raises
    ------
    UsageError
        GalSim or speclite is not installed.
    """
    bright = int(rng.binomial(n, fitted.QUASAR_SHARE))
    z, i_mag, rank = Mixture(fitted.GALAXIES, RANKS).draw(n - bright, rng)
    colour = colour_of_rank(z, rank)
    drawn = joined(
        [
            _of_colours(z, i_mag, colour, np.clip(rank, 0.0, 1.0), rng),
            quasars(*Mixture(fitted.QUASARS, SLOPES).draw(bright, rng), rng),
        ]
    )
    return drawn.at(rng.permutation(n))


def _of_colours(z, i_mag, colour, dustiness, rng: np.random.Generator) -> Galaxies:
    """Galaxies of redshifts, i magnitudes and g - z colours: the host's type is what the rest of the colour needs."""
    # Dust is what makes two galaxies of one g - z differ in the other bands.
    av = dustiness * np.minimum(rng.exponential(MEAN_DUST_AV, len(z)), MOST_DUST_AV)
    scatter = scattered(len(z), rng)
    nucleus = nuclei.drawn(z, colour, rng)
    of_type = nucleus.host_colour(colour) - (scatter[:, G_BAND] - scatter[:, Z_BAND])
    kind, av, bluer = type_of_colour(z, of_type, av)
    share = nucleus.shares(colours(z, kind, av, scatter, bluer))
    hosts = dressed(z, nuclei.host_magnitude(i_mag, share), kind, av, rng, scatter, bluer)
    return nuclei.joined_with(hosts, share)
